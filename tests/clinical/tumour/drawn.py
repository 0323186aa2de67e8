"""Lesions of known size, drawn in patient millimetres, and the images that hold them."""

import numpy as np

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume

TISSUE, LESION = 40.0, 110.0


def grid(shape=(24, 48, 48), spacing=(3.0, 1.0, 1.0), origin=(-20.0, -15.0, 100.0)) -> VolumeGeometry:
    return VolumeGeometry(shape, spacing, origin)


def ellipsoid(geometry: VolumeGeometry, centre, half_mm) -> np.ndarray:
    """Which voxel centres lie in an ellipsoid; centre as an index, half axes along slice, row and column."""
    axes = np.ogrid[tuple(slice(0, side) for side in geometry.shape)]
    steps = zip(axes, centre, geometry.spacing_mm, half_mm, strict=True)
    terms = (((axis - at) * step / half) ** 2 for axis, at, step, half in steps)
    return sum(terms) <= 1.0


def image(inside, geometry, noise=0.0, quantity=Quantity.HOUNSFIELD, values=(TISSUE, LESION)) -> Volume:
    array = np.where(inside, values[1], values[0]).astype(np.float32)
    array += np.random.default_rng(5).normal(0.0, noise, array.shape).astype(np.float32) if noise else 0.0
    return Volume(array, geometry, quantity)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2.0 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))
