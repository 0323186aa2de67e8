"""How sure a curve is: the pointwise bootstrap band of a ROC curve, drawn by group."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.metrics.intervals import LEVEL
from hounsfield.metrics.weights import Booleans, Floats, ratio, tie_blocks

GRID = 101


@dataclass(frozen=True)
class Band:
    """Lower and upper end (k,) of the interval of a curve at x (k,)."""

    x: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]


def roc_band(is_positive: Booleans, scores: Floats, weights: Iterator[Floats], level: float = LEVEL) -> Band:
    """Return the percentile interval of sensitivity at each of ``GRID`` false-positive fractions from 0 to 1.

    Vertical averaging of resampled curves (Fawcett 2006, Pattern Recognit Lett 27:861, section 6); ties are joined by
    straight lines, as the area counts them. Pointwise: the whole curve lies in it less often than each of its points.

    Args:
        is_positive: (n,) reference.
        scores: (n,).
        weights: what ``resample_weights`` yields.
        level: of the interval.
    """
    order, starts = tie_blocks(-np.asarray(scores, dtype=np.float64))
    positive, grid = is_positive[order], np.linspace(0, 1, GRID)
    drawn = []
    for chunk in weights:
        ordered = chunk[:, order]
        found, false = (
            np.add.reduceat(ordered * keep, starts, axis=1, dtype=np.float64).cumsum(axis=1)
            for keep in (positive, ~positive)
        )
        x, y = ratio(false, false[:, -1:]), ratio(found, found[:, -1:])
        drawn += [_height(grid, *pair) for pair in zip(x, y, strict=True)]
    low, high = np.quantile(np.stack(drawn), [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return Band(grid, low, high)


def _height(
    grid: npt.NDArray[np.float64], x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the curve at the grid; where it rises straight up, its upper end."""
    x, y = np.concatenate(([0.0], x)), np.concatenate(([0.0], y))
    is_last = np.append(x[1:] != x[:-1], True)
    return np.asarray(np.interp(grid, x[is_last], y[is_last]), dtype=np.float64)
