"""Crop: keep a block of a volume, named by indices, by two patient points, or by what stands out in it."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.volume import Volume
from hounsfield.errors import PrepareError
from hounsfield.prepare.block import Block, cut_block, draw_block, paste_block
from hounsfield.prepare.step import STRICT, Parameters

Range = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)]
Point = Annotated[list[float], Field(min_length=3, max_length=3)]
Ranges = npt.NDArray[np.intp]

_NEAR_VOXELS = 1e-6


@dataclass(frozen=True, config=STRICT)
class Crop:
    """Keep a block along the axes of the volume.

    Several ways to name it may be combined; what all of them hold is kept. Undoing pads: the grid is that of the
    source, and what was cut off (``cut_fraction`` of the samples, in the drawn parameters) is lost; in its place
    stands the background of the quantity, air for Hounsfield units and 0 otherwise.

    Attributes:
        slices: first slice and the one after the last, from 0.
        rows: the same for rows.
        columns: the same for columns.
        low_mm: one corner of a box along the patient axes, x, y, z in LPS; with ``high_mm``. Voxels whose centres lie
            in it are kept; of an oblique volume the smallest block that holds them all.
        high_mm: the opposite corner.
        above: keep the smallest block that holds every sample above this value, such as -500 around a body in CT.
        margin_mm: around what ``low_mm`` or ``above`` name, as far as the volume reaches.
    """

    name: ClassVar[str] = "crop"
    is_geometric: ClassVar[bool] = True
    changes_appearance: ClassVar[bool] = False

    slices: Range | None = None
    rows: Range | None = None
    columns: Range | None = None
    low_mm: Point | None = None
    high_mm: Point | None = None
    above: float | None = None
    margin_mm: Annotated[float, Field(ge=0, le=1000)] = 0.0

    @model_validator(mode="after")
    def _check_given(self) -> "Crop":
        if (self.low_mm is None) != (self.high_mm is None):
            raise ValueError("low_mm and high_mm belong together")
        if (self.slices, self.rows, self.columns, self.low_mm, self.above) == (None,) * 5:
            raise ValueError("slices, rows, columns, low_mm and high_mm, or above are needed")
        return self

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Find the block, and which part of the samples it loses.

        Raises:
            PrepareError: ``E442``, no voxel is left.
        """
        geometry = volume.geometry
        whole = np.array([[0, count] for count in geometry.shape])
        found = [self._by_index(geometry)]
        if self.low_mm is not None and self.high_mm is not None:
            found.append(_with_margin(_in_box(geometry, self.low_mm, self.high_mm), geometry, self.margin_mm))
        if self.above is not None:
            found.append(_with_margin(_above(volume, self.above), geometry, self.margin_mm))
        kept = np.stack([whole, *found])
        low, high = kept[:, :, 0].max(axis=0), kept[:, :, 1].min(axis=0)
        if (high <= low).any():
            raise PrepareError("E442", step=self.name, expected=geometry.shape)
        start, shape = [int(first) for first in low], [int(count) for count in high - low]
        block = Block((start[0], start[1], start[2]), (shape[0], shape[1], shape[2]))
        lost = 1 - float(np.prod(shape, dtype=float) / np.prod(geometry.shape, dtype=float))
        return {**draw_block(volume, block, 0.0, self.name), "cut_fraction": lost}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Cut the block out."""
        return cut_block(volume, parameters, self.name)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Put the block back into its grid, with background where samples were lost."""
        return paste_block(volume, parameters, self.name)

    def _by_index(self, geometry: VolumeGeometry) -> Ranges:
        named = zip((self.slices, self.rows, self.columns), geometry.shape, strict=True)
        return np.array([(0, count) if asked is None else asked for asked, count in named])


def _in_box(geometry: VolumeGeometry, low_mm: list[float], high_mm: list[float]) -> Ranges:
    """Return the index ranges of the voxels whose centres lie in a box along the patient axes.

    For each slice, row and column the part of the plane within the box would have to be found; a bound that holds all
    is that of the box's corners, cut to the volume. It is exact for volumes along the patient axes.
    """
    sides = np.sort(np.array([low_mm, high_mm]), axis=0)
    corners = np.array(np.meshgrid(*sides.T, indexing="ij")).reshape(3, -1).T
    indices = geometry.to_index(corners)
    low = np.ceil(indices.min(axis=0) - _NEAR_VOXELS)
    high = np.floor(indices.max(axis=0) + _NEAR_VOXELS) + 1
    return _clipped(np.stack([low, high], axis=1), geometry)


def _above(volume: Volume, level: float) -> Ranges:
    """Return the index ranges of the smallest block that holds every sample above a level."""
    stands = (volume.array.max(axis=0) if volume.is_colour else volume.array) > level
    ranges = []
    for axis in range(3):
        found = np.flatnonzero(stands.any(axis=tuple(other for other in range(3) if other != axis)))
        ranges.append((found[0], found[-1] + 1) if found.size else (0, 0))
    return np.array(ranges)


def _with_margin(ranges: Ranges, geometry: VolumeGeometry, margin_mm: float) -> Ranges:
    if (ranges[:, 1] <= ranges[:, 0]).any():
        return ranges
    margin = np.ceil(margin_mm / np.asarray(geometry.spacing_mm) - _NEAR_VOXELS)
    return _clipped(ranges + np.stack([-margin, margin], axis=1), geometry)


def _clipped(ranges: npt.NDArray[np.float64], geometry: VolumeGeometry) -> Ranges:
    return np.clip(ranges, 0, np.asarray(geometry.shape)[:, None]).astype(np.intp)
