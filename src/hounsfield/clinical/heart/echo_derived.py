"""What follows from measures of echocardiography by arithmetic: mass, gradients, areas, orifices, ratios."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hounsfield.clinical.heart.apical import ApicalVolume
from hounsfield.clinical.heart.echo_measures import EchoValue, echo_measures, number
from hounsfield.clinical.rules import (
    devereux_mass,
    doppler_stroke_volume,
    ejection_fraction,
    filling_ratio,
    fractional_shortening,
    gradient,
    mitral_area_by_half_time,
    regurgitant_orifice,
    regurgitant_volume,
    relative_wall_thickness,
    valve_area_by_continuity,
    velocity_index,
)
from hounsfield.core.codes import PRIVATE_SCHEME, CodedConcept
from hounsfield.core.finding import Measurement
from hounsfield.core.quantities import MILLILITRE, PERCENT, RATIO, Unit

GRAM, SQUARE_CM = Unit("g", "gram"), Unit("cm2", "square centimeter")
PRESSURE = Unit("mm[Hg]", "millimeter of mercury")

Values = Mapping[str, EchoValue]


@dataclass(frozen=True)
class Derived:
    """A number that follows from measures.

    Attributes:
        name: machine name.
        value: in its unit.
        unit: UCUM unit.
        concept: coded word.
        sources: measures that went in.
    """

    name: str
    value: float
    unit: Unit
    concept: CodedConcept
    sources: tuple[str, ...]

    def measurement(self) -> Measurement:
        """Return it as a measurement of a finding."""
        return Measurement(self.concept, self.value, self.unit)


@dataclass(frozen=True)
class _Formula:
    name: str
    unit: Unit
    meaning: str
    meaning_zh: str
    sources: tuple[str, ...]
    formula: Callable[..., float]
    code: str = ""
    scheme: str = "LN"


FORMULAS = (
    _Formula("lv_mass", GRAM, "LV mass (cube formula)", "左心室质量（立方公式）",
             ("septum_diastolic", "lv_diastolic_diameter", "posterior_wall_diastolic"), devereux_mass, "80019-3"),
    _Formula("relative_wall_thickness", RATIO, "Relative wall thickness", "相对室壁厚度",
             ("posterior_wall_diastolic", "lv_diastolic_diameter"), relative_wall_thickness),
    _Formula("fractional_shortening", PERCENT, "Fractional shortening", "短轴缩短率",
             ("lv_diastolic_diameter", "lv_systolic_diameter"), fractional_shortening, "18051-3"),
    _Formula("aortic_valve_area", SQUARE_CM, "Aortic valve area by continuity", "主动脉瓣口面积（连续方程）",
             ("lvot_diameter", "lvot_vti", "aortic_vti"), valve_area_by_continuity, "79958-5"),
    _Formula("velocity_index", RATIO, "Dimensionless velocity index", "无量纲速度指数",
             ("lvot_vti", "aortic_vti"), velocity_index),
    _Formula("aortic_peak_gradient", PRESSURE, "Aortic valve peak gradient", "主动脉瓣峰值压差",
             ("aortic_velocity",), gradient, "79963-5"),
    _Formula("tricuspid_gradient", PRESSURE, "Tricuspid regurgitation peak gradient", "三尖瓣反流峰值压差",
             ("tricuspid_velocity",), gradient, "79937-9"),
    _Formula("doppler_stroke_volume", MILLILITRE, "Stroke volume of the outflow tract", "流出道每搏输出量",
             ("lvot_diameter", "lvot_vti"), doppler_stroke_volume),
    _Formula("mitral_valve_area", SQUARE_CM, "Mitral valve area by half-time", "二尖瓣口面积（压力减半时间）",
             ("mitral_half_time",), mitral_area_by_half_time, "80069-8"),
    _Formula("mitral_orifice", SQUARE_CM, "Mitral regurgitation orifice area by PISA", "二尖瓣有效反流口面积（PISA）",
             ("mitral_jet_radius", "mitral_jet_aliasing", "mitral_jet_velocity"), regurgitant_orifice, "80071-4"),
    _Formula("mitral_regurgitant_volume", MILLILITRE, "Mitral regurgitant volume by PISA", "二尖瓣反流量（PISA）",
             ("mitral_orifice", "mitral_jet_vti"), regurgitant_volume, "80064-9"),
    _Formula("aortic_orifice", SQUARE_CM, "Aortic regurgitation orifice area by PISA", "主动脉瓣有效反流口面积（PISA）",
             ("aortic_jet_radius", "aortic_jet_aliasing", "aortic_jet_velocity"), regurgitant_orifice, "79960-1"),
    _Formula("aortic_regurgitant_volume", MILLILITRE, "Aortic regurgitant volume by PISA", "主动脉瓣反流量（PISA）",
             ("aortic_orifice", "aortic_jet_vti"), regurgitant_volume, "79951-0"),
    _Formula("ea_ratio", RATIO, "Mitral E/A", "二尖瓣E/A", ("mitral_e", "mitral_a"), filling_ratio, "18038-0"),
    _Formula("septal_e_ratio", RATIO, "E/e' septal", "E/e'（室间隔侧）", ("mitral_e", "septal_e_prime"), filling_ratio),
    _Formula("lateral_e_ratio", RATIO, "E/e' lateral", "E/e'（侧壁侧）",
             ("mitral_e", "lateral_e_prime"), filling_ratio),
    _Formula("lv_ejection_fraction", PERCENT, "LV ejection fraction", "左心室射血分数",
             ("lv_end_diastolic_volume", "lv_end_systolic_volume"), ejection_fraction, "18043-0"),
)  # fmt: skip
"""In the order in which one may need the one before; a measure that was given is never worked out again."""


def derive(values: Values) -> dict[str, Derived]:
    """Return everything that the measures allow, by name.

    Raises:
        SettingsError: ``E220``, a measure is no length, area, volume or velocity.
    """
    found: dict[str, Derived] = {}
    for item in FORMULAS:
        if item.name in values:
            continue
        known = [found[name].value if name in found else number(values, name) for name in item.sources]
        if any(value is None for value in known):
            continue
        word = (item.code, item.scheme) if item.code else (item.name.upper()[:16], PRIVATE_SCHEME)
        concept = CodedConcept(*word, item.meaning, item.meaning_zh)
        found[item.name] = Derived(item.name, item.formula(*known), item.unit, concept, item.sources)
    return found


def with_borders(values: Values, volumes: Mapping[str, ApicalVolume]) -> dict[str, EchoValue]:
    """Return the measures with the volumes of drawn borders in place of those that were given."""
    names = {"diastole": "lv_end_diastolic_volume", "systole": "lv_end_systolic_volume"}
    drawn = {
        names[phase]: EchoValue(echo_measures()[names[phase]], found.volume_ml, "drawn")
        for phase, found in volumes.items()
    }
    rest = {name: item for name, item in values.items() if not drawn or name != "lv_ejection_fraction"}
    return {**rest, **drawn}
