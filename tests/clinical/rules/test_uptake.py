"""PERCIST at and beside each limit, by hand."""

import pytest

from hounsfield.clinical.rules import percist_conclusion, percist_response, percist_threshold, rule
from hounsfield.core.conclusion import Certainty
from hounsfield.errors import SettingsError


@pytest.mark.parametrize(
    ("before", "now", "is_resolved", "is_new", "expected"),
    [
        (10.0, 7.0, False, False, "PMR"), (10.0, 7.01, False, False, "SMD"), (2.0, 1.3, False, False, "SMD"),
        (2.0, 1.2, False, False, "PMR"), (10.0, 13.0, False, False, "PMD"), (10.0, 12.99, False, False, "SMD"),
        (2.0, 2.7, False, False, "SMD"), (2.0, 2.8, False, False, "PMD"), (5.0, 0.9, True, False, "CMR"),
        (5.0, 0.9, True, True, "PMD"), (5.0, 5.0, False, True, "PMD"), (5.0, 5.0, False, False, "SMD"),
    ],
)  # fmt: skip
def test_responses_by_hand(before, now, is_resolved, is_new, expected):
    assert percist_response(before, now, is_resolved, is_new) == expected
    said = percist_conclusion(before, now, is_resolved, is_new)
    assert (said.result, said.missing) == (expected, ())
    assert said.rule.certainty is Certainty.MEMORY
    assert said.wording.text("zh") == rule("percist-1.0").row(expected).zh


@pytest.mark.parametrize("place", range(4))
def test_what_is_not_known_is_named_and_stops_the_rule(place):
    given: list = [6.0, 4.0, False, False]
    given[place] = None
    said = percist_conclusion(*given)
    assert not said.is_applied
    assert said.missing == (("baseline_sul_peak", "current_sul_peak", "is_resolved", "has_new_lesion")[place],)


@pytest.mark.parametrize(("mean", "deviation", "limit"), [(2.0, 0.3, 3.6), (1.0, 0.0, 1.5), (1.6, 0.2, 2.8)])
def test_what_can_be_measured_at_baseline(mean, deviation, limit):
    assert percist_threshold(mean, deviation) == pytest.approx(limit)


@pytest.mark.parametrize("values", [(0.0, 1.0), (-1.0, 1.0), (float("nan"), 1.0), (1.0, -1.0), (1.0, float("inf"))])
def test_uptake_that_is_none_is_refused(values):
    with pytest.raises(SettingsError, match="E202"):
        percist_response(*values, is_resolved=False, has_new_lesion=False)
    with pytest.raises(SettingsError, match="E202"):
        percist_threshold(*values)
