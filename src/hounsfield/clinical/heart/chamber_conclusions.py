"""Conclusions about chambers: the range of the ejection fraction, and sizes and mass by sex and body surface."""

from dataclasses import dataclass, replace

from hounsfield.clinical.facts import PatientFacts
from hounsfield.clinical.rules import (
    ChamberBand,
    body_surface_area,
    concluded,
    ejection_fraction_range,
    grade_chamber,
    indexed,
    not_applied,
    rule,
)
from hounsfield.clinical.rules.checked import round_half_up
from hounsfield.core.conclusion import Conclusion, ConclusionKind, Fact, Wording
from hounsfield.core.quantities import PERCENT, Unit

CHAMBERS, FAILURE = "ase-eacvi-2015-chambers", "heart-failure-2021"

NAMES = {
    "lv_ejection_fraction": Wording("LV ejection fraction", "左心室射血分数"),
    "lv_end_diastolic_volume": Wording("LV end-diastolic volume", "左心室舒张末期容积"),
    "lv_end_systolic_volume": Wording("LV end-systolic volume", "左心室收缩末期容积"),
    "lv_end_diastolic_volume_index": Wording("LV end-diastolic volume index", "左心室舒张末期容积指数"),
    "lv_end_systolic_volume_index": Wording("LV end-systolic volume index", "左心室收缩末期容积指数"),
    "lv_mass": Wording("LV mass", "左心室质量"),
    "lv_mass_index": Wording("LV mass index", "左心室质量指数"),
    "lv_mass_index_2d": Wording("LV mass index", "左心室质量指数"),
    "lv_diastolic_diameter": Wording("LV diastolic diameter", "左心室舒张末期内径"),
    "lv_systolic_diameter": Wording("LV systolic diameter", "左心室收缩末期内径"),
    "wall_thickness": Wording("Wall thickness", "室壁厚度"),
    "relative_wall_thickness": Wording("Relative wall thickness", "相对室壁厚度"),
    "fractional_shortening": Wording("Fractional shortening", "短轴缩短率"),
    "la_volume_index": Wording("LA volume index", "左心房容积指数"),
}
GRADES = {
    "within": Wording("within the reference range", "在参考范围内"),
    "below": Wording("below the reference range", "低于参考范围"),
    "above": Wording("above the reference range", "高于参考范围"),
    "mild": Wording("mildly abnormal", "轻度异常"),
    "moderate": Wording("moderately abnormal", "中度异常"),
    "severe": Wording("severely abnormal", "重度异常"),
}
BY_MR = Wording(
    " The table is of echocardiography; MR measures larger volumes and smaller masses.",
    "该表来自超声心动图；MR 测得的容积偏大、质量偏小。",
)
NOTHING = Wording("", "")


@dataclass(frozen=True)
class Measured:
    """A measure as a rule's table wants it.

    Attributes:
        parameter: name in the table.
        value: in the unit of the table; None where it was not measured.
        unit: UCUM unit.
        origin: where the number comes from.
    """

    parameter: str
    value: float | None
    unit: Unit
    origin: str = "measured"

    def fact(self) -> Fact:
        """Return it as an input of a rule."""
        return Fact(self.parameter, self.value, self.unit, self.origin)


def fraction_range(percent: float, uids: tuple[str, ...] = (), origin: str = "measured") -> Conclusion:
    """Return the range of the ejection fraction in the universal definition of heart failure, which is no diagnosis."""
    whole = round_half_up(percent, 0)
    key = ejection_fraction_range(percent)
    wording = rule(FAILURE).row(key).wording(value=f"{whole:g}")
    facts = (Fact("lv_ejection_fraction", whole, PERCENT, origin),)
    return concluded(ConclusionKind.CATEGORY, FAILURE, key, facts, wording, uids)


def chamber_grade(
    measured: Measured, facts: PatientFacts, uids: tuple[str, ...] = (), note: Wording = NOTHING
) -> Conclusion:
    """Return the grade of a measure by sex, or that the sex or the measure is not known."""
    given = (measured.fact(), facts.fact("sex"))
    if measured.value is None or facts.sex not in ("M", "F"):
        known = given if facts.sex in ("M", "F", None) else (given[0], Fact("sex", None))
        return not_applied(ConclusionKind.GRADE, CHAMBERS, known, uids)
    band = grade_chamber(measured.parameter, measured.value, facts.sex)
    said = (Fact(measured.parameter, band.value, measured.unit, measured.origin), given[1])
    return Conclusion(ConclusionKind.GRADE, band.source, band.grade, _wording(band, note), said, tracking_uids=uids)


def indexed_grade(
    measured: Measured, facts: PatientFacts, uids: tuple[str, ...] = (), note: Wording = NOTHING
) -> Conclusion:
    """Return the grade of a measure for each square metre of body surface (DuBois), missing facts named.

    Args:
        measured: the measure before it is divided, under the name that its index has in the table.
        facts: of the patient: sex, height, weight.
        uids: the findings it is about.
        note: said after the grade.
    """
    body = (facts.fact("height_cm"), facts.fact("weight_kg"))
    if measured.value is None or facts.height_cm is None or facts.weight_kg is None or facts.sex not in ("M", "F"):
        sex = facts.fact("sex") if facts.sex in ("M", "F") else Fact("sex", None)
        whole = Fact(measured.parameter.removesuffix("_2d").removesuffix("_index"), measured.value, measured.unit)
        return not_applied(ConclusionKind.GRADE, CHAMBERS, (whole, sex, *body), uids)
    surface = body_surface_area(facts.weight_kg, facts.height_cm)
    unit = Unit(f"{measured.unit.code}/m2", f"{measured.unit.meaning} per square meter")
    index = Measured(measured.parameter, indexed(measured.value, surface), unit, measured.origin)
    found = chamber_grade(index, facts, uids, note)
    more = (Fact("body_surface_m2", round(surface, 2), Unit("m2", "square meter"), "computed"), *body)
    return replace(found, inputs=(*found.inputs, *more))


def _wording(band: ChamberBand, note: Wording) -> Wording:
    name, grade = NAMES[band.parameter], GRADES[band.grade]
    unit = "" if band.unit.startswith("{") else f" {band.unit}"
    span = f"{band.low:g}-{band.high:g}{unit}"
    return Wording(
        f"{name.en} {band.value:g}{unit}: {grade.en} ({span}).{note.en}",
        f"{name.zh} {band.value:g}{unit}：{grade.zh}（{span}）。{note.zh}",
    )
