"""Measures of predicted numbers against scikit-learn, resampled tables and intervals drawn by patient."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from hounsfield.metrics.agreement import intraclass_correlation
from hounsfield.metrics.intervals import clopper_pearson
from hounsfield.metrics.ordinal import class_distance_error_of, weighted_kappa, weighted_kappa_of
from hounsfield.metrics.regression import (
    intraclass_correlation_of,
    mean_absolute_error,
    measure_regression,
    r_squared_of,
    regression_statistics,
    root_mean_square_error,
)
from hounsfield.metrics.weights import value_of


def ejection_fractions(count=80, seed=0):
    chance = np.random.default_rng(seed)
    reference = chance.normal(58, 11, count)
    return reference, reference + chance.normal(1.5, 4, count)


def test_errors_agree_with_scikit_learn():
    reference, predicted = ejection_fractions()
    assert mean_absolute_error(reference, predicted) == pytest.approx(oracle.mean_absolute_error(reference, predicted))
    expected = oracle.root_mean_squared_error(reference, predicted)
    assert root_mean_square_error(reference, predicted) == pytest.approx(expected)
    assert value_of(r_squared_of(reference, predicted), 80) == pytest.approx(oracle.r2_score(reference, predicted))


def test_the_correlation_of_two_columns_is_the_general_one():
    reference, predicted = ejection_fractions(seed=1)
    general = intraclass_correlation(np.stack([reference, predicted], axis=1)).value
    assert value_of(intraclass_correlation_of(reference, predicted), 80) == pytest.approx(general)


def test_weights_mean_repeated_cases():
    reference, predicted = ejection_fractions(40, 2)
    weights = np.random.default_rng(0).integers(0, 4, size=(3, 40)).astype(np.float32)
    for name, statistic in regression_statistics(reference, predicted).items():
        for row, value in zip(weights.astype(int), statistic(weights), strict=True):
            again = regression_statistics(np.repeat(reference, row), np.repeat(predicted, row))[name]
            assert value == pytest.approx(value_of(again, row.sum()), rel=1e-6), name


def test_a_constant_prediction_of_the_mean_explains_nothing():
    reference = np.array([1.0, 2.0, 3.0, 6.0])
    assert value_of(r_squared_of(reference, np.full(4, 3.0)), 4) == pytest.approx(0)
    assert value_of(r_squared_of(reference, np.full(4, 9.0)), 4) < 0
    assert np.isnan(value_of(r_squared_of(np.ones(4), reference), 4))


def test_large_numbers_lose_no_digits():
    """Volumes in cubic millimetres, far from zero: the spread is taken about the mean."""
    reference, predicted = ejection_fractions()
    moved = value_of(r_squared_of(reference + 1e8, predicted + 1e8), 80)
    assert moved == pytest.approx(oracle.r2_score(reference, predicted), rel=1e-6)


def test_intervals_hold_the_value_and_widen_with_patients():
    """Ten images of a patient share one error: drawn by image they would seem ten times as many."""
    chance = np.random.default_rng(4)
    patients = np.repeat(np.arange(30), 10)
    reference = chance.normal(50, 10, 300)
    predicted = reference + chance.normal(0, 4, 30)[patients]
    single = measure_regression(reference, predicted, None, 400)
    whole = measure_regression(reference, predicted, patients, 400)
    for name, interval in whole.items():
        assert interval.low <= interval.value <= interval.high, name
    for name in ("mean_absolute_error", "mean_error"):
        narrow, wide = single[name].high - single[name].low, whole[name].high - whole[name].low
        assert wide > 2 * narrow, name


def test_the_interval_of_the_mean_error_covers_the_truth():
    chance = np.random.default_rng(5)
    held = 0
    for run in range(150):
        reference = chance.normal(0, 1, 40)
        predicted = reference + chance.normal(0.5, 1, 40)
        interval = measure_regression(reference, predicted, None, 300, run)["mean_error"]
        held += interval.low <= 0.5 <= interval.high
    assert held / 150 == pytest.approx(0.94, abs=0.05)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=60))
def test_kappa_agrees_with_scikit_learn(rows):
    labels, called = np.array(rows).T
    if (labels == labels[0]).all() and (called == labels[0]).all():
        assert np.isnan(weighted_kappa(labels, called, 5))
        return
    expected = oracle.cohen_kappa_score(labels, called, weights="quadratic", labels=range(5))
    assert weighted_kappa(labels, called, 5) == pytest.approx(expected, abs=1e-9)
    assert value_of(class_distance_error_of(labels, called), len(labels)) == pytest.approx(abs(labels - called).mean())


def test_kappa_of_weights_is_kappa_of_repeated_cases():
    chance = np.random.default_rng(6)
    labels, called = chance.integers(0, 4, (2, 50))
    weights = chance.integers(0, 3, (4, 50)).astype(np.float32)
    for row, value in zip(weights.astype(int), weighted_kappa_of(labels, called, 4)(weights), strict=True):
        assert value == pytest.approx(weighted_kappa(np.repeat(labels, row), np.repeat(called, row), 4), abs=1e-6)


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (3, 7), (81, 263), (1, 1)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_exact_interval_is_scipys(successes, trials, level):
    from scipy import stats

    exact = stats.binomtest(successes, trials).proportion_ci(level, method="exact")
    interval = clopper_pearson(successes, trials, level)
    assert (interval.low, interval.high) == pytest.approx((exact.low, exact.high), abs=1e-12)
    assert np.isnan(clopper_pearson(0, 0).value)
