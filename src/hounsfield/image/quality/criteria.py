"""The table of quality checks: code, unit and limit of each. The table is data; this module looks it up."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from hounsfield.core.quality import QualityCheck, QualityIssue, Severity
from hounsfield.core.volume import SliceAxis, Volume


@dataclass(frozen=True)
class Criterion:
    """One row of the table.

    Attributes:
        name: which check.
        code: the issue it raises.
        unit: UCUM code of value and limit.
        above: a value beyond this is a fault, None where nothing is too high.
        below: a value under this is a fault, None where nothing is too low.
    """

    name: str
    code: str
    unit: str
    above: float | None = None
    below: float | None = None

    @property
    def threshold(self) -> str:
        """Where a fault begins, as text; a yes is 1 and a no is 0."""
        if self.above is not None:
            return f"> {self.above:g}"
        return "> 0" if self.below is None else f"< {self.below:g}"

    def judge(self, value: float, uid: str | None = None, **facts: object) -> QualityCheck:
        """Return the check with its value, and a warning where it lies beyond the limit."""
        is_high = self.above is not None and value > self.above
        is_low = self.below is not None and value < self.below
        limit = self.above if self.above is not None else self.below
        found = {"value": f"{value:.3g}", "limit": limit, **facts}
        issue = QualityIssue(self.code, Severity.WARN, found, uid) if is_high or is_low else None
        return QualityCheck(self.name, self.code, float(f"{value:.4g}"), self.unit, self.threshold, issue)

    def decide(self, severity: Severity | None, uid: str | None = None, **facts: object) -> QualityCheck:
        """Return the check of a yes or no, with an issue where there is a severity."""
        issue = QualityIssue(self.code, severity, facts, uid) if severity else None
        return QualityCheck(self.name, self.code, float(severity is not None), self.unit, self.threshold, issue)

    def skip(self, reason: str) -> QualityCheck:
        """Return the check as not made, with the label that says why."""
        return QualityCheck(self.name, self.code, None, self.unit, self.threshold, None, reason)


@cache
def criteria() -> Mapping[str, Criterion]:
    """Return the table by name."""
    return {name: Criterion(name, **row) for name, row in _table()["checks"].items()}


def told_checks(issues: Iterable[QualityIssue], volume: Volume) -> tuple[QualityCheck, ...]:
    """Return the checks that reading made, from the issues it told.

    Those that ask for a stack are not made where the volume is none. Reading tells how far the slices of a sound stack
    are off only where they are off too far, so a pass of those two has a limit and no value.
    """
    found: dict[str, QualityIssue] = {}
    for told in issues:
        found.setdefault(told.code, told)
    return tuple(_told(name, row, found, volume) for name, row in _table()["told"].items())


def _told(name: str, row: Mapping[str, Any], found: Mapping[str, QualityIssue], volume: Volume) -> QualityCheck:
    issue = next((found[code] for code in row["codes"] if code in found), None)
    is_asked = not name.endswith("-slices") or volume.slice_axis is SliceAxis.SPACE
    reason = "" if issue or is_asked else "unchecked-stack"
    value = issue.facts.get(row["fact"]) if issue else None if reason else row.get("sound")
    number = float(value) if isinstance(value, int | float) else None
    code = issue.code if issue else row["codes"][0]
    return QualityCheck(name, code, number, row["unit"], f"> {_told_limit(row, volume):.3g}", issue, reason)


def _told_limit(row: Mapping[str, Any], volume: Volume) -> float:
    """Return the limit of a row: a number, a part of the step between slices or of a pixel, the least of them."""
    step_mm, *pixels_mm = volume.geometry.spacing_mm
    wholes = {"above": 1.0, "above_steps": step_mm, "above_pixels": min(pixels_mm)}
    return min(float(row[name]) * whole for name, whole in wholes.items() if name in row)


@cache
def _table() -> Any:
    return json.loads(files("hounsfield.image").joinpath("data/quality.json").read_text(encoding="utf-8"))
