"""Malignancy models against vectors typed from the publications' retelling, and against properties they must have."""

import math

import pytest

from hounsfield.clinical.rules import (
    brock,
    brock_parsimonious,
    brock_without_spiculation,
    bts_step,
    herder,
    mayo,
    pku,
    rule,
    va,
)
from hounsfield.errors import SettingsError


@pytest.mark.parametrize(
    ("arguments", "probability", "digits"),
    [
        ((62, False, False, False, 4, "solid", False, 4, False), 0.00112, 5),
        ((62, True, False, False, 10, "solid", True, 1, False), 0.1040, 4),
        ((70, False, True, True, 15, "part-solid", True, 2, True), 0.5306, 4),
        ((55, True, False, False, 6, "non-solid", False, 3, False), 0.0076, 4),
        ((75, True, True, True, 25, "solid", True, 1, True), 0.8269, 4),
    ],
)
def test_brock_gives_the_published_vectors(arguments, probability, digits):
    assert round(brock(*arguments), digits) == probability


def uncentred(age, female, family, emphysema, diameter, kind, upper, count, spiculation):
    """Return the log-odds of the other form of the same model, typed out: intercept 0.2761 and nothing centred."""
    log_odds = 0.2761 + 0.0287 * age + 0.6011 * female + 0.2961 * family + 0.2953 * emphysema
    log_odds += -5.3854 * (diameter / 10) ** -0.5 + {"solid": 0, "part-solid": 0.3770, "non-solid": -0.1276}[kind]
    return log_odds + 0.6581 * upper - 0.0824 * count + 0.7729 * spiculation


@pytest.mark.parametrize("age", [45, 62, 80])
@pytest.mark.parametrize("kind", ["solid", "part-solid", "non-solid"])
@pytest.mark.parametrize("diameter", [3.0, 8.5, 28.0])
def test_the_two_forms_of_brock_agree(age, kind, diameter):
    """The centred intercept is from memory; the un-centred one was read: they pin each other to four decimals."""
    for female, family, upper, count, spiculation in ((False, True, False, 5, True), (True, False, True, 1, False)):
        arguments = (age, female, family, True, diameter, kind, upper, count, spiculation)
        centred = brock(*arguments)
        assert math.log(centred / (1 - centred)) == pytest.approx(uncentred(*arguments), abs=1.5e-4)


def test_brock_wants_the_longest_diameter():
    """The trap of the fact sheet: 10 x 6 mm is 10 here, and 8 for Lung-RADS."""
    longest, mean = (brock(62, True, False, False, size, "solid", True, 1, False) for size in (10, 8))
    assert round(longest, 4) == 0.1040
    assert mean < longest


def test_brock_is_not_the_mayo_model():
    """A public calculator starts Brock from the Mayo intercept; a tiny nodule shows the difference."""
    assert rule("brock-2b").number("intercept") == -6.7892
    assert rule("mayo").number("intercept") == -6.8272


@pytest.mark.parametrize(
    ("change", "ratio"),
    [
        ({"is_female": True}, 0.6011),
        ({"has_family_history": True}, 0.2961),
        ({"has_emphysema": True}, 0.2953),
        ({"nodule_type": "part-solid"}, 0.3770),
        ({"nodule_type": "non-solid"}, -0.1276),
        ({"is_upper_lobe": True}, 0.6581),
        ({"nodule_count": 5}, -0.0824),
        ({"has_spiculation": True}, 0.7729),
        ({"age_years": 63}, 0.0287),
    ],
)
def test_each_input_of_brock_moves_the_log_odds_by_its_coefficient(change, ratio):
    base = {"age_years": 62, "is_female": False, "has_family_history": False, "has_emphysema": False,
            "longest_diameter_mm": 9, "nodule_type": "solid", "is_upper_lobe": False, "nodule_count": 4,
            "has_spiculation": False}  # fmt: skip
    before, after = brock(**base), brock(**{**base, **change})
    assert math.log(after / (1 - after)) - math.log(before / (1 - before)) == pytest.approx(ratio, abs=1e-9)


