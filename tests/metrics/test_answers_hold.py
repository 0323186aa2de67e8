"""Labels, numbers and ordered classes: choices counted out, orders turned round, one case, intervals that cover."""

import itertools
import warnings

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr
from sklearn import metrics as oracle

from hounsfield.metrics.agreement import limits_of_agreement
from hounsfield.metrics.answers import (
    measure_labels,
    measure_number,
    measure_ordered,
    median_class,
    rank_correlation_of,
)
from hounsfield.metrics.intervals import bootstrap_intervals, resample_weights
from hounsfield.metrics.ordinal import class_distance_error_of, weighted_kappa, weighted_kappa_of
from hounsfield.metrics.regression import regression_statistics
from hounsfield.metrics.weights import value_of


def graded(seed, count=60, classes=4):
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    weights = np.exp(-np.abs(np.arange(classes) - labels[:, np.newaxis] - chance.normal(0, 1, (count, 1))))
    return labels, weights / weights.sum(axis=1, keepdims=True)


def numbers(seed, count=40):
    chance = np.random.default_rng(seed)
    reference = chance.normal(20, 4, count).round()
    return reference, (reference + chance.normal(1, 2, count)).round(1)


def test_the_median_class_has_the_least_expected_distance_of_all_classes():
    """Every distribution over four classes in tenths; of two equally good classes the lower one is called."""
    tenths = [row for row in itertools.product(range(11), repeat=4) if sum(row) == 10]
    probabilities = np.array(tenths) / 10
    expected = probabilities @ np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    assert len(tenths) == 286
    np.testing.assert_array_equal(median_class(probabilities), expected.round(9).argmin(axis=1))


def test_kappa_is_one_minus_the_share_of_chance_over_all_pairings():
    """The expected distance, counted out: each call against each reference, 25 pairs."""
    labels, called = np.array([0, 1, 2, 2, 0]), np.array([0, 2, 2, 1, 1])
    by_chance = np.mean([(one - other) ** 2 for one in labels for other in called])
    assert weighted_kappa(labels, called, 3) == pytest.approx(1 - np.mean((labels - called) ** 2) / by_chance)


def test_counting_the_classes_from_the_other_end_changes_nothing():
    labels, probabilities = graded(0)
    called = median_class(probabilities)
    for of in (lambda one, two: weighted_kappa_of(one, two, 4), class_distance_error_of):
        assert value_of(of(3 - labels, 3 - called), 60) == pytest.approx(value_of(of(labels, called), 60))
    assert weighted_kappa(called, labels, 4) == pytest.approx(weighted_kappa(labels, called, 4))
    assert weighted_kappa(labels, called, 7) == pytest.approx(weighted_kappa(labels, called, 4))


def test_calls_that_are_far_off_are_worse_than_calls_that_are_near():
    labels = np.arange(40) % 4
    near, far = np.where(labels == 3, 2, labels), np.where(labels == 3, 0, labels)
    assert oracle.accuracy_score(labels, near) == oracle.accuracy_score(labels, far)
    assert weighted_kappa(labels, near, 4) > weighted_kappa(labels, far, 4)
    assert value_of(class_distance_error_of(labels, near), 40) == 0.25
    assert value_of(class_distance_error_of(labels, far), 40) == 0.75


def test_kappa_of_chance_is_nothing_and_of_one_class_is_not_defined():
    both = np.array(list(itertools.product(range(4), repeat=2)))
    assert weighted_kappa(both[:, 0], both[:, 1], 4) == pytest.approx(0)
    assert np.isnan(weighted_kappa(np.ones(5, dtype=int), np.ones(5, dtype=int), 4))
    assert weighted_kappa(both[:, 0], 3 - both[:, 0], 4) == pytest.approx(-1)


