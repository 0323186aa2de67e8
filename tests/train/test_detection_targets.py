"""Anchors, matching, decoding and losses of a detector: brute force, MONAI, and places that the network answers for."""

import math
from itertools import product
from statistics import mean, stdev

import numpy as np
import pytest
import torch
from monai.apps.detection.utils.box_coder import BoxCoder
from monai.losses import BoxGIoULoss, FocalLoss

from hounsfield.core.boxes import overlaps
from hounsfield.model.detector import LARGEST_GROWTH, anchor_boxes, decode_boxes
from hounsfield.model.interface import AnchorLevel, BoxInterface
from hounsfield.model.networks.retina import Retina, RetinaSettings
from hounsfield.train.detection.augment import Objects
from hounsfield.train.detection.targets import IGNORED_OVERLAP, box_loss, decode, focal_loss, match_anchors

LEVELS = tuple(AnchorLevel(stride=stride, sides=(2.5 * stride,)) for stride in (8, 16, 32))


def interface(rows=64, columns=80, levels=LEVELS, ratios=(1.0,)):
    return BoxInterface(channels=1, rows=rows, columns=columns, deltas="deltas", levels=levels, ratios=ratios)


def drawn(count, seed=0):
    """Return boxes (row, column, row, column) of many sizes within 64 rows and 80 columns."""
    generator = np.random.default_rng(seed)
    low = generator.uniform(0, (44, 60), (count, 2))
    return np.concatenate([low, low + generator.uniform(6, 20, (count, 2))], axis=1)


def objects_of(boxes, is_ignored=None):
    ignored = np.zeros(len(boxes), dtype=bool) if is_ignored is None else is_ignored
    return Objects(torch.from_numpy(boxes).float(), torch.arange(len(boxes)), torch.from_numpy(ignored))


@pytest.mark.parametrize(("rows", "columns"), [(64, 80), (50, 33)])
def test_anchors_are_those_of_nested_loops(rows, columns):
    levels = (AnchorLevel(stride=8, sides=(10.0, 14.0)), AnchorLevel(stride=32, sides=(40.0,)))
    expected = [
        (row - height / 2, column - width / 2, row + height / 2, column + width / 2)
        for level in levels
        for row in np.arange(level.stride / 2, rows + level.stride / 2, level.stride)
        for column in np.arange(level.stride / 2, columns + level.stride / 2, level.stride)
        for side, ratio in product(level.sides, (0.5, 2.0))
        for height, width in [(side * math.sqrt(ratio), side / math.sqrt(ratio))]
    ]
    form = interface(rows, columns, levels, (0.5, 2.0))
    np.testing.assert_allclose(anchor_boxes(form), expected, rtol=1e-12)
    assert form.anchor_count == len(expected)


@pytest.mark.parametrize("anchors", [1, 2])
def test_an_output_looks_at_the_place_of_its_anchor(anchors):
    torch.manual_seed(0)
    small = {"widths": (8, 8, 8, 8), "pyramid_width": 8, "head_depth": 1, "anchors": anchors, "channels": 1}
    network = Retina(RetinaSettings(class_count=2, rows=96, columns=160, **small)).eval()
    boxes = anchor_boxes(interface(96, 160, ratios=(1.0, 2.0)[:anchors]))
    images = torch.rand(1, 1, 96, 160, requires_grad=True)
    rows, columns = torch.meshgrid(torch.arange(96) + 0.5, torch.arange(160) + 0.5, indexing="ij")
    for output, (row, column) in product(network(images), [(3, 4), (3, 15), (8, 4), (8, 15)]):
        number = (row * 20 + column) * anchors + anchors - 1
        (slope,) = torch.autograd.grad(output[0, number].sum(), images, retain_graph=True)
        weight = slope[0, 0].abs() / slope.abs().sum()
        looked_at = [float((weight * rows).sum()), float((weight * columns).sum())]
        np.testing.assert_allclose(looked_at, (boxes[number, :2] + boxes[number, 2:]) / 2, atol=8)


def test_decoding_undoes_the_encoding_of_monai():
    anchors = anchor_boxes(interface())
    wanted = drawn(len(anchors), 1)
    coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
    deltas = coder.encode_single(torch.from_numpy(wanted).float(), torch.from_numpy(anchors).float())
    np.testing.assert_allclose(decode_boxes(deltas.numpy(), anchors), wanted, atol=1e-4)
    np.testing.assert_allclose(decode(deltas, torch.from_numpy(anchors).float(), LARGEST_GROWTH), wanted, atol=1e-4)