@pytest.mark.parametrize(
    "wrong",
    [
        {"longest_diameter_mm": 0},
        {"longest_diameter_mm": -4},
        {"longest_diameter_mm": math.nan},
        {"age_years": 150},
        {"nodule_type": "ground glass"},
        {"nodule_count": 0},
    ],
)
def test_what_cannot_be_is_refused(wrong):
    base = {"age_years": 62, "is_female": False, "has_family_history": False, "has_emphysema": False,
            "longest_diameter_mm": 9, "nodule_type": "solid", "is_upper_lobe": False, "nodule_count": 4,
            "has_spiculation": False}  # fmt: skip
    (name,) = wrong
    with pytest.raises(SettingsError, match=rf"E202.*brock-2b.*{name}"):
        brock(**{**base, **wrong})


def test_model_2a_by_hand():
    """x = -6.8071 + 0.5635 - 5.6693 (1 - 1.58113883) + 0.7116 - 0.0803 (1 - 4) at 10 mm, a woman of 62, upper lobe."""
    log_odds = -6.8071 + 0.5635 - 5.6693 * (1 - 1.58113883) + 0.7116 + 0.0803 * 3
    found = brock_without_spiculation(62, True, False, False, 10, "solid", True, 1)
    assert found == pytest.approx(1 / (1 + math.exp(-log_odds)))
    more = brock_without_spiculation(72, False, True, True, 10, "part-solid", False, 4)
    log_odds = -6.8071 + 0.321 + 0.3013 + 0.3462 - 5.6693 * (1 - 1.58113883) + 0.3395
    assert more == pytest.approx(1 / (1 + math.exp(-log_odds)))


def test_model_1b_by_hand():
    log_odds = -6.6144 + 0.6467 - 5.5537 * (1 - 1.58113883) + 0.6009 + 0.9309
    assert brock_parsimonious(True, 10, True, True) == pytest.approx(1 / (1 + math.exp(-log_odds)))


@pytest.mark.parametrize(
    ("arguments", "probability"),
    [
        ((62, False, False, 10, False, False), 0.0419),
        ((62, True, False, 10, False, True), 0.1746),
        ((70, True, True, 20, True, True), 0.9178),
    ],
)
def test_mayo_gives_the_vectors(arguments, probability):
    assert round(mayo(*arguments), 4) == probability


def test_va_gives_the_worked_example():
    assert round(va(62, False, 10, 0), 3) == 0.079
    assert math.log(va(62, False, 10, 0) / (1 - va(62, False, 10, 0))) == pytest.approx(-2.454, abs=5e-4)


def test_years_since_quitting_lower_the_probability():
    assert va(62, True, 10, 20) < va(62, True, 10, 0)


@pytest.mark.parametrize(
    ("flags", "log_odds"),
    [
        ((False, False, False, False), 0.52),
        ((True, False, False, False), 1.256),
        ((False, True, False, False), 1.787),
        ((False, False, True, False), -1.095),
        ((False, False, False, True), -0.888),
    ],
)
def test_pku_by_hand(flags, log_odds):
    """-4.496 + 0.07 x 62 + 0.0676 x 10 = 0.52."""
    assert pku(62, 10, *flags) == pytest.approx(1 / (1 + math.exp(-log_odds)))


@pytest.mark.parametrize(("uptake", "step"), [("none", 0), ("faint", 2.322), ("moderate", 4.617), ("intense", 4.771)])
def test_herder_by_hand(uptake, step):
    assert herder(0.2, uptake) == pytest.approx(1 / (1 + math.exp(4.739 - 0.7382 - step)))


def test_herder_knows_its_words():
    with pytest.raises(SettingsError, match=r"E202.*uptake.*faint"):
        herder(0.2, "hot")
    with pytest.raises(SettingsError, match=r"E202.*mayo_probability"):
        herder(20, "faint")


@pytest.mark.parametrize(
    ("before", "after", "step"),
    [
        (0.0999, None, "surveil-after-brock"),
        (0.0999, 0.9, "surveil-after-brock"),
        (0.10, None, "pet-ct"),
        (0.10, 0.0999, "surveil-after-herder"),
        (0.10, 0.10, "biopsy-or-resect"),
        (0.10, 0.70, "biopsy-or-resect"),
        (0.10, 0.7001, "resect"),
    ],
)
def test_the_path_of_the_british_thoracic_society(before, after, step):
    assert bts_step(before, after) == step
