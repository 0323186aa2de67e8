"""Facts about a patient: what is unknown stays so, what is misspelt is refused, where each comes from is kept."""

import json
from datetime import date

import pytest

from hounsfield.clinical.facts import LARGEST_FILE_BYTES, NO_FACTS, PatientFacts, facts_of, read_facts
from hounsfield.clinical.fhir_facts import facts_in_bundle
from hounsfield.core.study import Study
from hounsfield.errors import SettingsError

DAY = date(2026, 3, 1)


def file_of(tmp_path, text, name="facts.toml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_is_known_of_nobody():
    values = NO_FACTS.model_dump(exclude={"laboratory", "measurements", "contours", "origins"})
    assert set(values.values()) == {None}
    fact = NO_FACTS.fact("age_years")
    assert (fact.value, fact.unit.code, fact.origin) == (None, "a", "")


def test_headers_give_age_and_sex():
    facts = facts_of(Study("1.2", (), patient_age_years=62.0, patient_sex="F"))
    assert (facts.age_years, facts.sex) == (62.0, "F")
    assert facts.fact("sex").origin == "DICOM"
    assert facts_of(Study("1.2", (), patient_age_years=999.0, patient_sex="")) == NO_FACTS


def test_a_toml_file(tmp_path):
    facts = read_facts(file_of(tmp_path, 'smoking_status = "former"\npack_years = 30\nhas_emphysema = false\n'))
    assert (facts.smoking_status, facts.pack_years, facts.has_emphysema) == ("former", 30.0, False)
    assert facts.has_known_cancer is None
    assert facts.fact("has_emphysema").origin == "file"


def test_a_json_file_with_laboratory_values(tmp_path):
    text = json.dumps({"sex": "M", "laboratory": {"creatinine": {"value": 88, "unit": "umol/L"}}})
    facts = read_facts(file_of(tmp_path, "\ufeff" + text, "facts.json"))
    assert (facts.laboratory["creatinine"].value, facts.laboratory["creatinine"].unit) == (88.0, "umol/L")


@pytest.mark.parametrize(
    ("text", "name", "code", "says"),
    [
        ("smokng_status = 'never'", "a.toml", "E261", "smokng_status"),
        ("age_years = 400", "a.toml", "E261", "age_years"),
        ("age_years = nan", "a.toml", "E261", "age_years"),
        ("smoking_status = 'sometimes'", "a.toml", "E261", "smoking_status"),
        ("laboratory = {x = {value = 1}}", "a.toml", "E261", "laboratory.x.unit"),
        ("age_years = ", "a.toml", "E260", "a.toml"),
        ("[1, 2]", "a.json", "E260", "list"),
        ("{", "a.json", "E260", "a.json"),
        ("[" * 100_000, "a.json", "E260", "a.json"),
    ],
)
def test_what_is_wrong_is_refused_by_name(tmp_path, text, name, code, says):
    with pytest.raises(SettingsError) as caught:
        read_facts(file_of(tmp_path, text, name))
    assert caught.value.code == code
    assert says in caught.value.text()
    assert caught.value.next_step("zh")


def test_a_missing_file_a_folder_and_a_huge_one(tmp_path):
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(LARGEST_FILE_BYTES + 1)
    for path in (tmp_path / "none.toml", tmp_path, huge):
        with pytest.raises(SettingsError) as caught:
            read_facts(path)
        assert caught.value.code == "E260"


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "facts.toml"
    path.write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(SettingsError, match="E260"):
        read_facts(path)


def test_one_source_over_another():
    header = PatientFacts(age_years=60, sex="F", origins={"age_years": "DICOM", "sex": "DICOM"})
    given = PatientFacts(
        age_years=61, has_emphysema=False, origins={"age_years": "file", "has_emphysema": "file"},
        laboratory={"a": {"value": 1, "unit": "1"}},
    )  # fmt: skip
    both = given.over(header)
    assert (both.age_years, both.sex, both.has_emphysema) == (61.0, "F", False)
    assert [both.fact(name).origin for name in ("age_years", "sex", "has_emphysema")] == ["file", "DICOM", "file"]
    assert both.laboratory["a"].value == 1
    assert header.over(NO_FACTS) == header
    assert NO_FACTS.over(header) == header


def test_false_is_known_and_none_is_not():
    assert PatientFacts(has_emphysema=False).over(PatientFacts(has_emphysema=True)).has_emphysema is False
    assert PatientFacts().over(PatientFacts(has_emphysema=True)).has_emphysema is True


def coded(*codes, system="http://snomed.info/sct"):
    return {"coding": [{"system": system, "code": code} for code in codes]}


def observation(code, status="final", **value):
    return {"resourceType": "Observation", "status": status, "code": coded(code, system="http://loinc.org"), **value}


def family(status, code):
    return {"resourceType": "FamilyMemberHistory", "status": status, "condition": [{"code": coded(code)}]}


def bundle(*resources):
    return {"resourceType": "Bundle", "entry": [{"resource": item} for item in resources]}


def quantity(value, unit):
    return {"valueQuantity": {"value": value, "code": unit}}


PATIENT = {"resourceType": "Patient", "gender": "female", "birthDate": "1960-03-02"}


def test_a_patient_has_an_age_on_a_day():
    assert facts_in_bundle(PATIENT, DAY) == {"sex": "F", "age_years": 65.0}
    assert facts_in_bundle(PATIENT, date(2026, 3, 2))["age_years"] == 66.0
    assert "age_years" not in facts_in_bundle({**PATIENT, "birthDate": "1960"}, DAY)
    assert "age_years" not in facts_in_bundle({**PATIENT, "birthDate": "2030-01-01"}, DAY)
    assert facts_in_bundle({"resourceType": "Patient", "gender": "unknown"}, DAY) == {}


@pytest.mark.parametrize(
    ("resource", "facts"),
    [
        (observation("72166-2", valueCodeableConcept=coded("8517006")), {"smoking_status": "former"}),
        (observation("72166-2", valueCodeableConcept=coded("266927001")), {}),
        (observation("8302-2", **quantity(1.7, "m")), {"height_cm": 170.0}),
        (observation("8302-2", **quantity(67, "[in_i]")), {}),
        (observation("29463-7", **quantity(70.5, "kg")), {"weight_kg": 70.5}),
        (observation("29463-7", status="entered-in-error", **quantity(70.5, "kg")), {}),
        (observation("8664-5", **quantity(30, "{pack-years}")), {"pack_years": 30.0}),
        (observation("8867-4", **quantity(61, "/min")), {"heart_rate_per_minute": 61.0}),
        (
            observation("2160-0", **quantity(1.1, "mg/dL")),
            {"laboratory": {"LOINC 2160-0": {"value": 1.1, "unit": "mg/dL"}}},
        ),
        (observation("8302-2", valueString="tall"), {}),
        ({"resourceType": "Condition", "code": coded("87433001")}, {"has_emphysema": True}),
        ({"resourceType": "Condition", "code": coded("87433001"), "verificationStatus": coded("refuted")}, {}),
        ({"resourceType": "Condition", "code": {"text": "emphysema"}}, {}),
        (
            family("completed", "363358000"),
            {"has_family_history_of_lung_cancer": True},
        ),
        (family("completed", "73211009"), {}),
        (family("partial", "363358000"), {}),
    ],
)  # fmt: skip
def test_resources_by_their_codes(resource, facts):
    assert facts_in_bundle(resource, DAY) == facts
    assert facts_in_bundle(bundle(resource), DAY) == facts


def test_a_bundle_becomes_facts(tmp_path):
    resources = bundle(PATIENT, observation("72166-2", valueCodeableConcept=coded("266919005")))
    facts = read_facts(file_of(tmp_path, json.dumps(resources), "bundle.json"), DAY)
    assert (facts.age_years, facts.sex, facts.smoking_status) == (65.0, "F", "never")
    assert facts.fact("smoking_status").origin == "FHIR"


@pytest.mark.parametrize("entry", [None, 3, "x", [None, 3], [{"resource": None}], [{"resource": {"resourceType": 3}}]])
def test_a_broken_bundle_says_nothing(entry):
    assert facts_in_bundle({"resourceType": "Bundle", "entry": entry}, DAY) == {}


def test_an_impossible_value_in_a_bundle_is_refused(tmp_path):
    text = json.dumps(bundle(observation("8302-2", **quantity(-4, "cm"))))
    with pytest.raises(SettingsError, match="E261"):
        read_facts(file_of(tmp_path, text, "bundle.json"), DAY)
