"""Brier, log loss and calibration against scikit-learn, naive loops and probabilities right by construction."""

import numpy as np
import pytest
from sklearn import metrics as oracle
from sklearn.linear_model import LogisticRegression

from hounsfield.metrics.calibration import (
    brier_loss,
    brier_of,
    calibration_error_of,
    expected_calibration_error,
    fit_calibration,
    log_loss,
    multiclass_brier_of,
    reliability,
)
from hounsfield.metrics.weights import value_of


def calibrated(count=20000, seed=0):
    generator = np.random.default_rng(seed)
    probabilities = generator.beta(0.8, 1.2, count)
    return generator.random(count) < probabilities, probabilities


def naive_error(is_positive, probabilities, bins):
    """Return the calibration error by cutting the sorted cases into equal pieces."""
    order = np.argsort(probabilities)
    pieces = np.array_split(order, bins)
    gaps = [abs(is_positive[piece].mean() - probabilities[piece].mean()) * len(piece) for piece in pieces]
    return sum(gaps) / len(order)


def test_brier_and_log_loss_agree_with_scikit_learn():
    is_positive, probabilities = calibrated(500)
    assert brier_loss(is_positive, probabilities) == pytest.approx(oracle.brier_score_loss(is_positive, probabilities))
    both = np.stack([1 - probabilities, probabilities], axis=1)
    assert log_loss(is_positive.astype(int), both) == pytest.approx(oracle.log_loss(is_positive, both), rel=1e-9)


def test_the_multiclass_brier_score_is_the_sum_over_classes():
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(3), 200)
    labels = generator.integers(0, 3, 200)
    value = value_of(multiclass_brier_of(labels, probabilities), 200)
    assert value == pytest.approx(oracle.brier_score_loss(labels, probabilities, scale_by_half=False))
    sure = value_of(multiclass_brier_of(np.array([0, 1]), np.array([[0.0, 1.0], [1.0, 0.0]])), 2)
    assert sure == 2.0


def test_a_certain_mistake_has_a_finite_log_loss():
    assert np.isfinite(log_loss(np.array([0]), np.array([[0.0, 1.0]])))


@pytest.mark.parametrize("bins", [5, 10, 20])
def test_calibration_error_is_that_of_equal_pieces(bins):
    is_positive, probabilities = calibrated(400, 3)
    expected = naive_error(is_positive, probabilities, bins)
    assert expected_calibration_error(is_positive, probabilities, bins) == pytest.approx(expected, abs=1e-12)


def test_calibration_error_does_not_depend_on_the_order_of_tied_cases():
    is_positive, probabilities = calibrated(300, 4)
    probabilities = np.round(probabilities, 1)
    value = expected_calibration_error(is_positive, probabilities)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(300)
        assert expected_calibration_error(is_positive[order], probabilities[order]) == pytest.approx(value, abs=1e-12)


def test_weights_mean_repeated_cases():
    is_positive, probabilities = calibrated(120, 5)
    weights = np.random.default_rng(0).integers(0, 4, size=(3, 120)).astype(np.float32)
    errors = calibration_error_of(is_positive, probabilities)(weights)
    losses = brier_of(is_positive, probabilities)(weights)
    for row, error, loss in zip(weights.astype(int), errors, losses, strict=True):
        repeated = np.repeat(is_positive, row), np.repeat(probabilities, row)
        assert error == pytest.approx(expected_calibration_error(*repeated), abs=1e-6)
        assert loss == pytest.approx(brier_loss(*repeated), abs=1e-6)


def test_a_constant_shift_is_the_error():
    is_positive = np.arange(1000) % 2 == 0
    assert expected_calibration_error(is_positive, np.full(1000, 0.8)) == pytest.approx(0.3)


def test_the_reliability_points_hold_every_case():
    is_positive, probabilities = calibrated(1000, 6)
    points = reliability(is_positive, probabilities)
    assert points.counts.tolist() == [100.0] * 10
    assert (points.counts * points.observed).sum() == pytest.approx(is_positive.sum())
    assert (points.counts * points.predicted).sum() == pytest.approx(probabilities.sum())
    error = (points.counts * np.abs(points.observed - points.predicted)).sum() / 1000
    assert error == pytest.approx(expected_calibration_error(is_positive, probabilities))


def test_slope_and_intercept_agree_with_scikit_learn():
    is_positive, probabilities = calibrated(800, 7)
    skewed = np.clip(probabilities**1.5, 1e-4, 1 - 1e-4)
    logits = np.log(skewed / (1 - skewed))[:, np.newaxis]
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=500).fit(logits, is_positive)
    fit = fit_calibration(is_positive, skewed)
    assert fit.slope == pytest.approx(model.coef_[0, 0], abs=1e-5)
    assert fit.intercept == pytest.approx(model.intercept_[0], abs=1e-5)
    assert fit.observed_to_expected == pytest.approx(is_positive.sum() / skewed.sum())


def test_right_probabilities_have_slope_one_and_intercept_zero():
    fit = fit_calibration(*calibrated(40000, 8))
    assert fit.slope == pytest.approx(1, abs=0.05)
    assert fit.in_the_large == pytest.approx(0, abs=0.05)


def test_too_extreme_probabilities_have_a_slope_below_one():
    is_positive, probabilities = calibrated(20000, 9)
    logits = 2 * np.log(np.clip(probabilities, 1e-6, 1) / np.clip(1 - probabilities, 1e-6, 1))
    assert fit_calibration(is_positive, 1 / (1 + np.exp(-logits))).slope == pytest.approx(0.5, abs=0.03)


def test_separated_classes_have_no_slope():
    fit = fit_calibration(np.array([False, False, True, True]), np.array([0.1, 0.2, 0.8, 0.9]))
    assert np.isnan(fit.slope)
    assert np.isnan(fit_calibration(np.array([True, True]), np.array([0.8, 0.9])).slope)
