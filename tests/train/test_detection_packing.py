"""What a run of detection leaves behind: the working score, the digest of its parts, and a page that escapes names."""

from dataclasses import replace
from html import escape

import numpy as np
import pytest

from hounsfield.cases.boxed import Annotation
from hounsfield.core.boxes import Detections
from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.evaluate.box_page import BoxPicture, box_page
from hounsfield.evaluate.page import html_text
from hounsfield.messages import LANGUAGES, label
from hounsfield.model.networks.retina import RetinaSettings
from hounsfield.train.assess import Assessment
from hounsfield.train.checkpoint import Progress
from hounsfield.train.detection.packing import working_score_of
from hounsfield.train.detection.parts import BoxPart, BoxParts
from hounsfield.train.detection.plan import DetectionPlan
from hounsfield.train.detection.run import run_page
from hounsfield.train.history import EpochRecord
from hounsfield.train.plan import Reason

HOSTILE = '<script>alert("1")</script>&'
ESCAPED = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;"
AS_SHOWN = ESCAPED.replace("&quot;", "&#34;")
"""How pages of an evaluation write the same."""
EVERY = {"map50": Interval(0.5, 0.25, 0.75, 0.95), f"ap50 {HOSTILE}": Interval(0.125, 0.0, 0.5, 0.95)}


def part_of(seed, images=6, classes=2):
    """Return a part whose images have apart-lying objects, on a grid half as large as they are."""
    generator = np.random.default_rng(seed)
    notes = []
    for _ in range(images):
        left = generator.choice(8, generator.integers(1, 4), replace=False) * 4.0
        boxes = np.stack([np.zeros_like(left), left, np.full_like(left, 4), left + 4], axis=1)
        none = np.zeros(len(boxes), dtype=bool)
        notes.append(Annotation(boxes, generator.integers(0, classes, len(boxes)), none, none))
    pixels = generator.uniform(size=(images, 1, 8, 32)).astype(np.float32)
    names = tuple(f"{seed}-{index}" for index in range(images))
    return BoxPart(pixels, tuple(notes), np.tile([16, 64], (images, 1)), np.arange(images), names)


def said_of(part, seed, ties):
    """Return detections of most objects, in the pixels of the images, and inventions."""
    generator = np.random.default_rng(seed)
    found = []
    for item in part.references():
        seen = generator.uniform(size=len(item.boxes)) < 0.8
        wrong = np.tile([12.0, 0, 16, 4], (generator.integers(0, 3), 1))
        boxes, labels = np.concatenate([item.boxes[seen], wrong]), np.append(item.labels[seen], [0] * len(wrong))
        scores = generator.integers(1, 5, len(boxes)) / 8 if ties else generator.uniform(size=len(boxes)).round(3)
        found.append(Detections(boxes, labels.astype(np.int64), scores))
    return found


def f1_at(found, part, score):
    """Return the F1 of detections from a score on; objects lie apart, and each is detected once at most."""
    right = called = 0
    for said, truth in zip(found, part.references(), strict=True):
        for box, own in zip(said.boxes[said.scores >= score], said.labels[said.scores >= score], strict=True):
            called += 1
            right += any(
                (box == other).all() and own == it for other, it in zip(truth.boxes, truth.labels, strict=True)
            )
    return 2 * right / (called + sum(len(item.labels) for item in part.references()))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_no_other_score_gives_a_higher_f1(seed, ties):
    part = part_of(seed)
    found = said_of(part, seed, ties)
    chosen = f1_at(found, part, working_score_of(found, part, 2))
    every = np.unique(np.concatenate([item.scores for item in found]))
    assert len(every) > 3
    assert chosen == max(f1_at(found, part, score) for score in every)
    assert chosen > f1_at(found, part, 0.99)


def test_the_detection_that_has_the_working_score_is_shown():
    part = part_of(0, images=1)
    truth = part.references()[0]
    score = 0.123456
    found = [Detections(truth.boxes, truth.labels, np.full(len(truth.labels), score))]
    chosen = working_score_of(found, part, 2)
    assert score - 1e-4 < chosen <= score


def test_where_nothing_is_right_the_working_score_is_a_half():
    part = part_of(0)
    none = Detections(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))
    assert working_score_of([none] * 6, part, 2) == 0.5


