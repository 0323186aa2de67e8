"""Echocardiography: measures of files and structured reports, the vectors of the formulas, grades of the tables."""

from dataclasses import replace

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from hounsfield.clinical.facts import NO_FACTS, LaboratoryValue, PatientFacts, read_facts
from hounsfield.clinical.heart import words
from hounsfield.clinical.heart.echo_conclusions import Echo, chambers, filling, filling_of, geometry, valves
from hounsfield.clinical.heart.echo_derived import derive
from hounsfield.clinical.heart.echo_measures import echo_measures, echo_value, facts_for, sited_codes, values_of_facts
from hounsfield.clinical.heart.echo_reading import FORESHORTENED, read_echo
from hounsfield.clinical.heart.echo_report import values_of_report, values_of_study
from hounsfield.clinical.heart.reader import TASK
from hounsfield.clinical.subject import Subject
from hounsfield.core.finding import Presence
from hounsfield.core.quality import Severity
from hounsfield.core.report import Status
from hounsfield.core.study import InstanceRef, Series, Study
from hounsfield.errors import SettingsError
from hounsfield.pipeline import Options, analyse
from tests.clinical.heart.test_apical import half_ellipse

MAN = PatientFacts(sex="M", height_cm=180, weight_kg=80)


def given(**numbers):
    """Measures in their own units."""
    return {name: echo_value(name, value, echo_measures()[name].unit.code, "file") for name, value in numbers.items()}


def echo_of(facts=MAN, **numbers):
    values = given(**numbers)
    return Echo(values, derive(values), facts)


VECTORS = [  # reference sheet 2.1, 2.2, 2.4, 2.5
    ({"septum_diastolic": 10, "lv_diastolic_diameter": 50, "posterior_wall_diastolic": 10}, "lv_mass", 182.0, 0.05),
    ({"lv_diastolic_diameter": 50, "lv_systolic_diameter": 32}, "fractional_shortening", 36.0, 1e-9),
    ({"posterior_wall_diastolic": 10, "lv_diastolic_diameter": 50}, "relative_wall_thickness", 0.4, 1e-9),
    ({"lvot_diameter": 20, "lvot_vti": 20, "aortic_vti": 80}, "aortic_valve_area", 0.785, 5e-4),
    ({"lvot_vti": 20, "aortic_vti": 80}, "velocity_index", 0.25, 1e-9),
    ({"aortic_velocity": 4}, "aortic_peak_gradient", 64.0, 1e-9),
    ({"tricuspid_velocity": 2.8}, "tricuspid_gradient", 31.36, 1e-9),
    ({"mitral_half_time": 220}, "mitral_valve_area", 1.0, 1e-9),
    ({"mitral_jet_radius": 10, "mitral_jet_aliasing": 0.4, "mitral_jet_velocity": 5}, "mitral_orifice", 0.5027, 1e-4),
    ({"mitral_orifice": 0.4, "mitral_jet_vti": 150}, "mitral_regurgitant_volume", 60.0, 1e-9),
    ({"mitral_e": 80, "mitral_a": 50}, "ea_ratio", 1.6, 1e-9),
    ({"mitral_e": 80, "septal_e_prime": 5}, "septal_e_ratio", 16.0, 1e-9),
    ({"lv_end_diastolic_volume": 118.2, "lv_end_systolic_volume": 41.0}, "lv_ejection_fraction", 65.3, 0.05),
    ({"lvot_diameter": 20, "lvot_vti": 20}, "doppler_stroke_volume", 62.83, 0.01),
]


@pytest.mark.parametrize(("numbers", "name", "expected", "tolerance"), VECTORS, ids=[row[1] for row in VECTORS])
def test_the_vectors_of_the_formulas(numbers, name, expected, tolerance):
    found = derive(given(**numbers))[name]
    assert found.value == pytest.approx(expected, abs=tolerance)
    assert found.measurement().unit == found.unit
    for missing in numbers:
        rest = {key: value for key, value in numbers.items() if key != missing}
        assert name not in derive(given(**rest))


def test_what_was_given_is_not_worked_out_again_and_steps_follow_each_other():
    numbers = {"mitral_jet_radius": 10, "mitral_jet_aliasing": 0.4, "mitral_jet_velocity": 5, "mitral_jet_vti": 120}
    found = derive(given(**numbers))
    assert found["mitral_regurgitant_volume"].value == pytest.approx(found["mitral_orifice"].value * 120)
    assert "mitral_orifice" not in derive(given(mitral_orifice=0.3, **numbers))


