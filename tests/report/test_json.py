"""The JSON of an analysis: the agreed shape, strict, complete provenance."""

import json
from types import SimpleNamespace

import pytest

from hounsfield.core.codes import local_concept
from hounsfield.core.report import Report
from hounsfield.errors import Refused, ReportError
from hounsfield.report.bundle import Bundle
from hounsfield.report.files import FileKind, WrittenFile
from hounsfield.report.json import render_json, studies_document, study_entry, write_json
from tests.report.examples import MODEL, pneumonia, refused_report, report_on, series_of, write_source


@pytest.fixture
def report(tmp_path) -> Report:
    return report_on(series_of(write_source(tmp_path / "source.dcm")))


def strict(text: str):
    def refuse(constant: str):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_the_agreed_shape(report, tmp_path):
    page = WrittenFile(FileKind.PAGE, tmp_path / "out" / "report.html")
    document = strict(render_json(studies_document([Bundle(report, (page,))])))
    (study,) = document["studies"]
    assert study["study_instance_uid"] == report.study.study_instance_uid
    assert study["task"] == "chest-xray"
    assert study["status"] == "complete"
    (finding,) = study["findings"]
    assert (finding["type"], finding["site"], finding["presence"]) == ("Pneumonia", "Lung", "present")
    assert finding["score"] == 0.931
    (measurement,) = finding["measurements"]
    assert (measurement["value"], measurement["unit"]) == (12.5, "%")
    assert measurement["name"]
    (issue,) = study["issues"]
    assert (issue["code"], issue["severity"]) == ("Q953", "warn")
    assert "3 slices" in issue["text"]
    assert study["files"] == [str(tmp_path / "out" / "report.html")]


def test_the_machine_fields(report):
    entry = strict(render_json(study_entry(Bundle(report))))
    (finding,) = entry["findings"]
    assert finding["type_code"] == {"value": "233604007", "scheme": "SCT", "meaning": "Pneumonia", "meaning_zh": "肺炎"}
    point = finding["operating_point"]
    assert point["threshold"] == 0.42
    assert point["sensitivity"] == {"value": 0.972, "low": 0.951, "high": 0.986, "level": 0.95}
    assert finding["model"]["weights_sha256"] == MODEL.weights_digest
    assert finding["region"]["polygons"][0][0] == [40.0, 32.0]
    provenance = entry["provenance"]
    assert [model["name"] for model in provenance["models"]] == ["chest-xray-pneumonia", "body-part"]
    assert provenance["inputs"] == [
        {"uid": report.series.instances[0].sop_instance_uid, "sha256": report.series.instances[0].sha256}
    ]
    assert provenance["settings_sha256"] == "ef" * 32
    assert "not a medical device" in entry["disclaimer"]["en"]
    assert "不是医疗器械" in entry["disclaimer"]["zh"]
    assert len(finding["narrative"]["en"]) == len(finding["narrative"]["zh"])


def test_the_patient_is_not_in_it(tmp_path):
    source = write_source(tmp_path / "source.dcm", PatientName="Secret^Name", PatientID="SECRET-1")
    assert "secret" not in render_json(study_entry(Bundle(report_on(series_of(source))))).lower()


def test_text_follows_the_language_and_machine_fields_do_not(report):
    english, chinese = (studies_document([Bundle(report)], language=language) for language in ("en", "zh"))
    assert "层" in chinese["studies"][0]["issues"][0]["text"]
    assert english["studies"][0]["findings"] == chinese["studies"][0]["findings"]
    assert english["studies"][0]["provenance"] == chinese["studies"][0]["provenance"]


def test_a_refused_input_has_no_score(report):
    entry = study_entry(Bundle(refused_report(report.series)))
    assert entry["status"] == "refused"
    (finding,) = entry["findings"]
    assert (finding["presence"], finding["score"], finding["operating_point"]) == ("not assessed", None, None)
    assert entry["issues"][0]["severity"] == "reject"
    assert entry["issues"][0]["next"]


def test_files_that_were_not_taken_are_named(report):
    refused = SimpleNamespace(name="a/b.txt", error=Refused("E951", found="x", expected="y"))
    document = studies_document([Bundle(report)], [refused], "zh")
    (item,) = document["refused"]
    assert item["name"] == "a/b.txt"
    assert item["code"] == "E951"
    assert item["text"]
    assert item["next"]


def test_the_file_names_others_relative_to_itself(report, tmp_path):
    folder = tmp_path / "out"
    files = (WrittenFile(FileKind.STRUCTURED, folder / "structured.dcm"),)
    written = write_json(report, folder, files)
    raw = written.path.read_bytes()
    entry = strict(raw.decode("utf-8"))
    assert written.kind is FileKind.JSON
    assert entry["files"] == ["structured.dcm"]
    assert entry["documents"] == [{"kind": "structured report", "path": "structured.dcm"}]
    assert "肺炎".encode() in raw


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_json_has_no_word_for_is_an_error(report, value, tmp_path):
    broken = report_on(report.series, findings=(pneumonia(score=value),))
    with pytest.raises(ReportError) as caught:
        write_json(broken, tmp_path / "out")
    assert caught.value.code == "E606"
    assert not (tmp_path / "out").exists()


def test_hostile_text_stays_data(report):
    hostile = local_concept('"},{"x": "</script>\u2028\u0000')
    entry = strict(render_json(study_entry(Bundle(report_on(report.series, findings=(pneumonia(type=hostile),))))))
    assert entry["findings"][0]["type"] == hostile.meaning
