"""Lung-RADS v2022: every row of its table, typed here again, at and beside each of its limits."""

import math

import pytest

from hounsfield.clinical.rules import (
    has_risen_band,
    is_lung_rads_juxtapleural,
    is_positive_screen,
    lung_rads_after_follow_up,
    lung_rads_by_kind,
    lung_rads_by_size,
    lung_rads_by_volume,
    lung_rads_category,
    lung_rads_diameter_mm,
    lung_rads_exam,
    lung_rads_state,
    lung_rads_suspects_infection,
    rule,
    rule_source,
)
from hounsfield.core.conclusion import Certainty
from hounsfield.errors import SettingsError


def category(*arguments, **more):
    return lung_rads_category(lung_rads_by_size(*arguments, **more))


@pytest.mark.parametrize(
    ("long_axis", "short_axis", "mean"),
    [(6.0, 6.0, 6.0), (6.46, 5.45, 6.0), (5.96, 5.96, 6.0), (5.94, 5.94, 5.9), (7.0, 6.9, 7.0), (4.05, 4.05, 4.1)],
)
def test_axes_and_mean_are_rounded_to_a_tenth(long_axis, short_axis, mean):
    assert lung_rads_diameter_mm(long_axis, short_axis) == mean


@pytest.mark.parametrize(
    ("state", "size", "expected"),
    [
        ("baseline", 2.0, "2"), ("baseline", 5.9, "2"), ("baseline", 6.0, "3"), ("baseline", 7.9, "3"),
        ("baseline", 8.0, "4A"), ("baseline", 14.9, "4A"), ("baseline", 15.0, "4B"), ("baseline", 40.0, "4B"),
        ("new", 3.9, "2"), ("new", 4.0, "3"), ("new", 5.9, "3"), ("new", 6.0, "4A"), ("new", 7.9, "4A"),
        ("new", 8.0, "4B"), ("growing", 3.0, "4A"), ("growing", 7.9, "4A"), ("growing", 8.0, "4B"),
        ("baseline", 5.94, "2"), ("baseline", 5.95, "3"), ("baseline", 5.96, "3"),
    ],
)  # fmt: skip
def test_solid(state, size, expected):
    assert category("solid", state, size) == expected


@pytest.mark.parametrize(
    ("state", "volume", "expected"),
    [
        ("baseline", 112, "2"), ("baseline", 113, "3"), ("baseline", 267, "3"), ("baseline", 268, "4A"),
        ("baseline", 1766, "4A"), ("baseline", 1767, "4B"), ("new", 33, "2"), ("new", 34, "3"), ("new", 112, "3"),
        ("new", 113, "4A"), ("new", 267, "4A"), ("new", 268, "4B"), ("growing", 267, "4A"), ("growing", 268, "4B"),
    ],
)  # fmt: skip
def test_solid_by_volume(state, volume, expected):
    assert lung_rads_category(lung_rads_by_volume("solid", state, volume)) == expected


def test_volumes_are_those_of_spheres():
    for row in rule("lung-rads-2022").rows:
        for end in ("from", "below"):
            if f"volume_{end}" in row.values:
                assert row.number(f"volume_{end}") == round(math.pi / 6 * row.number(f"whole_{end}") ** 3)


@pytest.mark.parametrize(
    ("state", "whole", "part", "expected"),
    [
        ("baseline", 5.9, 3.0, "2"), ("baseline", 6.0, 0.0, "3"), ("baseline", 12.0, 5.9, "3"),
        ("baseline", 12.0, 6.0, "4A"), ("baseline", 12.0, 7.9, "4A"), ("baseline", 12.0, 8.0, "4B"),
        ("new", 5.9, 2.0, "3"), ("new", 6.0, 3.9, "4A"), ("new", 6.0, 4.0, "4B"),
        ("growing", 5.0, 3.9, "4A"), ("growing", 20.0, 3.9, "4A"), ("growing", 20.0, 4.0, "4B"),
    ],
)  # fmt: skip
def test_part_solid(state, whole, part, expected):
    assert category("part-solid", state, whole, part) == expected


def test_ground_glass_that_grows_around_a_solid_part_is_judged_as_at_first():
    assert category("part-solid", "growing", 12, 5, is_solid_part_new=False) == "3"
    assert category("part-solid", "growing", 12, 5) == "4B"


