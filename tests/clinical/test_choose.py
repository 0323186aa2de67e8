"""Who is asked: a reader of its own, a series once, and no finding for a task without a model that was not asked."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from hounsfield import pipeline
from hounsfield.clinical import choose
from hounsfield.clinical.algorithm import algorithm_identity
from hounsfield.clinical.choose import answer, for_part, not_asked, read_first_fitting, reads_series
from hounsfield.clinical.subject import Reading
from hounsfield.clinical.task import Task
from hounsfield.core.codes import concept
from hounsfield.core.report import Status
from tests.clinical import models
from tests.clinical.test_reading import square, subject

WHO = algorithm_identity("toy", "toy", {"a": 1})


def reads(task, desk, subject):
    return Reading((), (), (WHO,), limits=((f"{task.name} saw part {subject.part}", ""),))


WHOLE = Task("toy-heart", "", ("MR",), concept("brain"), "all phases", "全部时相", reads, reads_series=True)
SINGLE = Task("toy-slice", "", ("MR",), concept("brain"), "one volume", "单个容积", reads)


def test_a_task_is_answered_by_its_own_reader(tmp_path):
    name, reading = read_first_fitting((SINGLE,), models.desk_of(tmp_path), subject(square(), "MR"))
    assert name == "toy-slice"
    assert reading.models == (WHO,)
    assert answer(SINGLE, models.desk_of(tmp_path), replace(subject(square()), part=3)).limits[0][0].endswith("part 3")


def test_a_task_without_a_model_leaves_no_findings_when_it_is_not_asked(tmp_path):
    models.finding_model(tmp_path, models.BRAIN, "brain-mri")
    assert not_asked((WHOLE,), models.desk_of(tmp_path)).findings == ()
    with_model = replace(WHOLE, model=models.BRAIN)
    assert not_asked((with_model,), models.desk_of(tmp_path)).findings


def test_whoever_reads_a_series_is_asked_with_its_first_volume():
    assert for_part((WHOLE, SINGLE), 0) == (WHOLE, SINGLE)
    assert for_part((WHOLE, SINGLE), 2) == (SINGLE,)
    assert for_part((WHOLE,), 2) == (WHOLE,), "nobody else is left, so the volume is told why"


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setattr(choose, "all_tasks", lambda: (WHOLE, SINGLE))


def test_a_series_that_was_read_as_a_whole_is_not_asked_about_again(known, monkeypatch):
    assert reads_series("toy-heart")
    assert not reads_series("toy-slice")
    asked = []

    def ask(item, desk, options):
        asked.append(item.part)
        return SimpleNamespace(status=Status.COMPLETE, task="toy-heart")

    monkeypatch.setattr(pipeline, "ask", ask)
    parts = [replace(subject(square(), "MR"), part=part) for part in range(3)]
    assert len(list(pipeline.reports_of(parts, None, pipeline.DEFAULT_OPTIONS))) == 1
    assert asked == [0]


def test_a_series_that_was_refused_as_a_whole_is_asked_about_in_parts(known, monkeypatch):
    asked = []

    def ask(item, desk, options):
        asked.append(item.part)
        return SimpleNamespace(status=Status.REFUSED, task="toy-heart")

    monkeypatch.setattr(pipeline, "ask", ask)
    parts = [replace(subject(square(), "MR"), part=part) for part in range(2)]
    assert len(list(pipeline.reports_of(parts, None, pipeline.DEFAULT_OPTIONS))) == 2
    assert asked == [0, 1]


def test_an_algorithm_is_known_by_its_parameters():
    assert WHO.weights_digest == algorithm_identity("toy", "toy", {"a": 1}).weights_digest
    assert len(WHO.weights_digest) == 64
    for other in (algorithm_identity("toy", "toy", {"a": 2}), algorithm_identity("toys", "toy", {"a": 1})):
        assert other.weights_digest != WHO.weights_digest
    with pytest.raises(ValueError, match="JSON"):
        algorithm_identity("toy", "toy", {"a": float("nan")})
