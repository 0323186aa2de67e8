"""The table of quality checks: code, unit and limit of each. The table is data; this module looks it up."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from hounsfield.core.quality import QualityCheck, QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis, Volume

_STOPPING = ("finite", "levels")


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
        """Where a fault begins, as text."""
        if self.above is not None:
            return f"> {self.above:g}"
        return "" if self.below is None else f"< {self.below:g}"

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
        return QualityCheck(self.name, self.code, None, self.unit, self.threshold, issue)

    def skip(self, reason: str) -> QualityCheck:
        """Return the check as not made, with the label that says why."""
        return QualityCheck(self.name, self.code, None, self.unit, self.threshold, None, reason)


@cache
def criteria() -> Mapping[str, Criterion]:
    """Return the table by name."""
    return {name: Criterion(name, **row) for name, row in _table()["checks"].items()}


def told_checks(issues: Iterable[QualityIssue], volume: Volume) -> tuple[QualityCheck, ...]:
    """Return the checks that reading and ``check_volume`` made, from the issues they told.

    A reject of the samples ends ``check_volume``, so the checks after it count as not made; neither are those made that
    ask for a stack or for Hounsfield units where the volume is none or has none.
    """
    found: dict[str, QualityIssue] = {}
    for told in issues:
        found.setdefault(told.code, told)
    checks, is_stopped = [], False
    for name, codes in _table()["told"].items():
        issue = next((found[code] for code in codes if code in found), None)
        reason = "" if issue else "unchecked-rejected" if is_stopped else _not_asked(name, volume)
        checks.append(QualityCheck(name, issue.code if issue else codes[0], issue=issue, reason=reason))
        is_stopped |= name in _STOPPING and issue is not None
    return tuple(checks)


def _not_asked(name: str, volume: Volume) -> str:
    if name.endswith("-slices") and volume.slice_axis is not SliceAxis.SPACE:
        return "unchecked-stack"
    return "unchecked-not-ct" if name == "rescale" and volume.quantity is not Quantity.HOUNSFIELD else ""


@cache
def _table() -> Any:
    return json.loads(files("hounsfield.image").joinpath("data/quality.json").read_text(encoding="utf-8"))
