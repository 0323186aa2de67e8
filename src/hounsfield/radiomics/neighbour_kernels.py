"""Compiled loops over neighbouring voxels: co-occurrence, grey tone difference, dependence and runs in one region.

All take levels in a frame of one empty voxel on every side, so no loop asks where the region ends. Level 0 is outside.
"""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled

Levels = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]
Sums = npt.NDArray[np.float64]


@compiled
def count_neighbours(
    levels: Levels,
    steps: npt.NDArray[np.int64],
    span: tuple[int, int],
    pairs: Counts,
    tones: Sums,
    dependence: Counts,
) -> None:
    """Count what each voxel of a run of slices has beside it.

    Args:
        levels: framed levels (slice, row, column), contiguous.
        steps: distance in memory to the neighbour in each direction; the opposite ones are meant too.
        span: first slice and the one after the last, in the frame.
        pairs: (direction, level, level) is added to: a voxel and its neighbour in that direction, once each way.
        tones: (level, 2) is added to: voxels that have neighbours, and their summed difference to the mean of these.
        dependence: (level, number of like neighbours) is added to.
    """
    flat = levels.ravel()
    rows, columns = levels.shape[1], levels.shape[2]
    for plane in range(span[0], span[1]):
        for row in range(1, rows - 1):
            start = (plane * rows + row) * columns
            for place in range(start + 1, start + columns - 1):
                own = flat[place]
                if own == 0:
                    continue
                total, count, like = 0, 0, 0
                for direction in range(steps.size):
                    there = flat[place + steps[direction]]
                    back = flat[place - steps[direction]]
                    if there > 0:
                        pairs[direction, own - 1, there - 1] += 1
                        total += there
                        count += 1
                        like += there == own
                    if back > 0:
                        total += back
                        count += 1
                        like += back == own
                if count > 0:
                    tones[own - 1, 0] += 1
                    tones[own - 1, 1] += abs(own - total / count)
                dependence[own - 1, like] += 1


@compiled
def count_runs(
    levels: Levels, steps: npt.NDArray[np.int64], span: tuple[int, int], first_direction: int, runs: Counts
) -> None:
    """Count the runs of equal levels along each direction; a run may leave the span, but begins in it.

    Args:
        levels: framed levels (slice, row, column), contiguous.
        steps: distance in memory to the next voxel in each direction.
        span: first slice and the one after the last, in the frame.
        first_direction: where ``runs`` begins for these steps.
        runs: (direction, level, length) is added to.
    """
    flat = levels.ravel()
    rows, columns = levels.shape[1], levels.shape[2]
    for plane in range(span[0], span[1]):
        for row in range(1, rows - 1):
            start = (plane * rows + row) * columns
            for place in range(start + 1, start + columns - 1):
                own = flat[place]
                if own == 0:
                    continue
                for direction in range(steps.size):
                    step = steps[direction]
                    if flat[place - step] == own:
                        continue
                    length, there = 1, place + step
                    while flat[there] == own:
                        length += 1
                        there += step
                    runs[first_direction + direction, own - 1, length - 1] += 1
