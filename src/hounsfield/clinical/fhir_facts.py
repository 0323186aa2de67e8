"""Facts in a FHIR R4 Bundle: Patient, Observation, Condition and FamilyMemberHistory by their codes.

Only what is final and coded is taken; free text is not interpreted. Codes: LOINC for observations, SNOMED CT for
conditions and the smoking status (value set of LOINC 72166-2).
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"

_NUMBERS = {
    "8302-2": ("height_cm", {"cm": 1.0, "m": 100.0}),
    "29463-7": ("weight_kg", {"kg": 1.0, "g": 0.001}),
    "8867-4": ("heart_rate_per_minute", {"/min": 1.0, "{beats}/min": 1.0}),
    "8664-5": ("pack_years", {"{pack-years}": 1.0, "{PackYears}": 1.0, "1": 1.0}),
}
"""LOINC code to fact, with the factor of each unit that is understood."""

_SMOKING = {
    "266919005": "never",
    "8517006": "former",
    "77176002": "current",
    "449868002": "current",
    "428041000124106": "current",
}
_EMPHYSEMA = {"87433001"}
_LUNG_CANCER = {"363358000", "93880001", "254637007"}
_SEX = {"male": "M", "female": "F", "other": "O"}
_STATES = ("final", "amended", "corrected")


def facts_in_bundle(resource: Mapping[str, Any], on: date) -> dict[str, Any]:
    """Return the facts of a Bundle, or of one resource, as keyword values of ``PatientFacts``.

    Args:
        resource: parsed JSON with a ``resourceType``.
        on: the day on which the age is wanted.
    """
    found: dict[str, Any] = {}
    for item in _resources(resource):
        kind = item.get("resourceType")
        if kind == "Patient":
            found.update(_patient(item, on))
        elif kind == "Observation" and item.get("status") in _STATES:
            _take_observation(item, found)
        elif kind == "Condition" and _is_active(item) and _codes(item.get("code"), SNOMED) & _EMPHYSEMA:
            found["has_emphysema"] = True
        elif kind == "FamilyMemberHistory" and item.get("status") == "completed":
            conditions = item.get("condition")
            if any(_codes(entry.get("code"), SNOMED) & _LUNG_CANCER for entry in _mappings(conditions)):
                found["has_family_history_of_lung_cancer"] = True
    return found


def _resources(resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if resource.get("resourceType") != "Bundle":
        yield resource
        return
    for entry in _mappings(resource.get("entry")):
        if isinstance(entry.get("resource"), dict):
            yield entry["resource"]


def _patient(item: Mapping[str, Any], on: date) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if item.get("gender") in _SEX:
        found["sex"] = _SEX[item["gender"]]
    try:
        born = date.fromisoformat(str(item.get("birthDate")))
    except ValueError:
        return found
    years = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    return {**found, "age_years": float(years)} if years >= 0 else found


def _take_observation(item: Mapping[str, Any], found: dict[str, Any]) -> None:
    quantity = item.get("valueQuantity")
    for code in sorted(_codes(item.get("code"), LOINC)):
        if code == "72166-2":
            states = [
                _SMOKING[value] for value in _codes(item.get("valueCodeableConcept"), SNOMED) if value in _SMOKING
            ]
            found.update({"smoking_status": states[0]} if states else {})
        elif isinstance(quantity, dict) and isinstance(quantity.get("value"), int | float):
            _take_number(code, quantity, found)


def _take_number(code: str, quantity: Mapping[str, Any], found: dict[str, Any]) -> None:
    """Take a number of a known code in a unit that is understood, any other as a laboratory value under its code."""
    unit = str(quantity.get("code") or quantity.get("unit") or "")
    if code not in _NUMBERS:
        found.setdefault("laboratory", {})[f"LOINC {code}"] = {"value": quantity["value"], "unit": unit or "1"}
        return
    name, factors = _NUMBERS[code]
    if unit in factors:
        found[name] = quantity["value"] * factors[unit]


def _is_active(item: Mapping[str, Any]) -> bool:
    """Whether a condition is confirmed and not entered in error or refuted."""
    states = _codes(item.get("verificationStatus"), None)
    return not states & {"refuted", "entered-in-error", "differential", "provisional", "unconfirmed"}


def _codes(concept: object, system: str | None) -> set[str]:
    codings = concept.get("coding") if isinstance(concept, dict) else None
    return {
        str(coding.get("code")) for coding in _mappings(codings) if system is None or coding.get("system") == system
    }


def _mappings(values: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(values, list):
        yield from (value for value in values if isinstance(value, dict))
