"""Settings of an extraction: the grid, what counts, how intensities become levels, and which matrices are merged how.

Defaults follow the recommendations of the IBSI manual (2.4 to 2.7); named settings are those of its benchmarks.
"""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Final

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from hounsfield.errors import SettingsError
from hounsfield.radiomics.catalogue import catalogue
from hounsfield.radiomics.filters import (
    FilterSettings,
    GaborFilter,
    LaplacianOfGaussianFilter,
    LawsFilter,
    MeanFilter,
    SimoncelliFilter,
    WaveletFilter,
)
from hounsfield.radiomics.filters.settings import Dimensions
from hounsfield.radiomics.texture_features import DIRECTED, UNDIRECTED

STRICT = ConfigDict(extra="forbid", strict=False, allow_inf_nan=False)
Positive = Annotated[float, Field(gt=0)]


class Family(StrEnum):
    """A family of features, in the order of the manual."""

    MORPHOLOGY = "morphology"
    LOCAL_INTENSITY = "local-intensity"
    INTENSITY_STATISTICS = "intensity-statistics"
    INTENSITY_HISTOGRAM = "intensity-histogram"
    INTENSITY_VOLUME_HISTOGRAM = "intensity-volume-histogram"
    GLCM = "glcm"
    GLRLM = "glrlm"
    GLSZM = "glszm"
    GLDZM = "gldzm"
    NGTDM = "ngtdm"
    NGLDM = "ngldm"


class Binning(StrEnum):
    """How intensities become levels (IBSI 2.7)."""

    NONE = "none"
    FIXED_NUMBER = "fixed-bin-number"
    FIXED_WIDTH = "fixed-bin-width"


@dataclass(frozen=True, config=STRICT)
class Discretisation:
    """How intensities become levels.

    Attributes:
        binning: ``none`` takes whole intensities as they are.
        number: bins of a fixed number.
        width: of a bin of fixed width, in the unit of the image.
    """

    binning: Binning = Binning.FIXED_NUMBER
    number: Annotated[int, Field(ge=1, le=65535)] | None = None
    width: Positive | None = None

    @model_validator(mode="after")
    def _check(self) -> "Discretisation":
        wanted = {Binning.FIXED_NUMBER: "number", Binning.FIXED_WIDTH: "width"}.get(self.binning)
        given = [name for name in ("number", "width") if getattr(self, name) is not None]
        if given != ([wanted] if wanted else []):
            raise ValueError(f"{self.binning} takes {wanted or 'neither number nor width'}")
        return self


UNBINNED: Final = Discretisation(binning=Binning.NONE)


