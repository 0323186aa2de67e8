"""Compiled loops that join voxels of one level into zones, and tell how deep in the region each voxel lies."""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled

Levels = npt.NDArray[np.int32]
Places = npt.NDArray[np.int32]


@compiled
def _root(parents: Places, place: int) -> int:
    while parents[place] != place:
        parents[place] = parents[parents[place]]
        place = parents[place]
    return place


@compiled
def join_zones(levels: Levels, steps: npt.NDArray[np.int64], places: npt.NDArray[np.int64], parents: Places) -> None:
    """Join each voxel with the earlier neighbours of its level (union-find; the first voxel of a zone is its root).

    Args:
        levels: framed levels, flat.
        steps: distances in memory back to the earlier neighbours.
        places: of the voxels in memory, rising.
        parents: (voxel of the frame,), written at the places.
    """
    for place in places:
        own = levels[place]
        parents[place] = place
        root = place
        for index in range(steps.size):
            there = place - steps[index]
            if levels[there] == own:
                other = _root(parents, there)
                if other < root:
                    parents[root] = other
                    root = other
                elif other > root:
                    parents[other] = root


@compiled
def measure_zones(
    levels: Levels,
    depths: Levels,
    places: npt.NDArray[np.int64],
    parents: Places,
    sizes: Places,
    zones: Levels,
) -> int:
    """Write level, size and least depth of each zone, and return their number.

    Args:
        levels: framed levels, flat.
        depths: framed depth of each voxel in the region, 1 at its edge; flat.
        places: of the voxels in memory, rising.
        parents: as ``join_zones`` left them.
        sizes: (voxel of the frame,) of work space: the number of each zone.
        zones: (zone, 3) is written: level, size, depth.
    """
    found = 0
    for place in places:
        root = _root(parents, place)
        if root == place:
            sizes[root] = found
            zones[found, 0], zones[found, 1], zones[found, 2] = levels[place], 1, depths[place]
            found += 1
            continue
        zone = sizes[root]
        zones[zone, 1] += 1
        zones[zone, 2] = min(zones[zone, 2], depths[place])
    return found


@compiled
def write_depths(inside: npt.NDArray[np.bool_], depths: Levels, is_planar: bool) -> None:
    """Write the city-block distance of each voxel to the outside of the region: 1 at its edge, 0 outside.

    Two scans, forward and back (Rosenfeld and Pfaltz 1968).

    Args:
        inside: framed region (slice, row, column).
        depths: framed, contiguous zeros; written.
        is_planar: neighbours in other slices do not count.
    """
    slices, rows, columns = inside.shape
    given, found = inside.ravel(), depths.ravel()
    deepest = slices + rows + columns
    for place in range(given.size):
        if given[place]:
            found[place] = deepest
    strides = (1, columns, 0 if is_planar else rows * columns)
    _lower(found, strides, 1)
    _lower(found, strides, -1)


@compiled
def _lower(depths: npt.NDArray[np.int32], strides: tuple[int, int, int], turn: int) -> None:
    """Lower each depth to one more than that of the neighbours already seen, in one scan forward (1) or back (-1)."""
    for step in range(depths.size):
        place = step if turn > 0 else depths.size - 1 - step
        if depths[place] > 0:
            least = depths[place]
            for stride in strides:
                if stride:
                    least = min(least, depths[place - turn * stride] + 1)
            depths[place] = least
