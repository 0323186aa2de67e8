"""What a check found out about an input: a code, a severity, a sentence and its evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hounsfield.errors import HounsfieldError
from hounsfield.messages import Language, next_step, sentence


class Severity(StrEnum):
    """How much an issue matters: a reject stops the analysis of the series, a warning travels with the result."""

    REJECT = "reject"
    WARN = "warn"
    NOTE = "note"


@dataclass(frozen=True)
class QualityIssue:
    """One reason, returned by a check; only ``pipeline`` decides to stop.

    Attributes:
        code: key of the message catalogue, such as ``Q310``.
        severity: what it means for the analysis.
        facts: the evidence that the sentence names (values found, thresholds).
        uid: the UID of the series or instance concerned.
    """

    code: str
    severity: Severity
    facts: Mapping[str, object] = field(default_factory=dict)
    uid: str | None = None

    def text(self, language: Language = "en") -> str:
        """Return the sentence of the issue in a language."""
        return sentence(self.code, self.facts, language)

    def next_step(self, language: Language = "en") -> str:
        """Return the next action in a language, or an empty string."""
        return next_step(self.code, self.facts, language)


def issue_of(error: HounsfieldError) -> QualityIssue:
    """Return an error as the issue that stops a series."""
    return QualityIssue(error.code, Severity.REJECT, error.facts, error.uid)
