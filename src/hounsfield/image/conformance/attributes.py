"""Which attributes an object must have, and which values some of them may take (PS3.3, PS3.5 section 7.4)."""

import re
from collections.abc import Iterator

from hounsfield.core.quality import Evidence
from hounsfield.image.conformance.element import Header
from hounsfield.image.conformance.table import Conditional, Enumerated, ObjectTable, Requirement

_CODE = re.compile(r"[A-Z0-9_+ -]{1,16}")
_PATIENT_GROUP = 0x0010
"""A wrong value is shown where it looks like a code and is none of the patient's; of any other its length."""


def missing_attributes(header: Header, table: ObjectTable) -> Iterator[tuple[str, Evidence]]:
    """Give (type, finding) for what is absent, or empty where it must not be.

    Attributes in a sequence are demanded of each of its items.
    """
    for requirement in table.requirements:
        yield from _missing(header, requirement, requirement.path)
    for condition in table.conditional:
        if _holds(header, condition):
            requirement = condition.requirement
            yield from _missing(header, Requirement(requirement.path, requirement.type[0], requirement.clause))


def _missing(header: Header, requirement: Requirement, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Evidence]]:
    path = path or requirement.path
    if len(path) > 1:
        sequence = header.by_keyword.get(path[0])
        for item in sequence.items if sequence else ():
            yield from _missing(item, requirement, path[1:])
        return
    element = header.by_keyword.get(path[0])
    subject = "/".join(requirement.path)
    facts = {"type": requirement.type}
    if element is None:
        if not requirement.type.endswith("C"):
            yield requirement.type, Evidence(subject, "absent", facts, requirement.clause)
    elif requirement.type in ("1", "1C") and element.is_empty:
        yield requirement.type, Evidence(f"{element.subject}", "empty", facts, requirement.clause)


def _holds(header: Header, condition: Conditional) -> bool:
    if any(keyword in header.by_keyword for keyword in condition.lifted_by):
        return False
    return all("".join(header.texts(keyword)[:1]) in values for keyword, values in condition.when.items())


def wrong_enumerated(header: Header, table: ObjectTable) -> Iterator[Evidence]:
    """Give the attributes whose value is none of those that the standard enumerates."""
    for row in table.enumerated:
        element, texts = header.by_keyword.get(row.keyword), header.texts(row.keyword)
        wrong = _wrong(texts, row)
        if element is not None and wrong is not None:
            is_shown = element.tag >> 16 != _PATIENT_GROUP and _CODE.fullmatch(wrong) is not None
            kind, found = ("enumerated", wrong) if is_shown else ("unlisted", len(wrong))
            yield Evidence(element.subject, kind, {"found": found, "allowed": ", ".join(row.values)}, row.clause)


def _wrong(texts: tuple[str, ...], row: Enumerated) -> str | None:
    looked = texts if row.place == 0 else texts[row.place - 1 : row.place]
    return next((text for text in looked if text not in row.values), None)
