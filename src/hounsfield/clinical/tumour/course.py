"""The course of a tumour: sums of this visit and of earlier reports, and what RECIST, mRECIST and PERCIST say."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hounsfield.clinical.rules.concluding import concluded, missing_names, not_applied
from hounsfield.clinical.rules.response import (
    are_targets_gone,
    mrecist_target_response,
    recist_targets,
    sum_of_diameters_mm,
)
from hounsfield.clinical.rules.source import rule
from hounsfield.clinical.rules.tumours import recist_conclusion
from hounsfield.clinical.rules.uptake import percist_conclusion
from hounsfield.clinical.tumour import words
from hounsfield.clinical.tumour.lesion_file import LesionEntry, LesionFile
from hounsfield.core.codes import CodedConcept
from hounsfield.core.conclusion import Conclusion, ConclusionKind, Fact
from hounsfield.core.quantities import MILLIMETRE
from hounsfield.errors import SettingsError

LARGEST_REPORT_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Sized:
    """What RECIST needs of a lesion.

    Attributes:
        entry: what the reader says.
        diameter_mm: longest diameter, of a node the short axis; 0 when gone, None when too small to measure.
    """

    entry: LesionEntry
    diameter_mm: float | None


@dataclass(frozen=True)
class Visit:
    """What an earlier report says.

    Attributes:
        study_date: DICOM DA, may be empty.
        sum_mm: sum of the diameters of its targets, None without one.
        peak: SUVpeak of its hottest lesion, None without one.
        peak_unit: its UCUM unit.
    """

    study_date: str
    sum_mm: float | None
    peak: float | None
    peak_unit: str = ""


def targets_of(sized: Sequence[Sized], slice_mm: float) -> tuple[tuple[int, ...], bool]:
    """Return the places of the targets, and whether they are a proposal: those the reader names, else the largest."""
    named = tuple(place for place, one in enumerate(sized) if one.entry.role == "target")
    if named:
        return named, False
    free = [place for place, one in enumerate(sized) if one.entry.role == "measure" and one.diameter_mm]
    lesions = [sized[place] for place in free]
    chosen = recist_targets(
        [one.diameter_mm or 0.0 for one in lesions],
        [one.entry.organ or "not stated" for one in lesions],
        [one.entry.is_node for one in lesions],
        slice_mm,
    )
    return tuple(sorted(free[place] for place in chosen)), True


def sum_of(sized: Sequence[Sized], targets: Sequence[int]) -> float:
    """Return the sum of the diameters of the targets."""
    return sum_of_diameters_mm([sized[place].diameter_mm for place in targets])


def size_conclusions(
    sized: Sequence[Sized], targets: Sequence[int], told: LesionFile, visits: Sequence[Visit]
) -> tuple[Conclusion, ...]:
    """Return the response by RECIST 1.1 or mRECIST against the sums of earlier reports, the baseline first.

    Raises:
        SettingsError: ``E249``, an earlier report has no sum.
    """
    sums = [visit.sum_mm for visit in visits]
    if any(value is None for value in sums):
        raise SettingsError("E249", found="report.json", reason="no sum of diameters")
    course = [*(value for value in sums if value is not None), sum_of(sized, targets)]
    gone = are_targets_gone(
        [sized[place].diameter_mm for place in targets], [sized[place].entry.is_node for place in targets]
    )
    if told.rule == "mrecist":
        return (_mrecist(course, is_gone=gone),)
    are_gone = [*([False] * len(visits)), gone]
    return (recist_conclusion(course, are_gone, told.non_target, has_new(told)),)


def has_new(told: LesionFile) -> bool | None:
    """Whether there is a new lesion: the reader says so, or marks one; None where nobody says."""
    return True if any(entry.role == "new" for entry in told.lesion) else told.has_new_lesion


def _mrecist(course: Sequence[float], *, is_gone: bool) -> Conclusion:
    facts = (
        *(Fact(f"sum_{place}_mm", value, MILLIMETRE) for place, value in enumerate(course)),
        Fact("nadir_mm", min(course[:-1], default=None), MILLIMETRE),
    )
    if missing_names(facts):
        return not_applied(ConclusionKind.RESPONSE, "mrecist", facts)
    key = mrecist_target_response(course[0], min(course[:-1]), course[-1], is_gone)
    said = concluded(ConclusionKind.RESPONSE, "mrecist", key, facts, rule("mrecist").row(key).wording())
    return replace(said, result=key)


def uptake_conclusion(
    peak: float | None, unit: str, liver_threshold_mean: float | None, told: LesionFile, visits: Sequence[Visit]
) -> Conclusion:
    """Return the metabolic response by PERCIST against the baseline.

    Args:
        peak: SULpeak of the hottest lesion now.
        unit: its unit; only SUV of lean mass counts.
        liver_threshold_mean: mean SUL of the liver; below it a lesion counts as resolved. None is not known.
        told: what the reader says.
        visits: earlier reports, the baseline first.

    Raises:
        SettingsError: ``E249``, the baseline has another kind of SUV.
    """
    is_lean = "SUVlbm" in unit
    baseline = visits[0].peak if visits else None
    if visits and visits[0].peak is not None and visits[0].peak_unit != unit:
        raise SettingsError("E249", found="report.json", reason=f"{visits[0].peak_unit}, not {unit}")
    resolved = None if liver_threshold_mean is None or peak is None else peak < liver_threshold_mean
    return percist_conclusion(baseline, peak if is_lean else None, resolved, has_new(told))


def read_visits(paths: Sequence[str], study_date: str = "") -> tuple[Visit, ...]:
    """Read the sums of earlier reports.

    Raises:
        SettingsError: ``E249``, a report cannot be read, or is not in the order of the dates.
    """
    visits = tuple(_read_visit(Path(path)) for path in paths)
    dates = [date for date in (*(visit.study_date for visit in visits), study_date) if date]
    if dates != sorted(dates):
        raise SettingsError("E249", found=", ".join(Path(path).name for path in paths), reason="order of the dates")
    return visits


def _read_visit(path: Path) -> Visit:
    try:
        if path.stat().st_size > LARGEST_REPORT_BYTES:
            raise SettingsError("E249", found=path.name, reason=f"> {LARGEST_REPORT_BYTES} bytes")
        data = json.loads(path.read_text(encoding="utf-8"))
        measured = [item for finding in data["findings"] for item in finding["measurements"]]
        sums = [_amount(item) for item in _of(measured, words.SUM)]
        peaks = sorted((_amount(item), str(item["unit"])) for item in _of(measured, words.SUV_PEAK))
        date = str(data.get("study_date") or "")
    except (OSError, UnicodeDecodeError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise SettingsError("E249", found=path.name, reason=type(error).__name__) from error
    peak, unit = peaks[-1] if peaks else (None, "")
    return Visit(date, sums[0] if sums else None, peak, unit)


def _amount(item: dict[str, Any]) -> float:
    """Return the value of a measurement that cannot be below nought.

    Raises:
        ValueError: it is negative, or no number: every comparison with NaN would be false, and read as stable.
    """
    value = float(item["value"])
    if not 0.0 <= value < math.inf:
        raise ValueError(f"{value}")
    return value


def _of(measured: Sequence[dict[str, Any]], concept: CodedConcept) -> list[dict[str, Any]]:
    return [
        item for item in measured if (item["code"]["value"], item["code"]["scheme"]) == (concept.value, concept.scheme)
    ]
