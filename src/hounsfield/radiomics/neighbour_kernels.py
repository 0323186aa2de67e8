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
    places: npt.NDArray[np.int64],
    pairs: Counts,
    tones: Sums,
    dependence: Counts,
) -> None:
    """Count what voxels have beside them.

    Args:
        levels: framed levels, flat.
        steps: distance in memory to the neighbour in each direction; the opposite ones are meant too.
        places: of the voxels in memory.
        pairs: (direction, level, level) is added to: a voxel and its neighbour in that direction, once each way.
        tones: (level, 2) is added to: voxels that have neighbours, and their summed difference to the mean of these.
        dependence: (level, number of like neighbours) is added to.
    """
    for place in places:
        own = levels[place]
        total, count, like = 0, 0, 0
        for direction in range(steps.size):
            there = levels[place + steps[direction]]
            back = levels[place - steps[direction]]
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
def count_runs(levels: Levels, steps: npt.NDArray[np.int64], places: npt.NDArray[np.int64], runs: Counts) -> None:
    """Count the runs of equal levels along each direction that begin at one of the places.

    Args:
        levels: framed levels, flat.
        steps: distance in memory to the next voxel in each direction.
        places: of the voxels in memory.
        runs: (direction, level, length) is added to.
    """
    for place in places:
        own = levels[place]
        for direction in range(steps.size):
            step = steps[direction]
            if levels[place - step] == own:
                continue
            length, there = 1, place + step
            while levels[there] == own:
                length += 1
                there += step
            runs[direction, own - 1, length - 1] += 1
