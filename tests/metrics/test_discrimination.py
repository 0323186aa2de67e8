"""AUROC and average precision against scikit-learn, and Hanley and McNeil's worked example."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from hounsfield.metrics.discrimination import (
    auroc,
    auroc_of,
    average_precision,
    average_precision_of,
    precision_recall_curve,
    roc_curve,
)

HANLEY_NORMAL = (33, 6, 6, 11, 2)
HANLEY_ABNORMAL = (3, 2, 2, 11, 33)


def hanley():
    """Return the ratings of 109 CT images of Hanley and McNeil 1982, table I."""
    ratings = np.concatenate([np.repeat(np.arange(1, 6), HANLEY_NORMAL), np.repeat(np.arange(1, 6), HANLEY_ABNORMAL)])
    is_positive = np.repeat([False, True], [sum(HANLEY_NORMAL), sum(HANLEY_ABNORMAL)])
    return is_positive, ratings.astype(float)


def sample(seed, count=400, ties=False):
    generator = np.random.default_rng(seed)
    is_positive = generator.random(count) < 0.35
    scores = np.clip(is_positive * 0.25 + generator.random(count) * 0.75, 0, 1)
    return is_positive, np.round(scores, 1) if ties else scores


def test_the_worked_example_of_hanley_and_mcneil():
    assert auroc(*hanley()) == pytest.approx(0.893, abs=5e-4)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_areas_agree_with_scikit_learn(seed, ties):
    is_positive, scores = sample(seed, ties=ties)
    assert auroc(is_positive, scores) == pytest.approx(oracle.roc_auc_score(is_positive, scores), abs=1e-12)
    expected = oracle.average_precision_score(is_positive, scores)
    assert average_precision(is_positive, scores) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_weighted_areas_agree_with_scikit_learn(ties):
    is_positive, scores = sample(7, ties=ties)
    weights = np.random.default_rng(3).integers(0, 4, size=(5, len(scores))).astype(np.float32)
    areas = auroc_of(is_positive, scores)(weights)
    precisions = average_precision_of(is_positive, scores)(weights)
    for row, area, precision in zip(weights, areas, precisions, strict=True):
        assert area == pytest.approx(oracle.roc_auc_score(is_positive, scores, sample_weight=row), abs=1e-6)
        expected = oracle.average_precision_score(is_positive, scores, sample_weight=row)
        assert precision == pytest.approx(expected, abs=1e-6)


def test_all_scores_alike_are_a_guess():
    assert auroc(np.array([True, False, True]), np.ones(3)) == 0.5


def test_order_and_monotone_change_of_scores_do_not_matter():
    is_positive, scores = sample(1, ties=True)
    order = np.random.default_rng(0).permutation(len(scores))
    value = auroc(is_positive, scores)
    assert auroc(is_positive[order], scores[order]) == value
    assert auroc(is_positive, np.exp(3 * scores)) == value
    assert auroc(~is_positive, -scores) == pytest.approx(value, abs=1e-12)


def test_one_class_alone_is_undefined_and_not_a_number():
    assert np.isnan(auroc(np.array([True, True]), np.array([0.1, 0.9])))
    assert np.isnan(average_precision(np.array([False, False]), np.array([0.1, 0.9])))


def test_roc_curve_agrees_with_scikit_learn():
    is_positive, scores = sample(5, ties=True)
    curve = roc_curve(is_positive, scores)
    x, y, thresholds = oracle.roc_curve(is_positive, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.x, x)
    np.testing.assert_allclose(curve.y, y)
    np.testing.assert_allclose(curve.thresholds[1:], thresholds[1:])
    assert np.isinf(curve.thresholds[0])


def test_precision_recall_curve_agrees_with_scikit_learn():
    is_positive, scores = sample(6, ties=True)
    curve = precision_recall_curve(is_positive, scores)
    precision, recall, thresholds = oracle.precision_recall_curve(is_positive, scores)
    np.testing.assert_allclose(curve.y[::-1], precision[:-1])
    np.testing.assert_allclose(curve.x[::-1], recall[:-1])
    np.testing.assert_allclose(curve.thresholds[::-1], thresholds)
