"""One data element header at a time: tag, value representation and length (PS3.5 section 7)."""

import struct
from typing import NamedTuple

from hounsfield.header_walk import LONG_VRS, SHORT_VRS

UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_DELIMITER = 0xFFFEE00D
SEQUENCE_DELIMITER = 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010
PIXEL_DATA_TAGS = frozenset({0x7FE00008, 0x7FE00009, PIXEL_DATA})

KNOWN_VRS = LONG_VRS | SHORT_VRS
BYTE_VRS = frozenset(b"OB OW OF OD OL OV UN".split())


class Encoding(NamedTuple):
    """How a data set is written: with or without VR, and in which byte order."""

    is_explicit: bool
    pair: struct.Struct
    short: struct.Struct
    long: struct.Struct

    @property
    def is_little_endian(self) -> bool:
        """Whether the least significant byte comes first."""
        return self.long.format.startswith("<")


IMPLICIT_LITTLE = Encoding(False, struct.Struct("<HH"), struct.Struct("<H"), struct.Struct("<L"))
EXPLICIT_LITTLE = Encoding(True, struct.Struct("<HH"), struct.Struct("<H"), struct.Struct("<L"))
IMPLICIT_BIG = Encoding(False, struct.Struct(">HH"), struct.Struct(">H"), struct.Struct(">L"))
EXPLICIT_BIG = Encoding(True, struct.Struct(">HH"), struct.Struct(">H"), struct.Struct(">L"))


class Token(NamedTuple):
    """The header of one data element.

    Attributes:
        tag: group and element as one number.
        vr: two letters; empty where the encoding does not give them.
        length: declared bytes of the value, ``UNDEFINED_LENGTH`` included.
        header_bytes: bytes of the header itself.
    """

    tag: int
    vr: bytes
    length: int
    header_bytes: int


HEADER_BYTES = 12
"""Longest header of a data element."""


def read_token(raw: bytes, encoding: Encoding) -> Token | None:
    """Decode the header at the start of ``raw``, or return None when ``raw`` is too short for it.

    A VR that is not two capital letters is taken as an element written implicitly among explicit ones, which some
    writers do; an unknown pair of capitals has a two-byte length, as pydicom and dcmtk read it.
    """
    if len(raw) < 8:
        return None
    group, element = encoding.pair.unpack_from(raw)
    tag = group << 16 | element
    if not encoding.is_explicit or group == 0xFFFE:
        return Token(tag, b"", encoding.long.unpack_from(raw, 4)[0], 8)
    vr = raw[4:6]
    if vr in LONG_VRS:
        if len(raw) < 12:
            return None
        return Token(tag, vr, encoding.long.unpack_from(raw, 8)[0], 12)
    if vr in SHORT_VRS or (vr.isalpha() and vr.isupper()):
        return Token(tag, vr, encoding.short.unpack_from(raw, 6)[0], 8)
    return Token(tag, b"", encoding.long.unpack_from(raw, 4)[0], 8)


def tag_text(tag: int) -> str:
    """Return a tag as DICOM prints it, such as ``(7FE0,0010)``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
