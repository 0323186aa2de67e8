"""Augmentation of pictures with boxes: a bright rectangle stays in its box under every flip, crop, scale and draw."""

from itertools import product

import numpy as np
import pytest
import torch

from hounsfield.cases.boxed import Annotation
from hounsfield.model.interface import AnchorLevel
from hounsfield.model.networks.retina import RetinaSettings
from hounsfield.train.detection.augment import BoxAugmentation, Objects, Placement, place_images
from hounsfield.train.detection.parts import BoxPart, BoxParts
from hounsfield.train.detection.plan import DetectionPlan
from hounsfield.train.detection.way import Detection
from hounsfield.train.plan import Optimisation

SHAPE = (48, 64)
RECTANGLES = ((4, 8, 20, 16), (0, 0, 48, 64), (30, 40, 44, 63), (10, 2, 14, 60))
DARK = BoxAugmentation(gamma=(1, 1), colour=0, brightness=0)


def bright(*boxes):
    """Return a picture (1, 1, row, column) with boxes of ones."""
    picture = torch.zeros(1, 1, *SHAPE)
    for top, left, bottom, right in boxes:
        picture[..., top:bottom, left:right] = 1
    return picture


def objects(*boxes, ignored=False):
    count = len(boxes)
    return Objects(torch.tensor(boxes).float().view(-1, 4), torch.arange(count), torch.full((count,), ignored))


def placed(boxes, scale, shift, augment=DARK):
    """Return the picture of boxes, and the boxes, where they come to lie; the shift is in pixels."""
    moved = torch.tensor([2 * pixels / side for pixels, side in zip(shift, SHAPE, strict=True)])
    placement = Placement(torch.tensor([scale]).float(), moved[None])
    found = augment.place_objects(objects(*boxes), placement.scale[0], moved, SHAPE)
    return place_images(bright(*boxes), placement)[0, 0], found


def held(picture):
    """Return the least box around what is bright."""
    rows, columns = torch.nonzero(picture > 0.5, as_tuple=True)
    return [int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1]


@pytest.mark.parametrize("scale", list(product((1, -1), repeat=2)))
@pytest.mark.parametrize("box", RECTANGLES)
def test_a_flip_is_a_flip_of_the_array_and_the_box_is_exact(box, scale):
    picture, found = placed([box], scale, (0, 0))
    axes = [axis for axis, sign in enumerate(scale) if sign < 0]
    np.testing.assert_allclose(picture, bright(box)[0, 0].flip(axes), atol=1e-4)
    np.testing.assert_allclose(found.boxes[0], held(picture), atol=1e-4)


@pytest.mark.parametrize("shift", [(5, 0), (-7, 3), (12, -20), (-11, 17)])
@pytest.mark.parametrize("box", RECTANGLES)
def test_a_shift_by_whole_pixels_cuts_picture_and_box_alike(box, shift):
    picture, found = placed([box], (1, 1), shift)
    expected = torch.zeros(SHAPE)
    for row, column in torch.nonzero(bright(box)[0, 0]).tolist():
        if 0 <= row + shift[0] < SHAPE[0] and 0 <= column + shift[1] < SHAPE[1]:
            expected[row + shift[0], column + shift[1]] = 1
    np.testing.assert_allclose(picture, expected, atol=1e-3)
    assert len(found.boxes) == expected.any()
    for left in found.boxes:
        np.testing.assert_allclose(left, held(expected), atol=1e-3)


@pytest.mark.parametrize("scale", [(2, 2), (0.5, 0.5), (-2, 0.5), (1.5, -1.25)])
@pytest.mark.parametrize("box", RECTANGLES[:3])
def test_a_scaled_box_holds_the_scaled_rectangle(box, scale):
    picture, found = placed([box], scale, (0, 0))
    if not len(found.boxes):
        assert float(picture.max()) < 0.5
        return
    np.testing.assert_allclose(found.boxes[0], held(picture), atol=1.0)
    area = (found.boxes[0, 2:] - found.boxes[0, :2]).prod()
    assert float(picture.sum()) == pytest.approx(float(area), rel=0.15)


def test_moving_there_and_back_is_standing_still():
    boxes = objects((20, 24, 30, 40), (22, 30, 26, 38))
    scale, shift = torch.tensor([1.25, -0.8]), torch.tensor([0.1, -0.05])
    there = DARK.place_objects(boxes, scale, shift, SHAPE)
    back = DARK.place_objects(there, 1 / scale, -shift / scale, SHAPE)
    np.testing.assert_allclose(back.boxes, boxes.boxes, atol=1e-4)
    assert not back.is_ignored.any()


