"""A box in the plane of the slices: cut it out of a volume, and put it back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.volume import Samples, Volume
from hounsfield.prepare.block import cut_samples
from hounsfield.prepare.grid import expect_plane, grid_record, snapped


@dataclass(frozen=True)
class Box:
    """Rows and columns to keep; a negative start or a larger size means padding."""

    row: int
    column: int
    rows: int
    columns: int

    def record(self, source: VolumeGeometry) -> dict[str, Any]:
        """Return the box and the grid it belongs to as JSON values."""
        return {"box": [self.row, self.column, self.rows, self.columns], "source": grid_record(source)}


def crop(volume: Volume, parameters: Mapping[str, Any], step: str) -> Volume:
    """Return the recorded box of a volume; samples outside the volume are ``parameters["value"]``, or 0.

    Raises:
        PrepareError: ``E404``, the volume has another size than the recorded one.
    """
    box = Box(*parameters["box"])
    _, source_rows, source_columns = parameters["source"]["shape"]
    expect_plane(volume, source_rows, source_columns, step)
    geometry = volume.geometry.cropped((0, box.row, box.column), (volume.geometry.shape[0], box.rows, box.columns))
    return volume.with_array(_cut(volume.array, box, parameters.get("value", 0)), geometry=geometry)


def paste(volume: Volume, parameters: Mapping[str, Any], step: str) -> Volume:
    """Return the source grid with the box put back in its place and 0 around it.

    Raises:
        PrepareError: ``E404``, the volume has another size than the recorded box.
    """
    box = Box(*parameters["box"])
    expect_plane(volume, box.rows, box.columns, step)
    _, rows, columns = parameters["source"]["shape"]
    back = Box(-box.row, -box.column, rows, columns)
    geometry = volume.geometry.cropped((0, back.row, back.column), (volume.geometry.shape[0], rows, columns))
    return volume.with_array(_cut(volume.array, back, 0), geometry=snapped(geometry, parameters["source"]))


def _cut(array: Samples, box: Box, value: float) -> Samples:
    start, shape = (0, box.row, box.column), (array.shape[-3], box.rows, box.columns)
    return cut_samples(array, start, shape, value)
