"""Whether intervals hold what they promise: coverage by simulation, worked examples, and figures without an error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as oracle

from hounsfield.metrics.calibration import brier_loss, expected_calibration_error, reliability
from hounsfield.metrics.confusion import count_decisions
from hounsfield.metrics.delong import compare_auroc, delong_covariance, delong_interval
from hounsfield.metrics.discrimination import auroc, auroc_of, average_precision
from hounsfield.metrics.intervals import bootstrap_intervals, resample_weights, wilson
from hounsfield.metrics.multiclass import class_statistics, macro_auroc
from hounsfield.metrics.operating import sensitivity_threshold, sweep_thresholds, youden_threshold
from hounsfield.metrics.weights import ratio, value_of


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Brown, Cai and DasGupta 2001, and Agresti and Coull 1998: the score interval by hand
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (1, 100, 0.0018, 0.0545),
        (100, 100, 0.9630, 1.0),
    ],
)
def test_wilson_at_the_ends(successes, trials, low, high):
    interval = wilson(successes, trials)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)
    exact = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert (interval.low, interval.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert interval.low <= interval.value <= interval.high


@settings(deadline=None)
@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_proportion_lies_in_its_interval(case):
    interval = wilson(*case)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


@pytest.mark.parametrize("share", [0.5, 0.9, 0.98])
@pytest.mark.parametrize("trials", [20, 100])
def test_wilson_covers(share, trials):
    """The exact coverage, summed over the binomial distribution, is near 95 % also for few trials."""
    held = sum(
        stats.binom.pmf(successes, trials, share)
        for successes in range(trials + 1)
        if wilson(successes, trials).low <= share <= wilson(successes, trials).high
    )
    assert 0.92 <= held <= 0.99


def binormal(chance, positives, negatives, separation):
    scores = np.concatenate([chance.normal(separation, 1, positives), chance.normal(0, 1, negatives)])
    return np.arange(positives + negatives) < positives, scores


def test_the_bootstrap_of_an_auroc_covers_the_truth():
    """Binormal scores one standard deviation apart: the truth is Phi(1 / sqrt 2) = 0.7602."""
    chance = np.random.default_rng(12)
    truth = stats.norm.cdf(1 / np.sqrt(2))
    held_bootstrap = held_delong = 0
    for run in range(150):
        is_positive, scores = binormal(chance, 40, 60, 1.0)
        weights = resample_weights(is_positive.astype(int), None, 400, run)
        interval = bootstrap_intervals({"a": auroc_of(is_positive, scores)}, weights, 100)["a"]
        held_bootstrap += interval.low <= truth <= interval.high
        normal = delong_interval(is_positive, scores)
        held_delong += normal.low <= truth <= normal.high
    assert held_bootstrap / 150 == pytest.approx(0.95, abs=0.045)
    assert held_delong / 150 == pytest.approx(0.95, abs=0.045)


def test_a_bootstrap_by_patient_covers_where_one_by_image_does_not():
    """Ten images a patient with one score each and a little noise: drawn one by one they seem ten times as many."""
    chance = np.random.default_rng(3)
    truth = stats.norm.cdf(1 / np.sqrt(2))
    by_patient = by_image = 0
    for run in range(80):
        is_patient_positive, own = binormal(chance, 20, 20, 1.0)
        patient = np.repeat(np.arange(40), 10)
        is_positive = is_patient_positive[patient]
        scores = own[patient] + chance.normal(0, 0.05, 400)
        statistic = {"a": auroc_of(is_positive, scores)}
        labels = is_positive.astype(int)
        whole = bootstrap_intervals(statistic, resample_weights(labels, patient, 300, run), 400)["a"]
        single = bootstrap_intervals(statistic, resample_weights(labels, None, 300, run), 400)["a"]
        by_patient += whole.low <= truth <= whole.high
        by_image += single.low <= truth <= single.high
    assert by_patient / 80 >= 0.86
    assert by_image / 80 <= 0.65


@pytest.mark.parametrize(("positives", "negatives"), [(5, 400), (20, 20), (60, 7)])
def test_scores_that_separate_the_classes_are_not_certain(positives, negatives):
    """The variance is 0; so many disjoint pairs as the smaller class has cases are trials without a failure."""
    is_positive = np.arange(positives + negatives) < positives
    interval = delong_interval(is_positive, is_positive * 1.0)
    trials = min(positives, negatives)
    exact = stats.binomtest(trials, trials).proportion_ci(method="wilson")
    assert interval.value == interval.high == 1.0
    assert interval.low == pytest.approx(exact.low)
    assert interval.low < 1 - 1.5 / trials


def test_a_perfect_run_covers_a_truth_that_is_not_perfect():
    """True AUROC 0.98 and 12 cases a class: runs without an error are common, and must not exclude the truth."""
    chance = np.random.default_rng(8)
    separation = np.sqrt(2) * stats.norm.ppf(0.98)
    perfect = held = 0
    for _ in range(200):
        is_positive, scores = binormal(chance, 12, 12, separation)
        interval = delong_interval(is_positive, scores)
        if interval.value == 1:
            perfect += 1
            held += interval.low <= 0.98 <= interval.high
    assert perfect >= 20
    assert held == perfect


def test_the_bootstrap_is_not_certain_where_trials_are_known():
    right = np.ones(30, dtype=bool)
    statistic = {"accuracy": lambda weights: ratio(weights @ right.astype(weights.dtype), weights.sum(axis=1))}
    bare = bootstrap_intervals(statistic, resample_weights(np.zeros(30, int), None, 50), 30)["accuracy"]
    told = bootstrap_intervals(statistic, resample_weights(np.zeros(30, int), None, 50), 30, trials={"accuracy": 30})
    assert (bare.low, bare.high) == (1.0, 1.0)
    assert told["accuracy"].low == pytest.approx(stats.binomtest(30, 30).proportion_ci(method="wilson").low)
    assert told["accuracy"].high == 1.0


def test_trials_change_nothing_where_resamples_differ():
    chance = np.random.default_rng(0)
    is_positive, scores = binormal(chance, 30, 30, 1.0)
    statistic = {"a": auroc_of(is_positive, scores)}
    plain = bootstrap_intervals(statistic, resample_weights(is_positive.astype(int), None, 200), 60)
    told = bootstrap_intervals(statistic, resample_weights(is_positive.astype(int), None, 200), 60, trials={"a": 5})
    assert plain == told


def test_delong_of_a_worked_example():
    """Three positives 2, 3, 5 against three negatives 1, 2, 4: areas and placements by hand.

    Placements of the positives: (1 + 1/2 + 0)/3, (1 + 1 + 0)/3, 1; of the negatives: 1, 5/6, 1/3. AUROC 13/18.
    """
    is_positive = np.array([True] * 3 + [False] * 3)
    area, covariance = delong_covariance(is_positive, np.array([2.0, 3, 5, 1, 2, 4]))
    positives, negatives = np.array([0.5, 2 / 3, 1.0]), np.array([1.0, 5 / 6, 1 / 3])
    assert area[0] == pytest.approx(13 / 18)
    assert covariance[0, 0] == pytest.approx(positives.var(ddof=1) / 3 + negatives.var(ddof=1) / 3)


def test_delongs_test_against_permutations():
    """Swapping the two scores of a case is a null distribution of its own; both tests agree on clear and dim cases."""
    chance = np.random.default_rng(5)
    is_positive, base = binormal(chance, 60, 60, 1.2)
    for noise in (0.6, 2.5):
        other = base + chance.normal(0, noise, 120)
        first, second = stats.rankdata(base), stats.rankdata(other)
        observed = abs(auroc(is_positive, first) - auroc(is_positive, second))
        gaps = []
        for _ in range(400):
            swap = chance.random(120) < 0.5
            one, two = np.where(swap, second, first), np.where(swap, first, second)
            gaps.append(abs(auroc(is_positive, one) - auroc(is_positive, two)))
        p_value = (1 + np.sum(np.array(gaps) >= observed - 1e-12)) / 401
        assert compare_auroc(is_positive, first, second).p_value == pytest.approx(p_value, abs=0.06)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=60))
def test_areas_with_many_ties_agree_with_scikit_learn(rows):
    is_positive = np.array([row[0] for row in rows])
    scores = np.array([row[1] for row in rows]) / 4
    if is_positive.all() or not is_positive.any():
        assert np.isnan(auroc(is_positive, scores))
        return
    assert auroc(is_positive, scores) == pytest.approx(oracle.roc_auc_score(is_positive, scores))
    assert average_precision(is_positive, scores) == pytest.approx(oracle.average_precision_score(is_positive, scores))
    wins = [(p > n) + 0.5 * (p == n) for p in scores[is_positive] for n in scores[~is_positive]]
    assert delong_covariance(is_positive, scores)[0][0] == pytest.approx(np.mean(wins))


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 6), st.integers(0, 2**32 - 1), st.integers(12, 80))
def test_macro_figures_of_random_tables_agree_with_scikit_learn(classes, seed, count):
    """Over the classes that occur, whatever occurs."""
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, classes, count)
    probabilities = chance.dirichlet(np.ones(classes), count)
    called = probabilities.argmax(axis=1)
    present = np.unique(labels)
    figures = {name: value_of(part, count) for name, part in class_statistics(labels, called, classes).items()}
    assert figures["accuracy"] == pytest.approx(oracle.accuracy_score(labels, called))
    recalls = oracle.recall_score(labels, called, labels=present, average=None, zero_division=0)
    assert figures["sensitivity"] == figures["balanced_accuracy"] == pytest.approx(recalls.mean())
    assert figures["f1"] == pytest.approx(oracle.f1_score(labels, called, labels=present, average="macro"))
    areas = [
        oracle.roc_auc_score(labels == index, probabilities[:, index])
        for index in present
        if not (labels == index).all()
    ]
    if len(present) > 1:
        assert macro_auroc(labels, probabilities) == pytest.approx(np.mean(areas))


@pytest.mark.parametrize("seed", range(4))
def test_the_brier_score_is_murphys_three_parts(seed):
    """Murphy 1973: reliability less resolution plus uncertainty, exact when each bin has one probability."""
    chance = np.random.default_rng(seed)
    levels = np.linspace(0.05, 0.95, 10)
    probabilities = np.repeat(levels, 40)
    is_positive = chance.random(400) < probabilities**1.3
    bins = reliability(is_positive, probabilities)
    assert bins.counts.tolist() == [40.0] * 10
    base = is_positive.mean()
    weight = bins.counts / 400
    failing = (weight * (bins.predicted - bins.observed) ** 2).sum()
    resolution = (weight * (bins.observed - base) ** 2).sum()
    assert brier_loss(is_positive, probabilities) == pytest.approx(failing - resolution + base * (1 - base))
    assert expected_calibration_error(is_positive, probabilities) == pytest.approx(
        (weight * np.abs(bins.predicted - bins.observed)).sum()
    )


def test_calibration_error_of_a_case_by_hand():
    """Four cases in two bins: (0.1, 0.3) hold one positive, (0.6, 0.8) two: |0.5 - 0.2| / 2 + |1 - 0.7| / 2."""
    is_positive = np.array([False, True, True, True])
    assert expected_calibration_error(is_positive, np.array([0.1, 0.3, 0.6, 0.8]), bins=2) == pytest.approx(0.3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=40))
def test_thresholds_among_ties_are_the_best_of_all(rows):
    """No score, and no place between two scores, cuts better than Youden's; at a tie with it nothing is half called."""
    is_positive = np.array([row[0] for row in rows])
    scores = np.array([row[1] for row in rows]) / 6
    if is_positive.all() or not is_positive.any():
        return
    best = youden_threshold(is_positive, scores)

    def gain(threshold: float) -> float:
        counts = count_decisions(is_positive, scores >= threshold)
        return float(counts.sensitivity + counts.specificity - 1)

    edges = np.unique(scores)
    every = [*edges, *(edges[1:] + edges[:-1]) / 2, -1.0, 2.0]
    assert gain(best) == pytest.approx(max(gain(threshold) for threshold in every))
    for target in (0.2, 0.9, 1.0):
        threshold = sensitivity_threshold(is_positive, scores, target)
        assert count_decisions(is_positive, scores >= threshold).sensitivity >= target - 1e-9
        called = edges[edges >= threshold]
        if len(called) > 1:
            assert count_decisions(is_positive, scores >= called[1]).sensitivity < target


def test_the_sweep_calls_a_score_on_the_threshold():
    sweep = sweep_thresholds(np.array([False, True]), np.array([0.25, 0.75]), steps=5)
    assert sweep.thresholds.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert sweep.sensitivity.tolist() == [1, 1, 1, 1, 0]
    assert sweep.specificity.tolist() == [0, 0, 1, 1, 1]
    assert sweep.called_fraction.tolist() == [1, 1, 0.5, 0.5, 0]
