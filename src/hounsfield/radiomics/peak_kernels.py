"""Compiled loops over spheres about voxels, as sums of runs along rows."""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled_reordered

Sums = npt.NDArray[np.float64]


@compiled_reordered
def sphere_means(
    sums: Sums, reaches: npt.NDArray[np.int64], span: tuple[int, int], spans: npt.NDArray[np.int32], found: Sums
) -> None:
    """Write the mean of the samples in a sphere about each voxel between two columns of each row.

    What lies outside the image is left out. Rows of the sphere are added one after another to a whole row of voxels.

    Args:
        sums: (slice, row, column + 1): the samples of a row summed up to each column.
        reaches: (2 a + 1, 2 b + 1): columns of the sphere to either side of the centre in a row, -1 for none.
        span: first slice, and the one after the last.
        spans: (slice, row, 2): first and last column wanted, -1 for none.
        found: (slice, row, column) is written.
    """
    deep, wide = reaches.shape[0] // 2, reaches.shape[1] // 2
    slices, rows, columns = sums.shape[0], sums.shape[1], sums.shape[2] - 1
    counts = np.empty(columns)
    for plane in range(span[0], span[1]):
        for row in range(rows):
            start, stop = spans[plane, row, 0], spans[plane, row, 1] + 1
            if start < 0:
                continue
            totals = found[plane, row]
            totals[start:stop] = 0.0
            counts[start:stop] = 0.0
            for other in range(max(0, plane - deep), min(slices, plane + deep + 1)):
                for line in range(max(0, row - wide), min(rows, row + wide + 1)):
                    reach = reaches[other - plane + deep, line - row + wide]
                    if reach >= 0:
                        _add_row(sums[other, line], reach, start, stop, totals, counts)
            for column in range(start, stop):
                totals[column] /= counts[column]


@compiled_reordered
def _add_row(row: npt.NDArray[np.float64], reach: int, start: int, stop: int, totals: Sums, counts: Sums) -> None:
    """Add a row of the sphere; where it reaches beyond the image it is shorter."""
    columns = row.size - 1
    first, last = max(start, reach), min(stop, columns - reach)
    for column in range(start, min(first, stop)):
        upper, lower = min(columns, column + reach + 1), max(0, column - reach)
        totals[column] += row[upper] - row[lower]
        counts[column] += upper - lower
    if last > first:
        # cut out beforehand, so that the loop has plain indices and runs in vector registers
        high, low = row[first + reach + 1 : last + reach + 1], row[first - reach : last - reach]
        into, number = totals[first:last], counts[first:last]
        for column in range(into.size):
            into[column] += high[column] - low[column]
        number += 2 * reach + 1
    for column in range(max(first, last), stop):
        upper, lower = min(columns, column + reach + 1), max(0, column - reach)
        totals[column] += row[upper] - row[lower]
        counts[column] += upper - lower
