"""Splits over many random sets: no group is torn, nothing is lost, what is declared holds, order does not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from hounsfield.cases.names import EXCLUDED, PARTS
from hounsfield.cases.splits import fold_cases, split_cases
from tests.cases.examples import table_of

_STRICTEST = {"training": 0, "tuning": 1, "test": 2}


def table(labels, splits=None):
    return table_of({f"case-{index:04d}": np.zeros((1, 1)) for index in range(len(labels))}, labels, None, splits)


cases = st.lists(
    st.tuples(st.sampled_from([0, 1, 1, None]), st.integers(0, 12), st.sampled_from([None, None, *PARTS])),
    min_size=1,
    max_size=60,
)


@settings(max_examples=120, deadline=None)
@given(cases, st.integers(0, 2**31))
def test_a_split_keeps_its_promises(rows, seed):
    labels, groups, splits = ([row[index] for row in rows] for index in range(3))
    parts = split_cases(table(labels, splits), groups, seed=seed)
    assert len(parts) == len(rows)
    assert set(parts) <= {*PARTS, EXCLUDED}
    of_group: dict[int, set[str]] = {}
    for part, group in zip(parts, groups, strict=True):
        if part != EXCLUDED:
            of_group.setdefault(group, set()).add(part)
    assert all(len(found) == 1 for found in of_group.values())
    for part, label, declared in zip(parts, labels, splits, strict=True):
        if label is None:
            assert part == EXCLUDED
        elif declared in ("tuning", "test"):
            assert part in (declared, EXCLUDED)
        elif declared == "training":
            assert part in ("training", "tuning", EXCLUDED)
        else:
            assert part != EXCLUDED


@settings(max_examples=100, deadline=None)
@given(cases, st.integers(0, 1000))
def test_what_is_held_back_is_never_lost_to_what_learns(rows, seed):
    """Of a torn group the most strictly held-back declared side is the one that stays."""
    labels, groups, splits = ([row[index] for row in rows] for index in range(3))
    parts = split_cases(table(labels, splits), groups, seed=seed)
    for index, declared in enumerate(splits):
        if labels[index] is None or declared is None:
            continue
        rivals = [
            _STRICTEST[other]
            for other, group, label in zip(splits, groups, labels, strict=True)
            if other and group == groups[index] and label is not None
        ]
        if _STRICTEST[declared] == max(rivals) and declared != "training":
            assert parts[index] == declared


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 15)), min_size=2, max_size=50), st.randoms())
def test_the_order_of_cases_does_not_matter(rows, chance):
    base = table([label for label, _ in rows])
    groups = [group for _, group in rows]
    order = list(range(len(rows)))
    chance.shuffle(order)
    parts = split_cases(base, groups, seed=3)
    turned = split_cases(base.select(order), [groups[index] for index in order], seed=3)
    assert [parts[index] for index in order] == list(turned)


@pytest.mark.parametrize("seed", range(40))
def test_shares_are_near_with_patients_of_many_sizes(seed):
    """Patients of 1 to 12 images, one class four times as large: each part holds its share within 3 points."""
    chance = np.random.default_rng(seed)
    groups = np.repeat(np.arange(120), chance.integers(1, 13, 120))
    label_of = (chance.random(120) < 0.2).astype(int)
    labels = [int(label_of[group]) for group in groups]
    parts = np.array(split_cases(table(labels), groups.tolist(), seed=seed))
    for part, share in (("training", 0.7), ("tuning", 0.15), ("test", 0.15)):
        assert np.mean(parts == part) == pytest.approx(share, abs=0.03)
        for label in (0, 1):
            of_class = np.array(labels) == label
            assert (parts[of_class] == part).mean() == pytest.approx(share, abs=0.05)


def test_other_seeds_move_cases():
    labels = [index % 2 for index in range(100)]
    seen = {split_cases(table(labels), list(range(100)), seed=seed) for seed in range(20)}
    assert len(seen) == 20
    often = np.mean([[part == "test" for part in parts] for parts in seen], axis=0)
    assert often.max() < 1
    assert often.mean() == pytest.approx(0.15, abs=0.02)


@pytest.mark.parametrize("folds", [2, 3, 5, 10])
def test_folds_are_no_worse_than_those_of_scikit_learn(folds):
    """The spread of class counts over folds is at most that of StratifiedGroupKFold (plus one image)."""
    chance = np.random.default_rng(folds)
    groups = np.repeat(np.arange(150), chance.integers(1, 8, 150))
    labels = (groups % 3 == 0).astype(int)
    ours = fold_cases(table(labels.tolist()), groups, folds)
    theirs = np.zeros(len(labels), dtype=int)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    for fold, (_, test) in enumerate(splitter.split(labels, labels, groups)):
        theirs[test] = fold

    def spread(assigned):
        counts = np.array([np.bincount(labels[assigned == fold], minlength=2) for fold in range(folds)])
        return np.ptp(counts, axis=0)

    assert (spread(ours) <= spread(theirs) + 1).all()
    for group in range(150):
        assert len(set(ours[groups == group])) == 1


def test_every_class_reaches_every_part_when_there_are_three_groups_of_it():
    """Three patients of a rare class among two hundred of others: one for each part."""
    labels = [0] * 200 + [1] * 3
    for seed in range(10):
        parts = split_cases(table(labels), list(range(203)), seed=seed)
        assert "training" in parts[200:]
        assert {"tuning", "test"} & set(parts[200:])
