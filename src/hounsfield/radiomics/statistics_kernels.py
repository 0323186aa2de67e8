"""Compiled statistics of values and of histograms: one walk after another over lists that rise (IBSI 3.3, 3.4)."""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled

Values = npt.NDArray[np.float64]

SUMMARY = 16
"""Statistics that values and levels share, in the order of ``statistics.SHARED``."""
_EPSILON, _TINY = 2.220446049250313e-16, 2.2250738585072014e-308


@compiled
def percentile(values: Values, counts: Values, total: float, share: float) -> float:
    """Return a percentile of values that rise and come several times each, interpolated linearly between two."""
    place = (total - 1) * share
    first, last = np.floor(place), np.ceil(place)
    index, passed = 0, counts[0]
    while passed <= first:
        index += 1
        passed += counts[index]
    below = values[index]
    while passed <= last:
        index += 1
        passed += counts[index]
    return float(below + (values[index] - below) * (place - first))


@compiled
def _moments(values: Values, counts: Values, total: float, found: Values) -> None:
    mean = 0.0
    for index in range(values.size):
        mean += values[index] * counts[index]
    mean /= total
    second, third, fourth, apart = 0.0, 0.0, 0.0, 0.0
    for index in range(values.size):
        off = values[index] - mean
        square = off * off
        second += square * counts[index]
        third += square * off * counts[index]
        fourth += square * square * counts[index]
        apart += abs(off) * counts[index]
    variance = second / total
    found[0], found[1], found[11] = mean, variance, apart / total
    found[2], found[3] = 0.0, 0.0
    if variance > _EPSILON * max(mean * mean, _TINY):
        found[2] = third / total / variance**1.5
        found[3] = fourth / total / (variance * variance) - 3


@compiled
def _held_deviation(values: Values, counts: Values, low: float, high: float) -> float:
    """Return the mean absolute deviation of the values from one to another; NaN of nothing."""
    total, mean, apart = 0.0, 0.0, 0.0
    for index in range(values.size):
        if low <= values[index] <= high:
            total += counts[index]
            mean += values[index] * counts[index]
    if total == 0:
        return float(np.nan)
    mean /= total
    for index in range(values.size):
        if low <= values[index] <= high:
            apart += abs(values[index] - mean) * counts[index]
    return float(apart / total)


@compiled
def describe_values(values: Values, counts: Values, found: Values) -> None:
    """Write the statistics that intensities and discretised intensities share.

    The variance is that of a population and the kurtosis is in excess of a normal distribution's; percentiles are
    interpolated linearly. Without any spread skewness and kurtosis are 0 (IBSI KE2A, IPH6).

    Args:
        values: rising, at least where the percentiles and the ends lie; one or more.
        counts: how often each comes, at least once.
        found: (16,) is written, in the order of ``statistics.SHARED``.
    """
    total = counts.sum()
    _moments(values, counts, total, found)
    lower, median = percentile(values, counts, total, 0.25), percentile(values, counts, total, 0.5)
    upper = percentile(values, counts, total, 0.75)
    found[4], found[5], found[8] = median, values[0], values[-1]
    found[6], found[7] = percentile(values, counts, total, 0.1), percentile(values, counts, total, 0.9)
    found[9], found[10] = upper - lower, values[-1] - values[0]
    found[12] = _held_deviation(values, counts, found[6], found[7])
    apart = 0.0
    for index in range(values.size):
        apart += abs(values[index] - median) * counts[index]
    found[13] = apart / total
    found[14] = np.sqrt(found[1]) / found[0] if found[0] != 0 else np.nan
    found[15] = (upper - lower) / (upper + lower) if upper + lower != 0 else np.nan


@compiled
def describe_intensities(values: Values, found: Values) -> None:
    """Write the intensity statistics (IBSI 3.3): those of ``describe_values``, energy and root mean square.

    Args:
        values: rising, as ``describe_values`` takes them.
        found: (18,) is written.
    """
    describe_values(values, np.ones(values.size), found)
    energy = 0.0
    for value in values:
        energy += value * value
    found[16], found[17] = energy, np.sqrt(energy / values.size)


@compiled
def describe_histogram(counts: Values, found: Values) -> None:
    """Write the features of a histogram (IBSI 3.4): those of ``describe_values`` and seven of its own.

    Args:
        counts: voxels of each level, the first is that of level 1; one at least is above 0.
        found: (23,) is written, in the order of ``statistics.HISTOGRAM_TAGS``.
    """
    present = np.flatnonzero(counts)
    held = counts[present]
    describe_values((present + 1).astype(np.float64), held, found)
    total = held.sum()
    most = held.max()
    found[16], found[17], found[18] = 0.0, 0.0, 0.0
    for index in range(held.size):
        share = held[index] / total
        found[17] -= share * np.log2(share)
        found[18] += share * share
        # of several commonest levels the one nearest to the mean is meant (IBSI AMMC)
        level = present[index] + 1.0
        if held[index] == most and (found[16] == 0 or abs(level - found[0]) < abs(found[16] - found[0])):
            found[16] = level
    _describe_gradient(counts, found)


@compiled
def _describe_gradient(counts: Values, found: Values) -> None:
    """Write the ends of the gradient: central differences, one-sided at the ends (IBSI 12CE); 0 with one level."""
    found[19], found[20], found[21], found[22] = -np.inf, 0.0, np.inf, 0.0
    last = counts.size - 1
    for level in range(counts.size):
        before, after = max(level - 1, 0), min(level + 1, last)
        slope = (counts[after] - counts[before]) / max(after - before, 1)
        if slope > found[19]:
            found[19], found[20] = slope, level + 1.0
        if slope < found[21]:
            found[21], found[22] = slope, level + 1.0
