"""Tables of the heart, row by row as clinical.md section 2 prints them, at both sides of every limit."""

import pytest

from hounsfield.clinical.rules import heart_valves as valves
from hounsfield.clinical.rules.checked import round_half_up
from hounsfield.clinical.rules.heart_calcium import agatston_bin, agatston_weight, cac_drs, calcium_threshold
from hounsfield.clinical.rules.heart_chambers import (
    chamber_parameters,
    grade_chamber,
    is_outside_limit,
    ventricular_geometry,
)
from hounsfield.clinical.rules.heart_failure import ejection_fraction_range, is_cardiotoxic_drop, is_improved
from hounsfield.core.conclusion import Certainty
from hounsfield.errors import SettingsError

# parameter, sex, reference low, high, last mild, last moderate, step of the table
HIGH_IS_ABNORMAL = [
    ("lv_diastolic_diameter", "M", 4.2, 5.8, 6.3, 6.8, 0.1),
    ("lv_diastolic_diameter", "F", 3.8, 5.2, 5.6, 6.1, 0.1),
    ("lv_systolic_diameter", "M", 2.5, 4.0, 4.3, 4.5, 0.1),
    ("lv_systolic_diameter", "F", 2.2, 3.5, 3.8, 4.1, 0.1),
    ("lv_end_diastolic_volume", "M", 62, 150, 174, 200, 1),
    ("lv_end_diastolic_volume", "F", 46, 106, 120, 130, 1),
    ("lv_end_diastolic_volume_index", "M", 34, 74, 89, 100, 1),
    ("lv_end_diastolic_volume_index", "F", 29, 61, 70, 80, 1),
    ("lv_end_systolic_volume", "M", 21, 61, 73, 85, 1),
    ("lv_end_systolic_volume", "F", 14, 42, 55, 67, 1),
    ("lv_end_systolic_volume_index", "M", 11, 31, 38, 45, 1),
    ("lv_end_systolic_volume_index", "F", 8, 24, 32, 40, 1),
    ("wall_thickness", "M", 0.6, 1.0, 1.3, 1.6, 0.1),
    ("wall_thickness", "F", 0.6, 0.9, 1.2, 1.5, 0.1),
    ("lv_mass", "M", 88, 224, 258, 292, 1),
    ("lv_mass", "F", 67, 162, 186, 210, 1),
    ("lv_mass_index", "M", 49, 115, 131, 148, 1),
    ("lv_mass_index", "F", 43, 95, 108, 121, 1),
    ("lv_mass_index_2d", "M", 50, 102, 116, 130, 1),
    ("lv_mass_index_2d", "F", 44, 88, 100, 112, 1),
    ("relative_wall_thickness", "M", 0.24, 0.42, 0.46, 0.51, 0.01),
    ("relative_wall_thickness", "F", 0.22, 0.42, 0.47, 0.52, 0.01),
    ("la_volume_index", "M", 16, 34, 41, 48, 1),
    ("la_volume_index", "F", 16, 34, 41, 48, 1),
]


@pytest.mark.parametrize("row", HIGH_IS_ABNORMAL)
def test_chamber_is_graded_at_both_sides_of_each_limit(row: tuple[str, str, float, float, float, float, float]) -> None:
    name, sex, low, high, mild, moderate, step = row
    expected = {
        low - step: "below",
        low: "within",
        high: "within",
        high + step: "mild",
        mild: "mild",
        mild + step: "moderate",
        moderate: "moderate",
        moderate + step: "severe",
    }
    assert {value: grade_chamber(name, value, sex).grade for value in expected} == expected
    assert (grade_chamber(name, low, sex).low, grade_chamber(name, low, sex).high) == (low, high)


@pytest.mark.parametrize(("sex", "low", "high"), [("M", 52, 72), ("F", 54, 74)])
def test_ejection_fraction_is_graded_downwards(sex: str, low: int, high: int) -> None:
    expected = {high + 1: "above", high: "within", low: "within", low - 1: "mild", 41: "mild", 40: "moderate"}
    expected |= {30: "moderate", 29: "severe"}
    assert {value: grade_chamber("lv_ejection_fraction", value, sex).grade for value in expected} == expected


def test_every_measure_of_the_table_is_tried_here() -> None:
    assert set(chamber_parameters()) == {row[0] for row in HIGH_IS_ABNORMAL} | {"lv_ejection_fraction"}


