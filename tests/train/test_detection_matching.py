"""Matching of anchors: MONAI's matcher on many drawn boxes, overlaps by pixels, and the corners of the rule."""

import numpy as np
import pytest
import torch
from monai.apps.detection.utils.ATSS_matcher import ATSSMatcher
from monai.data.box_utils import box_iou

from hounsfield.train.detection.matching import LEAST_INSIDE, matched, overlaps_of

STRIDES, SIDE = (8, 16, 32), 96


def anchors() -> tuple[torch.Tensor, tuple[int, ...]]:
    found = []
    for stride in STRIDES:
        middles = torch.arange(stride / 2, SIDE, stride)
        row, column = torch.meshgrid(middles, middles, indexing="ij")
        places, half = torch.stack([row.flatten(), column.flatten()], 1), 2.0 * stride
        found.append(torch.cat([places - half, places + half], 1))
    return torch.cat(found), tuple(len(part) for part in found)


def drawn(count: int, seed: int, least: float = 1.0) -> torch.Tensor:
    chance = np.random.default_rng(seed)
    low = chance.uniform(0, SIDE - 10, (count, 2))
    return torch.from_numpy(np.concatenate([low, low + chance.uniform(least, 60, (count, 2))], 1)).float()


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("candidates", [1, 4, 9])
def test_anchors_are_for_what_monai_says(seed: int, candidates: int) -> None:
    given, per_level = anchors()
    boxes = drawn(1 + 3 * seed, seed)
    _, wanted = ATSSMatcher(candidates, box_iou, center_in_gt=True).compute_matches(boxes, given, per_level, 1)
    found = matched(boxes, given, per_level, candidates)
    assert torch.equal(found, torch.where(wanted >= 0, wanted, -1))
    assert (found >= 0).any() or seed == 0, "one box alone may find no anchor"


@pytest.mark.parametrize("seed", range(4))
def test_overlaps_are_monais(seed: int) -> None:
    first, second = drawn(17, seed), drawn(23, seed + 50)
    torch.testing.assert_close(overlaps_of(first, second), box_iou(first, second), atol=1e-7, rtol=1e-6)


def test_overlaps_are_counted_in_pixels() -> None:
    first, second = torch.tensor([[2.0, 3, 10, 9]]), torch.tensor([[5.0, 1, 12, 7], [20, 20, 30, 30], [2, 3, 10, 9]])
    plane = np.zeros((4, 40, 40), dtype=bool)
    for index, (top, left, bottom, right) in enumerate(torch.cat([first, second]).int().tolist()):
        plane[index, top:bottom, left:right] = True
    wanted = [(plane[0] & other).sum() / (plane[0] | other).sum() for other in plane[1:]]
    np.testing.assert_allclose(overlaps_of(first, second)[0], wanted, atol=1e-6)


def test_an_anchor_whose_centre_lies_outside_is_for_nothing() -> None:
    given = torch.tensor([[0.0, 0, 8, 8], [4, 4, 12, 12], [50, 50, 58, 58]])
    box = torch.tensor([[4.0, 4.0, 12.0, 12.0]])
    assert matched(box, given, (3,), 3).tolist() == [-1, 0, -1]
    # its centre (4, 4) lies on the corner: not inside by ``LEAST_INSIDE``
    assert LEAST_INSIDE > 0
    assert matched(box - 0.5, given[:1], (1,), 1).tolist() == [0]


def test_an_anchor_of_two_boxes_is_for_the_one_it_overlaps_most() -> None:
    given = torch.tensor([[10.0, 10, 30, 30]])
    boxes = torch.tensor([[12.0, 12, 40, 40], [9, 9, 31, 31], [18, 18, 60, 60]])
    assert matched(boxes, given, (1,), 1).tolist() == [1]
    assert matched(boxes[[1, 0, 2]], given, (1,), 1).tolist() == [0]


def test_no_more_candidates_are_asked_of_a_level_than_it_has() -> None:
    given, per_level = anchors()
    found = matched(drawn(5, 3, least=20), given, per_level, 10_000)
    assert found.shape == (len(given),)
    assert set(found.tolist()) <= {-1, 0, 1, 2, 3, 4}
