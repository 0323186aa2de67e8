"""Blur taken out for the eye: Richardson-Lucy with a Gaussian point spread function."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from hounsfield.core.volume import Volume
from hounsfield.errors import NotInvertible, PrepareError
from hounsfield.prepare.lucy import deconvolve_gaussian, gaussian_taps
from hounsfield.prepare.step import STRICT, Parameters
from hounsfield.prepare.widths import widths_of


@dataclass(frozen=True, config=STRICT)
class RichardsonLucy:
    """Undo a Gaussian blur of known width (Richardson 1972, Lucy 1974), with total variation against noise (Dey 2006).

    The method takes samples that are not negative, so the lowest one is taken off before and put back after.

    Attributes:
        sigma_mm: width of the blur.
        iterations: more sharpen more, and raise the noise.
        variation: weight of the total variation; 0 for none.
        is_planar: the blur lies within the slices.
    """

    name: ClassVar[str] = "richardson-lucy"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    sigma_mm: Annotated[float, Field(gt=0, le=50)]
    iterations: Annotated[int, Field(ge=1, le=200)] = 10
    variation: Annotated[float, Field(ge=0, le=0.1)] = 0.0
    is_planar: bool = True

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record the widths in samples, and the lowest sample.

        Raises:
            PrepareError: ``E405``, a sample is not finite.
        """
        if not np.isfinite(volume.array).all():
            raise PrepareError("E405", step=self.name, slice_index=0)
        return {
            "sigma": widths_of(volume, self.sigma_mm, self.is_planar),
            "iterations": self.iterations,
            "variation": self.variation,
            "offset": float(volume.array.min()),
        }

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Sharpen; float32."""
        slices, rows, columns = (gaussian_taps(sigma) for sigma in parameters["sigma"])
        offset = np.float32(parameters["offset"])
        channels = volume.array if volume.is_colour else volume.array[None]
        made = [
            deconvolve_gaussian(
                np.maximum(channel.astype(np.float32) - offset, 0),
                (slices, rows, columns),
                parameters["iterations"],
                parameters["variation"],
            )
            + offset
            for channel in channels
        ]
        return volume.with_array(np.stack(made) if volume.is_colour else made[0])

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: the estimate does not say what it came from."""
        raise NotInvertible("E403", step=self.name)
