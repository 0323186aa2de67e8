"""What a check found out about an input: a code, a severity, a sentence and its evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hounsfield.errors import HounsfieldError
from hounsfield.messages import Language, label, next_step, sentence


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

    def value(self, language: Language = "en") -> str:
        """Return what was measured or found, in a language."""
        return self._evidence("value", "found", language)

    def threshold(self, language: Language = "en") -> str:
        """Return where the fault begins, or what was expected, in a language."""
        return self._evidence("limit", "expected", language)

    def source(self, language: Language = "en") -> str:
        """Return where the threshold comes from: a clause, a publication, a manifest, or that it is set here."""
        return self._evidence("source", "", language)

    def _evidence(self, part: str, fact: str, language: Language) -> str:
        """Return the label of a code; for an error that became an issue, the fact of that name or a general word."""
        key = f"ui.{part}-{self.code.lower()}"
        words = sentence(key, self.facts, language)
        if words != key:
            return words
        return str(self.facts.get(fact) or "") or label(f"{part}-error", language)


@dataclass(frozen=True)
class Evidence:
    """One thing that a check found: where, what was there, what is required and by which clause.

    Attributes:
        subject: what it is about, such as ``(0008,0008) ImageType``; never a value that names a patient.
        kind: its words are the labels ``found-<kind>`` and ``required-<kind>``.
        facts: what they name.
        source: clause of a standard, or name of a model.
        files: how many files show it.
    """

    subject: str
    kind: str
    facts: Mapping[str, object] = field(default_factory=dict)
    source: str = ""
    files: int = 1

    def found(self, language: Language = "en") -> str:
        """Return what was there, in a language."""
        return sentence(f"ui.found-{self.kind}", self.facts, language)

    def required(self, language: Language = "en") -> str:
        """Return what is required, in a language."""
        return sentence(f"ui.required-{self.kind}", self.facts, language)


class CheckVerdict(StrEnum):
    """What one check came to."""

    REJECT = "reject"
    WARN = "warn"
    NOTE = "note"
    PASS = "pass"  # noqa: S105 - the word of a quality gate
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class QualityCheck:
    """One check that was made, or could not be, with what it measured.

    Attributes:
        name: which check; its words are the labels ``check-<name>`` (what) and ``check-<name>-source`` (why).
        code: key of the issue that the check raises.
        value: what was measured, None where nothing is counted or nothing was checked.
        unit: UCUM code of value and limit.
        threshold: where a fault begins, such as ``> 100``; empty for yes or no.
        issue: the fault that was found, None without one.
        reason: label that says why nothing was checked, empty where something was.
        evidence: each single finding of a check that makes many.
        looked_at: how many files or slices were looked at, and of how many; None where all were.
    """

    name: str
    code: str
    value: float | None = None
    unit: str = "1"
    threshold: str = ""
    issue: QualityIssue | None = None
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    looked_at: tuple[int, int] | None = None

    @property
    def verdict(self) -> CheckVerdict:
        """What the check came to."""
        if self.issue is not None:
            return CheckVerdict(self.issue.severity.value)
        return CheckVerdict.NOT_CHECKED if self.reason else CheckVerdict.PASS


def issue_of(error: HounsfieldError) -> QualityIssue:
    """Return an error as the issue that stops a series."""
    return QualityIssue(error.code, Severity.REJECT, error.facts, error.uid)