def test_an_order_of_the_cases_moves_no_value_and_their_groups_move_the_interval_alone():
    labels, probabilities = graded(1)
    order = np.random.default_rng(0).permutation(60)
    alone = measure_ordered(labels, probabilities, np.arange(60), 50)
    mixed = measure_ordered(labels[order], probabilities[order], np.arange(60), 50)
    together = measure_ordered(labels, probabilities, np.arange(60) // 6, 50)
    for name, item in alone.items():
        assert mixed[name].value == pytest.approx(item.value), name
        assert together[name].value == pytest.approx(item.value), name
        assert item.low <= item.value <= item.high, name


def test_one_ordered_case_is_right_or_wrong_and_no_more():
    found = measure_ordered(np.array([2]), np.array([[0.2, 0.2, 0.6]]), np.array([7]), 5)
    assert (found["accuracy"].value, found["class_distance_error"].value, found["far_off_fraction"].value) == (1, 0, 0)
    assert np.isnan([found["weighted_kappa"].value, found["auroc"].value]).all()


def test_one_number_has_an_error_and_no_spread():
    """It once divided nothing by nothing on the way to a correlation that is not defined."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure_number(np.array([3.0]), np.array([1.0]), np.array([0]), 5)
    assert (found["mean_absolute_error"].value, found["mean_error"].value) == (2, -2)
    for name in ("r_squared", "intraclass_correlation", "rank_correlation", "lower_limit_of_agreement"):
        assert np.isnan(found[name].value), name


def test_a_rising_change_of_either_side_leaves_the_ranks():
    reference, predicted = numbers(1)
    found = value_of(rank_correlation_of(reference, predicted), 40)
    assert found == pytest.approx(spearmanr(reference, predicted).statistic)
    assert value_of(rank_correlation_of(np.exp(reference / 9), predicted**3), 40) == pytest.approx(found)
    assert value_of(rank_correlation_of(reference, -predicted), 40) == pytest.approx(-found)
    assert value_of(rank_correlation_of(predicted, reference), 40) == pytest.approx(found)


def test_a_resample_of_ranks_is_the_correlation_of_the_ranks_drawn():
    reference, predicted = numbers(2)
    weights = np.random.default_rng(3).integers(0, 3, (4, 40))
    ranks = rankdata(reference), rankdata(predicted)
    expected = [np.corrcoef(*(np.repeat(side, row) for side in ranks))[0, 1] for row in weights]
    found = rank_correlation_of(reference, predicted)(weights.astype(np.float64))
    np.testing.assert_allclose(found, expected)


def test_a_number_in_another_unit_has_its_errors_in_that_unit():
    reference, predicted = numbers(4)
    groups = np.arange(40) // 2
    one = measure_number(reference, predicted, groups, 60)
    two = measure_number(10 * reference, 10 * predicted, groups, 60)
    for name, item in one.items():
        factor = 1 if name in ("r_squared", "intraclass_correlation", "rank_correlation") else 10
        expected = (factor * item.value, factor * item.low, factor * item.high)
        assert (two[name].value, two[name].low, two[name].high) == pytest.approx(expected), name


def test_numbers_that_were_not_assessed_are_as_if_they_had_not_been_there():
    reference, predicted = numbers(5)
    groups = np.arange(40) // 2
    wider = np.concatenate([reference, np.full(6, np.nan)]), np.concatenate([predicted, np.full(6, 1e6)])
    one = measure_number(reference, predicted, groups, 40)
    two = measure_number(*wider, np.concatenate([groups, np.arange(100, 106)]), 40)
    assert one == two


def test_the_mean_prediction_explains_nothing_and_twice_the_error_four_times_less():
    reference, _ = numbers(6)
    error = np.where(np.arange(40) % 2, 1.0, -1.0)
    near, far = (regression_statistics(reference, reference + scale * error) for scale in (1, 2))
    spread = ((reference - reference.mean()) ** 2).mean()
    assert value_of(near["r_squared"], 40) == pytest.approx(1 - 1 / spread)
    assert value_of(far["r_squared"], 40) == pytest.approx(1 - 4 / spread)
    assert value_of(near["r_squared"], 40) == pytest.approx(oracle.r2_score(reference, reference + error))


def test_the_order_of_the_labels_does_not_matter():
    chance = np.random.default_rng(7)
    reference = (chance.random((50, 3)) < 0.4).astype(float)
    reference[chance.random((50, 3)) < 0.2] = np.nan
    probabilities, groups, order = chance.random((50, 3)).round(1), np.arange(50) // 2, [2, 0, 1]
    one = measure_labels(("a", "b", "c"), reference, probabilities, groups, 40)
    two = measure_labels(("c", "a", "b"), reference[:, order], probabilities[:, order], groups, 40)
    assert set(one) == set(two)
    for name, item in one.items():
        assert (two[name].value, two[name].low, two[name].high) == pytest.approx((item.value, item.low, item.high))
    mean = np.mean([one[f"auroc {name}"].value for name in "abc"])
    assert one["auroc"].value == pytest.approx(mean)


def test_a_label_that_is_always_there_counts_for_brier_alone():
    reference = np.stack([np.ones(30), np.arange(30) % 2.0], axis=1)
    probabilities = np.stack([np.full(30, 0.8), np.linspace(0, 1, 30)], axis=1)
    found = measure_labels(("always", "half"), reference, probabilities, np.arange(30), 40)
    assert found["brier always"].value == pytest.approx(0.04)
    assert "auroc always" not in found
    assert found["auroc"].value == found["auroc half"].value
    assert found["brier"].value == pytest.approx((0.04 + found["brier half"].value) / 2)


def test_the_interval_of_a_kappa_covers_the_truth():
    """The truth is the kappa of a large sample of the same source; 80 samples of 60 cases."""
    labels, probabilities = graded(99, 40_000)
    truth, covered = weighted_kappa(labels, median_class(probabilities), 4), 0
    for seed in range(80):
        labels, probabilities = graded(seed)
        statistic = weighted_kappa_of(labels, median_class(probabilities), 4)
        interval = bootstrap_intervals({"kappa": statistic}, resample_weights(labels, None, 200, seed), 60)["kappa"]
        covered += interval.low <= truth <= interval.high
    assert 70 <= covered <= 80


def test_ninety_five_of_a_hundred_new_differences_lie_within_the_limits():
    reference, predicted = numbers(8, 4000)
    limits = limits_of_agreement(reference, predicted)
    fresh_reference, fresh_predicted = numbers(9, 4000)
    differences = fresh_predicted - fresh_reference
    inside = ((limits.lower.value <= differences) & (differences <= limits.upper.value)).mean()
    assert inside == pytest.approx(0.95, abs=0.02)
    assert limits.bias.low <= 1 <= limits.bias.high
