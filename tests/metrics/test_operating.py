"""Operating points against a search over every threshold."""

import numpy as np
import pytest

from hounsfield.metrics.confusion import count_decisions
from hounsfield.metrics.intervals import wilson
from hounsfield.metrics.operating import (
    operating_point,
    sensitivity_threshold,
    specificity_threshold,
    sweep_thresholds,
    youden_threshold,
)


def sample(seed=0, count=200):
    generator = np.random.default_rng(seed)
    is_positive = generator.random(count) < 0.5
    return is_positive, np.clip(is_positive * 0.2 + generator.random(count) * 0.8, 0, 1)


def youden(is_positive, scores, threshold):
    counts = count_decisions(is_positive, scores >= threshold)
    return float(counts.sensitivity + counts.specificity - 1)


@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_has_a_greater_youden_index(seed):
    is_positive, scores = sample(seed)
    best = max(youden(is_positive, scores, threshold) for threshold in scores)
    assert youden(is_positive, scores, youden_threshold(is_positive, scores)) == pytest.approx(best, abs=1e-12)


def test_the_threshold_lies_between_two_scores():
    is_positive, scores = np.array([False, False, True, True]), np.array([0.1, 0.3, 0.7, 0.9])
    assert youden_threshold(is_positive, scores) == pytest.approx(0.5)


def test_rounding_of_scores_to_single_precision_turns_no_decision():
    is_positive, scores = sample(3)
    threshold = youden_threshold(is_positive, scores)
    np.testing.assert_array_equal(scores >= threshold, scores.astype(np.float32) >= threshold)


@pytest.mark.parametrize("target", [0.5, 0.8, 0.95, 1.0])
def test_a_wanted_sensitivity_is_reached_and_no_higher_threshold_reaches_it(target):
    is_positive, scores = sample(1)
    threshold = sensitivity_threshold(is_positive, scores, target)
    assert float(count_decisions(is_positive, scores >= threshold).sensitivity) >= target
    higher = scores[scores > threshold]
    above = higher[higher > higher.min()]
    if len(above):
        assert float(count_decisions(is_positive, scores >= above.min()).sensitivity) < target


def test_scores_that_say_the_opposite_still_give_a_threshold():
    threshold = youden_threshold(np.array([True, True, False, False]), np.array([0.1, 0.2, 0.8, 0.9]))
    assert np.isfinite(threshold)


def test_the_operating_point_carries_wilson_intervals():
    is_positive, scores = sample(2)
    point = operating_point(is_positive, scores, 0.5, "tuning of x")
    found = int((is_positive & (scores >= 0.5)).sum())
    assert point.sensitivity == wilson(found, int(is_positive.sum()))
    assert point.data_set == "tuning of x"
    assert point.threshold == 0.5


def test_the_sweep_agrees_with_counting():
    is_positive, scores = sample(4)
    sweep = sweep_thresholds(is_positive, scores, 11)
    for index, threshold in enumerate(sweep.thresholds):
        counts = count_decisions(is_positive, scores >= threshold)
        assert sweep.sensitivity[index] == pytest.approx(float(counts.sensitivity))
        assert sweep.specificity[index] == pytest.approx(float(counts.specificity))
        assert sweep.f1[index] == pytest.approx(float(counts.f1))
        assert sweep.called_fraction[index] == pytest.approx(np.mean(scores >= threshold))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("target", [0.0, 0.5, 0.8, 0.95, 1.0])
def test_a_wanted_specificity_is_reached_and_no_lower_threshold_reaches_it(target, seed):
    is_positive, scores = sample(seed)
    threshold = specificity_threshold(is_positive, scores, target)
    assert float(count_decisions(is_positive, scores >= threshold).specificity) >= target
    lower = np.unique(scores[scores < threshold])
    if len(lower) > 1 and target > 0:
        assert float(count_decisions(is_positive, scores >= lower[-2]).specificity) <= target + 0.5 / len(scores)
    for tried in lower[:-1]:
        is_better = float(count_decisions(is_positive, scores >= tried).specificity) >= target
        assert not is_better or float(count_decisions(is_positive, scores >= tried).specificity) == pytest.approx(
            float(count_decisions(is_positive, scores >= threshold).specificity)
        )


def test_the_points_of_separated_scores_lie_between_them():
    is_positive, scores = np.array([False, False, True, True]), np.array([0.1, 0.3, 0.7, 0.9])
    assert specificity_threshold(is_positive, scores, 0.95) == pytest.approx(0.5)
    assert specificity_threshold(is_positive, scores, 0.5) == pytest.approx(0.2)
    assert sensitivity_threshold(is_positive, scores, 0.95) == pytest.approx(0.5)
