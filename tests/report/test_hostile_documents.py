"""Strings that break things, in every field of every document: written, read back, and kept apart from markup."""

import json
import os
import re
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import highdicom as hd
import jsonschema
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from hounsfield.core.codes import CodedConcept, concept, local_concept
from hounsfield.core.finding import Finding, Laterality, Measurement, Presence, Region
from hounsfield.core.identifiers import new_uid
from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import MILLIMETRE
from hounsfield.core.report import KeyImage, Report
from hounsfield.errors import Refused
from hounsfield.report.bundle import Bundle
from hounsfield.report.files import FileKind, WrittenFile
from hounsfield.report.html import content_policy, render_index, render_page, visible
from hounsfield.report.json import render_json, studies_document, write_json
from hounsfield.report.presentation import write_presentation
from hounsfield.report.structured import structured_dataset, write_structured
from tests.report.examples import MODEL, POINT, pneumonia, report_on, series_of, square, write_source

HOSTILE = {
    "markup": "</script><script>alert(1)</script><img src=x onerror=alert(2)>",
    "template": "{{7*7}}{% raw %}${7*7}#{7*7}",
    "quotes": "\"'`&amp;<!--]]>",
    "backslashes": "a\\b\\\\c^d=e",
    "direction": "\u202eexe.\u2066x\u2069",
    "joiners": "a\u200b\u200d\ufeffb",
    "controls": "a\x01\x08\x1b[31mb",
    "lines": "a\r\nb\u2028c\x85d",
    "astral": "🫁𝔘𐍈",
    "combining": "e\u0301\u0301\u0301" * 4,
    "long": "x" * 3000,
    "chinese": "肺炎" * 10,
    "arabic": "التهاب رئوي",
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return series_of(write_source(tmp_path_factory.mktemp("source") / "source.dcm", BodyPartExamined="CHEST"))


def hostile_report(series, text: str) -> Report:
    """Return a report with a text wherever a model, its manifest or a data set can put one."""
    finding = pneumonia(
        type=local_concept(text),
        site=replace(concept("lung"), meaning_zh=text),
        operating_point=replace(POINT, data_set=text),
        measurements=(Measurement(local_concept(text), 3.5, MILLIMETRE, Interval(3.5, 3.0, 4.0)),),
    )
    base = report_on(series, findings=(finding,), limits=((text, text),))
    issues = (QualityIssue("E951", Severity.WARN, {"found": text, "expected": text}),)
    provenance = replace(base.provenance, runtime=text)
    return replace(base, issues=issues, provenance=provenance)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_structured_report_is_valid_and_reads_back(name, source, tmp_path, debian_tool):
    """dsrdump prints it, dciodvfy finds no error, highdicom parses the template again."""
    path = write_structured(hostile_report(source, HOSTILE[name]), tmp_path).path
    dumped = subprocess.run(
        [debian_tool("dsrdump", "dcmtk"), path], capture_output=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    assert dumped.returncode == 0, dumped.stderr
    assert b"Comprehensive 3D SR" in dumped.stdout
    verified = subprocess.run([debian_tool("dciodvfy", "dicom3tools"), "-new", path], capture_output=True, check=False)
    assert [line for line in verified.stderr.decode(errors="replace").splitlines() if line.startswith("Error")] == []
    document = hd.sr.srread(path)
    (group,) = document.content.get_image_measurement_groups()
    values = {item.name.value: float(item.value) for item in group.get_measurements()}
    assert 0.931 in [round(value, 3) for value in values.values()]
    assert 3.5 in values.values()


@pytest.mark.parametrize("name", HOSTILE)
def test_the_capture_is_written_and_its_pixels_are_a_picture(name, source, tmp_path, debian_tool):
    (written,) = write_presentation(hostile_report(source, HOSTILE[name]), tmp_path)
    dataset = pydicom.dcmread(written.path)
    pixels = dataset.pixel_array
    assert pixels.shape == (dataset.Rows, dataset.Columns, 3)
    assert dataset.Columns >= 640
    assert pixels.max() > 200
    verified = subprocess.run(
        [debian_tool("dciodvfy", "dicom3tools"), "-new", written.path], capture_output=True, check=False
    )
    assert [line for line in verified.stderr.decode(errors="replace").splitlines() if line.startswith("Error")] == []


@pytest.mark.parametrize("name", HOSTILE)
def test_the_page_and_the_index_hold_no_new_markup(name, source, tmp_path):
    """As many elements as with a plain word, and nothing that turns or hides letters."""
    report, plain = hostile_report(source, HOSTILE[name]), hostile_report(source, "word")
    refused = [SimpleNamespace(name=HOSTILE[name], error=Refused("E951", found=HOSTILE[name], expected="x"))]
    tame = [SimpleNamespace(name="word", error=Refused("E951", found="word", expected="x"))]
    pairs = [
        (render_page(Bundle(report), tmp_path), render_page(Bundle(plain), tmp_path)),
        (render_index([Bundle(report)], tmp_path, refused), render_index([Bundle(plain)], tmp_path, tame)),
    ]
    for text, expected in pairs:
        assert re.findall(r"<[a-z!/][a-z]*", text) == re.findall(r"<[a-z!/][a-z]*", expected)
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\ufeff\x00-\x08\x0b\x1b]", text)
        assert "49" not in re.sub(r"[0-9.]{6,}|[0-9a-f]{32,}|data:[^\"]*|sha256-[^']*|[xy]?=\"[^\"]*\"", "", text) or (
            name != "template"
        )


REPORT_SCHEMA = {
    "type": "object",
    "required": ["format_version", "study_instance_uid", "status", "findings", "issues", "files", "provenance"],
    "properties": {
        "status": {"enum": ["complete", "partial", "refused", "failed"]},
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "site", "presence", "score", "measurements"],
                "properties": {
                    "presence": {"enum": ["present", "absent", "not assessed"]},
                    "score": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
                    "measurements": {"type": "array", "items": {"required": ["name", "value", "unit"]}},
                },
            },
        },
        "issues": {"type": "array", "items": {"required": ["code", "severity", "text"]}},
        "files": {"type": "array", "items": {"type": "string"}},
    },
}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_json_gives_every_text_back(name, source, tmp_path):
    report = hostile_report(source, HOSTILE[name])
    written = write_json(report, tmp_path, (WrittenFile(FileKind.PAGE, tmp_path / "report.html"),))
    document = json.loads(written.path.read_bytes())
    jsonschema.validate(document, REPORT_SCHEMA)
    assert document["limits"] == [{"en": HOSTILE[name], "zh": HOSTILE[name]}]
    assert document["provenance"]["runtime"] == HOSTILE[name]
    assert document["findings"][0]["operating_point"]["data_set"] == HOSTILE[name]
    assert document["files"] == ["report.html"]


