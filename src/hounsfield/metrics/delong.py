"""DeLong's variance of an AUROC, and the comparison of two AUROCs on the same cases."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from hounsfield.core.prediction import Interval
from hounsfield.metrics.intervals import wilson
from hounsfield.metrics.weights import Booleans, Floats


@dataclass(frozen=True)
class AurocComparison:
    """Difference of two correlated AUROCs (first minus second), its interval and two-sided p value."""

    first: float
    second: float
    difference: Interval
    p_value: float


def delong_covariance(is_positive: Booleans, scores: Floats) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return AUROCs (k,) and their covariance matrix (k, k) for scores (k, n) on the same cases.

    DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44:837), by mid-ranks as in Sun and Xu 2014
    (IEEE Signal Process Lett 21:1389). The variance needs two positives and two negatives, else it is NaN.
    """
    rows = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    positives, negatives = rows[:, is_positive], rows[:, ~is_positive]
    m, n = positives.shape[1], negatives.shape[1]
    if min(m, n) < 1:
        return np.full(len(rows), np.nan), np.full((len(rows), len(rows)), np.nan)
    together = np.stack([_midranks(np.concatenate(pair)) for pair in zip(positives, negatives, strict=True)])
    from_positives = (together[:, :m] - np.stack([_midranks(row) for row in positives])) / n
    from_negatives = 1 - (together[:, m:] - np.stack([_midranks(row) for row in negatives])) / m
    if min(m, n) < 2:
        return from_positives.mean(axis=1), np.full((len(rows), len(rows)), np.nan)
    covariance = np.atleast_2d(np.cov(from_positives)) / m + np.atleast_2d(np.cov(from_negatives)) / n
    return from_positives.mean(axis=1), covariance


def delong_interval(is_positive: Booleans, scores: Floats, level: float = 0.95) -> Interval:
    """Return the AUROC of scores (n,) with DeLong's normal interval, kept within 0 and 1; cases must be independent.

    Scores that separate the classes, or that are all alike, have no variance, which is no certainty: so many disjoint
    pairs of a positive and a negative case as there are in the smaller class are independent trials that a positive
    scores higher, and their Wilson interval stands instead.
    """
    area, covariance = delong_covariance(is_positive, scores)
    if covariance[0, 0] == 0:
        pairs = int(min(is_positive.sum(), (~is_positive).sum()))
        return wilson(float(area[0]) * pairs, pairs, level)
    half = NormalDist().inv_cdf(0.5 + level / 2) * float(np.sqrt(covariance[0, 0]))
    value = float(area[0])
    return Interval(value, max(0.0, value - half), min(1.0, value + half), level)


def compare_auroc(is_positive: Booleans, first: Floats, second: Floats, level: float = 0.95) -> AurocComparison:
    """Compare the AUROCs of two scores (n,) on the same cases by DeLong's test; p is 1 when they never differ."""
    areas, covariance = delong_covariance(is_positive, np.stack([first, second]))
    gap = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    deviation = float(np.sqrt(max(variance, 0.0)))
    p_value = 2 * (1 - NormalDist().cdf(abs(gap) / deviation)) if deviation > 0 else float(gap == 0)
    half = NormalDist().inv_cdf(0.5 + level / 2) * deviation
    return AurocComparison(float(areas[0]), float(areas[1]), Interval(gap, gap - half, gap + half, level), p_value)


def _midranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)
