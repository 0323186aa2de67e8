"""Reading a volume with models whose answers are known."""

from pathlib import Path

import numpy as np
import pytest

from hounsfield.clinical.choose import not_asked, read_first_fitting, task_of_model, tasks_for
from hounsfield.clinical.desk import predict
from hounsfield.clinical.reading import read_task
from hounsfield.clinical.subject import Subject
from hounsfield.clinical.task import Task
from hounsfield.clinical.tasks import all_tasks, candidates, find_task
from hounsfield.core.codes import concept
from hounsfield.core.finding import Presence
from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef, Series, Study
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import ModelError, OutOfScope, SettingsError, UnsupportedModality
from tests.clinical import models

GATED = {"gate": {"model": models.GATE, "accepts": ["chest-xray"], "minimum_score": 0.5}}


@pytest.fixture
def folder(tmp_path):
    models.finding_model(tmp_path, models.CHEST, "chest-xray")
    models.finding_model(tmp_path, models.BRAIN, "brain-mri")
    return tmp_path


def subject(array, modality="DX", media_type="application/dicom", **series_facts) -> Subject:
    array = np.asarray(array, np.float32)
    count = array.shape[0]
    instances = tuple(InstanceRef(f"1.2.{n}", "1.2", Path("x"), media_type, "00") for n in range(1, count + 1))
    series = Series("1.3", "1.4", modality, instances, **series_facts)
    axis = SliceAxis.SPACE if count > 1 else SliceAxis.SINGLE
    geometry = VolumeGeometry(array.shape, (5.0, 0.5, 0.25), calibration=Calibration.PATIENT)
    volume = Volume(array, geometry, Quantity.DISPLAY, instances, slice_axis=axis)
    return Subject(Study("1.4", (series,)), series, volume)


def square(brightness=1.0, background=0.0, rows=96, columns=128):
    """A bright square whose corners are rows 24-48, columns 64-96."""
    picture = np.full((1, rows, columns), background, np.float32)
    picture[:, 24:48, 64:96] = brightness
    return picture


def task(model=models.CHEST) -> Task:
    return Task("chest-xray", model, ("DX",), concept("lung"), "films", "胸片")


def test_a_bright_square_is_found_where_it_is(folder):
    reading = read_task(task(), models.desk_of(folder), subject(square(background=0.3)))
    assert not reading.is_refused
    (finding,) = reading.findings
    assert finding.presence is Presence.PRESENT
    assert finding.site == concept("lung")
    assert finding.type == concept("pneumonia")
    polygon = finding.region.polygons[0]
    # one cell of the 12 x 16 model grid is 8 pixels of the picture
    assert polygon[:, 0].min() == pytest.approx(64, abs=8)
    assert polygon[:, 0].max() == pytest.approx(96, abs=8)
    assert polygon[:, 1].min() == pytest.approx(24, abs=8)
    assert polygon[:, 1].max() == pytest.approx(48, abs=8)
    assert finding.region.sop_instance_uid == "1.2.1"
    assert finding.region.frame_number == 1


def test_the_score_is_the_softmax_of_the_mean(folder):
    picture = square(background=0.6)
    mean = picture.mean()
    logits = np.array([-8 * mean + 1, 8 * mean - 1])
    expected = np.exp(logits[1]) / np.exp(logits).sum()
    (finding,) = read_task(task(), models.desk_of(folder), subject(picture)).findings
    assert finding.score == pytest.approx(expected, abs=1e-4)


def test_measurements_carry_units_and_follow_calibration(folder):
    (finding,) = read_task(task(), models.desk_of(folder), subject(square(background=0.6))).findings
    units = {item.concept.meaning: item.unit.code for item in finding.measurements}
    assert set(units.values()) == {"%", "mm2"}
    area = next(item.value for item in finding.measurements if item.unit.code == "mm2")
    share = next(item.value for item in finding.measurements if item.unit.code == "%")
    assert area == pytest.approx(share / 100 * 96 * 128 * 0.5 * 0.25)


def test_a_dark_picture_is_absent_without_outline(folder):
    (finding,) = read_task(task(), models.desk_of(folder), subject(square(0.2))).findings
    assert finding.presence is Presence.ABSENT
    assert finding.region is None
    assert finding.measurements == ()


