"""Uptake on PET: SUV by lean mass and body surface, peak, metabolic volume and total lesion glycolysis.

Body-weight SUV comes from ``image.modality.pet``; the other kinds are that times a factor of the body (PS3.16 CID 85).
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from hounsfield.clinical.tumour.growing import component_at
from hounsfield.core.quantities import Quantity, Unit
from hounsfield.core.volume import Volume
from hounsfield.errors import ImageError
from hounsfield.radiomics.local_intensity import RADIUS_MM, local_intensity_features
from hounsfield.radiomics.region import Region

Flags = npt.NDArray[np.bool_]
Samples = npt.NDArray[np.float32]
FIXED_FRACTION, FIXED_SUV = 0.41, 2.5
LIVER_FACTOR, LIVER_DEVIATIONS = 1.5, 2.0
LIVER_RADIUS_MM = 15.0
"""A sphere of 3 cm in the right lobe of the liver (PERCIST 1.0, Wahl 2009)."""
SURROUNDINGS_MM = 10.0
"""How far beyond the mask of a lesion its metabolic volume is looked for."""
HEIGHTS_CM, WEIGHTS_KG = (40.0, 250.0), (1.0, 500.0)


class SuvKind(StrEnum):
    """What the dose is divided by."""

    BODY_WEIGHT = "bw"
    LEAN_JAMES = "lbm-james"
    LEAN_JANMA = "lbm-janma"
    BODY_SURFACE = "bsa"

    @property
    def unit(self) -> Unit:
        """The UCUM unit, with the kind in braces as DICOM has it."""
        return UNITS[self]


UNITS = {
    SuvKind.BODY_WEIGHT: Quantity.SUV_BW.unit,
    SuvKind.LEAN_JAMES: Unit("g/ml{SUVlbm(James128)}", "Standardized Uptake Value lean body mass (James)"),
    SuvKind.LEAN_JANMA: Unit("g/ml{SUVlbm(Janma)}", "Standardized Uptake Value lean body mass (Janma)"),
    SuvKind.BODY_SURFACE: Unit("cm2/ml{SUVbsa}", "Standardized Uptake Value body surface area"),
}


@dataclass(frozen=True)
class Body:
    """What is known of the body; None is not known.

    Attributes:
        weight_kg: weight.
        height_cm: height.
        sex: ``M`` or ``F``.
    """

    weight_kg: float | None
    height_cm: float | None = None
    sex: str | None = None


def lean_mass_james_kg(weight_kg: float, height_cm: float, sex: str) -> float:
    """Return lean body mass: 1.10 W - 128 (W/H)^2 for men, 1.07 W - 148 (W/H)^2 for women (James 1976).

    The constant 120 for men, which some programs have, is a known error; DCM 126406 names the one with 128.
    """
    ratio = (weight_kg / height_cm) ** 2
    return 1.10 * weight_kg - 128.0 * ratio if sex == "M" else 1.07 * weight_kg - 148.0 * ratio


def lean_mass_janma_kg(weight_kg: float, height_cm: float, sex: str) -> float:
    """Return lean body mass: 9270 W / (6680 + 216 BMI) for men, / (8780 + 244 BMI) for women (Janmahasatian 2005)."""
    index = weight_kg / (height_cm / 100.0) ** 2
    return 9270.0 * weight_kg / (6680.0 + 216.0 * index if sex == "M" else 8780.0 + 244.0 * index)


def body_factor(kind: SuvKind, body: Body) -> float:
    """Return what takes a body-weight SUV to another kind.

    Raises:
        ImageError: ``E247``, weight, height or sex is missing or cannot be true.
    """
    if kind is SuvKind.BODY_WEIGHT:
        return 1.0
    weight = _checked(kind, "weight_kg", body.weight_kg, WEIGHTS_KG)
    height = _checked(kind, "height_cm", body.height_cm, HEIGHTS_CM)
    if kind is SuvKind.BODY_SURFACE:
        surface_cm2 = 71.84 * weight**0.425 * height**0.725  # DuBois and DuBois 1916
        return float(surface_cm2 / (weight * 1000.0))
    if body.sex not in ("M", "F"):
        raise ImageError("E247", found=f"sex {body.sex or 'missing'}", expected="M, F", kind=kind.value)
    lean = (lean_mass_james_kg if kind is SuvKind.LEAN_JAMES else lean_mass_janma_kg)(weight, height, body.sex)
    if not 0.2 * weight <= lean <= weight:  # the formula of James falls again for very heavy people
        raise ImageError("E247", found=f"{lean:.1f} kg of {weight:g} kg", expected="20-100 %", kind=kind.value)
    return lean / weight


def _checked(kind: SuvKind, name: str, value: float | None, bounds: tuple[float, float]) -> float:
    if value is None or not bounds[0] <= value <= bounds[1]:
        found = f"{name} {'missing' if value is None else f'{value:g}'}"
        raise ImageError("E247", found=found, expected=f"{bounds[0]:g}-{bounds[1]:g}", kind=kind.value)
    return value


@dataclass(frozen=True)
class Metabolic:
    """What lies above a threshold.

    Attributes:
        threshold: in SUV.
        volume_ml: metabolic tumour volume.
        glycolysis: volume times mean SUV, in ml of SUV.
    """

    threshold: float
    volume_ml: float
    glycolysis: float


@dataclass(frozen=True)
class Uptake:
    """Uptake of a lesion, in the SUV that was asked for.

    Attributes:
        kind: of SUV.
        highest: SUVmax.
        mean: over the mask.
        peak: highest mean of a sphere of 1 ml about a voxel of the mask.
        fixed: above 41 % of the maximum.
        above: above SUV 2.5.
        liver: above 1.5 times the mean of the liver and two deviations; None without a liver.
    """

    kind: SuvKind
    highest: float
    mean: float
    peak: float
    fixed: Metabolic
    above: Metabolic
    liver: Metabolic | None = None


def measure_uptake(volume: Volume, inside: Flags, kind: SuvKind, factor: float, liver: float | None = None) -> Uptake:
    """Measure the uptake of a lesion.

    Metabolic volumes are what is joined to the maximum of the mask above a threshold, at most 10 mm beyond the mask.

    Args:
        volume: in body-weight SUV.
        inside: the mask, on its grid.
        kind: of SUV to answer in.
        factor: from ``body_factor``.
        liver: threshold of PERCIST in the SUV that was asked for, None without one.

    Raises:
        EnhancedPixels: ``E460``, the image was changed to be looked at.
        ImageError: ``E248`` the image is not in SUV, ``E242`` the mask is empty.
    """
    volume.require_measurable()
    if volume.quantity is not Quantity.SUV_BW:
        raise ImageError("E248", found=volume.quantity.name, expected=Quantity.SUV_BW.name)
    if not inside.any():
        raise ImageError("E242", found="mask", expected="> 0")
    box = _box(inside, volume, max(SURROUNDINGS_MM, RADIUS_MM))
    samples = np.ascontiguousarray(volume.array[box], dtype=np.float64) * factor
    mask = np.ascontiguousarray(inside[box])
    region = Region(samples, mask, mask, volume.geometry.spacing_mm)
    highest = float(region.values.max())
    top = np.argwhere(mask & (samples == highest))[0]
    near = np.zeros_like(mask)
    near[_box(mask, volume, SURROUNDINGS_MM)] = True

    def above(threshold: float) -> Metabolic:
        found = component_at(near & (samples >= threshold), (int(top[0]), int(top[1]), int(top[2])))
        millilitres = int(np.count_nonzero(found)) * volume.geometry.voxel_volume_mm3 / 1000.0
        mean = float(samples[found].mean()) if found.any() else 0.0
        return Metabolic(threshold, millilitres, millilitres * mean)

    return Uptake(
        kind=kind,
        highest=highest,
        mean=float(region.values.mean()),
        peak=local_intensity_features(region)["loc_peak_glob"],
        fixed=above(FIXED_FRACTION * highest),
        above=above(FIXED_SUV),
        liver=None if liver is None else above(liver),
    )


@dataclass(frozen=True)
class Liver:
    """Uptake of a normal liver in a sphere of 3 cm.

    Attributes:
        mean: in the SUV that was asked for.
        deviation: standard deviation of its voxels.
    """

    mean: float
    deviation: float

    @property
    def threshold(self) -> float:
        """SULpeak from which a lesion can be measured at baseline by PERCIST: 1.5 x mean + 2 x deviation."""
        return LIVER_FACTOR * self.mean + LIVER_DEVIATIONS * self.deviation


def measure_liver(volume: Volume, centre: tuple[int, int, int], factor: float) -> Liver:
    """Return mean and deviation of a sphere of 3 cm about a voxel."""
    axes = np.ogrid[tuple(slice(0, side) for side in volume.geometry.shape)]
    terms = [((axis - at) * step) ** 2 for axis, at, step in zip(axes, centre, volume.geometry.spacing_mm, strict=True)]
    values = volume.array[terms[0] + terms[1] + terms[2] <= LIVER_RADIUS_MM**2].astype(np.float64) * factor
    return Liver(float(values.mean()), float(values.std(ddof=1)))


def _box(inside: Flags, volume: Volume, margin_mm: float) -> tuple[slice, ...]:
    places = np.argwhere(inside)
    margin = np.ceil(margin_mm / np.asarray(volume.geometry.spacing_mm)).astype(int)
    low = np.maximum(places.min(axis=0) - margin, 0)
    high = np.minimum(places.max(axis=0) + margin + 1, inside.shape)
    return tuple(slice(int(start), int(stop)) for start, stop in zip(low, high, strict=True))
