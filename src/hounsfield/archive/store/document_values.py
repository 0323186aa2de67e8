"""Raw values as DICOM JSON values (PS3.18 annex F.2)."""

import base64
import math
import re
import struct
from collections.abc import Callable
from functools import cache

from hounsfield.archive.charset import decode_text
from hounsfield.archive.tokens import Encoding

Json = None | str | int | float | list["Json"] | dict[str, "Json"]

INLINE_BYTES = 1024
"""Longest binary value that stands in the document itself."""
MAX_TEXT_BYTES = 1 << 20
"""Longest text that does; a longer one is bulk data."""

BINARY_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_ONE_TEXT = frozenset({"LT", "ST", "UT", "UR"})
_NUMBERS = {"SS": "h", "US": "H", "SL": "i", "UL": "I", "SV": "q", "UV": "Q", "FL": "f", "FD": "d"}
_ASCII = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"})
_PERSON_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_GB2312_ESCAPE = "\x1b$)A"
"""pydicom 3 leaves this one in the text (PS3.5 annex K); it is no letter of any name."""
_INTEGER = re.compile(r"[+-]?\d{1,12}")


def convert_value(vr: str, raw: bytes, encoding: Encoding, character_set: bytes) -> dict[str, Json]:
    """Return the element that a raw value makes, with an empty one for no value.

    Numbers that are no numbers stay text (DS and IS), NaN and infinities become null. Binary values are Base64.
    """
    element: dict[str, Json] = {"vr": vr}
    if vr in BINARY_VRS:
        if raw:
            element["InlineBinary"] = base64.b64encode(raw).decode()
        return element
    values = _numbers(vr, raw, encoding) if vr in _NUMBERS or vr == "AT" else _texts(vr, raw, character_set)
    if any(value is not None for value in values):
        element["Value"] = values
    return element


def _numbers(vr: str, raw: bytes, encoding: Encoding) -> list[Json]:
    if vr == "AT":
        pairs = range(0, len(raw) - 3, 4)
        return ["{:04X}{:04X}".format(*encoding.pair.unpack_from(raw, start)) for start in pairs]
    kind = _NUMBERS[vr]
    count = len(raw) // struct.calcsize("<" + kind)
    found = struct.unpack_from(f"{'<' if encoding.is_little_endian else '>'}{count}{kind}", raw)
    return [value if math.isfinite(value) else None for value in found]


def _texts(vr: str, raw: bytes, character_set: bytes) -> list[Json]:
    text = raw.decode("latin-1") if vr in _ASCII else decode(raw, character_set)
    if vr in _ONE_TEXT:
        text = text.rstrip("\0 ")
        return [text] if text else []
    parts = [part.strip("\0 ") if vr != "UI" else part.strip("\0 \n") for part in text.split("\\")]
    read = _readers().get(vr)
    return [(read(part) if read else part) if part else None for part in parts]


@cache
def _readers() -> dict[str, Callable[[str], Json]]:
    return {"PN": _person, "IS": _whole, "DS": _decimal}


def _person(text: str) -> Json:
    groups = zip(_PERSON_GROUPS, text.split("="), strict=False)
    return {name: group.strip() for name, group in groups if group.strip()} or None


def _whole(text: str) -> Json:
    if _INTEGER.fullmatch(text):
        return int(text)
    return _decimal(text)


def _decimal(text: str) -> Json:
    try:
        number = float(text) if "_" not in text else math.nan
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def decode(raw: bytes, character_set: bytes) -> str:
    """Return a text; escape sequences between several sets (ISO 2022) are followed by pydicom."""
    if b"\x1b" not in raw:
        return decode_text(raw, character_set)
    from pydicom.charset import convert_encodings, decode_bytes

    terms = [term.strip() for term in character_set.decode("ascii", "replace").split("\\")]
    try:
        text = str(decode_bytes(raw, convert_encodings(terms), {0x5C, 0x5E, 0x3D, 0x0A, 0x0C, 0x0D, 0x09}))
        return text.replace(_GB2312_ESCAPE, "")
    except (LookupError, ValueError):
        return decode_text(raw, character_set)
