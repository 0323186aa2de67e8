"""Compiled loops that find the surface of a mask and the distance from each of its points to another surface.

A surface is kept as rows: the columns of its points in each row, one after another, and where each row starts among
them. A point looks for its nearest partner row by row, in the order of the rows' distance, and stops as soon as no
row can hold a nearer one. What lies beyond the rows looked at is left to a k-d tree.
"""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled
from hounsfield.metrics.mask_kernels import BYTE, NOTHING, TOP, Words, voxels_in

Columns = npt.NDArray[np.int32]
Starts = npt.NDArray[np.int64]
Distances = npt.NDArray[np.float64]

VOXEL = np.uint64(0xFF)
BEYOND = -1.0
"""Distance of a point that found no partner within the rows looked at."""
_SLICE_BITS = 4


@compiled
def _word(words: Words, plane: int, line: int, index: int) -> np.uint64:
    """Return a word of the mask, which is empty outside its grid."""
    if plane < 0 or plane >= words.shape[0] or line < 0 or line >= words.shape[1]:
        return NOTHING
    return np.uint64(words[plane, line, index]) if 0 <= index < words.shape[2] else NOTHING


@compiled
def _surface_word(words: Words, plane: int, line: int, index: int, is_planar: bool) -> np.uint64:
    """Return the voxels of a word that have an empty neighbour across a face."""
    word = np.uint64(words[plane, line, index])
    if word == NOTHING:
        return word
    before, after = _word(words, plane, line, index - 1), _word(words, plane, line, index + 1)
    inside = ((word << BYTE) | (before >> TOP)) & ((word >> BYTE) | (after << TOP))
    inside &= _word(words, plane, line - 1, index) & _word(words, plane, line + 1, index)
    if not is_planar:
        inside &= _word(words, plane - 1, line, index) & _word(words, plane + 1, line, index)
    return word & ~inside


@compiled
def count_surface(
    words: Words, extents: Columns, is_planar: bool, counts: npt.NDArray[np.int64], start: int, stop: int
) -> None:
    """Write the number of surface voxels of each row (slice, row) of the slices from ``start`` to ``stop``."""
    for plane in range(start, stop):
        for line in range(words.shape[1]):
            found = 0
            for index in range(extents[plane, line, 0], extents[plane, line, 1]):
                found += voxels_in(_surface_word(words, plane, line, index, is_planar))
            counts[plane, line] = found


@compiled
def fill_surface(
    words: Words, extents: Columns, is_planar: bool, starts: Starts, columns: Columns, span: tuple[int, int]
) -> None:
    """Write the column of each surface voxel; ``starts`` (slice * row + 1,) says where each row begins."""
    for plane in range(span[0], span[1]):
        for line in range(words.shape[1]):
            place = starts[plane * words.shape[1] + line]
            if place == starts[plane * words.shape[1] + line + 1]:
                continue
            for index in range(extents[plane, line, 0], extents[plane, line, 1]):
                word = _surface_word(words, plane, line, index, is_planar)
                column = index * 8
                while word != NOTHING:
                    if word & VOXEL:
                        columns[place] = column
                        place += 1
                    word >>= BYTE
                    column += 1


@compiled
def _reach(extents: Columns, plane: int, line: int, is_planar: bool) -> tuple[int, int]:
    """Return the words between which one of the rows that meet at a row of corners is not empty."""
    low, high = np.int64(1 << 30), np.int64(0)
    for depth in range(plane if is_planar else plane - 1, plane + 1):
        for row in range(line - 1, line + 1):
            is_inside = 0 <= depth < extents.shape[0] and 0 <= row < extents.shape[1]
            if is_inside and extents[depth, row, 1] > 0:
                low = min(low, extents[depth, row, 0])
                high = max(high, extents[depth, row, 1])
    return int(low), int(high)


@compiled
def _right_voxels(words: Words, plane: int, line: int, column: int, is_planar: bool) -> int:
    """Return the voxels to the right of a corner as bits 6, 4, 2 and 0: slice before and row before come first."""
    index, shift = column >> 3, np.uint64((column & 7) * 8)
    code = np.int64((_word(words, plane, line - 1, index) >> shift) & VOXEL) << 2
    code |= np.int64((_word(words, plane, line, index) >> shift) & VOXEL)
    if not is_planar:
        code |= np.int64((_word(words, plane - 1, line - 1, index) >> shift) & VOXEL) << 6
        code |= np.int64((_word(words, plane - 1, line, index) >> shift) & VOXEL) << 4
    return int(code)


