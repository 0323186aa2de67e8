"""Echocardiography by its tables: each code of a report to its measure, each grade of a valve at its edges."""

import pytest

from hounsfield.clinical.heart.echo_conclusions import valves
from hounsfield.clinical.heart.echo_measures import echo_measures
from hounsfield.clinical.heart.echo_report import values_of_report
from tests.clinical.heart.test_echo import echo_of, number, report

# LOINC code, value and unit of a report, measure and what it must read (codes of DICOM PS3.16, CID 12200 and following)
CODES = [
    ("18154-5", 1.1, "cm", "septum_diastolic", 11.0),
    ("29436-3", 4.9, "cm", "lv_diastolic_diameter", 49.0),
    ("80007-8", 49, "mm", "lv_diastolic_diameter", 49.0),
    ("80008-6", 0.049, "m", "lv_diastolic_diameter", 49.0),
    ("18152-9", 0.9, "cm", "posterior_wall_diastolic", 9.0),
    ("80031-8", 9, "mm", "posterior_wall_diastolic", 9.0),
    ("80032-6", 9, "mm", "posterior_wall_diastolic", 9.0),
    ("29438-9", 3.1, "cm", "lv_systolic_diameter", 31.0),
    ("80011-0", 31, "mm", "lv_systolic_diameter", 31.0),
    ("80012-8", 31, "mm", "lv_systolic_diameter", 31.0),
    ("79996-5", 110, "ml", "lv_end_diastolic_volume", 110.0),
    ("79999-9", 110, "cm3", "lv_end_diastolic_volume", 110.0),
    ("79998-1", 110, "mL", "lv_end_diastolic_volume", 110.0),
    ("18026-5", 0.11, "l", "lv_end_diastolic_volume", 110.0),
    ("80001-1", 45, "ml", "lv_end_systolic_volume", 45.0),
    ("80004-5", 45, "ml", "lv_end_systolic_volume", 45.0),
    ("80003-7", 45, "ml", "lv_end_systolic_volume", 45.0),
    ("18148-7", 45, "ml", "lv_end_systolic_volume", 45.0),
    ("79991-6", 58, "%", "lv_ejection_fraction", 58.0),
    ("79993-2", 58, "%", "lv_ejection_fraction", 58.0),
    ("79992-4", 0.58, "{0:1}", "lv_ejection_fraction", 58.0),
    ("18043-0", 58, "%", "lv_ejection_fraction", 58.0),
    ("79983-3", 62, "ml", "la_volume", 62.0),
    ("79981-7", 62, "ml", "la_volume", 62.0),
    ("80028-4", 2.1, "cm", "lvot_diameter", 21.0),
    ("80030-0", 21, "cm", "lvot_vti", 21.0),
    ("80029-2", 95, "cm/s", "lvot_velocity", 0.95),
    ("79964-3", 3.2, "m/s", "aortic_velocity", 3.2),
    ("79965-0", 70, "cm", "aortic_vti", 70.0),
    ("79962-7", 25, "mm[Hg]", "aortic_mean_gradient", 25.0),
    ("79945-2", 0.6, "cm", "aortic_jet_radius", 6.0),
    ("79946-0", 40, "cm/s", "aortic_jet_aliasing", 0.4),
    ("79949-4", 450, "cm/s", "aortic_jet_velocity", 4.5),
    ("79952-8", 180, "cm", "aortic_jet_vti", 180.0),
    ("79948-6", 0.4, "cm", "aortic_vena_contracta", 4.0),
    ("79947-8", 0.42, "s", "aortic_jet_half_time", 420.0),
    ("79944-5", 30, "%", "aortic_jet_width", 30.0),
    ("79960-1", 15, "mm2", "aortic_orifice", 0.15),
    ("79951-0", 28, "ml", "aortic_regurgitant_volume", 28.0),
    ("79950-2", 28, "ml", "aortic_regurgitant_volume", 28.0),
    ("79942-9", 25, "%", "aortic_regurgitant_fraction", 25.0),
    ("18037-2", 0.75, "m/s", "mitral_e", 75.0),
    ("80070-6", 75, "cm/s", "mitral_e", 75.0),
    ("17978-8", 60, "cm/s", "mitral_a", 60.0),
    ("80066-4", 0.6, "m/s", "mitral_a", 60.0),
    ("79911-4", 7, "cm/s", "septal_e_prime", 7.0),
    ("80054-0", 0.1, "m/s", "lateral_e_prime", 10.0),
    ("78191-4", 0.19, "s", "mitral_deceleration", 190.0),
    ("79912-2", 60, "ms", "mitral_half_time", 60.0),
    ("80059-9", 0.8, "cm", "mitral_jet_radius", 8.0),
    ("80060-7", 38, "cm/s", "mitral_jet_aliasing", 0.38),
    ("80062-3", 5.1, "m/s", "mitral_jet_velocity", 5.1),
    ("80061-5", 5, "mm", "mitral_vena_contracta", 5.0),
    ("80071-4", 0.25, "cm2", "mitral_orifice", 0.25),
    ("80064-9", 40, "ml", "mitral_regurgitant_volume", 40.0),
    ("80063-1", 40, "ml", "mitral_regurgitant_volume", 40.0),
    ("80056-5", 35, "%", "mitral_regurgitant_fraction", 35.0),
    ("80055-7", 35, "%", "mitral_regurgitant_fraction", 35.0),
    ("79921-3", 270, "cm/s", "tricuspid_velocity", 2.7),
    ("79933-8", 0.5, "cm", "tricuspid_vena_contracta", 5.0),
]


