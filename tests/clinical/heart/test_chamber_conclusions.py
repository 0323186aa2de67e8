"""Grades of chambers: every row of the table of ASE/EACVI 2015 at its edges, by sex; inputs and what is missing."""

import re

import pytest

from hounsfield.clinical.facts import NO_FACTS, PatientFacts
from hounsfield.clinical.heart.chamber_conclusions import (
    BY_MR,
    GRADES,
    NAMES,
    Measured,
    chamber_grade,
    fraction_range,
    indexed_grade,
)
from hounsfield.clinical.rules import body_surface_area, chamber_parameters
from hounsfield.core.conclusion import Certainty, ConclusionKind
from hounsfield.core.quantities import MILLILITRE, PERCENT, Unit

GRAM, CENTIMETRE = Unit("g", "gram"), Unit("cm", "centimeter")

# parameter, sex, value, grade: Lang 2015, tables 2 and 6, as the reference sheet (2.3) has them
EDGES = [
    ("lv_diastolic_diameter", "M", 4.1, "below"),
    ("lv_diastolic_diameter", "M", 4.2, "within"),
    ("lv_diastolic_diameter", "M", 5.8, "within"),
    ("lv_diastolic_diameter", "M", 5.9, "mild"),
    ("lv_diastolic_diameter", "M", 6.3, "mild"),
    ("lv_diastolic_diameter", "M", 6.4, "moderate"),
    ("lv_diastolic_diameter", "M", 6.8, "moderate"),
    ("lv_diastolic_diameter", "M", 6.9, "severe"),
    ("lv_diastolic_diameter", "F", 3.8, "within"),
    ("lv_diastolic_diameter", "F", 5.2, "within"),
    ("lv_diastolic_diameter", "F", 5.3, "mild"),
    ("lv_diastolic_diameter", "F", 5.7, "moderate"),
    ("lv_diastolic_diameter", "F", 6.2, "severe"),
    ("lv_systolic_diameter", "M", 4.0, "within"),
    ("lv_systolic_diameter", "M", 4.1, "mild"),
    ("lv_systolic_diameter", "M", 4.4, "moderate"),
    ("lv_systolic_diameter", "M", 4.6, "severe"),
    ("lv_systolic_diameter", "F", 3.5, "within"),
    ("lv_systolic_diameter", "F", 3.6, "mild"),
    ("lv_systolic_diameter", "F", 4.2, "severe"),
    ("lv_end_diastolic_volume", "M", 61, "below"),
    ("lv_end_diastolic_volume", "M", 150, "within"),
    ("lv_end_diastolic_volume", "M", 151, "mild"),
    ("lv_end_diastolic_volume", "M", 175, "moderate"),
    ("lv_end_diastolic_volume", "M", 201, "severe"),
    ("lv_end_diastolic_volume", "F", 106, "within"),
    ("lv_end_diastolic_volume", "F", 107, "mild"),
    ("lv_end_diastolic_volume", "F", 121, "moderate"),
    ("lv_end_diastolic_volume", "F", 131, "severe"),
    ("lv_end_diastolic_volume_index", "M", 74, "within"),
    ("lv_end_diastolic_volume_index", "M", 75, "mild"),
    ("lv_end_diastolic_volume_index", "M", 90, "moderate"),
    ("lv_end_diastolic_volume_index", "M", 101, "severe"),
    ("lv_end_diastolic_volume_index", "F", 61, "within"),
    ("lv_end_diastolic_volume_index", "F", 62, "mild"),
    ("lv_end_diastolic_volume_index", "F", 71, "moderate"),
    ("lv_end_diastolic_volume_index", "F", 81, "severe"),
    ("lv_end_systolic_volume_index", "M", 31, "within"),
    ("lv_end_systolic_volume_index", "M", 32, "mild"),
    ("lv_end_systolic_volume_index", "M", 39, "moderate"),
    ("lv_end_systolic_volume_index", "M", 46, "severe"),
    ("lv_end_systolic_volume_index", "F", 24, "within"),
    ("lv_end_systolic_volume_index", "F", 25, "mild"),
    ("lv_end_systolic_volume_index", "F", 33, "moderate"),
    ("lv_end_systolic_volume_index", "F", 41, "severe"),
    ("lv_ejection_fraction", "M", 73, "above"),
    ("lv_ejection_fraction", "M", 72, "within"),
    ("lv_ejection_fraction", "M", 52, "within"),
    ("lv_ejection_fraction", "M", 51, "mild"),
    ("lv_ejection_fraction", "M", 41, "mild"),
    ("lv_ejection_fraction", "M", 40, "moderate"),
    ("lv_ejection_fraction", "M", 30, "moderate"),
    ("lv_ejection_fraction", "M", 29, "severe"),
    ("lv_ejection_fraction", "F", 54, "within"),
    ("lv_ejection_fraction", "F", 53, "mild"),
    ("lv_ejection_fraction", "F", 40, "moderate"),
    ("lv_ejection_fraction", "F", 29, "severe"),
    ("wall_thickness", "M", 1.0, "within"),
    ("wall_thickness", "M", 1.1, "mild"),
    ("wall_thickness", "M", 1.4, "moderate"),
    ("wall_thickness", "M", 1.7, "severe"),
    ("wall_thickness", "F", 0.9, "within"),
    ("wall_thickness", "F", 1.0, "mild"),
    ("wall_thickness", "F", 1.3, "moderate"),
    ("wall_thickness", "F", 1.6, "severe"),
    ("lv_mass", "M", 224, "within"),
    ("lv_mass", "M", 225, "mild"),
    ("lv_mass", "M", 259, "moderate"),
    ("lv_mass", "M", 293, "severe"),
    ("lv_mass", "F", 162, "within"),
    ("lv_mass", "F", 163, "mild"),
    ("lv_mass", "F", 187, "moderate"),
    ("lv_mass", "F", 211, "severe"),
    ("lv_mass_index_2d", "M", 102, "within"),
    ("lv_mass_index_2d", "M", 103, "mild"),
    ("lv_mass_index_2d", "M", 117, "moderate"),
    ("lv_mass_index_2d", "M", 131, "severe"),
    ("lv_mass_index_2d", "F", 88, "within"),
    ("lv_mass_index_2d", "F", 89, "mild"),
    ("lv_mass_index_2d", "F", 101, "moderate"),
    ("lv_mass_index_2d", "F", 113, "severe"),
    ("relative_wall_thickness", "M", 0.42, "within"),
    ("relative_wall_thickness", "M", 0.43, "mild"),
    ("relative_wall_thickness", "M", 0.47, "moderate"),
    ("relative_wall_thickness", "M", 0.52, "severe"),
    ("relative_wall_thickness", "F", 0.48, "moderate"),
    ("relative_wall_thickness", "F", 0.53, "severe"),
    ("la_volume_index", "M", 34, "within"),
    ("la_volume_index", "M", 35, "mild"),
    ("la_volume_index", "F", 42, "moderate"),
    ("la_volume_index", "F", 49, "severe"),
]


