"""Settings of the filters, with the defaults and the names of parameters that the IBSI 2 manual has (chapter 4)."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(extra="forbid", strict=False, allow_inf_nan=False)
Positive = Annotated[float, Field(gt=0)]
Odd = Annotated[int, Field(ge=1, le=255, multiple_of=1)]
Level = Annotated[int, Field(ge=1, le=8)]
Order = Annotated[int, Field(ge=0, le=8)]
Dimensions = Literal[2, 3]
WAVELETS = r"^(haar|db([1-9]|[12]\d|3[0-8])|sym([2-9]|1\d|20)|coif([1-9]|1[0-7]))$"


class Boundary(StrEnum):
    """What stands beyond the edge of the image (IBSI GBYQ)."""

    ZERO = "zero"
    NEAREST = "nearest"
    PERIODIC = "periodic"
    MIRROR = "mirror"
    """The image turned about its edge, so that the outermost voxel stands twice: ``d c b a | a b c d``."""


class Pooling(StrEnum):
    """How the maps of the turned filters become one."""

    MEAN = "mean"
    MAX = "max"


@dataclass(frozen=True, config=STRICT)
class _Filter:
    """What every filter has.

    Attributes:
        dimensions: 3, or 2 for slice by slice.
        boundary: what stands beyond the edge of the image.
    """

    dimensions: Dimensions = 3
    boundary: Boundary = Boundary.MIRROR

    def _named(self, *parts: object) -> str:
        ending = "" if self.boundary is type(self).boundary else f"_{self.boundary}"
        return "_".join(str(part).lower() for part in parts if part != "") + f"_{self.dimensions}D{ending}"


@dataclass(frozen=True, config=STRICT)
class MeanFilter(_Filter):
    """Mean of a square or a cube (IBSI S60F).

    Attributes:
        size: of a side in voxels, odd.
    """

    kind: Literal["mean"] = "mean"
    size: Odd = 5

    @model_validator(mode="after")
    def _check(self) -> "MeanFilter":
        if self.size % 2 == 0:
            raise ValueError("size must be odd, so that the filter has a middle")
        return self

    @property
    def name(self) -> str:
        """What the features of its map are called by."""
        return self._named("mean", self.size)


def _check_riesz(order: tuple[int, ...] | None, dimensions: int) -> None:
    if order is not None and (len(order) != dimensions or not any(order)):
        raise ValueError(f"riesz takes {dimensions} orders, of slice, row and column, not all of them 0")


def _riesz_name(order: tuple[int, ...] | None) -> str:
    return "" if order is None else "riesz_" + "".join(str(one) for one in order)


@dataclass(frozen=True, config=STRICT)
class LaplacianOfGaussianFilter(_Filter):
    """Laplacian of Gaussian (IBSI L6PA).

    Attributes:
        sigma_mm: width of the Gaussian.
        cutoff: standard deviations at which the kernel ends.
        riesz: orders of a Riesz transform of the map (IBSI AYRS), one for each axis of the array; None without.
    """

    kind: Literal["laplacian-of-gaussian"] = "laplacian-of-gaussian"
    sigma_mm: Positive = 1.5
    cutoff: Annotated[float, Field(ge=1, le=10)] = 4.0
    riesz: tuple[Order, ...] | None = None

    @model_validator(mode="after")
    def _check(self) -> "LaplacianOfGaussianFilter":
        _check_riesz(self.riesz, self.dimensions)
        return self

    @property
    def name(self) -> str:
        """What the features of its map are called by."""
        cutoff = "" if self.cutoff == LaplacianOfGaussianFilter.cutoff else f"cut_{self.cutoff:g}"
        return self._named("log", f"{self.sigma_mm:g}mm", cutoff, _riesz_name(self.riesz))


@dataclass(frozen=True, config=STRICT)
class LawsFilter(_Filter):
    """Laws kernels, and the energy of their map (IBSI JTXT).

    Attributes:
        kernels: one for each axis, such as ``L5E5E5``: along the columns, the rows and the slices.
        energy_distance: voxels (Chebyshev) over which the absolute map is averaged into energy; None for the map.
        is_rotation_invariant: pool over all turns of 90 degrees.
        pooling: over the turns.
    """

    kind: Literal["laws"] = "laws"
    kernels: Annotated[str, Field(pattern="^([LES]3|[LESWR]5){2,3}$")] = "L5E5E5"
    energy_distance: Annotated[int, Field(ge=1, le=127)] | None = 7
    is_rotation_invariant: bool = True
    pooling: Pooling = Pooling.MAX

    @model_validator(mode="after")
    def _check(self) -> "LawsFilter":
        if len(self.kernels) != 2 * self.dimensions:
            raise ValueError(f"{self.dimensions} dimensions take {self.dimensions} kernels")
        return self

    @property
    def name(self) -> str:
        """What the features of its map are called by."""
        energy = "" if self.energy_distance is None else f"energy_{self.energy_distance}"
        return self._named("laws", self.kernels, energy, self.pooling if self.is_rotation_invariant else "")


@dataclass(frozen=True, config=STRICT)
class GaborFilter(_Filter):
    """Modulus of the response to a Gabor kernel, which is a plane wave under a Gaussian (IBSI Q88H).

    In 3 dimensions the planar maps across the slices, the rows and the columns are averaged.

    Attributes:
        sigma_mm: width of the Gaussian along the wave.
        wavelength_mm: of the wave.
        aspect: width of the Gaussian along the wave over its width across.
        angle_degrees: clockwise from the columns' direction; of the first kernel where there are several.
        angle_step_degrees: pool over kernels turned by this step up to a whole turn; None for one kernel.
        pooling: over angles and planes.
    """

    kind: Literal["gabor"] = "gabor"
    sigma_mm: Positive = 5.0
    wavelength_mm: Positive = 2.0
    aspect: Annotated[float, Field(ge=0.05, le=20)] = 1.5
    angle_degrees: float = 0.0
    angle_step_degrees: Annotated[float, Field(gt=0, le=180)] | None = 22.5
    pooling: Pooling = Pooling.MEAN

    @model_validator(mode="after")
    def _check(self) -> "GaborFilter":
        step = self.angle_step_degrees
        if step is not None and abs(360 / step - round(360 / step)) > 1e-9:
            raise ValueError("angle_step_degrees must divide a whole turn")
        return self

    @property
    def name(self) -> str:
        """What the features of its map are called by."""
        step = "" if self.angle_step_degrees is None else f"step_{self.angle_step_degrees:g}_{self.pooling}"
        angle = "" if self.angle_degrees == 0 else f"angle_{self.angle_degrees:g}"
        shape = (f"{self.sigma_mm:g}mm", f"{self.wavelength_mm:g}mm", f"{self.aspect:g}")
        return self._named("gabor", *shape, angle, step)


@dataclass(frozen=True, config=STRICT)
class WaveletFilter(_Filter):
    """Separable wavelets without decimation, by the algorithm a trous (IBSI 25BO).

    Attributes:
        wavelet: Haar, Daubechies, Symlet or Coiflet, by its name in PyWavelets.
        bands: low or high pass for each axis, such as ``LLH``: along the columns, the rows and the slices.
        level: of the decomposition.
        is_rotation_invariant: pool over all turns of 90 degrees.
        pooling: over the turns.
    """

    kind: Literal["wavelet"] = "wavelet"
    wavelet: Annotated[str, Field(pattern=WAVELETS)] = "db3"
    bands: Annotated[str, Field(pattern="^[LH]{2,3}$")] = "LLH"
    level: Level = 1
    is_rotation_invariant: bool = True
    pooling: Pooling = Pooling.MEAN

    @model_validator(mode="after")
    def _check(self) -> "WaveletFilter":
        if len(self.bands) != self.dimensions:
            raise ValueError(f"{self.dimensions} dimensions take {self.dimensions} bands")
        return self

    @property
    def name(self) -> str:
        """What the features of its map are called by."""
        turned = self.pooling if self.is_rotation_invariant else ""
        return self._named("wavelet", self.wavelet, self.bands, f"level_{self.level}", turned)


@dataclass(frozen=True, config=STRICT)
class SimoncelliFilter(_Filter):
    """Non-separable Simoncelli wavelet, the same in every direction (IBSI PRT7).

    Attributes:
        boundary: periodic where values are to be held against the published ones.
        level: of the decomposition; 1 takes the highest band of frequencies.
        riesz: orders of a Riesz transform of the map (IBSI AYRS), one for each axis of the array; None without.
    """

    kind: Literal["simoncelli"] = "simoncelli"
    boundary: Boundary = Boundary.PERIODIC
    level: Level = 1
    riesz: tuple[Order, ...] | None = None

    @model_validator(mode="after")
    def _check(self) -> "SimoncelliFilter":
        _check_riesz(self.riesz, self.dimensions)
        return self

    @property
    def name(self) -> str:
        """What the features of its map are called by."""
        return self._named("simoncelli", f"level_{self.level}", _riesz_name(self.riesz))


FilterSettings = MeanFilter | LaplacianOfGaussianFilter | LawsFilter | GaborFilter | WaveletFilter | SimoncelliFilter
