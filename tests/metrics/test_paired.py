"""Comparison of two models: exact tests against scipy, permutations against enumeration, levels by simulation."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as oracle

from hounsfield.metrics.delong import compare_auroc, delong_covariance, delong_interval
from hounsfield.metrics.discrimination import auroc_of
from hounsfield.metrics.paired import difference_of, holm, mcnemar, permutation_p_values
from hounsfield.metrics.weights import ratio, value_of


def share_of(is_right):
    return lambda weights: ratio(weights @ is_right.astype(np.float64), weights.sum(axis=1))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_mcnemar_is_the_binomial_test_of_the_cases_called_apart(rows):
    first, second = np.array(rows).T
    found = mcnemar(first, second)
    apart = found.only_first + found.only_second
    expected = stats.binomtest(found.only_first, apart).pvalue if apart else 1.0
    assert found.p_value == pytest.approx(expected)
    assert found.only_first - found.only_second == first.sum() - second.sum()


def test_a_published_table_of_mcnemar():
    """Agresti, Categorical Data Analysis, approval of the prime minister: 150 and 86 changed, z = -4.17."""
    first = np.repeat([True, False], [150, 86])
    expected = 2 * stats.norm.sf(4.17)
    assert mcnemar(first, ~first).p_value == pytest.approx(expected, rel=0.25)


def test_permutations_agree_with_all_exchanges():
    """Ten cases have 1,024 exchanges: the exact p value by enumeration."""
    chance = np.random.default_rng(0)
    first, second = chance.random((2, 10)) < np.array([[0.9], [0.4]])
    observed = abs(first.mean() - second.mean())
    gaps = []
    for swap in product([False, True], repeat=10):
        one, two = np.where(swap, second, first), np.where(swap, first, second)
        gaps.append(abs(one.mean() - two.mean()))
    exact = np.mean(np.array(gaps) >= observed - 1e-9)
    both = {"accuracy": share_of(np.concatenate([first, second]))}
    assert permutation_p_values(both, 10, None, 4000)["accuracy"] == pytest.approx(exact, abs=0.03)


def test_equal_models_never_differ_and_the_seed_decides():
    right = np.random.default_rng(1).random(30) < 0.7
    both = {"accuracy": share_of(np.concatenate([right, right]))}
    assert permutation_p_values(both, 30, None, 100)["accuracy"] == 1
    other = {"accuracy": share_of(np.concatenate([right, ~right]))}
    assert permutation_p_values(other, 30, None, 200, 5) == permutation_p_values(other, 30, None, 200, 5)
    undefined = {"none": lambda weights: np.full(len(weights), np.nan)}
    assert np.isnan(permutation_p_values(undefined, 3)["none"])


def test_the_p_value_of_an_area_is_near_delongs():
    chance = np.random.default_rng(2)
    is_positive = np.arange(160) < 80
    first = chance.normal(is_positive * 1.4, 1)
    second = 0.6 * first + chance.normal(is_positive * 0.3, 0.8)
    ranks = np.concatenate([stats.rankdata(first), stats.rankdata(second)])
    both = {"auroc": auroc_of(np.tile(is_positive, 2), ranks)}
    p_value = permutation_p_values(both, 160, None, 2000)["auroc"]
    assert p_value == pytest.approx(compare_auroc(is_positive, first, second).p_value, abs=0.05)


def test_patients_keep_the_level_that_images_lose():
    """Two models that are equally good, six images a patient with one error each: 5 % of tests may call them apart."""
    chance = np.random.default_rng(3)
    by_patient = by_image = 0
    for run in range(120):
        patient = np.repeat(np.arange(20), 6)
        first, second = (chance.random((2, 20)) < 0.7)[:, patient]
        both = {"accuracy": share_of(np.concatenate([first, second]))}
        by_patient += permutation_p_values(both, 120, patient, 99, run)["accuracy"] <= 0.05
        by_image += permutation_p_values(both, 120, None, 99, run)["accuracy"] <= 0.05
    assert by_patient / 120 <= 0.1
    assert by_image / 120 >= 0.25


def test_differences_see_the_same_resample():
    is_positive = np.arange(50) < 20
    scores = np.random.default_rng(4).random((2, 50))
    first, second = (auroc_of(is_positive, row) for row in scores)
    expected = oracle.roc_auc_score(is_positive, scores[0]) - oracle.roc_auc_score(is_positive, scores[1])
    assert value_of(difference_of(first, second), 50) == pytest.approx(expected)


@pytest.mark.parametrize("values", [[0.01, 0.02, 0.03, 0.005], [0.5, 0.5], [0.2], [0.04, float("nan"), 0.01]])
def test_holm_by_the_definition(values):
    """The adjusted value of the k-th smallest is the largest of (m - j + 1) p(j), j up to k, at most 1."""
    known = sorted(value for value in values if np.isfinite(value))
    expected = {}
    for index, value in enumerate(known):
        steps = [(len(known) - j) * known[j] for j in range(index + 1)]
        expected[value] = min(1.0, max(steps))
    for value, adjusted in zip(values, holm(values), strict=True):
        assert np.isnan(adjusted) if np.isnan(value) else adjusted == pytest.approx(expected[value])
    assert holm([]).shape == (0,)


def test_groups_of_one_case_change_nothing():
    chance = np.random.default_rng(5)
    is_positive = chance.random(60) < 0.4
    scores = chance.normal(is_positive, 1, (2, 60))
    plain, alone = delong_covariance(is_positive, scores), delong_covariance(is_positive, scores, np.arange(60))
    assert np.array_equal(plain[1], alone[1])
    # the clustered form itself, with one pair that is no pair: a positive and a negative that do not depend
    groups = np.arange(60)
    groups[1] = groups[0]
    near = delong_covariance(is_positive, scores, groups)[1]
    assert near == pytest.approx(plain[1], rel=0.2)


def test_copied_cases_have_the_variance_of_the_originals():
    """Every case three times over: the area and its variance by patient are those of the single cases."""
    chance = np.random.default_rng(6)
    is_positive = chance.random(80) < 0.5
    scores = chance.normal(is_positive, 1, (2, 80))
    area, covariance = delong_covariance(is_positive, scores)
    again, grouped = delong_covariance(
        np.repeat(is_positive, 3), np.repeat(scores, 3, axis=1), np.repeat(np.arange(80), 3)
    )
    assert again == pytest.approx(area)
    assert grouped == pytest.approx(covariance)


def test_the_interval_by_patient_covers_the_truth():
    chance = np.random.default_rng(7)
    truth = stats.norm.cdf(1 / np.sqrt(2))
    held = held_plain = 0
    for _ in range(200):
        patient = np.repeat(np.arange(50), 4)
        is_positive = (np.arange(50) < 25)[patient]
        scores = chance.normal((np.arange(50) < 25) * 1.0, 1)[patient] + chance.normal(0, 0.05, 200)
        grouped = delong_interval(is_positive, scores, groups=patient)
        plain = delong_interval(is_positive, scores)
        held += grouped.low <= truth <= grouped.high
        held_plain += plain.low <= truth <= plain.high
    assert held / 200 == pytest.approx(0.94, abs=0.045)
    assert held_plain / 200 < 0.8


def test_one_patient_of_a_class_has_no_variance():
    is_positive = np.array([True, True, False, False, False])
    scores = np.array([0.5, 0.2, 0.4, 0.1, 0.3])
    groups = np.array([0, 0, 1, 2, 3])
    assert np.isnan(delong_covariance(is_positive, scores, groups)[1]).all()


def test_a_variance_that_is_not_known_gives_no_p_value():
    """One positive case: two areas that differ are no proof of anything."""
    is_positive = np.array([True, False, False, False])
    found = compare_auroc(is_positive, np.array([0.9, 0.1, 0.2, 0.3]), np.array([0.2, 0.1, 0.6, 0.3]))
    assert found.difference.value == pytest.approx(2 / 3)
    assert np.isnan(found.p_value)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.randoms())
def test_holm_keeps_the_order_and_never_lowers(values, chance):
    """Adjusted values are no smaller than the raw ones, at most as Bonferroni's, and do not depend on the order."""
    adjusted = holm(values)
    assert (adjusted >= np.array(values) - 1e-12).all()
    assert (adjusted <= np.minimum(1, np.array(values) * len(values)) + 1e-12).all()
    order = list(range(len(values)))
    chance.shuffle(order)
    assert holm([values[index] for index in order]) == pytest.approx(adjusted[order])
    ranked = adjusted[np.argsort(values, kind="stable")]
    assert (np.diff(ranked) >= -1e-12).all()


