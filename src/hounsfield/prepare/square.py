"""Square images: crop to the centre, or pad around it."""

from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from hounsfield.core.volume import Volume
from hounsfield.errors import PrepareError
from hounsfield.prepare.block import require_holds
from hounsfield.prepare.box import Box, crop, paste
from hounsfield.prepare.step import MAXIMUM_SAMPLES, STRICT, Parameters


@dataclass(frozen=True, config=STRICT)
class CentreCropSquare:
    """Keep the largest square in the middle; an odd remainder goes to the far side."""

    name: ClassVar[str] = "centre-crop-square"
    is_geometric: ClassVar[bool] = True
    changes_appearance: ClassVar[bool] = False

    def settings(self) -> dict[str, Any]:
        """Return the settings: there are none."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record the box and the grid it is cut from."""
        _, rows, columns = volume.geometry.shape
        side = min(rows, columns)
        return Box((rows - side) // 2, (columns - side) // 2, side, side).record(volume.geometry)

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Cut the square out."""
        return crop(volume, parameters, self.name)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Put the square back; what was cut off is 0."""
        return paste(volume, parameters, self.name)


@dataclass(frozen=True, config=STRICT)
class PadSquare:
    """Make the image square by adding ``value`` on both sides; an odd remainder goes to the far side.

    Attributes:
        value: of the samples that are added.
    """

    name: ClassVar[str] = "pad-square"
    is_geometric: ClassVar[bool] = True
    changes_appearance: ClassVar[bool] = False

    value: float = 0.0

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record the frame, the value and the grid inside it.

        Raises:
            PrepareError: ``E407``, the square would be too large; ``E441``, the samples cannot hold the value.
        """
        slices, rows, columns = volume.geometry.shape
        side = max(rows, columns)
        if slices * side * side > MAXIMUM_SAMPLES:
            raise PrepareError("E407", step=self.name, found=slices * side * side, expected=MAXIMUM_SAMPLES)
        if rows != columns:
            require_holds(volume.array, self.value, self.name)
        box = Box(-((side - rows) // 2), -((side - columns) // 2), side, side)
        return {**box.record(volume.geometry), "value": self.value}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Add the frame."""
        return crop(volume, parameters, self.name)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Cut the frame off again."""
        return paste(volume, parameters, self.name)
