"""Conclusions of echocardiography: chambers, geometry, valves and filling, each by its table with every input."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hounsfield.clinical.facts import PatientFacts
from hounsfield.clinical.heart.chamber_conclusions import (
    CHAMBERS,
    Measured,
    chamber_grade,
    fraction_range,
    indexed_grade,
)
from hounsfield.clinical.heart.echo_derived import Derived, Values
from hounsfield.clinical.heart.echo_measures import UNITS, echo_measures
from hounsfield.clinical.rules import (
    Diastolic,
    Filling,
    ValveGrade,
    body_surface_area,
    diastolic_grade_2016,
    diastology_2016,
    diastology_2025,
    grade_aortic_regurgitation,
    grade_aortic_stenosis,
    grade_mitral_regurgitation,
    grade_mitral_stenosis,
    grade_tricuspid_regurgitation,
    indexed,
    rule,
    rule_source,
    ventricular_geometry,
)
from hounsfield.core.conclusion import Conclusion, ConclusionKind, Fact, Wording
from hounsfield.core.quantities import Unit

GEOMETRIES = {
    "unremarkable": Wording("neither thick nor heavy", "室壁不厚、质量不高"),
    "concentric-remodelling": Wording("concentric remodelling", "向心性重构"),
    "eccentric-hypertrophy": Wording("eccentric hypertrophy", "离心性肥厚"),
    "concentric-hypertrophy": Wording("concentric hypertrophy", "向心性肥厚"),
}
GRADES = {
    "sclerosis": "硬化", "not severe": "非重度", "progressive": "进展期", "mild": "轻度", "moderate": "中度",
    "moderate-severe": "中重度", "severe": "重度", "very severe": "极重度",
}  # fmt: skip
NO_UNIT = Unit("1", "no units")


@dataclass(frozen=True)
class Echo:
    """What is known of an echocardiography.

    Attributes:
        values: measures that were given.
        derived: what follows from them.
        facts: of the patient.
    """

    values: Values
    derived: Mapping[str, Derived]
    facts: PatientFacts

    def number(self, name: str) -> float | None:
        """Return a measure or what follows from others; None where it is not known."""
        if name in self.values:
            return self.values[name].value
        return self.derived[name].value if name in self.derived else None

    def fact(self, name: str, parameter: str = "") -> Fact:
        """Return it as an input of a rule."""
        unit = self.values[name].measure.unit if name in self.values else None
        unit = self.derived[name].unit if name in self.derived else unit
        if unit is None and name in echo_measures():
            unit = echo_measures()[name].unit
        origin = self.values[name].origin if name in self.values else "computed"
        return Fact(parameter or name, self.number(name), unit, origin if self.number(name) is not None else "")

    def measured(self, parameter: str, name: str, unit: str, scale: float = 1.0) -> Measured:
        """Return it as the table of chambers wants it."""
        value = self.number(name)
        found = self.fact(name)
        code = UNITS.get(unit, Unit(unit, unit))
        return Measured(parameter, None if value is None else value * scale, code, found.origin)

    @property
    def surface_m2(self) -> float | None:
        """Body surface, None where height or weight is not known."""
        if self.facts.height_cm is None or self.facts.weight_kg is None:
            return None
        return body_surface_area(self.facts.weight_kg, self.facts.height_cm)


def chambers(echo: Echo, uids: tuple[str, ...]) -> tuple[Conclusion, ...]:
    """Return range and grades of the ventricle: only what was measured is graded."""
    fraction = echo.number("lv_ejection_fraction")
    found = [] if fraction is None else [fraction_range(fraction, uids, echo.fact("lv_ejection_fraction").origin)]
    plain = (
        echo.measured("lv_ejection_fraction", "lv_ejection_fraction", "%"),
        echo.measured("lv_diastolic_diameter", "lv_diastolic_diameter", "cm", 0.1),
        echo.measured("lv_systolic_diameter", "lv_systolic_diameter", "cm", 0.1),
        echo.measured("wall_thickness", "septum_diastolic", "cm", 0.1),
        echo.measured("wall_thickness", "posterior_wall_diastolic", "cm", 0.1),
        echo.measured("relative_wall_thickness", "relative_wall_thickness", "{ratio}"),
    )
    found += [chamber_grade(item, echo.facts, uids) for item in plain if item.value is not None]
    whole = (
        echo.measured("lv_end_diastolic_volume_index", "lv_end_diastolic_volume", "ml"),
        echo.measured("lv_end_systolic_volume_index", "lv_end_systolic_volume", "ml"),
        echo.measured("la_volume_index", "la_volume", "ml"),
        echo.measured("lv_mass_index", "lv_mass", "g"),
    )
    found += [indexed_grade(item, echo.facts, uids) for item in whole if item.value is not None]
    return (*found, *geometry(echo, uids))


def geometry(echo: Echo, uids: tuple[str, ...]) -> tuple[Conclusion, ...]:
    """Return the geometry of the ventricle where thickness, mass, sex and body surface are known."""
    thickness, mass, surface = echo.number("relative_wall_thickness"), echo.number("lv_mass"), echo.surface_m2
    if thickness is None or mass is None or surface is None or echo.facts.sex not in ("M", "F"):
        return ()
    index = indexed(mass, surface)
    key = ventricular_geometry(thickness, index, echo.facts.sex)
    words = GEOMETRIES[key]
    facts = (
        Fact("relative_wall_thickness", round(thickness, 2), NO_UNIT, "computed"),
        Fact("lv_mass_index", round(index), Unit("g/m2", "gram per square meter"), "computed"),
        echo.facts.fact("sex"),
    )
    wording = Wording(f"Geometry of the left ventricle: {words.en}.", f"左心室几何构型：{words.zh}。")
    kind, source = ConclusionKind.CATEGORY, rule_source(CHAMBERS, "geometry")
    return (Conclusion(kind, source, key, wording, facts, tracking_uids=uids),)


@dataclass(frozen=True)
class _Valve:
    en: str
    zh: str
    grade: Callable[..., ValveGrade]
    measures: Mapping[str, str]


VALVES = (
    _Valve("Aortic stenosis", "主动脉瓣狭窄", grade_aortic_stenosis, {
        "peak_velocity_m_s": "aortic_velocity", "mean_gradient_mmhg": "aortic_mean_gradient",
        "valve_area_cm2": "aortic_valve_area", "velocity_index": "velocity_index"}),
    _Valve("Aortic regurgitation", "主动脉瓣反流", grade_aortic_regurgitation, {
        "orifice_cm2": "aortic_orifice", "regurgitant_volume_ml": "aortic_regurgitant_volume",
        "regurgitant_fraction_percent": "aortic_regurgitant_fraction", "vena_contracta_mm": "aortic_vena_contracta",
        "jet_width_percent": "aortic_jet_width", "half_time_ms": "aortic_jet_half_time"}),
    _Valve("Mitral regurgitation", "二尖瓣反流", grade_mitral_regurgitation, {
        "orifice_cm2": "mitral_orifice", "regurgitant_volume_ml": "mitral_regurgitant_volume",
        "regurgitant_fraction_percent": "mitral_regurgitant_fraction", "vena_contracta_mm": "mitral_vena_contracta"}),
    _Valve("Mitral stenosis", "二尖瓣狭窄", grade_mitral_stenosis, {"valve_area_cm2": "mitral_valve_area"}),
    _Valve("Tricuspid regurgitation", "三尖瓣反流", grade_tricuspid_regurgitation, {
        "vena_contracta_mm": "tricuspid_vena_contracta"}),
)  # fmt: skip


def valves(echo: Echo, uids: tuple[str, ...]) -> tuple[Conclusion, ...]:
    """Return the grade of each valve of which anything was measured; measures that disagree are said to disagree."""
    found = []
    for valve in VALVES:
        known = {parameter: echo.number(name) for parameter, name in valve.measures.items()}
        if all(value is None for value in known.values()):
            continue
        graded = valve.grade(**known)
        facts = tuple(echo.fact(name, parameter) for parameter, name in valve.measures.items())
        each = "; ".join(f"{band.parameter} {band.value:g}: {band.grade}" for band in graded.bands)
        zh = " / ".join(GRADES.get(word, word) for word in graded.grade.split(" to "))
        wording = Wording(f"{valve.en}: {graded.grade} by the table ({each}).", f"{valve.zh}：按表格为{zh}（{each}）。")
        found.append(
            Conclusion(
                ConclusionKind.GRADE, graded.source, graded.grade, wording, facts, graded.missing, tracking_uids=uids
            )
        )
    return tuple(found)


def filling_of(echo: Echo) -> Filling:
    """Return what is known of the filling of the ventricle."""
    volume, surface = echo.number("la_volume"), echo.surface_m2
    return Filling(
        early_cm_s=echo.number("mitral_e"),
        late_cm_s=echo.number("mitral_a"),
        septal_e_prime_cm_s=echo.number("septal_e_prime"),
        lateral_e_prime_cm_s=echo.number("lateral_e_prime"),
        tricuspid_velocity_m_s=echo.number("tricuspid_velocity"),
        la_volume_index_ml_m2=None if volume is None or surface is None else indexed(volume, surface),
        deceleration_ms=echo.number("mitral_deceleration"),
    )


FILLING = ("mitral_e", "mitral_a", "septal_e_prime", "lateral_e_prime", "tricuspid_velocity", "la_volume")
RESULTS = {
    "dysfunction": Wording(
        "more than half of the criteria are met: diastolic dysfunction", "超过半数标准符合：舒张功能障碍"
    ),
    "none": Wording("fewer than half of the criteria are met", "符合的标准不足半数"),
    "indeterminate": Wording("half of the criteria are met: not decided", "恰有半数标准符合：无法判定"),
    "marker": Wording("markers are beyond their limits", "有指标超出限值"),
    "": Wording("too little is known", "已知信息不足"),
}


def filling(echo: Echo, uids: tuple[str, ...]) -> tuple[Conclusion, ...]:
    """Return what the criteria of 2016 and the markers of 2025 say of the filling, where any of it was measured."""
    given = filling_of(echo)
    if all(echo.number(name) is None for name in FILLING):
        return ()
    facts = tuple(echo.fact(name) for name in FILLING)
    first = diastology_2016(given)
    found = [_filled(first, facts, uids), _filled(diastology_2025(given), facts, uids)]
    if first.result == "dysfunction":
        grade = diastolic_grade_2016(given)
        words = Wording(f"grade {grade.result}", f"{grade.result}级")
        found.insert(1, _filled(grade, facts, uids, words if grade.result in ("1", "2", "3") else None))
    return tuple(found)


def _filled(
    said: Diastolic, facts: tuple[Fact, ...], uids: tuple[str, ...], words: Wording | None = None
) -> Conclusion:
    words = words or RESULTS["none" if said.result == "none" else said.result]
    title = rule(said.source.name)
    met = ", ".join(said.positive) or "-"
    wording = Wording(f"{title.title}: {words.en} (met: {met}).", f"{title.title_zh}：{words.zh}（符合：{met}）。")
    kind = ConclusionKind.GRADE
    return Conclusion(kind, said.source, said.result, wording, facts, said.missing, tracking_uids=uids)