def test_holm_keeps_the_level_where_nothing_differs():
    chance = np.random.default_rng(8)
    wrong = sum(bool((holm(chance.random(10)) <= 0.05).any()) for _ in range(2000))
    assert wrong / 2000 == pytest.approx(0.05, abs=0.015)


def test_delongs_test_by_patient_keeps_the_level_that_by_image_loses():
    """Two scores of equal worth, five images a patient that share both errors."""
    chance = np.random.default_rng(9)
    by_patient = by_image = 0
    for _ in range(200):
        patient = np.repeat(np.arange(60), 5)
        is_ill = np.arange(60) < 30
        own = chance.normal(is_ill * 1.2, 1, (2, 60))[:, patient] + chance.normal(0, 0.1, (2, 300))
        by_patient += compare_auroc(is_ill[patient], *own, groups=patient).p_value <= 0.05
        by_image += compare_auroc(is_ill[patient], *own).p_value <= 0.05
    assert by_patient / 200 == pytest.approx(0.05, abs=0.045)
    assert by_image / 200 >= 0.2


def test_patients_with_both_classes_make_the_covariance_of_placements_count():
    """Each patient has a positive and a negative image with one shift: within a patient the shift cancels."""
    chance = np.random.default_rng(10)
    truth = stats.norm.cdf(1 / np.sqrt(2 * (1 + 0.5**2)))
    held = 0
    for _ in range(200):
        shift = chance.normal(0, 0.5, 60)
        scores = np.concatenate([chance.normal(1 + shift, 1), chance.normal(shift, 1)])
        is_positive, patient = np.arange(120) < 60, np.tile(np.arange(60), 2)
        interval = delong_interval(is_positive, scores, groups=patient)
        held += interval.low <= truth <= interval.high
    assert held / 200 == pytest.approx(0.95, abs=0.04)


def test_an_interval_of_separated_patients_counts_patients():
    """Ten images each of six patients, all told apart: six disjoint pairs at most are trials, not sixty."""
    patient = np.repeat(np.arange(12), 10)
    is_positive = patient < 6
    by_patient = delong_interval(is_positive, is_positive * 1.0, groups=patient)
    by_image = delong_interval(is_positive, is_positive * 1.0)
    exact = stats.binomtest(6, 6).proportion_ci(method="wilson")
    assert (by_patient.value, by_patient.high) == (1.0, 1.0)
    assert by_patient.low == pytest.approx(exact.low)
    assert by_patient.low < by_image.low
