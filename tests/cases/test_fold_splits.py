"""Folds as test parts: whole groups, every case once, what the source declares kept apart; for boxes too."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from hounsfield.cases.boxed import BoxTable
from hounsfield.cases.boxed_guard import split_boxed
from hounsfield.cases.boxed_layouts import read_boxed
from hounsfield.cases.splits import Fold, fold_cases, folded_cases, split_cases
from hounsfield.cases.table import CaseTable
from hounsfield.errors import DatasetError
from tests.cases.examples import table_of
from tests.train.discs import save_discs

SHARES = {"training": 0.68, "tuning": 0.12, "test": 0.2}


def table(labels: list[int], splits: list[str | None] | None = None) -> CaseTable:
    return table_of({f"case{index}": np.zeros((2, 2)) for index in range(len(labels))}, labels, splits=splits)


def all_folds(data: CaseTable, groups: list[int], count: int, seed: int = 0) -> list[tuple[str, ...]]:
    return [split_cases(data, groups, SHARES, seed, Fold(number, count)) for number in range(1, count + 1)]


@pytest.mark.parametrize("count", [2, 3, 5, 10])
@pytest.mark.parametrize("seed", [0, 7])
def test_every_case_is_the_test_part_once(count: int, seed: int) -> None:
    data = table([index % 3 // 2 for index in range(150)])
    folds = all_folds(data, list(range(150)), count, seed)
    held = Counter(index for fold in folds for index, part in enumerate(fold) if part == "test")
    assert held == dict.fromkeys(range(150), 1)
    for fold in folds:
        assert set(fold) == {"training", "tuning", "test"}


@pytest.mark.parametrize("seed", range(4))
def test_no_group_is_torn_in_any_fold(seed: int) -> None:
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, 40, 200).tolist()
    labels = generator.integers(0, 2, 200).tolist()
    for fold in all_folds(table(labels), groups, 5, seed):
        sides: dict[int, set[str]] = {}
        for group, part in zip(groups, fold, strict=True):
            sides.setdefault(group, set()).add(part)
        assert all(len(parts) == 1 for parts in sides.values())


@pytest.mark.parametrize("count", [3, 4, 5])
def test_classes_come_in_their_share_in_every_fold(count: int) -> None:
    labels = [0] * 120 + [1] * 30 + [2] * 60
    for fold in all_folds(table(labels), list(range(210)), count):
        held = Counter(labels[index] for index, part in enumerate(fold) if part == "test")
        for label, size in ((0, 120), (1, 30), (2, 60)):
            assert held[label] == pytest.approx(size / count, abs=1)


def test_the_rest_is_shared_between_training_and_tuning_as_the_shares_are() -> None:
    data = table([index % 2 for index in range(200)])
    fold = Counter(split_cases(data, list(range(200)), SHARES, 0, Fold(1, 5)))
    assert fold["test"] == 40
    assert fold["tuning"] == pytest.approx(160 * 0.12 / 0.80, abs=2)
    assert fold["training"] == 160 - fold["tuning"]


def test_the_folds_are_those_that_fold_cases_draws() -> None:
    data, groups = table([index % 2 for index in range(60)]), [index // 2 for index in range(60)]
    drawn = fold_cases(data, groups, 4, 3)
    for number in range(1, 5):
        parts = split_cases(data, groups, SHARES, 3, Fold(number, 4))
        assert [part == "test" for part in parts] == (drawn == number - 1).tolist()


def test_declared_training_and_tuning_parts_are_thrown_together() -> None:
    splits: list[str | None] = ["training"] * 60 + ["tuning"] * 20
    folds = all_folds(table([index % 2 for index in range(80)], splits), list(range(80)), 4)
    held = Counter(index for fold in folds for index, part in enumerate(fold) if part == "test")
    assert len(held) == 80


def test_a_declared_test_part_and_its_copies_are_in_no_fold() -> None:
    """Case 5 is a copy of case 70, which the source holds back: whoever learned from it would know the test."""
    splits: list[str | None] = ["training"] * 60 + ["test"] * 20
    groups = list(range(80))
    groups[5] = groups[70]
    data = table([index % 2 for index in range(80)], splits)
    assert 5 not in folded_cases(data, groups)
    assert len(folded_cases(data, groups)) == 59
    for fold in all_folds(data, groups, 3):
        assert set(fold[60:]) == {"excluded"}
        assert fold[5] == "excluded"


def test_cases_without_a_label_are_in_no_part() -> None:
    data = table([index % 2 for index in range(40)])
    cases = tuple(replace(case, label=None) if index < 4 else case for index, case in enumerate(data.cases))
    for fold in all_folds(replace(data, cases=cases), list(range(40)), 3):
        assert fold[:4] == ("excluded",) * 4


def test_the_order_of_cases_does_not_change_the_folds() -> None:
    data = table([index % 2 for index in range(50)])
    straight = dict(zip((case.identifier for case in data.cases), all_folds(data, list(range(50)), 5)[1], strict=True))
    order = np.random.default_rng(0).permutation(50).tolist()
    turned = data.select(order)
    again = dict(zip((case.identifier for case in turned.cases), all_folds(turned, order, 5)[1], strict=True))
    assert again == straight


def test_without_a_fold_nothing_has_changed() -> None:
    data = table([index % 2 for index in range(50)])
    assert split_cases(data, list(range(50)), SHARES, 2) == split_cases(data, list(range(50)), SHARES, 2, None)


def test_impossible_shares_are_refused_for_folds_too() -> None:
    with pytest.raises(DatasetError) as caught:
        split_cases(table([0, 1] * 5), list(range(10)), {"training": 0.5, "test": 0.2}, 0, Fold(1, 2))
    assert caught.value.code == "E822"


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> BoxTable:
    folder = tmp_path_factory.mktemp("boxes")
    save_discs(folder, 24)
    return read_boxed(folder)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_images_with_boxes_are_held_back_once(boxes: BoxTable, count: int) -> None:
    groups = [index // 2 for index in range(len(boxes))]
    folds = [split_boxed(boxes, groups, SHARES, 0, Fold(number, count)) for number in range(1, count + 1)]
    held = Counter(index for fold in folds for index, part in enumerate(fold) if part == "test")
    assert held == dict.fromkeys(range(len(boxes)), 1)
    for fold in folds:
        assert all(fold[index] == fold[index + 1] for index in range(0, len(boxes), 2))