@pytest.mark.parametrize(
    ("name", "value", "unit", "expected"),
    [
        ("lv_diastolic_diameter", 5.2, "cm", 52.0),
        ("mitral_e", 0.8, "m/s", 80.0),
        ("aortic_velocity", 410, "cm/s", 4.1),
        ("mitral_deceleration", 0.18, "s", 180.0),
        ("mitral_orifice", 35, "mm2", 0.35),
        ("la_volume", 60, "cm3", 60.0),
        ("aortic_mean_gradient", 42, "mmHg", 42.0),
        ("aortic_vti", 800, "mm", 80.0),
    ],
)
def test_units_are_brought_to_the_measure(name, value, unit, expected):
    assert echo_value(name, value, unit, "file").value == pytest.approx(expected)


@pytest.mark.parametrize(("name", "unit"), [("lv_diameter", "mm"), ("mitral_e", "mm"), ("la_volume", "kg")])
def test_unknown_names_and_units_are_refused(name, unit):
    with pytest.raises(SettingsError) as caught:
        echo_value(name, 1.0, unit, "file")
    assert caught.value.code == "E222"


def test_codes_are_those_of_the_standard():
    known = {str(code.value) for code in (getattr(codes.LN, name) for name in dir(codes.LN) if name[0].isupper())}
    listed = [code for measure in echo_measures().values() for code in measure.codes]
    assert len(listed) == len(set(listed))
    assert set(listed) <= known
    assert {code for scheme, code, _ in sited_codes() if scheme == "LN"} <= known


def code(value, scheme="LN", meaning="x"):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def coded(name, value):
    item = Dataset()
    item.ValueType, item.RelationshipType = "CODE", "HAS CONCEPT MOD"
    item.ConceptNameCodeSequence, item.ConceptCodeSequence = [code(*name)], [code(*value)]
    return item


def number(concept, value, unit, *children):
    item, measured = Dataset(), Dataset()
    item.ValueType, item.RelationshipType = "NUM", "CONTAINS"
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = str(value), [code(unit, "UCUM")]
    item.ConceptNameCodeSequence, item.MeasuredValueSequence = [code(*concept)], [measured]
    if children:
        item.ContentSequence = list(children)
    return item


def container(*children):
    item = Dataset()
    item.ValueType, item.RelationshipType = "CONTAINER", "CONTAINS"
    item.ConceptNameCodeSequence, item.ContentSequence = [code("125007", "DCM")], list(children)
    return item


SITE, OLD_SITE = ("363698007", "SCT"), ("G-C0E3", "SRT")
SELECTED = coded(("121404", "DCM"), ("121410", "DCM"))
MEAN = coded(("121401", "DCM"), ("R-00317", "SRT"))


def report(*children):
    dataset = container(*children)
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.3.9"
    dataset.Modality, dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "SR", "1.2.3", "1.2.3.4"
    dataset.PatientID, dataset.PatientName, dataset.PatientSex = "P", "Phantom", "M"
    return dataset


def numbers_of(*children):
    return {name: item.value for name, item in values_of_report(report(*children)).items()}


def test_a_report_is_read_by_code_at_any_depth():
    deep = container(container(number(("29436-3",), 5.1, "cm"), number(("18037-2",), 0.9, "m/s")))
    assert numbers_of(deep, number(("18154-5",), 11, "mm")) == pytest.approx(
        {"lv_diastolic_diameter": 51.0, "mitral_e": 90.0, "septum_diastolic": 11.0}
    )


@pytest.mark.parametrize(
    ("name", "site", "measure"),
    [
        (SITE, ("34202007", "SCT"), "aortic_velocity"),
        (OLD_SITE, ("T-35400", "SRT"), "aortic_velocity"),
        (SITE, ("13418002", "SCT"), "lvot_velocity"),
    ],
)
def test_a_general_code_is_told_by_its_place(name, site, measure):
    inside = container(coded(name, site), number(("11726-7",), 4.2, "m/s"))
    assert numbers_of(inside) == {measure: 4.2}
    own = number(("11726-7",), 1.1, "m/s", coded(name, ("13418002", "SCT")))
    assert numbers_of(container(coded(name, ("34202007", "SCT")), own)) == {"lvot_velocity": 1.1}
    assert numbers_of(number(("11726-7",), 4.2, "m/s")) == {}


def test_the_selected_value_wins_then_the_mean_then_the_mean_of_all():
    several = [number(("29436-3",), value, "mm") for value in (50, 52, 57)]
    mean, chosen = number(("29436-3",), 53.5, "mm", MEAN), number(("29436-3",), 51, "mm", SELECTED)
    assert numbers_of(*several) == {"lv_diastolic_diameter": 53.0}
    assert numbers_of(*several, mean) == {"lv_diastolic_diameter": 53.5}
    assert numbers_of(*several, mean, chosen) == {"lv_diastolic_diameter": 51.0}