@pytest.mark.parametrize("state", ["baseline", "new", "growing"])
def test_non_solid(state):
    assert category("non-solid", state, 29.9) == "2"
    assert category("non-solid", state, 30.0) == "3"
    assert lung_rads_category(lung_rads_by_volume("non-solid", state, 14136)) == "2"
    assert lung_rads_category(lung_rads_by_volume("non-solid", state, 14137)) == "3"


@pytest.mark.parametrize(
    ("kind", "state", "expected"),
    [
        ("airway-subsegmental", "baseline", "2"), ("airway-subsegmental", "new", "2"),
        ("airway-subsegmental", "stable", "2"), ("airway-segmental", "baseline", "4A"),
        ("airway-segmental", "stable", "4B"), ("airway-segmental", "growing", "4B"),
        ("cyst", "growing-cystic-component", "3"), ("cyst", "thick-walled", "4A"), ("cyst", "multilocular", "4A"),
        ("cyst", "became-multilocular", "4A"), ("cyst", "growing-wall", "4B"), ("cyst", "growing-multilocular", "4B"),
        ("cyst", "more-loculation", "4B"), ("benign", "", "1"),
    ],
)  # fmt: skip
def test_what_is_no_matter_of_size(kind, state, expected):
    assert lung_rads_category(lung_rads_by_kind(kind, state)) == expected


@pytest.mark.parametrize(("kind", "state"), [("cyst", "thin-walled-unilocular"), ("airway-subsegmental", "growing")])
def test_what_the_rule_does_not_score_has_no_row(kind, state):
    assert lung_rads_by_kind(kind, state) == ""


@pytest.mark.parametrize(
    ("arguments", "is_benign"),
    [
        ((9.9, True, True, True), True), ((10.0, True, True, True), False), ((9.96, True, True, True), False),
        ((5, False, True, True), False), ((5, True, False, True), False), ((5, True, True, False), False),
    ],
)  # fmt: skip
def test_juxtapleural(arguments, is_benign):
    assert is_lung_rads_juxtapleural(*arguments) is is_benign


@pytest.mark.parametrize(
    ("key", "expected"),
    [("solid-baseline-2", "2"), ("solid-baseline-3", "4X"), ("solid-baseline-4a", "4X"), ("solid-baseline-4b", "4X"),
     ("benign", "1")],
)  # fmt: skip
def test_suspicious_features_make_4x_of_3_and_4_alone(key, expected):
    assert lung_rads_category(key, has_suspicious_features=True) == expected


@pytest.mark.parametrize(
    ("before", "after", "months", "state"),
    [
        (6.0, 7.5, 12, "stable"), (6.0, 7.6, 12, "growing"), (6.0, 7.6, 3, "growing"), (6.0, 4.0, 12, "stable"),
        (6.0, 8.0, 24, "slow-growing"), (6.0, 9.1, 24, "growing"), (6.1, 7.6, 12, "stable"),
    ],
)  # fmt: skip
def test_growth_is_more_than_a_millimetre_and_a_half_in_a_year(before, after, months, state):
    assert lung_rads_state(before, after, months) == state


@pytest.mark.parametrize(
    ("arguments", "has_risen"),
    [
        (("solid", 5.9, 6.0), True), (("solid", 5.0, 5.9), False), (("solid", 14.0, 15.0), True),
        (("solid", 8.0, 6.0), False), (("non-solid", 29.9, 30.0), True), (("part-solid", 9, 9, 5.9, 6.0), True),
        (("part-solid", 5.9, 6.0), True), (("part-solid", 9, 9.5, 4, 5), False),
    ],
)  # fmt: skip
def test_a_stable_nodule_can_come_into_a_higher_band(arguments, has_risen):
    assert has_risen_band(*arguments) is has_risen


@pytest.mark.parametrize(
    ("before", "months", "is_airway", "after"),
    [
        ("3", 6, False, "2"), ("3", 5, False, "3"), ("4A", 3, False, "3"), ("4A", 2, False, "4A"),
        ("4A", 3, True, "4B"), ("2", 12, False, "2"), ("4B", 3, False, "4B"), ("1", 12, False, "1"),
    ],
)  # fmt: skip
def test_stepped_follow_up(before, months, is_airway, after):
    assert lung_rads_after_follow_up(before, months, is_airway) == after


