"""Whether values name labels or number objects: what tells them apart."""

from pathlib import Path

import numpy as np
import pytest

from hounsfield.cases.label_values import survey
from tests.cases.masked_examples import grains, save


def maps(root: Path, *arrays: np.ndarray) -> list[Path]:
    return [save(root / f"{number}.png", array) for number, array in enumerate(arrays)]


def organs(present: tuple[int, ...]) -> np.ndarray:
    """Return labels of one piece each, as organs are."""
    array = grains(60)
    return np.where(np.isin(array, present), array, 0).astype(np.uint8)


def test_objects_are_numbered_from_one_to_a_number_that_differs(tmp_path: Path) -> None:
    found = survey(maps(tmp_path, grains(7), grains(31), grains(2)))
    assert found.is_instances
    assert found.values == tuple(range(32))


def test_a_removed_object_leaves_instances(tmp_path: Path) -> None:
    gap = grains(40)
    gap[gap == 17] = 0
    assert survey(maps(tmp_path, gap, grains(12), grains(25))).is_instances


def test_the_same_organs_in_every_map_are_labels(tmp_path: Path) -> None:
    every = tuple(range(1, 31))
    assert not survey(maps(tmp_path, organs(every), organs(every), organs(every))).is_instances


def test_organs_that_are_cut_off_leave_gaps(tmp_path: Path) -> None:
    upper, lower = organs((3, 9, 27, 40, 51)), organs((8, 27, 33, 59))
    assert not survey(maps(tmp_path, upper, lower, organs((14, 44)))).is_instances


@pytest.mark.parametrize("highest", [1, 3, 5])
def test_few_values_are_labels(tmp_path: Path, highest: int) -> None:
    assert not survey(maps(tmp_path, grains(highest), grains(1), grains(0))).is_instances


def test_empty_maps_alone_hold_background(tmp_path: Path) -> None:
    found = survey(maps(tmp_path, grains(0), grains(0)))
    assert (found.values, found.is_instances) == ((0,), False)


def test_no_maps_hold_nothing() -> None:
    found = survey([])
    assert (found.values, found.is_instances, found.unreadable) == ((0,), False, 0)


def test_the_order_of_maps_does_not_count(tmp_path: Path) -> None:
    paths = maps(tmp_path, grains(7), grains(31), grains(2), grains(0))
    assert survey(paths) == survey(paths[::-1])
