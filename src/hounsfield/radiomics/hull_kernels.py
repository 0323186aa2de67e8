"""Compiled search for those vertices of a voxel surface that can be corners of its convex hull.

A corner of the hull is a corner of the hull of the plane it lies in. Vertices lie half way between two voxels, so they
come in planes at whole and at half slices, and in rows at whole and at half rows; places are counted in half voxels.
"""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled

Ends = npt.NDArray[np.int32]
Corners = npt.NDArray[np.int32]
NONE = 2**30


@compiled
def outer_corners(ends: Ends, corners: Corners) -> int:
    """Write the corners of the hull of every plane in half voxels (slice, row, column), and return their number.

    Args:
        ends: (slice, row, 2): first and last voxel of the region in each row, -1 for none.
        corners: (corner, 3) is written; four for each row and each half row of each plane and half plane is enough.
    """
    slices, rows = ends.shape[0], ends.shape[1]
    low = np.empty(2 * rows + 1, dtype=np.int64)
    high = np.empty(2 * rows + 1, dtype=np.int64)
    chain = np.empty(2 * rows + 1, dtype=np.int64)
    found = 0
    for plane in range(-1, 2 * slices):
        low[:] = NONE
        high[:] = -NONE
        if plane % 2 == 0:
            _fill_whole(ends[plane // 2], low, high)
        else:
            for index in range(max(0, (plane - 1) // 2), min(slices, (plane + 1) // 2 + 1)):
                _fill_half(ends[index], low, high)
        found = _write_chain(low, high, plane, chain, corners, found)
    return found


@compiled
def _fill_whole(ends: Ends, low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]) -> None:
    """Vertices in the plane of a slice: half a voxel before and behind each row, half a row to either side of it."""
    for row in range(ends.shape[0]):
        if ends[row, 0] < 0:
            continue
        first, last = 2 * ends[row, 0], 2 * ends[row, 1]
        place = 2 * row + 1
        low[place] = min(low[place], first - 1)
        high[place] = max(high[place], last + 1)
        for side in (place - 1, place + 1):
            low[side] = min(low[side], first)
            high[side] = max(high[side], last)


@compiled
def _fill_half(ends: Ends, low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]) -> None:
    """Vertices half a slice above and below a slice: at the voxels themselves."""
    for row in range(ends.shape[0]):
        if ends[row, 0] >= 0:
            place = 2 * row + 1
            low[place] = min(low[place], 2 * ends[row, 0])
            high[place] = max(high[place], 2 * ends[row, 1])


@compiled
def _write_chain(
    low: npt.NDArray[np.int64],
    high: npt.NDArray[np.int64],
    plane: int,
    chain: npt.NDArray[np.int64],
    corners: Corners,
    found: int,
) -> int:
    """Write the corners of the hull of one plane: the left and the right chain over its rows (Andrew 1979)."""
    for turn in (1, -1):
        ends = low if turn == 1 else high
        size = 0
        for row in range(ends.size):
            if abs(ends[row]) >= NONE:
                continue
            while size > 1 and _is_inside(ends, chain[size - 2], chain[size - 1], row, turn):
                size -= 1
            chain[size] = row
            size += 1
        for index in range(size):
            corners[found, 0] = plane
            corners[found, 1] = chain[index] - 1
            corners[found, 2] = ends[chain[index]]
            found += 1
    return found


@compiled
def _is_inside(ends: npt.NDArray[np.int64], first: int, middle: int, last: int, turn: int) -> bool:
    """Tell whether the middle of three places does not stand out beyond the line between the other two."""
    across = (ends[middle] - ends[first]) * (last - first) - (ends[last] - ends[first]) * (middle - first)
    return bool(turn * across >= 0)
