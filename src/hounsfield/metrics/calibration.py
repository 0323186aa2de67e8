"""Whether a probability means what it says: Brier, log loss, calibration error, reliability, slope and intercept."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.metrics.weights import Booleans, Floats, Integers, Statistic, ratio, tie_blocks, value_of

BINS = 10
_SMALLEST = 1e-12


@dataclass(frozen=True)
class Reliability:
    """Bins of equal mass: mean predicted probability, observed fraction and number of cases of each (bin,)."""

    predicted: npt.NDArray[np.float64]
    observed: npt.NDArray[np.float64]
    counts: npt.NDArray[np.float64]


@dataclass(frozen=True)
class CalibrationFit:
    """Calibration by logistic regression of the outcome on the logit of the probability (Cox 1958).

    Attributes:
        slope: 1 is right; below 1 the probabilities are too extreme.
        intercept: of that regression; 0 is right.
        in_the_large: intercept with the slope held at 1: below 0 the probabilities are too high on the whole
            (Van Calster et al. 2016, J Clin Epidemiol 74:167).
        observed_to_expected: number of positives divided by the sum of probabilities.
    """

    slope: float
    intercept: float
    in_the_large: float
    observed_to_expected: float


def _mean_of(losses: Floats) -> Statistic:
    return lambda weights: ratio(weights @ losses.astype(weights.dtype), weights.sum(axis=1))


def brier_of(is_positive: Booleans, probabilities: Floats) -> Statistic:
    """Return the mean squared difference of probability (n,) and outcome, as a statistic (Brier 1950)."""
    return _mean_of((np.asarray(probabilities, dtype=np.float64) - is_positive) ** 2)


def multiclass_brier_of(labels: Integers, probabilities: Floats) -> Statistic:
    """Return Brier's original score: the squared differences (n, class) summed over classes, 0 to 2, as a statistic."""
    outcome = np.eye(probabilities.shape[1])[labels]
    return _mean_of(((np.asarray(probabilities, dtype=np.float64) - outcome) ** 2).sum(axis=1))


def log_loss_of(labels: Integers, probabilities: Floats) -> Statistic:
    """Return the mean negative natural logarithm of the probability (n, class) of the reference class."""
    chosen = np.asarray(probabilities, dtype=np.float64)[np.arange(len(labels)), labels]
    return _mean_of(-np.log(np.clip(chosen, _SMALLEST, 1.0)))


def calibration_error_of(is_positive: Booleans, probabilities: Floats, bins: int = BINS) -> Statistic:
    """Return the expected calibration error over bins of equal mass, as a statistic of case weights.

    The mean over cases of |observed fraction - mean probability| of the bin (Naeini et al. 2015; equal-mass bins as in
    Nixon et al. 2019). A case belongs to bin floor(bins x mid-rank / n), so equal probabilities share a bin and the
    order of cases does not matter.
    """
    sums_of = _bins_of(is_positive, probabilities, bins)

    def statistic(weights: Floats) -> npt.NDArray[np.float64]:
        counts, expected, found = sums_of(weights)
        return ratio(np.abs(found - expected).sum(axis=1), counts.sum(axis=1))

    return statistic


def brier_decomposition_of(is_positive: Booleans, probabilities: Floats, bins: int = BINS) -> dict[str, Statistic]:
    """Return the parts of the Brier score over bins of equal mass, as statistics of case weights.

    Murphy 1973 (J Appl Meteorol 12:595): ``reliability_error`` is the mean squared gap of stated probability and
    observed fraction, ``resolution_score`` how far the observed fractions lie from the prevalence, ``uncertainty``
    the variance of the outcome; the Brier score is reliability - resolution + uncertainty + ``within_bins``, the rest
    that probabilities which differ within a bin leave over (Stephenson, Coelho and Jolliffe 2008, Weather Forecast
    23:752).
    """
    sums_of, brier = _bins_of(is_positive, probabilities, bins), brier_of(is_positive, probabilities)
    last: list[tuple[Floats, _Sums]] = []

    def parts(weights: Floats) -> _Sums:
        # all parts of one resample come from the same bins, which are most of the work
        if not last or last[0][0] is not weights:
            last[:] = [(weights, fresh(weights))]
        return last[0][1]

    def fresh(weights: Floats) -> _Sums:
        counts, expected, found = sums_of(weights)
        total = counts.sum(axis=1)
        prevalence = ratio(found.sum(axis=1), total)
        gap = np.nan_to_num(ratio((expected - found) ** 2, counts)).sum(axis=1)
        spread = np.nan_to_num(ratio((found - counts * prevalence[:, np.newaxis]) ** 2, counts)).sum(axis=1)
        return ratio(gap, total), ratio(spread, total), prevalence * (1 - prevalence)

    def within(weights: Floats) -> npt.NDArray[np.float64]:
        reliability_error, resolution_score, uncertainty = parts(weights)
        return brier(np.asarray(weights, dtype=np.float64)) - (reliability_error - resolution_score + uncertainty)

    return {
        "reliability_error": lambda weights: parts(weights)[0],
        "resolution_score": lambda weights: parts(weights)[1],
        "uncertainty": lambda weights: parts(weights)[2],
        "within_bins": within,
    }