def test_boxes_of_a_part_are_those_of_its_images():
    part = part_of(3)
    for item, reference in zip(part.annotations, part.references(), strict=True):
        np.testing.assert_array_equal(reference.boxes, item.boxes * 2)
    tall = replace(part, shapes=np.tile([4, 96], (6, 1)))
    np.testing.assert_array_equal(tall.references()[0].boxes, part.annotations[0].boxes * [0.5, 3, 0.5, 3])


def test_the_digest_knows_every_pixel_box_label_and_part():
    def changed(name, value):
        first, *others = training.annotations
        return replace(training, annotations=(replace(first, **{name: value(getattr(first, name))}), *others))

    training, tuning, test = part_of(0), part_of(1), part_of(2)
    whole = BoxParts(training, tuning, test)
    pixels = training.images.copy()
    pixels[2, 0, 3, 4] += 0.5
    others = [
        BoxParts(replace(training, images=pixels), tuning, test),
        BoxParts(changed("boxes", lambda boxes: boxes + 0.25), tuning, test),
        BoxParts(changed("labels", lambda labels: 1 - labels), tuning, test),
        BoxParts(changed("is_difficult", lambda flags: ~flags), tuning, test),
        BoxParts(training, tuning, None),
        BoxParts(tuning, training, test),
    ]
    assert BoxParts(part_of(0), part_of(1), part_of(2)).digest == whole.digest
    assert len({item.digest for item in [whole, *others]}) == 7


def learned_page(history=()):
    reason = Reason(choice="anchors", key="ui.train.reason.anchors", facts={"anchors": HOSTILE})
    plan = DetectionPlan(
        name=HOSTILE, class_names=(HOSTILE,), seed=0, threads=1, prepare=(), levels=(), reasons=(reason,),
        network=RetinaSettings(class_count=1, rows=32, columns=32),
    )  # fmt: skip
    issue = QualityIssue("Q891", Severity.WARN, {"count": 3, "cases": HOSTILE})
    progress = Progress("", "", best_epoch=1, history=history)
    return run_page(plan, progress, (Assessment(HOSTILE, 7, EVERY),), (issue,)), (reason, issue)


def test_the_page_of_a_run_escapes_whatever_comes_from_files():
    page, _ = learned_page()
    assert "<script" not in page
    # title, heading, part, class, and the reason and the issue in two languages
    assert page.count(ESCAPED) == 8
    assert "0.500 (0.250 – 0.750)" in page
    assert "<svg" not in page


def test_the_page_of_a_run_tells_reasons_and_issues_in_both_languages():
    page, (reason, issue) = learned_page()
    for language in LANGUAGES:
        assert escape(label("research-only", language)) in page
        for text in (reason.text(language), f"Q891: {issue.text(language)}"):
            assert f'<p lang="{language}">{escape(text)}</p>' in page


def test_the_page_of_a_run_draws_a_curve_of_the_loss_and_of_the_precision():
    history = tuple(EpochRecord(epoch, 0.1, 1 / epoch, {}, 2 / epoch, {"map50": 0.1}, (0.1,), 1.0) for epoch in (1, 2))
    assert learned_page(history)[0].count("<svg") == 2


def test_the_page_of_an_evaluation_escapes_names_and_speaks_both_languages():
    issue = QualityIssue("Q851", Severity.WARN, {"part": HOSTILE})
    pictures = [BoxPicture(HOSTILE, 0.25, "data:image/png;base64,AA=="), BoxPicture("b", 1.0, "")]
    page = box_page(HOSTILE, 7, EVERY, [issue], pictures)
    assert "<script" not in page
    # title, heading, class, the case and what stands for it; the issue where its sentence names the part
    told = sum(HOSTILE in issue.text(language) for language in LANGUAGES)
    assert page.count(AS_SHOWN) == 5 + told
    assert page.count("<figure>") == 2
    assert f"{AS_SHOWN}: F1 0.25" in page
    assert "<th>map50</th><td>0.500 (0.250 – 0.750)</td>" in page
    for language in LANGUAGES:
        assert html_text(label("research-only", language)) in page
        assert html_text(label("evaluate-boxes-drawn", language)) in page
        assert html_text(issue.text(language)) in page
    assert "<li>Q851 " in page
    assert "http" not in page
