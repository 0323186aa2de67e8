"""Noise taken out for the eye: Gaussian, median and non-local means."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass
from scipy import ndimage

from hounsfield.core.volume import Samples, Volume
from hounsfield.errors import NotInvertible
from hounsfield.prepare.channels import each_channel, finite, some_slices
from hounsfield.prepare.nlm import Likeness, non_local_means
from hounsfield.prepare.step import STRICT, Parameters
from hounsfield.prepare.widths import is_within_slices, widths_of

_LAPLACIANS = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
_NORMAL = 1.4826
"""Standard deviation of a normal distribution with a median absolute value of 1."""


def noise_sigma(volume: Volume) -> float:
    """Return the standard deviation of white noise, robust against edges.

    The difference of two Laplacians takes out constants and slopes (Immerkaer 1996, doi:10.1006/cviu.1996.0060); its
    median absolute value over every slice, instead of the mean, keeps edges from counting.
    """
    planes = volume.array.reshape(-1, *volume.array.shape[-2:])
    chosen = some_slices(planes)
    found = [ndimage.convolve(finite(plane), _LAPLACIANS, mode="mirror")[1:-1, 1:-1] for plane in chosen]
    values = np.abs(np.concatenate([plane.reshape(-1) for plane in found]))
    return float(_NORMAL * np.median(values) / 6.0) if values.size else 0.0


@dataclass(frozen=True, config=STRICT)
class Gaussian:
    """Convolve with a Gaussian of one width in millimetres, so that it reaches as far along every axis.

    Attributes:
        sigma_mm: standard deviation.
        is_planar: smooth within each slice alone.
    """

    name: ClassVar[str] = "gaussian"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    sigma_mm: Annotated[float, Field(gt=0, le=100)]
    is_planar: bool = False

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record the width along slices, rows and columns, in samples."""
        return {"sigma": widths_of(volume, self.sigma_mm, self.is_planar)}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Blur; float32."""
        sigma = parameters["sigma"]
        return each_channel(volume, lambda array: ndimage.gaussian_filter(array, sigma, mode="mirror"))

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: what was blurred is lost."""
        raise NotInvertible("E403", step=self.name)


@dataclass(frozen=True, config=STRICT)
class Median:
    """Take the median of a square around each sample of a slice; single outliers vanish, edges stay.

    Attributes:
        size: side of the square in samples, odd.
    """

    name: ClassVar[str] = "median"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    size: Annotated[int, Field(ge=3, le=31)] = 3

    @field_validator("size")
    @classmethod
    def _check_odd(cls, value: int) -> int:
        if value % 2 == 0:  # the square would lie half a sample beside its middle, and move the picture
            raise ValueError("size must be odd")
        return value

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Record the size."""
        return {"size": self.size}

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Filter slice by slice; float32."""
        size = (1, parameters["size"], parameters["size"])
        return each_channel(volume, lambda array: ndimage.median_filter(array, size, mode="mirror"))

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: what was left out is lost."""
        raise NotInvertible("E403", step=self.name)


@dataclass(frozen=True, config=STRICT)
class NonLocalMeans:
    """Make each sample the mean of those around it whose patches look alike (Buades, Coll and Morel 2005).

    Attributes:
        strength: how alike patches have to be, in standard deviations of the noise.
        sigma: of the noise, in the unit of the samples; None estimates it.
        patch: side of the patches.
        search: side of the square, or the cube, that is searched.
        is_planar: look within each slice alone.
    """

    name: ClassVar[str] = "nlm"
    is_geometric: ClassVar[bool] = False
    changes_appearance: ClassVar[bool] = True

    strength: Annotated[float, Field(gt=0, le=10)] = 0.8
    sigma: Annotated[float, Field(gt=0)] | None = None
    patch: Annotated[int, Field(ge=3, le=15)] = 5
    search: Annotated[int, Field(ge=3, le=41)] = 13
    is_planar: bool = True

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Estimate the noise where it is not given."""
        sigma = noise_sigma(volume) if self.sigma is None else self.sigma
        is_planar = is_within_slices(volume, self.is_planar)
        return {
            "sigma": sigma, "h": self.strength * sigma, "patch": self.patch, "search": self.search,
            "is_planar": is_planar,
        }  # fmt: skip

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Average what is alike; float32. Without noise nothing is done."""
        if not parameters["h"] > 0:
            return each_channel(volume, lambda array: array)
        patch, search = parameters["patch"] // 2, parameters["search"] // 2
        depths = (0, 0) if parameters["is_planar"] else (min(patch, 1), min(search, 3))
        alike = Likeness((depths[0], patch), (depths[1], search), parameters["h"], parameters["sigma"])

        def averaged(array: Samples) -> Samples:
            out = np.empty(array.shape, dtype=np.float32)
            non_local_means(array, alike, out)
            return out

        return each_channel(volume, averaged)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Refuse: what was averaged is lost."""
        raise NotInvertible("E403", step=self.name)