def test_rows_from_memory_make_the_source_less_sure() -> None:
    assert grade_chamber("lv_ejection_fraction", 60, "M").source.certainty is Certainty.SECONDARY
    assert grade_chamber("lv_ejection_fraction", 45, "M").source.certainty is Certainty.MEMORY
    assert grade_chamber("lv_diastolic_diameter", 6.0, "M").source.certainty is Certainty.SECONDARY
    assert grade_chamber("lv_diastolic_diameter", 5.5, "F").source.certainty is Certainty.MEMORY


def test_values_are_rounded_by_hand_before_they_are_compared() -> None:
    assert (round_half_up(40.5, 0), round_half_up(0.425, 2), round_half_up(5.85, 1)) == (41.0, 0.43, 5.9)
    assert grade_chamber("lv_diastolic_diameter", 5.84, "M").grade == "within"
    assert grade_chamber("lv_diastolic_diameter", 5.85, "M").grade == "mild"


@pytest.mark.parametrize(
    ("parameter", "value", "sex"),
    [("lv_mass", 100.0, None), ("lv_mass", 100.0, "O"), ("spleen", 1.0, "M"), ("lv_mass", -1.0, "M")],
)
def test_what_the_table_does_not_have_is_refused(parameter: str, value: float, sex: str | None) -> None:
    with pytest.raises(SettingsError) as refused:
        grade_chamber(parameter, value, sex)
    assert refused.value.code == "E220"


@pytest.mark.parametrize(("sex", "limit"), [("M", 115.0), ("F", 95.0)])
def test_geometry_has_four_fields(sex: str, limit: float) -> None:
    assert ventricular_geometry(0.42, limit, sex) == "unremarkable"
    assert ventricular_geometry(0.43, limit, sex) == "concentric-remodelling"
    assert ventricular_geometry(0.42, limit + 1, sex) == "eccentric-hypertrophy"
    assert ventricular_geometry(0.43, limit + 1, sex) == "concentric-hypertrophy"


@pytest.mark.parametrize(
    ("name", "within", "outside"),
    [
        ("rv_basal_diameter_mm", 41, 42),
        ("tapse_mm", 17, 16),
        ("rv_fractional_area_change_percent", 35, 34),
        ("rv_ejection_fraction_3d_percent", 45, 44),
        ("ra_area_cm2", 18, 19),
        ("rv_s_prime_cm_s", 9.5, 9.4),
    ],
)
def test_right_heart_has_one_limit(name: str, within: float, outside: float) -> None:
    assert (is_outside_limit(name, within), is_outside_limit(name, outside)) == (False, True)


STENOSIS = {
    "peak_velocity_m_s": [
        (2.5, "sclerosis"),
        (2.6, "mild"),
        (2.9, "mild"),
        (3.0, "moderate"),
        (4.0, "severe"),
        (5.0, "very severe"),
    ],
    "mean_gradient_mmhg": [(19, "mild"), (20, "moderate"), (39, "moderate"), (40, "severe")],
    "valve_area_cm2": [(1.6, "mild"), (1.5, "moderate"), (1.0, "moderate"), (0.99, "severe")],
    "valve_area_index_cm2_m2": [(0.86, "mild"), (0.85, "moderate"), (0.6, "moderate"), (0.59, "severe")],
    "velocity_index": [(0.51, "mild"), (0.5, "moderate"), (0.25, "moderate"), (0.24, "severe")],
}
FOUR = ("mild", "moderate", "moderate-severe", "severe")
VOLUME = list(zip((29, 30, 44, 45, 59, 60), ("mild", "moderate", "moderate", *FOUR[2:3] * 2, "severe"), strict=True))
FRACTION = list(zip((29, 30, 39, 40, 49, 50), ("mild", "moderate", "moderate", *FOUR[2:3] * 2, "severe"), strict=True))
MITRAL = {
    "orifice_cm2": list(zip((0.19, 0.2, 0.3, 0.4), FOUR, strict=True)),
    "regurgitant_volume_ml": VOLUME,
    "regurgitant_fraction_percent": FRACTION,
    "vena_contracta_mm": [(2.9, "mild"), (3.0, "moderate"), (6.9, "moderate"), (7.0, "severe")],
    "vena_contracta_biplane_mm": [(8.0, "not severe"), (8.1, "severe")],
}
AORTIC = {
    "orifice_cm2": list(zip((0.09, 0.1, 0.2, 0.3), FOUR, strict=True)),
    "regurgitant_volume_ml": VOLUME,
    "regurgitant_fraction_percent": FRACTION,
    "vena_contracta_mm": [(2.9, "mild"), (3.0, "moderate"), (6.0, "moderate"), (6.1, "severe")],
    "jet_width_percent": [(24, "mild"), (25, "moderate"), (64, "moderate"), (65, "severe")],
    "half_time_ms": [(501, "mild"), (500, "moderate"), (200, "moderate"), (199, "severe")],
}
MITRAL_STENOSIS = {"valve_area_cm2": [(1.6, "progressive"), (1.5, "severe"), (1.0, "very severe")]}
TRICUSPID = {
    "vena_contracta_mm": [(6.9, "not severe"), (7.0, "severe")],
    "orifice_cm2": [(0.39, "not severe"), (0.4, "severe")],
    "regurgitant_volume_ml": [(44, "not severe"), (45, "severe")],
}
TABLES = [
    (valves.grade_aortic_stenosis, STENOSIS),
    (valves.grade_mitral_regurgitation, MITRAL),
    (valves.grade_aortic_regurgitation, AORTIC),
    (valves.grade_mitral_stenosis, MITRAL_STENOSIS),
    (valves.grade_tricuspid_regurgitation, TRICUSPID),
]
CELLS = [(grade, name, value, word) for grade, table in TABLES for name, row in table.items() for value, word in row]


