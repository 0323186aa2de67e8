"""Reference values and grades of the chambers of the heart by echocardiography (ASE/EACVI 2015), by sex."""

from dataclasses import dataclass
from typing import Literal

from hounsfield.clinical.rules.checked import round_half_up
from hounsfield.clinical.rules.heart_bands import Band, require
from hounsfield.clinical.rules.source import rule
from hounsfield.errors import SettingsError

CHAMBERS = "ase-eacvi-2015-chambers"
Sex = Literal["M", "F"]


@dataclass(frozen=True)
class ChamberBand(Band):
    """A grade with the reference range it was held against.

    Attributes:
        low: lower end of the reference range.
        high: upper end of the reference range.
        unit: UCUM unit of all three.
    """

    low: float
    high: float
    unit: str


def chamber_parameters() -> tuple[str, ...]:
    """Return the measures that have a table."""
    keys = (row.key for row in rule(CHAMBERS).rows)
    return tuple(dict.fromkeys(key.removesuffix(".M.grades") for key in keys if key.endswith(".M.grades")))


def grade_chamber(parameter: str, value: float, sex: str | None) -> ChamberBand:
    """Return the grade of a measure of echocardiography: ``within``, ``mild``, ``moderate``, ``severe``, or outside.

    ``below`` and ``above`` are the other side of the reference range, which has no grades. The value is in the unit
    of the table (cm, ml, g, %) and is rounded to its decimals before it is compared.

    Raises:
        SettingsError: ``E220``, no such measure, no number for it, or a sex that the table does not have.
    """
    if sex not in ("M", "F"):
        raise SettingsError("E220", name="sex", found=sex, expected="M, F")
    if parameter not in chamber_parameters():
        raise SettingsError("E220", name="parameter", found=parameter, expected=", ".join(chamber_parameters()))
    require(parameter, value, may_be_zero=True)
    table, key = rule(CHAMBERS), f"{parameter}.{sex}"
    row, grades = table.row(key), table.row(f"{key}.grades")
    compared = round_half_up(value, int(row.number("decimals")))
    low, high = row.number("low"), row.number("high")
    used: tuple[str, ...] = (key,)
    is_low_abnormal = bool(grades.values["is_low_abnormal"])
    if low <= compared <= high:
        grade = "within"
    elif (compared < low) != is_low_abnormal:
        grade = "below" if compared < low else "above"
    else:
        limits = grades.number("mild"), grades.number("moderate")
        grade, used = _graded(compared, limits, is_low_abnormal=is_low_abnormal), (key, f"{key}.grades")
    return ChamberBand(parameter, compared, grade, table.source(*used), low, high, row.text("unit"))


def _graded(compared: float, limits: tuple[float, float], *, is_low_abnormal: bool) -> str:
    mild, moderate = limits
    if is_low_abnormal:
        return "mild" if compared >= mild else "moderate" if compared >= moderate else "severe"
    return "mild" if compared <= mild else "moderate" if compared <= moderate else "severe"


def ventricular_geometry(relative_wall_thickness: float, mass_index_g_m2: float, sex: str | None) -> str:
    """Return the geometry: ``unremarkable``, ``concentric-remodelling``, ``eccentric-`` or ``concentric-hypertrophy``.

    Raises:
        SettingsError: ``E220``, a sex that the table does not have.
    """
    if sex not in ("M", "F"):
        raise SettingsError("E220", name="sex", found=sex, expected="M, F")
    row = rule(CHAMBERS).row("geometry")
    is_thick = round_half_up(relative_wall_thickness, 2) > row.number("relative_wall_thickness_most")
    is_heavy = round_half_up(mass_index_g_m2, 0) > row.number(f"mass_index_most_{sex}")
    if is_heavy:
        return "concentric-hypertrophy" if is_thick else "eccentric-hypertrophy"
    return "concentric-remodelling" if is_thick else "unremarkable"


def is_outside_limit(parameter: str, value: float) -> bool:
    """Whether a measure of the right heart lies outside its one limit, such as ``tapse_mm`` below 17.

    Raises:
        SettingsError: ``E220``, the table has no such limit.
    """
    rows = {row.key: row for row in rule(CHAMBERS).rows if {"most", "least"} & set(row.values)}
    if parameter not in rows:
        raise SettingsError("E220", name="parameter", found=parameter, expected=", ".join(rows))
    row = rows[parameter]
    return value > row.number("most") if "most" in row.values else value < row.number("least")
