"""Resize: the same field of view in another number of rows and columns."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.prepare.grid import expect_plane, grid_record, snapped
from hounsfield.prepare.step import MAXIMUM_SIDE, STRICT, Parameters
from hounsfield.prepare.weights import resample, resample_nearest

Side = Annotated[int, Field(ge=1, le=MAXIMUM_SIDE)]


@dataclass(frozen=True, config=STRICT)
class Resize:
    """Bring every slice to ``rows`` by ``columns``: area average when shrinking, linear when enlarging, axis by axis.

    Labels (``Quantity.LABEL``) take the nearest sample. Undoing resamples back onto the source grid: the place is
    exact, the samples are those of the coarser grid.

    Attributes:
        rows: of the result.
        columns: of the result.
    """

    name: ClassVar[str] = "resize"
    is_geometric: ClassVar[bool] = True
    changes_appearance: ClassVar[bool] = False

    rows: Side
    columns: Side

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record the size to make and the grid to come back to."""
        return {"rows": self.rows, "columns": self.columns, "source": grid_record(volume.geometry)}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Resample the slices; float32, labels keep their type."""
        return _resized(volume, parameters["rows"], parameters["columns"])

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Resample back onto the source grid."""
        expect_plane(volume, parameters["rows"], parameters["columns"], self.name)
        _, rows, columns = parameters["source"]["shape"]
        back = _resized(volume, rows, columns)
        return back.with_array(back.array, geometry=snapped(back.geometry, parameters["source"]))


def _resized(volume: Volume, rows: int, columns: int) -> Volume:
    take = resample_nearest if volume.quantity is Quantity.LABEL else resample
    geometry = volume.geometry.resized((volume.geometry.shape[0], rows, columns))
    return volume.with_array(take(volume.array, rows, columns), geometry=geometry)
