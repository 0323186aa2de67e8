"""Objects that touch: what the network learns of them, and how its answer becomes objects again."""

import numpy as np
import pytest
from skimage.segmentation import find_boundaries, relabel_sequential

from hounsfield.model.instances import BORDER, INTERIOR, decode_instances, with_borders


def grains(seed: int, side: int = 64, count: int = 12) -> np.ndarray:
    """Return numbered cells (1, row, column) that touch, as Voronoi regions within a disc, with background around."""
    chance = np.random.default_rng(seed)
    centres = chance.uniform(8, side - 8, (count, 2))
    rows, columns = np.mgrid[:side, :side]
    distances = np.hypot(rows[None] - centres[:, :1, None], columns[None] - centres[:, 1:, None])
    objects = np.where(distances.min(0) < 9, distances.argmin(0) + 1, 0)
    return objects[None].astype(np.int32)


@pytest.mark.parametrize("seed", range(4))
def test_the_border_is_scikit_images_inner_boundary(seed: int) -> None:
    objects = grains(seed)
    learned = with_borders(objects)
    assert np.array_equal(learned > 0, objects > 0)
    expected = find_boundaries(objects[0], connectivity=2, mode="inner")
    found = learned[0] == BORDER
    lonely = found != expected
    # an object that is border all over keeps its middle
    numbers = np.unique(objects[0][lonely])
    assert all(not (expected & (objects[0] == number) != (objects[0] == number)).any() for number in numbers)


@pytest.mark.parametrize("seed", range(4))
def test_touching_objects_come_back_apart(seed: int) -> None:
    objects = grains(seed)
    found = decode_instances(with_borders(objects))
    assert found.max() == len(np.unique(objects)) - 1
    for number in np.unique(objects)[1:]:
        mine = objects == number
        called = np.bincount(found[mine]).argmax()
        both = (mine & (found == called)).sum()
        assert both / (mine | (found == called)).sum() > 0.7
    assert np.array_equal(found > 0, objects > 0)


def test_objects_are_numbered_in_scan_order_without_gaps() -> None:
    learned = np.zeros((1, 12, 12), dtype=np.uint8)
    learned[0, 8:11, 1:4] = learned[0, 1:4, 8:11] = INTERIOR
    found = decode_instances(learned)
    assert found[0, 2, 9] == 1
    assert found[0, 9, 2] == 2
    assert np.array_equal(found, relabel_sequential(found)[0])


def test_small_objects_are_dropped_and_far_border_belongs_to_none() -> None:
    learned = np.zeros((1, 6, 30), dtype=np.uint8)
    learned[0, 2:5, 2:5] = INTERIOR
    learned[0, 0, 0] = INTERIOR
    learned[0, 3, 5:] = BORDER
    found = decode_instances(learned, least_samples=4)
    assert found.max() == 1
    assert found[0, 3, 12] == 1
    assert found[0, 3, 20] == 0
    assert found[0, 0, 0] == 0


def test_nothing_gives_nothing() -> None:
    empty = np.zeros((2, 5, 5), dtype=np.uint8)
    assert not decode_instances(empty).any()
    assert not with_borders(empty).any()
    only_border = np.full((1, 4, 4), BORDER, dtype=np.uint8)
    assert not decode_instances(only_border).any()


def test_an_object_of_one_sample_keeps_an_interior() -> None:
    objects = np.zeros((1, 5, 5), dtype=np.uint16)
    objects[0, 2, 2] = 300
    assert with_borders(objects)[0, 2, 2] == INTERIOR


def dumbbell(bridge: int) -> np.ndarray:
    """Return two discs of radius 8 joined by a bridge some samples wide, as the network's labels."""
    rows, columns = np.mgrid[:30, :50]
    discs = (np.hypot(rows - 15, columns - 15) < 8) | (np.hypot(rows - 15, columns - 33) < 8)
    discs[15 - bridge // 2 : 16 + bridge // 2, 15:33] = True
    return with_borders(discs[None].astype(np.int32))


def test_what_is_joined_by_a_bridge_is_cut_on_request() -> None:
    learned = dumbbell(5)
    assert decode_instances(learned).max() == 1
    found = decode_instances(learned, smoothing_samples=2.0)
    assert found.max() == 2
    assert np.array_equal(found > 0, learned > 0)
    left, right = (found == number for number in (1, 2))
    assert np.flatnonzero(left.any((0, 1))).max() in (23, 24)
    assert left.sum() == pytest.approx(right.sum(), abs=30)


def test_a_disc_and_small_interiors_stay_whole_where_others_are_cut() -> None:
    rows, columns = np.mgrid[:40, :40]
    objects = (np.hypot(rows - 14, columns - 14) < 9).astype(np.int32)
    objects[30:33, 30:33] = 2
    objects[30:33, 35:38] = 3
    found = decode_instances(with_borders(objects[None]), smoothing_samples=2.0)
    assert np.array_equal(found[0], objects)


@pytest.mark.parametrize("smoothing", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_cutting_keeps_the_foreground_and_the_numbering(seed: int, smoothing: float) -> None:
    learned = with_borders(grains(seed))
    found = decode_instances(learned, smoothing_samples=smoothing)
    assert np.array_equal(found > 0, learned > 0)
    assert np.array_equal(found, relabel_sequential(found)[0])
    first = [int(np.flatnonzero(found.ravel() == number)[0]) for number in range(1, found.max() + 1)]
    assert first == sorted(first)


def test_an_image_that_is_all_object_is_one_object() -> None:
    assert decode_instances(np.full((1, 9, 9), INTERIOR), smoothing_samples=2.0).max() == 1
