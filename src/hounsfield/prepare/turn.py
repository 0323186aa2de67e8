"""Flips and quarter turns in the plane of the slices; the grid turns with the samples, so patient points stay put."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.volume import Volume
from hounsfield.prepare.grid import flipped, grid_record, snapped, transposed
from hounsfield.prepare.step import STRICT, Parameters

_AXES = {"rows": 1, "columns": 2}


@dataclass(frozen=True, config=STRICT)
class Flip:
    """Reverse the order of rows or of columns, with a probability (1: always).

    Attributes:
        axis: ``rows`` turns top and bottom, ``columns`` left and right.
        probability: that it is done at all.
    """

    name: ClassVar[str] = "flip"
    is_geometric: ClassVar[bool] = True
    changes_appearance: ClassVar[bool] = False

    axis: Literal["rows", "columns"]
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Decide whether to flip; a probability of 0 or 1 takes no chance from the generator."""
        is_flipped = self.probability == 1 or (self.probability > 0 and generator.random() < self.probability)
        return {"axis": self.axis, "is_flipped": bool(is_flipped), "source": grid_record(volume.geometry)}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Flip where it was decided so."""
        if not parameters["is_flipped"]:
            return volume
        axis = _AXES[parameters["axis"]]
        array = np.ascontiguousarray(np.flip(volume.array, axis - 3))
        return volume.with_array(array, geometry=flipped(volume.geometry, axis))

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Flip back."""
        back = self.apply(volume, parameters)
        return back.with_array(back.array, geometry=snapped(back.geometry, parameters["source"]))


@dataclass(frozen=True, config=STRICT)
class Rotate90:
    """Turn every slice by quarter turns against the clock, as it is seen on the screen.

    Attributes:
        turns: how many quarters.
    """

    name: ClassVar[str] = "rotate90"
    is_geometric: ClassVar[bool] = True
    changes_appearance: ClassVar[bool] = False

    turns: Annotated[int, Field(ge=0, le=3)] = 1

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record the turns and the grid to come back to."""
        return {"turns": self.turns, "source": grid_record(volume.geometry)}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Turn."""
        return _turned(volume, parameters["turns"])

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Turn back."""
        back = _turned(volume, -parameters["turns"] % 4)
        return back.with_array(back.array, geometry=snapped(back.geometry, parameters["source"]))


def _turned(volume: Volume, turns: int) -> Volume:
    array = np.ascontiguousarray(np.rot90(volume.array, turns, axes=(-2, -1)))
    return volume.with_array(array, geometry=_turned_grid(volume.geometry, turns))


def _turned_grid(geometry: VolumeGeometry, turns: int) -> VolumeGeometry:
    """Turn a grid: a quarter turn against the clock exchanges rows and columns, then reverses the rows."""
    for _ in range(turns):
        geometry = flipped(transposed(geometry), 1)
    return geometry
