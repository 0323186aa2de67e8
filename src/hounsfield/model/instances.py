"""Instances: from the probabilities of background, interior and border to objects that touch but do not merge.

The network learns three labels: background, interior, and the border that keeps neighbours apart (DCAN, Chen 2016; the
winning way of the 2018 Data Science Bowl, Caicedo 2019). Interiors that hang together are one object each; the border
goes to the nearest of them.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Labels = npt.NDArray[np.integer[Any]]

INTERIOR: Final = 1
BORDER: Final = 2
REACH_SAMPLES: Final = 8.0
"""Farthest that border samples may lie from the interior they are given to."""


def with_borders(objects: Labels) -> npt.NDArray[np.uint8]:
    """Return what the network learns: 0 background, 1 interior, 2 border, from numbered objects (slice, row, column).

    The border of an object is the outermost samples within it, in its slice: those with a neighbour (8 of them) of
    another number. An object that would be all border keeps the samples farthest from its edge as interior.
    """
    ring = np.zeros(objects.shape, dtype=bool)
    for index, plane in enumerate(objects):
        highest = ndimage.maximum_filter(plane, 3, mode="nearest")
        lowest = ndimage.minimum_filter(plane, 3, mode="nearest")
        ring[index] = (plane > 0) & ((highest != plane) | (lowest != plane))
    learned = np.where(objects > 0, np.where(ring, BORDER, INTERIOR), 0).astype(np.uint8)
    lost = np.setdiff1d(np.unique(objects), np.append(np.unique(objects[learned == INTERIOR]), 0))
    for number in lost:
        inside = objects == number
        depth = ndimage.distance_transform_edt(inside)
        learned[inside & (depth >= depth.max())] = INTERIOR
    return learned


def decode_instances(learned: Labels, least_samples: int = 1) -> npt.NDArray[np.int32]:
    """Return numbered objects (slice, row, column), from 1 in scan order, from interior and border labels.

    Args:
        learned: (slice, row, column) 0 background, 1 interior, 2 border.
        least_samples: smaller objects are dropped.
    """
    reach_all = np.ones((3, 3, 3) if learned.shape[0] > 1 else (1, 3, 3), dtype=int)
    plus = ndimage.generate_binary_structure(3, 1) & (reach_all.shape[0] == 3)
    plus[1] |= ndimage.generate_binary_structure(2, 1)
    seeds, count = ndimage.label(learned == INTERIOR, structure=plus)
    if not count:
        return np.zeros(learned.shape, dtype=np.int32)
    away, nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
    is_object = (learned > 0) & (away <= REACH_SAMPLES)
    objects = np.where(is_object, seeds[tuple(nearest)], 0)
    sizes = np.bincount(objects.ravel(), minlength=count + 1)
    kept = np.flatnonzero((sizes >= least_samples) & (np.arange(count + 1) > 0))
    numbers = np.zeros(count + 1, dtype=np.int32)
    numbers[kept] = np.arange(1, len(kept) + 1)
    return np.asarray(numbers[objects], dtype=np.int32)
