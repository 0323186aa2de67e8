"""FROC and CPM: by hand, and against MONAI's curve."""

import numpy as np
import pytest
from monai.metrics.froc import compute_froc_curve_data, compute_froc_score

from hounsfield.core.boxes import Detections, as_boxes
from hounsfield.metrics.detection import Reference
from hounsfield.metrics.detection_candidates import by_centre, by_overlap, gather_candidates
from hounsfield.metrics.froc import RATES, competition_score_of, froc_curve, hits_by_centre, sensitivity_at_of
from hounsfield.metrics.weights import value_of


def scans(rows, objects):
    """Return detections and objects of scans: rows of (position, score) and positions, each a box of side 4."""
    detected, references = [], []
    for found, wanted in zip(rows, objects, strict=True):
        boxes = as_boxes([[x, 0, x + 4, 4] for x, _ in found])
        detected.append(Detections(boxes, np.zeros(len(found), np.int64), np.array([score for _, score in found])))
        none = np.zeros(len(wanted), dtype=bool)
        references.append(Reference(as_boxes([[x, 0, x + 4, 4] for x in wanted]), none.astype(np.int64), none, none))
    return detected, references


HAND_ROWS = [[(0, 0.9), (50, 0.8), (0, 0.75)], [(100, 0.7), (20, 0.6)], [(60, 0.5), (70, 0.4)], [(80, 0.3)]]
HAND_OBJECTS = [[0], [20], [], [40]]
HAND = scans(HAND_ROWS, HAND_OBJECTS)
"""In order of score: found, false, found again, false, found, false, false, false; one of three is never found."""


def test_the_curve_by_hand():
    curve = froc_curve(gather_candidates(*HAND, 0, by_overlap(0.5)))
    assert curve.false_positives.tolist() == [0, 0.25, 0.25, 0.5, 0.5, 0.75, 1, 1.25]
    assert np.allclose(curve.sensitivity * 3, [1, 1, 1, 1, 2, 2, 2, 2])
    assert curve.thresholds[0] == 0.9


def test_sensitivities_and_their_mean_by_hand():
    candidates = gather_candidates(*HAND, 0, by_overlap(0.5))
    values = [value_of(sensitivity_at_of(candidates, rate), 4) for rate in RATES]
    assert np.allclose(np.array(values) * 3, [1, 1, 2, 2, 2, 2, 2])
    assert value_of(competition_score_of(candidates), 4) == pytest.approx(12 / 21)


def test_between_two_points_the_curve_is_a_line():
    # one object found below one false positive on one scan of one: 0 at no false positive, 1 at one
    candidates = gather_candidates(*scans([[(50, 0.9), (0, 0.8)]], [[0]]), 0, by_overlap(0.5))
    assert value_of(sensitivity_at_of(candidates, 0.5), 1) == pytest.approx(0.5)
    assert value_of(sensitivity_at_of(candidates, 8.0), 1) == 1


def test_equal_scores_make_one_point():
    curve = froc_curve(gather_candidates(*scans([[(50, 0.9), (0, 0.9)]], [[0]]), 0, by_overlap(0.5)))
    assert curve.false_positives.tolist() == [1]
    assert curve.sensitivity.tolist() == [1]


def test_what_is_ignored_counts_neither_way():
    detected, references = scans([[(0, 0.9), (20, 0.8)]], [[0, 20]])
    is_ignored = np.array([True, False])
    references = [Reference(references[0].boxes, references[0].labels, ~is_ignored & False, is_ignored)]
    candidates = gather_candidates(detected, references, 0, by_overlap(0.5))
    assert candidates.objects.tolist() == [0]
    assert len(candidates.object_images) == 1


def test_nothing_found_and_nothing_there():
    candidates = gather_candidates(*scans([[]], [[0]]), 0, by_overlap(0.5))
    assert value_of(competition_score_of(candidates), 1) == 0
    empty = gather_candidates(*scans([[(0, 0.5)]], [[]]), 0, by_overlap(0.5))
    assert np.isnan(value_of(competition_score_of(empty), 1))


def test_classes_apart_and_together():
    boxes = as_boxes([[0, 0, 4, 4], [20, 0, 24, 4]])
    detected = [Detections(boxes, np.array([0, 1]), np.array([0.9, 0.8]))]
    none = np.zeros(2, dtype=bool)
    references = [Reference(boxes, np.array([0, 1]), none, none)]
    assert len(gather_candidates(detected, references, 0, by_overlap(0.5)).scores) == 1
    assert gather_candidates(detected, references, None, by_overlap(0.5)).objects.tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(4))
def test_monais_curve_agrees(seed):
    generator = np.random.default_rng(seed)
    objects = [sorted(generator.choice(np.arange(0, 200, 10), generator.integers(0, 4), False)) for _ in range(12)]
    rows, false, found, total = [], [], [], 0
    for wanted in objects:
        own = [(x, generator.uniform()) for x in wanted if generator.uniform() < 0.8]
        wrong = [(300 + 10 * i, generator.uniform()) for i in range(int(generator.integers(0, 5)))]
        rows.append(own + wrong)
        found += [score for _, score in own]
        false += [score for _, score in wrong]
        total += len(wanted)
    candidates = gather_candidates(*scans(rows, objects), 0, by_overlap(0.5))
    per_image, sensitivity = compute_froc_curve_data(np.array(false), np.array(found), total, 12)
    curve = froc_curve(candidates)
    # MONAI leaves out the point of the lowest score
    for rate, value in zip(curve.false_positives[:-1], curve.sensitivity[:-1], strict=True):
        assert np.isclose(per_image, rate).any()
        assert np.isclose(sensitivity[np.isclose(per_image, rate)], value).any()
    expected = compute_froc_score(per_image, sensitivity, (0.25, 0.5, 1.0))
    values = [value_of(sensitivity_at_of(candidates, rate), 12) for rate in (0.25, 0.5, 1.0)]
    assert np.mean(values) == pytest.approx(expected, abs=0.02)


def test_a_weight_of_two_is_an_image_twice():
    candidates = gather_candidates(*HAND, 0, by_overlap(0.5))
    twice = scans([HAND_ROWS[0], *HAND_ROWS], [HAND_OBJECTS[0], *HAND_OBJECTS])
    expected = value_of(competition_score_of(gather_candidates(*twice, 0, by_overlap(0.5))), 5)
    assert competition_score_of(candidates)(np.array([[2, 1, 1, 1]]))[0] == pytest.approx(expected)


def test_luna16_decides_by_the_centre():
    wanted = as_boxes([[0, 0, 0, 10, 10, 10]], 3)
    near, far = [4, 4, 4, 8, 8, 8], [9, 9, 9, 11, 11, 11]
    assert hits_by_centre(as_boxes([near, far], 3), wanted).tolist() == [[True], [False]]
    assert by_centre(as_boxes([near], 3), wanted).tolist() == [[1.0]]
