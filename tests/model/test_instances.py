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
