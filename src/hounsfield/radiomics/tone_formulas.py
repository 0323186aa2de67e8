"""Features of the neighbourhood grey tone difference matrix (IBSI 3.10; Amadasun and King 1989)."""

import numpy as np
import numpy.typing as npt


def describe_tones(tones: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return coarseness, contrast, busyness, complexity and strength; NaN where no voxel has a neighbour.

    Args:
        tones: (level, 2): voxels with neighbours, and their summed difference to the mean of these.
    """
    from hounsfield.radiomics.tone_kernels import TONES, describe_levels

    present = np.flatnonzero(tones[:, 0])
    found = np.empty(TONES)
    describe_levels((present + 1).astype(np.float64), tones[present, 0], tones[present, 1], found)
    return found
