"""Wilson against Newcombe and scipy, the bootstrap against a naive loop, DeLong against its definition."""

import time

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as oracle

from hounsfield.metrics.calibration import calibration_error_of
from hounsfield.metrics.delong import compare_auroc, delong_covariance, delong_interval
from hounsfield.metrics.discrimination import auroc_of
from hounsfield.metrics.intervals import bootstrap_intervals, resample_weights, wilson


def sample(count=300, seed=0, ties=False):
    generator = np.random.default_rng(seed)
    is_positive = generator.random(count) < 0.4
    scores = np.clip(is_positive * 0.3 + generator.random(count) * 0.7, 0, 1)
    return is_positive, np.round(scores, 1) if ties else scores


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_intervals_of_newcombe_1998(successes, trials, low, high):
    interval = wilson(successes, trials)
    assert interval.value == successes / trials
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilson_agrees_with_scipy(level):
    expected = stats.binomtest(37, 52).proportion_ci(level, method="wilson")
    interval = wilson(37, 52, level)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_no_trials_is_undefined():
    assert np.isnan(wilson(0, 0).low)


def test_the_bootstrap_keeps_the_number_of_each_class():
    labels = np.repeat([0, 1, 2], [50, 30, 5])
    weights = np.concatenate(list(resample_weights(labels, resamples=200, seed=1)))
    assert weights.shape == (200, 85)
    for label, count in ((0, 50), (1, 30), (2, 5)):
        assert (weights[:, labels == label].sum(axis=1) == count).all()


def test_the_bootstrap_draws_groups_whole():
    labels = np.array([0, 0, 1, 1, 0, 1, 0, 1])
    groups = np.array([9, 9, 4, 4, 7, 7, 5, 2])
    weights = np.concatenate(list(resample_weights(labels, groups, 100, 3)))
    for group in np.unique(groups):
        members = weights[:, groups == group]
        assert (members == members[:, :1]).all()
    assert (weights[:, groups == 7] == 1).all(), "the only group with both classes is its own stratum"


def test_the_same_seed_draws_the_same_and_chunks_do_not_matter(monkeypatch):
    labels = np.arange(40) % 2
    whole = np.concatenate(list(resample_weights(labels, resamples=50, seed=5)))
    np.testing.assert_array_equal(whole, np.concatenate(list(resample_weights(labels, resamples=50, seed=5))))
    assert not np.array_equal(whole, np.concatenate(list(resample_weights(labels, resamples=50, seed=6))))


def test_the_bootstrap_interval_is_that_of_a_naive_loop():
    is_positive, scores = sample(ties=True)
    interval = bootstrap_intervals(
        {"auroc": auroc_of(is_positive, scores)}, resample_weights(is_positive, resamples=300, seed=2), 300
    )["auroc"]
    rows = np.concatenate(list(resample_weights(is_positive, resamples=300, seed=2))).astype(int)
    values = [oracle.roc_auc_score(np.repeat(is_positive, row), np.repeat(scores, row)) for row in rows]
    assert interval.value == pytest.approx(oracle.roc_auc_score(is_positive, scores))
    assert (interval.low, interval.high) == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])), abs=1e-6)


def test_the_bootstrap_interval_is_about_as_wide_as_delongs():
    is_positive, scores = sample(600, 4)
    statistics = {"auroc": auroc_of(is_positive, scores)}
    interval = bootstrap_intervals(statistics, resample_weights(is_positive, resamples=2000), 600)["auroc"]
    delong = delong_interval(is_positive, scores)
    assert interval.high - interval.low == pytest.approx(delong.high - delong.low, rel=0.1)


def test_groups_widen_the_interval():
    is_positive, scores = sample(200, 5)
    is_positive, scores = np.repeat(is_positive, 5), np.repeat(scores, 5)
    statistics = {"auroc": auroc_of(is_positive, scores)}
    alone = bootstrap_intervals(statistics, resample_weights(is_positive, resamples=500), 1000)["auroc"]
    groups = np.repeat(np.arange(200), 5)
    grouped = bootstrap_intervals(statistics, resample_weights(is_positive, groups, 500), 1000)["auroc"]
    assert grouped.high - grouped.low > 1.8 * (alone.high - alone.low)


