"""Boxes: overlap and suppression against MONAI, and by hand."""

import numpy as np
import pytest
import torch
from monai.data.box_utils import box_iou, non_max_suppression

from hounsfield.core.boxes import are_proper, as_boxes, clipped, extents, overlaps, suppress


def drawn(count, axes, seed=0):
    generator = np.random.default_rng(seed)
    low = generator.uniform(0, 50, (count, axes))
    return np.concatenate([low, low + generator.uniform(1, 30, (count, axes))], axis=1)


@pytest.mark.parametrize("axes", [2, 3])
def test_overlaps_agree_with_monai(axes):
    one, other = drawn(40, axes), drawn(30, axes, 1)
    assert np.allclose(overlaps(one, other), box_iou(one, other), atol=1e-6)


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.6])
def test_suppression_agrees_with_monai(threshold):
    boxes = drawn(200, 2)
    scores = np.random.default_rng(2).uniform(size=200)
    expected = non_max_suppression(torch.from_numpy(boxes), torch.from_numpy(scores), threshold)
    assert suppress(boxes, scores, threshold, 200).tolist() == expected.tolist()
    assert suppress(boxes, scores, threshold, 3).tolist() == expected.tolist()[:3]


def test_equal_scores_keep_their_order():
    boxes = as_boxes([[0, 0, 4, 4], [10, 10, 14, 14], [0, 0, 4, 4]])
    assert suppress(boxes, np.ones(3), 0.5, 9).tolist() == [0, 1]


def test_overlap_by_hand():
    one = as_boxes([[0, 0, 10, 10]])
    other = as_boxes([[5, 0, 15, 10], [0, 0, 10, 10], [20, 20, 30, 30], [0, 0, 100, 100]])
    assert np.allclose(overlaps(one, other), [[1 / 3, 1, 0, 0.01]])
    assert overlaps(one, other, np.array([False, False, False, True]))[0, 3] == 1


def test_no_boxes_overlap_with_none():
    assert overlaps(as_boxes([]), as_boxes([[0, 0, 1, 1]])).shape == (0, 1)
    assert overlaps(as_boxes([[0, 0, 1, 1]]), as_boxes([])).shape == (1, 0)
    assert suppress(as_boxes([]), np.zeros(0), 0.5, 10).shape == (0,)


def test_form_and_clipping():
    boxes = as_boxes([[0, 0, 2, 3], [2, 0, 0, 3], [1, 1, 1, 5], [np.nan, 0, 1, 1], [-5, -5, 50, 50]])
    assert are_proper(boxes).tolist() == [True, False, False, False, True]
    assert extents(boxes)[:3].tolist() == [6, 0, 0]
    assert clipped(boxes, (10, 20))[4].tolist() == [0, 0, 10, 20]
