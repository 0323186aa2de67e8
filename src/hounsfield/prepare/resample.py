"""Resample: the same box of the patient at another spacing, in space."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Samples, SliceAxis, Volume
from hounsfield.errors import PrepareError
from hounsfield.prepare.grid import grid_record, recorded_grid
from hounsfield.prepare.regrid import Axes, regrid
from hounsfield.prepare.step import MAXIMUM_SAMPLES, STRICT, Parameters
from hounsfield.prepare.taps import take_nearest, taps_of

Millimetres = Annotated[float, Field(gt=0.01, le=1000)]
Method = Literal["linear", "cubic", "nearest"]


@dataclass(frozen=True, config=STRICT)
class Resample:
    """Bring a volume to a spacing along its own axes; the centre of its box stays where it is.

    The number of samples along an axis is the extent divided by the new spacing, rounded; places beyond the outermost
    centres take the edge sample. ``linear`` is trilinear; ``cubic`` is the interpolating cubic B-spline (Unser 1993),
    mirrored at the ends; labels (``Quantity.LABEL``) always take the nearest sample. Undoing resamples back onto the
    source grid: the place is exact, the samples are those of the coarser grid.

    Attributes:
        spacing_mm: of all axes, unless one of the others is given.
        slice_mm: between slices.
        row_mm: between rows.
        column_mm: between columns.
        method: how samples are read between samples.
        is_smoothed: widen the kernel where the new spacing is coarser, so that no sample is skipped.
    """

    name: ClassVar[str] = "resample"
    is_geometric: ClassVar[bool] = True
    changes_appearance: ClassVar[bool] = False

    spacing_mm: Millimetres | None = None
    slice_mm: Millimetres | None = None
    row_mm: Millimetres | None = None
    column_mm: Millimetres | None = None
    method: Method = "linear"
    is_smoothed: bool = False

    @model_validator(mode="after")
    def _check_given(self) -> "Resample":
        if (self.spacing_mm, self.slice_mm, self.row_mm, self.column_mm) == (None, None, None, None):
            raise ValueError("a spacing is needed")
        return self

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record the grid to make and the grid to come back to.

        Raises:
            PrepareError: ``E420`` for a cine, whose slices do not follow each other in space; ``E407`` for a grid of
                more samples than a step may make.
        """
        if volume.slice_axis is SliceAxis.TIME and (self.slice_mm or self.spacing_mm):
            raise PrepareError("E420", step=self.name)
        source = volume.geometry
        asked = (self.slice_mm, self.row_mm, self.column_mm)
        spacing = [one or self.spacing_mm or kept for one, kept in zip(asked, source.spacing_mm, strict=True)]
        if source.shape[0] == 1 and not self.slice_mm:
            spacing[0] = source.spacing_mm[0]  # one slice has no neighbours to be read between
        sizes = zip(source.shape, source.spacing_mm, spacing, strict=True)
        shape = [max(1, round(count * old / new)) for count, old, new in sizes]
        channels = 3 if volume.is_colour else 1
        if int(np.prod(shape, dtype=object)) * channels > MAXIMUM_SAMPLES:
            raise PrepareError("E407", step=self.name, found=shape, expected=MAXIMUM_SAMPLES)
        target = _centred(source, (shape[0], shape[1], shape[2]), (spacing[0], spacing[1], spacing[2]))
        return {
            "method": self.method,
            "is_smoothed": self.is_smoothed,
            "target": grid_record(target),
            "source": grid_record(source),
        }

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Read the samples of the recorded grid; float32, labels keep their type."""
        target = recorded_grid(parameters["target"])
        return _on_grid(volume, target, parameters["method"], parameters["is_smoothed"])

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Resample back onto the source grid."""
        target, source = recorded_grid(parameters["target"]), recorded_grid(parameters["source"])
        if volume.geometry.shape[1:] != target.shape[1:]:
            raise PrepareError("E404", step=self.name, found=volume.geometry.shape[1:], expected=target.shape[1:])
        return _on_grid(volume, source, parameters["method"], False)


def _centred(
    source: VolumeGeometry, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> VolumeGeometry:
    """Return a grid with the axes and the centre of another one."""
    middle = source.to_patient([[(count - 1) / 2 for count in source.shape]])[0]
    half = np.asarray([(count - 1) / 2 for count in shape]) * spacing_mm
    origin = middle - np.asarray(source.direction) @ half
    return VolumeGeometry(
        shape,
        spacing_mm,
        (float(origin[0]), float(origin[1]), float(origin[2])),
        source.direction,
        source.frame_of_reference_uid,
        source.calibration,
    )


def _on_grid(volume: Volume, target: VolumeGeometry, method: str, is_smoothed: bool) -> Volume:
    """Read a volume at the samples of a grid with the same axes."""
    source = volume.geometry
    way = "nearest" if volume.quantity is Quantity.LABEL else method
    first = source.to_index([target.origin_mm])[0]
    steps = np.asarray(target.spacing_mm) / np.asarray(source.spacing_mm)
    found = [
        taps_of(start + np.arange(count) * step, size, way, is_smoothed)
        for start, count, step, size in zip(first, target.shape, steps, source.shape, strict=True)
    ]
    axes = (found[0], found[1], found[2])
    frames = volume.frame_indices
    if target.shape[0] != source.shape[0] and len(volume.instances) == 1:
        nearest = np.clip(np.rint(first[0] + np.arange(target.shape[0]) * steps[0]), 0, source.shape[0] - 1).astype(int)
        frames = tuple((volume.frame_indices or range(source.shape[0]))[index] for index in nearest)
    return volume.with_array(_read(volume.array, axes, way), geometry=target, frame_indices=frames)


def _read(array: Samples, axes: Axes, method: str) -> Samples:
    if array.ndim == 4:
        return np.stack([_read(channel, axes, method) for channel in array])
    return take_nearest(array, axes, None) if method == "nearest" else regrid(array, axes)
