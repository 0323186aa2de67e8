"""A statistic as a function of case weights, so that one implementation gives the value and all its resamples."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Booleans = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.integer]

Statistic = Callable[[Floats], npt.NDArray[np.float64]]
"""Takes weights (resample, case), how often each case was drawn, and returns the value of each resample (resample,)."""


def value_of(statistic: Statistic, count: int) -> float:
    """Return the value of a statistic on ``count`` cases that weigh the same."""
    return float(statistic(np.ones((1, count), dtype=np.float64))[0])


def ratio(numerator: Floats, denominator: Floats) -> npt.NDArray[np.float64]:
    """Divide, with NaN where the denominator is 0: an undefined proportion is not 0."""
    top, bottom = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    out = np.full(np.broadcast(top, bottom).shape, np.nan)
    np.divide(top, bottom, out=out, where=bottom != 0)
    return out


def tie_blocks(scores: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the order that sorts scores upwards (n,), and where each run of equal scores starts in it."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return order, starts
