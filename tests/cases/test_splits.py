"""Splits: whole groups, right shares of each class, the same on every machine, and what the source declares holds."""

from collections import Counter

import numpy as np
import pytest

from hounsfield.cases.splits import assign, fold_cases, split_cases
from hounsfield.errors import DatasetError
from tests.cases.examples import table_of


def table(count=200, splits=None, labels=None):
    labels = [index % 4 // 3 for index in range(count)] if labels is None else labels
    return table_of({f"case{index}": np.zeros((2, 2)) for index in range(count)}, labels, splits=splits)


def shares_by_class(data, split):
    return Counter(zip(split, data.labels.tolist(), strict=True))


def test_each_class_is_shared_out_as_wanted():
    data = table()
    counts = shares_by_class(data, split_cases(data, range(200)))
    assert [counts[part, 0] for part in ("training", "tuning", "test")] == pytest.approx([105, 22.5, 22.5], abs=0.5)
    assert [counts[part, 1] for part in ("training", "tuning", "test")] == pytest.approx([35, 7.5, 7.5], abs=0.5)


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_divided_and_shares_are_near(seed):
    data = table(300)
    groups = np.random.default_rng(seed).integers(0, 70, 300)
    split = np.array(split_cases(data, groups, seed=seed))
    for group in range(70):
        assert len(set(split[groups == group])) <= 1
    for label in (0, 1):
        share = np.mean(split[data.labels == label] == "training")
        assert share == pytest.approx(0.7, abs=0.06)


def test_the_split_is_the_same_every_time_and_another_for_another_seed():
    data = table()
    assert split_cases(data, range(200), seed=3) == split_cases(data, range(200), seed=3)
    assert split_cases(data, range(200), seed=3) != split_cases(data, range(200), seed=4)


def test_a_known_split_has_not_changed():
    data = table(12)
    assert "".join(part[:2] for part in split_cases(data, range(12), seed=1)) == "trtetrtrtrtrtututrtrtrtr"


def test_the_split_does_not_depend_on_the_order_of_cases():
    data = table(100)
    split = dict(zip((case.identifier for case in data.cases), split_cases(data, range(100)), strict=True))
    order = np.random.default_rng(0).permutation(100)
    turned = data.select(order.tolist())
    again = dict(zip((case.identifier for case in turned.cases), split_cases(turned, order), strict=True))
    assert again == split


def test_declared_parts_hold():
    splits = ["training"] * 120 + ["tuning"] * 40 + ["test"] * 40
    assert split_cases(table(200, splits), range(200)) == tuple(splits)


def test_a_missing_tuning_part_is_taken_from_training_and_test_is_left_alone():
    splits = ["training"] * 160 + ["test"] * 40
    split = split_cases(table(200, splits), range(200))
    assert split[160:] == ("test",) * 40
    assert Counter(split[:160])["tuning"] == pytest.approx(160 * 0.15 / 0.85, abs=1)


def test_a_declared_tuning_part_makes_no_test_part():
    splits = ["training"] * 160 + ["tuning"] * 40
    assert Counter(split_cases(table(200, splits), range(200))) == {"training": 160, "tuning": 40}


def test_a_torn_group_leaves_the_side_that_learns():
    splits = ["training"] * 6 + ["tuning"] * 2 + ["test"] * 2
    groups = [0, 1, 2, 3, 4, 5, 1, 6, 2, 6]
    split = split_cases(table(10, splits, [0, 1] * 5), groups)
    assert split == (
        "training", "excluded", "excluded", "training", "training", "training",
        "tuning", "excluded", "test", "test",
    )  # fmt: skip


def test_undeclared_cases_follow_their_group():
    splits = [None] * 20 + ["test"] * 2
    groups = [*range(20), 3, 21]
    split = split_cases(table(22, splits, [0, 1] * 11), groups)
    assert split[3] == "test"
    assert set(split[:20]) == {"training", "tuning", "test"}


def test_cases_without_a_label_are_excluded():
    labels = [0, 1] * 10
    labels[5] = None
    split = split_cases(table(20, labels=labels), range(20))
    assert split[5] == "excluded"
    assert "excluded" not in split[:5] + split[6:]


@pytest.mark.parametrize(
    "shares", [{"training": 0.5}, {"training": 1.2, "test": -0.2}, {"test": 1.0}, {"practice": 1.0}]
)
def test_impossible_shares(shares):
    with pytest.raises(DatasetError) as caught:
        split_cases(table(), range(200), shares)
    assert caught.value.code == "E822"


def test_two_parts_alone():
    split = split_cases(table(), range(200), {"training": 0.8, "tuning": 0.2})
    assert Counter(split) == {"training": 160, "tuning": 40}


def test_folds_are_grouped_and_stratified():
    data = table(250)
    groups = np.random.default_rng(1).integers(0, 100, 250)
    folds = fold_cases(data, groups, 5)
    for group in range(100):
        assert len(set(folds[groups == group].tolist())) <= 1
    counts = np.array([[np.sum((folds == fold) & (data.labels == label)) for label in (0, 1)] for fold in range(5)])
    assert counts.sum() == 250
    assert np.ptp(counts[:, 0]) <= 3
    assert np.ptp(counts[:, 1]) <= 3


def test_one_giant_group_goes_where_most_is_wanted():
    keys = [str(index) for index in range(50)]
    parts = assign(np.arange(50) % 2, [0] * 40 + list(range(1, 11)), np.array([0.7, 0.15, 0.15]), keys, 0)
    assert set(parts[:40].tolist()) == {0}
    assert {1, 2} <= set(parts[40:].tolist())


def test_nothing_to_share_out():
    assert len(assign(np.zeros(0, dtype=np.int64), [], np.array([0.5, 0.5]), [], 0)) == 0