def test_broken_numbers_and_other_units_are_left_out():
    empty = number(("29436-3",), 50, "mm")
    empty.MeasuredValueSequence = []
    assert numbers_of(empty, number(("29438-9",), 30, "kg"), number(("99999-9",), 1, "mm")) == {}


def written(tmp_path, dataset):
    path = tmp_path / "report.dcm"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
    return path


def subject_of(facts=NO_FACTS, instances=()):
    series = Series("1.2.3.4", "1.2.3", "SR", tuple(instances))
    return Subject(Study("1.2.3", (series,)), series, None, facts=facts)


def test_a_report_of_a_study_is_analysed_to_conclusions(tmp_path):
    path = written(tmp_path, report(number(("29436-3",), 66, "mm"), number(("79964-3",), 4.4, "m/s")))
    result = analyse(path, tmp_path / "out", Options(task="heart"))
    (bundle,) = result.bundles
    found = bundle.report
    assert found.status is Status.COMPLETE
    assert found.findings[0].type == words.ECHO
    said = {(item.rule.name, item.result) for item in found.conclusions}
    assert ("aortic-stenosis-2017", "severe") in said
    assert ("ase-eacvi-2015-chambers", "moderate") in said
    text = (tmp_path / "out").rglob("report.json")
    assert "79964-3" in next(iter(text)).read_text(encoding="utf-8")


def test_reports_of_a_study_are_found_and_unreadable_ones_passed_over(tmp_path):
    path = written(tmp_path, report(number(("29436-3",), 48, "mm")))
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(b"no report")
    refs = [InstanceRef(f"1.2.{k}", "", file, "application/dicom", "") for k, file in enumerate((broken, path))]
    study = subject_of(instances=refs).study
    assert values_of_study(study)["lv_diastolic_diameter"].value == 48
    images = replace(study, series=(replace(study.series[0], modality="US"),))
    assert values_of_study(images) == {}


FILE = """
sex = "F"
height_cm = 165
weight_kg = 60
[measurements.lv_diastolic_diameter]
value = 4.6
unit = "cm"
[measurements.septum_diastolic]
value = 12
unit = "mm"
[measurements.posterior_wall_diastolic]
value = 12
unit = "mm"
"""


def test_a_file_of_facts_holds_measures(tmp_path):
    path = tmp_path / "facts.toml"
    path.write_text(FILE, encoding="utf-8")
    found = read_echo(subject_of(read_facts(path)))
    results = {item.rule.name + ":" + item.inputs[0].name: item.result for item in found.conclusions}
    assert results["ase-eacvi-2015-chambers:wall_thickness"] == "mild"
    mass = next(item.value for item in found.findings[0].measurements if item.concept.value == "80019-3")
    assert mass == pytest.approx(0.8 * 1.04 * (7.0**3 - 4.6**3) + 0.6)
    key = next(item.result for item in found.conclusions if item.result.startswith("concentric"))
    assert key == "concentric-hypertrophy"


def test_the_file_wins_over_the_report_and_facts_merge(tmp_path):
    path = written(tmp_path, report(number(("29436-3",), 48, "mm"), number(("29438-9",), 30, "mm")))
    facts = PatientFacts(measurements={"lv_diastolic_diameter": LaboratoryValue(value=50, unit="mm")})
    ref = InstanceRef("1.2.9", "", path, "application/dicom", "")
    found = read_echo(subject_of(facts, [ref])).findings[0].measurements
    assert {item.value for item in found[:2]} == {50.0, 30.0}
    more = facts.over(PatientFacts(measurements={"mitral_e": LaboratoryValue(value=80, unit="cm/s")}))
    assert set(values_of_facts(more)) == {"lv_diastolic_diameter", "mitral_e"}


def test_drawn_borders_replace_volumes_and_foreshortening_is_said():
    contours = [
        {"view": view, "phase": phase, "points_mm": half_ellipse(radius, height)}
        for view, phase, radius, height in (
            ("four-chamber", "diastole", 25, 80),
            ("two-chamber", "diastole", 25, 70),
            ("four-chamber", "systole", 18, 75),
            ("two-chamber", "systole", 18, 75),
        )
    ]
    old = {"lv_ejection_fraction": {"value": 20, "unit": "%"}}
    found = read_echo(subject_of(PatientFacts.model_validate({"contours": contours, "measurements": old})))
    values = {item.concept.value: item.value for item in found.findings[0].measurements}
    assert values["79996-5"] == pytest.approx(2 / 3 * 3.14159 * 25 * 25 * 80 / 1000, rel=0.06)
    assert values["18043-0"] == pytest.approx(100 * (1 - 18**2 * 75 / (25**2 * 80)), abs=3)
    assert FORESHORTENED in found.limits


