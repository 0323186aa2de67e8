"""Conclusions as people and machines read them: the sentence, the rule with its source, and every input."""

from dataclasses import dataclass

from hounsfield.core.conclusion import Certainty, Conclusion, ConclusionKind, Fact, Wording
from hounsfield.core.finding import Finding
from hounsfield.core.report import Report
from hounsfield.messages import Language, sentence
from hounsfield.report.narrative import measurement_text, number_text
from hounsfield.report.text import Text, both, ui


@dataclass(frozen=True)
class InputView:
    """One input of a rule as it is shown."""

    name: Text
    value: Text
    origin: Text


@dataclass(frozen=True)
class ConclusionView:
    """One conclusion as it is shown.

    Attributes:
        kind: a word that style sheets can use.
        label: what it is, for people: category, risk, option to discuss.
        sentence: what the rule says.
        about: the findings it is about, in words.
        number: the value with its interval, where it is a number.
        rule: title and edition.
        citation: the source.
        certainty: how sure the transcription is; None where the source itself was read.
        inputs: what went in.
        missing: names of what was not known.
        evidence: level of evidence as the source words it.
        would_change: what would change it.
        confirmed_by: who must confirm it.
    """

    kind: str
    label: Text
    sentence: Text
    about: Text | None
    number: Text | None
    rule: str
    citation: str
    certainty: Text | None
    inputs: tuple[InputView, ...]
    missing: tuple[Text, ...]
    evidence: str
    would_change: tuple[Text, ...]
    confirmed_by: Text


def split_conclusions(report: Report) -> tuple[tuple[ConclusionView, ...], tuple[ConclusionView, ...]]:
    """Return what rules say about the findings, and the options of what to do next."""
    said = [item for item in report.conclusions if item.kind is not ConclusionKind.OPTION]
    options = [item for item in report.conclusions if item.kind is ConclusionKind.OPTION]
    named = {finding.tracking_uid: finding for finding in report.findings}
    return tuple(_view(item, named) for item in said), tuple(_view(item, named) for item in options)


def conclusion_line(conclusion: Conclusion, language: Language = "en") -> str:
    """Return a conclusion with its rule in one line, for documents of plain text."""
    rule = conclusion.rule
    inputs = "; ".join(f"{item.name}={_value(item, language)}" for item in conclusion.inputs)
    parts = [
        f"{conclusion.wording.text(language)} [{rule.title} {rule.edition}; {rule.citation}; {rule.certainty.value}]",
        inputs,
        f"{sentence('ui.page-rule-missing', None, language)}: {', '.join(conclusion.missing)}"
        if conclusion.missing
        else "",
        f"{sentence('ui.page-confirmed-by', None, language)}: {conclusion.confirmed_by.text(language)}",
    ]
    return " | ".join(part for part in parts if part)


def fact_text(name: str) -> Text:
    """Return the name of a fact in words, the machine name where the catalogue has none."""
    words = ui(f"fact-{name.replace('_', '-')}")
    return Text(name, name) if words.en.startswith("ui.") else words


def _view(conclusion: Conclusion, named: dict[str, Finding]) -> ConclusionView:
    rule = conclusion.rule
    is_read = rule.certainty in (Certainty.VERIFIED, Certainty.COMPUTED)
    measured = conclusion.measurement
    return ConclusionView(
        kind=conclusion.kind.value,
        label=ui(f"conclusion-{conclusion.kind.value}"),
        sentence=_text(conclusion.wording),
        about=_about([named[uid] for uid in conclusion.tracking_uids if uid in named]),
        number=both(lambda language: measurement_text(measured, language)) if measured else None,
        rule=f"{rule.title} {rule.edition}".strip(),
        citation=rule.citation,
        certainty=None if is_read else ui(f"certainty-{rule.certainty.value.replace(' ', '-')}"),
        inputs=tuple(_input(item) for item in conclusion.inputs),
        missing=tuple(fact_text(name) for name in conclusion.missing),
        evidence=conclusion.evidence,
        would_change=tuple(_text(item) for item in conclusion.would_change),
        confirmed_by=_text(conclusion.confirmed_by),
    )


def _about(findings: list[Finding]) -> Text | None:
    if not findings:
        return None
    return both(lambda language: ", ".join(finding.name(language) for finding in findings))


def _text(wording: Wording) -> Text:
    return Text(wording.en, wording.zh or wording.en)


def _input(fact: Fact) -> InputView:
    return InputView(fact_text(fact.name), both(lambda language: _value(fact, language)), _origin(fact.origin))


def _origin(origin: str) -> Text:
    if not origin:
        return Text("", "")
    words = ui(f"origin-{origin.lower()}")
    return Text(origin, origin) if words.en.startswith("ui.") else words


def _value(fact: Fact, language: Language) -> str:
    if fact.value is None:
        return sentence("ui.fact-unknown", None, language)
    if isinstance(fact.value, bool):
        return sentence(f"ui.fact-{'yes' if fact.value else 'no'}", None, language)
    number = number_text(fact.value) if isinstance(fact.value, float | int) else str(fact.value)
    return f"{number} {fact.unit.code}" if fact.unit else number
