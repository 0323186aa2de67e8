"""Statistics of a list of intensities, as they are or discretised (IBSI 3.3, 3.4)."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

MEDIAN, LOWER_QUARTER, UPPER_QUARTER = 50, 25, 75


def summary(values: Values) -> Mapping[str, float]:
    """Return the 16 statistics that intensities and discretised intensities share, by the end of their tag.

    The variance is that of a population and the kurtosis is in excess of a normal distribution's; percentiles are
    interpolated linearly. Without any spread skewness and kurtosis are 0 (IBSI KE2A, IPH6).

    Args:
        values: at least one.
    """
    mean = float(values.mean())
    off = values - mean
    squares = off * off
    variance = float(squares.mean())
    tenth, lower, median, upper, ninetieth = np.percentile(values, [10, LOWER_QUARTER, MEDIAN, UPPER_QUARTER, 90])
    held = values[(values >= tenth) & (values <= ninetieth)]
    has_spread = variance > np.finfo(np.float64).eps * max(mean * mean, np.finfo(np.float64).tiny)
    found = {
        "mean": mean,
        "var": variance,
        "skew": float((squares * off).mean()) / variance**1.5 if has_spread else 0.0,
        "kurt": float((squares * squares).mean()) / variance**2 - 3 if has_spread else 0.0,
        "median": median,
        "min": values.min(),
        "p10": tenth,
        "p90": ninetieth,
        "max": values.max(),
        "iqr": upper - lower,
        "range": values.max() - values.min(),
        "mad": np.abs(off).mean(),
        "rmad": np.abs(held - held.mean()).mean() if held.size else float("nan"),
        "medad": np.abs(values - median).mean(),
        "cov": np.sqrt(variance) / mean if mean else float("nan"),
        "qcod": (upper - lower) / (upper + lower) if upper + lower else float("nan"),
    }
    return {name: float(value) for name, value in found.items()}


def intensity_features(values: Values) -> Mapping[str, float]:
    """Return the intensity statistics by tag (IBSI 3.3); all NaN without values."""
    if not values.size:
        return dict.fromkeys(INTENSITY_TAGS, float("nan"))
    energy = float((values * values).sum())
    found = {f"stat_{name}": value for name, value in summary(values).items()}
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
    values = levels.astype(np.float64)
    found = {f"ih_{name}": value for name, value in summary(values).items()}
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


_SHARED = tuple(summary(np.ones(1)))
INTENSITY_TAGS = (*(f"stat_{name}" for name in _SHARED), "stat_energy", "stat_rms")
HISTOGRAM_TAGS = (
    *(f"ih_{name}" for name in _SHARED),
    *("ih_mode", "ih_entropy", "ih_uniformity", "ih_max_grad", "ih_max_grad_g", "ih_min_grad", "ih_min_grad_g"),
)