def test_nothing_known_is_refused():
    found = TASK.reader(TASK, None, subject_of())
    assert [(issue.code, issue.severity) for issue in found.issues] == [("Q229", Severity.REJECT)]
    assert found.findings[0].presence is Presence.NOT_ASSESSED
    assert not found.conclusions


@pytest.mark.parametrize(
    ("numbers", "name", "result"),
    [
        ({"aortic_velocity": 4.2, "aortic_mean_gradient": 45}, "aortic-stenosis-2017", "severe"),
        ({"aortic_velocity": 2.8}, "aortic-stenosis-2017", "mild"),
        (
            {"aortic_velocity": 3.4, "lvot_diameter": 20, "lvot_vti": 20, "aortic_vti": 80},
            "aortic-stenosis-2017",
            "moderate to severe",
        ),
        ({"mitral_orifice": 0.42}, "mitral-regurgitation-2017", "severe"),
        ({"mitral_orifice": 0.25, "mitral_regurgitant_volume": 35}, "mitral-regurgitation-2017", "moderate"),
        ({"aortic_jet_half_time": 180}, "aortic-regurgitation-2017", "severe"),
        ({"aortic_vena_contracta": 2.0}, "aortic-regurgitation-2017", "mild"),
        ({"tricuspid_vena_contracta": 8.0}, "tricuspid-regurgitation-2017", "severe"),
        ({"mitral_half_time": 160}, "mitral-stenosis-2020", "severe"),
    ],
)
def test_valves_are_graded_by_their_tables(numbers, name, result):
    (found,) = valves(echo_of(**numbers), ("u",))
    assert (found.rule.name, found.result) == (name, result)
    assert found.tracking_uids == ("u",)
    known = {fact.name for fact in found.inputs if fact.value is not None}
    assert known
    assert not known & set(found.missing)
    assert found.wording.zh


def test_valves_of_which_nothing_was_measured_are_not_graded():
    assert valves(echo_of(lv_diastolic_diameter=50), ()) == ()


@pytest.mark.parametrize(
    ("numbers", "results"),
    [
        (
            {"mitral_e": 90, "mitral_a": 40, "septal_e_prime": 5, "lateral_e_prime": 6, "tricuspid_velocity": 3.0},
            ["dysfunction", "3", "marker"],
        ),
        (
            {"mitral_e": 60, "mitral_a": 70, "septal_e_prime": 9, "lateral_e_prime": 12, "tricuspid_velocity": 2.2},
            ["none", "none"],
        ),
        ({"mitral_e": 60}, ["", ""]),
    ],
)
def test_filling_by_the_criteria(numbers, results):
    found = filling(echo_of(**numbers), ())
    assert [item.result for item in found] == results
    assert all(item.missing for item in found if not item.result)


def test_filling_is_not_asked_where_nothing_of_it_is_known():
    assert filling(echo_of(lv_diastolic_diameter=50), ()) == ()
    assert filling_of(echo_of(la_volume=70)).la_volume_index_ml_m2 == pytest.approx(
        70 / (0.007184 * 80**0.425 * 180**0.725)
    )
    assert filling_of(echo_of(NO_FACTS, la_volume=70)).la_volume_index_ml_m2 is None


@pytest.mark.parametrize(
    ("walls", "diameter", "key"),
    [
        (9, 50, "unremarkable"),
        (11, 42, "concentric-remodelling"),
        (14, 48, "concentric-hypertrophy"),
        (11, 64, "eccentric-hypertrophy"),
    ],
)
def test_geometry_by_thickness_and_mass(walls, diameter, key):
    numbers = {"septum_diastolic": walls, "posterior_wall_diastolic": walls, "lv_diastolic_diameter": diameter}
    (found,) = geometry(echo_of(**numbers), ())
    assert found.result == key
    assert geometry(echo_of(PatientFacts(sex="M"), **numbers), ()) == ()


def test_missing_facts_of_the_patient_are_named():
    numbers = {"lv_diastolic_diameter": 60, "la_volume": 70, "lv_ejection_fraction": 38}
    found = chambers(echo_of(NO_FACTS, **numbers), ())
    assert found[0].result == "reduced"
    assert {name for item in found[1:] for name in item.missing} == {"sex", "height_cm", "weight_kg"}
    graded = {item.inputs[0].name: item.result for item in chambers(echo_of(**numbers), ())}
    assert graded["lv_diastolic_diameter"] == "mild"
    assert graded["la_volume_index"] == "mild"


def test_facts_for_a_rule_keep_their_place_when_not_known():
    found = facts_for(given(mitral_e=80), ("mitral_e", "mitral_a"))
    assert [(fact.name, fact.value, fact.origin) for fact in found] == [
        ("mitral_e", 80, "file"),
        ("mitral_a", None, "measured"),
    ]
