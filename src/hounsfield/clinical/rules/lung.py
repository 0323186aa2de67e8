"""Conclusions about lung nodules: Brock, Mayo, Lung-RADS, Fleischner and growth, each with its own rounding."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hounsfield.clinical.facts import PatientFacts
from hounsfield.clinical.rules.checked import round_half_up
from hounsfield.clinical.rules.concluding import concluded, missing_names, not_applied
from hounsfield.clinical.rules.fleischner import fleischner_diameter_mm, fleischner_exclusions, fleischner_row
from hounsfield.clinical.rules.growth import doubling_time_interval_days, is_reportable_growth
from hounsfield.clinical.rules.lung_rads import (
    lung_rads_by_size,
    lung_rads_category,
    lung_rads_diameter_mm,
    lung_rads_exam,
)
from hounsfield.clinical.rules.malignancy import brock, mayo
from hounsfield.clinical.rules.source import rule
from hounsfield.core.codes import CodedConcept, concept
from hounsfield.core.conclusion import Conclusion, ConclusionKind, Fact, Wording
from hounsfield.core.finding import Measurement
from hounsfield.core.prediction import Interval
from hounsfield.core.quantities import FRACTION, MILLIMETRE, Unit

DAYS = Unit("d", "day")


@dataclass(frozen=True)
class NoduleFacts:
    """What is known of one nodule; None is not known.

    Attributes:
        tracking_uid: of its finding.
        nodule_type: ``solid``, ``part-solid`` or ``non-solid``.
        long_axis_mm: longest diameter.
        short_axis_mm: across it, in the same slice.
        solid_part_mm: mean diameter of the solid part of a part-solid nodule.
        is_upper_lobe: it lies in an upper lobe.
        has_spiculation: seen.
        state: ``baseline``, ``new`` or ``growing``, for Lung-RADS.
        has_suspicious_features: that make a 4X.
    """

    tracking_uid: str
    nodule_type: str | None = None
    long_axis_mm: float | None = None
    short_axis_mm: float | None = None
    solid_part_mm: float | None = None
    is_upper_lobe: bool | None = None
    has_spiculation: bool | None = None
    state: str = "baseline"
    has_suspicious_features: bool = False

    def facts(self, *names: str) -> tuple[Fact, ...]:
        """Return some of these as inputs of a rule."""
        return tuple(Fact(name, getattr(self, name), MILLIMETRE if name.endswith("_mm") else None) for name in names)


def brock_conclusion(
    nodule: NoduleFacts, patient: PatientFacts, nodule_count: int, diameter_error_mm: float = 0.0
) -> Conclusion:
    """Return the risk by Brock 2b, with the interval of the longest diameter plus and minus an error."""
    facts = (
        *(patient.fact(name) for name in ("age_years", "sex", "has_family_history_of_lung_cancer", "has_emphysema")),
        replace(nodule.facts("long_axis_mm")[0], name="longest_diameter_mm"),
        *nodule.facts("nodule_type", "is_upper_lobe"),
        Fact("nodule_count", nodule_count),
        *nodule.facts("has_spiculation"),
    )
    age, sex, family, emphysema, size, kind, upper, _, spiculation = (fact.value for fact in facts)
    if missing_names(facts) or sex == "O" or not isinstance(size, float | int):
        return not_applied(ConclusionKind.RISK, "brock-2b", facts, (nodule.tracking_uid,))

    if reasons := brock_exclusions(patient):
        return _excluded(ConclusionKind.RISK, "brock-2b", reasons, facts, nodule)

    def risk(diameter: float) -> float:
        flags = (sex == "F", bool(family), bool(emphysema))
        return brock(float(age or 0), *flags, diameter, str(kind), bool(upper), nodule_count, bool(spiculation))

    ends = (risk(max(float(size) - diameter_error_mm, 0.1)), risk(float(size) + diameter_error_mm))
    return _risk("brock-2b", facts, nodule, Interval(risk(float(size)), *ends))


def mayo_conclusion(nodule: NoduleFacts, patient: PatientFacts, diameter_error_mm: float = 0.0) -> Conclusion:
    """Return the risk by the Mayo model, with the interval of the diameter plus and minus an error."""
    facts = (
        *(patient.fact(name) for name in ("age_years", "smoking_status", "has_extrathoracic_cancer")),
        *nodule.facts("long_axis_mm", "has_spiculation", "is_upper_lobe"),
    )
    age, smoking, cancer, size, spiculation, upper = (fact.value for fact in facts)
    if missing_names(facts) or not isinstance(size, float | int):
        return not_applied(ConclusionKind.RISK, "mayo", facts, (nodule.tracking_uid,))
    flags = (smoking != "never", bool(cancer))
    low, value, high = (
        mayo(float(age or 0), *flags, max(float(size) + step, 0.1), bool(spiculation), bool(upper))
        for step in (-diameter_error_mm, 0.0, diameter_error_mm)
    )
    return _risk("mayo", facts, nodule, Interval(value, low, high))


def lung_rads_conclusion(nodule: NoduleFacts, patient: PatientFacts) -> Conclusion:
    """Return the Lung-RADS category of a nodule by its size, or that the examination was not made for screening."""
    names: tuple[str, ...] = ("nodule_type", "long_axis_mm", "short_axis_mm", "state")
    names = (*names, "solid_part_mm") if nodule.nodule_type == "part-solid" else names
    facts = nodule.facts(*names)
    long_axis, short_axis, kind = nodule.long_axis_mm, nodule.short_axis_mm, nodule.nodule_type
    screening = patient.fact("is_screening")
    if missing_names(facts) or long_axis is None or short_axis is None or kind is None:
        return not_applied(ConclusionKind.CATEGORY, "lung-rads-2022", facts, (nodule.tracking_uid,))
    mean = lung_rads_diameter_mm(long_axis, short_axis)
    inputs = (*facts, Fact("mean_diameter_mm", mean, MILLIMETRE, "rounded to 0.1 mm"), screening)
    table = rule("lung-rads-2022")
    if screening.value is False:
        words = table.row("not-screening").wording()
        said = concluded(ConclusionKind.CATEGORY, table.name, "not-screening", inputs, words, (nodule.tracking_uid,))
        return replace(said, result="")
    key = lung_rads_by_size(kind, nodule.state, mean, min(nodule.solid_part_mm or 0.0, mean))
    category = lung_rads_category(key, nodule.has_suspicious_features)
    words = table.row("said").wording(category=category, size=f"{mean:.1f} mm")
    said = concluded(ConclusionKind.CATEGORY, table.name, key, inputs, words, (nodule.tracking_uid,))
    return replace(said, result=category)


def lung_rads_exam_conclusion(nodules: Sequence[Conclusion], is_incomplete: bool = False) -> Conclusion:
    """Return the category of an examination from those of its nodules; the inputs name each."""
    known = [one for one in nodules if one.is_applied]
    result = lung_rads_exam([one.result for one in known], is_incomplete)
    facts = tuple(Fact(f"nodule_{place}_category", one.result) for place, one in enumerate(known, 1))
    table = rule("lung-rads-2022")
    uids = [uid for one in known for uid in one.tracking_uids]
    said = concluded(
        ConclusionKind.CATEGORY, table.name, "exam", facts, table.row("exam").wording(category=result), uids
    )
    unknown = dict.fromkeys(name for one in nodules for name in one.missing)
    return replace(said, result=result, missing=tuple(unknown))


def fleischner_conclusion(
    nodule: NoduleFacts, patient: PatientFacts, nodule_count: int, is_high_risk: bool | None
) -> Conclusion:
    """Return the option of Fleischner 2017 for the most suspicious nodule, or why the guideline does not apply.

    Args:
        nodule: the most suspicious one.
        patient: age, known cancer, immunosuppression and screening decide whether it applies.
        nodule_count: nodules of the examination.
        is_high_risk: of the patient; None is not known, and stops solid nodules alone.
    """
    names = ("age_years", "has_known_cancer", "is_immunosuppressed", "is_screening")
    asked = tuple(patient.fact(name) for name in names)
    table = rule("fleischner-2017")
    facts = nodule.facts("nodule_type", "long_axis_mm", "short_axis_mm")
    facts += nodule.facts("solid_part_mm") if nodule.nodule_type == "part-solid" else ()
    facts += (Fact("is_high_risk", is_high_risk, None, "file"),) if nodule.nodule_type == "solid" else ()
    kind, long_axis, short_axis = nodule.nodule_type, nodule.long_axis_mm, nodule.short_axis_mm
    excluded = fleischner_exclusions(
        patient.age_years, patient.has_known_cancer, patient.is_immunosuppressed, patient.is_screening
    )
    if excluded:
        return _excluded(ConclusionKind.OPTION, table.name, excluded, (*facts, *asked), nodule)
    if missing_names(facts) or kind is None or long_axis is None or short_axis is None:
        return not_applied(ConclusionKind.OPTION, table.name, (*facts, *asked), (nodule.tracking_uid,))
    mean = fleischner_diameter_mm(long_axis, short_axis)
    key = fleischner_row(kind, mean, nodule_count > 1, bool(is_high_risk), nodule.solid_part_mm or 0.0)
    inputs = (*facts, Fact("mean_diameter_mm", mean, MILLIMETRE, "rounded to 1 mm"), Fact("nodule_count", nodule_count))
    said = concluded(
        ConclusionKind.OPTION, table.name, key, (*inputs, *asked), table.row(key).wording(), (nodule.tracking_uid,)
    )
    return replace(said, would_change=(table.row("would-change").wording(),))


def growth_conclusion(
    first_volume_mm3: float, second_volume_mm3: float, interval_days: float, volume_error_fraction: float, uid: str
) -> Conclusion:
    """Return the doubling time with its interval, or that growth is within error or cannot be computed."""
    cubic = Unit("mm3", "cubic millimeter")
    facts = (
        Fact("first_volume_mm3", first_volume_mm3, cubic),
        Fact("second_volume_mm3", second_volume_mm3, cubic),
        Fact("interval_days", interval_days, DAYS, "DICOM"),
        Fact("volume_error_fraction", volume_error_fraction, FRACTION, "assumed"),
    )
    table = rule("growth-vdt")
    found = doubling_time_interval_days(first_volume_mm3, second_volume_mm3, interval_days, volume_error_fraction)
    if found is None or not is_reportable_growth(first_volume_mm3, second_volume_mm3):
        key = "not-computable" if found is None else "within-error"
        percent = round_half_up((second_volume_mm3 / first_volume_mm3 - 1.0) * 100.0)
        return concluded(
            ConclusionKind.CHANGE, table.name, key, facts, table.row(key).wording(percent=f"{percent:.0f}"), (uid,)
        )
    numbers = {"days": f"{found.value:.0f}", "low": f"{found.low:.0f}", "high": f"{found.high:.0f}"}
    words = table.row("doubling-time").wording(**numbers)
    said = concluded(ConclusionKind.CHANGE, table.name, "doubling-time", facts, words, (uid,))
    code = CodedConcept("DOUBLING_TIME", "99HNSF", "Volume doubling time", "体积倍增时间")
    return replace(said, measurement=Measurement(code, found.value, DAYS, found))


def _risk(name: str, facts: tuple[Fact, ...], nodule: NoduleFacts, found: Interval) -> Conclusion:
    table = rule(name)
    percent = f"{found.value * 100:.1f}"
    words = table.row("risk").wording(title=table.title, title_zh=table.title_zh, percent=percent)
    said = concluded(ConclusionKind.RISK, name, "risk", facts, words, (nodule.tracking_uid,))
    used = [row.key for row in table.rows]
    number = Measurement(concept("probability"), found.value, FRACTION, found)
    return replace(said, rule=table.source(*used), result=f"{found.value:.4f}", measurement=number)


def brock_exclusions(patient: PatientFacts) -> tuple[str, ...]:
    """Return the rows that say why Brock does not hold for a patient; what is not known excludes nobody."""
    youngest = rule("brock-2b").number("not-applicable", "below_years")
    found = {
        "too-young": patient.age_years is not None and patient.age_years < youngest,
        "known-cancer": patient.has_known_cancer is True,
        "immunosuppressed": patient.is_immunosuppressed is True,
    }
    return tuple(key for key, is_so in found.items() if is_so)


def _excluded(
    kind: ConclusionKind, name: str, reasons: Sequence[str], facts: tuple[Fact, ...], nodule: NoduleFacts
) -> Conclusion:
    """Return that a rule does not hold for a patient, with all reasons in both languages."""
    table = rule(name)
    row = table.row("not-applicable")
    words = Wording(
        row.wording(reasons="; ".join(table.row(key).en for key in reasons)).en,
        row.wording(reasons="；".join(table.row(key).zh for key in reasons)).zh,
    )
    return replace(concluded(kind, name, row.key, facts, words, (nodule.tracking_uid,)), result="")
