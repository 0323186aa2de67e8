"""Where a score is cut: operating points by Youden's index or for a wanted sensitivity, and the sweep of thresholds."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.core.prediction import OperatingPoint
from hounsfield.metrics.confusion import count_decisions
from hounsfield.metrics.discrimination import roc_curve
from hounsfield.metrics.intervals import wilson
from hounsfield.metrics.weights import Booleans, Floats


@dataclass(frozen=True)
class Sweep:
    """Sensitivity, specificity, F1 and share of cases called, each (k,), at thresholds (k,) upwards."""

    thresholds: npt.NDArray[np.float64]
    sensitivity: npt.NDArray[np.float64]
    specificity: npt.NDArray[np.float64]
    f1: npt.NDArray[np.float64]
    called_fraction: npt.NDArray[np.float64]


def youden_threshold(is_positive: Booleans, scores: Floats) -> float:
    """Return the threshold with the greatest sensitivity + specificity - 1 (Youden 1950).

    It lies midway between two neighbouring scores; of equally good ones the most sensitive is taken.
    """
    curve = roc_curve(is_positive, scores)
    gain = curve.y - curve.x
    best = int(np.flatnonzero(gain >= np.nanmax(gain) - 1e-12)[-1])
    return _between(curve.thresholds, best)


def sensitivity_threshold(is_positive: Booleans, scores: Floats, target: float) -> float:
    """Return the highest threshold whose sensitivity on these cases is at least ``target`` (0..1)."""
    curve = roc_curve(is_positive, scores)
    return _between(curve.thresholds, int(np.flatnonzero(curve.y >= target - 1e-12)[0]))


def specificity_threshold(is_positive: Booleans, scores: Floats, target: float) -> float:
    """Return the lowest threshold whose specificity on these cases is at least ``target`` (0..1)."""
    curve = roc_curve(is_positive, scores)
    return _between(curve.thresholds, int(np.flatnonzero(1.0 - curve.x >= target - 1e-12)[-1]))


def _between(thresholds: npt.NDArray[np.float64], index: int) -> float:
    """Return the midpoint of a threshold and the next lower score, so that rounding cannot turn a decision."""
    if not np.isfinite(thresholds[index]):
        return float(np.nextafter(thresholds[index + 1], np.inf))
    if index + 1 == len(thresholds):
        return float(thresholds[index])
    return float((thresholds[index] + thresholds[index + 1]) / 2)


def operating_point(is_positive: Booleans, scores: Floats, threshold: float, data_set: str) -> OperatingPoint:
    """Return an operating point with sensitivity and specificity on these cases (n,) and their Wilson intervals."""
    counts = count_decisions(is_positive, np.asarray(scores) >= threshold)
    positives, negatives = int(is_positive.sum()), int((~is_positive).sum())
    return OperatingPoint(
        threshold,
        wilson(float(counts.true_positive), positives),
        wilson(float(counts.true_negative), negatives),
        data_set,
    )


def sweep_thresholds(is_positive: Booleans, scores: Floats, steps: int = 101) -> Sweep:
    """Return what the decision would be worth at evenly spaced thresholds from 0 to 1."""
    thresholds = np.linspace(0.0, 1.0, steps)
    ordered = np.sort(np.asarray(scores, dtype=np.float64))
    positives = np.sort(np.asarray(scores, dtype=np.float64)[is_positive])
    called = len(ordered) - np.searchsorted(ordered, thresholds, side="left")
    found = len(positives) - np.searchsorted(positives, thresholds, side="left")
    negatives = max(len(ordered) - len(positives), 1)
    sensitivity = found / max(len(positives), 1)
    f1 = 2 * found / np.maximum(called + len(positives), 1)
    return Sweep(thresholds, sensitivity, 1 - (called - found) / negatives, f1, called / len(ordered))
