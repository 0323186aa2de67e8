"""Nouns of a search: what is asked, one trial, and what was found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hounsfield.train.options import TrainOptions


@dataclass(frozen=True)
class TuneOptions:
    """What a person may ask of a search.

    Attributes:
        train: what holds for every trial; a network that is named there is not searched for.
        trials: how many, those of earlier runs and of other processes included.
        time_limit_seconds: after which no trial is begun.
        networks: networks to try.
        store: file of the search, shared by all processes that name it; beside the output where None.
    """

    train: TrainOptions = field(default_factory=TrainOptions)
    trials: int = 20
    time_limit_seconds: float | None = None
    networks: tuple[str, ...] = ()
    store: Path | None = None


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        number: from 0.
        state: ``complete``, ``pruned`` (ended early), ``running`` or ``fail``.
        score: of the tuning part, what the best epoch is best in; None without an epoch.
        epochs: that were measured.
        choice: what was drawn.
        seconds: how long it took.
    """

    number: int
    state: str
    score: float | None
    epochs: int
    choice: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True)
class TuneResult:
    """What a search found.

    Attributes:
        recipe: the file that ``train --recipe`` takes.
        report: the page.
        best: the best trial.
        trials: all, in the order they began.
        weights: share of the spread of the scores that each choice explains, empty with few trials.
    """

    recipe: Path
    report: Path
    best: Trial
    trials: tuple[Trial, ...]
    weights: Mapping[str, float]
