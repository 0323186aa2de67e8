"""Edges of each slice, in units of the quantity to the millimetre: Sobel gradient and Laplacian of Gaussian."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass
from scipy.ndimage import gaussian_filter, sobel

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Presentation, Volume
from hounsfield.errors import NotInvertible
from hounsfield.prepare.channels import finite
from hounsfield.prepare.enhance import in_plane_sigmas
from hounsfield.prepare.step import STRICT, Parameters

Floats = npt.NDArray[np.float64]

_SOBEL_GAIN = 8.0
"""What the Sobel kernel makes of a slope of one a pixel: weights 1 2 1 over two pixels."""


def gradient(samples: Floats, row_spacing_mm: float, column_spacing_mm: float) -> tuple[Floats, Floats]:
    """Return the Sobel gradient of a (row, column) image along rows and columns, per millimetre."""
    down: Floats = sobel(samples, axis=0, mode="reflect") / (_SOBEL_GAIN * row_spacing_mm)
    across: Floats = sobel(samples, axis=1, mode="reflect") / (_SOBEL_GAIN * column_spacing_mm)
    return down, across


@dataclass(frozen=True, config=STRICT)
class Sobel:
    """Replace each slice by the length of its gradient within the plane, per millimetre (Sobel and Feldman 1968)."""

    name: ClassVar[str] = "sobel"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    def settings(self) -> dict[str, Any]:
        """Return the settings: there are none."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record the spacing."""
        return {"spacing_mm": [volume.geometry.row_spacing_mm, volume.geometry.column_spacing_mm]}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Return gradients, float32."""
        row_mm, column_mm = parameters["spacing_mm"]
        out = np.empty(volume.array.shape, dtype=np.float32)
        planes = volume.array.reshape(-1, *volume.geometry.shape[1:])
        for plane, shown in zip(planes, out.reshape(planes.shape), strict=True):
            shown[:] = np.hypot(*gradient(plane.astype(np.float64), row_mm, column_mm))
        return volume.with_array(out, quantity=Quantity.ARBITRARY, presentation=Presentation())

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: a gradient does not tell the level."""
        raise NotInvertible("E403", step=self.name)


@dataclass(frozen=True, config=STRICT)
class LaplacianOfGaussian:
    """Replace each slice by its scale-normalised Laplacian within the plane (Marr and Hildreth 1980; Lindeberg 1998).

    The Laplacian per square millimetre is multiplied by the square of ``sigma_mm``: bright blobs of radius
    sqrt(2) sigma give the deepest minima.

    Attributes:
        sigma_mm: standard deviation of the Gaussian.
    """

    name: ClassVar[str] = "laplacian-of-gaussian"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    sigma_mm: Annotated[float, Field(gt=0, le=100)] = 1.0

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record the widths in pixels."""
        return {"sigma_pixels": in_plane_sigmas(volume, self.sigma_mm)}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Return Laplacians, float32, NaN where a sample is not finite; elsewhere it counts as the lowest one."""
        rows, columns = parameters["sigma_pixels"]
        out = np.empty(volume.array.shape, dtype=np.float32)
        planes = volume.array.reshape(-1, *volume.geometry.shape[1:])
        for plane, shown in zip(planes, out.reshape(planes.shape), strict=True):
            samples = finite(plane).astype(np.float64)
            down = gaussian_filter(samples, (rows, columns), order=(2, 0), mode="reflect")
            across = gaussian_filter(samples, (rows, columns), order=(0, 2), mode="reflect")
            shown[:] = np.where(np.isfinite(plane), rows**2 * down + columns**2 * across, np.nan)
        return volume.with_array(out, quantity=Quantity.ARBITRARY, presentation=Presentation())

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: the level is lost."""
        raise NotInvertible("E403", step=self.name)
