"""Compiled loops over the corners of a binary region: which of the 256 cases each cube of eight voxels is."""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled

Inside = npt.NDArray[np.uint8]


@compiled
def count_cases(inside: Inside, counts: npt.NDArray[np.int64]) -> None:
    """Count the cubes of each case; corner order as in Lorensen and Cline: round the lower face, then the upper.

    Args:
        inside: framed region (slice, row, column) of 0 and 1.
        counts: (256,) is added to.
    """
    for plane in range(inside.shape[0] - 1):
        for row in range(inside.shape[1] - 1):
            low, high = inside[plane, row], inside[plane, row + 1]
            low_up, high_up = inside[plane + 1, row], inside[plane + 1, row + 1]
            left = low[0] + 8 * high[0] + 16 * low_up[0] + 128 * high_up[0]
            for column in range(1, inside.shape[2]):
                right = low[column] + 8 * high[column] + 16 * low_up[column] + 128 * high_up[column]
                # the right face has corners 1, 2, 5, 6 where the left one has 0, 3, 4, 7
                case = left + 2 * low[column] + 4 * high[column] + 32 * low_up[column] + 64 * high_up[column]
                counts[case] += 1
                left = right


@compiled
def moments(inside: Inside, sums: npt.NDArray[np.float64]) -> None:
    """Write the number of voxels, the sums of their indices and of the products of these, row by row.

    Args:
        inside: region (slice, row, column) of 0 and 1.
        sums: (10,): count; slice, row, column; their squares; slice row, slice column, row column.
    """
    for plane in range(inside.shape[0]):
        for row in range(inside.shape[1]):
            count, first, second = 0, 0, 0
            for column in range(inside.shape[2]):
                if inside[plane, row, column]:
                    count += 1
                    first += column
                    second += column * column
            sums[0] += count
            sums[1] += plane * count
            sums[2] += row * count
            sums[3] += first
            sums[4] += plane * plane * count
            sums[5] += row * row * count
            sums[6] += second
            sums[7] += plane * row * count
            sums[8] += plane * first
            sums[9] += row * first


@compiled
def write_extremes(inside: Inside, ends: npt.NDArray[np.int32]) -> None:
    """Write the first and the last column of the region in each row, -1 where it has none.

    Args:
        inside: region (slice, row, column) of 0 and 1.
        ends: (slice, row, 2) is written.
    """
    for plane in range(inside.shape[0]):
        for row in range(inside.shape[1]):
            ends[plane, row, 0] = -1
            ends[plane, row, 1] = -1
            for column in range(inside.shape[2]):
                if inside[plane, row, column]:
                    if ends[plane, row, 0] < 0:
                        ends[plane, row, 0] = column
                    ends[plane, row, 1] = column
