"""Coronary calcium in words and weights: Agatston's weights, thresholds by tube voltage, classes, CAC-DRS."""

from hounsfield.clinical.rules.checked import round_half_up
from hounsfield.clinical.rules.heart_bands import require
from hounsfield.clinical.rules.source import rule
from hounsfield.errors import SettingsError

AGATSTON = "agatston-1990"
WEIGHTS = (4, 3, 2, 1)


def agatston_weight(peak_hu: float) -> int:
    """Return the weight of a lesion by its brightest pixel in the slice: 130 HU 1, 200 HU 2, 300 HU 3, 400 HU 4."""
    table = rule(AGATSTON)
    return next((weight for weight in WEIGHTS if peak_hu >= table.number(f"weight.{weight}", "least")), 0)


def calcium_threshold(tube_kvp: float) -> float | None:
    """Return the threshold in HU for a tube voltage, None where no table has one."""
    rows = {row.key: row for row in rule(AGATSTON).rows}
    row = rows.get(f"kvp.{tube_kvp:g}")
    return None if row is None else row.number("threshold")


def agatston_bin(score: float) -> str:
    """Return the classic class of a score: ``0``, ``1-10``, ``11-100``, ``101-400`` or ``>400``.

    Any calcium at all is at least ``1-10``; else the score is rounded to a whole number first.
    """
    require("score", score, may_be_zero=True)
    whole = max(round_half_up(score, 0), 1.0) if score > 0 else 0.0
    for row in rule(AGATSTON).rows:
        if row.key.startswith("bin.") and "most" in row.values and whole <= row.number("most"):
            return row.key.removeprefix("bin.")
    return ">400"


def cac_drs(score: float, vessel_count: int | None = None) -> str:
    """Return CAC-DRS: A0 no calcium, A1 below 100, A2 below 300, A3 from 300, with N0-N4 where vessels are known.

    Raises:
        SettingsError: ``E220``, not a score, or another number of vessels than 0 to 4.
    """
    require("score", score, may_be_zero=True)
    if vessel_count is not None and vessel_count not in range(5):
        raise SettingsError("E220", name="vessel_count", found=vessel_count, expected="0-4")
    table = rule("cac-drs-2018")
    grade = "A0" if score == 0 else next((key for key in ("A1", "A2") if score < table.number(key, "below")), "A3")
    return grade if vessel_count is None else f"{grade}/N{vessel_count}"