def test_a_file_name_that_is_no_utf8_does_not_stop_the_documents(source, tmp_path):
    """A name in GBK reaches Python as half letters: JSON escapes them, the page marks them, the link has the bytes."""
    text = os.fsdecode("肺炎".encode("gbk"))
    report = replace(report_on(source), limits=((text, text),))
    path = write_json(report, tmp_path).path
    assert json.loads(path.read_bytes())["limits"][0]["en"] == text
    refused = [SimpleNamespace(name=text, error=Refused("E951", found=text, expected="x"))]
    render_json(studies_document([], refused)).encode("utf-8", "backslashreplace")
    page = render_page(Bundle(report, (WrittenFile(FileKind.JSON, tmp_path / text / "report.json"),)), tmp_path)
    assert 'href="./%B7%CE%D1%D7/report.json"' in page
    page.encode("utf-8")
    render_index([Bundle(report)], tmp_path, refused).encode("utf-8")


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60))
def test_no_letter_of_a_page_turns_or_hides(text):
    shown = visible(text)
    assert len(shown) == len(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ud800-\udfff]", shown)
    kept = [one for one, other in zip(text, shown, strict=True) if one == other]
    assert "".join(kept) == shown.replace("\ufffd", "") or "\ufffd" in text


def test_only_texts_are_changed_by_it():
    assert visible(3.5) == 3.5
    assert visible(None) is None


