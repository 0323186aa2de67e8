"""Compiled loop of supervoxels: each voxel to the nearest of the middles about it, by intensity and place."""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled


@compiled
def assign_nearest(
    samples: npt.NDArray[np.float64],
    middles: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    steps_mm: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    found: npt.NDArray[np.int32],
) -> None:
    """Write the number of the middle that each voxel belongs to.

    Args:
        samples: (slice, row, column).
        middles: (middle, 4): intensity and place in millimetres; middle by middle along columns, rows and slices.
        counts: (3,) middles along each axis.
        steps_mm: (3,) voxel spacing.
        weights: (2,) of a squared difference of intensity and of a squared distance.
        found: (slice, row, column) is written.
    """
    slices, rows, columns = samples.shape
    for z in range(slices):
        own_z = z * counts[0] // slices
        for y in range(rows):
            own_y = y * counts[1] // rows
            for x in range(columns):
                own_x = x * counts[2] // columns
                least, best = np.inf, 0
                for k in range(max(0, own_z - 1), min(counts[0], own_z + 2)):
                    for j in range(max(0, own_y - 1), min(counts[1], own_y + 2)):
                        for i in range(max(0, own_x - 1), min(counts[2], own_x + 2)):
                            place = (k * counts[1] + j) * counts[2] + i
                            apart = (z * steps_mm[0] - middles[place, 1]) ** 2
                            apart += (y * steps_mm[1] - middles[place, 2]) ** 2
                            apart += (x * steps_mm[2] - middles[place, 3]) ** 2
                            far = weights[1] * apart + weights[0] * (samples[z, y, x] - middles[place, 0]) ** 2
                            if far < least:
                                least, best = far, place
                found[z, y, x] = best
