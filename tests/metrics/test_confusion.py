"""Fractions of decisions against scikit-learn and the worked example of Altman and Bland."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from hounsfield.metrics.confusion import (
    FRACTIONS,
    Counts,
    accuracy,
    confusion_matrix,
    count_decisions,
    decision_statistics,
    row_percent,
)
from hounsfield.metrics.multiclass import (
    class_statistics,
    macro_auroc,
    macro_auroc_of,
    macro_average_precision_of,
)
from hounsfield.metrics.weights import value_of


def decisions(seed=0, count=300):
    generator = np.random.default_rng(seed)
    is_positive = generator.random(count) < 0.4
    return is_positive, np.where(generator.random(count) < 0.8, is_positive, ~is_positive)


def test_the_liver_scans_of_altman_and_bland():
    counts = Counts(*(np.array(float(value)) for value in (231, 32, 54, 27)))
    assert float(counts.sensitivity) == pytest.approx(0.90, abs=0.005)
    assert float(counts.specificity) == pytest.approx(0.63, abs=0.005)
    assert float(counts.positive_predictive_value) == pytest.approx(0.88, abs=0.005)
    assert float(counts.negative_predictive_value) == pytest.approx(0.67, abs=0.005)


def test_fractions_agree_with_scikit_learn():
    reference, called = decisions()
    values = {name: value_of(statistic, 300) for name, statistic in decision_statistics(reference, called).items()}
    assert tuple(values) == FRACTIONS
    expected = {
        "accuracy": oracle.accuracy_score(reference, called),
        "balanced_accuracy": oracle.balanced_accuracy_score(reference, called),
        "sensitivity": oracle.recall_score(reference, called),
        "specificity": oracle.recall_score(~reference, ~called),
        "positive_predictive_value": oracle.precision_score(reference, called),
        "negative_predictive_value": oracle.precision_score(~reference, ~called),
        "f1": oracle.f1_score(reference, called),
        "mcc": oracle.matthews_corrcoef(reference, called),
    }
    assert values == pytest.approx(expected, abs=1e-12)


def test_weighted_fractions_agree_with_repeated_cases():
    reference, called = decisions(2, 60)
    weights = np.random.default_rng(1).integers(0, 3, size=(4, 60)).astype(np.float32)
    mcc = decision_statistics(reference, called)["mcc"](weights)
    for row, value in zip(weights.astype(int), mcc, strict=True):
        expected = oracle.matthews_corrcoef(np.repeat(reference, row), np.repeat(called, row))
        assert value == pytest.approx(expected, abs=1e-6)


def test_a_fraction_of_nothing_is_undefined():
    counts = count_decisions(np.array([True, True]), np.array([False, False]))
    assert np.isnan(counts.specificity)
    assert np.isnan(counts.positive_predictive_value)
    assert np.isnan(counts.mcc)
    assert counts.f1 == 0


def classes(seed=0, count=240):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 4, count)
    logits = generator.normal(size=(count, 4)) + 1.5 * np.eye(4)[labels]
    powers = np.exp(logits)
    return labels, powers / powers.sum(axis=1, keepdims=True)


def test_the_confusion_matrix_agrees_with_scikit_learn():
    labels, probabilities = classes()
    called = probabilities.argmax(axis=1)
    matrix = confusion_matrix(labels, called, 4)
    np.testing.assert_array_equal(matrix, oracle.confusion_matrix(labels, called))
    np.testing.assert_allclose(
        row_percent(matrix), 100 * oracle.confusion_matrix(labels, called, normalize="true"), atol=1e-12
    )
    assert accuracy(labels, called) == pytest.approx(oracle.accuracy_score(labels, called))


def test_an_empty_row_has_no_percentage():
    assert np.isnan(row_percent(np.array([[0, 0], [1, 3]]))[0]).all()


def test_macro_areas_agree_with_scikit_learn():
    labels, probabilities = classes()
    expected = oracle.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    assert macro_auroc(labels, probabilities) == pytest.approx(expected, abs=1e-12)
    precision = oracle.average_precision_score(np.eye(4)[labels], probabilities, average="macro")
    assert value_of(macro_average_precision_of(labels, probabilities), 240) == pytest.approx(precision, abs=1e-12)


def test_macro_fractions_agree_with_scikit_learn():
    labels, probabilities = classes(3)
    called = probabilities.argmax(axis=1)
    statistics = class_statistics(labels, called, 4)
    expected = {
        "accuracy": oracle.accuracy_score(labels, called),
        "balanced_accuracy": oracle.balanced_accuracy_score(labels, called),
        "sensitivity": oracle.recall_score(labels, called, average="macro"),
        "positive_predictive_value": oracle.precision_score(labels, called, average="macro"),
        "f1": oracle.f1_score(labels, called, average="macro"),
    }
    assert {name: value_of(statistics[name], 240) for name in expected} == pytest.approx(expected, abs=1e-12)


def test_a_class_that_does_not_occur_is_left_out_of_the_mean():
    labels, probabilities = classes()
    kept = labels != 3
    value = macro_auroc(labels[kept], probabilities[kept])
    parts = [oracle.roc_auc_score(labels[kept] == index, probabilities[kept, index]) for index in range(3)]
    assert value == pytest.approx(np.mean(parts), abs=1e-12)


def test_a_resample_without_a_class_takes_the_mean_of_the_others():
    labels, probabilities = classes()
    weights = np.ones((2, len(labels)), dtype=np.float32)
    weights[1, labels == 2] = 0
    values = macro_auroc_of(labels, probabilities)(weights)
    assert np.isfinite(values).all()
    assert values[0] != values[1]
