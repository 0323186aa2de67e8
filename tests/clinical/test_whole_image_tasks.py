"""Tasks that a starter answers: whom they are asked of, and what may be said of their answers."""

from dataclasses import replace

import numpy as np
import pytest

from hounsfield.clinical.brain_mri import TASK as BRAIN
from hounsfield.clinical.brain_mri import WORDED, read_brain
from hounsfield.clinical.breast_ultrasound import TASK as BREAST
from hounsfield.clinical.choose import tasks_for
from hounsfield.clinical.desk import Desk
from hounsfield.clinical.rules.reporting import unsupported_cns_words
from hounsfield.clinical.subject import Reading
from hounsfield.clinical.tasks import all_tasks, candidates
from hounsfield.core.codes import concept
from hounsfield.core.finding import Presence
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.study import Series
from hounsfield.errors import UnsupportedModality
from tests.clinical.test_reading import square, subject
from tests.report.examples import pneumonia


def series(modality, part=""):
    return Series("1.3", "1.4", modality, (), body_part_examined=part)


@pytest.mark.parametrize(
    ("modality", "part", "is_asked"),
    [
        ("US", "BREAST", True),
        ("US", "breast ", True),
        ("US", "", False),
        ("US", "HEART", False),
        ("", "", False),
        ("MR", "BREAST", False),
    ],
)
def test_breast_ultrasound_is_asked_where_the_header_says_breast(modality, part, is_asked):
    assert BREAST.asks_unbidden(series(modality, part)) is is_asked


def test_an_echo_is_asked_of_no_breast_model():
    with pytest.raises(UnsupportedModality) as caught:
        candidates(series("US", "HEART"), (BREAST,))
    assert caught.value.code == "E951"


def test_a_picture_is_never_put_to_a_model_without_a_gate():
    names = {task.name for task in candidates(series(""), all_tasks())}
    assert "breast-ultrasound" not in names
    assert {"brain-mri", "chest-xray"} <= names


def test_it_is_asked_when_it_is_named():
    desk = Desk(threads=1)
    for kind in ("US", "OT", ""):
        assert [task.name for task in tasks_for(series(kind), desk, "breast-ultrasound")] == ["breast-ultrasound"]
    with pytest.raises(UnsupportedModality, match="E952"):
        tasks_for(series("CT"), desk, "breast-ultrasound")


def answered(monkeypatch, *findings, issues=()):
    reading = Reading(findings, issues, ())
    monkeypatch.setattr("hounsfield.clinical.brain_mri.read_task", lambda task, desk, subject: reading)
    return read_brain(BRAIN, Desk(threads=1), subject(square(), "MR"))


def finding(name, presence=Presence.PRESENT):
    return pneumonia(type=concept(name), site=concept("brain"), presence=presence)


@pytest.mark.parametrize("name", WORDED)
def test_a_tumour_is_a_pattern_and_pathology_is_missing(monkeypatch, name):
    seen = finding(name)
    (said,) = answered(monkeypatch, seen).conclusions
    assert (said.result, said.missing, said.tracking_uids) == (
        f"pattern-of-{name}",
        ("pathology",),
        (seen.tracking_uid,),
    )
    assert "suggests" in said.wording.en
    assert "提示" in said.wording.zh
    assert unsupported_cns_words(said.wording.en) == ()
    assert {item.name: item.value for item in said.inputs} == {"image_class": name, "score": seen.score}
    assert said.rule.name == "who-cns5"


def test_nothing_is_said_of_what_is_absent_or_not_assessed(monkeypatch):
    reading = answered(monkeypatch, finding("glioma", Presence.ABSENT), finding("meningioma", Presence.NOT_ASSESSED))
    assert reading.conclusions == ()


def test_a_class_without_words_gets_none(monkeypatch):
    assert answered(monkeypatch, finding("lesion")).conclusions == ()


def test_a_refusal_stays_a_refusal(monkeypatch):
    reason = QualityIssue("Q953", Severity.REJECT, {"found": 1})
    reading = answered(monkeypatch, finding("glioma", Presence.NOT_ASSESSED), issues=(reason,))
    assert reading.is_refused
    assert reading.conclusions == ()


def test_the_starter_answers_an_ultrasound_image_that_says_breast():
    picture = np.random.default_rng(1).uniform(0, 1, (1, 128, 128)).astype(np.float32)
    seen = subject(picture, "US", body_part_examined="BREAST")
    from hounsfield.clinical.choose import answer

    reading = answer(BREAST, Desk(threads=1), seen)
    assert {item.type.meaning for item in reading.findings} or reading.is_refused
    assert all(item.model.name == "breast-ultrasound" for item in reading.findings)
    other = replace(seen, series=replace(seen.series, body_part_examined="HEART"))
    assert answer(BREAST, Desk(threads=1), other).is_refused