def test_the_share_that_is_seen_decides_what_is_looked_for():
    boxes = [(10, left, 20, left + 20) for left in (0, 10, 20, 40)]
    for least in (0.2, 0.45, 0.95):
        _, found = placed(boxes, (1, 1), (0, -15), BoxAugmentation(least_visible=least))
        # 5, 15, 20 and 20 of 20 columns are left
        assert found.labels.tolist() == [0, 1, 2, 3]
        assert found.is_ignored.tolist() == [share < least for share in (0.25, 0.75, 1.0, 1.0)]
    _, found = placed(boxes, (1, 1), (0, -25))
    assert found.labels.tolist() == [1, 2, 3]


def test_what_was_ignored_stays_so():
    found = DARK.place_objects(objects((2, 2, 9, 9), ignored=True), torch.ones(2), torch.zeros(2), SHAPE)
    assert found.is_ignored.tolist() == [True]


@pytest.mark.parametrize(("left", "up"), [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.3, 0.8)])
def test_draws_keep_within_their_ranges(left, up):
    augment = BoxAugmentation(flip_probability=left, upside_down_probability=up, zoom=(0.5, 2), stretch=0.2)
    placement = augment.draw(3000, torch.Generator().manual_seed(1))
    zoom = placement.scale.abs().prod(1).sqrt()
    assert 0.5 <= float(zoom.min()) < 0.55
    assert 1.9 < float(zoom.max()) <= 2.0001
    assert float(zoom.log().mean()) == pytest.approx(0, abs=0.05)
    stretch = (placement.scale[:, 1] / placement.scale[:, 0]).abs().log()
    assert 0.19 < float(stretch.abs().max()) <= 0.2001
    assert 0.29 < float(placement.shift.abs().max()) <= 0.3
    shares = (placement.scale < 0).float().mean(0).tolist()
    assert shares == pytest.approx([up, left], abs=0.03)


def test_light_without_range_is_gain_and_offset_of_no_picture_but_its_own():
    augment = BoxAugmentation(gamma=(2, 2), colour=0, brightness=0)
    images = torch.rand(3, 2, 4, 4)
    np.testing.assert_allclose(augment.light(images, torch.Generator().manual_seed(0)), images**2, rtol=1e-5)
    free = BoxAugmentation(gamma=(1, 1), colour=0.2, brightness=0)
    ratio = free.light(images * 0.5 + 0.1, torch.Generator().manual_seed(0)) / (images * 0.5 + 0.1)
    np.testing.assert_allclose(ratio, ratio[..., :1, :1].expand_as(ratio), rtol=1e-5)
    assert len(set(ratio[:, :, 0, 0].flatten().tolist())) == 6


def part_of(seed, count=8):
    """Return pictures with one bright rectangle each, and its box."""
    generator = np.random.default_rng(seed)
    low = generator.integers(4, (20, 30), (count, 2))
    boxes = np.concatenate([low, low + generator.integers(8, 20, (count, 2))], axis=1)
    images = np.concatenate([bright(tuple(box)).numpy() for box in boxes.tolist()])
    none = np.zeros(1, dtype=bool)
    notes = tuple(Annotation(box[None].astype(float), np.zeros(1, np.int64), none, none) for box in boxes)
    names = tuple(f"{seed}-{index}" for index in range(count))
    return BoxPart(images, notes, np.tile(SHAPE, (count, 1)), np.arange(count), names)


def test_in_a_batch_every_picture_goes_with_its_own_boxes():
    form = RetinaSettings(class_count=1, channels=1, rows=SHAPE[0], columns=SHAPE[1], widths=(4, 4, 4, 4))
    levels = tuple(AnchorLevel(stride=stride, sides=(2.0 * stride,)) for stride in (8, 16, 32))
    learning = Optimisation(epochs=2, batch_size=4)
    plan = DetectionPlan(
        name="one", class_names=("a",), seed=1, threads=1, prepare=(), network=form, levels=levels, learning=learning,
        augment=DARK,
    )  # fmt: skip
    way = Detection(plan, BoxParts(part_of(0), part_of(1, 2), None))
    seen = 0
    for epoch in range(2):
        for images, rows in way.batches(epoch):
            for picture, (boxes, _, _) in zip(images[:, 0], rows, strict=True):
                if len(boxes):
                    np.testing.assert_allclose(boxes[0], held(picture), atol=1.01)
                    seen += 1
                else:
                    assert float(picture.sum()) < 40
    assert seen > 12
