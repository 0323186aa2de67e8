"""Statistics of a list of intensities, as they are or discretised (IBSI 3.3, 3.4)."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

SHARES = (0.10, 0.25, 0.50, 0.75, 0.90)
"""Percentiles that statistics look at."""
SHARED = (
    *("mean", "var", "skew", "kurt", "median", "min", "p10", "p90"),
    *("max", "iqr", "range", "mad", "rmad", "medad", "cov", "qcod"),
)
"""Statistics that intensities and discretised intensities share, by the end of their tag."""
INTENSITY_TAGS = (*(f"stat_{name}" for name in SHARED), "stat_energy", "stat_rms")
HISTOGRAM_TAGS = (
    *(f"ih_{name}" for name in SHARED),
    *("ih_mode", "ih_entropy", "ih_uniformity", "ih_max_grad", "ih_max_grad_g", "ih_min_grad", "ih_min_grad_g"),
)
WIDEST = 1_000_000
"""Range of whole numbers that is counted value by value."""


def _tallied(values: Values) -> tuple[Values, Values]:
    """Return values that rise where statistics look, and how often each comes; whole numbers are counted."""
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
    from hounsfield.radiomics.statistics_kernels import describe_values

    if not values.size:
        return dict.fromkeys(INTENSITY_TAGS, float("nan"))
    found = np.empty(len(INTENSITY_TAGS))
    describe_values(*_tallied(values), found)
    energy = float((values * values).sum())
    found[-2:] = energy, np.sqrt(energy / values.size)
    return dict(zip(INTENSITY_TAGS, found.tolist(), strict=True))


def histogram_features(levels: npt.NDArray[np.int32], level_count: int) -> Mapping[str, float]:
    """Return the features of the histogram of discretised intensities by tag (IBSI 3.4); all NaN without levels.

    Args:
        levels: of the voxels, from 1.
        level_count: number of possible levels; those that no voxel has count as empty.
    """
    from hounsfield.radiomics.statistics_kernels import describe_histogram

    if not levels.size:
        return dict.fromkeys(HISTOGRAM_TAGS, float("nan"))
    found = np.empty(len(HISTOGRAM_TAGS))
    describe_histogram(np.bincount(levels, minlength=level_count + 1)[1:].astype(np.float64), found)
    return dict(zip(HISTOGRAM_TAGS, found.tolist(), strict=True))
