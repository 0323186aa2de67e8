"""Compiled formulas of matrices of which only the filled cells are listed: runs, zones and dependence."""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled


@compiled
def describe_cells(
    levels: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    counts: npt.NDArray[np.float64],
    voxel_count: int,
    found: npt.NDArray[np.float64],
) -> None:
    """Write the 16 shared features, in the order of ``run_formulas.describe_runs``.

    Args:
        levels: grey level of each cell.
        sizes: the other axis.
        counts: what it holds.
        voxel_count: that the matrix was counted over.
        found: (16,) is written.
    """
    total = counts.sum()
    by_level = np.zeros(levels.max() + 1)
    by_size = np.zeros(sizes.max() + 1)
    found[:] = 0.0
    level_mean, size_mean = 0.0, 0.0
    for cell in range(counts.size):
        share = counts[cell] / total
        level, size = float(levels[cell]), float(sizes[cell])
        level_squared, size_squared = level * level, size * size
        by_level[levels[cell]] += counts[cell]
        by_size[sizes[cell]] += counts[cell]
        found[0] += share / size_squared
        found[1] += share * size_squared
        found[2] += share / level_squared
        found[3] += share * level_squared
        found[4] += share / (size_squared * level_squared)
        found[5] += share * level_squared / size_squared
        found[6] += share * size_squared / level_squared
        found[7] += share * size_squared * level_squared
        found[15] -= share * np.log2(share)
        level_mean += share * level
        size_mean += share * size
    for cell in range(counts.size):
        share = counts[cell] / total
        found[13] += share * (levels[cell] - level_mean) ** 2
        found[14] += share * (sizes[cell] - size_mean) ** 2
    found[8] = (by_level * by_level).sum() / total
    found[9] = found[8] / total
    found[10] = (by_size * by_size).sum() / total
    found[11] = found[10] / total
    found[12] = total / voxel_count
