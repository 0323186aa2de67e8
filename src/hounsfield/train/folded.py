"""Nouns of a cross-validation: what is asked, what the data ask for, and what was found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hounsfield.train.options import TrainOptions

FOLDS = 5
"""As nnU-Net (Isensee 2021) and most of the field have it."""


@dataclass(frozen=True)
class FoldOptions:
    """What a person may ask of a cross-validation.

    Attributes:
        train: what holds for every fold; a time limit is that of each.
        folds: shares of the cases, each held back once.
    """

    train: TrainOptions = field(default_factory=TrainOptions)
    folds: int = FOLDS


@dataclass(frozen=True)
class Figure:
    """A figure of one metric: its value with its interval; a bound that is not known is NaN."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class FoldFigures:
    """What one fold's model is worth on the cases that it never saw.

    Attributes:
        number: of the fold, from 1.
        case_count: cases that were held back.
        metrics: by name, with intervals drawn by group within the fold.
        model: the package.
        weights_digest: SHA-256 of its network.
        seconds: time of its training.
    """

    number: int
    case_count: int
    metrics: Mapping[str, Figure]
    model: Path
    weights_digest: str
    seconds: float


@dataclass(frozen=True)
class CrossValidation:
    """What a cross-validation found.

    Attributes:
        report: the page.
        document: the same as JSON.
        cases: the table of what was said of each case (CSV).
        data_name: of the data set.
        case_count: cases, each held back once.
        group_count: groups of them: patients, or images and their copies.
        pooled: metrics over all cases, with intervals drawn by group.
        between: mean over the folds and their standard deviation, by metric.
        folds: each by itself.
        seconds: time of all trainings.
    """

    report: Path
    document: Path
    cases: Path
    data_name: str
    case_count: int
    group_count: int
    pooled: Mapping[str, Figure]
    between: Mapping[str, tuple[float, float]]
    folds: tuple[FoldFigures, ...]
    seconds: float
