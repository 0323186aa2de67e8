"""Another grid for image and mask: centres aligned, samples interpolated, part of a voxel in the mask (IBSI 2.4)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Array = npt.NDArray[np.float64]
Spacing = tuple[float, float, float]

_ORDERS = {"linear": 1, "cubic": 3}
MARGIN = 24
"""Voxels about a crop that still sway a spline inside it: its filter fades by 0.268 a voxel."""


@dataclass(frozen=True)
class Regrid:
    """One change of grid along the axes of the image.

    Attributes:
        shape: voxels of the new grid.
        spacing_mm: of the new grid.
        starts: place of the new grid's first voxel on the old one, in old voxels.
        steps: old voxels from one new voxel to the next.
    """

    shape: tuple[int, int, int]
    spacing_mm: Spacing
    starts: Spacing
    steps: Spacing

    def apply(self, array: Array, interpolation: str) -> Array:
        """Return the samples on the new grid; beyond the edge the outermost sample goes on.

        Args:
            array: (slice, row, column).
            interpolation: ``linear`` or ``cubic``.
        """
        if all(step == 1 for step in self.steps) and not any(self.starts):
            return array
        order = _ORDERS[interpolation]
        if not np.isfinite(array).all():  # a product of matrices would spread what is no number over the whole grid
            return _affine(array, self.steps, self.starts, self.shape, order)
        for axis, (step, start, side) in enumerate(zip(self.steps, self.starts, self.shape, strict=True)):
            if step != 1 or start != 0:
                weights = _weights(array.shape[axis], side, start, step, order)
                array = np.moveaxis(np.tensordot(weights, array, axes=(1, axis)), 0, axis)
        return np.ascontiguousarray(array)


def _weights(count: int, side: int, start: float, step: float, order: int) -> Array:
    """Return what each old voxel of a line gives to each new one: a spline is a linear sum along every axis."""
    return _affine(np.eye(count), (step, 1.0), (start, 0.0), (side, count), order)


def _affine(
    array: Array, steps: tuple[float, ...], starts: tuple[float, ...], shape: tuple[int, ...], order: int
) -> Array:
    found = ndimage.affine_transform(array, steps, starts, shape, output=np.float64, order=order, mode="nearest")
    return np.asarray(found)


def regrid(shape: tuple[int, ...], spacing_mm: Spacing, wanted_mm: Spacing) -> Regrid:
    """Return the change to a spacing: the centres of both grids fall together (IBSI 2.4, align grid centres)."""
    sides, starts, steps = [], [], []
    for count, own, new in zip(shape, spacing_mm, wanted_mm, strict=True):
        side = max(1, int(np.ceil(count * own / new - 1e-9)))
        sides.append(side)
        # divided first, so that the grid the image has is left exactly: samples at the edges of bins must not move
        step = new / own
        steps.append(step)
        starts.append(((count - 1) - (side - 1) * step) / 2)
    return Regrid(_triple(sides), _triple(wanted_mm), _triple(starts), _triple(steps))


def _triple(values: list[float] | list[int] | Spacing) -> tuple:  # type: ignore[type-arg]
    one, two, three = values
    return one, two, three