@dataclass(frozen=True, config=STRICT)
class RadiomicsSettings:
    """Settings of an extraction.

    Attributes:
        name: of the settings, as results state it.
        spacing_mm: grid that the image is brought to: (slice, row, column), or (row, column) to leave the slices where
            they are; None leaves the image as it is.
        interpolation: ``linear`` or ``cubic`` (a spline); the mask is always interpolated linearly.
        mask_threshold: part of a voxel that must be in the mask after interpolation.
        rounds: round intensities to whole numbers after interpolation, as for Hounsfield units (IBSI 2.4); None: where
            the quantity is Hounsfield units.
        range: lowest and highest intensity that count, None for an open end.
        outlier_deviations: leave out intensities further than this many standard deviations from the mean.
        discretisation: of the histogram and the texture matrices.
        volume_discretisation: of the intensity-volume histogram.
        families: those that are extracted.
        aggregations: how slices and directions are merged.
        leaves_out: tags of features that are not wanted; what only they need is not worked out. Moran's I and Geary's C
            (``morph_moran_i``, ``morph_geary_c``) take half of the time on large regions.
        filters: each makes a map of the image on its new grid, of which features are taken as well (IBSI 2).
        filtered_families: that are taken of the maps; shape and local peaks are of the image alone.
        filtered_discretisation: of the maps; their values have no unit, so bins of a fixed width mean little.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")] = "default"
    spacing_mm: tuple[Positive, Positive, Positive] | tuple[Positive, Positive] | None = None
    interpolation: Annotated[str, Field(pattern="^(linear|cubic)$")] = "linear"
    mask_threshold: Annotated[float, Field(gt=0, le=1)] = 0.5
    rounds: bool | None = None
    range: tuple[float | None, float | None] | None = None
    outlier_deviations: Positive | None = None
    discretisation: Discretisation = Discretisation(number=32)
    volume_discretisation: Discretisation = UNBINNED
    families: Annotated[tuple[Family, ...], Field(min_length=1)] = tuple(Family)
    aggregations: Annotated[tuple[str, ...], Field(min_length=1)] = ("3D, averaged", "3D, merged", "3D")
    leaves_out: tuple[str, ...] = ()
    filters: tuple[Annotated[FilterSettings, Field(discriminator="kind")], ...] = ()
    filtered_families: Annotated[tuple[Family, ...], Field(min_length=1)] = (Family.INTENSITY_STATISTICS,)
    filtered_discretisation: Discretisation = Discretisation(number=32)

    @model_validator(mode="after")
    def _check(self) -> "RadiomicsSettings":
        unknown = sorted(set(self.aggregations) - {*DIRECTED, *UNDIRECTED})
        if unknown:
            raise ValueError(f"unknown aggregation {unknown[0]}; known are {'; '.join((*DIRECTED, *UNDIRECTED))}")
        known = {facts.tag for features in catalogue().values() for facts in features}
        strange = sorted(set(self.leaves_out) - known)
        if strange:
            raise ValueError(f"unknown feature {strange[0]}")
        low, high = self.range or (None, None)
        if low is not None and high is not None and low >= high:
            raise ValueError("range must rise")
        apart = sorted({*self.filtered_families} & {Family.MORPHOLOGY, Family.LOCAL_INTENSITY})
        if apart:
            raise ValueError(f"{apart[0]} is not taken of filtered images")
        names = [one.name for one in self.filters]
        if len(set(names)) < len(names):
            raise ValueError("two filters are the same")
        if self.filtered_discretisation.binning is Binning.NONE:
            raise ValueError("filtered_discretisation takes bins: filtered images have no whole intensities")
        return self


PLANAR: Final = tuple(name for name in (*DIRECTED, *UNDIRECTED) if name.startswith("2"))
SPATIAL: Final = tuple(name for name in (*DIRECTED, *UNDIRECTED) if name.startswith("3"))

_A = RadiomicsSettings(
    name="ibsi-a",
    rounds=True,
    range=(-500, 400),
    discretisation=Discretisation(binning=Binning.FIXED_WIDTH, width=25),
    aggregations=PLANAR,
)
_C = RadiomicsSettings(
    name="ibsi-c",
    spacing_mm=(2, 2, 2),
    rounds=True,
    range=(-1000, 400),
    discretisation=Discretisation(binning=Binning.FIXED_WIDTH, width=25),
    volume_discretisation=Discretisation(binning=Binning.FIXED_WIDTH, width=2.5),
    aggregations=SPATIAL,
)
_BINS = Discretisation(number=32)
_IBSI2 = RadiomicsSettings(name="ibsi2-1a", rounds=True, range=(-1000, 400), families=(Family.INTENSITY_STATISTICS,))
"""Without a filter; all of IBSI 2 phase 2 count the same voxels."""


def _ibsi2() -> Iterator[RadiomicsSettings]:
    """Yield the configurations of IBSI 2 phase 2: A slice by slice, B in three dimensions on a finer grid."""
    on_grid = replace(_IBSI2, spacing_mm=(1, 1, 1), interpolation="cubic")
    both: tuple[tuple[str, RadiomicsSettings, Dimensions], ...] = (("a", _IBSI2, 2), ("b", on_grid, 3))
    for letter, base, sides in both:
        yield replace(base, name=f"ibsi2-1{letter}")
        filters: tuple[FilterSettings, ...] = (
            MeanFilter(dimensions=sides, size=5),
            LaplacianOfGaussianFilter(dimensions=sides, sigma_mm=1.5),
            LawsFilter(dimensions=sides, kernels="L5E5E5"[: 2 * sides]),
            GaborFilter(dimensions=sides, sigma_mm=5, wavelength_mm=2, aspect=1.5, angle_step_degrees=22.5),
            WaveletFilter(dimensions=sides, wavelet="db3", bands="LLH"[-sides:]),
            WaveletFilter(dimensions=sides, wavelet="db3", bands="H" * sides, level=2),
            SimoncelliFilter(dimensions=sides, level=1),
            SimoncelliFilter(dimensions=sides, level=2),
        )
        for number, one in enumerate(filters, start=2):
            yield replace(base, name=f"ibsi2-{number}{letter}", filters=(one,))


NAMED: Final = {
    one.name: one
    for one in (
        RadiomicsSettings(),
        RadiomicsSettings(name="default-2d", aggregations=("2D, averaged", "2D, slice-merged", "2D")),
        RadiomicsSettings(
            name="ibsi-digital-phantom", rounds=False, discretisation=UNBINNED, aggregations=(*PLANAR, *SPATIAL)
        ),
        _A,
        replace(_A, name="ibsi-b", spacing_mm=(2, 2), discretisation=_BINS),
        _C,
        replace(
            _C, name="ibsi-d", range=None, outlier_deviations=3, discretisation=_BINS, volume_discretisation=UNBINNED
        ),
        replace(
            _C,
            name="ibsi-e",
            interpolation="cubic",
            outlier_deviations=3,
            discretisation=_BINS,
            volume_discretisation=Discretisation(number=1000),
        ),
        *_ibsi2(),
    )
}
"""Settings by name: the default, the configurations of the IBSI 1 benchmarks and of the phase 2 of IBSI 2."""


def named_settings(name: str) -> RadiomicsSettings:
    """Return settings by name.

    Raises:
        SettingsError: ``E960``, there are none of this name.
    """
    if name not in NAMED:
        raise SettingsError("E960", found=name, expected=", ".join(NAMED))
    return NAMED[name]


def settings_from(document: object, name: str) -> RadiomicsSettings:
    """Return settings from the document of a TOML file; keys that are left out have their default.

    Args:
        document: its tables.
        name: of the file, as an error states it.

    Raises:
        SettingsError: ``E961``, a key is unknown or a value not possible.
    """
    try:
        return TypeAdapter(RadiomicsSettings).validate_python(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "settings"
        raise SettingsError("E961", file=name, found=f"{place}: {first['msg']}") from None
