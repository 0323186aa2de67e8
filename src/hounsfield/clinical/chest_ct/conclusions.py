"""Conclusions of a chest CT: Lung-RADS, Fleischner, Brock and Mayo, every input named, nothing guessed."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace

from hounsfield.clinical.chest_ct.measure import NoduleMeasures, NoduleType
from hounsfield.clinical.facts import PatientFacts
from hounsfield.clinical.rules import (
    brock,
    brock_exclusions,
    fleischner_diameter_mm,
    fleischner_exclusions,
    fleischner_row,
    lung_rads_by_size,
    lung_rads_category,
    lung_rads_diameter_mm,
    mayo,
    rule,
    rule_source,
)
from hounsfield.core.conclusion import Conclusion, ConclusionKind, Fact, Wording
from hounsfield.core.quantities import MILLIMETRE

RULE_TYPES = {NoduleType.SOLID: "solid", NoduleType.PART_SOLID: "part-solid", NoduleType.GROUND_GLASS: "non-solid"}


def nodule_conclusions(
    measures: NoduleMeasures, count: int, facts: PatientFacts, tracking_uid: str
) -> tuple[Conclusion, ...]:
    """Return what the rules say about one nodule.

    Args:
        measures: of the nodule.
        count: nodules of the examination.
        facts: of the patient.
        tracking_uid: of the finding.
    """
    found = [lung_rads(measures, facts, tracking_uid), fleischner(measures, count, facts, tracking_uid)]
    found += [brock_range(measures, count, facts, tracking_uid), mayo_range(measures, facts, tracking_uid)]
    return tuple(found)


def lung_rads(measures: NoduleMeasures, facts: PatientFacts, tracking_uid: str) -> Conclusion:
    """Return the category of a nodule at first detection; it holds for screening, and without priors."""
    kind = RULE_TYPES[measures.type]
    size = lung_rads_diameter_mm(measures.long_axis_mm, measures.short_axis_mm)
    part = 0.0
    if measures.type is NoduleType.PART_SOLID:
        part = min(lung_rads_diameter_mm(measures.solid_long_axis_mm, measures.solid_short_axis_mm), size)
    inputs = (*_measured(size, kind), Fact("solid_part_mm", part, MILLIMETRE), facts.fact("is_screening"))
    name = "lung-rads-2022"
    if facts.is_screening is not True:
        is_unknown = facts.is_screening is None
        wording = Wording(
            "Lung-RADS is for screening; "
            + ("whether this was screening is not known." if is_unknown else "this was not."),
            "Lung-RADS 用于筛查；" + ("是否为筛查未知。" if is_unknown else "本次不是筛查。"),
        )
        missing = ("is_screening",) if is_unknown else ()
        return Conclusion(
            ConclusionKind.CATEGORY, rule_source(name), "", wording, inputs, missing, None, (tracking_uid,)
        )
    key = lung_rads_by_size(kind, "baseline", size, part)
    category = lung_rads_category(key)
    wording = Wording(
        f"Lung-RADS {category} by size at first detection; priors were not compared.",
        f"按首次发现时的大小为 Lung-RADS {category}；未与既往检查比较。",
    )
    return Conclusion(
        ConclusionKind.CATEGORY, rule_source(name, key), category, wording, inputs, (), None, (tracking_uid,)
    )


def fleischner(measures: NoduleMeasures, count: int, facts: PatientFacts, tracking_uid: str) -> Conclusion:
    """Return the follow-up of the guideline for incidental nodules, as an option."""
    name, kind = "fleischner-2017", RULE_TYPES[measures.type]
    size = fleischner_diameter_mm(measures.long_axis_mm, measures.short_axis_mm)
    names = ("age_years", "has_known_cancer", "is_immunosuppressed", "is_screening", "smoking_status")
    known = tuple(facts.fact(one) for one in names)
    inputs = (*_measured(size, kind), Fact("is_multiple", count > 1), *known)
    excluded = fleischner_exclusions(
        facts.age_years, facts.has_known_cancer, facts.is_immunosuppressed, facts.is_screening
    )
    missing = tuple(one.name for one in known if one.value is None)
    is_risk_needed = measures.type is NoduleType.SOLID and facts.smoking_status is None
    if excluded or is_risk_needed or facts.age_years is None:
        reasons = [rule(name).row(key).wording() for key in excluded]
        wording = Wording(
            "The guideline was not applied: " + ("; ".join(r.en for r in reasons) or "facts are missing") + ".",
            "未应用该指南：" + ("；".join(r.zh for r in reasons) or "缺少信息") + "。",
        )
        source = rule_source(name, *excluded)
        return Conclusion(ConclusionKind.OPTION, source, "", wording, inputs, missing, None, (tracking_uid,))
    is_high = facts.smoking_status in ("former", "current")
    key = fleischner_row(kind, max(size, 1.0), count > 1, is_high, measures.solid_long_axis_mm)
    return Conclusion(
        ConclusionKind.OPTION,
        rule_source(name, key),
        key,
        rule(name).row(key).wording(),
        inputs,
        missing,
        None,
        (tracking_uid,),
    )


def brock_range(measures: NoduleMeasures, count: int, facts: PatientFacts, tracking_uid: str) -> Conclusion:
    """Return the Brock risk between its bounds over what is not known; the lobe and spikes are for a reader to say."""
    given: dict[str, object] = {
        "age_years": facts.age_years,
        "is_female": None if facts.sex not in ("M", "F") else facts.sex == "F",
        "has_family_history": facts.has_family_history_of_lung_cancer,
        "has_emphysema": facts.has_emphysema,
        "longest_diameter_mm": measures.long_axis_mm,
        "nodule_type": RULE_TYPES[measures.type],
        "is_upper_lobe": None,
        "nodule_count": max(count, 1),
        "has_spiculation": None,
    }
    found = _risk("brock-2b", brock, given, "age_years", tracking_uid)
    reasons = brock_exclusions(facts)
    return _excluded(found, "brock-2b", reasons, facts) if reasons else found


def _excluded(found: Conclusion, name: str, reasons: tuple[str, ...], facts: PatientFacts) -> Conclusion:
    """Return that a rule does not hold for a patient in place of its risk, with what was asked of the patient."""
    row, rows = rule(name).row("not-applicable"), [rule(name).row(key) for key in reasons]
    wording = Wording(
        row.wording(reasons="; ".join(one.en for one in rows)).en,
        row.wording(reasons="；".join(one.zh for one in rows)).zh,
    )
    asked = tuple(facts.fact(one) for one in ("has_known_cancer", "is_immunosuppressed"))
    return replace(
        found, rule=rule_source(name, *reasons), result="", wording=wording, inputs=(*found.inputs, *asked), missing=()
    )


def mayo_range(measures: NoduleMeasures, facts: PatientFacts, tracking_uid: str) -> Conclusion:
    """Return the Mayo risk between its bounds over what is not known."""
    smoking = facts.smoking_status
    given: dict[str, object] = {
        "age_years": facts.age_years,
        "has_smoked": None if smoking is None else smoking != "never",
        "has_extrathoracic_cancer": facts.has_extrathoracic_cancer,
        "diameter_mm": measures.long_axis_mm,
        "has_spiculation": None,
        "is_upper_lobe": None,
    }
    return _risk("mayo", mayo, given, "age_years", tracking_uid)


def _risk(
    name: str, formula: Callable[..., float], given: Mapping[str, object], needed: str, tracking_uid: str
) -> Conclusion:
    """Return a risk; flags that are not known are tried both ways, so that the answer is a range and no guess."""
    unknown = tuple(key for key, value in given.items() if value is None)
    inputs = tuple(
        Fact(
            key,
            value if isinstance(value, float | int | str | bool) else None,
            origin="" if value is None else "measured",
        )
        for key, value in given.items()
    )
    if given[needed] is None:
        wording = Wording("Not applied: the age is not known.", "未应用：年龄未知。")
        return Conclusion(ConclusionKind.RISK, rule_source(name), "", wording, inputs, unknown, None, (tracking_uid,))
    tries = itertools.product((False, True), repeat=len(unknown))
    risks = [formula(**{**given, **dict(zip(unknown, flags, strict=True))}) for flags in tries]
    low, high = 100 * min(risks), 100 * max(risks)
    wording = Wording(
        f"Between {low:.1f} % and {high:.1f} %, depending on: {', '.join(unknown)}.",
        f"介于 {low:.1f}% 与 {high:.1f}% 之间，取决于：{'、'.join(unknown)}。",
    )
    result = f"{low:.1f}-{high:.1f} %"
    return Conclusion(ConclusionKind.RISK, rule_source(name), result, wording, inputs, unknown, None, (tracking_uid,))


def _measured(size: float, kind: str) -> tuple[Fact, ...]:
    return Fact("mean_diameter_mm", size, MILLIMETRE), Fact("nodule_type", kind)
