"""What acting on a model is worth: the decision curve, net benefit over the probability at which one would act."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.metrics.intervals import LEVEL
from hounsfield.metrics.weights import Booleans, Floats


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit in true positives a case, each (k,), over the threshold probability; acting on no case is worth 0.

    Attributes:
        thresholds: (k,) probability from which one would act, in 0..1.
        model: of acting on the cases at or above the threshold.
        low: lower end of its interval.
        high: upper end of its interval.
        everyone: of acting on every case.
    """

    thresholds: npt.NDArray[np.float64]
    model: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    everyone: npt.NDArray[np.float64]


def net_benefit(
    is_positive: Booleans, probabilities: Floats, thresholds: Floats, weights: Floats | None = None
) -> npt.NDArray[np.float64]:
    """Return TP/n - FP/n * t/(1 - t) at each threshold t (k,), a row for each row of weights (resample, n).

    Vickers and Elkin 2006 (Med Decis Making 26:565), equation 1; a case is positive at or above the threshold.

    >>> net_benefit(np.array([True, False]), np.array([0.9, 0.4]), np.array([0.2, 0.5]))
    array([[0.375, 0.5  ]])
    """
    cuts = np.asarray(thresholds, dtype=np.float64)
    rows = np.ones((1, len(is_positive))) if weights is None else np.asarray(weights, dtype=np.float64)
    is_called = np.asarray(probabilities, dtype=np.float64)[:, np.newaxis] >= cuts
    worth = np.where(is_positive[:, np.newaxis], 1.0, -cuts / (1 - cuts)) * is_called
    return np.asarray(rows @ worth / rows.sum(axis=1, keepdims=True), dtype=np.float64)


def decision_curve(
    is_positive: Booleans, probabilities: Floats, thresholds: Floats, weights: Iterator[Floats], level: float = LEVEL
) -> DecisionCurve:
    """Return the decision curve of probabilities (n,) with a pointwise percentile bootstrap interval.

    Args:
        is_positive: (n,) reference.
        probabilities: (n,) calibrated; a score that is no probability has no decision curve.
        thresholds: (k,) at least 0 and below 1.
        weights: what ``resample_weights`` yields; stratified by class, it keeps the prevalence of the data.
        level: of the interval.
    """
    drawn = np.concatenate([net_benefit(is_positive, probabilities, thresholds, chunk) for chunk in weights])
    low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    everyone = net_benefit(is_positive, np.ones(len(is_positive)), thresholds)[0]
    model = net_benefit(is_positive, probabilities, thresholds)[0]
    return DecisionCurve(np.asarray(thresholds, dtype=np.float64), model, low, high, everyone)
