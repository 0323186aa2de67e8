"""FROC: against a naive walk over thresholds, its course, and what it must not depend on."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from hounsfield.core.boxes import Detections, as_boxes, overlaps
from hounsfield.metrics.detection import Reference
from hounsfield.metrics.detection_candidates import by_centre, by_overlap, gather_candidates
from hounsfield.metrics.froc import RATES, competition_score_of, froc_curve, hits_by_centre, sensitivity_at_of
from hounsfield.metrics.weights import value_of

IMAGES = 8


def small_set(seed, ties=True, hard=False, axes=2):
    """Return detections that find some of the objects, some twice, and invent others."""
    generator = np.random.default_rng(seed)
    detected, references = [], []
    for _ in range(IMAGES):
        places = generator.choice(12, generator.integers(1, 4), replace=False) * 10.0
        boxes = np.tile(places[:, None], (1, 2 * axes)) + np.repeat([0.0, 6.0], axes)
        none = np.zeros(len(boxes), dtype=bool)
        references.append(Reference(boxes, none.astype(int), none, (generator.uniform(size=len(boxes)) < 0.3) & hard))
        near = boxes[generator.integers(0, len(boxes), generator.integers(0, 4))]
        wrong = np.tile(generator.choice(9, (generator.integers(0, 4), 1)) * 10.0 + 200, (1, 2 * axes))
        found = np.concatenate([near, wrong + np.repeat([0.0, 6.0], axes)])
        scores = generator.integers(1, 9, len(found)) / 9 if ties else generator.uniform(size=len(found))
        detected.append(Detections(found, np.zeros(len(found), np.int64), scores))
    return detected, references


def naive_point(detected, references, score):
    """Return false positives an image and the share of objects found by detections from a score on."""
    false, met, total = 0, 0, 0
    for found, truth in zip(detected, references, strict=True):
        shown = found.boxes[found.scores >= score]
        objects, ignored = truth.boxes[~truth.is_ignored], truth.boxes[truth.is_ignored]
        met += sum(any((box == one).all() for one in shown) for box in objects)
        false += sum(not any((one == box).all() for box in [*objects, *ignored]) for one in shown)
        total += len(objects)
    return Fraction(false, len(references)), Fraction(met, total)


def curve_of(made):
    return froc_curve(gather_candidates(*made, 0, by_overlap(0.5)))


def value_at(made, rate):
    return value_of(sensitivity_at_of(gather_candidates(*made, 0, by_overlap(0.5)), rate), len(made[0]))


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_every_point_is_that_of_a_naive_walk_over_the_scores(seed, hard):
    made = small_set(seed, hard=hard)
    curve = curve_of(made)
    left = [float(naive_point(*made, score)[0]) for score in curve.thresholds]
    up = [float(naive_point(*made, score)[1]) for score in curve.thresholds]
    assert len(left) > 3
    np.testing.assert_allclose(curve.false_positives, left, rtol=1e-15)
    np.testing.assert_allclose(curve.sensitivity, up, rtol=1e-15)


@pytest.mark.parametrize("seed", range(4))
def test_the_thresholds_are_the_scores_that_count(seed):
    detected, references = small_set(seed)
    expected = np.unique(np.concatenate([item.scores for item in detected]))[::-1]
    assert curve_of((detected, references)).thresholds.tolist() == expected.tolist()


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_curve_never_falls_and_stays_within_its_bounds(seed, ties):
    made = small_set(seed, ties)
    curve = curve_of(made)
    assert (np.diff(curve.thresholds) < 0).all()
    assert (np.diff(curve.false_positives) >= 0).all()
    assert (np.diff(curve.sensitivity) >= 0).all()
    assert 0 <= curve.sensitivity[0] <= curve.sensitivity[-1] <= 1
    values = [value_at(made, rate) for rate in (1e-6, *RATES, 1e6)]
    assert all(one <= two for one, two in pairwise(values))
    assert values[-1] == curve.sensitivity[-1]


@pytest.mark.parametrize("seed", range(4))
def test_between_the_points_the_sensitivity_is_on_the_line(seed):
    made = small_set(seed)
    curve = curve_of(made)
    points = {0.0: 0.0}
    # of points with one rate the last stands, which has the highest sensitivity
    points |= dict(zip(curve.false_positives.tolist(), curve.sensitivity.tolist(), strict=True))
    for (low, start), (high, end) in pairwise(points.items()):
        for share in (0.25, 0.75, 1.0):
            assert value_at(made, low + share * (high - low)) == pytest.approx(start + share * (end - start))


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_cases_and_of_detections_does_not_count(seed):
    detected, references = made = small_set(seed, hard=True)
    order = np.random.default_rng(seed).permutation(IMAGES)
    mixed = [item.select(np.random.default_rng(seed).permutation(len(item))) for item in detected]
    score = competition_score_of(gather_candidates(*made, 0, by_overlap(0.5)))
    for other in (([detected[i] for i in order], [references[i] for i in order]), (mixed, references)):
        curve = curve_of(other)
        np.testing.assert_array_equal(curve.false_positives, curve_of(made).false_positives)
        np.testing.assert_array_equal(curve.sensitivity, curve_of(made).sensitivity)
        again = competition_score_of(gather_candidates(*other, 0, by_overlap(0.5)))
        assert value_of(again, IMAGES) == pytest.approx(value_of(score, IMAGES), abs=1e-15)


def test_weights_follow_the_cases():
    detected, references = made = small_set(5)
    order = np.random.default_rng(5).permutation(IMAGES)
    weights = np.random.default_rng(6).integers(0, 3, (6, IMAGES))
    turned = [detected[i] for i in order], [references[i] for i in order]
    before = competition_score_of(gather_candidates(*made, 0, by_overlap(0.5)))(weights)
    after = competition_score_of(gather_candidates(*turned, 0, by_overlap(0.5)))(weights[:, order])
    np.testing.assert_allclose(before, after, rtol=1e-14)
    assert len(set(before.round(6))) > 1


@pytest.mark.parametrize("seed", range(4))
def test_the_score_is_the_mean_over_the_seven_rates(seed):
    made = small_set(seed)
    found = value_of(competition_score_of(gather_candidates(*made, 0, by_overlap(0.5))), IMAGES)
    assert found == pytest.approx(sum(value_at(made, 2.0**power) for power in range(-3, 4)) / 7)


def test_images_without_objects_or_detections_thin_the_false_positives_only():
    detected, references = small_set(3)
    none = np.zeros(0, dtype=bool)
    blank = Detections(as_boxes([]), none.astype(int), none.astype(float))
    empty = Reference(as_boxes([]), none.astype(int), none, none)
    before, after = curve_of((detected, references)), curve_of((detected + [blank] * 8, references + [empty] * 8))
    np.testing.assert_array_equal(after.false_positives, before.false_positives / 2)
    np.testing.assert_array_equal(after.sensitivity, before.sensitivity)


def test_a_detection_belongs_to_the_object_it_is_most_like():
    generator = np.random.default_rng(0)
    low = generator.uniform(0, 8, (30, 2))
    boxes = np.concatenate([low, low + generator.uniform(4, 9, (30, 2))], axis=1)
    none = np.zeros(10, dtype=bool)
    truth = [Reference(boxes[:10], none.astype(int), none, none)]
    said = [Detections(boxes[10:], np.zeros(20, np.int64), np.linspace(1, 0.1, 20))]
    found = gather_candidates(said, truth, 0, by_overlap(0.4)).objects
    shared = overlaps(boxes[10:], boxes[:10])
    for number, row in zip(found, shared, strict=True):
        assert number == (int(row.argmax()) if row.max() >= 0.4 else -1)
    assert set(found.tolist()) > {-1}


def test_centres_within_the_sphere_one_by_one():
    generator = np.random.default_rng(1)
    boxes = generator.integers(0, 9, (20, 3))
    made = np.concatenate([boxes, boxes + generator.integers(1, 9, (20, 3))], axis=1)
    found = hits_by_centre(made.astype(float), made.astype(float))
    for row, own in enumerate(made.tolist()):
        for column, other in enumerate(made.tolist()):
            # four times the squared distance against four times the squared radius, in whole numbers
            apart = sum((own[a] + own[a + 3] - other[a] - other[a + 3]) ** 2 for a in range(3))
            across = Fraction(sum(other[a + 3] - other[a] for a in range(3)), 3)
            if apart != across**2:
                assert found[row, column] == (apart < across**2)
    assert found.diagonal().all()
    assert not found.all()


def test_the_rule_of_centres_gives_the_curve_of_overlaps_where_boxes_are_met_exactly():
    made = small_set(2, axes=3)
    by_centres = froc_curve(gather_candidates(*made, 0, by_centre))
    assert len(by_centres.thresholds) > 3
    np.testing.assert_array_equal(by_centres.sensitivity, curve_of(made).sensitivity)
    np.testing.assert_array_equal(by_centres.false_positives, curve_of(made).false_positives)
