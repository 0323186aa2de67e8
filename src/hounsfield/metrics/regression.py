"""How far predicted numbers are from the reference: errors, explained variance and agreement, as statistics."""

import numpy as np
import numpy.typing as npt

from hounsfield.core.prediction import Interval
from hounsfield.metrics.intervals import LEVEL, RESAMPLES, bootstrap_intervals, resample_weights
from hounsfield.metrics.weights import Floats, Integers, Statistic, ratio, value_of


def _mean(values: Floats, weights: Floats) -> npt.NDArray[np.float64]:
    return ratio(weights @ np.asarray(values, dtype=np.float64), weights.sum(axis=1))


def mean_error_of(reference: Floats, predicted: Floats) -> Statistic:
    """Return the mean of predicted minus reference (n,), the bias, as a statistic of case weights."""
    errors = _errors(reference, predicted)
    return lambda weights: _mean(errors, weights)


def mean_absolute_error_of(reference: Floats, predicted: Floats) -> Statistic:
    """Return the mean absolute difference of predicted and reference (n,), as a statistic of case weights."""
    errors = np.abs(_errors(reference, predicted))
    return lambda weights: _mean(errors, weights)


def root_mean_square_error_of(reference: Floats, predicted: Floats) -> Statistic:
    """Return the square root of the mean squared difference of predicted and reference (n,), as a statistic."""
    squares = _errors(reference, predicted) ** 2
    return lambda weights: np.sqrt(_mean(squares, weights))


def r_squared_of(reference: Floats, predicted: Floats) -> Statistic:
    """Return 1 minus squared error over the variance of the reference about its mean, as a statistic of case weights.

    It is below 0 where the mean of the reference would have been the better prediction (Kvalseth 1985, Am Stat
    39:279, the first of his eight forms), and NaN where the reference never varies.
    """
    values, squares = np.asarray(reference, dtype=np.float64), _errors(reference, predicted) ** 2

    def statistic(weights: Floats) -> npt.NDArray[np.float64]:
        spread = _spread(values, weights)
        return 1 - ratio(weights @ squares, np.where(spread > 0, spread, np.nan))

    return statistic


def intraclass_correlation_of(reference: Floats, predicted: Floats) -> Statistic:
    """Return the intraclass correlation of predicted and reference (n,), as a statistic of case weights.

    Two-way random effects, absolute agreement, single measurement: ICC(2,1) of Shrout and Fleiss 1979 (Psychol Bull
    86:420) for two raters, so that a constant bias lowers it.
    """
    mean = (np.asarray(reference, dtype=np.float64) + np.asarray(predicted, dtype=np.float64)) / 2
    errors = _errors(reference, predicted)

    def statistic(weights: Floats) -> npt.NDArray[np.float64]:
        count = weights.sum(axis=1, dtype=np.float64)
        between = ratio(2 * _spread(mean, weights), count - 1)
        residual = ratio(_spread(errors, weights) / 2, count - 1)
        raters = count * _mean(errors, weights) ** 2 / 2
        return ratio(between - residual, between + residual + 2 * (raters - residual) / count)

    return statistic


def regression_statistics(reference: Floats, predicted: Floats) -> dict[str, Statistic]:
    """Return every measure of predicted numbers against the reference (n,) by name, as statistics of case weights."""
    return {
        "mean_absolute_error": mean_absolute_error_of(reference, predicted),
        "root_mean_square_error": root_mean_square_error_of(reference, predicted),
        "mean_error": mean_error_of(reference, predicted),
        "r_squared": r_squared_of(reference, predicted),
        "intraclass_correlation": intraclass_correlation_of(reference, predicted),
    }


def measure_regression(
    reference: Floats,
    predicted: Floats,
    groups: Integers | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> dict[str, Interval]:
    """Return every measure of ``regression_statistics`` with its percentile bootstrap interval, drawn by group.

    Args:
        reference: (n,) finite values of the reference standard.
        predicted: (n,) what the model said, in the same unit.
        groups: (n,) patient of each case; None means that each case stands alone.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        level: of the intervals.
    """
    count = len(reference)
    weights = resample_weights(np.zeros(count, dtype=np.int64), groups, resamples, seed)
    return bootstrap_intervals(regression_statistics(reference, predicted), weights, count, level=level)


def mean_absolute_error(reference: Floats, predicted: Floats) -> float:
    """Return the mean absolute difference of predicted and reference (n,).

    >>> mean_absolute_error(np.array([1.0, 2.0]), np.array([2.0, 2.5]))
    0.75
    """
    return value_of(mean_absolute_error_of(reference, predicted), len(reference))


def root_mean_square_error(reference: Floats, predicted: Floats) -> float:
    """Return the square root of the mean squared difference of predicted and reference (n,)."""
    return value_of(root_mean_square_error_of(reference, predicted), len(reference))


def _errors(reference: Floats, predicted: Floats) -> npt.NDArray[np.float64]:
    return np.asarray(predicted, dtype=np.float64) - np.asarray(reference, dtype=np.float64)


def _spread(values: npt.NDArray[np.float64], weights: Floats) -> npt.NDArray[np.float64]:
    """Return the weighted sum of squared distances from the weighted mean (resample,)."""
    centred = values - values.mean()
    total = weights.sum(axis=1, dtype=np.float64)
    spread = weights @ centred**2 - ratio((weights @ centred) ** 2, total)
    return np.asarray(np.maximum(spread, 0.0), dtype=np.float64)
