"""How well scores separate two classes: AUROC, average precision and their curves; ties are handled exactly."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.metrics.weights import Booleans, Floats, Statistic, ratio, tie_blocks, value_of


@dataclass(frozen=True)
class Curve:
    """A curve over thresholds, from the highest threshold to the lowest.

    Attributes:
        x: (k,) false-positive fraction (ROC) or sensitivity (precision-recall).
        y: (k,) sensitivity (ROC) or precision (precision-recall).
        thresholds: (k,) score at or above which a case counts as positive; the first of a ROC curve is infinite.
    """

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    thresholds: npt.NDArray[np.float64]


def auroc_of(is_positive: Booleans, scores: Floats) -> Statistic:
    """Return the area under the ROC curve as a statistic of case weights.

    It is the probability that a positive case scores above a negative one, ties counting one half (Mann-Whitney;
    Hanley and McNeil 1982, Radiology 143:29). NaN when one class has no weight.
    """
    order, starts = tie_blocks(scores)
    positive = is_positive[order]

    def statistic(weights: Floats) -> npt.NDArray[np.float64]:
        ordered = weights[:, order]
        cases = np.add.reduceat(ordered * positive, starts, axis=1, dtype=np.float64)
        controls = np.add.reduceat(ordered * ~positive, starts, axis=1, dtype=np.float64)
        below = np.cumsum(controls, axis=1) - 0.5 * controls
        return ratio((cases * below).sum(axis=1), cases.sum(axis=1) * controls.sum(axis=1))

    return statistic


def average_precision_of(is_positive: Booleans, scores: Floats) -> Statistic:
    """Return average precision as a statistic of case weights.

    The step-wise sum of precision over gains in recall, tied scores taken as one threshold (Boyd et al. 2013,
    ECML PKDD: no interpolation). NaN when there are no positives.
    """
    order, starts = tie_blocks(-np.asarray(scores, dtype=np.float64))
    positive = is_positive[order]

    def statistic(weights: Floats) -> npt.NDArray[np.float64]:
        ordered = weights[:, order]
        cases = np.add.reduceat(ordered * positive, starts, axis=1, dtype=np.float64)
        called = np.add.reduceat(ordered, starts, axis=1, dtype=np.float64).cumsum(axis=1)
        found = cases.cumsum(axis=1)
        precision = np.nan_to_num(ratio(found, called))
        return ratio((cases * precision).sum(axis=1), found[:, -1])

    return statistic


def auroc(is_positive: Booleans, scores: Floats) -> float:
    """Return the area under the ROC curve of scores (n,), ties counting one half; see ``auroc_of``.

    >>> auroc(np.array([False, False, True, True]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    return value_of(auroc_of(is_positive, scores), len(scores))


def average_precision(is_positive: Booleans, scores: Floats) -> float:
    """Return average precision of scores (n,); see ``average_precision_of``."""
    return value_of(average_precision_of(is_positive, scores), len(scores))


def roc_curve(is_positive: Booleans, scores: Floats) -> Curve:
    """Return the ROC curve: false-positive fraction and sensitivity at every distinct score."""
    thresholds, found, false = _cumulated(is_positive, scores)
    x = ratio(np.concatenate(([0], false)), np.asarray(false[-1]))
    y = ratio(np.concatenate(([0], found)), np.asarray(found[-1]))
    return Curve(x, y, np.concatenate(([np.inf], thresholds)))


def precision_recall_curve(is_positive: Booleans, scores: Floats) -> Curve:
    """Return the precision-recall curve: sensitivity and precision at every distinct score."""
    thresholds, found, false = _cumulated(is_positive, scores)
    return Curve(ratio(found, np.asarray(found[-1])), ratio(found, found + false), thresholds)


def _cumulated(
    is_positive: Booleans, scores: Floats
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    values = np.asarray(scores, dtype=np.float64)
    order, starts = tie_blocks(-values)
    found = np.add.reduceat(is_positive[order].astype(np.float64), starts).cumsum()
    false = np.add.reduceat((~is_positive[order]).astype(np.float64), starts).cumsum()
    return values[order][starts], found, false
