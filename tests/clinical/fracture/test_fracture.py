"""The fracture task on a drawn bone: where, how sure, from which side, and what it will not say."""

from dataclasses import replace

import numpy as np
import pytest

from hounsfield.clinical.desk import model_names
from hounsfield.clinical.fracture import words
from hounsfield.clinical.fracture.boxes import region_of
from hounsfield.clinical.fracture.place import place_of, region_concept
from hounsfield.clinical.fracture.points import reading_at
from hounsfield.clinical.fracture.reader import TASK, read_fracture
from hounsfield.clinical.rules import fracture_regions
from hounsfield.clinical.tasks import all_tasks, find_task
from hounsfield.core.codes import concept
from hounsfield.core.finding import Laterality, Presence
from hounsfield.core.prediction import Interval, OperatingPoint
from hounsfield.core.quality import Severity
from tests.clinical.fracture import drawn


@pytest.fixture
def cam(tmp_path):
    return drawn.classifier(tmp_path)


def read(folder, model, subject=None):
    return read_fracture(drawn.task(model), drawn.desk(folder), subject or drawn.radiograph())


def evaluated(finding, word):
    return next((one.value for one in finding.evaluations if one.concept == word), None)


def holds(region, row, column) -> bool:
    """Whether the boxes about the polygons of a region hold a point."""
    lows = [polygon.min(axis=0) for polygon in region.polygons]
    highs = [polygon.max(axis=0) for polygon in region.polygons]
    return any(
        (low <= (column, row)).all() and ((column, row) <= high).all() for low, high in zip(lows, highs, strict=True)
    )


# ---- a classifier


@pytest.mark.parametrize("gap", [(48, 30), (48, 64), (48, 100)])
def test_the_band_of_a_drawn_fracture_is_found_where_it_is(gap, cam, tmp_path):
    reading = read(tmp_path, cam, drawn.radiograph(drawn.bone(gap)))
    finding = reading.findings[0]
    assert (finding.type, finding.site, finding.presence) == (concept("fracture"), concept("bone"), Presence.PRESENT)
    assert holds(finding.region, *gap)
    columns = np.concatenate([polygon[:, 0] for polygon in finding.region.polygons])
    assert columns.max() - columns.min() < 50
    assert not finding.region.is_measured
    assert evaluated(finding, words.LOCALISATION) == words.ATTENTION
    assert reading.key_images[0].heat is not None


def test_a_whole_bone_has_no_outline_and_no_localisation(cam, tmp_path):
    finding = read(tmp_path, cam, drawn.radiograph(drawn.bone(is_broken=False))).findings[0]
    assert finding.presence is Presence.ABSENT
    assert finding.region is None
    assert evaluated(finding, words.LOCALISATION) is None
    assert evaluated(finding, words.READING) == words.BELOW_RULE_OUT


def test_the_score_is_read_at_both_points_of_the_package(tmp_path):
    score = read(tmp_path, drawn.classifier(tmp_path)).findings[0].score
    assert 0.5 < score < 1
    for points, word in (((0.01, 0.02), words.RULED_IN), ((0.01, 0.9999999), words.BETWEEN)):
        folder = tmp_path / f"{points[1]}"
        folder.mkdir()
        reading = read(folder, drawn.classifier(folder, points))
        finding = reading.findings[0]
        assert finding.score == pytest.approx(score, rel=1e-6)
        assert evaluated(finding, words.READING) == word
        measured = {one.concept: one.value for one in finding.measurements}
        assert (measured[words.RULE_OUT], measured[words.RULE_IN]) == points
        assert any("rule-out point" in english for english, _ in reading.limits)


def test_without_two_points_nothing_is_said_of_them(tmp_path):
    reading = read(tmp_path, drawn.classifier(tmp_path, None))
    assert evaluated(reading.findings[0], words.READING) is None
    assert words.RULE_OUT not in [one.concept for one in reading.findings[0].measurements]
    assert not any("rule-out" in english for english, _ in reading.limits)


def test_the_type_is_what_the_model_was_trained_for(tmp_path):
    finding = read(tmp_path, drawn.classifier(tmp_path, classes=("none", "buckle fracture"))).findings[0]
    assert finding.type.meaning == "buckle fracture"


def point(threshold):
    return OperatingPoint(threshold, Interval(0.9, 0.8, 1.0), Interval(0.9, 0.8, 1.0), "toy")


@pytest.mark.parametrize(
    ("score", "out", "rule_in", "word"),
    [
        (0.1, 0.2, 0.8, words.BELOW_RULE_OUT), (0.2, 0.2, 0.8, words.BETWEEN), (0.79, 0.2, 0.8, words.BETWEEN),
        (0.8, 0.2, 0.8, words.RULED_IN), (1.0, 0.2, 0.8, words.RULED_IN),
        # crossed points: a model so good that one score is above rule-in and below rule-out
        (0.5, 0.6, 0.4, words.BETWEEN), (0.3, 0.6, 0.4, words.BELOW_RULE_OUT), (0.7, 0.6, 0.4, words.RULED_IN),
    ],
)  # fmt: skip
def test_a_score_lies_below_between_or_above(score, out, rule_in, word):
    assert reading_at(score, point(out), point(rule_in)) == word


# ---- a detector


