"""Bands of a table: which of the grades of one measure a number falls into, after the rounding of the table."""

from dataclasses import dataclass
from math import isfinite

from hounsfield.clinical.rules.checked import round_half_up
from hounsfield.clinical.rules.source import Row, rule
from hounsfield.core.conclusion import RuleSource
from hounsfield.errors import SettingsError


@dataclass(frozen=True)
class Band:
    """Where one number lies in a table.

    Attributes:
        parameter: the measure.
        value: the number as it was compared, rounded to the decimals of the table.
        grade: the word of the table.
        source: the table, as sure as the row that answered.
    """

    parameter: str
    value: float
    grade: str
    source: RuleSource


def require(name: str, value: float, *, may_be_zero: bool = False) -> None:
    """Refuse a number that no length, area, volume or velocity can have.

    Raises:
        SettingsError: ``E220``.
    """
    if not isfinite(value) or value < 0 or (value == 0 and not may_be_zero):
        raise SettingsError("E220", name=name, found=value, expected=">= 0" if may_be_zero else "> 0")


def band_of(name: str, parameter: str, value: float) -> Band:
    """Return the band of a rule's table that a number falls into.

    Rows of such a table are called ``parameter.grade`` and hold ``low``, ``high`` and ``decimals``; None is open.

    Raises:
        SettingsError: ``E220``, the number is negative or not finite, or the table has no such measure.
    """
    require(parameter, value, may_be_zero=True)
    found = rule(name)
    rows = [row for row in found.rows if row.key.rpartition(".")[0] == parameter]
    for row in rows:
        compared = round_half_up(value, int(row.number("decimals")))
        if _holds(row, compared):
            return Band(parameter, compared, row.key.rpartition(".")[2], found.source(row.key))
    raise SettingsError("E220", name=parameter, found=value, expected=name)


def _holds(row: Row, compared: float) -> bool:
    low, high = row.values["low"], row.values["high"]
    return (low is None or compared >= row.number("low")) and (high is None or compared <= row.number("high"))
