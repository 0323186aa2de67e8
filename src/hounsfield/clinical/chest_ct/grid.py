"""Grids that the chest CT task works on: block means for the lungs, samples of one spacing around a place."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from hounsfield.core.volume import Samples, Volume

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]

AIR_HU, DENSEST_HU = -1024, 3071


def block_means(array: Samples, factors: tuple[int, int, int]) -> Floats:
    """Return the means of blocks of (slice, row, column) voxels; voxels beyond the last whole block are left out.

    Values are held within -1024..3071 HU, so that padding does not pull a mean down.
    """
    slices, rows, columns = (count // factor for count, factor in zip(array.shape, factors, strict=True))
    result = np.empty((slices, rows, columns), dtype=np.float32)
    for index in range(slices):
        start = index * factors[0]
        part = np.clip(
            array[start : start + factors[0], : rows * factors[1], : columns * factors[2]], AIR_HU, DENSEST_HU
        )
        blocks = part.reshape(factors[0], rows, factors[1], columns, factors[2])
        result[index] = blocks.mean(axis=(0, 2, 4), dtype=np.float32)
    return result


def around(
    volume: Volume, centre: npt.ArrayLike, reach_mm: float, step_mm: float
) -> tuple[Floats, npt.NDArray[np.float64]]:
    """Return samples of one spacing on all axes around an index of a volume.

    Args:
        volume: in Hounsfield units.
        centre: slice, row and column index.
        reach_mm: from the centre to each side.
        step_mm: distance of the samples.

    Returns:
        The cube, read trilinearly and with the edge voxels beyond the edge, and its index coordinates along each axis,
        (3, n).
    """
    count = int(np.ceil(reach_mm / step_mm))
    offsets = np.arange(-count, count + 1) * step_mm
    middle, spacing = np.asarray(centre, dtype=np.float64), np.asarray(volume.geometry.spacing_mm)
    lines = middle[:, None] + offsets[None] / spacing[:, None]
    start = np.maximum(np.floor(lines[:, 0]).astype(int) - 1, 0)
    stop = np.ceil(lines[:, -1]).astype(int) + 2
    box = tuple(slice(int(low), int(high)) for low, high in zip(start, stop, strict=True))
    part = np.clip(volume.array[box], AIR_HU, DENSEST_HU).astype(np.float32)
    places = np.meshgrid(*(lines - start[:, None]), indexing="ij")
    return map_coordinates(part, places, order=1, mode="nearest"), lines


def read_at(array: Samples, lines: npt.NDArray[np.float64]) -> Flags:
    """Return a mask read on lines of index coordinates (3, n), the nearest voxel each."""
    nearest = [np.clip(np.rint(line).astype(int), 0, count - 1) for line, count in zip(lines, array.shape, strict=True)]
    return np.asarray(array[np.ix_(*nearest)], dtype=bool)
