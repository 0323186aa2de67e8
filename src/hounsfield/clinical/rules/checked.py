"""Checked inputs of rules: a number that cannot be true is refused, and rounding is that of people, half upwards."""

import math
from collections.abc import Collection
from decimal import ROUND_HALF_UP, Decimal

from hounsfield.errors import SettingsError


def round_half_up(value: float, decimals: int = 0) -> float:
    """Round as a person does: 5.95 becomes 6.0, where binary arithmetic and ``round`` say 5.9 or 6.0 by chance."""
    return float(Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


def checked_number(rule: str, name: str, value: float, low: float = 0.0, high: float = math.inf) -> float:
    """Return a number that lies from ``low`` to ``high``.

    Raises:
        SettingsError: ``E202`` it does not, or is no finite number.
    """
    if not math.isfinite(value) or not low <= value <= high:
        expected = f">= {low:g}" if math.isinf(high) else f"{low:g}-{high:g}"
        raise SettingsError("E202", rule=rule, name=name, found=f"{value:g}", expected=expected)
    return float(value)


def checked_above(rule: str, name: str, value: float, low: float = 0.0) -> float:
    """Return a number that lies above ``low``, such as the diameter of something that is there.

    Raises:
        SettingsError: ``E202`` it does not, or is no finite number.
    """
    if not math.isfinite(value) or value <= low:
        raise SettingsError("E202", rule=rule, name=name, found=f"{value:g}", expected=f"> {low:g}")
    return float(value)


def checked_word(rule: str, name: str, value: str, words: Collection[str]) -> str:
    """Return a word that the rule knows.

    Raises:
        SettingsError: ``E202`` it does not know it.
    """
    if value not in words:
        raise SettingsError("E202", rule=rule, name=name, found=value, expected=", ".join(words))
    return value
