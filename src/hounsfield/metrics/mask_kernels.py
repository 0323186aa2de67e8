"""Compiled loops over masks held as words of eight voxels: how much is set, where in each row, and what is shared.

A byte of a word is one voxel, 0 or 1; its first voxel lies in the lowest byte. Most of a mask is empty, and a row of
empty words is told by or-ing them, which runs as fast as memory is read.
"""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled

Words = npt.NDArray[np.uint64]
Extents = npt.NDArray[np.int32]

EVEN_BYTES = np.uint64(0x00FF00FF00FF00FF)
EVEN_SUMS = np.uint64(0x0001000100010001)
BYTE_SUMS = np.uint64(0x0101010101010101)
BYTE = np.uint64(8)
TOP_TWO = np.uint64(48)
TOP = np.uint64(56)
NOTHING = np.uint64(0)
LONGEST_SUM = 255
"""Words that can be added before the sum of one byte, at most 1 in each, overflows."""


@compiled
def voxels_in(word: np.uint64) -> int:
    """Return the number of voxels that are set in a word."""
    return int((word * BYTE_SUMS) >> TOP)


@compiled
def _sum_of_bytes(word: np.uint64) -> np.int64:
    pairs = (word & EVEN_BYTES) + ((word >> BYTE) & EVEN_BYTES)
    return np.int64((pairs * EVEN_SUMS) >> TOP_TWO)


@compiled
def row_is_empty(row: Words) -> bool:
    """Tell whether no voxel of a row is set."""
    found = NOTHING
    for index in range(row.size):
        found |= row[index]
    return bool(found == NOTHING)


@compiled
def _count(row: Words, start: int, stop: int) -> int:
    total = 0
    while start < stop:
        end = min(start + LONGEST_SUM, stop)
        sums = NOTHING
        for index in range(start, end):
            sums += row[index]
        total += int(_sum_of_bytes(sums))
        start = end
    return total


@compiled
def _count_common(first: Words, second: Words, start: int, stop: int) -> int:
    total = 0
    while start < stop:
        end = min(start + LONGEST_SUM, stop)
        sums = NOTHING
        for index in range(start, end):
            sums += first[index] & second[index]
        total += int(_sum_of_bytes(sums))
        start = end
    return total


@compiled
def _measure_row(row: Words, extent: Extents) -> int:
    """Write the first word that is not empty and the one after the last, and return the voxels between them."""
    if row_is_empty(row):
        extent[0] = 0
        extent[1] = 0
        return 0
    start, stop = 0, row.size
    while row[start] == NOTHING:
        start += 1
    while row[stop - 1] == NOTHING:
        stop -= 1
    extent[0] = start
    extent[1] = stop
    return _count(row, start, stop)


@compiled
def scan_pair(
    first: Words,
    second: Words,
    first_extents: Extents,
    second_extents: Extents,
    start: int,
    stop: int,
) -> tuple[int, int, int]:
    """Count the voxels of two masks and those they share, and write where each row of theirs is not empty.

    Args:
        first: (slice, row, word).
        second: the same shape.
        first_extents: (slice, row, 2) first word that is not empty and the one after the last, written.
        second_extents: the same of the second mask, written.
        start: first slice to look at.
        stop: slice after the last.

    Returns:
        Voxels of the first mask, of the second, of both.
    """
    in_first, in_second, in_both = 0, 0, 0
    for plane in range(start, stop):
        for line in range(first.shape[1]):
            one, two = first[plane, line], second[plane, line]
            found = _measure_row(one, first_extents[plane, line])
            other = _measure_row(two, second_extents[plane, line])
            in_first += found
            in_second += other
            if found > 0 and other > 0:
                in_both += _count_common(one, two, 0, one.size)
    return in_first, in_second, in_both
