"""Whether a measurement comes out again: concordance, repeatability coefficient and variation within cases."""

import numpy as np
from scipy.special import chdtri, ndtri

from hounsfield.core.prediction import Interval
from hounsfield.metrics.intervals import LEVEL
from hounsfield.metrics.weights import Floats


def concordance_correlation(first: Floats, second: Floats, level: float = LEVEL) -> Interval:
    """Return how close pairs lie to the line of equal values, with the interval of the Z transform.

    Lin 1989 (Biometrics 45:255), variances by n as there, the variance of Z as corrected in 2000 (Biometrics 56:324).

    Args:
        first: (n,) values, n independent cases.
        second: (n,) measured again.
        level: of the interval.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    count = len(one)
    if count < 3:
        return Interval(float("nan"), float("nan"), float("nan"), level)
    spread = one.var() + other.var() + (one.mean() - other.mean()) ** 2
    if not spread > 0:
        return Interval(float("nan"), float("nan"), float("nan"), level)
    product = float(((one - one.mean()) * (other - other.mean())).mean())
    value = 2 * product / float(spread)
    deviations = float(one.std() * other.std())
    correlation = product / deviations if deviations > 0 else 0.0
    if abs(value) >= 1 - 1e-12:
        return Interval(value, value, value, level)
    if correlation == 0:
        return Interval(value, float("nan"), float("nan"), level)
    square, shift = value**2, float(one.mean() - other.mean()) ** 2 / deviations
    variance = (1 - correlation**2) * square / ((1 - square) * correlation**2)
    variance += 2 * value**3 * (1 - value) * shift / (correlation * (1 - square) ** 2)
    variance -= value**4 * shift**2 / (2 * correlation**2 * (1 - square) ** 2)
    half = float(ndtri(0.5 + level / 2)) * float(np.sqrt(max(variance, 0.0) / (count - 2)))
    centre = float(np.arctanh(value))
    return Interval(value, float(np.tanh(centre - half)), float(np.tanh(centre + half)), level)


def repeatability_coefficient(measurements: Floats, level: float = LEVEL) -> Interval:
    """Return what 95 of 100 pairs of measurements of one case differ by at most: 2.77 deviations within cases.

    Bland and Altman 1999 (Stat Methods Med Res 8:135, section 3), its interval by chi squared with n (k - 1) degrees
    of freedom as in Raunig et al. 2015 (Stat Methods Med Res 24:27).

    Args:
        measurements: (case, repetition), in the unit of the answer.
        level: of the interval.
    """
    table = np.asarray(measurements, dtype=np.float64)
    n, k = table.shape
    freedom = n * (k - 1)
    if freedom < 1:
        return Interval(float("nan"), float("nan"), float("nan"), level)
    squares = float(((table - table.mean(axis=1, keepdims=True)) ** 2).sum())
    factor = float(ndtri(0.975)) * np.sqrt(2)
    # chdtri takes the probability of what lies above
    lower, upper = (float(chdtri(freedom, share)) for share in (0.5 - level / 2, 0.5 + level / 2))
    value, low, high = (float(factor * np.sqrt(squares / by)) for by in (freedom, lower, upper))
    return Interval(value, low, high, level)


def variation_within(measurements: Floats) -> float:
    """Return the coefficient of variation within cases: root mean square of deviation over mean of each case.

    Raunig et al. 2015, as a fraction; it means nothing where values may be negative, and is NaN where the mean of a
    case is 0.

    Args:
        measurements: (case, repetition).
    """
    table = np.asarray(measurements, dtype=np.float64)
    means = np.abs(table.mean(axis=1))
    if table.shape[1] < 2 or not len(table) or not (means > 0).all():
        return float("nan")
    return float(np.sqrt(((table.std(axis=1, ddof=1) / means) ** 2).mean()))
