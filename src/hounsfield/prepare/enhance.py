"""Contrast and sharpness for the eye: gamma and unsharp."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass
from scipy.ndimage import gaussian_filter

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Presentation, Volume
from hounsfield.errors import NotInvertible, PrepareError
from hounsfield.prepare.channels import finite
from hounsfield.prepare.step import STRICT, Parameters


@dataclass(frozen=True, config=STRICT)
class Gamma:
    """Raise the samples, scaled from 0 to 1 over the whole volume, to a power: below 1 brightens what is dark.

    Attributes:
        gamma: the power.
    """

    name: ClassVar[str] = "gamma"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    gamma: Annotated[float, Field(gt=0.05, le=20)]

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Find the range, and record the quantity to come back to.

        Raises:
            PrepareError: ``E405``, no sample is finite.
        """
        samples = volume.array[np.isfinite(volume.array)]
        if not samples.size:
            raise PrepareError("E405", step=self.name, slice_index=0)
        return {
            "low": float(samples.min()), "high": float(samples.max()), "gamma": self.gamma,
            "quantity": volume.quantity.name.lower(),
        }  # fmt: skip

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Return display values, float32; a volume without contrast becomes 0."""
        low, width = parameters["low"], parameters["high"] - parameters["low"]
        scaled = (volume.array.astype(np.float64) - low) / (width if width > 0 else np.inf)
        shown = np.clip(scaled, 0, 1) ** parameters["gamma"]
        return volume.with_array(shown.astype(np.float32), quantity=Quantity.DISPLAY, presentation=Presentation())

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Take the root; equal up to float32 rounding, which a large power makes coarse near the low end."""
        low, width = parameters["low"], parameters["high"] - parameters["low"]
        back = np.clip(volume.array.astype(np.float64), 0, 1) ** (1 / parameters["gamma"]) * width + low
        return volume.with_array(back.astype(np.float32), quantity=Quantity.named(parameters["quantity"]))


@dataclass(frozen=True, config=STRICT)
class Unsharp:
    """Add to each slice what a Gaussian blur takes away: I + amount (I - blurred I), within the plane.

    Attributes:
        sigma_mm: width of the blur; on a grid without millimetres, in pixels.
        amount: how much of the detail is added.
    """

    name: ClassVar[str] = "unsharp"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    sigma_mm: Annotated[float, Field(gt=0, le=100)] = 1.0
    amount: Annotated[float, Field(gt=0, le=10)] = 1.0

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record the widths in pixels."""
        return {"sigma_pixels": in_plane_sigmas(volume, self.sigma_mm), "amount": self.amount}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Sharpen, float32, the quantity as it was; what is not finite stays so, and counts as the lowest sample."""
        out = np.empty(volume.array.shape, dtype=np.float32)
        planes = volume.array.reshape(-1, *volume.geometry.shape[1:])
        for plane, shown in zip(planes, out.reshape(planes.shape), strict=True):
            samples = finite(plane).astype(np.float64)
            blurred: npt.NDArray[np.float64] = gaussian_filter(samples, parameters["sigma_pixels"], mode="reflect")
            shown[:] = np.where(np.isfinite(plane), samples + parameters["amount"] * (samples - blurred), plane)
        return volume.with_array(out)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: noise was raised with the detail."""
        raise NotInvertible("E403", step=self.name)


def in_plane_sigmas(volume: Volume, sigma_mm: float) -> list[float]:
    """Return a width in rows and columns of a volume."""
    return [sigma_mm / volume.geometry.row_spacing_mm, sigma_mm / volume.geometry.column_spacing_mm]
