"""Means over cases of a figure that each case has: Dice, distances. A case without the figure does not count."""

import numpy as np
import numpy.typing as npt

from hounsfield.metrics.weights import Floats, Statistic, ratio


def mean_of(values: npt.NDArray[np.float64]) -> Statistic:
    """Return the weighted mean over cases as a statistic, so that the bootstrap can draw its interval.

    Args:
        values: (case,) figure of each case; NaN where it is not defined, as the Dice of a label that neither mask has.

    >>> from hounsfield.metrics.weights import value_of
    >>> value_of(mean_of(np.array([0.5, float("nan"), 1.0])), 3)
    0.75
    """
    is_known = np.isfinite(values)
    known = np.where(is_known, values, 0.0)

    def statistic(weights: Floats) -> npt.NDArray[np.float64]:
        chosen = np.asarray(weights, dtype=np.float64)
        return ratio(chosen @ known, chosen @ is_known.astype(np.float64))

    return statistic
