"""Words that ``hounsfield data`` has for every kind of data: issues as rows, names with their counts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hounsfield.cli.talk import Talk

if TYPE_CHECKING:
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
