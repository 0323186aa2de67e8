"""Whether a value is written as its VR demands: characters, length and form (PS3.5 section 6.2)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydicom.charset import decode_bytes

from hounsfield.image.conformance.element import Element

MOST_CHARACTERS: Mapping[str, int] = {
    "AE": 16, "CS": 16, "DS": 16, "DT": 26, "IS": 12, "LO": 64, "LT": 10240, "PN": 64, "SH": 16, "ST": 1024,
    "TM": 14, "UI": 64,
}  # fmt: skip
"""Longest value of each VR in characters (PS3.5 table 6.2-1); of a PN, of each group."""
SIZES: Mapping[str, int] = {
    "AT": 4, "FD": 8, "FL": 4, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2, "SL": 4, "SS": 2, "SV": 8, "UL": 4,
    "US": 2, "UV": 8,
}  # fmt: skip
"""Bytes of one value of a binary VR."""
SINGLE = ("LT", "ST", "UR", "UT")
"""VRs whose backslash is a character like any other."""
_CONTROL = re.compile(r"[\x00-\x1a\x1c-\x1f\x7f]")
_CONTROL_OF_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_FORMS: Mapping[str, re.Pattern[str]] = {
    "AS": re.compile(r"\d{3}[DWMY]"),
    "CS": re.compile(r"[A-Z0-9_ ]*"),
    "DA": re.compile(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"),
    "DS": re.compile(r" *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)? *"),
    "DT": re.compile(r"\d{4}(\d\d(\d\d(\d\d(\d\d(\d\d(\.\d{1,6})?)?)?)?)?)?([+-]\d{4})?"),
    "IS": re.compile(r" *[+-]?\d+ *"),
    "TM": re.compile(r"([01]\d|2[0-3])([0-5]\d(([0-5]\d|60)(\.\d{1,6})?)?)?"),
    "UI": re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*"),
}
_CHARACTERS: Mapping[str, re.Pattern[str]] = {
    "CS": re.compile(r"[^A-Z0-9_ ]"),
    "DA": re.compile(r"[^0-9]"),
    "TM": re.compile(r"[^0-9.]"),
    "UI": re.compile(r"[^0-9.]"),
    "DS": re.compile(r"[^0-9+\-eE. ]"),
    "IS": re.compile(r"[^0-9+\- ]"),
    "AS": re.compile(r"[^0-9DWMY]"),
    "DT": re.compile(r"[^0-9+\-. ]"),
}


@dataclass(frozen=True)
class Fault:
    """What is wrong with a value; facts never hold the value itself."""

    kind: str
    facts: Mapping[str, object] = field(default_factory=dict)


def parts_of(element: Element) -> tuple[str, ...]:
    """Return the values of a text element, decoded, with their padding taken off."""
    text = _decoded(element)
    padding = "\0 " if element.vr == "UI" else " "
    if element.vr in SINGLE:
        return (text.rstrip(padding),)
    return tuple(part.rstrip(padding) for part in text.split("\\"))


def value_fault(element: Element) -> Fault | None:
    """Return the first thing that is wrong with the way a value is written, None where nothing is.

    Values of private attributes and of VR UN, OB and SQ have no form of their own.
    """
    if element.value is None or element.is_empty or element.tag >> 16 & 1:
        return None
    if element.vr in SIZES:
        size = SIZES[element.vr]
        return Fault("size", {"bytes": element.length, "size": size}) if len(element.value) % size else None
    if element.vr not in MOST_CHARACTERS and element.vr not in _FORMS:
        return None
    for part in parts_of(element):
        for test in (_character_fault, _length_fault, _form_fault):
            if part and (fault := test(element.vr, part)):
                return fault
    return None


def _character_fault(vr: str, text: str) -> Fault | None:
    illegal = _CHARACTERS.get(vr, _CONTROL_OF_TEXT if vr in SINGLE else _CONTROL)
    found = illegal.search(text)
    return None if found is None else Fault("character", {"character": f"U+{ord(found.group()):04X}", "vr": vr})


def _length_fault(vr: str, text: str) -> Fault | None:
    most = MOST_CHARACTERS.get(vr)
    if vr == "AS":
        return None if len(text) == 4 else Fault("age", {"length": len(text)})
    longest = max(len(group) for group in text.split("=")) if vr == "PN" else len(text)
    return Fault("long", {"length": longest, "most": most, "vr": vr}) if most is not None and longest > most else None


def _form_fault(vr: str, text: str) -> Fault | None:
    if vr == "PN" and text.count("=") > 2:
        return Fault("form", {"vr": vr})
    form = _FORMS.get(vr)
    if form is not None and not form.fullmatch(text):
        return Fault("form", {"vr": vr})
    return Fault("form", {"vr": vr}) if vr == "IS" and not -(2**31) <= int(text) < 2**31 else None


def multiplicity_fault(element: Element, multiplicity: str) -> Fault | None:
    """Return the fault where the count of values is not what PS3.6 allows.

    Args:
        element: which.
        multiplicity: as PS3.6 writes it: ``1``, ``2-n``, ``3-3n``, ``1-2``, ``1 or 3``.
    """
    if element.value is None or element.is_empty or element.vr in ("OB", "UN", *SINGLE):
        return None
    if element.vr in ("OD", "OF", "OL", "OV", "OW"):
        return None
    count = len(element.value) // SIZES[element.vr] if element.vr in SIZES else len(parts_of(element))
    if any(_allows(one)(count) for one in multiplicity.split(" or ")):
        return None
    return Fault("multiplicity", {"count": count, "allowed": multiplicity})


def _allows(multiplicity: str) -> Callable[[int], bool]:
    low, _, high = multiplicity.partition("-")
    least = int(low)
    if not high:
        return lambda count: count == least
    if not high.endswith("n"):
        return lambda count: least <= count <= int(high)
    step = int(high[:-1] or 1)
    return lambda count: count >= least and count % step == 0


def _decoded(element: Element) -> str:
    """Return the text in the character set that the header states, so that lengths count characters."""
    raw = element.value or b""
    if element.vr not in ("LO", "LT", "PN", "SH", "ST", "UC", "UT"):
        return raw.decode("latin-1")
    try:
        return decode_bytes(raw, element.encodings, {0x5C, 0x5E, 0x3D})
    except (UnicodeDecodeError, LookupError, ValueError):
        return raw.decode("latin-1")
