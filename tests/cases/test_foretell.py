"""The test of a shortcut against answers known without it: certainty, chance, and permutations counted by hand."""

import math

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from hounsfield.cases.foretell import (
    FOLDS,
    SIGNIFICANCE,
    chance_together,
    chances_alone,
    make_units,
    score_together,
    scores_alone,
)

LABELS = np.arange(60) % 2
EACH = np.arange(60)


def units_of(*columns, labels=LABELS, groups=EACH):
    found = make_units(np.asarray(labels), np.asarray(groups), [np.asarray(codes) for codes in columns])
    assert found is not None
    return found


def test_a_column_that_is_the_label_is_certain_and_no_chance():
    units = units_of(LABELS, np.zeros(60, dtype=np.int64))
    assert scores_alone(units, units.labels).tolist() == [1.0, 0.5]
    p = chances_alone(units, scores_alone(units, units.labels))
    assert p[0] <= SIGNIFICANCE
    assert p[1] > 0.9


def test_the_score_is_the_balanced_accuracy_of_the_counts_of_other_folds():
    chance = np.random.default_rng(5)
    labels = chance.integers(0, 3, 200)
    codes = np.where(chance.random(200) < 0.5, labels, chance.integers(0, 4, 200))
    units = units_of(codes, labels=labels, groups=np.arange(200))
    guesses = np.empty(200, dtype=np.int64)
    for fold in range(FOLDS):
        others = units.folds != fold
        sizes = np.bincount(units.labels[others], minlength=3)
        for index in np.flatnonzero(~others):
            same = others & (units.columns[0] == units.columns[0][index])
            rates = np.bincount(units.labels[same], minlength=3) / sizes
            assert np.sum(rates == rates.max()) == 1  # no tie in this draw, so one guess is what is scored
            guesses[index] = int(np.argmax(rates))
    assert scores_alone(units, units.labels)[0] == pytest.approx(balanced_accuracy_score(units.labels, guesses))


def test_unequal_classes_leave_chance_where_it_is():
    labels = (np.arange(300) % 10 == 0).astype(np.int64)
    units = units_of(np.zeros(300, dtype=np.int64), labels=labels, groups=np.arange(300))
    assert scores_alone(units, units.labels)[0] == pytest.approx(0.5)


def test_cases_of_one_patient_count_once():
    labels, groups = np.repeat(np.arange(12) % 2, 20), np.repeat(np.arange(12), 20)
    units = units_of(groups, labels=labels, groups=groups)
    assert len(units.labels) == 12
    # each patient has a value of its own: known by heart in its own fold, of no use in any other
    assert scores_alone(units, units.labels)[0] == pytest.approx(0.5)


def test_a_group_lies_in_one_fold_even_with_two_classes():
    groups = np.repeat(np.arange(30), 2)
    units = units_of(np.zeros(60, dtype=np.int64), labels=np.arange(60) % 2, groups=groups)
    order = np.lexsort((units.labels, np.arange(60)))
    assert len(order) == 60
    assert (units.folds[0::2] == units.folds[1::2]).all()


def test_two_columns_tell_together_what_neither_tells_alone():
    chance = np.random.default_rng(2)
    labels = np.arange(400) % 2
    columns = [np.where(chance.random(400) < 0.65, labels, 1 - labels) for _ in range(6)]
    units = units_of(*columns, labels=labels, groups=np.arange(400))
    together = score_together(units, units.labels)
    # six independent witnesses of 65 %: the majority is right in sum C(6,k) .65^k .35^(6-k), k > 3, and half of k = 3
    exact = sum(math.comb(6, k) * 0.65**k * 0.35 ** (6 - k) * (0.5 if k == 3 else 1) for k in range(3, 7))
    assert together == pytest.approx(exact, abs=0.06)
    assert together > scores_alone(units, units.labels).max() + 0.05
    assert chance_together(units, together) <= SIGNIFICANCE


def test_noise_is_hardly_ever_accused():
    accused = 0
    for seed in range(60):
        chance = np.random.default_rng(seed)
        units = units_of(*(chance.integers(0, 5, 60) for _ in range(8)))
        accused += bool((chances_alone(units, scores_alone(units, units.labels)) <= SIGNIFICANCE).any())
    assert accused <= 1  # 0.12 are expected


def test_the_smallest_sets_say_nothing():
    assert make_units(np.array([0, 0, 0, 0, 1, 1, 1, 1]), np.arange(8), [np.zeros(8, np.int64)]) is None
    units = units_of(np.arange(10) % 2, labels=np.arange(10) % 2, groups=np.arange(10))
    p = chances_alone(units, scores_alone(units, units.labels))[0]
    assert p > SIGNIFICANCE  # of 252 ways to deal five labels of ten, 2 are as good: chance can do it


def test_cases_without_a_label_are_left_out():
    labels = np.where(np.arange(60) < 20, -1, LABELS)
    assert len(units_of(LABELS, labels=labels).labels) == 40
