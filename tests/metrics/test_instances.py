"""Objects matched by overlap, against a plain count over every pair."""

import numpy as np
import pytest

from hounsfield.metrics.case_means import mean_of
from hounsfield.metrics.instances import ObjectCounts, match_objects
from hounsfield.metrics.weights import value_of


def plain_count(found: np.ndarray, drawn: np.ndarray, least: float) -> ObjectCounts:
    first = [found == number for number in np.unique(found) if number]
    second = [drawn == number for number in np.unique(drawn) if number]
    matched = sum(any((one & other).sum() / (one | other).sum() > least for other in second) for one in first)
    return ObjectCounts(matched, len(first), len(second))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("least", [0.5, 0.75])
def test_counts_are_those_of_every_pair(seed: int, least: float) -> None:
    chance = np.random.default_rng(seed)
    drawn = np.kron(chance.integers(0, 9, (6, 6)), np.ones((4, 4), dtype=np.int64))
    found = np.roll(drawn, 1, axis=0) * (chance.random(drawn.shape) > 0.1)
    assert match_objects(found, drawn, least) == plain_count(found, drawn, least)


def test_half_an_overlap_is_not_enough() -> None:
    drawn = np.array([[1, 1, 0, 0]])
    assert match_objects(np.array([[0, 7, 0, 0]]), drawn).matched == 0
    assert match_objects(np.array([[7, 7, 7, 0]]), drawn).matched == 1


def test_nothing_to_find_and_nothing_found_is_right() -> None:
    empty = np.zeros((1, 4, 4), dtype=np.int32)
    full = empty + 1
    assert match_objects(empty, empty).f1_score == 1
    assert match_objects(full, empty).f1_score == 0
    assert match_objects(full, full).f1_score == 1


def test_mean_leaves_out_what_is_not_known_and_weighs_cases() -> None:
    statistic = mean_of(np.array([1.0, np.nan, 4.0]))
    assert value_of(statistic, 3) == 2.5
    assert statistic(np.array([[3.0, 5.0, 1.0]]))[0] == pytest.approx(7 / 4)
    assert np.isnan(statistic(np.array([[0.0, 2.0, 0.0]]))[0])