def test_a_centred_calibration_error_holds_its_value():
    generator = np.random.default_rng(0)
    probabilities = generator.random(200)
    is_positive = generator.random(200) < probabilities
    statistics = {"ece": calibration_error_of(is_positive, probabilities)}
    plain = bootstrap_intervals(statistics, resample_weights(is_positive, resamples=500), 200)["ece"]
    centred = bootstrap_intervals(statistics, resample_weights(is_positive, resamples=500), 200, frozenset({"ece"}))
    assert centred["ece"].low <= centred["ece"].value <= centred["ece"].high
    assert plain.low > centred["ece"].low


def test_two_thousand_resamples_of_five_thousand_cases_are_quick():
    is_positive, scores = sample(5000, 6)
    start = time.perf_counter()
    bootstrap_intervals({"auroc": auroc_of(is_positive, scores)}, resample_weights(is_positive), 5000)
    assert time.perf_counter() - start < 5


def components(is_positive, scores):
    """Return DeLong's structural components from the definition: every positive against every negative."""
    gaps = scores[is_positive][:, np.newaxis] - scores[~is_positive][np.newaxis]
    wins = (gaps > 0) + 0.5 * (gaps == 0)
    return wins.mean(axis=1), wins.mean(axis=0)


@pytest.mark.parametrize("ties", [False, True])
def test_delong_is_its_definition(ties):
    is_positive, first = sample(150, 1, ties)
    second = np.clip(first + np.random.default_rng(2).normal(0, 0.2, 150), 0, 1)
    areas, covariance = delong_covariance(is_positive, np.stack([first, second]))
    parts = [components(is_positive, scores) for scores in (first, second)]
    positives, negatives = np.stack([part[0] for part in parts]), np.stack([part[1] for part in parts])
    expected = np.cov(positives) / is_positive.sum() + np.cov(negatives) / (~is_positive).sum()
    np.testing.assert_allclose(areas, positives.mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(covariance, expected, atol=1e-12)


def test_delong_of_the_ratings_of_hanley_and_mcneil_is_near_their_standard_error():
    ratings = np.concatenate([np.repeat(np.arange(5), (33, 6, 6, 11, 2)), np.repeat(np.arange(5), (3, 2, 2, 11, 33))])
    is_positive = np.repeat([False, True], [58, 51])
    _, covariance = delong_covariance(is_positive, ratings.astype(float))
    assert np.sqrt(covariance[0, 0]) == pytest.approx(0.032, abs=0.002)


def test_the_interval_stays_within_one():
    is_positive = np.array([False] * 10 + [True] * 10)
    interval = delong_interval(is_positive, np.arange(20.0))
    assert (interval.value, interval.high) == (1.0, 1.0)


def test_a_model_does_not_differ_from_itself():
    is_positive, scores = sample()
    comparison = compare_auroc(is_positive, scores, scores)
    assert comparison.p_value == 1
    assert comparison.difference.value == 0


def test_a_clearly_better_model_differs():
    is_positive, scores = sample(400, 3)
    noise = np.random.default_rng(0).random(400)
    comparison = compare_auroc(is_positive, scores, noise)
    assert comparison.p_value < 1e-6
    assert comparison.difference.low > 0


def test_p_values_of_equal_models_are_spread_evenly():
    values = []
    for seed in range(200):
        generator = np.random.default_rng(seed)
        is_positive = np.arange(80) % 2 == 0
        values.append(compare_auroc(is_positive, generator.random(80), generator.random(80)).p_value)
    assert stats.kstest(values, "uniform").pvalue > 0.01


def test_one_case_of_a_class_has_no_variance():
    _, covariance = delong_covariance(np.array([True, False, False]), np.array([0.9, 0.1, 0.2]))
    assert np.isnan(covariance).all()
