"""Whether two ways of measuring agree: Bland and Altman's limits and intraclass correlations, with intervals."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.special import fdtri, ndtri, stdtrit

from hounsfield.core.prediction import Interval
from hounsfield.metrics.intervals import LEVEL, RESAMPLES, bootstrap_intervals, resample_weights
from hounsfield.metrics.weights import Floats, Integers, Statistic, ratio


@dataclass(frozen=True)
class LimitsOfAgreement:
    """Between which differences (predicted minus reference) 95 % of the cases are expected to lie.

    Attributes:
        bias: mean difference.
        lower: lower limit of agreement.
        upper: upper limit of agreement.
        deviation: standard deviation of the differences.
    """

    bias: Interval
    lower: Interval
    upper: Interval
    deviation: float


class Correlation(StrEnum):
    """Which intraclass correlation: the names of Shrout and Fleiss 1979 and of McGraw and Wong 1996."""

    ONE_WAY = "icc(1,1)"
    AGREEMENT = "icc(2,1)"
    CONSISTENCY = "icc(3,1)"


def limits_of_agreement(
    reference: Floats,
    predicted: Floats,
    groups: Integers | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> LimitsOfAgreement:
    """Return bias and limits of agreement, mean difference -/+ 1.96 standard deviations.

    Bland and Altman 1986 (Lancet 327:307). Without groups the intervals are those of Bland and Altman 1999 (Stat
    Methods Med Res 8:135, section 2.1): Student's t with n - 1 degrees of freedom, the variance of a limit being
    (1/n + 1.96^2 / (2 (n - 1))) s^2. With several cases of a patient the differences are not independent, and the
    percentile bootstrap drawn by patient stands instead.

    Args:
        reference: (n,) of the reference standard.
        predicted: (n,) in the same unit.
        groups: (n,) patient of each case; None, or all different, means that each case stands alone.
        level: of the intervals.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    differences = np.asarray(predicted, dtype=np.float64) - np.asarray(reference, dtype=np.float64)
    count, z = len(differences), float(ndtri(0.975))
    bias, deviation = float(differences.mean()), _deviation(differences)
    if groups is not None and len(np.unique(groups)) < count:
        weights = resample_weights(np.zeros(count, dtype=np.int64), groups, resamples, seed)
        statistics = {name: _limit_of(differences, side) for name, side in (("bias", 0.0), ("low", -z), ("high", z))}
        drawn = bootstrap_intervals(statistics, weights, count, level=level)
        return LimitsOfAgreement(drawn["bias"], drawn["low"], drawn["high"], deviation)
    quantile = float(stdtrit(count - 1, 0.5 + level / 2)) if count > 1 else float("nan")
    half = quantile * deviation / np.sqrt(count)
    half_limit = quantile * deviation * np.sqrt(1 / count + z**2 / (2 * max(count - 1, 1)))
    limits = (bias - z * deviation, bias + z * deviation)
    lower, upper = (_around(limit, float(half_limit), level) for limit in limits)
    return LimitsOfAgreement(_around(bias, float(half), level), lower, upper, deviation)


def intraclass_correlation(
    measurements: Floats, form: Correlation = Correlation.AGREEMENT, level: float = LEVEL
) -> Interval:
    """Return the intraclass correlation of measurements (case, rater) of single raters, with its F interval.

    Shrout and Fleiss 1979 (Psychol Bull 86:420): ICC(1,1) for raters drawn anew for each case, ICC(2,1) absolute
    agreement, ICC(3,1) consistency, which a constant difference of raters leaves alone; intervals as there (of
    ICC(2,1) after Satterthwaite). The cases must be independent.
    """
    table = np.asarray(measurements, dtype=np.float64)
    n, k = table.shape
    if min(n, k) < 2:
        return Interval(float("nan"), float("nan"), float("nan"), level)
    squares = _mean_squares(table)
    if form is Correlation.AGREEMENT:
        return _absolute_agreement(squares, n, k, level)
    error, freedom = (
        (squares.within, n * (k - 1)) if form is Correlation.ONE_WAY else (squares.residual, (n - 1) * (k - 1))
    )
    value = _over(squares.between - error, squares.between + (k - 1) * error)
    observed = _over(squares.between, error)
    low = observed / float(fdtri(n - 1, freedom, 0.5 + level / 2))
    high = observed * float(fdtri(freedom, n - 1, 0.5 + level / 2))
    return Interval(value, _over(low - 1, low + k - 1), _over(high - 1, high + k - 1), level)


@dataclass(frozen=True)
class _Squares:
    between: float
    within: float
    raters: float
    residual: float


def _mean_squares(table: npt.NDArray[np.float64]) -> _Squares:
    n, k = table.shape
    centre, rows, columns = table.mean(), table.mean(axis=1), table.mean(axis=0)
    between = k * float(((rows - centre) ** 2).sum()) / (n - 1)
    raters = n * float(((columns - centre) ** 2).sum()) / (k - 1)
    within = float(((table - rows[:, np.newaxis]) ** 2).sum())
    residual = max(within - raters * (k - 1), 0.0) / ((n - 1) * (k - 1))
    return _Squares(between, within / (n * (k - 1)), raters, residual)


def _absolute_agreement(squares: _Squares, n: int, k: int, level: float) -> Interval:
    between, raters, residual = squares.between, squares.raters, squares.residual
    value = _over(between - residual, between + (k - 1) * residual + k * (raters - residual) / n)
    if residual == 0 or not np.isfinite(value):
        return Interval(value, float("nan"), float("nan"), level)
    ratio_of_raters = raters / residual
    rest = n * (1 + (k - 1) * value) - k * value
    freedom = (k - 1) * (n - 1) * (k * value * ratio_of_raters + rest) ** 2
    freedom /= (n - 1) * (k * value * ratio_of_raters) ** 2 + rest**2
    upper, lower = (float(fdtri(*pair, 0.5 + level / 2)) for pair in ((n - 1, freedom), (freedom, n - 1)))
    spread = k * raters + (k * n - k - n) * residual
    low = n * (between - upper * residual) / (upper * spread + n * between)
    high = n * (lower * between - residual) / (spread + n * lower * between)
    return Interval(value, low, high, level)


def _limit_of(differences: npt.NDArray[np.float64], deviations: float) -> Statistic:
    """Return the mean difference plus so many standard deviations, as a statistic of case weights."""
    centre = differences.mean()
    moved = differences - centre

    def statistic(weights: Floats) -> npt.NDArray[np.float64]:
        total = weights.sum(axis=1, dtype=np.float64)
        mean = ratio(weights @ moved, total)
        spread = np.maximum(weights @ moved**2 - total * mean**2, 0.0)
        return np.asarray(centre + mean + deviations * np.sqrt(ratio(spread, total - 1)), dtype=np.float64)

    return statistic


def _deviation(values: npt.NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _around(value: float, half: float, level: float) -> Interval:
    return Interval(value, value - half, value + half, level)


def _over(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else float("nan")
