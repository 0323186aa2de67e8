"""Fleischner 2017: each cell of both tables typed again, the rounding, and whom it does not hold for."""

import pytest

from hounsfield.clinical.rules import (
    fleischner_diameter_mm,
    fleischner_exclusions,
    fleischner_row,
    fleischner_row_by_volume,
    rule,
)
from hounsfield.errors import SettingsError

NONE, LATER = "no routine follow-up.", "18 to 24 months"
SOLID = {
    (False, False): (NONE, "CT at 6 to 12 months, then consider CT at 18", "consider CT at 3 months, PET/CT or tissue"),
    (False, True): ("optional CT at 12 months", "CT at 6 to 12 months, then at 18", "consider CT at 3 months, PET/CT"),
    (True, False): (NONE, "CT at 3 to 6 months, then consider CT at 18", "CT at 3 to 6 months, then consider CT at 18"),
    (True, True): ("optional CT at 12 months", "CT at 3 to 6 months, then at 18", "CT at 3 to 6 months, then at 18"),
}


@pytest.mark.parametrize(("is_multiple", "is_high_risk"), SOLID)
@pytest.mark.parametrize(
    ("size", "volume", "band"),
    [(4, 99, 0), (5.4, 99.4, 0), (5.5, 100, 1), (6, 101, 1), (8.4, 250, 1), (8.5, 251, 2), (25, 900, 2)],
)
def test_solid(is_multiple, is_high_risk, size, volume, band):
    key = fleischner_row("solid", size, is_multiple, is_high_risk)
    assert SOLID[is_multiple, is_high_risk][band] in rule("fleischner-2017").row(key).en
    assert fleischner_row_by_volume(volume, is_multiple, is_high_risk) == key


@pytest.mark.parametrize("is_high_risk", [False, True])
@pytest.mark.parametrize(
    ("kind", "size", "part", "is_multiple", "words"),
    [
        ("non-solid", 5, 0, False, "high risk consider CT at 2 and 4 years"),
        ("non-solid", 6, 0, False, "CT at 6 to 12 months to confirm persistence, then every 2 years until 5 years"),
        ("part-solid", 5, 2, False, NONE),
        ("part-solid", 6, 5, False, "below 6 mm, CT every year for 5 years"),
        ("part-solid", 9, 5.4, False, "below 6 mm, CT every year for 5 years"),
        ("part-solid", 9, 5.5, False, "PET/CT, biopsy or resection"),
        ("part-solid", 9, 6, False, "PET/CT, biopsy or resection"),
        ("non-solid", 5, 0, True, "if stable consider CT at 2 and 4 years"),
        ("part-solid", 5.4, 0, True, "if stable consider CT at 2 and 4 years"),
        ("non-solid", 6, 0, True, "then by the most suspicious nodule"),
        ("part-solid", 12, 8, True, "then by the most suspicious nodule"),
    ],
)
def test_sub_solid(kind, size, part, is_multiple, words, is_high_risk):
    key = fleischner_row(kind, size, is_multiple, is_high_risk, part)
    assert words in rule("fleischner-2017").row(key).en


def test_every_row_of_advice_is_an_option():
    rows = [row for row in rule("fleischner-2017").rows if "solid" in row.key]
    assert len(rows) == 19
    assert all(row.en.startswith("An option: ") and row.zh.startswith("可选方案：") for row in rows)


@pytest.mark.parametrize(
    ("long_axis", "short_axis", "mean"), [(6, 5, 6), (6, 4.9, 5), (8, 8.9, 8), (8, 9, 9), (5.5, 5.5, 6)]
)
def test_the_mean_is_rounded_to_whole_millimetres(long_axis, short_axis, mean):
    assert fleischner_diameter_mm(long_axis, short_axis) == mean


@pytest.mark.parametrize(
    ("facts", "reasons"),
    [
        ((35, False, False, False), ()),
        ((34.9, False, False, False), ("too-young",)),
        ((60, True, False, False), ("known-cancer",)),
        ((60, False, True, False), ("immunosuppressed",)),
        ((60, False, False, True), ("screening",)),
        ((20, True, True, True), ("too-young", "known-cancer", "immunosuppressed", "screening")),
        ((None, None, None, None), ()),
    ],
)
def test_whom_it_does_not_hold_for(facts, reasons):
    assert fleischner_exclusions(*facts) == reasons


def test_what_cannot_be_is_refused():
    for wrong in (("solid", 0), ("mixed", 5), ("solid", -2)):
        with pytest.raises(SettingsError, match="E202"):
            fleischner_row(*wrong, is_multiple=False, is_high_risk=False)
    with pytest.raises(SettingsError, match="E202"):
        fleischner_row_by_volume(0, False, False)