@pytest.mark.parametrize(("parameter", "sex", "value", "grade"), EDGES)
def test_every_edge_of_the_table_is_graded_and_said(parameter, sex, value, grade):
    found = chamber_grade(Measured(parameter, value, MILLILITRE), PatientFacts(sex=sex), ("u",))
    assert found.result == grade
    assert found.kind is ConclusionKind.GRADE
    assert found.tracking_uids == ("u",)
    assert GRADES[grade].en in found.wording.en
    assert GRADES[grade].zh in found.wording.zh
    assert f"{value:g}" in found.wording.en
    assert [(fact.name, fact.value) for fact in found.inputs] == [(parameter, value), ("sex", sex)]
    assert not found.missing


def test_every_measure_of_the_table_has_words_in_both_languages():
    assert set(chamber_parameters()) <= set(NAMES)
    assert all(words.en and words.zh for words in (*NAMES.values(), *GRADES.values()))


def test_the_value_is_rounded_as_the_table_wants_before_it_is_compared():
    man = PatientFacts(sex="M")
    assert chamber_grade(Measured("lv_ejection_fraction", 51.5, PERCENT), man).result == "within"
    assert chamber_grade(Measured("lv_ejection_fraction", 51.49, PERCENT), man).result == "mild"
    assert chamber_grade(Measured("lv_diastolic_diameter", 5.84, CENTIMETRE), man).result == "within"
    assert chamber_grade(Measured("lv_diastolic_diameter", 5.85, CENTIMETRE), man).result == "mild"


