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
    from hounsfield.radiomics.cell_kernels import describe_cells

    if not matrix.counts.size:
        return np.full(SHARED, np.nan)
    found = np.empty(SHARED)
    describe_cells(matrix.levels, matrix.sizes, matrix.counts, matrix.voxel_count, found)
    return found


def dependence_energy(matrix: Counted) -> float:
    """Return the energy of a dependence matrix (IBSI CAS9)."""
    total = float(matrix.counts.sum())
    return float(((matrix.counts / total) ** 2).sum()) if total else float("nan")
