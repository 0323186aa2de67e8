"""What next: options from the tables of guidelines, with their evidence and what would change them; never an order."""

from collections.abc import Sequence
from dataclasses import replace

from hounsfield.clinical.rules.concluding import PHYSICIAN, concluded
from hounsfield.clinical.rules.growth import RULE, doubling_time_band
from hounsfield.clinical.rules.malignancy import bts_step
from hounsfield.clinical.rules.source import rule
from hounsfield.core.conclusion import Conclusion, ConclusionKind, Fact
from hounsfield.core.quantities import DAY


def options(conclusions: Sequence[Conclusion], herder_probability: float | None = None) -> tuple[Conclusion, ...]:
    """Return the options that guideline tables attach to conclusions.

    Lung-RADS leads to its management column (from memory, and marked so), Brock to the path of the British
    Thoracic Society, a doubling time to its path of growing nodules, unconfirmed progression to imaging again.
    Options that are conclusions already (Fleischner) pass as they are.

    Args:
        conclusions: what rules said; those that were not applied lead to nothing.
        herder_probability: after PET, where there was one.
    """
    found: list[Conclusion] = []
    exams = [one for one in conclusions if one.rule.name == "lung-rads-2022" and one.is_applied]
    overall = [one for one in exams if not _is_of_one_nodule(one)]
    for one in overall or exams:
        found += _of_lung_rads(one)
    for one in conclusions:
        if not one.is_applied:
            continue
        if one.kind is ConclusionKind.OPTION:
            found.append(replace(one, confirmed_by=PHYSICIAN))
        elif one.rule.name == "brock-2b" and one.measurement is not None:
            found.append(_of_brock(one, one.measurement.value, herder_probability))
        elif one.rule.name == RULE and one.measurement is not None:
            found += _of_growth(one, one.measurement.value)
        elif one.rule.name == "irecist" and one.result == "iUPD":
            found.append(_option(one, "irecist", "confirmation", (Fact("response", one.result),)))
    return tuple(found)


def with_options(conclusions: Sequence[Conclusion]) -> tuple[Conclusion, ...]:
    """Return conclusions with the options that they lead to behind them, each option once.

    Options that a task gave already stay where they are; each says who must confirm it and, where its table does, what
    would change it.
    """
    told = tuple(_completed(one) if one.kind is ConclusionKind.OPTION else one for one in conclusions)
    known = {_what(one) for one in told}
    further = (one for one in options([one for one in told if one.kind is not ConclusionKind.OPTION]))
    return (*told, *{_what(one): one for one in further if _what(one) not in known}.values())


def _what(one: Conclusion) -> tuple[str, str, tuple[str, ...]]:
    return one.rule.name, one.result, one.tracking_uids


def _completed(one: Conclusion) -> Conclusion:
    table = rule(one.rule.name)
    has_change = not one.would_change and any(row.key == "would-change" for row in table.rows)
    change = (table.row("would-change").wording(),) if has_change else one.would_change
    return replace(one, would_change=change, confirmed_by=PHYSICIAN)


def communication(category: int) -> Conclusion:
    """Return how soon a finding of an ACR category of actionable findings (1 to 3) is told: minutes, hours or days."""
    table = rule("acr-actionable")
    row = table.row(f"category-{category}")
    return concluded(
        ConclusionKind.OPTION, table.name, row.key, (Fact("category", float(category), None, "file"),), row.wording()
    )


def _is_of_one_nodule(one: Conclusion) -> bool:
    return any(fact.name == "nodule_type" for fact in one.inputs)


def _of_lung_rads(one: Conclusion) -> list[Conclusion]:
    table = rule(one.rule.name)
    keys = [f"management-{one.result.removesuffix('S').lower()}"]
    keys += ["management-s"] if one.result.endswith("S") else []
    made = []
    for key in keys:
        row = table.row(key)
        said = _option(one, table.name, key, (Fact("category", one.result),))
        shares = [f"{name} {row.text(name)}" for name in ("malignancy", "prevalence") if row.text(name)]
        made.append(replace(said, evidence="; ".join(shares)))
    return made


def _of_brock(one: Conclusion, probability: float, herder_probability: float | None) -> Conclusion:
    key = bts_step(probability, herder_probability)
    facts = (Fact("brock_probability", probability), Fact("herder_probability", herder_probability))
    return _option(one, "bts-nodule", key, facts)


def _of_growth(one: Conclusion, days: float) -> list[Conclusion]:
    """Return what the British Thoracic Society offers for a doubling time of a solid nodule; nothing for others."""
    kinds = [str(fact.value) for fact in one.inputs if fact.name == "nodule_type"]
    band = doubling_time_band(days, kinds[0]) if kinds else ""
    return [_option(one, "bts-nodule", f"growth-{band}", (Fact("doubling_time_days", days, DAY),))] if band else []


def _option(one: Conclusion, name: str, key: str, facts: tuple[Fact, ...]) -> Conclusion:
    table = rule(name)
    said = concluded(ConclusionKind.OPTION, name, key, facts, table.row(key).wording(), one.tracking_uids)
    missing = tuple(dict.fromkeys((*one.missing, *said.missing)))
    change = (table.row("would-change").wording(),)
    return replace(said, missing=missing, would_change=change, confirmed_by=PHYSICIAN)
