"""Concordance, repeatability and variation within cases: published data, known answers, simulated coverage."""

import numpy as np
import pytest

from hounsfield.metrics.repeatability import concordance_correlation, repeatability_coefficient, variation_within

WRIGHT = (
    (494, 490), (395, 397), (516, 512), (434, 401), (476, 470), (557, 611), (413, 415), (442, 431), (650, 638),
    (433, 429), (417, 420), (656, 633), (267, 275), (478, 492), (178, 165), (423, 372), (427, 421),
)  # fmt: skip
"""Peak expiratory flow, two blows of 17 people, of Bland and Altman 1986."""
MINI = (512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451)
"""The first blow of each into the other meter."""


def test_the_concordance_of_the_flow_meters_is_that_of_a_plain_sum_and_of_a_bootstrap() -> None:
    first, second = np.array([one for one, _ in WRIGHT], dtype=float), np.array(MINI, dtype=float)
    found = concordance_correlation(first, second)
    covariance = np.cov(first, second, bias=True)
    assert found.value == pytest.approx(
        1 - ((first - second) ** 2).mean() / (np.trace(covariance) + (first.mean() - second.mean()) ** 2)
    )
    assert found.value == pytest.approx(0.943, abs=6e-4)
    chance = np.random.default_rng(0)
    drawn = [concordance_correlation(first[rows], second[rows]).value for rows in chance.integers(17, size=(2000, 17))]
    # in Z, where it is close to normal
    half = (np.arctanh(found.high) - np.arctanh(found.low)) / 2
    assert half == pytest.approx(1.96 * np.std(np.arctanh(drawn)), rel=0.25)


def test_the_deviation_within_people_is_the_published_one() -> None:
    """Bland and Altman 1996 (BMJ 313:744) print 15.3 l/min, of which 2.77 is the repeatability."""
    found = repeatability_coefficient(np.array(WRIGHT))
    assert found.value / (1.96 * np.sqrt(2)) == pytest.approx(15.3, abs=0.05)
    assert found.low < found.value < found.high


def test_pairs_on_a_line_that_is_not_that_of_equal_values_agree_less() -> None:
    values = np.linspace(1, 10, 10)
    assert concordance_correlation(values, values).value == pytest.approx(1)
    assert concordance_correlation(values, -values + 11).value == pytest.approx(-1)
    spread = values.var()
    shifted, scaled = concordance_correlation(values, values + 3), concordance_correlation(values, 2 * values)
    assert shifted.value == pytest.approx(2 * spread / (2 * spread + 9))
    assert scaled.value == pytest.approx(4 * spread / (5 * spread + values.mean() ** 2))
    assert concordance_correlation(values + 3, values) == shifted


@pytest.mark.parametrize("pair", [([1, 2], [1, 2]), ([5, 5, 5], [5, 5, 5]), ([], [])])
def test_too_few_or_equal_values_have_no_concordance(pair: tuple[list[float], list[float]]) -> None:
    assert np.isnan(concordance_correlation(*pair).value)


def test_a_constant_agrees_with_nothing_that_changes() -> None:
    found = concordance_correlation([5, 5, 5, 5], [1, 2, 3, 4])
    assert found.value == 0
    assert np.isnan(found.low)


@pytest.mark.parametrize("repetitions", [2, 5])
def test_the_intervals_hold_the_truth_as_often_as_they_say(repetitions: int) -> None:
    chance, truth, held = np.random.default_rng(0), 1.96 * np.sqrt(2) * 3.0, 0
    for _ in range(600):
        table = chance.normal(50, 10, (12, 1)) + chance.normal(0, 3, (12, repetitions))
        found = repeatability_coefficient(table)
        held += found.low <= truth <= found.high
    assert held / 600 == pytest.approx(0.95, abs=0.025)


def test_the_concordance_interval_holds_the_truth_as_often_as_it_says() -> None:
    chance, held = np.random.default_rng(1), 0
    truth = 2 * 100 / (2 * 109 + 4)
    for _ in range(600):
        centre = chance.normal(0, 10, 60)
        first, second = centre + chance.normal(0, 3, 60), centre + 2 + chance.normal(0, 3, 60)
        found = concordance_correlation(first, second)
        held += found.low <= truth <= found.high
    assert held / 600 == pytest.approx(0.95, abs=0.03)


def test_95_of_100_pairs_differ_by_less_than_the_coefficient() -> None:
    chance = np.random.default_rng(2)
    table = chance.normal(0, 50, (20000, 1)) + chance.normal(0, 4, (20000, 2))
    found = repeatability_coefficient(table).value
    assert np.mean(np.abs(table[:, 0] - table[:, 1]) <= found) == pytest.approx(0.95, abs=0.005)


@pytest.mark.parametrize(
    ("table", "variation"),
    [
        ([[90, 110]], np.sqrt(200) / 100),
        ([[90, 110], [-90, -110]], np.sqrt(200) / 100),
        ([[5, 5], [7, 7]], 0.0),
        ([[9, 11], [190, 210]], np.sqrt((2 / 100 + 200 / 40000) / 2)),
        ([[-1, 1], [5, 6]], np.nan),
        ([[4], [5]], np.nan),
    ],
)
def test_variation_is_that_of_each_case_about_its_own_mean(table: list[list[float]], variation: float) -> None:
    assert variation_within(np.array(table, dtype=float)) == pytest.approx(variation, nan_ok=True)


def test_one_measurement_has_no_repeatability() -> None:
    assert np.isnan(repeatability_coefficient(np.ones((4, 1))).value)