def test_the_key_image_is_what_was_shown(folder):
    reading = read_task(task(), models.desk_of(folder), subject(square(background=0.6)))
    (image,) = reading.key_images
    assert image.pixels.shape == image.heat.shape == (96, 128)
    assert image.pixels[30, 80] == 255
    assert image.pixels[0, 0] == round(0.6 * 255)
    assert image.pixel_aspect_ratio == 2.0
    assert image.heat.max() == pytest.approx(1.0, abs=1e-5)


def test_the_loudest_slice_of_a_stack_is_shown(folder):
    stack = np.zeros((9, 96, 128), np.float32)
    stack[3:8] = square(background=0.6)[0]
    stack[5] = stack[7] = square(background=0.7)[0]
    stack[6] = square(background=0.8)[0]
    reading = read_task(task(models.BRAIN), models.desk_of(folder), subject(stack, "MR"))
    (finding,) = reading.findings
    assert finding.presence is Presence.PRESENT
    assert finding.region.slice_index == 6
    assert finding.region.sop_instance_uid == "1.2.7"
    assert "Q953" in [issue.code for issue in reading.issues]


def test_each_slice_is_prepared_as_if_alone(folder):
    predictor = models.desk_of(folder).predictor(models.BRAIN)
    stack = np.random.default_rng(4).random((5, 40, 50), np.float32)
    together = predict(predictor, subject(stack, "MR").volume).prediction.probabilities
    alone = [predict(predictor, subject(stack[n : n + 1], "MR").volume).prediction.probabilities for n in range(5)]
    assert np.array_equal(together, np.stack(alone, axis=1))


def test_the_gate_refuses_what_it_does_not_know(tmp_path):
    models.gate_model(tmp_path)
    models.finding_model(tmp_path, models.CHEST, "chest-xray", **GATED)
    reading = read_task(task(), models.desk_of(tmp_path), subject(square(0.3)))
    assert reading.is_refused
    assert [finding.presence for finding in reading.findings] == [Presence.NOT_ASSESSED]
    assert [finding.score for finding in reading.findings] == [None]
    assert "Q520" in [issue.code for issue in reading.issues if issue.severity is Severity.REJECT]
    assert {model.name for model in reading.models} == {models.CHEST, models.GATE}


def test_the_gate_lets_through_what_it_knows(tmp_path):
    models.gate_model(tmp_path)
    models.finding_model(tmp_path, models.CHEST, "chest-xray", **GATED)
    reading = read_task(task(), models.desk_of(tmp_path), subject(square(background=0.7)))
    assert not reading.is_refused
    assert reading.findings[0].presence is Presence.PRESENT


def test_slices_the_gate_does_not_know_are_left_out(tmp_path):
    models.gate_model(tmp_path)
    models.finding_model(tmp_path, models.BRAIN, "brain-mri", **GATED)
    stack = np.full((10, 96, 128), 0.2, np.float32)
    stack[4:9] = 0.8
    reading = read_task(task(models.BRAIN), models.desk_of(tmp_path), subject(stack, "MR"))
    note = next(issue for issue in reading.issues if issue.code == "Q952")
    assert note.facts["used"] == 5
    assert "5 of 10" in note.text()
    assert reading.key_images[0].sop_instance_uid in {f"1.2.{n}" for n in range(5, 10)}


def test_the_contract_speaks_before_the_network(tmp_path):
    models.finding_model(
        tmp_path, models.CHEST, "chest-xray", modalities=["DX"], body_parts=["chest"], views=["PA", "AP"]
    )
    desk = models.desk_of(tmp_path)
    for facts in ({"body_part_examined": "HAND"}, {"view_position": "LL"}):
        reading = read_task(task(), desk, subject(square(background=0.6), **facts))
        assert reading.is_refused
        assert reading.findings[0].presence is Presence.NOT_ASSESSED
    fitting = subject(square(background=0.6), body_part_examined="CHEST", view_position="PA")
    assert not read_task(task(), desk, fitting).is_refused


def test_a_subject_without_a_volume_cannot_be_read(folder):
    seen = subject(square())
    with pytest.raises(OutOfScope):
        read_task(task(), models.desk_of(folder), Subject(seen.study, seen.series, None))


