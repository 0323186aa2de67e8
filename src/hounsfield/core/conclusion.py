"""Conclusion: what a written rule says about findings, with its inputs, so that a doctor can work it out by hand."""

from dataclasses import dataclass
from enum import StrEnum

from hounsfield.core.finding import Measurement
from hounsfield.core.quantities import Unit
from hounsfield.messages import Language


@dataclass(frozen=True)
class Wording:
    """Words for people, in English and in Simplified Chinese."""

    en: str
    zh: str

    def text(self, language: Language = "en") -> str:
        """Return the words in a language, in English where there are no others."""
        return self.zh if language == "zh" and self.zh else self.en


class Certainty(StrEnum):
    """How sure it is that a rule is written here as its source has it."""

    VERIFIED = "verified"
    SECONDARY = "secondary source"
    COMPUTED = "computed"
    MEMORY = "from memory"


@dataclass(frozen=True)
class RuleSource:
    """Where a rule comes from.

    Attributes:
        name: stable machine name, such as ``lung-rads-2022``.
        title: its name for people.
        edition: edition or year, such as ``v2022``.
        citation: who says so, as one would cite it.
        certainty: how sure the transcription is; what is from memory is marked in the small print.
    """

    name: str
    title: str
    edition: str
    citation: str
    certainty: Certainty


@dataclass(frozen=True)
class Fact:
    """One input of a rule.

    Attributes:
        name: machine name with its unit, such as ``longest_diameter_mm``.
        value: what went into the rule, already rounded as the rule wants it; None when it is not known.
        unit: UCUM unit, None for what has none.
        origin: where it comes from: ``measured``, ``DICOM``, ``file``, ``FHIR``, ``assumed``.
    """

    name: str
    value: float | str | bool | None
    unit: Unit | None = None
    origin: str = "measured"


class ConclusionKind(StrEnum):
    """What a conclusion is."""

    CATEGORY = "category"
    RISK = "risk"
    GRADE = "grade"
    RESPONSE = "response"
    CHANGE = "change"
    OPTION = "option"


@dataclass(frozen=True)
class Conclusion:
    """What a rule says.

    Attributes:
        kind: category, risk, grade, response, change, or an option of what to do next, which is never an order.
        rule: the rule and its source.
        result: the machine word, such as ``4A``; empty when the rule could not be applied.
        wording: the sentence for people.
        inputs: everything that went in.
        missing: names of the inputs that were not known; the rule is not applied, or not fully, without them.
        measurement: the number, where the result is one (a risk with its interval, a doubling time).
        tracking_uids: the findings it is about; empty for the whole study.
        evidence: level of evidence or strength of the recommendation as the source words it; empty where it has none.
        would_change: facts that would change it.
        confirmed_by: who must confirm it before anybody acts.
    """

    kind: ConclusionKind
    rule: RuleSource
    result: str
    wording: Wording
    inputs: tuple[Fact, ...] = ()
    missing: tuple[str, ...] = ()
    measurement: Measurement | None = None
    tracking_uids: tuple[str, ...] = ()
    evidence: str = ""
    would_change: tuple[Wording, ...] = ()
    confirmed_by: Wording = Wording("a radiologist or the treating physician", "放射科医师或主管医师")

    @property
    def is_applied(self) -> bool:
        """Whether the rule could be applied."""
        return bool(self.result)
