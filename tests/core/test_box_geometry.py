"""Boxes: geometry against pixels counted on a grid and exact fractions, suppression against a naive loop."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from hounsfield.core import boxes as room
from hounsfield.core.boxes import (
    Detections,
    are_proper,
    as_boxes,
    clipped,
    extents,
    overlaps,
    sides,
    suppress,
    suppress_by_class,
)


def whole_boxes(count, axes, seed=0, side=7):
    """Return boxes with whole edges on a small grid, so that many touch, nest, or are equal."""
    generator = np.random.default_rng(seed)
    low = generator.integers(0, side, (count, axes))
    return np.concatenate([low, low + generator.integers(1, side, (count, axes))], axis=1).astype(float)


def pixels_of(box):
    """Return the pixels that a box with whole edges holds, one by one."""
    axes = len(box) // 2
    return set(product(*(range(int(box[axis]), int(box[axes + axis])) for axis in range(axes))))


def exact_overlap(one, other):
    """Return the intersection over union of boxes with any edges as a fraction, without a rounding."""
    axes = len(one) // 2
    edges = [[Fraction(float(edge)) for edge in box] for box in (one, other)]

    def content(low, high):
        found = Fraction(1)
        for axis in range(axes):
            found *= max(Fraction(0), high[axis] - low[axis])
        return found

    common = content(
        [max(a, b) for a, b in zip(edges[0][:axes], edges[1][:axes], strict=True)],
        [min(a, b) for a, b in zip(edges[0][axes:], edges[1][axes:], strict=True)],
    )
    return common / (sum(content(box[:axes], box[axes:]) for box in edges) - common)


@pytest.mark.parametrize("axes", [2, 3])
def test_overlap_is_the_share_of_pixels_counted(axes):
    one, other = whole_boxes(15, axes), whole_boxes(12, axes, 1)
    found = overlaps(one, other)
    for row, column in product(range(15), range(12)):
        own, theirs = pixels_of(one[row]), pixels_of(other[column])
        assert found[row, column] == len(own & theirs) / len(own | theirs)


@pytest.mark.parametrize("axes", [2, 3])
def test_overlap_is_the_exact_fraction_within_rounding(axes):
    generator = np.random.default_rng(axes)
    low = generator.uniform(-20, 20, (14, axes))
    boxes = np.concatenate([low, low + generator.uniform(1e-3, 30, (14, axes))], axis=1)
    found = overlaps(boxes, boxes)
    for row, column in product(range(14), repeat=2):
        assert found[row, column] == pytest.approx(float(exact_overlap(boxes[row], boxes[column])), abs=1e-12)


def test_overlap_with_a_crowd_is_the_share_of_the_box_inside():
    one, other = whole_boxes(15, 2, 4), whole_boxes(10, 2, 5)
    is_crowd = np.arange(10) % 2 == 0
    found = overlaps(one, other, is_crowd)
    for row, column in product(range(15), range(10)):
        own, theirs = pixels_of(one[row]), pixels_of(other[column])
        whole = own if is_crowd[column] else own | theirs
        assert found[row, column] == len(own & theirs) / len(whole)


@pytest.mark.parametrize("axes", [2, 3])
def test_overlap_is_symmetric_and_knows_neither_origin_nor_unit(axes):
    one, other = whole_boxes(20, axes, 2), whole_boxes(20, axes, 3)
    found = overlaps(one, other)
    np.testing.assert_array_equal(found, overlaps(other, one).T)
    np.testing.assert_array_equal(found, overlaps(one + 64, other + 64))
    np.testing.assert_array_equal(found, overlaps(one * 4, other * 4))
    np.testing.assert_array_equal(np.diag(overlaps(one, one)), 1)


def test_axes_are_alike():
    one, other = whole_boxes(20, 3, 6), whole_boxes(20, 3, 7)
    for order in ([2, 0, 1], [1, 0, 2]):
        turned = [*order, *(axis + 3 for axis in order)]
        np.testing.assert_array_equal(overlaps(one, other), overlaps(one[:, turned], other[:, turned]))


def test_overlaps_in_blocks_are_those_at_once(monkeypatch):
    one, other = whole_boxes(23, 2), whole_boxes(9, 2, 1)
    is_crowd = np.arange(9) < 3
    plain, crowded = overlaps(one, other), overlaps(one, other, is_crowd)
    for block in (1, 9, 25, 100):
        monkeypatch.setattr(room, "_BLOCK", block)
        np.testing.assert_array_equal(overlaps(one, other), plain)
        np.testing.assert_array_equal(overlaps(one, other, is_crowd), crowded)


def test_boxes_that_hold_nothing_overlap_with_nothing():
    hollow = as_boxes([[3, 3, 3, 9], [9, 9, 3, 3], [2, 8, 6, 4]])
    assert not overlaps(hollow, as_boxes([[0, 0, 10, 10]])).any()
    assert not overlaps(hollow, hollow).any()
    assert not overlaps(as_boxes([[0, 0, 10, 10]]), hollow, np.ones(3, dtype=bool)).any()


@pytest.mark.parametrize("axes", [2, 3])
def test_extent_is_the_number_of_pixels(axes):
    boxes = whole_boxes(20, axes, 8)
    assert extents(boxes).tolist() == [len(pixels_of(box)) for box in boxes]
    np.testing.assert_array_equal(sides(boxes).prod(axis=1), extents(boxes))


@pytest.mark.parametrize("shape", [(5, 8), (1, 1), (4, 6, 9)])
def test_a_clipped_box_holds_the_pixels_of_the_image_that_it_held(shape):
    boxes = whole_boxes(25, len(shape), 9, side=9) - 4
    inside = set(product(*map(range, shape)))
    for box, cut in zip(boxes, clipped(boxes, shape), strict=True):
        assert pixels_of(cut) == pixels_of(box) & inside


def test_clipping_twice_is_clipping_once_and_leaves_what_is_outside_empty():
    boxes = whole_boxes(40, 2, 10, side=20) - 10
    once = clipped(boxes, (6, 7))
    np.testing.assert_array_equal(clipped(once, (6, 7)), once)
    is_seen = overlaps(boxes, as_boxes([[0, 0, 6, 7]]))[:, 0] > 0
    assert 0 < is_seen.sum() < 40
    np.testing.assert_array_equal(are_proper(once), is_seen)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_one_edge_that_is_no_number_spoils_its_box_alone(broken):
    for edge in range(6):
        boxes = as_boxes([[0, 0, 0, 1, 1, 1]] * 3, 3)
        boxes[1, edge] = broken
        assert are_proper(boxes).tolist() == [True, False, True]


def naive_suppression(boxes, scores, threshold, most):
    """Walk down the scores and keep a box that overlaps with no kept one by more than the threshold."""
    kept = []
    for index in sorted(range(len(boxes)), key=lambda place: (-scores[place], place)):
        pairs = ((pixels_of(boxes[index]), pixels_of(boxes[other])) for other in kept)
        if len(kept) < most and all(len(own & other) / len(own | other) <= threshold for own, other in pairs):
            kept.append(index)
    return kept


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 1.0])
def test_suppression_is_that_of_a_naive_loop_with_equal_scores(axes, threshold):
    boxes = whole_boxes(30, axes, 11)
    scores = np.random.default_rng(12).integers(0, 6, 30) / 10
    for most in (1, 4, 100):
        assert suppress(boxes, scores, threshold, most).tolist() == naive_suppression(boxes, scores, threshold, most)


def test_suppressing_what_stayed_takes_nothing_more():
    boxes, scores = whole_boxes(60, 2, 13, side=20), np.random.default_rng(14).uniform(size=60)
    kept = suppress(boxes, scores, 0.3, 60)
    assert 1 < len(kept) < 60
    assert suppress(boxes[kept], scores[kept], 0.3, 60).tolist() == list(range(len(kept)))


def detections(seed, count=40, classes=3):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    return Detections(whole_boxes(count, 2, seed), labels, generator.integers(0, 9, count) / 10)


@pytest.mark.parametrize("seed", range(3))
def test_each_class_is_suppressed_as_if_it_were_alone(seed):
    found = detections(seed)
    kept = suppress_by_class(found, 0.3, 100)
    assert (np.diff(kept.scores) <= 0).all()
    for label in range(3):
        own = found.select(found.labels == label)
        expected = naive_suppression(own.boxes, own.scores, 0.3, 100)
        np.testing.assert_array_equal(kept.select(kept.labels == label).boxes, own.boxes[expected])
    fewer = suppress_by_class(found, 0.3, 5)
    assert len(fewer) == 5
    np.testing.assert_array_equal(fewer.boxes, kept.boxes[:5])


def test_no_detections_stay_none():
    none = Detections(as_boxes([]), np.zeros(0, np.int64), np.zeros(0))
    assert len(suppress_by_class(none, 0.5, 10)) == 0
    assert suppress_by_class(none, 0.5, 10).boxes.shape == (0, 4)