def test_growth_is_bounded_alike_in_learning_and_in_use():
    anchors = anchor_boxes(interface())[:3]
    deltas = np.array([[0, 0, 9, 9], [0, 0, LARGEST_GROWTH, 0], [1, -1, -9, 0]], dtype=np.float32)
    found = decode_boxes(deltas, anchors)
    np.testing.assert_allclose(decode(torch.from_numpy(deltas), torch.from_numpy(anchors).float(), 4.135), found, 1e-5)
    np.testing.assert_allclose((found[0] - found[0].mean())[2:], np.full(2, 10 * math.exp(LARGEST_GROWTH)))
    assert (found[:, 2:] > found[:, :2]).all()


def naive_matches(boxes, anchors, per_level, candidates):
    """Return the object of each anchor by adaptive training sample selection, as Zhang 2020 states it (algorithm 1)."""
    middles = (anchors[:, :2] + anchors[:, 2:]) / 2
    best = [(0.0, -1)] * len(anchors)
    for number, box in enumerate(boxes):
        near, start = [], 0
        for count in per_level:
            level = range(start, start + count)
            near += sorted(level, key=lambda one: math.dist(middles[one], (box[:2] + box[2:]) / 2))[:candidates]
            start += count
        shares = overlaps(anchors[near], box[None])[:, 0].tolist()
        limit = mean(shares) + stdev(shares)
        for anchor, share in zip(near, shares, strict=True):
            is_inside = (middles[anchor] > box[:2] + 0.01).all() and (middles[anchor] < box[2:] - 0.01).all()
            if share >= limit and is_inside and share > best[anchor][0]:
                best[anchor] = (share, number)
    return [number for _, number in best]


@pytest.mark.parametrize("candidates", [2, 9])
@pytest.mark.parametrize("seed", range(4))
def test_matches_are_those_of_the_algorithm_as_it_is_stated(seed, candidates):
    boxes, anchors = drawn(6, seed).astype(np.float32).astype(float), anchor_boxes(interface())
    found = match_anchors(objects_of(boxes), torch.from_numpy(anchors).float(), (80, 20, 6), candidates)
    assert found.objects.tolist() == naive_matches(boxes, anchors, (80, 20, 6), candidates)
    assert len(set(found.objects.tolist())) > 3
    assert bool(found.counts.all())


@pytest.mark.parametrize("seed", range(4))
def test_ignored_objects_take_no_anchor_and_silence_those_that_lie_on_them(seed):
    boxes, anchors = drawn(8, seed).astype(np.float32).astype(float), anchor_boxes(interface())
    is_ignored = np.arange(8) % 2 == 0
    found = match_anchors(objects_of(boxes, is_ignored), torch.from_numpy(anchors).float(), (80, 20, 6), 9)
    alone = np.array(naive_matches(boxes[~is_ignored], anchors, (80, 20, 6), 9))
    assert found.objects.tolist() == np.where(alone >= 0, 2 * alone + 1, -1).tolist()
    is_near = (overlaps(anchors, boxes[is_ignored]) >= IGNORED_OVERLAP).any(axis=1)
    np.testing.assert_array_equal(found.counts.numpy(), ~is_near | (alone >= 0))
    assert not found.counts.all()


def test_the_focal_loss_is_that_of_monai():
    torch.manual_seed(1)
    logits, wanted = torch.randn(30, 3) * 3, (torch.rand(30, 3) < 0.3).float()
    counts = torch.rand(30) < 0.7
    known = FocalLoss(alpha=0.25, gamma=2.0, reduction="none")
    found = float(focal_loss(logits, wanted, counts))
    assert found == pytest.approx(float(known(logits, wanted)[counts].sum()), rel=1e-5)


def test_what_does_not_count_learns_nothing():
    logits = torch.randn(6, 2, requires_grad=True)
    counts = torch.tensor([True, False] * 3)
    focal_loss(logits, torch.zeros(6, 2), counts).backward()
    assert not logits.grad[~counts].any()
    assert bool((logits.grad[counts] > 0).all())


def test_the_loss_of_boxes_is_that_of_monai_and_points_the_same_way():
    one, other = (torch.from_numpy(drawn(20, seed)).float().requires_grad_() for seed in (2, 3))
    found, known = box_loss(one, other), BoxGIoULoss(reduction="sum")(one, other)
    assert float(found.detach()) == pytest.approx(float(known.detach()), rel=1e-4)
    (slope,) = torch.autograd.grad(found, one)
    np.testing.assert_allclose(slope, torch.autograd.grad(known, one)[0], rtol=1e-3, atol=1e-5)


def test_boxes_apart_are_drawn_together_and_a_point_gives_no_broken_slope():
    apart = torch.tensor([[0.0, 0, 4, 4]], requires_grad=True)
    box_loss(apart, torch.tensor([[10.0, 0, 14, 4]])).backward()
    # going down the slope moves the lower edge, the nearer one, towards the other box
    assert float(apart.grad[0, 2]) < 0
    point = torch.tensor([[3.0, 3, 3, 3]], requires_grad=True)
    box_loss(point, point.detach()).backward()
    assert bool(torch.isfinite(point.grad).all())
