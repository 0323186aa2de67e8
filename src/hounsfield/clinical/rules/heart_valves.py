"""Grades of valve disease by the tables of the societies; measures that disagree are said to disagree."""

from collections.abc import Mapping
from dataclasses import dataclass

from hounsfield.clinical.rules.checked import round_half_up
from hounsfield.clinical.rules.heart_bands import Band, band_of
from hounsfield.clinical.rules.source import rule
from hounsfield.core.conclusion import RuleSource
from hounsfield.errors import SettingsError

ORDER = ("sclerosis", "not severe", "progressive", "mild", "moderate", "moderate-severe", "severe", "very severe")
"""Grades from the least to the most severe."""

_OUTRANKED = {"severe": "very severe"}


@dataclass(frozen=True)
class ValveGrade:
    """What the measures of one valve say together.

    Attributes:
        grade: the grade they share, or ``moderate to severe`` where they differ; empty when nothing was measured.
        bands: each measure with its own grade.
        missing: measures of the table that were not given.
        source: the table, as sure as its least sure row that was used.
    """

    grade: str
    bands: tuple[Band, ...]
    missing: tuple[str, ...]
    source: RuleSource

    @property
    def is_concordant(self) -> bool:
        """Whether all measures agree."""
        return bool(self.bands) and " to " not in self.grade


def grade_valve(name: str, measures: Mapping[str, float | None]) -> ValveGrade:
    """Return the grade of a valve by a rule's table; what is None was not measured.

    ``very severe`` does not contradict ``severe``: only some measures know it.

    Raises:
        SettingsError: ``E220``, a measure that the table does not know, or no number for it.
    """
    given = {parameter: value for parameter, value in measures.items() if value is not None}
    bands = tuple(band_of(name, parameter, value) for parameter, value in given.items())
    keys = [f"{band.parameter}.{band.grade}" for band in bands]
    missing = tuple(parameter for parameter, value in measures.items() if value is None)
    return ValveGrade(_together([band.grade for band in bands]), bands, missing, rule(name).source(*keys))


def _together(grades: list[str]) -> str:
    ranked = sorted(set(grades), key=ORDER.index)
    if "not severe" in ranked and "severe" not in ranked and "very severe" not in ranked and len(ranked) > 1:
        ranked.remove("not severe")
    if len(ranked) == 2 and _OUTRANKED.get(ranked[0]) == ranked[1]:
        ranked = ranked[1:]
    return ranked[0] if len(ranked) == 1 else f"{ranked[0]} to {ranked[-1]}" if ranked else ""


def grade_aortic_stenosis(
    peak_velocity_m_s: float | None = None,
    mean_gradient_mmhg: float | None = None,
    valve_area_cm2: float | None = None,
    valve_area_index_cm2_m2: float | None = None,
    velocity_index: float | None = None,
) -> ValveGrade:
    """Grade aortic stenosis (EACVI/ASE 2017, ACC/AHA 2020)."""
    return grade_valve(
        "aortic-stenosis-2017",
        {
            "peak_velocity_m_s": peak_velocity_m_s,
            "mean_gradient_mmhg": mean_gradient_mmhg,
            "valve_area_cm2": valve_area_cm2,
            "valve_area_index_cm2_m2": valve_area_index_cm2_m2,
            "velocity_index": velocity_index,
        },
    )


def is_low_flow(stroke_volume_index_ml_m2: float) -> bool:
    """Whether a stroke volume index is below 35 ml/m2, where gradients understate a stenosis."""
    return stroke_volume_index_ml_m2 < rule("aortic-stenosis-2017").number(
        "low-flow", "stroke_volume_index_below_ml_m2"
    )


def suggests_severe_stenosis(agatston: float, sex: str | None) -> bool:
    """Whether the calcium of the aortic valve on CT makes severe stenosis likely: 2 000 in men, 1 200 in women.

    Raises:
        SettingsError: ``E220``, a sex that the table does not have.
    """
    if sex not in ("M", "F"):
        raise SettingsError("E220", name="sex", found=sex, expected="M, F")
    return round_half_up(agatston, 0) >= rule("aortic-valve-calcium").number(sex, "least")


def grade_mitral_regurgitation(
    orifice_cm2: float | None = None,
    regurgitant_volume_ml: float | None = None,
    regurgitant_fraction_percent: float | None = None,
    vena_contracta_mm: float | None = None,
    vena_contracta_biplane_mm: float | None = None,
) -> ValveGrade:
    """Grade mitral regurgitation (ASE 2017)."""
    return grade_valve(
        "mitral-regurgitation-2017",
        {
            "orifice_cm2": orifice_cm2,
            "regurgitant_volume_ml": regurgitant_volume_ml,
            "regurgitant_fraction_percent": regurgitant_fraction_percent,
            "vena_contracta_mm": vena_contracta_mm,
            "vena_contracta_biplane_mm": vena_contracta_biplane_mm,
        },
    )


def grade_aortic_regurgitation(
    orifice_cm2: float | None = None,
    regurgitant_volume_ml: float | None = None,
    regurgitant_fraction_percent: float | None = None,
    vena_contracta_mm: float | None = None,
    jet_width_percent: float | None = None,
    half_time_ms: float | None = None,
) -> ValveGrade:
    """Grade aortic regurgitation (ASE 2017)."""
    return grade_valve(
        "aortic-regurgitation-2017",
        {
            "orifice_cm2": orifice_cm2,
            "regurgitant_volume_ml": regurgitant_volume_ml,
            "regurgitant_fraction_percent": regurgitant_fraction_percent,
            "vena_contracta_mm": vena_contracta_mm,
            "jet_width_percent": jet_width_percent,
            "half_time_ms": half_time_ms,
        },
    )


def grade_mitral_stenosis(valve_area_cm2: float | None = None) -> ValveGrade:
    """Grade mitral stenosis by the area of the valve (ACC/AHA 2020)."""
    return grade_valve("mitral-stenosis-2020", {"valve_area_cm2": valve_area_cm2})


def grade_tricuspid_regurgitation(
    vena_contracta_mm: float | None = None,
    orifice_cm2: float | None = None,
    regurgitant_volume_ml: float | None = None,
) -> ValveGrade:
    """Tell whether tricuspid regurgitation is severe (ASE 2017)."""
    return grade_valve(
        "tricuspid-regurgitation-2017",
        {
            "vena_contracta_mm": vena_contracta_mm,
            "orifice_cm2": orifice_cm2,
            "regurgitant_volume_ml": regurgitant_volume_ml,
        },
    )