def test_a_box_becomes_a_finding_in_the_pixels_of_the_image(tmp_path):
    reading = read(tmp_path, drawn.detector(tmp_path))
    finding = reading.findings[0]
    scale = np.array([drawn.SHAPE[1] / 48, drawn.SHAPE[0] / 32])
    corners = finding.region.polygons[0]
    np.testing.assert_allclose(corners.min(axis=0), np.array([22, 7]) * scale, rtol=1e-5)
    np.testing.assert_allclose(corners.max(axis=0), np.array([34, 23]) * scale, rtol=1e-5)
    assert (finding.presence, finding.type) == (Presence.PRESENT, concept("fracture"))
    assert finding.score == pytest.approx(1 / (1 + np.exp(-3)), rel=1e-5)
    assert evaluated(finding, words.LOCALISATION) == words.BOX
    assert finding.region.sop_instance_uid == "1.2.3.4"
    np.testing.assert_array_equal(corners[0], corners[-1])


def test_a_silent_detector_rules_nothing_out(tmp_path):
    reading = read(tmp_path, drawn.detector(tmp_path, working_score=0.99))
    assert [finding.presence for finding in reading.findings] == [Presence.NOT_ASSESSED]
    assert [(issue.code, issue.severity) for issue in reading.issues] == [("Q253", Severity.NOTE)]


def test_a_classifier_and_a_detector_speak_together(tmp_path):
    names = f"{drawn.classifier(tmp_path)}, {drawn.detector(tmp_path)}"
    reading = read(tmp_path, names, drawn.radiograph(laterality="L", body_part_examined="WRIST"))
    assert {finding.model.name for finding in reading.findings} == {"toy-fracture", "toy-boxes"}
    assert [finding.presence for finding in reading.findings] == [Presence.PRESENT] * 2
    assert {finding.laterality for finding in reading.findings} == {Laterality.LEFT}
    assert len({model.name for model in reading.models}) == 2


def test_a_box_at_the_corner_of_the_image_keeps_its_corners():
    corners = region_of(np.array([0.0, 0.0, 96.0, 128.0]), drawn.radiograph().volume).polygons[0]
    assert corners.tolist() == [[0, 0], [128, 0], [128, 96], [0, 96], [0, 0]]


# ---- where and from which side


@pytest.mark.parametrize(
    ("header", "region", "side", "view"),
    [
        (
            {"body_part_examined": "WRIST", "laterality": "R", "view_position": "PA"},
            "hand-wrist",
            Laterality.RIGHT,
            "PA",
        ),
        ({"body_part_examined": "ankle", "laterality": "l"}, "foot-ankle", Laterality.LEFT, ""),
        ({"body_part_examined": "LSPINE", "view_position": "LL"}, "thoracolumbar-spine", Laterality.NONE, "LL"),
        ({"body_part_examined": "PELVIS", "laterality": "B"}, "hip-pelvis", Laterality.BILATERAL, ""),
    ],
)
def test_region_side_and_view_come_from_the_header(header, region, side, view, cam, tmp_path):
    finding = read(tmp_path, cam, drawn.radiograph(**header)).findings[0]
    assert evaluated(finding, words.REGION) == region_concept(region)
    assert finding.laterality is side
    assert (evaluated(finding, words.VIEW) is None) == (not view)


def test_without_a_header_the_starter_looks_and_may_not_know(tmp_path):
    subject = drawn.radiograph()
    place = place_of(subject, subject.volume, drawn.desk(tmp_path))
    assert not place.is_stated
    assert place.region in ("", "hand-wrist", "rib-cage")
    assert [model.name for model in place.models] == ["body-part"]
    assert words.REGION not in [one.concept for one in place.evaluations()]


@pytest.mark.parametrize(
    ("header", "codes"),
    [
        ({"body_part_examined": "SKULL"}, ["Q251"]),
        ({"body_part_examined": "CSPINE"}, ["Q251"]),
        ({"body_part_examined": "HAND", "age": 1.5}, ["Q252"]),
        ({"body_part_examined": "HAND", "age": 2.0}, []),
        ({"body_part_examined": "HAND"}, []),
    ],
)
def test_what_reader_studies_do_not_cover_is_said(header, codes, cam, tmp_path):
    reading = read(tmp_path, cam, drawn.radiograph(**header))
    assert [issue.code for issue in reading.issues if issue.code.startswith("Q25")] == codes
    assert not reading.is_refused


def test_every_region_has_words_in_both_languages():
    for region in fracture_regions():
        found = region_concept(region)
        assert found.meaning
        assert found.text("zh") != found.meaning
        assert len(found.value) <= 16
    assert len({region_concept(region).value for region in fracture_regions()}) == len(fracture_regions())


# ---- refusals


def test_without_a_model_the_task_refuses_and_says_why():
    reading = read_fracture(TASK, drawn.Desk(), drawn.radiograph())
    assert reading.is_refused
    assert [issue.code for issue in reading.issues] == ["Q250"]
    assert reading.findings == ()


def test_what_the_model_does_not_take_is_refused(tmp_path):
    model = drawn.classifier(tmp_path, body_parts=["hand"])
    reading = read(tmp_path, model, drawn.radiograph(body_part_examined="SKULL"))
    assert reading.is_refused
    assert {finding.presence for finding in reading.findings} == {Presence.NOT_ASSESSED}
    unread = replace(drawn.radiograph(), volume=None)
    assert read(tmp_path, model, unread).findings == ()


def test_the_task_is_asked_by_name_alone():
    assert find_task("fracture") is TASK
    assert TASK not in all_tasks()
    assert TASK.modalities == ("CR", "DX", "RG", "RF")


def test_models_are_named_between_commas_but_a_file_is_a_file(tmp_path):
    odd = tmp_path / "a,b.model"
    odd.write_bytes(b"")
    assert model_names(str(odd)) == (str(odd),)
    assert model_names("a.model, b.model,") == ("a.model", "b.model")
    assert model_names("") == model_names(None) == ()
