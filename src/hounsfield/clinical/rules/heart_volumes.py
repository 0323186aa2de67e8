"""Volumes, ejection fraction and mass of the left ventricle from diameters, areas and lengths.

Formulas as the American Society of Echocardiography and the European Association of Cardiovascular Imaging print them
(Lang 2015, J Am Soc Echocardiogr 28:1). Lengths go in as millimetres, volumes come out as millilitres.
"""

from collections.abc import Sequence
from math import pi

from hounsfield.clinical.rules.heart_bands import require
from hounsfield.errors import SettingsError

MYOCARDIUM_G_PER_ML = 1.05
"""Density of the muscle for mass from CT and MR."""

ECHO_MYOCARDIUM_G_PER_ML = 1.04
"""Density of the muscle in the cube formula (Devereux 1986, Am J Cardiol 57:450)."""

LARGEST_LENGTH_DIFFERENCE = 0.1
"""Share by which the long axes of two apical views may differ before the views are doubted (Lang 2015)."""


def simpson_single_plane(diameters_mm: Sequence[float], length_mm: float) -> float:
    """Return the volume in ml by discs of one view: pi / 4 x sum of a^2 x L / n.

    Args:
        diameters_mm: of discs of equal height along the long axis, 20 of them by convention.
        length_mm: long axis, middle of the mitral plane to the apex.
    """
    return simpson_biplane(diameters_mm, diameters_mm, length_mm)


def simpson_biplane(four_chamber_mm: Sequence[float], two_chamber_mm: Sequence[float], length_mm: float) -> float:
    """Return the volume in ml by discs of two apical views (modified Simpson): pi / 4 x sum of a x b x L / n.

    Args:
        four_chamber_mm: diameters of the discs in the apical four-chamber view.
        two_chamber_mm: diameters of the same discs in the apical two-chamber view.
        length_mm: the longer of the two long axes.

    Raises:
        SettingsError: ``E220``, no discs, not as many in both views, or a length that is no length.
    """
    if not four_chamber_mm or len(four_chamber_mm) != len(two_chamber_mm):
        raise SettingsError("E220", name="discs", found=len(two_chamber_mm), expected=len(four_chamber_mm) or "> 0")
    require("length_mm", length_mm)
    for diameter in (*four_chamber_mm, *two_chamber_mm):
        require("disc_mm", diameter, may_be_zero=True)
    products = sum(a * b for a, b in zip(four_chamber_mm, two_chamber_mm, strict=True))
    return pi / 4 * products * length_mm / len(four_chamber_mm) / 1000.0


def has_foreshortening(first_length_mm: float, second_length_mm: float) -> bool:
    """Whether the long axes of two apical views differ by more than a tenth of the longer one."""
    longer = max(first_length_mm, second_length_mm)
    return abs(first_length_mm - second_length_mm) > LARGEST_LENGTH_DIFFERENCE * longer


def area_length(area_mm2: float, length_mm: float) -> float:
    """Return the volume in ml by area and length of one view: 8 A^2 / (3 pi L)."""
    return area_length_biplane(area_mm2, area_mm2, length_mm)


def area_length_biplane(first_area_mm2: float, second_area_mm2: float, length_mm: float) -> float:
    """Return the volume in ml by areas of two views: 8 A1 A2 / (3 pi L), L the shorter length (left atrium)."""
    require("first_area_mm2", first_area_mm2, may_be_zero=True)
    require("second_area_mm2", second_area_mm2, may_be_zero=True)
    require("length_mm", length_mm)
    return 8 * first_area_mm2 * second_area_mm2 / (3 * pi * length_mm) / 1000.0


def teichholz(diameter_mm: float) -> float:
    """Return the volume in ml from one inner diameter: 7 / (2.4 + D) x D^3, D in cm; a last resort (Teichholz 1976)."""
    require("diameter_mm", diameter_mm, may_be_zero=True)
    diameter_cm = diameter_mm / 10.0
    return 7.0 / (2.4 + diameter_cm) * diameter_cm**3


def fractional_shortening(diastolic_mm: float, systolic_mm: float) -> float:
    """Return the shortening of the inner diameter in percent of the diastolic one."""
    return ejection_fraction(diastolic_mm, systolic_mm)


def ejection_fraction(end_diastolic: float, end_systolic: float) -> float:
    """Return the part that left with the beat, in percent of what was there at the end of diastole.

    Raises:
        SettingsError: ``E220``, nothing was there at the end of diastole.
    """
    require("end_diastolic", end_diastolic)
    require("end_systolic", end_systolic, may_be_zero=True)
    return (end_diastolic - end_systolic) / end_diastolic * 100.0


def stroke_volume(end_diastolic_ml: float, end_systolic_ml: float) -> float:
    """Return the volume in ml that leaves with one beat, forward or back."""
    return end_diastolic_ml - end_systolic_ml


def doppler_stroke_volume(outflow_diameter_mm: float, outflow_vti_cm: float) -> float:
    """Return the volume in ml that passes an outflow tract: pi / 4 x D^2 x VTI."""
    require("outflow_diameter_mm", outflow_diameter_mm)
    require("outflow_vti_cm", outflow_vti_cm, may_be_zero=True)
    return pi / 4 * (outflow_diameter_mm / 10.0) ** 2 * outflow_vti_cm


def cardiac_output(stroke_volume_ml: float, heart_rate_per_minute: float) -> float:
    """Return the output in litres a minute."""
    return stroke_volume_ml * heart_rate_per_minute / 1000.0


def body_surface_area(weight_kg: float, height_cm: float) -> float:
    """Return the body surface in m2: 0.007184 x W^0.425 x H^0.725 (DuBois and DuBois 1916).

    Raises:
        SettingsError: ``E220``, a weight or height that is none.
    """
    require("weight_kg", weight_kg)
    require("height_cm", height_cm)
    return float(0.007184 * weight_kg**0.425 * height_cm**0.725)


def indexed(value: float, body_surface_m2: float) -> float:
    """Return a volume, mass or area for each square metre of body surface."""
    require("body_surface_m2", body_surface_m2)
    return value / body_surface_m2


def devereux_mass(septum_mm: float, inner_diameter_mm: float, posterior_wall_mm: float) -> float:
    """Return the mass of the left ventricle in g by the cube formula, all at the end of diastole.

    0.8 x 1.04 x ((IVSd + LVIDd + PWTd)^3 - LVIDd^3) + 0.6 with lengths in cm (Devereux 1986, Lang 2015).
    """
    require("septum_mm", septum_mm)
    require("inner_diameter_mm", inner_diameter_mm)
    require("posterior_wall_mm", posterior_wall_mm)
    inner_cm = inner_diameter_mm / 10.0
    outer_cm = (septum_mm + inner_diameter_mm + posterior_wall_mm) / 10.0
    return 0.8 * ECHO_MYOCARDIUM_G_PER_ML * (outer_cm**3 - inner_cm**3) + 0.6


def myocardial_mass(volume_ml: float) -> float:
    """Return the mass in g of muscle of a volume seen on CT or MR, at 1.05 g/ml."""
    return volume_ml * MYOCARDIUM_G_PER_ML


def relative_wall_thickness(posterior_wall_mm: float, inner_diameter_mm: float) -> float:
    """Return twice the posterior wall over the inner diameter, both at the end of diastole."""
    require("posterior_wall_mm", posterior_wall_mm)
    require("inner_diameter_mm", inner_diameter_mm)
    return 2 * posterior_wall_mm / inner_diameter_mm
