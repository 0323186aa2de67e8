"""Statistics against scipy, and the histogram against hand-made cases."""

import math

import numpy as np
import pytest
from scipy import stats

from hounsfield.radiomics.statistics import HISTOGRAM_TAGS, INTENSITY_TAGS, histogram_features, intensity_features


def test_intensity_statistics_are_those_of_scipy() -> None:
    values = np.random.default_rng(4).gamma(2.0, 30.0, 500)
    found = intensity_features(values)
    assert tuple(found) == INTENSITY_TAGS
    wanted = {
        "stat_mean": values.mean(),
        "stat_var": values.var(),
        "stat_skew": stats.skew(values),
        "stat_kurt": stats.kurtosis(values),
        "stat_iqr": stats.iqr(values),
        "stat_medad": np.abs(values - np.median(values)).mean(),
        "stat_cov": stats.variation(values),
        "stat_range": np.ptp(values),
        "stat_energy": (values**2).sum(),
        "stat_rms": np.sqrt((values**2).mean()),
        "stat_p10": stats.scoreatpercentile(values, 10),
        "stat_p90": stats.scoreatpercentile(values, 90),
    }
    assert {tag: found[tag] for tag in wanted} == pytest.approx(wanted)


def test_the_robust_deviation_leaves_the_tails_out() -> None:
    values = np.array([0.0, *range(100, 110), 1000.0])
    lower, upper = np.percentile(values, [10, 90])
    held = values[(values >= lower) & (values <= upper)]
    assert intensity_features(values)["stat_rmad"] == pytest.approx(np.abs(held - held.mean()).mean())
    assert held.size == 8


@pytest.mark.parametrize("value", [0.0, -7.0, 1e9, 0.1])
def test_one_intensity_has_no_skewness_and_no_kurtosis(value: float) -> None:
    found = intensity_features(np.full(9, value))
    assert (found["stat_skew"], found["stat_kurt"]) == (0.0, 0.0)
    assert found["stat_var"] == pytest.approx(0.0, abs=1e-12)
    assert found["stat_energy"] == pytest.approx(9 * value**2)


def test_ratios_to_nothing_are_not_numbers() -> None:
    found = intensity_features(np.array([-1.0, 1.0]))
    assert math.isnan(found["stat_cov"])
    assert math.isnan(found["stat_qcod"])
    assert math.isnan(found["stat_rmad"])  # both lie outside the middle four fifths


def test_no_values_give_no_numbers() -> None:
    assert all(math.isnan(value) for value in intensity_features(np.zeros(0)).values())
    empty = histogram_features(np.zeros(0, dtype=np.int32), 4)
    assert set(empty) == set(HISTOGRAM_TAGS)
    assert all(math.isnan(value) for value in empty.values())


def test_the_histogram_counts_levels_that_no_voxel_has() -> None:
    found = histogram_features(np.repeat([1, 2, 5], [4, 10, 2]).astype(np.int32), 5)
    counts = np.array([4, 10, 0, 0, 2])
    gradient = np.array([6, (0 - 4) / 2, (0 - 10) / 2, (2 - 0) / 2, 2])
    assert tuple(found) == HISTOGRAM_TAGS
    assert (found["ih_max_grad"], found["ih_max_grad_g"]) == (gradient.max(), 1)
    assert (found["ih_min_grad"], found["ih_min_grad_g"]) == (gradient.min(), 3)
    assert found["ih_mode"] == 2
    assert found["ih_entropy"] == pytest.approx(stats.entropy(counts, base=2))
    assert found["ih_uniformity"] == pytest.approx(((counts / 16) ** 2).sum())


def test_of_two_commonest_levels_the_one_near_the_mean_is_the_mode() -> None:
    levels = np.repeat([1, 4, 9], [5, 5, 3]).astype(np.int32)
    assert levels.mean() > 2.5
    assert histogram_features(levels, 9)["ih_mode"] == 4


def test_one_level_has_no_gradient() -> None:
    found = histogram_features(np.ones(5, dtype=np.int32), 1)
    assert (found["ih_max_grad"], found["ih_min_grad"], found["ih_entropy"], found["ih_uniformity"]) == (0, 0, 0, 1)
