"""Grey: colour to luma."""

from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from hounsfield.core.volume import Volume
from hounsfield.errors import NotInvertible, PrepareError
from hounsfield.prepare.step import STRICT, Parameters

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601-7, section 2.5.1), as PS3.3 C.7.6.3.1.2 uses for YBR_FULL."""


@dataclass(frozen=True, config=STRICT)
class Grey:
    """Make one channel: luma of red, green and blue, without a fourth channel; a grey volume becomes float32."""

    name: ClassVar[str] = "grey"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = False

    def settings(self) -> dict[str, Any]:
        """Return the settings: there are none."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record the number of channels, 0 for a volume without a channel axis.

        Raises:
            PrepareError: ``E408``, neither 1, 3 nor 4 channels.
        """
        channels = volume.array.shape[0] if volume.is_colour else 0
        if channels not in (0, 1, 3, 4):
            raise PrepareError("E408", step=self.name, found=channels)
        return {"channels": channels}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Return (slice, row, column), float32."""
        found = volume.array.shape[0] if volume.is_colour else 0
        if found != parameters["channels"]:
            raise PrepareError("E408", step=self.name, found=found)
        if found <= 1:
            return volume.with_array((volume.array[0] if found else volume.array).astype(np.float32))
        out = np.empty(volume.array.shape[1:], dtype=np.float32)
        for index in range(len(out)):
            red, green, blue = volume.array[:3, index].astype(np.float64)
            out[index] = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
        return volume.with_array(out)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Return the volume as it is where it was grey before.

        Raises:
            NotInvertible: ``E403``, colour is lost.
        """
        if parameters["channels"] > 1:
            raise NotInvertible("E403", step=self.name)
        return volume.with_array(volume.array[None] if parameters["channels"] else volume.array)
