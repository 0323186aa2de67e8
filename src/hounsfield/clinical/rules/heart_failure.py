"""Ranges of the ejection fraction (Universal Definition of Heart Failure 2021); a range is no diagnosis."""

from hounsfield.clinical.rules.checked import round_half_up
from hounsfield.clinical.rules.heart_bands import require
from hounsfield.clinical.rules.source import rule

FAILURE = "heart-failure-2021"


def ejection_fraction_range(ejection_fraction_percent: float) -> str:
    """Return ``reduced`` (at most 40 %), ``mildly-reduced`` (41-49 %) or ``preserved`` (50 % and more).

    The fraction is rounded to whole percent first, since the bands are written in whole percent.
    """
    require("ejection_fraction_percent", ejection_fraction_percent, may_be_zero=True)
    table, value = rule(FAILURE), round_half_up(ejection_fraction_percent, 0)
    if value <= table.number("reduced", "most"):
        return "reduced"
    return "mildly-reduced" if value <= table.number("mildly-reduced", "most") else "preserved"


def is_improved(baseline_percent: float, now_percent: float) -> bool:
    """Whether a fraction has improved: at most 40 % before, at least 10 points more, and above 40 % now."""
    row = rule(FAILURE).row("improved")
    before, now = round_half_up(baseline_percent, 0), round_half_up(now_percent, 0)
    is_low_before = before <= row.number("baseline_most")
    return is_low_before and now - before >= row.number("rise_least") and now > row.number("above")


def is_cardiotoxic_drop(baseline_percent: float, now_percent: float) -> bool:
    """Whether a fraction fell by 10 points or more to below 50 %."""
    row = rule(FAILURE).row("cardiotoxicity")
    before, now = round_half_up(baseline_percent, 0), round_half_up(now_percent, 0)
    return before - now >= row.number("drop_least") and now < row.number("below")
