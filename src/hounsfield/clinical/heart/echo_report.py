"""Measures out of a DICOM structured report of echocardiography (PS3.16 TID 5200 and its simplified kind, TID 5300).

A number is known by its LOINC code, or by a general code (peak velocity, velocity-time integral, ...) together with the
finding site of itself or of the container around it. Of several values of one measure the one that a person selected
counts (121404), else the one derived as a mean (121401), else the mean of all.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from pydicom import Dataset

from hounsfield.clinical.heart.echo_measures import EchoValue, echo_measures, echo_value, sited_codes
from hounsfield.core.study import Study
from hounsfield.errors import SettingsError, Undecodable
from hounsfield.image.limits import PixelLimits
from hounsfield.image.reading import read_header

SITES = ("363698007", "G-C0E3")
SELECTED, DERIVED = "121404", "121401"
MEANS = ("373098007", "R-00317")
DEEPEST = 40
"""Containers within containers; a report that goes deeper is not read further."""

ORIGIN = "DICOM SR"


@dataclass(frozen=True)
class _Number:
    name: str
    value: float
    unit: str
    is_selected: bool
    is_mean: bool


def values_of_study(study: Study) -> dict[str, EchoValue]:
    """Return the measures in the structured reports of a study; a report that cannot be read counts as none."""
    found: dict[str, EchoValue] = {}
    for series in study.series:
        if series.modality != "SR":
            continue
        for instance in series.instances:
            try:
                found |= values_of_report(read_header(instance, PixelLimits()))
            except Undecodable:
                continue
    return found


def values_of_report(report: Dataset) -> dict[str, EchoValue]:
    """Return the measures of one report; numbers in units that are none of the measure are left out."""
    several: dict[str, list[_Number]] = defaultdict(list)
    for item in _numbers(report, "", 0):
        several[item.name].append(item)
    found = {}
    for name, items in several.items():
        chosen = [item for item in items if item.is_selected] or [item for item in items if item.is_mean] or items
        try:
            values = [echo_value(name, item.value, item.unit, ORIGIN) for item in chosen]
        except SettingsError:
            continue
        found[name] = EchoValue(values[0].measure, fmean(item.value for item in values), ORIGIN)
    return found


def _numbers(item: Dataset, site: str, depth: int) -> Iterator[_Number]:
    own = _site(item) or site
    if item.get("ValueType") == "NUM":
        read = _number(item, own)
        if read is not None:
            yield read
    if depth < DEEPEST:
        for child in item.get("ContentSequence") or []:
            yield from _numbers(child, own, depth + 1)


def _number(item: Dataset, site: str) -> _Number | None:
    scheme, code = _code(item, "ConceptNameCodeSequence")
    name = _by_code().get(code) if scheme == "LN" else None
    name = name or sited_codes().get((scheme, code, site))
    measured = item.get("MeasuredValueSequence") or []
    if name is None or not measured:
        return None
    try:
        value = float(measured[0].NumericValue)
    except (AttributeError, TypeError, ValueError):
        return None
    _, unit = _code(measured[0], "MeasurementUnitsCodeSequence")
    words = {_code(child, "ConceptNameCodeSequence")[1]: child for child in item.get("ContentSequence") or []}
    is_mean = DERIVED in words and _code(words[DERIVED], "ConceptCodeSequence")[1] in MEANS
    return _Number(name, value, unit, SELECTED in words, is_mean)


def _site(item: Dataset) -> str:
    for child in item.get("ContentSequence") or []:
        if child.get("ValueType") == "CODE" and _code(child, "ConceptNameCodeSequence")[1] in SITES:
            return _code(child, "ConceptCodeSequence")[1]
    return ""


def _code(item: Dataset, keyword: str) -> tuple[str, str]:
    coded = item.get(keyword) or []
    if not coded:
        return "", ""
    return str(coded[0].get("CodingSchemeDesignator", "")), str(coded[0].get("CodeValue", ""))


def _by_code() -> dict[str, str]:
    return {code: name for name, measure in echo_measures().items() for code in measure.codes}
