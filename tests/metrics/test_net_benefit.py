"""Decision curves, predictive values at a prevalence, parts of the Brier score and the band of a ROC curve."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as oracle

from hounsfield.metrics.bands import roc_band
from hounsfield.metrics.calibration import brier_decomposition_of, brier_loss
from hounsfield.metrics.confusion import predictive_statistics
from hounsfield.metrics.intervals import resample_weights
from hounsfield.metrics.net_benefit import decision_curve, net_benefit
from hounsfield.metrics.weights import value_of


def sample(count=400, seed=0):
    chance = np.random.default_rng(seed)
    probabilities = chance.beta(0.8, 1.6, count)
    return chance.random(count) < probabilities, probabilities


def test_net_benefit_is_the_formula_of_vickers_and_elkin():
    is_positive, probabilities = sample()
    thresholds = np.array([0.0, 0.05, 0.2, 0.5, 0.9])
    for threshold, value in zip(thresholds, net_benefit(is_positive, probabilities, thresholds)[0], strict=True):
        (_, fp), (_, tp) = oracle.confusion_matrix(is_positive, probabilities >= threshold)
        assert value == pytest.approx((tp - fp * threshold / (1 - threshold)) / 400)


def test_the_two_worked_policies():
    """Acting on everyone is worth the prevalence at 0 and nothing at the prevalence; a perfect model always all."""
    is_positive = np.arange(10) < 3
    thresholds = np.array([0.0, 0.3, 0.6])
    curve = decision_curve(is_positive, is_positive * 1.0, thresholds, resample_weights(is_positive * 1, None, 50))
    assert curve.everyone == pytest.approx([0.3, 0.0, 0.3 - 0.7 * 1.5])
    assert curve.model == pytest.approx([0.3, 0.3, 0.3])


def test_the_band_holds_the_curve_and_weights_mean_repeated_cases():
    is_positive, probabilities = sample(200, 1)
    thresholds = np.linspace(0, 0.9, 10)
    curve = decision_curve(
        is_positive, probabilities, thresholds, resample_weights(is_positive * 1, np.arange(200) // 2, 400)
    )
    assert (curve.low <= curve.model + 1e-9).all()
    assert (curve.model <= curve.high + 1e-9).all()
    row = np.random.default_rng(2).integers(0, 3, 200)
    repeated = net_benefit(np.repeat(is_positive, row), np.repeat(probabilities, row), thresholds)
    assert net_benefit(is_positive, probabilities, thresholds, row[np.newaxis]) == pytest.approx(repeated)


@pytest.mark.parametrize(
    ("prevalence", "positive", "negative"),
    [
        # Altman and Bland 1994, BMJ 309:102: liver scans, sensitivity 231/258, specificity 54/86
        (258 / 344, 0.878, 0.667),
        (0.25, 0.445, 0.947),
    ],
)
def test_predictive_values_of_the_published_example(prevalence, positive, negative):
    reference = np.repeat([True, True, False, False], [231, 27, 32, 54])
    called = np.repeat([True, False, True, False], [231, 27, 32, 54])
    found = {name: value_of(part, 344) for name, part in predictive_statistics(reference, called, prevalence).items()}
    assert found["positive_predictive_value"] == pytest.approx(positive, abs=0.002)
    assert found["negative_predictive_value"] == pytest.approx(negative, abs=0.002)


def parts_of(is_positive, probabilities, bins=10):
    return {
        name: value_of(part, len(is_positive))
        for name, part in brier_decomposition_of(is_positive, probabilities, bins).items()
    }


def test_murphys_parts_of_distinct_forecasts_add_up_without_a_rest():
    """Forecasts 0.1, 0.4 and 0.8 of ten cases each, with 2, 4 and 7 events: by hand."""
    probabilities = np.repeat([0.1, 0.4, 0.8], 10)
    is_positive = np.concatenate([np.arange(10) < events for events in (2, 4, 7)])
    found = parts_of(is_positive, probabilities, 3)
    prevalence = 13 / 30
    assert found["reliability_error"] == pytest.approx((0.01 + 0 + 0.01) / 3)
    resolution = np.mean([(share - prevalence) ** 2 for share in (0.2, 0.4, 0.7)])
    assert found["resolution_score"] == pytest.approx(resolution)
    assert found["uncertainty"] == pytest.approx(prevalence * (1 - prevalence))
    assert found["within_bins"] == pytest.approx(0, abs=1e-12)


def test_the_parts_of_any_forecasts_add_up_to_the_score():
    is_positive, probabilities = sample(500, 3)
    found = parts_of(is_positive, probabilities)
    total = found["reliability_error"] - found["resolution_score"] + found["uncertainty"] + found["within_bins"]
    assert total == pytest.approx(brier_loss(is_positive, probabilities))
    assert abs(found["within_bins"]) < 0.01
    assert found["reliability_error"] < 0.01
    assert parts_of(is_positive, probabilities**3)["reliability_error"] > 3 * found["reliability_error"]


def test_weights_of_the_parts_mean_repeated_cases():
    is_positive, probabilities = sample(120, 5)
    weights = np.random.default_rng(0).integers(0, 4, size=(3, 120)).astype(np.float32)
    for name, statistic in brier_decomposition_of(is_positive, probabilities).items():
        for row, value in zip(weights.astype(int), statistic(weights), strict=True):
            again = parts_of(np.repeat(is_positive, row), np.repeat(probabilities, row))
            assert value == pytest.approx(again[name], abs=1e-9), name


def test_the_band_of_a_roc_curve_covers_the_binormal_truth():
    """Scores one deviation apart: the true curve is Phi(1 + Phi^-1(x)); each point is held in some 95 % of runs."""
    chance = np.random.default_rng(7)
    held = []
    for run in range(100):
        is_positive = np.arange(120) < 60
        scores = chance.normal(is_positive * 1.0, 1)
        band = roc_band(is_positive, scores, resample_weights(is_positive * 1, None, 200, run))
        x = band.x[[10, 30, 50, 70]]
        truth = stats.norm.cdf(1 + stats.norm.ppf(x))
        held.append((band.low[[10, 30, 50, 70]] <= truth) & (truth <= band.high[[10, 30, 50, 70]]))
    assert np.mean(held) == pytest.approx(0.95, abs=0.05)


def test_the_band_lies_around_scikit_learns_curve():
    is_positive, probabilities = sample(300, 8)
    scores = np.round(probabilities, 1)
    band = roc_band(is_positive, scores, resample_weights(is_positive * 1, None, 300))
    fpr, tpr, _ = oracle.roc_curve(is_positive, scores)
    curve = np.interp(band.x, fpr, tpr)
    assert (band.low <= curve + 1e-9).all()
    assert (curve <= band.high + 1e-9).all()
    assert (band.low[-1], band.high[-1]) == (1.0, 1.0)
    assert (np.diff(band.low) >= -1e-9).all()
