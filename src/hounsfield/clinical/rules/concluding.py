"""A rule's answer becomes a Conclusion: its source as sure as the rows used, every input, and what was missing."""

from collections.abc import Sequence

from hounsfield.clinical.rules.source import rule
from hounsfield.core.conclusion import Conclusion, ConclusionKind, Fact, Wording
from hounsfield.messages import sentence

PHYSICIAN = Wording(
    "the treating physician with the patient, after a radiologist's reading", "主治医师与患者（经放射科医师审阅后）"
)


def missing_names(facts: Sequence[Fact]) -> tuple[str, ...]:
    """Return the names of the facts that are not known."""
    return tuple(fact.name for fact in facts if fact.value is None)


def not_applied(kind: ConclusionKind, name: str, facts: Sequence[Fact], uids: Sequence[str] = ()) -> Conclusion:
    """Return that a rule could not be applied, with the facts it wants and has not."""
    missing = missing_names(facts)
    table = rule(name)
    given = {"title": table.title, "missing": ", ".join(missing)}
    words = Wording(
        sentence("ui.rule-not-applied", given),
        sentence("ui.rule-not-applied", {**given, "title": table.title_zh}, "zh"),
    )
    return Conclusion(kind, table.source(), "", words, tuple(facts), missing, tracking_uids=tuple(uids))


def concluded(
    kind: ConclusionKind, name: str, key: str, facts: Sequence[Fact], wording: Wording, uids: Sequence[str] = ()
) -> Conclusion:
    """Return what a row of a rule says.

    Args:
        kind: what it is.
        name: of the rule.
        key: of the row; the conclusion is as sure as this row.
        facts: all inputs; those that are not known are named as missing.
        wording: the sentence for people.
        uids: the findings it is about.
    """
    source = rule(name).source(key)
    return Conclusion(kind, source, key, wording, tuple(facts), missing_names(facts), tracking_uids=tuple(uids))
