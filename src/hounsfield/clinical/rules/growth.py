"""Growth and mass of a lung nodule: sphere equivalents, doubling time with its interval, when to report it."""

import math

from hounsfield.clinical.rules.checked import checked_above, checked_number, checked_word
from hounsfield.clinical.rules.malignancy import NODULE_TYPES
from hounsfield.clinical.rules.source import rule
from hounsfield.core.prediction import Interval

RULE = "growth-vdt"
_NORMAL_QUANTILE_95 = 1.959963984540054


def sphere_volume_mm3(diameter_mm: float) -> float:
    """Return the volume of a sphere, pi/6 d^3."""
    return math.pi / 6.0 * checked_number(RULE, "diameter_mm", diameter_mm) ** 3


def sphere_diameter_mm(volume_mm3: float) -> float:
    """Return the diameter of the sphere of a volume."""
    return float((6.0 * checked_number(RULE, "volume_mm3", volume_mm3) / math.pi) ** (1.0 / 3.0))


def nodule_mass_mg(volume_mm3: float, mean_hu: float) -> float:
    """Return the mass of a nodule in milligrams, V (mm3) (HU + 1000) / 1000; not below 0."""
    offset = rule("nodule-mass").number("water-offset", "value_hu")
    hounsfield = checked_number("nodule-mass", "mean_hu", mean_hu, -offset)
    return checked_number("nodule-mass", "volume_mm3", volume_mm3) * (hounsfield + offset) / offset


def volume_doubling_time_days(first_volume_mm3: float, second_volume_mm3: float, interval_days: float) -> float | None:
    """Return the volume doubling time t ln 2 / ln(V2 / V1) in days; None where it cannot be computed.

    It cannot where the nodule did not grow, or the interval is below about 30 days. Whether growth exceeds the error of
    measurement is asked of ``is_reportable_growth``.

    Example:
        >>> round(volume_doubling_time_days(113.1, 268.1, 90), 1)
        72.3
    """
    first = checked_above(RULE, "first_volume_mm3", first_volume_mm3)
    second = checked_above(RULE, "second_volume_mm3", second_volume_mm3)
    days = checked_number(RULE, "interval_days", interval_days)
    if second <= first or days < rule(RULE).number("shortest-interval", "value_days"):
        return None
    return days * math.log(2.0) / math.log(second / first)


def doubling_time_of_diameters_days(
    first_diameter_mm: float, second_diameter_mm: float, interval_days: float
) -> float | None:
    """Return the volume doubling time from diameters, t ln 2 / (3 ln(d2 / d1)), in days; None as for volumes."""
    return volume_doubling_time_days(
        sphere_volume_mm3(checked_above(RULE, "first_diameter_mm", first_diameter_mm)),
        sphere_volume_mm3(checked_above(RULE, "second_diameter_mm", second_diameter_mm)),
        interval_days,
    )


def doubling_time_interval_days(
    first_volume_mm3: float, second_volume_mm3: float, interval_days: float, volume_error_fraction: float
) -> Interval | None:
    """Return the doubling time with its 95 % interval from the error of measuring a volume; None as without interval.

    ln(V2 / V1) has the standard deviation sqrt(2) times that of one ln V, which is near the relative error. Where the
    interval of the growth reaches 0, its upper end is infinite: no growth at all cannot be excluded.

    Args:
        first_volume_mm3: earlier volume.
        second_volume_mm3: later volume.
        interval_days: between them.
        volume_error_fraction: relative standard deviation of measuring one volume, such as 0.1.
    """
    value = volume_doubling_time_days(first_volume_mm3, second_volume_mm3, interval_days)
    error = checked_number(RULE, "volume_error_fraction", volume_error_fraction, 0, 1)
    if value is None:
        return None
    growth = math.log(second_volume_mm3 / first_volume_mm3)
    half = _NORMAL_QUANTILE_95 * math.sqrt(2.0) * error
    doubling = interval_days * math.log(2.0)
    high = doubling / (growth - half) if growth > half else math.inf
    return Interval(value, doubling / (growth + half), high)


def is_reportable_growth(first_volume_mm3: float, second_volume_mm3: float) -> bool:
    """Tell whether growth exceeds the error of measurement: 25 % of volume or more (BTS, NELSON)."""
    first = checked_above(RULE, "first_volume_mm3", first_volume_mm3)
    second = checked_number(RULE, "second_volume_mm3", second_volume_mm3)
    least = rule(RULE).number("reportable-growth", "value_percent")
    return (second - first) * 100.0 >= least * first - 1e-9 * first


def doubling_time_band(doubling_time_days: float, nodule_type: str) -> str:
    """Return the band of a doubling time of a solid nodule: ``suspicious``, ``indeterminate`` or ``likely-benign``.

    Sub-solid cancers double in 598 to 848 days on average, so the bands do not hold for them and the answer is empty.
    """
    table = rule(RULE)
    days = checked_above(RULE, "doubling_time_days", doubling_time_days)
    if checked_word(RULE, "nodule_type", nodule_type, NODULE_TYPES) != "solid":
        return ""
    if days < table.number("suspicious", "below_days"):
        return "suspicious"
    return "likely-benign" if days > table.number("likely-benign", "above_days") else "indeterminate"
