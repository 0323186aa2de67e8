"""What has to hold of any data: net benefit, agreement, errors and differences under shifts, swaps and copies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hounsfield.metrics.agreement import Correlation, intraclass_correlation, limits_of_agreement
from hounsfield.metrics.calibration import brier_decomposition_of, brier_loss
from hounsfield.metrics.intervals import clopper_pearson, wilson
from hounsfield.metrics.net_benefit import net_benefit
from hounsfield.metrics.regression import regression_statistics
from hounsfield.metrics.weights import value_of

PAIRS = st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=3, max_size=40)
CASES = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=4, max_size=60)


@settings(max_examples=50, deadline=None)
@given(CASES)
def test_no_policy_is_worth_more_than_the_prevalence(rows):
    is_positive, probabilities = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    worth = net_benefit(is_positive, probabilities, np.linspace(0, 0.95, 20))[0]
    assert (worth <= is_positive.mean() + 1e-12).all()
    assert worth[0] == pytest.approx(is_positive.mean())


@settings(max_examples=50, deadline=None)
@given(CASES)
def test_the_parts_of_a_brier_score_are_bounded_and_add_up(rows):
    is_positive, probabilities = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    parts = {
        name: value_of(part, len(rows)) for name, part in brier_decomposition_of(is_positive, probabilities).items()
    }
    assert 0 <= parts["reliability_error"] <= 1
    assert -1e-12 <= parts["resolution_score"] <= parts["uncertainty"] + 1e-12 <= 0.25 + 2e-12
    total = parts["reliability_error"] - parts["resolution_score"] + parts["uncertainty"] + parts["within_bins"]
    assert total == pytest.approx(brier_loss(is_positive, probabilities), abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(PAIRS, st.floats(-20, 20))
def test_a_shift_of_the_prediction_moves_the_limits_alone(rows, shift):
    reference, predicted = np.array(rows).T
    before, after = limits_of_agreement(reference, predicted), limits_of_agreement(reference, predicted + shift)
    for name in ("bias", "lower", "upper"):
        assert getattr(after, name).value == pytest.approx(getattr(before, name).value + shift, abs=1e-6)
    assert after.deviation == pytest.approx(before.deviation, abs=1e-6)
    assert before.lower.value <= before.bias.value <= before.upper.value


@settings(max_examples=50, deadline=None)
@given(PAIRS)
def test_exchanging_reference_and_prediction_turns_the_bias_and_no_error(rows):
    reference, predicted = np.array(rows).T
    one, two = regression_statistics(reference, predicted), regression_statistics(predicted, reference)
    for name in ("mean_absolute_error", "root_mean_square_error"):
        assert value_of(one[name], len(rows)) == pytest.approx(value_of(two[name], len(rows)))
    assert value_of(one["mean_error"], len(rows)) == pytest.approx(-value_of(two["mean_error"], len(rows)), abs=1e-9)
    absolute, squared = (value_of(one[name], len(rows)) for name in ("mean_absolute_error", "root_mean_square_error"))
    assert absolute <= squared + 1e-9


@pytest.mark.parametrize("form", list(Correlation))
def test_correlations_do_not_change_with_the_unit(form):
    table = np.random.default_rng(0).normal(0, 3, (20, 1)) + np.random.default_rng(1).normal(0, 1, (20, 3))
    one, two = intraclass_correlation(table, form), intraclass_correlation(1000 * table + 7, form)
    assert (two.value, two.low, two.high) == pytest.approx((one.value, one.low, one.high))
    assert one.low < one.value < one.high


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_exact_interval_holds_its_share_and_mirrors(case):
    successes, trials = case
    exact, mirrored = clopper_pearson(successes, trials), clopper_pearson(trials - successes, trials)
    assert 0 <= exact.low <= exact.value <= exact.high <= 1
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((exact.low, exact.high), abs=1e-9)
    narrow = wilson(successes, trials)
    assert exact.high - exact.low >= narrow.high - narrow.low - 1e-9 or successes in (0, trials)
