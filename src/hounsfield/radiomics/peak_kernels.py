"""Compiled loops over spheres about voxels, as sums of runs along rows."""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled

Sums = npt.NDArray[np.float64]


@compiled
def sphere_means(
    sums: Sums, places: npt.NDArray[np.int64], reaches: npt.NDArray[np.int64], found: npt.NDArray[np.float64]
) -> None:
    """Write the mean of the samples in a sphere about each place; what lies outside the image is left out.

    Args:
        sums: (slice, row, column + 1): the samples of a row summed up to each column.
        places: (place, 3) centres.
        reaches: (2 a + 1, 2 b + 1): columns of the sphere to either side of the centre in a row, -1 for none.
        found: (place,) is written.
    """
    deep, wide = reaches.shape[0] // 2, reaches.shape[1] // 2
    slices, rows, columns = sums.shape[0], sums.shape[1], sums.shape[2] - 1
    for index in range(places.shape[0]):
        total, count = 0.0, 0
        for plane in range(max(0, places[index, 0] - deep), min(slices, places[index, 0] + deep + 1)):
            for row in range(max(0, places[index, 1] - wide), min(rows, places[index, 1] + wide + 1)):
                reach = reaches[plane - places[index, 0] + deep, row - places[index, 1] + wide]
                if reach < 0:
                    continue
                first = max(0, places[index, 2] - reach)
                last = min(columns, places[index, 2] + reach + 1)
                total += sums[plane, row, last] - sums[plane, row, first]
                count += last - first
        found[index] = total / count
