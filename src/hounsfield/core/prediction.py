"""Prediction: what a model said, which model it was, and the points it is read at."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.core.codes import CodedConcept
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.trace import Trace


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval."""

    value: float
    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True)
class ModelIdentity:
    """Which model spoke: its name, version, task and the SHA-256 of its weights."""

    name: str
    version: str
    task: str
    weights_digest: str


@dataclass(frozen=True)
class OperatingPoint:
    """The score at which a class counts as present, and what it was worth where it was set.

    Attributes:
        threshold: scores at or above it are present.
        sensitivity: on ``data_set``, with its interval.
        specificity: on ``data_set``, with its interval.
        data_set: the name of the data it was set on.
    """

    threshold: float
    sensitivity: Interval
    specificity: Interval
    data_set: str


@dataclass(frozen=True)
class PredictedClass:
    """A class of a model: its machine name, concept, and operating point where it has one.

    Attributes:
        name: machine name, as in the training labels.
        concept: coded concept.
        is_finding: False for a class that means nothing of the kind was seen.
        operating_point: where the score is cut, None for classes that are not findings.
    """

    name: str
    concept: CodedConcept
    is_finding: bool = True
    operating_point: OperatingPoint | None = None


@dataclass(frozen=True)
class Prediction:
    """Probabilities of a model, numpy only.

    Attributes:
        probabilities: (class,) or (class, slice); axis 0 is class.
        classes: what axis 0 counts.
        geometry: the grid the model saw.
        trace: the preparing steps that led to it.
        model: who predicted.
        outside_margin: (slice,) how far each image lies outside the kinds the model learned: above 0 is outside. None
            where the model has no score for it.
    """

    probabilities: npt.NDArray[np.float32]
    classes: tuple[PredictedClass, ...]
    geometry: VolumeGeometry
    trace: Trace
    model: ModelIdentity
    outside_margin: npt.NDArray[np.float32] | None = None
