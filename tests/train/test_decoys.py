"""Decoys: as many as asked for, never of the spared classes, and broken as described."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.train.decoys import break_some, enlarge_part, shuffle_tiles  # noqa: E402
from hounsfield.train.plan import DecoyPlan  # noqa: E402

NAMES = ("chest", "cells", "other")


def at(seed: int) -> "torch.Generator":
    return torch.Generator().manual_seed(seed)


def batch(count: int = 3000) -> "tuple[torch.Tensor, torch.Tensor]":
    return torch.rand(count, 1, 16, 16, generator=at(0)), torch.arange(count) % 3


def test_share_of_broken_images_and_their_new_label() -> None:
    images, labels = batch()
    plan = DecoyPlan(as_class="other", probability=0.2, spared=("cells",))
    changed, found = break_some(images, labels, plan, NAMES, at(1))
    is_changed = (changed != images).flatten(1).any(1)
    assert torch.equal(is_changed, found != labels)
    assert (found[is_changed] == 2).all()
    assert not is_changed[labels == 1].any()
    assert not is_changed[labels == 2].any()
    assert float(is_changed[labels == 0].float().mean()) == pytest.approx(0.2, abs=0.04)


def test_batch_given_is_left_as_it_is_and_the_draw_repeats() -> None:
    images, labels = batch(60)
    before = images.clone()
    plan = DecoyPlan(as_class="other", probability=0.5)
    first, second = (break_some(images, labels, plan, NAMES, at(2)) for _ in range(2))
    assert torch.equal(images, before)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert break_some(images, labels, DecoyPlan(as_class="other", probability=0), NAMES, at(2))[0] is images


def test_shuffled_tiles_hold_the_same_samples_elsewhere() -> None:
    images = torch.rand(2, 1, 16, 16, generator=at(3))
    shuffled = shuffle_tiles(images, 4, at(4))
    assert not torch.equal(shuffled, images)
    np.testing.assert_allclose(np.sort(shuffled.numpy().ravel()), np.sort(images.numpy().ravel()), atol=1e-6)
    tiles = images.unfold(2, 4, 4).unfold(3, 4, 4).reshape(2, 16, 16)
    moved = shuffled.unfold(2, 4, 4).unfold(3, 4, 4).reshape(2, 16, 16)
    for image in range(2):
        own = {tuple(np.round(tile, 4)) for tile in tiles[image].tolist()}
        assert own == {tuple(np.round(tile, 4)) for tile in moved[image].tolist()}


def test_sides_that_no_tile_divides_keep_their_size() -> None:
    assert shuffle_tiles(torch.rand(1, 1, 17, 19), 4, at(0)).shape == (1, 1, 17, 19)


def test_enlarged_part_of_a_ramp_is_a_flatter_ramp_inside_it() -> None:
    ramp = torch.linspace(0, 1, 64).repeat(64, 1)[None, None].repeat(50, 1, 1, 1)
    parts = enlarge_part(ramp, (0.25, 0.25), at(5)).numpy()[:, 0]
    widths = parts[:, 32, -4] - parts[:, 32, 3]
    # 57 of 64 columns, at a quarter of the slope
    np.testing.assert_allclose(widths, 0.25 * 57 / 63, atol=0.01)
    assert parts.min() >= 0
    assert parts.max() <= 1
    assert np.ptp(parts[:, 32, 32]) > 0.3