@pytest.mark.parametrize("sex", [None, "O"])
def test_without_a_sex_of_the_table_nothing_is_graded(sex):
    found = chamber_grade(Measured("lv_ejection_fraction", 60, PERCENT), PatientFacts(sex=sex))
    assert (found.result, found.missing) == ("", ("sex",))
    assert not found.is_applied


def test_a_measure_that_is_not_known_is_named():
    found = chamber_grade(Measured("lv_ejection_fraction", None, PERCENT), PatientFacts(sex="F"))
    assert (found.result, found.missing) == ("", ("lv_ejection_fraction",))


def test_rows_from_memory_are_marked():
    man = PatientFacts(sex="M")
    assert chamber_grade(Measured("lv_ejection_fraction", 60, PERCENT), man).rule.certainty is not Certainty.MEMORY
    assert chamber_grade(Measured("lv_ejection_fraction", 35, PERCENT), man).rule.certainty is Certainty.MEMORY


def test_an_index_is_the_measure_over_the_surface_of_dubois():
    facts = PatientFacts(sex="M", height_cm=180, weight_kg=80)
    surface = body_surface_area(80, 180)
    assert surface == pytest.approx(1.996, abs=0.002)
    found = indexed_grade(Measured("lv_end_diastolic_volume_index", 160.0, MILLILITRE), facts)
    assert found.inputs[0].value == round(160 / surface)
    assert found.inputs[0].unit.code == "ml/m2"
    assert {fact.name: fact.value for fact in found.inputs}["body_surface_m2"] == round(surface, 2)
    assert found.result == "mild"


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, {"sex", "height_cm", "weight_kg"}),
        ({"sex": "M"}, {"height_cm", "weight_kg"}),
        ({"sex": "M", "height_cm": 180}, {"weight_kg"}),
        ({"height_cm": 180, "weight_kg": 80}, {"sex"}),
        ({"sex": "O", "height_cm": 180, "weight_kg": 80}, {"sex"}),
    ],
)
def test_missing_facts_of_an_index_are_named(given, missing):
    found = indexed_grade(Measured("lv_mass_index_2d", 150.0, GRAM), PatientFacts(**given))
    assert set(found.missing) == missing
    assert not found.is_applied
    whole = found.inputs[0]
    assert (whole.name, whole.value) == ("lv_mass", 150.0)


def test_a_measure_of_mr_says_that_the_table_is_of_echocardiography():
    found = chamber_grade(Measured("lv_ejection_fraction", 60, PERCENT), PatientFacts(sex="M"), (), BY_MR)
    assert found.wording.en.endswith(BY_MR.en)
    assert found.wording.zh.endswith(BY_MR.zh)


@pytest.mark.parametrize(
    ("percent", "result"),
    [
        (25, "reduced"),
        (40, "reduced"),
        (40.4, "reduced"),
        (40.5, "mildly-reduced"),
        (49, "mildly-reduced"),
        (49.4, "mildly-reduced"),
        (49.5, "preserved"),
        (50, "preserved"),
        (70, "preserved"),
    ],
)
def test_the_range_of_the_fraction_is_no_diagnosis(percent, result):
    found = fraction_range(percent, ("u",))
    assert (found.result, found.kind) == (result, ConclusionKind.CATEGORY)
    assert re.search(r"\d+ %", found.wording.en)
    assert "heart failure" in found.wording.en
    assert "LVEF" in found.wording.zh
    assert not found.missing


def test_no_word_calls_anything_normal():
    texts = [words.en for words in (*NAMES.values(), *GRADES.values())]
    assert not any(re.search(r"\bnormal\b", text) for text in texts)
    assert NO_FACTS.sex is None
