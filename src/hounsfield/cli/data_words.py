"""Words that ``hounsfield data`` has for every kind of data: issues as rows, names with their counts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hounsfield.cli.talk import Talk

if TYPE_CHECKING:
    from hounsfield.cases.guard import Examination
    from hounsfield.cases.table import CaseTable
    from hounsfield.core.quality import QualityIssue

_SHOWN = 8


def issue_rows(issues: "Sequence[QualityIssue]", talk: Talk) -> list[dict[str, Any]]:
    """Return issues as rows of the JSON, with their sentences in the language of the talk."""
    return [
        {
            "code": issue.code,
            "severity": issue.severity.value,
            "text": issue.text(talk.language),
            "facts": dict(issue.facts),
        }
        for issue in issues
    ]


def counted(counts: Mapping[str, int]) -> str:
    """Return the first names with their counts, and how many more there are."""
    shown = [f"{name} {count}" for name, count in list(counts.items())[:_SHOWN]]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f" ... +{more}" if more > 0 else "")


def told(table: "CaseTable", examination: "Examination", talk: Talk) -> dict[str, Any]:
    """Return what a table of cases is and what is wrong with it, as JSON values."""
    from hounsfield.cases.description import copies, describe, few_cases, torn_patients
    from hounsfield.cases.headers import read_headers

    issues = (*examination.issues, *few_cases(table, examination))
    return {
        "data": table.name,
        "layout": table.layout,
        "cases": len(table),
        "classes": table.counts(),
        **asdict(describe(table, read_headers(table))),
        "issues": issue_rows(issues, talk),
        "copies": [asdict(pair) for pair in copies(table, examination)],
        "shortcuts": [asdict(shortcut) for shortcut in examination.shortcuts],
        "patients_in_several_parts": [list(names) for names in torn_patients(table)],
        "unreadable": [table.cases[index].identifier for index in examination.unreadable],
    }


def common_lines(found: dict[str, Any], talk: Talk) -> Iterator[str]:
    """Yield what people read of parts, sizes, patients and faults, whatever is learned."""
    for part, counts in found["parts"].items():
        yield f"{talk.label('data-parts')} {part}: {counted(counts)}"
    yield f"{talk.label('data-sizes')}: {counted(found['sizes'])}"
    yield f"{talk.label('data-bits')}: {counted(found['bits'])}"
    yield f"{talk.label('data-kinds')}: {counted(found['kinds'])}"
    if found.get("frames"):
        yield f"{talk.label('data-frames')}: {counted(found['frames'])}"
    patients = talk.label("data-unknown") if found["patients"] is None else str(found["patients"])
    yield f"{talk.label('data-patients')}: {patients} ({talk.label('data-without')}: {found['without_patient']})"
    for issue in found["issues"]:
        yield f"{issue['severity']} {issue['code']}: {issue['text']}"
