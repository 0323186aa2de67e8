"""Measures of echocardiography: their names, units and codes, from a file, a structured report, or drawn borders."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from hounsfield.clinical.facts import PatientFacts
from hounsfield.core.codes import PRIVATE_SCHEME, CodedConcept
from hounsfield.core.conclusion import Fact
from hounsfield.core.quantities import MILLILITRE, MILLIMETRE, PERCENT, Unit
from hounsfield.errors import SettingsError

UNITS = {
    "mm": MILLIMETRE,
    "cm": Unit("cm", "centimeter"),
    "ml": MILLILITRE,
    "%": PERCENT,
    "m/s": Unit("m/s", "meter per second"),
    "cm/s": Unit("cm/s", "centimeter per second"),
    "ms": Unit("ms", "millisecond"),
    "cm2": Unit("cm2", "square centimeter"),
    "mm[Hg]": Unit("mm[Hg]", "millimeter of mercury"),
}
_FACTORS = {
    ("cm", "mm"): 10.0, ("mm", "cm"): 0.1, ("m", "mm"): 1000.0, ("m", "cm"): 100.0,
    ("cm/s", "m/s"): 0.01, ("m/s", "cm/s"): 100.0, ("mm/s", "cm/s"): 0.1,
    ("s", "ms"): 1000.0, ("mm2", "cm2"): 0.01, ("cm3", "ml"): 1.0, ("mL", "ml"): 1.0, ("l", "ml"): 1000.0,
    ("mmHg", "mm[Hg]"): 1.0, ("{0:1}", "%"): 100.0,
}  # fmt: skip


@dataclass(frozen=True)
class EchoMeasure:
    """What a measure is called and measured in.

    Attributes:
        name: machine name.
        unit: UCUM unit that it is kept in.
        concept: its code, LOINC where there is one.
        codes: LOINC codes under which reports hold it.
    """

    name: str
    unit: Unit
    concept: CodedConcept
    codes: tuple[str, ...]


@dataclass(frozen=True)
class EchoValue:
    """A measure that is known, in its own unit, and where it comes from: ``file``, ``DICOM SR``, ``drawn``."""

    measure: EchoMeasure
    value: float
    origin: str

    def fact(self) -> Fact:
        """Return it as an input of a rule."""
        return Fact(self.measure.name, self.value, self.measure.unit, self.origin)


@cache
def echo_measures() -> Mapping[str, EchoMeasure]:
    """Return the measures by name."""
    return {name: _measure(name, row) for name, row in _table()["measures"].items()}


@cache
def sited_codes() -> Mapping[tuple[str, str, str], str]:
    """Return the name of measures that reports code by a general code and a place, as (scheme, code, place)."""
    return {(row["scheme"], row["code"], site): row["name"] for row in _table()["sited"] for site in row["sites"]}


@cache
def _table() -> Any:
    return json.loads(files("hounsfield.clinical").joinpath("data/echo_measures.json").read_text(encoding="utf-8"))


def _measure(name: str, row: Mapping[str, Any]) -> EchoMeasure:
    codes = tuple(row["codes"])
    code, scheme = (codes[0], "LN") if codes else (name.upper()[:16], PRIVATE_SCHEME)
    return EchoMeasure(name, UNITS[row["unit"]], CodedConcept(code, scheme, row["en"], row["zh"]), codes)


def echo_value(name: str, value: float, unit: str, origin: str) -> EchoValue:
    """Return a measure in its own unit.

    Raises:
        SettingsError: ``E222``, there is no such measure, or the unit is none of it.
    """
    measure = echo_measures().get(name)
    if measure is None:
        raise SettingsError("E222", found=name, expected=", ".join(echo_measures()))
    if unit == measure.unit.code:
        return EchoValue(measure, float(value), origin)
    factor = _FACTORS.get((unit, measure.unit.code))
    if factor is None:
        raise SettingsError("E222", found=f"{name}: {unit}", expected=measure.unit.code)
    return EchoValue(measure, float(value) * factor, origin)


def values_of_facts(facts: PatientFacts) -> dict[str, EchoValue]:
    """Return the measures of a file of facts.

    Raises:
        SettingsError: ``E222``, a name or unit is not known.
    """
    return {name: echo_value(name, item.value, item.unit, "file") for name, item in facts.measurements.items()}


def number(values: Mapping[str, EchoValue], name: str) -> float | None:
    """Return the number of a measure, None where it is not known."""
    return values[name].value if name in values else None


def facts_for(values: Mapping[str, EchoValue], names: Sequence[str]) -> tuple[Fact, ...]:
    """Return measures as inputs of a rule, those not known without a value."""
    known = echo_measures()
    return tuple(values[name].fact() if name in values else Fact(name, None, known[name].unit) for name in names)
