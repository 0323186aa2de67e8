"""What a check says of a source: the gravest issue is the verdict, and the JSON has one form."""

import itertools
import json
from types import SimpleNamespace

import jsonschema
import pytest

from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quality import Evidence, QualityCheck, QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import Series, Study
from hounsfield.errors import Refused
from hounsfield.report.checked import Checked, CheckedVolume, Verdict

TEXT = {"type": "string", "minLength": 1}
ISSUE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["code", "severity", "text", "next", "uid", "value", "threshold", "source"],
    "properties": {
        "code": {"type": "string", "pattern": "^[EQ][0-9]{3}$"},
        "severity": {"enum": ["reject", "warn", "note"]},
        **dict.fromkeys(("text", "value", "threshold", "source"), TEXT),
        "next": {"type": "string"},
        "uid": {"type": ["string", "null"]},
    },
}
CHECK = {
    "type": "object",
    "additionalProperties": False,
    "required": ["code", "name", "value", "unit", "threshold", "source", "verdict", "reason", "looked_at", "evidence"],
    "properties": {
        "code": {"type": "string", "pattern": "^[EQ][0-9]{3}$"},
        "name": TEXT,
        "value": {"type": ["number", "null"]},
        "unit": TEXT,
        "threshold": {"type": ["string", "null"]},
        "source": TEXT,
        "verdict": {"enum": ["reject", "warn", "note", "pass", "not checked"]},
        "reason": {"type": ["string", "null"]},
        "looked_at": {
            "type": ["object", "null"],
            "additionalProperties": False,
            "required": ["seen", "total"],
            "properties": {"seen": {"type": "integer"}, "total": {"type": "integer"}},
        },
        "evidence": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["subject", "found", "required", "source", "files"],
                "properties": {
                    **dict.fromkeys(("subject", "found", "required", "source"), TEXT),
                    "files": {"type": "integer", "minimum": 1},
                },
            },
        },
    },
}
NUMBERS = {"type": ["array", "null"], "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
SERIES = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "series_instance_uid": {"type": "string"},
        "modality": {"type": "string"},
        "body_part_examined": {"type": "string"},
        "verdict": {"enum": ["reject", "warn", "pass"]},
        "shape": NUMBERS,
        "spacing_mm": NUMBERS,
        "calibration": {"enum": ["patient", "detector", "none", None]},
        "quantity": {"type": ["string", "null"]},
        "unit": {"type": ["string", "null"]},
        "instances": {"type": "integer", "minimum": 0},
        "issues": {"type": "array", "items": ISSUE},
        "checks": {"type": "array", "items": CHECK},
    },
}
SERIES["required"] = list(SERIES["properties"])
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["disclaimer", "verdict", "studies", "refused"],
    "properties": {
        "disclaimer": TEXT,
        "verdict": {"enum": ["reject", "warn", "pass"]},
        "studies": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["study_instance_uid", "series"],
                "properties": {
                    "study_instance_uid": TEXT,
                    "series": {"type": "array", "minItems": 1, "items": SERIES},
                },
            },
        },
        "refused": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "code", "text", "next"],
                "properties": dict.fromkeys(("name", "code", "text", "next"), TEXT),
            },
        },
    },
}


def issue(severity: str) -> QualityIssue:
    return QualityIssue("E951", Severity(severity), {"found": "PT", "expected": "DX"}, "1.2.3")


def checked(study: str, series: str, severities=(), is_readable=True) -> CheckedVolume:
    grid = VolumeGeometry((3, 40, 50), (2.5, 0.7, 0.8), calibration=Calibration.DETECTOR) if is_readable else None
    quantity = Quantity.HOUNSFIELD if is_readable else None
    whose = Series(series, study, "CT", (), "CHEST")
    found = Evidence("(0008,0060) Modality", "empty", {"type": "1"}, "PS3.3 C.7.3.1", 2)
    told = QualityIssue("Q372", Severity.NOTE, {"count": 1, "named": found.subject, "files": 5, "total": 9}, series)
    check = QualityCheck("conformance-required", "Q372", 1.0, "1", "> 0", told, "", (found,), (5, 9))
    return CheckedVolume(Study(study, (whose,)), whose, grid, quantity, tuple(map(issue, severities)), (check,))


@pytest.mark.parametrize("severities", [*itertools.product(["reject", "warn", "note"], repeat=2), (), ("note",)])
def test_the_verdict_is_the_gravest_issue(severities):
    expected = next((word for word in ("reject", "warn") if word in severities), "pass")
    assert checked("1.1", "1.2", severities).verdict == Verdict(expected)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_json_has_its_form(language):
    refused = (SimpleNamespace(name="notes.txt", error=Refused("E951", found="text", expected="DICOM")),)
    volumes = (checked("1.1", "1.2"), checked("1.1", "1.3", ["note", "reject"], False), checked("2.1", "2.2", ["warn"]))
    document = json.loads(json.dumps(Checked(volumes, refused).as_json(language), allow_nan=False))
    jsonschema.validate(document, SCHEMA)
    assert [[one["verdict"] for one in study["series"]] for study in document["studies"]] == [
        ["pass", "reject"], ["warn"],
    ]  # fmt: skip
    first = document["studies"][0]["series"][0]
    assert (first["shape"], first["spacing_mm"]) == ([3, 40, 50], [2.5, 0.7, 0.8])
    assert (first["quantity"], first["unit"], first["calibration"]) == ("hounsfield", "[hnsf'U]", "detector")
    assert document["studies"][0]["series"][1]["shape"] is None
    assert first["checks"][0]["looked_at"] == {"seen": 5, "total": 9}
    assert first["checks"][0]["evidence"][0]["required"] == "type 1: a value"
    assert document["refused"][0]["name"] == "notes.txt"
    assert ("不是医疗器械" in document["disclaimer"]) is (language == "zh")


def test_machine_fields_do_not_follow_the_language():
    volumes = (checked("1.1", "1.2", ["warn", "note"]),)
    english, chinese = (Checked(volumes, ()).as_json(language) for language in ("en", "zh"))
    one, other = english["studies"][0]["series"][0], chinese["studies"][0]["series"][0]
    assert {key: value for key, value in one.items() if key != "issues"} == {
        key: value for key, value in other.items() if key != "issues"
    }
    assert [item["code"] for item in one["issues"]] == [item["code"] for item in other["issues"]]
    assert one["issues"][0]["text"] != other["issues"][0]["text"]


@pytest.mark.parametrize(
    ("severities", "verdict"), [((), "pass"), (("note",), "pass"), (("warn",), "warn"), (("warn", "reject"), "reject")]
)
def test_the_source_has_the_gravest_verdict_of_its_volumes(severities, verdict):
    volumes = (
        checked("1.1", "1.2"),
        *(checked("1.1", f"1.3.{number}", [one]) for number, one in enumerate(severities)),
    )
    assert Checked(volumes, ()).as_json()["verdict"] == verdict
    refused = (SimpleNamespace(name="notes.txt", error=Refused("E951", found="text", expected="DICOM")),)
    assert Checked(volumes, refused).verdict is Verdict.REJECT


def test_nothing_checked_is_an_empty_answer():
    document = Checked((), ()).as_json()
    jsonschema.validate(document, SCHEMA)
    assert document["studies"] == document["refused"] == []
