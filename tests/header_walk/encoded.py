"""Random data sets in bytes, by PS3.5 section 7 alone: nothing of pydicom's writer, nothing of the walk under test."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

IMPLICIT, EXPLICIT, JPEG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"
UNDEFINED = 0xFFFFFFFF
VRS = (
    *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FL", "FD", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM"),
    *("UI", "UL", "US", "OB", "OD", "OF", "OL", "OV", "OW", "SV", "UC", "UN", "UR", "UT", "UV"),
)
PLAIN_TAGS = {
    0x00080016: "UI",
    0x00080018: "UI",
    0x00080060: "CS",
    0x00081030: "LO",
    0x00100010: "PN",
    0x00100020: "LO",
    0x00185100: "CS",
    0x00200013: "IS",
    0x00200032: "DS",
    0x00280010: "US",
    0x00280030: "DS",
    0x00281052: "DS",
}
"""Public tags and their VRs."""
SEQUENCES = (0x00081111, 0x00081140, 0x00189346, 0x00400275, 0x52009229)
PRIVATE_TAGS = (0x00091001, 0x00111002, 0x002110FF, 0x71011010)
PIXELS = 0x7FE00010
_ITEM, _ITEM_END, _SEQUENCE_END, _PADDING = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD, 0xFFFCFFFC


def number_of(tag: int) -> bytes:
    """Return the four bytes of a tag."""
    return struct.pack("<HH", tag >> 16, tag & 0xFFFF)


def element(tag: int, vr: str, value: bytes, is_explicit: bool, length: int | None = None) -> bytes:
    """Return one data element; ``length`` may contradict the value."""
    stated = len(value) if length is None else length
    if not is_explicit:
        return number_of(tag) + struct.pack("<L", stated) + value
    if vr in EXPLICIT_VR_LENGTH_32:
        return number_of(tag) + vr.encode() + struct.pack("<HL", 0, stated) + value
    return number_of(tag) + vr.encode() + struct.pack("<H", stated) + value


def meta(syntax: str, sop_class: bytes = b"1.2.840.10008.5.1.4.1.1.2\0") -> bytes:
    """Return preamble, prefix and file meta information."""
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    body = element(0x00020001, "OB", b"\0\1", True) + element(0x00020002, "UI", sop_class, True)
    body += element(0x00020003, "UI", b"1.2.3.40", True) + element(0x00020010, "UI", uid, True)
    return bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<L", len(body)), True) + body


@dataclass
class Encoder:
    """Draws data sets; every choice comes from one generator of chance.

    Attributes:
        chance: of all choices.
        is_explicit: whether VRs are written.
    """

    chance: np.random.Generator
    is_explicit: bool

    def is_lucky(self, share: float) -> bool:
        return bool(self.chance.random() < share)

    def value(self) -> bytes:
        """Return a value of up to 40 bytes, of an odd number of them now and then, as bad writers do."""
        size = 2 * int(self.chance.integers(0, 20)) + int(self.is_lucky(0.1))
        return bytes(self.chance.integers(48, 58, size, dtype=np.uint8))

    def item(self, depth: int, is_explicit: bool) -> bytes:
        content = b"".join(self.elements(depth, is_explicit)) if self.is_lucky(0.85) else b""
        if self.is_lucky(0.5):
            return number_of(_ITEM) + struct.pack("<L", len(content)) + content
        return number_of(_ITEM) + struct.pack("<L", UNDEFINED) + content + number_of(_ITEM_END) + bytes(4)

    def sequence(self, tag: int, depth: int, is_explicit: bool) -> bytes:
        """Return a sequence; as UN of undefined length its items are without VRs (PS3.5 6.2.2)."""
        is_unknown = is_explicit and self.is_lucky(0.1)
        count = int(self.chance.integers(0, 3))
        items = b"".join(self.item(depth + 1, is_explicit and not is_unknown) for _ in range(count))
        if is_unknown or self.is_lucky(0.5):
            ended = items + number_of(_SEQUENCE_END) + bytes(4)
            return element(tag, "UN" if is_unknown else "SQ", ended, is_explicit, UNDEFINED)
        return element(tag, "SQ", items, is_explicit)

    def elements(self, depth: int, is_explicit: bool) -> list[bytes]:
        """Return the elements of one data set by rising tag."""
        made = {}
        for tag, vr in PLAIN_TAGS.items():
            if self.is_lucky(0.6 if depth == 0 else 0.25):
                made[tag] = element(tag, vr, self.value(), is_explicit)
        for tag in PRIVATE_TAGS:
            if self.is_lucky(0.4):
                made[tag] = element(tag, str(self.chance.choice(VRS)), self.value(), is_explicit)
        for tag in SEQUENCES:
            if depth < 4 and self.is_lucky(0.4 if depth == 0 else 0.2):
                made[tag] = self.sequence(tag, depth, is_explicit)
        return [made[tag] for tag in sorted(made)]

    def data_set(self) -> bytes:
        """Return a data set with or without pixels and padding, its elements in order or not."""
        made = self.elements(0, self.is_explicit)
        if self.is_lucky(0.3):
            self.chance.shuffle(made)  # type: ignore[arg-type]
        first = element(0x00080005, "CS", b"ISO_IR 100", self.is_explicit)
        whole = first + b"".join(made)
        if self.is_lucky(0.7):
            whole += element(PIXELS, "OW", bytes(2 * int(self.chance.integers(1, 100))), self.is_explicit)
            if self.is_lucky(0.3):
                whole += element(_PADDING, "OB", bytes(2 * int(self.chance.integers(0, 30))), self.is_explicit)
        return whole

    def file(self) -> bytes:
        """Return a whole file."""
        return meta(EXPLICIT if self.is_explicit else IMPLICIT) + self.data_set()


def written(folder: Path, contents: list[bytes]) -> list[Path]:
    """Write files of the given contents."""
    paths = [folder / f"{number:04}.dcm" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths
