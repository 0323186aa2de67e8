"""Features that run length, size zone, distance zone and dependence matrices share (IBSI 3.7, 3.8, 3.9, 3.11)."""

import numpy as np
import numpy.typing as npt

from hounsfield.radiomics.texture import Counted

Features = npt.NDArray[np.float64]

SHARED = 16
"""Features of every such matrix; a dependence matrix has its energy besides."""


def describe_runs(matrix: Counted) -> Features:
    """Return the 16 shared features, in the order of the manual.

    Short, long, low, high emphasis; short-low, short-high, long-low, long-high; grey level non-uniformity and its
    normalised form; size non-uniformity and its normalised form; percentage; grey level variance; size variance;
    entropy. NaN where the matrix holds nothing.
    """
    total = float(matrix.counts.sum())
    if total == 0:
        return np.full(SHARED, np.nan)
    shares = matrix.counts / total
    level, size = matrix.levels.astype(np.float64), matrix.sizes.astype(np.float64)
    level_sums = np.bincount(matrix.levels, matrix.counts)
    size_sums = np.bincount(np.unique(matrix.sizes, return_inverse=True)[1], matrix.counts)
    levels_unlike, sizes_unlike = float((level_sums**2).sum()) / total, float((size_sums**2).sum()) / total
    return np.array(
        [
            (shares / size**2).sum(),
            (shares * size**2).sum(),
            (shares / level**2).sum(),
            (shares * level**2).sum(),
            (shares / (size**2 * level**2)).sum(),
            (shares * level**2 / size**2).sum(),
            (shares * size**2 / level**2).sum(),
            (shares * size**2 * level**2).sum(),
            levels_unlike,
            levels_unlike / total,
            sizes_unlike,
            sizes_unlike / total,
            total / matrix.voxel_count,
            _variance(shares, level),
            _variance(shares, size),
            -(shares * np.log2(shares)).sum(),
        ]
    )


def dependence_energy(matrix: Counted) -> float:
    """Return the energy of a dependence matrix (IBSI CAS9)."""
    total = float(matrix.counts.sum())
    return float(((matrix.counts / total) ** 2).sum()) if total else float("nan")


def _variance(shares: Features, values: Features) -> float:
    mean = (shares * values).sum()
    return float((shares * (values - mean) ** 2).sum())