_Sums = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]


def _bins_of(is_positive: Booleans, probabilities: Floats, bins: int) -> Callable[[Floats], _Sums]:
    """Return a function of weights that gives each bin's weight, sum of probabilities and positives (resample, bin)."""
    order, starts = tie_blocks(np.asarray(probabilities))
    lengths = np.diff(np.append(starts, len(order)))
    outcome, predicted = is_positive[order].astype(np.float64), np.asarray(probabilities, dtype=np.float64)[order]

    def sums(weights: Floats) -> _Sums:
        ordered = weights[:, order].astype(np.float64)
        blocks = np.add.reduceat(ordered, starts, axis=1)
        middle = np.cumsum(blocks, axis=1) - blocks / 2
        total = np.maximum(blocks.sum(axis=1, keepdims=True), 1e-300)
        index = np.minimum((bins * middle / total).astype(np.int64), bins - 1)
        index += bins * np.arange(len(weights))[:, np.newaxis]
        flat, size = np.repeat(index, lengths, axis=1).ravel(), bins * len(weights)

        def summed(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            total = np.bincount(flat, (ordered * values).ravel(), minlength=size)
            return np.asarray(total, dtype=np.float64).reshape(len(weights), bins)

        return summed(np.ones_like(predicted)), summed(predicted), summed(outcome)

    return sums


def brier_loss(is_positive: Booleans, probabilities: Floats) -> float:
    """Return the mean squared difference of probability (n,) and outcome (Brier 1950)."""
    return value_of(brier_of(is_positive, probabilities), len(is_positive))


def log_loss(labels: Integers, probabilities: Floats) -> float:
    """Return the mean negative natural logarithm of the probability (n, class) of the reference class."""
    return value_of(log_loss_of(labels, probabilities), len(labels))


def expected_calibration_error(is_positive: Booleans, probabilities: Floats, bins: int = BINS) -> float:
    """Return the expected calibration error over bins of equal mass; see ``calibration_error_of``."""
    return value_of(calibration_error_of(is_positive, probabilities, bins), len(is_positive))


def reliability(is_positive: Booleans, probabilities: Floats, bins: int = BINS) -> Reliability:
    """Return the points of a reliability diagram over bins of equal mass; empty bins are left out."""
    values = np.asarray(probabilities, dtype=np.float64)
    order, starts = tie_blocks(values)
    lengths = np.diff(np.append(starts, len(order)))
    middle = np.cumsum(lengths) - lengths / 2
    index = np.repeat(np.minimum((bins * middle / len(values)).astype(np.int64), bins - 1), lengths)
    counts = np.bincount(index, minlength=bins).astype(np.float64)
    predicted = np.bincount(index, values[order], minlength=bins)
    observed = np.bincount(index, is_positive[order].astype(np.float64), minlength=bins)
    used = counts > 0
    return Reliability(predicted[used] / counts[used], observed[used] / counts[used], counts[used])


def fit_calibration(is_positive: Booleans, probabilities: Floats) -> CalibrationFit:
    """Fit slope and intercept by Newton's method; NaN where the classes are separated or one is missing."""
    values = np.clip(np.asarray(probabilities, dtype=np.float64), 1e-7, 1 - 1e-7)
    logits, outcome = np.log(values / (1 - values)), is_positive.astype(np.float64)
    ones = np.ones_like(logits)
    both = _newton(np.stack([ones, logits], axis=1), outcome, np.zeros_like(logits))
    large = _newton(ones[:, np.newaxis], outcome, logits)
    expected = float(values.sum())
    return CalibrationFit(float(both[1]), float(both[0]), float(large[0]), float(outcome.sum()) / expected)


def _newton(design: Floats, outcome: Floats, offset: Floats) -> npt.NDArray[np.float64]:
    """Return the maximum-likelihood coefficients of a logistic regression with an offset, NaN without a maximum."""
    coefficients = np.zeros(design.shape[1])
    missing = np.full(design.shape[1], np.nan)
    if outcome.min() == outcome.max():
        return missing
    for _ in range(50):
        probabilities = 1 / (1 + np.exp(-np.clip(design @ coefficients + offset, -35, 35)))
        weight = probabilities * (1 - probabilities)
        information = design.T @ (design * weight[:, np.newaxis])
        if np.linalg.cond(information) > 1e12:
            return missing
        step = np.linalg.solve(information, design.T @ (outcome - probabilities))
        largest = float(np.abs(step).max())
        coefficients = coefficients + step * min(1.0, 5.0 / max(largest, 1e-12))
        if largest < 1e-9:
            return np.asarray(coefficients, dtype=np.float64)
    return missing
