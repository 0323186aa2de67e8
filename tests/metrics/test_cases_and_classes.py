"""What has to hold of every measure of classes: order of the cases, names of the classes, cases that weigh double."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from hounsfield.metrics.calibration import (
    brier_of,
    calibration_error_of,
    fit_calibration,
    log_loss_of,
    multiclass_brier_of,
    reliability,
)
from hounsfield.metrics.confusion import FRACTIONS, confusion_matrix, decision_statistics, predictive_statistics
from hounsfield.metrics.discrimination import auroc, auroc_of, average_precision_of, precision_recall_curve, roc_curve
from hounsfield.metrics.multiclass import class_statistics, macro_auroc_of, macro_average_precision_of
from hounsfield.metrics.operating import sensitivity_threshold, youden_threshold
from hounsfield.metrics.weights import value_of

TWO = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=30)
"""Outcome and score in ninths: with ties, and at times with one class alone."""
SWAPPED = {
    "sensitivity": "specificity",
    "positive_predictive_value": "negative_predictive_value",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "mcc": "mcc",
}


def two_classes(rows):
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows]) / 8


def measures_of_two(is_positive, scores):
    """Return every measure of two classes that is cut at one half, by name."""
    return {
        "auroc": auroc_of(is_positive, scores),
        "average_precision": average_precision_of(is_positive, scores),
        "brier": brier_of(is_positive, scores),
        "ece": calibration_error_of(is_positive, scores),
        **decision_statistics(is_positive, scores >= 0.5),
    }


def three_classes(seed, count=40):
    chance = np.random.default_rng(seed)
    labels = chance.permutation(np.arange(count) % 3)
    weights = np.exp(chance.normal(0, 1, (count, 3)) + np.eye(3)[labels])
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    # scores have ties, but the most probable class of a case has none
    return labels, probabilities.round(2) + 0.005 * np.eye(3)[probabilities.argmax(axis=1)]


def measures_of_three(labels, probabilities):
    return {
        "auroc": macro_auroc_of(labels, probabilities),
        "average_precision": macro_average_precision_of(labels, probabilities),
        "brier": multiclass_brier_of(labels, probabilities),
        "log_loss": log_loss_of(labels, probabilities),
        **class_statistics(labels, probabilities.argmax(axis=1), probabilities.shape[1]),
    }


def values(statistics, weights):
    return np.stack([statistic(weights) for statistic in statistics.values()])


@settings(max_examples=60, deadline=None)
@given(TWO, st.randoms(use_true_random=False))
def test_the_order_of_the_cases_does_not_matter(rows, chance):
    mixed = rows.copy()
    chance.shuffle(mixed)
    one, two = measures_of_two(*two_classes(rows)), measures_of_two(*two_classes(mixed))
    same = np.ones((1, len(rows)))
    np.testing.assert_allclose(values(one, same), values(two, same), atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(TWO, st.integers(0, 2**30))
def test_a_weight_is_so_many_copies_of_a_case(rows, seed):
    """Weights 0 to 3: a case of weight 0 is as if it had not been there. The calibration error bins what is drawn."""
    weights = np.random.default_rng(seed).integers(0, 4, len(rows))
    weights[0] += 1
    is_positive, scores = two_classes(rows)
    copies = np.repeat(is_positive, weights), np.repeat(scores, weights)
    drawn = values(measures_of_two(is_positive, scores), weights[np.newaxis].astype(np.float64))
    copied = values(measures_of_two(*copies), np.ones((1, int(weights.sum()))))
    np.testing.assert_allclose(drawn, copied, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(TWO)
def test_looking_for_the_other_class_exchanges_the_fractions(rows):
    """With 1 - score for score: the areas under the ROC curve and the correlation stay, sensitivity is specificity."""
    is_positive, scores = two_classes(rows)
    own = decision_statistics(is_positive, scores >= 0.5)
    other = decision_statistics(~is_positive, ~(scores >= 0.5))
    for name, turned in SWAPPED.items():
        assert value_of(own[name], len(rows)) == pytest.approx(value_of(other[turned], len(rows)), nan_ok=True), name
    for of in (auroc_of, brier_of):
        assert value_of(of(is_positive, scores), len(rows)) == pytest.approx(
            value_of(of(~is_positive, 1 - scores), len(rows)), nan_ok=True
        )
    assert set(SWAPPED) | set(SWAPPED.values()) | {"f1"} == set(FRACTIONS)


@settings(max_examples=60, deadline=None)
@given(TWO)
def test_turned_scores_turn_the_area_and_ties_cost_one_half(rows):
    is_positive, scores = two_classes(rows)
    if is_positive.all() or not is_positive.any():
        assert np.isnan(auroc(is_positive, scores))
        return
    pairs = scores[is_positive][:, np.newaxis] - scores[~is_positive]
    assert auroc(is_positive, scores) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    assert auroc(is_positive, -scores) == pytest.approx(1 - auroc(is_positive, scores))
    curve = roc_curve(is_positive, scores)
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(auroc(is_positive, scores))
    assert (np.diff(curve.x) >= 0).all()
    assert (np.diff(curve.y) >= 0).all()
    recall = precision_recall_curve(is_positive, scores)
    assert recall.x[-1] == 1
    assert recall.y[-1] == pytest.approx(is_positive.mean())


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 1, 0), (0, 2, 1)])
def test_the_names_of_the_classes_do_not_matter(order):
    labels, probabilities = three_classes(1)
    renamed = np.argsort(order)[labels]
    weights = np.random.default_rng(2).integers(0, 3, (5, len(labels))).astype(np.float64)
    one = measures_of_three(labels, probabilities)
    two = measures_of_three(renamed, probabilities[:, list(order)])
    np.testing.assert_allclose(values(one, weights), values(two, weights), atol=1e-12)
    matrix = confusion_matrix(labels, probabilities.argmax(axis=1), 3)
    turned = confusion_matrix(renamed, probabilities[:, list(order)].argmax(axis=1), 3)
    np.testing.assert_array_equal(turned, matrix[np.ix_(order, order)])


def test_a_class_that_nobody_has_or_says_changes_no_mean():
    labels, probabilities = three_classes(3)
    wider = np.concatenate([probabilities, np.zeros((len(labels), 1))], axis=1)
    same = np.ones((1, len(labels)))
    one, two = measures_of_three(labels, probabilities), measures_of_three(labels, wider)
    np.testing.assert_allclose(values(one, same), values(two, same))


def test_a_weight_is_so_many_copies_with_three_classes_too():
    labels, probabilities = three_classes(4)
    weights = np.random.default_rng(5).integers(0, 4, len(labels))
    drawn = values(measures_of_three(labels, probabilities), weights[np.newaxis].astype(np.float64))
    copied = measures_of_three(np.repeat(labels, weights), np.repeat(probabilities, weights, axis=0))
    np.testing.assert_allclose(drawn, values(copied, np.ones((1, int(weights.sum())))), atol=1e-12)


def test_macro_fractions_of_two_classes_are_the_means_of_both_views():
    labels, probabilities = three_classes(6)
    labels, called = np.minimum(labels, 1), np.minimum(probabilities.argmax(axis=1), 1)
    macro = class_statistics(labels, called, 2)
    views = [decision_statistics(labels == index, called == index) for index in range(2)]
    for name in ("sensitivity", "specificity", "positive_predictive_value", "f1", "mcc"):
        both = [value_of(view[name], len(labels)) for view in views]
        assert value_of(macro[name], len(labels)) == pytest.approx(np.mean(both)), name
    expected = oracle.balanced_accuracy_score(labels, called)
    assert value_of(macro["balanced_accuracy"], len(labels)) == pytest.approx(expected)


@pytest.mark.parametrize("is_ill", [True, False])
def test_one_case_has_what_one_case_can_have(is_ill):
    """Called positive: it is right or wrong, of one class; the rest is not defined, and nothing is an error."""
    found = {
        name: value_of(statistic, 1)
        for name, statistic in measures_of_two(np.array([is_ill]), np.array([0.75])).items()
    }
    undefined = {name for name, value in found.items() if np.isnan(value)}
    assert found["accuracy"] == found["positive_predictive_value"] == found["f1"] == float(is_ill)
    assert found["brier"] == pytest.approx((0.75 - is_ill) ** 2)
    assert found["ece"] == pytest.approx(abs(0.75 - is_ill))
    both = {"auroc", "balanced_accuracy", "negative_predictive_value", "mcc"}
    assert undefined == both | ({"specificity"} if is_ill else {"sensitivity", "average_precision"})
    fit = fit_calibration(np.array([is_ill]), np.array([0.75]))
    assert np.isnan([fit.slope, fit.intercept, fit.in_the_large]).all()
    assert fit.observed_to_expected == pytest.approx(is_ill / 0.75)
    bins = reliability(np.array([is_ill]), np.array([0.75]))
    assert (bins.predicted.tolist(), bins.observed.tolist(), bins.counts.tolist()) == ([0.75], [float(is_ill)], [1.0])


@settings(max_examples=60, deadline=None)
@given(TWO, st.floats(0.01, 0.98), st.floats(0.001, 0.01))
def test_predictive_values_move_with_the_prevalence_and_keep_bayes(rows, prevalence, step):
    is_positive, scores = two_classes(rows)
    called = scores >= 0.5
    one, two = (
        {name: value_of(part, len(rows)) for name, part in predictive_statistics(is_positive, called, share).items()}
        for share in (prevalence, prevalence + step)
    )
    if not np.isnan(list(one.values())).any():
        assert one["positive_predictive_value"] <= two["positive_predictive_value"] + 1e-12
        assert one["negative_predictive_value"] >= two["negative_predictive_value"] - 1e-12
        fractions = decision_statistics(is_positive, called)
        found, spared = (value_of(fractions[name], len(rows)) for name in ("sensitivity", "specificity"))
        share_called = prevalence * found + (1 - prevalence) * (1 - spared)
        assert one["positive_predictive_value"] * share_called == pytest.approx(prevalence * found)


@settings(max_examples=60, deadline=None)
@given(TWO, st.floats(0.05, 1))
def test_a_threshold_decides_alike_after_any_rising_change_of_the_scores(rows, target):
    is_positive, scores = two_classes(rows)
    if is_positive.all() or not is_positive.any():
        return
    changed = scores**3 / 2 + scores / 4
    for of in (youden_threshold, lambda truth, said: sensitivity_threshold(truth, said, target)):
        np.testing.assert_array_equal(
            scores >= of(is_positive, scores), changed >= of(is_positive, changed), err_msg=str(rows)
        )
