"""Conformance of a series: a few of its headers against the tables of the standard, as checks with findings."""

import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from hounsfield.core.quality import Evidence, QualityCheck, QualityIssue, Severity
from hounsfield.core.study import DICOM_MEDIA_TYPE, InstanceRef
from hounsfield.image.conformance.attributes import missing_attributes, wrong_enumerated
from hounsfield.image.conformance.element import Element, Header, header_of, vm_of, vr_of
from hounsfield.image.conformance.pixels import wrong_identifiers, wrong_pixels
from hounsfield.image.conformance.table import ObjectTable, object_table
from hounsfield.image.conformance.values import Fault, multiplicity_fault, value_fault

MOST_FILES = 5
"""Files of a series that are looked at, evenly over it: what one scanner writes wrong it writes wrong in each."""
MOST_NAMED = 4
_DEFERRED_BYTES = 1 << 16
"""Longer values, the pixels above all, are not read."""
_KINDS: Mapping[str, tuple[str, Severity]] = {
    "conformance-required": ("Q372", Severity.WARN),
    "conformance-type-2": ("Q373", Severity.NOTE),
    "conformance-values": ("Q374", Severity.WARN),
    "conformance-multiplicity": ("Q375", Severity.WARN),
    "conformance-representation": ("Q376", Severity.WARN),
    "conformance-enumerated": ("Q377", Severity.WARN),
    "conformance-pixels": ("Q378", Severity.WARN),
    "conformance-identifiers": ("Q379", Severity.WARN),
}
_OF_TABLE = ("conformance-required", "conformance-type-2", "conformance-enumerated")
"""Checks that ask what the SOP Class demands; the others hold for every object."""

Finding = tuple[str, Evidence]


def check_conformance(instances: Sequence[InstanceRef], uid: str | None = None) -> tuple[QualityCheck, ...]:
    """Return the checks of the headers of a series; a fault is one attribute, however many files show it.

    At most five files are read, without their pixels. Nothing here rejects: what cannot be read is told by who reads.

    Args:
        instances: of the series; pictures and volumes of other formats have no such header.
        uid: of the series.
    """
    files = list({instance.path: instance for instance in instances if instance.media_type == DICOM_MEDIA_TYPE})
    if not files:
        rows = ((name, code) for name, (code, _) in _KINDS.items())
        return tuple(QualityCheck(name, code, None, "1", "> 0", None, "unchecked-no-header") for name, code in rows)
    step = max(1, -(-len(files) // MOST_FILES))
    read = [pair for path in files[::step] if (pair := _read(path)) is not None]
    found: dict[str, dict[tuple[str, str], Evidence]] = defaultdict(dict)
    for header, meta in read:
        for name, finding in set_of_findings(header, meta):
            earlier = found[name].get((finding.subject, finding.kind))
            found[name][finding.subject, finding.kind] = (
                replace(earlier, files=earlier.files + 1) if earlier else finding
            )
    has_table = any(_table_of(header) is not None for header, _ in read)
    looked_at = (len(read), len(files))
    return tuple(_check(name, tuple(found[name].values()), looked_at, has_table, uid) for name in _KINDS)


def conformance_of(path: Path) -> tuple[Finding, ...]:
    """Return the findings of one file as (check, finding); none where it cannot be read."""
    pair = _read(path)
    return () if pair is None else tuple(set_of_findings(*pair))


def set_of_findings(header: Header, meta: Header) -> Iterator[Finding]:
    """Give every finding of one header once."""
    seen: set[tuple[str, str, str]] = set()
    for name, finding in _findings(header, meta):
        key = (name, finding.subject, finding.kind)
        if key not in seen:
            seen.add(key)
            yield name, finding


def _findings(header: Header, meta: Header) -> Iterator[Finding]:
    table = _table_of(header)
    if table is not None:
        for kind, finding in missing_attributes(header, table):
            yield ("conformance-type-2" if kind.startswith("2") else "conformance-required"), finding
        for finding in wrong_enumerated(header, table):
            yield "conformance-enumerated", finding
    for element in _every_element(header):
        yield from _wrong_element(element)
    for element in meta.elements:
        yield from _wrong_element(element)
    for finding in wrong_pixels(header):
        yield "conformance-pixels", finding
    for finding in wrong_identifiers(header, meta):
        yield "conformance-identifiers", finding


def _wrong_element(element: Element) -> Iterator[Finding]:
    if element.tag >> 16 & 1 or not element.keyword:
        return
    named = vr_of(element.tag)
    if element.is_explicit and element.vr != "UN" and element.vr not in named.split(" or "):
        fault = Fault("representation", {"vr": element.vr, "expected": named})
        yield "conformance-representation", _evidence(element, fault, "PS3.6 6")
        return
    if (written := value_fault(element)) is not None:
        yield "conformance-values", _evidence(element, written, "PS3.5 6.2")
    if (counted := multiplicity_fault(element, vm_of(element.tag))) is not None:
        yield "conformance-multiplicity", _evidence(element, counted, "PS3.6 6")


def _evidence(element: Element, fault: Fault, source: str) -> Evidence:
    return Evidence(element.subject, fault.kind, fault.facts, source)


def _every_element(header: Header) -> Iterator[Element]:
    for element in header.elements:
        yield element
        for item in element.items:
            yield from _every_element(item)


def _table_of(header: Header) -> ObjectTable | None:
    return object_table("".join(header.texts("SOPClassUID")[:1]))


def _check(
    name: str, evidence: tuple[Evidence, ...], looked_at: tuple[int, int], has_table: bool, uid: str | None
) -> QualityCheck:
    code, severity = _KINDS[name]
    if not looked_at[0]:
        return QualityCheck(name, code, None, "1", "> 0", None, "unchecked-header")
    if name in _OF_TABLE and not has_table:
        return QualityCheck(name, code, None, "1", "> 0", None, "unchecked-class", looked_at=looked_at)
    issue = None
    if evidence:
        more = ["..."] if len(evidence) > MOST_NAMED else []
        named = ", ".join([*(one.subject for one in evidence[:MOST_NAMED]), *more])
        facts = {"count": len(evidence), "named": named, "files": looked_at[0], "total": looked_at[1]}
        issue = QualityIssue(code, severity, facts, uid)
    return QualityCheck(name, code, float(len(evidence)), "1", "> 0", issue, "", evidence, looked_at)


def _read(path: Path) -> tuple[Header, Header] | None:
    """Return data set and file meta information of a file, None where pydicom cannot read it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = dcmread(path, force=True, defer_size=_DEFERRED_BYTES)
            return header_of(dataset), header_of(getattr(dataset, "file_meta", Dataset()))
    # pydicom raises many classes on odd files; what is wrong with them, whoever read the pixels has told.
    except Exception:  # noqa: BLE001
        return None
