"""Kernels of Canny's edges: thinning along the gradient, and tracking of weak edges from strong ones."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled

Lengths = npt.NDArray[np.float32]
Marks = npt.NDArray[np.uint8]

WEAK, STRONG = 1, 2


@compiled
def thin(steps: tuple[Lengths, Lengths], lengths: Lengths, limits: tuple[float, float], marks: Marks) -> None:
    """Mark the samples whose gradient is no shorter than on either side along it, by the limits that it reaches.

    On either side it is read between the two neighbours that the direction passes; the outermost rows and columns,
    which have a neighbour on one side alone, stay unmarked.

    Args:
        steps: the direction of the gradient in samples along rows and columns, of any length.
        lengths: (row, column) of the gradient.
        limits: of weak and of strong edges.
        marks: (row, column), filled with 0, ``WEAK`` or ``STRONG``.
    """
    down, across = steps
    marks[:] = 0
    for r in range(1, lengths.shape[0] - 1):
        for c in range(1, lengths.shape[1] - 1):
            length = lengths[r, c]
            if length < limits[0] or length <= 0:
                continue
            rows, columns = abs(down[r, c]), abs(across[r, c])
            side = 1 if (down[r, c] >= 0) == (across[r, c] >= 0) else -1
            if rows >= columns:
                share = columns / rows
                after = lengths[r + 1, c] * (1 - share) + lengths[r + 1, c + side] * share
                before = lengths[r - 1, c] * (1 - share) + lengths[r - 1, c - side] * share
            else:
                share = rows / columns
                after = lengths[r, c + 1] * (1 - share) + lengths[r + side, c + 1] * share
                before = lengths[r, c - 1] * (1 - share) + lengths[r - side, c - 1] * share
            if after <= length and before <= length:
                marks[r, c] = STRONG if length >= limits[1] else WEAK


@compiled
def track(marks: Marks) -> None:
    """Make strong what is weak and joined to something strong through any of the eight neighbours."""
    rows, columns = marks.shape
    waiting = np.empty((marks.size, 2), np.int32)
    count = 0
    for r in range(rows):
        for c in range(columns):
            if marks[r, c] == STRONG:
                waiting[count, 0], waiting[count, 1] = r, c
                count += 1
    while count > 0:
        count -= 1
        row, column = waiting[count, 0], waiting[count, 1]
        for r in range(max(row - 1, 0), min(row + 2, rows)):
            for c in range(max(column - 1, 0), min(column + 2, columns)):
                if marks[r, c] == WEAK:
                    marks[r, c] = STRONG
                    waiting[count, 0], waiting[count, 1] = r, c
                    count += 1


@compiled
def keep_strong(marks: Marks, out: npt.NDArray[Any]) -> None:
    """Write 1 where an edge is strong, 0 elsewhere."""
    for r in range(marks.shape[0]):
        for c in range(marks.shape[1]):
            out[r, c] = 1 if marks[r, c] == STRONG else 0
