"""Checks of inputs: rounding as people do it, and refusals that name rule, input, value and bounds."""

import math
from decimal import Decimal

import numpy as np
import pytest

from hounsfield.clinical.rules.checked import checked_above, checked_number, checked_word, round_half_up
from hounsfield.errors import SettingsError


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (5.95, 1, 6.0),
        (5.85, 1, 5.9),
        (5.94, 1, 5.9),
        (0.05, 1, 0.1),
        (2.5, 0, 3.0),
        (3.5, 0, 4.0),
        (8.4999, 0, 8.0),
        (1.005, 2, 1.01),
        (113, 0, 113.0),
        (np.float64(5.95), 1, 6.0),
        (np.float32(2.5), 0, 3.0),
    ],
)
def test_halves_go_up(value, decimals, expected):
    assert round_half_up(value, decimals) == expected


def test_binary_rounding_would_differ():
    """What ``round`` makes of 5.85 and 2.5 is not what a person writes down."""
    assert round(5.85, 1) != round_half_up(5.85, 1)
    assert round(2.5) != round_half_up(2.5)


@pytest.mark.parametrize("tenths", range(1, 400, 7))
def test_every_tenth_stays_and_every_half_of_one_goes_up(tenths):
    exact = Decimal(tenths) / 10
    assert round_half_up(float(exact), 1) == float(exact)
    assert round_half_up(float(exact + Decimal("0.05")), 1) == float(exact + Decimal("0.1"))
    assert round_half_up(float(exact + Decimal("0.0499")), 1) == float(exact)


@pytest.mark.parametrize("value", [0, 4.2, 100, np.float64(3)])
def test_what_is_in_bounds_passes(value):
    assert checked_number("a", "x", value, 0, 100) == float(value)


@pytest.mark.parametrize(("value", "bounds"), [(-0.1, (0, 1)), (1.1, (0, 1)), (math.nan, (0, 1)), (math.inf, (0,))])
def test_what_is_out_of_bounds_is_named_in_both_languages(value, bounds):
    with pytest.raises(SettingsError) as caught:
        checked_number("brock-2b", "age_years", value, *bounds)
    assert caught.value.code == "E202"
    for language in ("en", "zh"):
        text = caught.value.text(language)
        assert "brock-2b" in text
        assert "age_years" in text
        assert f"{value:g}" in text
        assert "?" not in text
        assert caught.value.next_step(language)


def test_a_size_is_above_nothing():
    assert checked_above("a", "x", 0.1) == 0.1
    for wrong in (0, -1, math.inf, math.nan):
        with pytest.raises(SettingsError, match=r"E202.*> 0"):
            checked_above("a", "x", wrong)


def test_a_word_is_one_of_those_known():
    assert checked_word("a", "x", "solid", ("solid", "fat")) == "solid"
    with pytest.raises(SettingsError, match=r"E202.*x = fluid.*solid, fat"):
        checked_word("a", "x", "fluid", ("solid", "fat"))
