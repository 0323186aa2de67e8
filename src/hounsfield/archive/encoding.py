"""Where a data set starts and how it is written: preamble, file meta information, transfer syntax, or a good look."""

from collections.abc import Mapping
from dataclasses import dataclass

from hounsfield.archive.limits import Limits
from hounsfield.archive.tokens import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_BIG,
    IMPLICIT_LITTLE,
    KNOWN_VRS,
    UNDEFINED_LENGTH,
    Encoding,
    read_token,
    tag_text,
)
from hounsfield.archive.window import InflatedWindow, Window
from hounsfield.errors import Refused

PREAMBLE_BYTES = 128
TRANSFER_SYNTAX_UID = 0x00020010
MEDIA_STORAGE_SOP_CLASS_UID = 0x00020002
MEDIA_STORAGE_SOP_INSTANCE_UID = 0x00020003

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"

_ENCODINGS = {
    IMPLICIT_VR_LITTLE_ENDIAN: IMPLICIT_LITTLE,
    EXPLICIT_VR_BIG_ENDIAN: EXPLICIT_BIG,
}
_FIRST_TOKENS = 3
_MAX_META_ELEMENTS = 100


@dataclass(frozen=True)
class FileStart:
    """What comes before the data set.

    Attributes:
        window: the bytes that hold the data set, inflated where the transfer syntax asks for it.
        offset: where the data set starts in them.
        encoding: how it is written.
        meta: raw values of the file meta information, by tag; empty when there is none.
        transfer_syntax_uid: as declared; as found when nothing is declared.
        is_as_declared: whether the declared transfer syntax fits what is there.
    """

    window: Window
    offset: int
    encoding: Encoding
    meta: Mapping[int, bytes]
    transfer_syntax_uid: str
    is_as_declared: bool = True

    @property
    def sop_class_uid(self) -> str:
        """Media Storage SOP Class UID, empty when there is none."""
        return self.meta.get(MEDIA_STORAGE_SOP_CLASS_UID, b"").decode("ascii", "replace").strip("\0 ")


def dataset_offset(window: Window) -> int | None:
    """Return where the first data element of a DICOM file lies, or None when the bytes are not DICOM.

    DICOM is taken with its preamble (PS3.10 section 7.1), with the prefix alone, and without both when the first
    elements are plausible ones of group 2 or 8 in rising order.
    """
    if window.at(PREAMBLE_BYTES, 4) == b"DICM":
        return PREAMBLE_BYTES + 4
    if window.at(0, 4) == b"DICM":
        return 4
    candidates = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT_BIG)
    return 0 if any(_is_plausible(window, encoding) for encoding in candidates) else None


def _is_plausible(window: Window, encoding: Encoding) -> bool:
    """Tell whether bytes without a prefix start with data elements of a DICOM object."""
    position, last = 0, 0
    for index in range(_FIRST_TOKENS):
        token = read_token(window.at(position, 12), encoding)
        if token is None:
            return index > 0 and position == window.size
        is_first_group = token.tag >> 16 in (2, 8)
        if (index == 0 and not is_first_group) or token.tag <= last or token.tag >> 16 > 0x7FE0:
            return False
        if encoding.is_explicit and token.vr not in KNOWN_VRS:
            return False
        if token.length == UNDEFINED_LENGTH:
            return index > 0
        last = token.tag
        position += token.header_bytes + token.length
        if position > window.size:
            return False
    return True


def read_start(window: Window, offset: int, limits: Limits) -> FileStart:
    """Read the file meta information and settle how the data set is written.

    Raises:
        Refused: ``E111`` when the file ends inside the meta information, ``E116`` when no data set follows it,
            ``E119`` or ``E120`` for a deflated data set that is broken or inflates beyond the limits.
    """
    meta, end = _read_meta(window, offset)
    declared = meta.get(TRANSFER_SYNTAX_UID, b"").decode("ascii", "replace").strip("\0 ")
    if declared == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        inflated = InflatedWindow(window, end, limits).measure()
        return FileStart(inflated, 0, EXPLICIT_LITTLE, meta, declared)
    if end >= window.size:
        raise Refused("E116")
    expected = _ENCODINGS.get(declared, EXPLICIT_LITTLE) if declared else None
    found = _look(window, end, expected)
    name = declared or _name(found)
    return FileStart(window, end, found, meta, name, bool(declared) and found is expected)


def _read_meta(window: Window, offset: int) -> tuple[dict[int, bytes], int]:
    """Read the elements of group 2, which are explicit little endian; their group length is not relied on."""
    meta: dict[int, bytes] = {}
    position = offset
    for _ in range(_MAX_META_ELEMENTS):
        token = read_token(window.at(position, 12), EXPLICIT_LITTLE)
        if token is None or token.tag >> 16 != 2:
            break
        value = position + token.header_bytes
        available = window.size - value
        if token.length > available:
            tag = tag_text(token.tag)
            raise Refused("E111", tag=tag, offset=position, declared=token.length, available=max(available, 0))
        meta.setdefault(token.tag, window.at(value, min(token.length, 1024)))
        position = value + token.length
    return meta, position


def _look(window: Window, offset: int, expected: Encoding | None) -> Encoding:
    """Return the encoding that the first element shows, which goes before the one declared."""
    head = window.at(offset, 12)
    little_group, big_group = int.from_bytes(head[:2], "little"), int.from_bytes(head[:2], "big")
    is_big = little_group > big_group and big_group != 0 and expected is not IMPLICIT_LITTLE
    is_explicit = head[4:6] in KNOWN_VRS
    if is_big:
        return EXPLICIT_BIG if is_explicit else IMPLICIT_BIG
    if is_explicit:
        return EXPLICIT_LITTLE
    if expected is not None and expected.is_explicit and head[4:6].isalpha() and head[4:6].isupper():
        return expected
    return IMPLICIT_LITTLE


def _name(encoding: Encoding) -> str:
    if encoding is EXPLICIT_BIG:
        return EXPLICIT_VR_BIG_ENDIAN
    return EXPLICIT_VR_LITTLE_ENDIAN if encoding.is_explicit else IMPLICIT_VR_LITTLE_ENDIAN