@pytest.mark.parametrize(("grade", "name", "value", "expected"), CELLS)
def test_each_cell_of_the_valve_tables(grade, name: str, value: float, expected: str) -> None:  # type: ignore[no-untyped-def]
    found = grade(**{name: value})
    assert found.grade == expected
    assert name not in found.missing


def test_measures_of_a_valve_that_disagree_are_said_to() -> None:
    found = valves.grade_aortic_stenosis(peak_velocity_m_s=3.4, mean_gradient_mmhg=30, valve_area_cm2=0.8)
    assert (found.grade, found.is_concordant) == ("moderate to severe", False)
    assert found.missing == ("valve_area_index_cm2_m2", "velocity_index")
    agreed = valves.grade_aortic_stenosis(peak_velocity_m_s=5.2, mean_gradient_mmhg=70)
    assert (agreed.grade, agreed.is_concordant) == ("very severe", True)
    nothing = valves.grade_aortic_stenosis()
    assert (nothing.grade, nothing.is_concordant, len(nothing.missing)) == ("", False, 5)


def test_low_flow_and_calcium_of_the_valve() -> None:
    assert (valves.is_low_flow(34.9), valves.is_low_flow(35.0)) == (True, False)
    assert [valves.suggests_severe_stenosis(score, "M") for score in (1999, 2000)] == [False, True]
    assert [valves.suggests_severe_stenosis(score, "F") for score in (1199, 1200)] == [False, True]
    with pytest.raises(SettingsError):
        valves.suggests_severe_stenosis(1500, None)


def test_ranges_of_the_ejection_fraction() -> None:
    expected = {40.4: "reduced", 40.5: "mildly-reduced", 49.4: "mildly-reduced", 49.5: "preserved", 0: "reduced"}
    assert {value: ejection_fraction_range(value) for value in expected} == expected
    assert [is_improved(*pair) for pair in ((35, 45), (40, 49), (41, 55), (30, 40))] == [True, False, False, False]
    assert [is_cardiotoxic_drop(*pair) for pair in ((60, 49), (60, 50), (55, 46))] == [True, False, False]


def test_calcium_in_weights_classes_and_categories() -> None:
    weights = {129: 0, 130: 1, 199: 1, 200: 2, 299: 2, 300: 3, 399: 3, 400: 4, 1500: 4}
    assert {peak: agatston_weight(peak) for peak in weights} == weights
    bins = {0: "0", 0.4: "1-10", 10: "1-10", 11: "11-100", 100: "11-100", 101: "101-400", 400: "101-400", 401: ">400"}
    assert {score: agatston_bin(score) for score in bins} == bins
    categories = {0: "A0", 0.5: "A1", 99: "A1", 100: "A2", 299: "A2", 300: "A3"}
    assert {score: cac_drs(score) for score in categories} == categories
    assert cac_drs(120, 3) == "A2/N3"
    assert (calcium_threshold(120), calcium_threshold(100), calcium_threshold(80)) == (130, 147, None)
    with pytest.raises(SettingsError):
        cac_drs(10, 5)
