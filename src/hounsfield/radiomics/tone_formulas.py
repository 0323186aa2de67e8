"""Features of the neighbourhood grey tone difference matrix (IBSI 3.10; Amadasun and King 1989)."""

import numpy as np
import numpy.typing as npt

MOST_COARSE = 1e6
"""Coarseness of a region without any difference (IBSI QCDE)."""


def describe_tones(tones: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return coarseness, contrast, busyness, complexity and strength; NaN where no voxel has a neighbour.

    Args:
        tones: (level, 2): voxels with neighbours, and their summed difference to the mean of these.
    """
    present = np.flatnonzero(tones[:, 0])
    if not present.size:
        return np.full(5, np.nan)
    level = present + 1.0
    total = float(tones[present, 0].sum())
    share, difference = tones[present, 0] / total, tones[present, 1]
    apart = level[:, None] - level[None, :]
    weighted = float((share * difference).sum())
    coarseness = min(1 / weighted, MOST_COARSE) if weighted > 0 else MOST_COARSE
    if present.size == 1:
        return np.array([coarseness, 0.0, 0.0, 0.0, 0.0])
    pairs = present.size * (present.size - 1)
    both = share[:, None] + share[None, :]
    spread = float((share[:, None] * share[None, :] * apart**2).sum()) / pairs
    unrest = float(np.abs((level * share)[:, None] - (level * share)[None, :]).sum())
    lifted = share * difference
    changing = float((np.abs(apart) * (lifted[:, None] + lifted[None, :]) / both).sum()) / total
    summed = float(difference.sum())
    return np.array(
        [
            coarseness,
            spread * summed / total,
            weighted / unrest if unrest > 0 else 0.0,
            changing,
            float((both * apart**2).sum()) / summed if summed > 0 else 0.0,
        ]
    )
