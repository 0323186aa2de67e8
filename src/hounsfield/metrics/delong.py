"""DeLong's variance of an AUROC, and the comparison of two AUROCs on the same cases."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from hounsfield.core.prediction import Interval
from hounsfield.metrics.intervals import wilson
from hounsfield.metrics.weights import Booleans, Floats, Integers

_NO_VARIANCE = 1e-18
"""What rounding leaves of a variance that is 0."""


@dataclass(frozen=True)
class AurocComparison:
    """Difference of two correlated AUROCs (first minus second), its interval and two-sided p value."""

    first: float
    second: float
    difference: Interval
    p_value: float


def delong_covariance(
    is_positive: Booleans, scores: Floats, groups: Integers | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return AUROCs (k,) and their covariance matrix (k, k) for scores (k, n) on the same cases.

    DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44:837), by mid-ranks as in Sun and Xu 2014
    (IEEE Signal Process Lett 21:1389). The variance needs two positives and two negatives, else it is NaN. With the
    group (n,) of each case the cases of a group may depend on each other (Obuchowski 1997, Biometrics 53:567).
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
    areas = from_positives.mean(axis=1)
    if groups is not None and len(np.unique(groups)) < len(is_positive):
        return areas, _clustered(is_positive, np.asarray(groups), from_positives, from_negatives)
    covariance = np.atleast_2d(np.cov(from_positives)) / m + np.atleast_2d(np.cov(from_negatives)) / n
    return areas, covariance


def _clustered(
    is_positive: Booleans,
    groups: Integers,
    from_positives: npt.NDArray[np.float64],
    from_negatives: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return Obuchowski's covariance of areas: placements (k, m) and (k, n) summed within each group."""
    members = np.unique(groups, return_inverse=True)[1]
    belongs = np.eye(int(members.max()) + 1)[members]
    areas = from_positives.mean(axis=1, keepdims=True)
    m, n = from_positives.shape[1], from_negatives.shape[1]
    cases, controls = (from_positives - areas) @ belongs[is_positive], (from_negatives - areas) @ belongs[~is_positive]
    with_cases = len(np.unique(members[is_positive]))
    with_controls, every = len(np.unique(members[~is_positive])), belongs.shape[1]
    if min(with_cases, with_controls) < 2:
        return np.full((len(areas), len(areas)), np.nan)
    cross = every / (every - 1) * (cases @ controls.T + controls @ cases.T)
    own = with_cases / (with_cases - 1) * cases @ cases.T / m**2
    other = with_controls / (with_controls - 1) * controls @ controls.T / n**2
    return np.asarray(own + other + cross / (m * n), dtype=np.float64)


def delong_interval(
    is_positive: Booleans, scores: Floats, level: float = 0.95, groups: Integers | None = None
) -> Interval:
    """Return the AUROC of scores (n,) with DeLong's normal interval, kept within 0 and 1.

    Cases must be independent, or their group (n,) be given.

    Scores that separate the classes, or that are all alike, have no variance, which is no certainty: so many disjoint
    pairs of a positive and a negative case as there are in the smaller class are independent trials that a positive
    scores higher, and their Wilson interval stands instead.
    """
    area, covariance = delong_covariance(is_positive, scores, groups)
    if covariance[0, 0] <= _NO_VARIANCE:
        members = np.arange(len(is_positive)) if groups is None else np.asarray(groups)
        pairs = min(len(np.unique(members[is_positive])), len(np.unique(members[~is_positive])))
        return wilson(float(area[0]) * pairs, pairs, level)
    half = NormalDist().inv_cdf(0.5 + level / 2) * float(np.sqrt(covariance[0, 0]))
    value = float(area[0])
    return Interval(value, max(0.0, value - half), min(1.0, value + half), level)


def compare_auroc(
    is_positive: Booleans, first: Floats, second: Floats, level: float = 0.95, groups: Integers | None = None
) -> AurocComparison:
    """Compare the AUROCs of two scores (n,) on the same cases by DeLong's test; p is 1 when they never differ.

    With the group (n,) of each case the cases of a group may depend on each other. p is NaN where the variance is.
    """
    areas, covariance = delong_covariance(is_positive, np.stack([first, second]), groups)
    gap = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    deviation = float(np.sqrt(variance)) if not variance <= _NO_VARIANCE else 0.0
    p_value = 2 * (1 - NormalDist().cdf(abs(gap) / deviation)) if deviation else float(abs(gap) < 1e-12)
    half = NormalDist().inv_cdf(0.5 + level / 2) * deviation
    return AurocComparison(float(areas[0]), float(areas[1]), Interval(gap, gap - half, gap + half, level), p_value)


def _midranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)