@compiled
def _walk_corners(
    words: Words, extents: Columns, is_planar: bool, where: tuple[int, int], columns: Columns, codes: Columns
) -> int:
    """Return how many surface elements a row of corners has; write them where the arrays have room."""
    plane, line = where
    low, high = _reach(extents, plane, line, is_planar)
    full = 15 if is_planar else 255
    found, left = 0, 0
    for column in range(low * 8, high * 8 + 1):
        right = _right_voxels(words, plane, line, column, is_planar)
        code = (left << 1) | right
        if code not in (0, full):
            if found < columns.size:
                columns[found] = column
                codes[found] = code
            found += 1
        left = right
    return found


@compiled
def count_elements(
    words: Words, extents: Columns, is_planar: bool, counts: npt.NDArray[np.int64], start: int, stop: int
) -> None:
    """Write the number of surface elements of each row of corners (slice + 1, row + 1), or (1, row + 1) in a plane."""
    nothing = np.empty(0, np.int32)
    for plane in range(start, stop):
        for line in range(counts.shape[1]):
            counts[plane, line] = _walk_corners(words, extents, is_planar, (plane, line), nothing, nothing)


@compiled
def fill_elements(
    words: Words,
    extents: Columns,
    is_planar: bool,
    starts: Starts,
    found: tuple[Columns, Columns],
    span: tuple[int, int],
) -> None:
    """Write the column and the neighbourhood of each surface element.

    Args:
        words: (slice, row, word).
        extents: (slice, row, 2).
        is_planar: True where there is one slice, which has no neighbours.
        starts: where each row of corners begins.
        found: columns, and codes of 8 bits: the voxel before in slice, row and column is the highest.
        span: first row of corners, counted through all slices' rows, and the one after the last.
    """
    rows = words.shape[1] + 1
    for row in range(span[0], span[1]):
        start, stop = starts[row], starts[row + 1]
        if start < stop:
            where = (row // rows, row % rows)
            _walk_corners(words, extents, is_planar, where, found[0][start:stop], found[1][start:stop])


@compiled
def _nearest_in_row(columns: Columns, start: int, stop: int, column: int) -> int:
    """Return the distance in columns to the nearest of the ascending columns of a row that is not empty."""
    low, high = start, stop
    while low < high:
        middle = (low + high) >> 1
        if columns[middle] < column:
            low = middle + 1
        else:
            high = middle
    after = columns[low] - column if low < stop else 1 << 30
    before = column - columns[low - 1] if low > start else 1 << 30
    return min(after, before)


@compiled
def _search(
    columns: Columns,
    starts: Starts,
    rows: int,
    point: tuple[int, int, int],
    offsets: npt.NDArray[np.int64],
    squares: tuple[Distances, float],
) -> float:
    """Return the squared distance from one point to the nearest point of a surface within the offsets."""
    planes = (starts.size - 1) // rows
    best = np.inf
    for place in range(offsets.shape[0]):
        if squares[0][place] >= best:
            break
        plane, line = point[0] + offsets[place, 0], point[1] + offsets[place, 1]
        if plane < 0 or plane >= planes or line < 0 or line >= rows:
            continue
        start, stop = starts[plane * rows + line], starts[plane * rows + line + 1]
        if start < stop:
            across = _nearest_in_row(columns, start, stop, point[2]) * squares[1]
            best = min(best, squares[0][place] + across * across)
    return best


@compiled
def near_distances(
    source: tuple[Columns, Starts],
    target: tuple[Columns, Starts],
    rows: int,
    offsets: npt.NDArray[np.int64],
    squares: tuple[Distances, float],
    out: tuple[Distances, int, int],
) -> None:
    """Write the distance from each point of a surface to the nearest point of another.

    Args:
        source: columns and row starts of the surface that asks.
        target: those of the surface that is looked for.
        rows: rows of a slice.
        offsets: (offset, 2) slices and rows to go, nearest first.
        squares: squared distance of each offset in mm2, and the spacing of columns in mm.
        out: distances in mm, or ``BEYOND`` where a nearer point may lie outside the offsets; and the first row, counted
            through all slices, and the one after the last.
    """
    limit = squares[0][squares[0].size - 1]
    for row in range(out[1], out[2]):
        for place in range(source[1][row], source[1][row + 1]):
            point = (row // rows, row % rows, int(source[0][place]))
            found = _search(target[0], target[1], rows, point, offsets, squares)
            out[0][place] = np.sqrt(found) if found <= limit else BEYOND
