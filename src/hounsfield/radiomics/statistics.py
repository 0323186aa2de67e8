"""Statistics of a list of intensities, as they are or discretised (IBSI 3.3, 3.4)."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

SHARES = (0.10, 0.25, 0.50, 0.75, 0.90)
"""Percentiles that statistics look at."""
WIDEST = 1_000_000
"""Range of whole numbers that is counted value by value."""


def summary(values: Values, counts: Values) -> Mapping[str, float]:
    """Return the 16 statistics that intensities and discretised intensities share, by the end of their tag.

    The variance is that of a population and the kurtosis is in excess of a normal distribution's; percentiles are
    interpolated linearly. Without any spread skewness and kurtosis are 0 (IBSI KE2A, IPH6).

    Args:
        values: rising, at least where the percentiles and the ends lie.
        counts: how often each comes, at least once.
    """
    total = counts.sum()
    mean = float(values @ counts / total)
    off = values - mean
    squares = off * off
    variance = float(squares @ counts / total)
    tenth, lower, median, upper, ninetieth = _percentiles(values, counts, SHARES)
    is_held = (values >= tenth) & (values <= ninetieth)
    has_spread = variance > np.finfo(np.float64).eps * max(mean * mean, np.finfo(np.float64).tiny)
    found = {
        "mean": mean,
        "var": variance,
        "skew": float((squares * off) @ counts / total) / variance**1.5 if has_spread else 0.0,
        "kurt": float((squares * squares) @ counts / total) / variance**2 - 3 if has_spread else 0.0,
        "median": median,
        "min": values[0],
        "p10": tenth,
        "p90": ninetieth,
        "max": values[-1],
        "iqr": upper - lower,
        "range": values[-1] - values[0],
        "mad": np.abs(off) @ counts / total,
        "rmad": _deviation(values[is_held], counts[is_held]),
        "medad": np.abs(values - median) @ counts / total,
        "cov": np.sqrt(variance) / mean if mean else float("nan"),
        "qcod": (upper - lower) / (upper + lower) if upper + lower else float("nan"),
    }
    return {name: float(value) for name, value in found.items()}


def _percentiles(values: Values, counts: Values, shares: tuple[float, ...]) -> list[float]:
    """Return percentiles of values that come several times each, interpolated linearly between two of them."""
    ends = counts.cumsum()
    places = (ends[-1] - 1) * np.array(shares)
    below = values[np.searchsorted(ends, np.floor(places), side="right")]
    above = values[np.searchsorted(ends, np.ceil(places), side="right")]
    return [float(value) for value in below + (above - below) * (places - np.floor(places))]


def _deviation(values: Values, counts: Values) -> float:
    """Return the mean absolute deviation; NaN of nothing."""
    total = counts.sum()
    return float(np.abs(values - values @ counts / total) @ counts / total) if total else float("nan")


def _tallied(values: Values) -> tuple[Values, Values]:
    """Return values that rise where ``summary`` looks, and how often each comes; whole numbers are counted."""
    low, high = values.min(), values.max()
    if high - low < WIDEST and np.array_equal(values, np.rint(values)):
        counts = np.bincount((values - low).astype(np.int64))
        present = np.flatnonzero(counts)
        return np.asarray(present + low, dtype=np.float64), counts[present].astype(np.float64)
    # only the places that percentiles look at have to be in order
    places = (values.size - 1) * np.array((0.0, *SHARES, 1.0))
    wanted = np.unique(np.concatenate([np.floor(places), np.ceil(places)]).astype(np.int64))
    return np.asarray(np.partition(values, wanted), dtype=np.float64), np.ones(values.size)


def intensity_features(values: Values) -> Mapping[str, float]:
    """Return the intensity statistics by tag (IBSI 3.3); all NaN without values."""
    if not values.size:
        return dict.fromkeys(INTENSITY_TAGS, float("nan"))
    energy = float((values * values).sum())
    found = {f"stat_{name}": value for name, value in summary(*_tallied(values)).items()}
    return found | {"stat_energy": energy, "stat_rms": float(np.sqrt(energy / values.size))}


def histogram_features(levels: npt.NDArray[np.int32], level_count: int) -> Mapping[str, float]:
    """Return the features of the histogram of discretised intensities by tag (IBSI 3.4); all NaN without levels.

    Args:
        levels: of the voxels, from 1.
        level_count: number of possible levels; those that no voxel has count as empty.
    """
    if not levels.size:
        return dict.fromkeys(HISTOGRAM_TAGS, float("nan"))
    counts = np.bincount(levels, minlength=level_count + 1)[1:].astype(np.float64)
    shares = counts[counts > 0] / levels.size
    present = np.flatnonzero(counts)
    found = {f"ih_{name}": value for name, value in summary(present.astype(np.float64) + 1.0, counts[present]).items()}
    gradient = _gradient(counts)
    # of several commonest levels the one nearest to the mean is meant (IBSI AMMC)
    commonest = np.flatnonzero(counts == counts.max()) + 1
    return found | {
        "ih_mode": float(commonest[np.abs(commonest - found["ih_mean"]).argmin()]),
        "ih_entropy": float(-(shares * np.log2(shares)).sum()),
        "ih_uniformity": float((shares**2).sum()),
        "ih_max_grad": float(gradient.max()),
        "ih_max_grad_g": float(gradient.argmax() + 1),
        "ih_min_grad": float(gradient.min()),
        "ih_min_grad_g": float(gradient.argmin() + 1),
    }


def _gradient(counts: Values) -> Values:
    """Return the gradient of a histogram: central differences, one-sided at the ends (IBSI 12CE); 0 with one level."""
    return np.gradient(counts) if counts.size > 1 else np.zeros(1)


_SHARED = tuple(summary(np.ones(1), np.ones(1)))
INTENSITY_TAGS = (*(f"stat_{name}" for name in _SHARED), "stat_energy", "stat_rms")
HISTOGRAM_TAGS = (
    *(f"ih_{name}" for name in _SHARED),
    *("ih_mode", "ih_entropy", "ih_uniformity", "ih_max_grad", "ih_max_grad_g", "ih_min_grad", "ih_min_grad_g"),
)
