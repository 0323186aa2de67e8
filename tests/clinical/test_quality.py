"""A volume becomes a subject with its checks, and check writes its page and JSON."""

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from hounsfield.clinical.quality import checked_volume, inspect, unread
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import Series, Study
from hounsfield.errors import ReportError
from hounsfield.image.phantoms import write_ct
from hounsfield.pipeline import check
from hounsfield.report.checked import Verdict
from tests.image.quality.scenes import body, lungs, stack, with_noise

CUT = [0.8, 0.9, 1.0, 0.9, 0.5, 0.1]


def looked(volume, body_part: str = ""):
    series = Series("1.2.4", "1.2", "CT", (), body_part)
    return inspect(Study("1.2", (series,)), series, volume, ())


def test_the_header_decides_whether_lungs_must_be_whole():
    assert "Q365" in {issue.code for issue in looked(lungs(CUT), "CHEST").issues}
    assert "Q365" not in {issue.code for issue in looked(lungs(CUT), "ABDOMEN").issues}


def test_each_issue_is_told_once():
    subject = looked(stack([np.zeros((128, 128), np.float32)] * 3))
    assert [issue.code for issue in subject.issues] == ["Q312"]
    assert "noise-ct" not in {item.name for item in subject.checks}


def test_warnings_travel_with_the_subject():
    subject = looked(stack([with_noise(body(), 250.0, seed) for seed in range(6)]))
    assert {issue.code for issue in subject.issues if issue.severity is Severity.WARN} >= {"Q360"}
    shown = checked_volume(subject, has_picture=True)
    assert shown.verdict is Verdict.WARN
    assert shown.picture.shape == (256, 256)
    assert shown.quantity is Quantity.HOUNSFIELD
    assert checked_volume(subject, has_picture=False).picture is None


def test_what_could_not_be_read_is_a_check_too():
    series = Series("1.2.4", "1.2", "CT", ())
    told = (QualityIssue("E315", Severity.REJECT, {}),)
    shown = checked_volume(unread(Study("1.2", (series,)), series, told), has_picture=True)
    assert shown.verdict is Verdict.REJECT
    assert [(item.name, item.verdict.value) for item in shown.checks] == [("readable", "reject")]


def test_check_writes_its_page_beside_the_json(tmp_path: Path):
    write_ct(tmp_path / "study")
    done = check(tmp_path / "study", output=tmp_path / "out")
    page = (tmp_path / "out" / "check.html").read_text(encoding="utf-8")
    assert page.count('src="data:image/png') == len(done.volumes)
    assert json.loads((tmp_path / "out" / "check.json").read_text(encoding="utf-8")) == done.as_json()
    assert done.volumes[0].verdict is not Verdict.REJECT


def test_a_strangers_file_is_not_overwritten(tmp_path: Path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (128, 128), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "check.html").write_text("mine", encoding="utf-8")
    with pytest.raises(ReportError, match="E680"):
        check(tmp_path / "a.png", output=tmp_path / "out")
    assert (tmp_path / "out" / "check.html").read_text(encoding="utf-8") == "mine"


def test_a_header_that_breaks_the_standard_is_told_with_clause_and_tag(tmp_path: Path):
    """One attribute of type 1 emptied in every slice: one finding, a warning, and the slices can still be read."""
    paths = write_ct(tmp_path)
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.ImageType = None
        dataset.save_as(path)
    (volume,) = check(tmp_path).volumes
    told = {item.name: item for item in volume.checks}["conformance-required"]
    assert told.verdict.value == "warn"
    assert volume.verdict is Verdict.WARN
    assert [(one.subject, one.found(), one.source) for one in told.evidence] == [
        ("(0008,0008) ImageType", "no value", "PS3.3 C.8.2.1")
    ]
    assert told.looked_at is not None
    assert told.looked_at[1] == len(paths)
    assert told.issue in volume.issues


def test_a_header_that_keeps_the_standard_passes_every_such_check(tmp_path: Path):
    write_ct(tmp_path)
    (volume,) = check(tmp_path).volumes
    verdicts = {item.name: item.verdict.value for item in volume.checks if item.name.startswith("conformance-")}
    assert len(verdicts) == 8
    assert set(verdicts.values()) == {"pass"}


def test_a_picture_has_no_header_to_be_held_against_it(tmp_path: Path):
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (128, 128), np.uint8)).save(tmp_path / "a.png")
    (volume,) = check(tmp_path / "a.png").volumes
    assert {item.reason for item in volume.checks if item.name.startswith("conformance-")} == {"unchecked-no-header"}
