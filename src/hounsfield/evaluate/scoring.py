"""The figures of an evaluation: each measure with its bootstrap interval, two classes or more."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.core.prediction import Interval
from hounsfield.metrics.calibration import (
    brier_decomposition_of,
    brier_of,
    calibration_error_of,
    log_loss_of,
    multiclass_brier_of,
)
from hounsfield.metrics.confusion import FRACTIONS, decision_statistics, predictive_statistics
from hounsfield.metrics.discrimination import auroc_of, average_precision_of
from hounsfield.metrics.intervals import bootstrap_intervals, resample_weights
from hounsfield.metrics.multiclass import class_statistics, macro_auroc_of, macro_average_precision_of
from hounsfield.metrics.weights import Statistic

HEADLINE = ("auroc", "accuracy", "sensitivity", "specificity", "f1", "brier", "ece")
"""The measures that every evaluation states first, in this order."""

_CENTRED = frozenset({"ece", "brier_reliability_error"})
_AREAS = ("auroc", "average_precision")


@dataclass(frozen=True)
class Scored:
    """Scored cases, ready to be judged.

    Attributes:
        labels: (n,) reference class of the model.
        probabilities: (n, class).
        groups: (n,) what is drawn together in the bootstrap.
        positive: the class that a two-class model looks for, None for more classes.
        threshold: score at or above which the positive class is called; not used for more classes.
    """

    labels: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]
    groups: npt.NDArray[np.int64]
    positive: int | None
    threshold: float

    @property
    def is_positive(self) -> npt.NDArray[np.bool_]:
        """Whether each case (n,) is of the positive class."""
        return np.asarray(self.labels == self.positive)

    @property
    def scores(self) -> npt.NDArray[np.float64]:
        """Probability (n,) of the positive class."""
        return np.asarray(self.probabilities[:, self.positive or 0])

    @property
    def called(self) -> npt.NDArray[np.int64]:
        """The class (n,) that was called: at the threshold for two classes, the most probable one for more."""
        if self.positive is None:
            return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)
        return np.where(self.scores >= self.threshold, self.positive, 1 - self.positive).astype(np.int64)

    def subset(self, keep: npt.NDArray[np.bool_]) -> "Scored":
        """Return some of the cases."""
        return Scored(self.labels[keep], self.probabilities[keep], self.groups[keep], self.positive, self.threshold)


def statistics_of(scored: Scored) -> dict[str, Statistic]:
    """Return every measure of the scored cases as a statistic of case weights."""
    return statistics_from(scored.labels, scored.probabilities, scored.called, scored.positive)


def statistics_from(
    labels: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    called: npt.NDArray[np.int64],
    positive_class: int | None,
) -> dict[str, Statistic]:
    """Return every measure of calls (n,) and probabilities (n, class), of two classes if one of them is looked for."""
    if positive_class is not None:
        positive, scores = labels == positive_class, probabilities[:, positive_class]
        return {
            "auroc": auroc_of(positive, scores),
            "average_precision": average_precision_of(positive, scores),
            **decision_statistics(positive, called == positive_class),
            "brier": brier_of(positive, scores),
            **{f"brier_{name}": part for name, part in brier_decomposition_of(positive, scores).items()},
            "ece": calibration_error_of(positive, scores),
            "log_loss": log_loss_of(labels, probabilities),
        }
    return {
        "auroc": macro_auroc_of(labels, probabilities),
        "average_precision": macro_average_precision_of(labels, probabilities),
        **class_statistics(labels, called, probabilities.shape[1]),
        "brier": multiclass_brier_of(labels, probabilities),
        "ece": calibration_error_of(called == labels, probabilities.max(axis=1)),
        "log_loss": log_loss_of(labels, probabilities),
    }


def measure(scored: Scored, resamples: int, seed: int, names: tuple[str, ...] = ()) -> dict[str, Interval]:
    """Return the measures, or those named, each with its interval."""
    statistics = statistics_of(scored)
    if names:
        statistics = {name: statistics[name] for name in names}
    weights = resample_weights(scored.labels, scored.groups, resamples, seed)
    trials = {name: count for name, count in trials_of(scored).items() if name in statistics}
    return bootstrap_intervals(statistics, weights, len(scored.labels), _CENTRED, trials=trials)


def measure_at_prevalence(scored: Scored, prevalence: float, resamples: int, seed: int) -> dict[str, Interval]:
    """Return the predictive values of two-class decisions where positives have another prevalence (0..1)."""
    statistics = predictive_statistics(scored.is_positive, scored.called == scored.positive, prevalence)
    weights = resample_weights(scored.labels, scored.groups, resamples, seed)
    trials = {name: trials_of(scored)[name] for name in statistics}
    intervals = bootstrap_intervals(statistics, weights, len(scored.labels), trials=trials)
    return {f"{name}_at_prevalence": interval for name, interval in intervals.items()}


def trials_of(scored: Scored) -> dict[str, int]:
    """Return how many independent cases (groups) each fraction rests on, by its name."""

    def groups_in(keep: npt.NDArray[np.bool_]) -> int:
        return len(np.unique(scored.groups[keep]))

    every = np.ones(len(scored.labels), dtype=bool)
    smallest = min(groups_in(scored.labels == label) for label in np.unique(scored.labels))
    trials = dict.fromkeys((*_AREAS, *FRACTIONS), smallest) | {"accuracy": groups_in(every)}
    if scored.positive is None:
        return trials
    called = scored.called == scored.positive
    return trials | {
        "sensitivity": groups_in(scored.is_positive),
        "specificity": groups_in(~scored.is_positive),
        "positive_predictive_value": groups_in(called),
        "negative_predictive_value": groups_in(~called),
    }