def test_a_missing_model_is_an_error_with_a_next_step(tmp_path):
    with pytest.raises(ModelError) as caught:
        read_task(task("crystal-ball"), models.desk_of(tmp_path), subject(square()))
    assert caught.value.code == "E501"
    assert caught.value.next_step("zh")


def test_built_in_tasks_say_what_they_take():
    names = [entry.name for entry in all_tasks()]
    assert names == sorted(names)
    assert {"brain-mri", "breast-ultrasound", "chest-xray"} <= set(names)
    for entry in all_tasks():
        assert entry.takes("en")
        assert entry.takes("zh") != entry.takes("en")


def test_the_header_chooses_the_task(folder):
    desk = models.desk_of(folder)
    assert [entry.name for entry in tasks_for(subject(square(), "MR").series, desk)] == ["brain-mri"]
    assert [entry.name for entry in tasks_for(subject(square(), "CR").series, desk)] == ["chest-xray"]
    picture = subject(square(), "", "image/png").series
    assert [entry.name for entry in tasks_for(picture, desk)] == ["brain-mri", "chest-xray"]


def test_a_modality_nobody_takes_is_refused(folder):
    with pytest.raises(UnsupportedModality) as caught:
        candidates(subject(square(), "CT").series, all_tasks())
    assert caught.value.code == "E951"
    assert "chest-xray" in caught.value.next_step()
    with pytest.raises(UnsupportedModality) as caught:
        tasks_for(subject(square(), "CT").series, models.desk_of(folder), "chest-xray")
    assert caught.value.code == "E952"


def test_an_unknown_task_names_the_known_ones():
    with pytest.raises(SettingsError) as caught:
        find_task("palm-reading")
    assert "brain-mri" in caught.value.next_step()


def test_a_named_model_brings_its_task(folder):
    desk = models.desk_of(folder)
    own = task_of_model(desk, models.CHEST)
    assert own.name == "chest-xray"
    assert own.site == concept("lung")
    models.finding_model(folder, "mine", "foot-films", modalities=["CR"], body_parts=["chest"])
    other = task_of_model(models.desk_of(folder), "mine")
    assert other.name == "foot-films"
    assert other.modalities == ("CR",)
    assert other.site == concept("chest")


def test_a_picture_goes_to_the_first_task_that_takes_it(tmp_path):
    models.gate_model(tmp_path, dark="brain-mri", bright="chest-xray")
    models.finding_model(tmp_path, models.CHEST, "chest-xray", **GATED)
    accepts_brain = {"gate": {**GATED["gate"], "accepts": ["brain-mri"]}}
    models.finding_model(tmp_path, models.BRAIN, "brain-mri", **accepts_brain)
    desk = models.desk_of(tmp_path)
    bright, dark = subject(square(background=0.7), "", "image/png"), subject(square(0.1), "", "image/png")
    assert read_first_fitting(tasks_for(bright.series, desk), desk, bright)[0] == "chest-xray"
    assert read_first_fitting(tasks_for(dark.series, desk), desk, dark)[0] == "brain-mri"


def test_a_picture_nobody_takes_is_refused_once(tmp_path):
    models.gate_model(tmp_path, bright="hand")
    for name, own in ((models.CHEST, "chest-xray"), (models.BRAIN, "brain-mri")):
        gate = {**GATED["gate"], "accepts": ["other"], "minimum_score": 0.99}
        models.finding_model(tmp_path, name, own, gate=gate)
    desk, picture = models.desk_of(tmp_path), subject(square(background=0.8), "", "image/png")
    name, reading = read_first_fitting(tasks_for(picture.series, desk), desk, picture)
    assert name == ""
    assert reading.is_refused
    assert len(reading.findings) == 2
    texts = [(issue.code, issue.text()) for issue in reading.issues]
    assert len(texts) == len(set(texts))


def test_what_was_not_asked_is_not_assessed(folder):
    reading = not_asked((find_task("brain-mri"), find_task("chest-xray")), models.desk_of(folder))
    assert [finding.presence for finding in reading.findings] == [Presence.NOT_ASSESSED] * 2
