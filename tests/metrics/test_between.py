"""Subgroup against the rest: enumeration, levels by simulation, patients with many images, another prevalence."""

from itertools import combinations

import numpy as np
import pytest

from hounsfield.metrics.between import between_p_values
from hounsfield.metrics.confusion import decision_statistics
from hounsfield.metrics.discrimination import auroc_of
from hounsfield.metrics.weights import ratio


def share_of(is_right):
    return lambda weights: ratio(weights @ is_right.astype(np.float64), weights.sum(axis=1))


def test_permutations_agree_with_all_choices():
    """Four of ten cases in 210 ways: the exact p value by enumeration."""
    is_right = np.array([True, True, False, True, True, True, False, True, False, False])
    is_member = np.arange(10) < 4
    observed = is_right[is_member].mean() - is_right[~is_member].mean()
    gaps = []
    for chosen in combinations(range(10), 4):
        mask = np.isin(np.arange(10), chosen)
        gaps.append(abs(is_right[mask].mean() - is_right[~mask].mean()))
    exact = np.mean(np.array(gaps) >= abs(observed) - 1e-9)
    found = between_p_values({"accuracy": share_of(is_right)}, is_member, np.zeros(10, int), None, 4000)
    assert found["accuracy"] == pytest.approx(exact, abs=0.03)


def test_a_subgroup_that_is_worse_is_found_and_one_that_is_not_is_not():
    chance = np.random.default_rng(0)
    labels, is_member = np.arange(400) % 2, np.arange(400) // 2 % 4 == 0
    scores = chance.normal(labels * 2.0, 1)
    same = between_p_values({"auroc": auroc_of(labels == 1, scores)}, is_member, labels, None, 500)
    assert same["auroc"] > 0.05
    worse = np.where(is_member, chance.normal(labels * 0.3, 1), scores)
    found = between_p_values({"auroc": auroc_of(labels == 1, worse)}, is_member, labels, None, 500)
    assert found["auroc"] < 0.01


def test_another_prevalence_alone_is_no_difference_of_sensitivity():
    chance = np.random.default_rng(1)
    low = 0
    for run in range(60):
        is_member = np.arange(200) < 80
        is_positive = chance.random(200) < np.where(is_member, 0.8, 0.2)
        is_called = chance.random(200) < np.where(is_positive, 0.8, 0.1)
        statistic = {"sensitivity": decision_statistics(is_positive, is_called)["sensitivity"]}
        low += between_p_values(statistic, is_member, is_positive * 1, None, 99, run)["sensitivity"] <= 0.05
    assert low / 60 <= 0.12


def test_patients_keep_the_level_that_images_lose():
    chance = np.random.default_rng(2)
    by_patient = by_image = 0
    for run in range(100):
        patient = np.repeat(np.arange(24), 8)
        is_right = (chance.random(24) < 0.7)[patient]
        is_member, statistic = patient < 10, {"accuracy": share_of(is_right)}
        nothing = np.zeros(192, int)
        by_patient += between_p_values(statistic, is_member, nothing, patient, 99, run)["accuracy"] <= 0.05
        by_image += between_p_values(statistic, is_member, nothing, None, 99, run)["accuracy"] <= 0.05
    assert by_patient / 100 <= 0.11
    assert by_image / 100 >= 0.25


def test_a_measure_that_one_side_lacks_has_no_p_value():
    labels = np.array([0, 1, 0, 0])
    found = between_p_values({"auroc": auroc_of(labels == 1, np.arange(4.0))}, np.array([1, 1, 0, 0]) == 1, labels)
    assert np.isnan(found["auroc"])


def test_the_seed_decides():
    chance = np.random.default_rng(3)
    statistic, is_member = {"accuracy": share_of(chance.random(50) < 0.5)}, chance.random(50) < 0.4
    first, second = (between_p_values(statistic, is_member, np.zeros(50, int), None, 200, 7) for _ in range(2))
    assert first == second