def test_the_policy_names_the_digests_of_openssl(tmp_path, debian_tool):
    """The hash of a style as openssl and base64 compute it."""
    tool = debian_tool("sha256sum", "coreutils")
    digests = []
    for content in ("body { color: red; }", "alert('é')"):
        done = subprocess.run([tool], input=content.encode(), capture_output=True, check=True)
        digests.append(bytes.fromhex(done.stdout.split()[0].decode()))
    policy = content_policy("body { color: red; }", "alert('é')")
    found = re.findall(r"sha256-([A-Za-z0-9+/=]+)", policy)
    encoded = subprocess.run(
        [debian_tool("base64", "coreutils"), "-w0"], input=digests[0], capture_output=True, check=True
    )
    assert found[0] == encoded.stdout.decode()
    assert len(found) == 2


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(Presence)),
            st.floats(0, 1),
            st.sampled_from(list(Laterality)),
            st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 39), st.integers(1, 55)),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_findings_come_back_from_the_structured_report(source, rows):
    """Presence, score, side, threshold and outline of every finding, in order, as highdicom reads them."""
    image = source.instances[0].sop_instance_uid
    findings = []
    for presence, score, side, (left, top, width, height) in rows:
        is_assessed = presence is not Presence.NOT_ASSESSED
        box = Region(image, 1, (square(top, left, top + height, left + width),))
        findings.append(
            Finding(
                new_uid(), concept("pneumonia"), concept("lung"), presence, score if is_assessed else None, MODEL,
                side, POINT if is_assessed else None, box if presence is Presence.PRESENT else None,
            )
        )  # fmt: skip
    dataset = structured_dataset(report_on(source, findings=tuple(findings)))
    content = hd.sr.Comprehensive3DSR.from_dataset(dataset).content
    regions = content.get_planar_roi_measurement_groups()
    others = content.get_image_measurement_groups()
    by_uid = {str(group.tracking_uid): group for group in (*regions, *others)}
    assert set(by_uid) == {finding.tracking_uid for finding in findings}
    for finding in findings:
        group = by_uid[finding.tracking_uid]
        measured = [float(item.value) for item in group.get_measurements()]
        expected = [] if finding.score is None else [finding.score, POINT.threshold]
        assert measured == pytest.approx(expected, abs=1e-6)
        (evaluation,) = group.get_qualitative_evaluations()
        words = {Presence.PRESENT: "Present", Presence.ABSENT: "Absent"}
        meaning = evaluation.value.meaning
        assert meaning == words.get(finding.presence, meaning)
        assert (finding.presence is Presence.NOT_ASSESSED) == (meaning not in words.values())
        (site,) = group.finding_sites
        assert (site.laterality is None) == (finding.laterality is Laterality.NONE)
        if finding.region is not None:
            assert np.allclose(group.roi.value, finding.region.polygons[0])


@pytest.mark.parametrize(("rows", "columns", "aspect"), [(40, 60, 1.0), (300, 200, 1.0), (64, 64, 2.0), (1, 50, 1.0)])
def test_the_capture_is_the_key_image_made_larger(rows, columns, aspect, tmp_path):
    """Below the headline the pixels are those of Pillow's own bicubic enlargement of the key image."""
    series = series_of(write_source(tmp_path / "source.dcm", rows=rows, columns=columns))
    ramp = np.add.outer(np.linspace(0, 120, rows), np.linspace(0, 120, columns)).astype(np.uint8)
    image = KeyImage(ramp, None, series.instances[0].sop_instance_uid, 1, aspect)
    report = report_on(series, findings=(pneumonia(),), key_images=(image,))
    (capture,) = write_presentation(report, tmp_path)
    pixels = pydicom.dcmread(capture.path).pixel_array
    factor = 640 / max(rows * aspect, columns)
    size = (max(1, round(columns * max(1, factor))), max(1, round(rows * aspect * max(1, factor))))
    expected = np.asarray(Image.fromarray(ramp).resize(size, Image.Resampling.BICUBIC))
    left = (pixels.shape[1] - size[0]) // 2
    window = pixels[:, left : left + size[0]].astype(int)
    tops = range(pixels.shape[0] - size[1] + 1)
    gaps = [np.abs(window[top : top + size[1], :, 0] - expected).max() for top in tops]
    assert min(gaps) <= 1
    top = int(np.argmin(gaps))
    assert (np.ptp(window[top : top + size[1]], axis=2) == 0).all()


def test_a_concept_with_a_long_chinese_meaning_keeps_its_code(source):
    entry = CodedConcept("1234-5", "LN", "Meaning", "很长的含义" * 30)
    dataset = structured_dataset(report_on(source, findings=(pneumonia(type=entry),)))
    text = str(dataset)
    assert "'1234-5'" in text
    assert "很长的含义" not in text
