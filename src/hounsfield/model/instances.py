"""Instances: from the probabilities of background, interior and border to objects that touch but do not merge.

The network learns three labels: background, interior, and the border that keeps neighbours apart (DCAN, Chen 2016; the
winning way of the 2018 Data Science Bowl, Caicedo 2019). Interiors that hang together are one object each; the border
goes to the nearest of them. Where a model asks for it, interiors that the network joined are cut where they are narrow.
"""

import itertools
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Labels = npt.NDArray[np.integer[Any]]
Depths = npt.NDArray[np.float64]

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


def decode_instances(learned: Labels, least_samples: int = 1, smoothing_samples: float = 0.0) -> npt.NDArray[np.int32]:
    """Return numbered objects (slice, row, column), from 1 in scan order, from interior and border labels.

    Args:
        learned: (slice, row, column) 0 background, 1 interior, 2 border.
        least_samples: smaller objects are dropped.
        smoothing_samples: above 0, interiors are cut along the valleys of their depth (the distance to the background),
            smoothed by a Gaussian of this width: each hill is an object (watershed, Meyer 1991).
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
    if smoothing_samples > 0:
        objects = _cut(objects, seeds, smoothing_samples)
    return _numbered(objects, least_samples)


def _cut(objects: npt.NDArray[Any], seeds: npt.NDArray[Any], smoothing_samples: float) -> npt.NDArray[np.int32]:
    """Return an object for each hill of the smoothed depth, and for each object that holds no top of a hill."""
    is_object = objects > 0
    # a slice is no place to smooth across: objects are told apart in it
    widths = (smoothing_samples if is_object.shape[0] > 1 else 0.0, smoothing_samples, smoothing_samples)
    depth = ndimage.gaussian_filter(_depth(is_object), widths)
    side = 2 * int(smoothing_samples) + 1
    is_top = is_object & (depth == ndimage.maximum_filter(depth, [side if width else 1 for width in widths]))
    whole = np.ones((3, 3, 3), dtype=bool)
    markers, count = ndimage.label(is_top, structure=whole)
    is_bare = (seeds > 0) & ~np.isin(seeds, objects[is_top])
    markers = np.where(is_bare, count + seeds, markers)
    return _flooded(depth, is_object, markers)


def _flooded(depth: Depths, is_object: npt.NDArray[np.bool_], markers: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Return the markers spread over the objects, from the deepest samples to the edge."""
    from hounsfield.model.flood_kernels import flood

    framed = np.pad(markers.astype(np.int32), 1)
    heights, inside = np.pad(depth, 1).ravel(), np.pad(is_object, 1).ravel()
    places = np.flatnonzero(inside)
    sides = framed.shape[1] * framed.shape[2], framed.shape[2], 1
    offsets = [step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)]
    offsets.sort(key=lambda step: sum(abs(part) for part in step))
    steps = np.array([np.dot(step, sides) for step in offsets], dtype=np.int64)
    flood(places[np.argsort(-heights[places], kind="stable")], steps, framed.reshape(-1))
    return framed[1:-1, 1:-1, 1:-1]


def _depth(is_object: npt.NDArray[np.bool_]) -> Depths:
    """Return the distance to the background; the edge of the image is none."""
    if is_object.all():
        return np.ones(is_object.shape)
    return np.asarray(ndimage.distance_transform_edt(is_object), dtype=np.float64)


def _numbered(objects: npt.NDArray[Any], least_samples: int) -> npt.NDArray[np.int32]:
    """Return objects of a size numbered in scan order from 1."""
    values, first, places, sizes = np.unique(objects, return_index=True, return_inverse=True, return_counts=True)
    kept = np.flatnonzero((values > 0) & (sizes >= least_samples))
    numbers = np.zeros(len(values), dtype=np.int32)
    numbers[kept[first[kept].argsort()]] = np.arange(1, len(kept) + 1)
    return numbers[places].reshape(objects.shape)
