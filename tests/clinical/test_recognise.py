"""What a model sees is held against the header and against what is expected; the models' answers are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hounsfield.clinical.quality import checked_volume
from hounsfield.clinical.recognise import CHECK, _table, claimed_kinds, recognise
from hounsfield.clinical.tasks import all_tasks
from hounsfield.core.quality import CheckVerdict, Severity
from hounsfield.core.study import Series
from hounsfield.errors import SettingsError
from hounsfield.image.phantoms import write_chest, write_ct
from hounsfield.model.registry import find_model
from hounsfield.pipeline import DEFAULT_OPTIONS, check
from hounsfield.report.checked import Verdict
from tests.clinical import models
from tests.clinical.test_reading import square, subject

BRIGHT, DARK = np.full((1, 96, 128), 0.9, np.float32), np.full((1, 96, 128), 0.1, np.float32)


@pytest.fixture
def desk(tmp_path):
    models.gate_model(tmp_path, dark="Hand", bright="CXR")
    models.finding_model(
        tmp_path, models.CHEST, "chest-xray", gate={"model": models.GATE, "accepts": ["CXR"], "minimum_score": 0.5}
    )
    return models.desk_of(tmp_path)


def line(found, name: str = CHECK):
    (check,) = [item for item in found.checks if item.name == name]
    return check


@pytest.mark.parametrize(
    ("modality", "body_part", "kinds"),
    [
        ("DX", "CHEST", ("CXR",)), ("CR", "HAND", ("Hand",)), ("CT", "CHEST", ("ChestCT",)), ("DX", "KNEE", ()),
        ("CT", "CHESTABDPELVIS", ("AbdomenCT", "ChestCT")), ("MR", "BRAIN", ("HeadCT", "BrainMRI")), ("CT", "", None),
        ("US", "BREAST", ("BreastUS",)), ("PT", "CHEST", ()), ("CT", "NO SUCH PART", None),
        ("CT", "WHOLEBODY", None),
    ],
)  # fmt: skip
def test_the_header_claims_kinds(modality, body_part, kinds):
    series = Series("1.2", "1.3", modality, (), body_part)
    assert claimed_kinds(series) == kinds


def test_every_kind_is_a_class_of_the_starter():
    classes = {entry.name for entry in find_model("body-part").manifest.predicted_classes}
    assert set(_table()["kinds"]) <= classes
    assert _table()["model"] == "body-part"
    for name in ("chest-xray-pneumonia", "brain-mri-tumour"):
        assert find_model(name).manifest.input.gate.minimum_score == _table()["minimum_score"]


def test_a_picture_that_fits_its_header_passes_with_value_and_model(desk):
    found = recognise(subject(BRIGHT, body_part_examined="CHEST"), desk)
    check = line(found)
    assert check.verdict is CheckVerdict.PASS
    assert check.value > 0.5
    assert check.threshold == "< 0.5"
    (evidence,) = check.evidence
    identity = desk.package(models.GATE).identity
    assert evidence.source == f"{identity.name} {identity.version}, sha256 {identity.weights_digest}"
    assert evidence.facts["found"] == "CXR"


def test_a_picture_that_contradicts_its_header_is_a_warning(desk):
    check = line(recognise(subject(DARK, body_part_examined="CHEST"), desk))
    assert check.issue.severity is Severity.WARN
    assert check.value < 0.5
    for language in ("en", "zh"):
        assert "CHEST" in check.issue.text(language)
        assert "Hand" in check.issue.text(language)
        assert "?" not in check.issue.text(language)
    assert line(recognise(subject(DARK, body_part_examined="HAND"), desk)).verdict is CheckVerdict.PASS


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"body_part_examined": ""}, "unchecked-claim"),
        ({"body_part_examined": "KNEE"}, "unchecked-kind"),
        ({"body_part_examined": "CHEST", "media_type": "image/png"}, "unchecked-claim"),
    ],
)
def test_what_cannot_be_told_is_never_a_pass(desk, facts, reason):
    check = line(recognise(subject(BRIGHT, **facts), desk))
    assert check.verdict is CheckVerdict.NOT_CHECKED
    assert check.reason == reason


def test_without_volume_or_model_nothing_is_told(desk, monkeypatch):
    unread = replace(subject(BRIGHT, body_part_examined="CHEST"), volume=None)
    assert {item.reason for item in recognise(unread, desk, "chest-xray").checks} == {"unchecked-unread"}
    monkeypatch.setitem(_table(), "model", "no-such-model")
    found = recognise(subject(BRIGHT, body_part_examined="CHEST"), desk)
    assert line(found).reason == "unchecked-model"


def test_a_sample_of_a_stack_is_looked_at(desk):
    stack = np.repeat(BRIGHT, 40, axis=0)
    check = line(recognise(subject(stack, body_part_examined="CHEST"), desk))
    seen, total = check.looked_at
    assert total == 40
    assert 3 <= seen < 20


def test_an_expected_task_rejects_by_its_gate(desk):
    found = recognise(subject(DARK, body_part_examined="CHEST"), desk, "chest-xray")
    gate = line(found, "expected-gate")
    assert (gate.code, gate.issue.severity) == ("Q520", Severity.REJECT)
    assert gate.evidence[0].source.startswith("body-part ")
    assert checked_volume(found, has_picture=False).verdict is Verdict.REJECT
    passed = recognise(subject(square(background=0.9), body_part_examined="CHEST"), desk, "chest-xray")
    assert line(passed, "expected-gate").verdict is CheckVerdict.PASS
    assert line(passed, "expected-input").value == 0


def test_an_expected_task_rejects_by_its_contract(tmp_path):
    models.gate_model(tmp_path, dark="Hand", bright="CXR")
    gate = {"model": models.GATE, "accepts": ["CXR"]}
    models.finding_model(tmp_path, models.CHEST, "chest-xray", views=["PA"], modalities=["DX"], gate=gate)
    found = recognise(subject(BRIGHT, view_position="LL"), models.desk_of(tmp_path), "chest-xray")
    assert line(found, "expected-input").code == "Q506"
    assert line(found, "expected-gate").reason == "unchecked-rejected"


def test_check_expects_a_task_from_files_to_verdict(tmp_path: Path):
    """The starter models on phantoms: a chest film fits, a CT does not."""
    path = write_chest(tmp_path / "chest")
    write_ct(tmp_path / "ct")
    expecting = replace(DEFAULT_OPTIONS, expect="chest-xray")
    (ct,) = check(tmp_path / "ct", expecting).volumes
    assert ct.verdict is Verdict.REJECT
    assert "Q500" in {issue.code for issue in ct.issues}
    (chest,) = check(path, expecting).volumes
    assert "Q500" not in {issue.code for issue in chest.issues}
    with pytest.raises(SettingsError, match="E950"):
        check(path, replace(DEFAULT_OPTIONS, expect="no-such-task"))
    assert "chest-xray" in {task.name for task in all_tasks()}


def test_a_wrong_body_part_does_not_stop_a_check(tmp_path: Path):
    path = write_chest(tmp_path / "chest")
    dataset = pydicom.dcmread(path)
    dataset.BodyPartExamined = "HAND"
    dataset.save_as(path)
    (volume,) = check(path).volumes
    assert volume.verdict is not Verdict.REJECT
    check_line = next(item for item in volume.checks if item.name == CHECK)
    assert check_line.verdict in (CheckVerdict.WARN, CheckVerdict.NOT_CHECKED)
