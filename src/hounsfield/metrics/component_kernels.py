"""Compiled loops that label connected components by runs: stretches of set voxels in one row.

Runs are found word by word, joined with the runs they touch in the rows before by union-find (the root of a set is its
first run in scan order), and measured run by run; no voxel is looked at twice. He et al. 2017, Pattern Recognition
70:25, section 3.3 (run-based two-scan algorithms).
"""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled
from hounsfield.metrics.mask_kernels import BYTE, NOTHING, TOP, Words, row_is_empty, voxels_in

Integers = npt.NDArray[np.int64]
Runs = npt.NDArray[np.int32]

FIRST = np.uint64(1)
ALL = np.uint64(0x0101010101010101)
VOXEL = np.uint64(0xFF)


@compiled
def count_runs(words: Words, counts: Integers, start: int, stop: int) -> None:
    """Write the number of runs of each row (slice, row)."""
    for plane in range(start, stop):
        for line in range(words.shape[1]):
            row = words[plane, line]
            found = 0
            if not row_is_empty(row):
                carried = NOTHING
                for index in range(row.size):
                    word = row[index]
                    found += voxels_in(word & ~((word << BYTE) | carried))
                    carried = word >> TOP
            counts[plane, line] = found


@compiled
def _write_runs(row: Words, runs: Runs, place: int) -> None:
    """Write (start, stop) of each run of a row."""
    is_open = False
    for index in range(row.size):
        word = row[index]
        if word == (ALL if is_open else NOTHING):
            continue
        for byte in range(8):
            is_set = (word & VOXEL) != NOTHING
            if is_set and not is_open:
                runs[place, 0] = index * 8 + byte
            elif is_open and not is_set:
                runs[place, 1] = index * 8 + byte
                place += 1
            is_open = is_set
            word >>= BYTE
    if is_open:
        runs[place, 1] = row.size * 8


@compiled
def root_of(parents: Integers, run: int) -> int:
    """Return the first run of the set of a run, and shorten the way to it."""
    while parents[run] != run:
        parents[run] = parents[parents[run]]
        run = parents[run]
    return run


@compiled
def _join(parents: Integers, one: int, two: int) -> None:
    one, two = root_of(parents, one), root_of(parents, two)
    if one < two:
        parents[two] = one
    else:
        parents[one] = two


@compiled
def _join_rows(runs: Runs, parents: Integers, here: tuple[int, int], there: tuple[int, int], reach: int) -> None:
    """Join the runs of two rows that share a column, or with a reach of 1 touch at a corner."""
    one, two = here[0], there[0]
    while one < here[1] and two < there[1]:
        if runs[one, 0] < runs[two, 1] + reach and runs[two, 0] < runs[one, 1] + reach:
            _join(parents, one, two)
        if runs[one, 1] < runs[two, 1]:
            one += 1
        else:
            two += 1


@compiled
def find_runs(words: Words, starts: Integers, runs: Runs, parents: Integers, start: int, stop: int) -> None:
    """Write the runs of the rows from ``start`` to ``stop``, counted through all slices, each a set of its own."""
    rows = words.shape[1]
    for row in range(start, stop):
        if starts[row] < starts[row + 1]:
            _write_runs(words[row // rows, row % rows], runs, starts[row])
        for run in range(starts[row], starts[row + 1]):
            parents[run] = run


@compiled
def join_planes(
    runs: Runs, starts: Integers, parents: Integers, rows: int, neighbours: Integers, span: tuple[int, int]
) -> None:
    """Join the runs of slices with those of the rows before them.

    Args:
        runs: (run, 2) start and stop.
        starts: where each row's runs begin.
        parents: (run,) the set of each run; changed.
        rows: rows of a slice.
        neighbours: (neighbour, 3) slices and rows to go, and the reach across columns, 0 or 1.
        span: first slice and the one after the last.
    """
    for row in range(span[0] * rows, span[1] * rows):
        here = (starts[row], starts[row + 1])
        if here[0] == here[1]:
            continue
        for place in range(neighbours.shape[0]):
            plane, line = row // rows + neighbours[place, 0], row % rows + neighbours[place, 1]
            if plane >= 0 and 0 <= line < rows:
                other = plane * rows + line
                _join_rows(runs, parents, here, (starts[other], starts[other + 1]), neighbours[place, 2])


@compiled
def number_sets(parents: Integers, numbers: Runs) -> int:
    """Write the label of each run, from 1 in scan order of the sets' first voxels, and return how many there are."""
    count = 0
    for run in range(parents.size):
        root = root_of(parents, run)
        if root == run:
            count += 1
            numbers[run] = count
        else:
            numbers[run] = numbers[root]
    return count


@compiled
def measure_sets(
    runs: Runs, starts: Integers, rows: int, numbers: Runs, out: tuple[Integers, Integers, Integers]
) -> None:
    """Add up the voxels (n,), boxes (n, 3, 2) and sums of coordinates (n, 3) of the sets."""
    sizes, boxes, sums = out
    for row in range(starts.size - 1):
        plane, line = row // rows, row % rows
        for run in range(starts[row], starts[row + 1]):
            label = numbers[run] - 1
            first, after = np.int64(runs[run, 0]), np.int64(runs[run, 1])
            length = after - first
            if sizes[label] == 0:
                boxes[label, :, 0] = (plane, line, first)
            sizes[label] += length
            sums[label, 0] += plane * length
            sums[label, 1] += line * length
            sums[label, 2] += (first + after - 1) * length // 2
            boxes[label, 0, 1] = plane + 1
            boxes[label, 1, 0] = min(boxes[label, 1, 0], line)
            boxes[label, 1, 1] = max(boxes[label, 1, 1], line + 1)
            boxes[label, 2, 0] = min(boxes[label, 2, 0], first)
            boxes[label, 2, 1] = max(boxes[label, 2, 1], after)


@compiled
def write_labels(runs: Runs, starts: Integers, numbers: Runs, labels: Runs, start: int, stop: int) -> None:
    """Write the labels of the rows from ``start`` to ``stop`` into (row, column), which is 0 elsewhere."""
    for row in range(start, stop):
        for run in range(starts[row], starts[row + 1]):
            labels[row, runs[run, 0] : runs[run, 1]] = numbers[run]