@pytest.mark.parametrize(("code", "value", "unit", "name", "expected"), CODES)
def test_each_code_is_its_measure_in_its_unit(code, value, unit, name, expected):
    found = values_of_report(report(number((code,), value, unit)))
    assert list(found) == [name]
    assert found[name].value == pytest.approx(expected)
    assert found[name].origin == "DICOM SR"


def test_no_measure_that_a_report_can_hold_is_left_untried():
    coded = {name for name, measure in echo_measures().items() if measure.codes}
    assert {name for _, _, _, name, _ in CODES} == coded


# measure, value, table, grade: EACVI/ASE 2017, ACC/AHA 2020 as the reference sheet (2.5) has them
EDGES = [
    ("aortic_velocity", 2.5, "aortic-stenosis-2017", "sclerosis"),
    ("aortic_velocity", 2.6, "aortic-stenosis-2017", "mild"),
    ("aortic_velocity", 2.9, "aortic-stenosis-2017", "mild"),
    ("aortic_velocity", 3.0, "aortic-stenosis-2017", "moderate"),
    ("aortic_velocity", 3.9, "aortic-stenosis-2017", "moderate"),
    ("aortic_velocity", 4.0, "aortic-stenosis-2017", "severe"),
    ("aortic_velocity", 5.0, "aortic-stenosis-2017", "very severe"),
    ("aortic_mean_gradient", 19, "aortic-stenosis-2017", "mild"),
    ("aortic_mean_gradient", 20, "aortic-stenosis-2017", "moderate"),
    ("aortic_mean_gradient", 39, "aortic-stenosis-2017", "moderate"),
    ("aortic_mean_gradient", 40, "aortic-stenosis-2017", "severe"),
    ("mitral_orifice", 0.19, "mitral-regurgitation-2017", "mild"),
    ("mitral_orifice", 0.20, "mitral-regurgitation-2017", "moderate"),
    ("mitral_orifice", 0.30, "mitral-regurgitation-2017", "moderate-severe"),
    ("mitral_orifice", 0.40, "mitral-regurgitation-2017", "severe"),
    ("mitral_regurgitant_volume", 29, "mitral-regurgitation-2017", "mild"),
    ("mitral_regurgitant_volume", 30, "mitral-regurgitation-2017", "moderate"),
    ("mitral_regurgitant_volume", 45, "mitral-regurgitation-2017", "moderate-severe"),
    ("mitral_regurgitant_volume", 60, "mitral-regurgitation-2017", "severe"),
    ("mitral_regurgitant_fraction", 29, "mitral-regurgitation-2017", "mild"),
    ("mitral_regurgitant_fraction", 39, "mitral-regurgitation-2017", "moderate"),
    ("mitral_regurgitant_fraction", 40, "mitral-regurgitation-2017", "moderate-severe"),
    ("mitral_regurgitant_fraction", 50, "mitral-regurgitation-2017", "severe"),
    ("mitral_vena_contracta", 2.9, "mitral-regurgitation-2017", "mild"),
    ("mitral_vena_contracta", 3.0, "mitral-regurgitation-2017", "moderate"),
    ("mitral_vena_contracta", 7.0, "mitral-regurgitation-2017", "severe"),
    ("aortic_orifice", 0.09, "aortic-regurgitation-2017", "mild"),
    ("aortic_orifice", 0.10, "aortic-regurgitation-2017", "moderate"),
    ("aortic_orifice", 0.20, "aortic-regurgitation-2017", "moderate-severe"),
    ("aortic_orifice", 0.30, "aortic-regurgitation-2017", "severe"),
    ("aortic_regurgitant_volume", 29, "aortic-regurgitation-2017", "mild"),
    ("aortic_regurgitant_volume", 44, "aortic-regurgitation-2017", "moderate"),
    ("aortic_regurgitant_volume", 59, "aortic-regurgitation-2017", "moderate-severe"),
    ("aortic_regurgitant_volume", 60, "aortic-regurgitation-2017", "severe"),
    ("aortic_regurgitant_fraction", 30, "aortic-regurgitation-2017", "moderate"),
    ("aortic_regurgitant_fraction", 50, "aortic-regurgitation-2017", "severe"),
    ("aortic_vena_contracta", 2.9, "aortic-regurgitation-2017", "mild"),
    ("aortic_vena_contracta", 6.0, "aortic-regurgitation-2017", "moderate"),
    ("aortic_vena_contracta", 6.1, "aortic-regurgitation-2017", "severe"),
    ("aortic_jet_width", 24, "aortic-regurgitation-2017", "mild"),
    ("aortic_jet_width", 64, "aortic-regurgitation-2017", "moderate"),
    ("aortic_jet_width", 65, "aortic-regurgitation-2017", "severe"),
    ("aortic_jet_half_time", 501, "aortic-regurgitation-2017", "mild"),
    ("aortic_jet_half_time", 500, "aortic-regurgitation-2017", "moderate"),
    ("aortic_jet_half_time", 199, "aortic-regurgitation-2017", "severe"),
    ("tricuspid_vena_contracta", 7.0, "tricuspid-regurgitation-2017", "severe"),
]


@pytest.mark.parametrize(("name", "value", "table", "grade"), EDGES)
def test_each_grade_of_a_valve_at_its_edge(name, value, table, grade):
    found = [item for item in valves(echo_of(**{name: value}), ()) if item.rule.name == table]
    assert [item.result for item in found] == [grade]
    (used,) = (fact for fact in found[0].inputs if fact.value is not None)
    assert used.value == value
    assert used.origin == "file"


@pytest.mark.parametrize(
    ("numbers", "grade"),
    [
        ({"mitral_orifice": 0.42, "mitral_regurgitant_volume": 65}, "severe"),
        ({"mitral_orifice": 0.25, "mitral_regurgitant_volume": 65}, "moderate to severe"),
        ({"mitral_orifice": 0.10, "mitral_vena_contracta": 5}, "mild to moderate"),
    ],
)
def test_measures_that_disagree_are_said_to_disagree(numbers, grade):
    (found,) = valves(echo_of(**numbers), ())
    assert found.result == grade
    assert all(f"{fact.name} " in found.wording.en for fact in found.inputs if fact.value is not None)
