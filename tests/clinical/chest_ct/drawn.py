"""Small fields with known answers for the tests of the nodule search, drawn without the package's own drawing."""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import convolve1d

from hounsfield.clinical.chest_ct.airways import Airways
from hounsfield.clinical.chest_ct.lungs import Lung, Lungs
from hounsfield.core.finding import Laterality
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume

AIR, TISSUE = -850.0, 40.0


def places(shape, spacing=(1.0, 1.0, 1.0)):
    """Return z, y and x in millimetres from voxel 0."""
    return np.meshgrid(*(np.arange(n) * s for n, s in zip(shape, spacing, strict=True)), indexing="ij")


def share(depth):
    """Return how full a voxel of 1 mm is whose centre lies this deep inside a smooth surface."""
    return np.clip(depth + 0.5, 0, 1)


def ball(centre, diameter) -> Callable[..., np.ndarray]:
    return lambda z, y, x: share(
        diameter / 2 - np.sqrt((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2)
    )


def tube(through, along, diameter) -> Callable[..., np.ndarray]:
    unit = np.asarray(along, float) / np.linalg.norm(along)

    def depth(*grid):
        offset = np.stack([line - c for line, c in zip(grid, through, strict=True)], axis=-1)
        across = offset - (offset @ unit)[..., None] * unit
        return share(diameter / 2 - np.linalg.norm(across, axis=-1))

    return depth


def plate(through, normal, thickness) -> Callable[..., np.ndarray]:
    unit = np.asarray(normal, float) / np.linalg.norm(normal)

    def depth(*grid):
        return share(thickness / 2 - np.abs(sum((g - c) * u for g, c, u in zip(grid, through, unit, strict=True))))

    return depth


def scan(parts, spacing=(1.0, 1.0, 1.0), size=48.0, value=TISSUE) -> Volume:
    """Return air of the lung with dense parts in it, int16."""
    shape = tuple(round(size / s) for s in spacing)
    full = np.zeros(shape)
    for part in parts:
        full = np.maximum(full, part(*places(shape, spacing)))
    array = np.rint(AIR + (value - AIR) * full).astype(np.int16)
    return Volume(array, VolumeGeometry(shape, spacing), Quantity.HOUNSFIELD)


def lung_of(volume, factors=(1, 1, 1), mask=None) -> Lungs:
    """Return one lung that fills the volume, or the blocks of a mask."""
    shape = tuple(n // f for n, f in zip(volume.array.shape, factors, strict=True))
    mask = np.ones(shape, bool) if mask is None else mask
    spacing = tuple(s * f for s, f in zip(volume.geometry.spacing_mm, factors, strict=True))
    none = Airways(np.zeros(shape, bool), is_assessed=False)
    return Lungs((Lung(Laterality.LEFT, mask, mask),), none, factors, spacing)


def eigenvalues(smooth):
    """Return the eigenvalues of the Hessian by central differences, ascending, (slice, row, column, 3)."""
    wide = smooth.astype(np.float64)
    hessian = np.empty((*smooth.shape, 3, 3))
    for i in range(3):
        for j in range(3):
            if i == j:
                hessian[..., i, i] = convolve1d(wide, [1.0, -2.0, 1.0], axis=i)
            else:
                hessian[..., i, j] = convolve1d(convolve1d(wide, [0.5, 0, -0.5], axis=i), [0.5, 0, -0.5], axis=j)
    return np.linalg.eigvalsh(hessian)


def brute_response(smooth, scale):
    """Return the ball response by numpy: scale * e1^2 / |e3| where all eigenvalues are negative; 0 at the faces."""
    found = eigenvalues(smooth)
    lowest, highest = found[..., 0], found[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        result = np.where(highest < 0, scale * highest**2 / -lowest, 0.0)
    edge = np.ones(smooth.shape, bool)
    edge[1:-1, 1:-1, 1:-1] = False
    result[edge] = 0.0
    return result
