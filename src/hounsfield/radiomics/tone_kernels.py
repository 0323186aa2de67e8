"""Compiled formulas of the neighbourhood grey tone difference matrix, over the levels that are present."""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled

Values = npt.NDArray[np.float64]

TONES = 5
MOST_COARSE = 1e6
"""Coarseness of a region without any difference (IBSI QCDE)."""


@compiled
def describe_levels(levels: Values, counts: Values, differences: Values, found: Values) -> None:
    """Write coarseness, contrast, busyness, complexity and strength; NaN where no voxel has a neighbour.

    Args:
        levels: that voxels with neighbours have, each once.
        counts: of these voxels, above 0.
        differences: their summed differences to the mean of their neighbours.
        found: (5,) is written.
    """
    found[:] = np.nan
    if not levels.size:
        return
    found[1:] = 0.0
    total, summed = counts.sum(), differences.sum()
    weighted = (counts * differences).sum() / total
    found[0] = min(1 / weighted, MOST_COARSE) if weighted > 0 else MOST_COARSE
    if levels.size == 1:
        return
    spread, unrest, changing, strong = 0.0, 0.0, 0.0, 0.0
    for one in range(levels.size):
        share, lifted = counts[one] / total, counts[one] * differences[one] / total
        # what two levels have between them is the same both ways
        for other in range(one):
            second = counts[other] / total
            apart, both = abs(levels[one] - levels[other]), share + second
            spread += 2 * share * second * apart * apart
            unrest += 2 * abs(levels[one] * share - levels[other] * second)
            changing += 2 * apart * (lifted + second * differences[other]) / both
            strong += 2 * both * apart * apart
    found[1] = spread / (levels.size * (levels.size - 1)) * summed / total
    found[2] = weighted / unrest if unrest > 0 else 0.0
    found[3] = changing / total
    found[4] = strong / summed if summed > 0 else 0.0