@pytest.mark.parametrize(
    ("categories", "more", "expected"),
    [
        ((), {}, "1"), (("2", "4A", "3"), {}, "4A"), (("4B", "4X"), {}, "4X"), (("2",), {"has_other_finding": 1}, "2S"),
        (("4B",), {"is_incomplete": True}, "0"), (("1", "2"), {}, "2"),
    ],
)  # fmt: skip
def test_the_most_suspicious_nodule_gives_the_category(categories, more, expected):
    assert lung_rads_exam(categories, **more) == expected
    assert is_positive_screen(expected) is expected.startswith(("3", "4"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((False, 6, 0, False), False), ((False, 7, 0, False), True), ((True, 0, 0, False), True),
        ((False, 1, 8.0, False), True), ((False, 1, 7.9, False), False), ((False, 1, 5, True), True),
        ((False, 0, 0, True), False),
    ],
)  # fmt: skip
def test_signs_of_infection(arguments, expected):
    assert lung_rads_suspects_infection(*arguments) is expected


@pytest.mark.parametrize(
    ("category", "words", "malignancy", "prevalence"),
    [
        ("0", "1 to 3 months", "n/a", "about 1 %"), ("1", "12 months", "< 1 %", "39 %"),
        ("2", "12 months", "< 1 %", "45 %"), ("3", "6 months", "1-2 %", "9 %"), ("4a", "3 months", "5-15 %", "4 %"),
        ("4b", "referral", "> 15 %", "3 % (4B and 4X)"), ("4x", "as 4B", "> 15 %", "3 % (4B and 4X)"),
    ],
)  # fmt: skip
def test_management_is_an_option_and_from_memory(category, words, malignancy, prevalence):
    row = rule("lung-rads-2022").row(f"management-{category}")
    assert words in row.en
    assert "an option" in row.en
    assert "可选方案" in row.zh
    assert (row.text("malignancy"), row.text("prevalence")) == (malignancy, prevalence)
    assert rule_source("lung-rads-2022", row.key).certainty is Certainty.MEMORY


@pytest.mark.parametrize(
    "call",
    [
        lambda: lung_rads_by_size("solid", "stable", 5),
        lambda: lung_rads_by_size("ground glass", "new", 5),
        lambda: lung_rads_by_size("solid", "new", 0),
        lambda: lung_rads_by_size("part-solid", "new", 6, 7),
        lambda: lung_rads_by_volume("part-solid", "new", 100),
        lambda: lung_rads_exam(["5"]),
        lambda: lung_rads_after_follow_up("4C", 3),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(SettingsError, match="E202"):
        call()


ORDER = ("1", "2", "3", "4A", "4B")


@pytest.mark.parametrize("state", ["baseline", "new", "growing"])
@pytest.mark.parametrize("kind", ["solid", "part-solid", "non-solid"])
def test_a_larger_nodule_is_never_less_suspicious(kind, state):
    """Every tenth of a millimetre to 40 mm has exactly one row, and the category only rises."""
    ranks = [ORDER.index(category(kind, state, tenths / 10)) for tenths in range(1, 401)]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) > 1 or (kind, state) == ("part-solid", "growing")


@pytest.mark.parametrize("state", ["baseline", "new", "growing"])
def test_a_larger_solid_part_is_never_less_suspicious(state):
    ranks = [ORDER.index(category("part-solid", state, 20, tenths / 10)) for tenths in range(201)]
    assert ranks == sorted(ranks)
    assert ranks[-1] == ORDER.index("4B")


@pytest.mark.parametrize("state", ["baseline", "new", "growing"])
@pytest.mark.parametrize("diameter", [3.0, 5.0, 7.0, 9.0, 14.0, 16.0, 29.0, 31.0])
def test_diameter_and_volume_of_a_sphere_agree(state, diameter):
    volume = math.pi / 6 * diameter**3
    for kind in ("solid", "non-solid"):
        assert lung_rads_by_volume(kind, state, volume) == lung_rads_by_size(kind, state, diameter)


def test_new_nodules_are_judged_at_smaller_sizes():
    for tenths in range(1, 401):
        first, new = (ORDER.index(category("solid", state, tenths / 10)) for state in ("baseline", "new"))
        assert new >= first
