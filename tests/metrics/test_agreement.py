"""Limits of agreement and intraclass correlations against the published examples."""

import numpy as np
import pytest
from scipy import stats

from hounsfield.metrics.agreement import Correlation, intraclass_correlation, limits_of_agreement

# Bland and Altman 1986, Lancet 327:307, table 1: first readings of peak expiratory flow (l/min) of 17 subjects
LARGE_METER = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427.0])
MINI_METER = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451.0])

# Shrout and Fleiss 1979, Psychol Bull 86:420, table 2: six targets, four judges
JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])


def with_mean_and_deviation(mean, deviation, count):
    """Return differences that have exactly this mean and standard deviation."""
    values = np.random.default_rng(0).normal(size=count)
    return mean + deviation * (values - values.mean()) / values.std(ddof=1)


def test_limits_of_the_published_example():
    """The paper takes 2 standard deviations (-79.7 to 75.5) and t = 2.12; bias -2.1 (-22.0 to 17.8)."""
    limits = limits_of_agreement(MINI_METER, LARGE_METER)
    assert limits.deviation == pytest.approx(38.8, abs=0.05)
    assert (limits.bias.value, limits.bias.low, limits.bias.high) == pytest.approx((-2.1, -22.0, 17.8), abs=0.1)
    wider = 0.04 * limits.deviation
    assert limits.lower.value == pytest.approx(-79.7 + wider, abs=0.1)
    assert limits.upper.value == pytest.approx(75.5 - wider, abs=0.1)


def test_intervals_of_the_published_limits():
    """Bland and Altman 1999, section 2.1: n = 85, mean -16.29, deviation 19.61 mmHg; limits -54.7 and 22.1,

    whose standard error 1.71 s / sqrt(n) = 3.64 gives -61.9 to -47.5 and 14.9 to 29.3.
    """
    differences = with_mean_and_deviation(-16.29, 19.61, 85)
    limits = limits_of_agreement(np.zeros(85), differences)
    assert (limits.lower.value, limits.upper.value) == pytest.approx((-54.7, 22.1), abs=0.06)
    assert (limits.lower.low, limits.lower.high) == pytest.approx((-61.9, -47.5), abs=0.15)
    assert (limits.upper.low, limits.upper.high) == pytest.approx((14.9, 29.3), abs=0.15)


def test_the_interval_of_the_bias_is_students():
    chance = np.random.default_rng(1)
    reference, predicted = chance.normal(size=(2, 25))
    expected = stats.ttest_rel(predicted, reference).confidence_interval(0.9)
    bias = limits_of_agreement(reference, predicted, level=0.9).bias
    assert (bias.low, bias.high) == pytest.approx((expected.low, expected.high))


def test_patients_with_many_images_widen_the_intervals():
    chance = np.random.default_rng(2)
    patients = np.repeat(np.arange(25), 8)
    reference = chance.normal(50, 10, 200)
    predicted = reference + chance.normal(2, 4, 25)[patients]
    plain = limits_of_agreement(reference, predicted)
    grouped = limits_of_agreement(reference, predicted, patients, resamples=400)
    assert grouped.bias.value == pytest.approx(plain.bias.value)
    assert grouped.upper.value == pytest.approx(plain.upper.value)
    assert grouped.bias.high - grouped.bias.low > 2 * (plain.bias.high - plain.bias.low)
    assert grouped.lower.low < grouped.lower.value < grouped.lower.high
    alone = limits_of_agreement(reference, predicted, np.arange(200))
    assert alone == plain


def test_one_case_has_no_limits():
    limits = limits_of_agreement(np.array([1.0]), np.array([2.0]))
    assert limits.bias.value == 1
    assert np.isnan([limits.bias.low, limits.lower.value, limits.upper.high]).all()


@pytest.mark.parametrize(
    ("form", "value", "low", "high"),
    [
        # R package psych, ICC(), on the table of Shrout and Fleiss; the paper gives .17, .29 and .71
        (Correlation.ONE_WAY, 0.17, -0.133, 0.72),
        (Correlation.AGREEMENT, 0.29, 0.019, 0.76),
        (Correlation.CONSISTENCY, 0.71, 0.342, 0.95),
    ],
)
def test_correlations_of_the_published_example(form, value, low, high):
    interval = intraclass_correlation(JUDGES, form)
    assert (interval.value, interval.low, interval.high) == pytest.approx((value, low, high), abs=0.006)


def test_a_constant_bias_lowers_agreement_and_leaves_consistency():
    chance = np.random.default_rng(3)
    truth = chance.normal(0, 3, 60)
    pairs = np.stack([truth + chance.normal(0, 0.5, 60), truth + chance.normal(0, 0.5, 60)], axis=1)
    moved = pairs + np.array([0, 4])
    assert intraclass_correlation(moved).value < intraclass_correlation(pairs).value - 0.2
    same = intraclass_correlation(pairs, Correlation.CONSISTENCY)
    assert intraclass_correlation(moved, Correlation.CONSISTENCY).value == pytest.approx(same.value)


def test_correlations_cover_the_truth():
    """Variance 4 between cases and 1 within: the truth is 0.8 for every form where raters do not differ."""
    chance = np.random.default_rng(4)
    held = dict.fromkeys(Correlation, 0)
    for _ in range(200):
        table = chance.normal(0, 2, (30, 1)) + chance.normal(0, 1, (30, 3))
        for form in Correlation:
            interval = intraclass_correlation(table, form)
            held[form] += interval.low <= 0.8 <= interval.high
    for form, count in held.items():
        assert 0.9 <= count / 200 <= 0.995, form


def test_perfect_agreement_and_too_few_cases():
    values = np.arange(5.0)
    assert intraclass_correlation(np.stack([values, values], axis=1)).value == 1
    assert np.isnan(intraclass_correlation(np.ones((1, 2))).value)
    assert np.isnan(intraclass_correlation(np.ones((4, 2))).value)
