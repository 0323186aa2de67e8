"""Volumes with known content for the tests of the preparing steps, and SimpleITK's view of them."""

import numpy as np
import SimpleITK

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume

OBLIQUE = (
    (0.36, 0.48, 0.8),
    (-0.8, 0.6, 0.0),
    (0.48, 0.64, -0.6),
)
"""A rotation with unequal entries: columns are the directions of slices, rows and columns."""


def volume_of(array, quantity=Quantity.DISPLAY, spacing_mm=(2.5, 0.7, 0.4), origin_mm=(-11.0, 23.0, 5.0)):
    """Return an oblique volume with unequal spacings."""
    array = np.asarray(array)
    return Volume(array, VolumeGeometry(array.shape[-3:], spacing_mm, origin_mm, OBLIQUE), quantity)


def smooth(slices=2, rows=41, columns=30, seed=0):
    """Return a smooth volume without any symmetry."""
    chance = np.random.default_rng(seed)
    s, r, c = np.meshgrid(np.arange(slices), np.arange(rows), np.arange(columns), indexing="ij")
    array = np.sin(r / 7 + s) + np.cos(c / 5) + r * c / 900 + chance.random()
    return volume_of(((array - array.min()) / np.ptp(array)).astype(np.float32))


def to_sitk(volume):
    """Return a volume as SimpleITK sees it: index order column, row, slice."""
    image = SimpleITK.GetImageFromArray(volume.array.astype(np.float64))
    direction = np.asarray(volume.geometry.direction)[:, ::-1]
    image.SetDirection(direction.ravel().tolist())
    image.SetSpacing([float(value) for value in volume.geometry.spacing_mm[::-1]])
    image.SetOrigin([float(value) for value in volume.geometry.origin_mm])
    return image


def resampled_by_sitk(volume, geometry, nearest=False):
    """Return the samples of a volume at the places of another grid, found by SimpleITK through patient space alone."""
    grid = Volume(np.zeros(geometry.shape, np.float32), geometry, volume.quantity)
    resampler = SimpleITK.ResampleImageFilter()
    resampler.SetReferenceImage(to_sitk(grid))
    resampler.SetInterpolator(SimpleITK.sitkNearestNeighbor if nearest else SimpleITK.sitkLinear)
    resampler.SetUseNearestNeighborExtrapolator(not nearest)
    resampler.SetDefaultPixelValue(0)
    return SimpleITK.GetArrayFromImage(resampler.Execute(to_sitk(volume)))
