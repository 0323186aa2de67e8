"""Features measured again: intraclass correlations of tables with known answers, and of perturbed images."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from hounsfield.core.prediction import Interval
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import DatasetError
from hounsfield.radiomics import FeatureSet, RadiomicsSettings, extract
from hounsfield.radiomics.perturb import PerturbationSettings
from hounsfield.radiomics.settings import Family
from hounsfield.repeating import Rating, extract_perturbed, rating_of, repeatability, repeatability_of
from tests.radiomics.phantoms import ball, volume_and_mask

SETTINGS = RadiomicsSettings(rounds=False, families=(Family.INTENSITY_STATISTICS,))
SHROUT = ((9, 2, 5, 8), (6, 1, 3, 2), (8, 4, 6, 8), (7, 1, 2, 6), (10, 5, 6, 9), (6, 2, 4, 7))
"""Six targets by four judges of Shrout and Fleiss 1979, table 2, whose correlations they print."""


def feature_set(**values: float) -> FeatureSet:
    volume, mask = volume_and_mask(np.arange(8.0).reshape(2, 2, 2), np.ones((2, 2, 2)))
    found = extract(volume, mask, SETTINGS)
    features = tuple(
        replace(found.features[place], tag=tag, value=value) for place, (tag, value) in enumerate(values.items())
    )
    return replace(found, features=features)


def lesion(seed: int) -> tuple[Volume, Mask]:
    """A ball with a mean and a grain of its own."""
    chance = np.random.default_rng(seed)
    inside = np.pad(ball(6.0, (1.0, 1.0, 1.0)), 6)
    grain = ndimage.gaussian_filter(chance.normal(0, 1, inside.shape), chance.uniform(1.5, 2.5))
    return volume_and_mask(100 * chance.normal() + 300 * grain, inside)


def test_the_correlations_are_those_that_shrout_and_fleiss_print() -> None:
    cases = [[feature_set(rating=float(value)) for value in row] for row in SHROUT]
    (found,) = repeatability(cases)
    assert (found.tag, found.case_count) == ("rating", 6)
    assert found.one_way.value == pytest.approx(0.17, abs=0.005)
    assert found.consistency.value == pytest.approx(0.71, abs=0.005)
    assert found.one_way.low < found.one_way.value < found.one_way.high
    assert found.one_way.low == pytest.approx(-0.13, abs=0.005)
    assert found.one_way.high == pytest.approx(0.72, abs=0.005)


def test_a_second_scan_that_reads_higher_everywhere_is_consistent_and_not_the_same() -> None:
    values = np.random.default_rng(0).normal(50, 10, 20)
    cases = [[feature_set(a=value, b=value), feature_set(a=value + 15, b=value)] for value in values]
    shifted, same = repeatability(cases)
    assert shifted.consistency.value == pytest.approx(1)
    assert shifted.one_way.value < 0.5
    assert same.one_way.value == pytest.approx(1)


def test_cases_without_a_value_are_left_out_of_that_feature_alone() -> None:
    values = np.random.default_rng(1).normal(0, 1, (6, 2))
    cases = [[feature_set(a=value, b=value) for value in pair] for pair in values]
    spoiled = [[feature_set(a=float("nan"), b=values[0, 0]), cases[0][1]], *cases[1:]]
    first, second = repeatability(spoiled)
    assert (first.case_count, second.case_count) == (5, 6)
    assert first.one_way == repeatability(cases[1:])[0].one_way
    assert second.one_way == repeatability(cases)[1].one_way
    nothing = repeatability([[feature_set(a=float("nan"))] * 2] * 4)[0]
    assert nothing.case_count == 0
    assert np.isnan(nothing.one_way.value)


@pytest.mark.parametrize(
    "cases",
    [
        [],
        [[feature_set(a=1.0), feature_set(a=2.0)]] * 2,
        [[feature_set(a=1.0)]] * 4,
        [[feature_set(a=1.0)] * 2, [feature_set(a=1.0)] * 3, [feature_set(a=1.0)] * 2],
        [[feature_set(a=1.0)] * 2, [feature_set(a=1.0), feature_set(b=1.0)], [feature_set(a=1.0)] * 2],
    ],
)
def test_repetitions_that_do_not_match_are_refused(cases: list[list[FeatureSet]]) -> None:
    with pytest.raises(DatasetError) as caught:
        repeatability(cases)
    assert caught.value.code == "E982"
    assert caught.value.text("zh") != caught.value.text("en")


def test_perturbed_features_come_again_from_the_same_seed() -> None:
    case = lesion(0)
    first, second, other = (extract_perturbed(case, SETTINGS, 3, seed) for seed in (4, 4, 5))
    assert [one.value("stat_mean") for one in first] == [one.value("stat_mean") for one in second]
    assert [one.value("stat_mean") for one in first] != [one.value("stat_mean") for one in other]
    assert len({one.value("stat_mean") for one in first}) == 3


def test_the_mean_of_a_lesion_is_robust_and_its_extreme_value_less_so() -> None:
    how = PerturbationSettings(angle_degrees=15)
    cases = [extract_perturbed(lesion(seed), SETTINGS, 3, seed, how) for seed in range(8)]
    found = {one.tag: one for one in repeatability(cases)}
    assert found["stat_mean"].one_way.value > 0.95
    assert found["stat_mean"].one_way.value > found["stat_skew"].one_way.value


@pytest.mark.parametrize(
    ("interval", "rating"),
    [
        ((0.95, 0.9, 0.99), Rating.EXCELLENT),
        ((0.95, 0.899, 0.99), Rating.GOOD),
        ((0.8, 0.75, 0.9), Rating.GOOD),
        ((0.97, 0.74, 0.99), Rating.INSUFFICIENT),
        ((-0.2, -0.5, 0.3), Rating.INSUFFICIENT),
        ((float("nan"),) * 3, Rating.NOT_ASSESSED),
        ((1.0, float("nan"), float("nan")), Rating.EXCELLENT),
        ((0.99, float("nan"), float("nan")), Rating.NOT_ASSESSED),
    ],
)
def test_a_rating_is_of_the_lower_limit_of_the_interval(interval: tuple[float, float, float], rating: Rating) -> None:
    assert rating_of(Interval(*interval)) is rating


def test_a_table_gives_all_three_correlations_of_shrout_and_fleiss() -> None:
    (found,) = repeatability_of(["rating"], np.array(SHROUT, dtype=float)[:, :, None])
    values = found.one_way.value, found.agreement.value, found.consistency.value
    assert values == pytest.approx((0.17, 0.29, 0.71), abs=0.005)
    table = np.array(SHROUT, dtype=float)
    assert found.variation == pytest.approx(np.sqrt(((table.std(axis=1, ddof=1) / table.mean(axis=1)) ** 2).mean()))


def test_one_case_has_a_variation_and_no_correlation() -> None:
    (found,) = repeatability_of(["a"], np.array([[[9.0], [11.0]]]))
    assert found.variation == pytest.approx(np.sqrt(2) / 10)
    assert rating_of(found.one_way) is Rating.NOT_ASSESSED
    assert found.case_count == 1
