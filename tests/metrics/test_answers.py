"""Answers other than one class: against scikit-learn and scipy, with labels that were not assessed."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from hounsfield.metrics.answers import measure_labels, measure_number, measure_ordered, median_class

GROUPS = np.arange(120) // 2


def some_labels():
    chance = np.random.default_rng(0)
    reference = (chance.random((120, 3)) < (0.5, 0.3, 0.0)).astype(float)
    probabilities = np.clip(0.3 * reference + chance.random((120, 3)) * 0.7, 0, 1)
    reference[chance.random((120, 3)) < 0.2] = np.nan
    return reference, probabilities


def test_labels_are_measured_where_they_were_assessed():
    metrics = pytest.importorskip("sklearn.metrics")
    reference, probabilities = some_labels()
    found = measure_labels(("a", "b", "c"), reference, probabilities, GROUPS, 200)
    areas, briers = [], []
    for index, name in enumerate("ab"):
        known = np.isfinite(reference[:, index])
        one, other = reference[known, index], probabilities[known, index]
        areas.append(metrics.roc_auc_score(one, other))
        assert found[f"auroc {name}"].value == pytest.approx(areas[-1])
        assert found[f"average_precision {name}"].value == pytest.approx(metrics.average_precision_score(one, other))
        assert found[f"auroc {name}"].low < areas[-1] < found[f"auroc {name}"].high
    for index in range(3):
        known = np.isfinite(reference[:, index])
        briers.append(np.mean((reference[known, index] - probabilities[known, index]) ** 2))
    assert found["brier c"].value == pytest.approx(briers[2])
    assert "auroc c" not in found
    assert found["auroc"].value == pytest.approx(np.mean(areas))
    assert found["brier"].value == pytest.approx(np.mean(briers))
    assert found["auroc"].low < found["auroc"].value < found["auroc"].high


def test_a_label_that_nobody_assessed_is_left_out():
    reference, probabilities = some_labels()
    reference[:, 1] = np.nan
    found = measure_labels(("a", "b", "c"), reference, probabilities, GROUPS, 50)
    assert not any(name.endswith(" b") for name in found)
    assert found["auroc"].value == found["auroc a"].value


def test_numbers_against_scipy_and_by_hand():
    chance = np.random.default_rng(1)
    reference = chance.normal(50, 10, 120)
    predicted = reference + chance.normal(2, 5, 120)
    reference[:5] = np.nan
    found = measure_number(reference, predicted, np.arange(120), 300)
    errors = (predicted - reference)[5:]
    assert found["mean_absolute_error"].value == pytest.approx(np.abs(errors).mean())
    assert found["root_mean_square_error"].value == pytest.approx(np.sqrt((errors**2).mean()))
    assert found["rank_correlation"].value == pytest.approx(spearmanr(reference[5:], predicted[5:]).statistic)
    assert found["upper_limit_of_agreement"].value == pytest.approx(errors.mean() + 1.959964 * errors.std(ddof=1))
    assert found["lower_limit_of_agreement"].value == pytest.approx(errors.mean() - 1.959964 * errors.std(ddof=1))
    assert all(item.low < item.value < item.high for item in found.values())


def test_constant_predictions_have_no_rank_correlation():
    found = measure_number(np.arange(20.0), np.full(20, 3.0), np.arange(20), 50)
    assert np.isnan(found["rank_correlation"].value)


def test_ordered_classes_against_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    chance = np.random.default_rng(2)
    labels = np.arange(120) % 4
    logits = -np.abs(np.arange(4)[None] - labels[:, None] - chance.normal(0, 1.2, 120)[:, None])
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    found = measure_ordered(labels, probabilities, GROUPS, 200)
    called = median_class(probabilities)
    kappa = metrics.cohen_kappa_score(labels, called, weights="quadratic")
    assert found["weighted_kappa"].value == pytest.approx(kappa)
    assert found["accuracy"].value == pytest.approx((labels == called).mean())
    assert found["class_distance_error"].value == pytest.approx(np.abs(labels - called).mean())
    assert found["far_off_fraction"].value == pytest.approx((np.abs(labels - called) > 1).mean())
    assert 0 < found["far_off_fraction"].value < 0.5


def test_the_median_class_is_the_one_with_half_of_the_probability_below():
    probabilities = np.array([[0.4, 0.05, 0.55], [0.5, 0.25, 0.25], [0.1, 0.45, 0.45], [0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(median_class(probabilities), [2, 0, 1, 2])
