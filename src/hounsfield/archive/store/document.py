"""The DICOM JSON of an object without its bulk data (PS3.18 annex F), made once when it is received.

The bytes have passed the bounded walk before. Values above a kilobyte are not read: they are referred to by a
``BulkDataURI`` that holds the path of tags and item numbers alone (``7FE00010``, ``00081140/0/00420011``), before which
a service puts where it serves them. What cannot be followed ends its data set: the document holds what came before.
"""

from dataclasses import dataclass
from functools import lru_cache

from hounsfield.archive.encoding import FileStart
from hounsfield.archive.store.document_values import (
    BINARY_VRS,
    INLINE_BYTES,
    MAX_TEXT_BYTES,
    Json,
    convert_value,
)
from hounsfield.archive.tokens import (
    EXPLICIT_LITTLE,
    HEADER_BYTES,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_DELIMITER,
    KNOWN_VRS,
    PIXEL_DATA_TAGS,
    SEQUENCE_DELIMITER,
    UNDEFINED_LENGTH,
    Encoding,
    Token,
    read_token,
)
from hounsfield.archive.window import Window

_CHARACTER_SET = 0x00080005
_PIXEL_REPRESENTATION = 0x00280103
_UTF8 = "ISO_IR 192"
_TRAILING_PADDING = 0xFFFCFFFC
Document = dict[str, Json]


def make_document(start: FileStart, fallback_charset: bytes = b"") -> Document:
    """Return the elements of an object by their tags, in their order.

    Args:
        start: where the object begins.
        fallback_charset: Specific Character Set of text where the object declares none.
    """
    maker = _Maker(start.window)
    place = _Place(start.encoding, fallback_charset, "", False)
    document, _ = maker.dataset(start.offset, start.window.size, place)
    return document


@dataclass(frozen=True)
class _Place:
    """Where a data set stands: how it is written, its character set, its path, and whether a delimiter ends it."""

    encoding: Encoding
    character_set: bytes
    path: str
    is_open: bool


class _Maker:
    def __init__(self, window: Window) -> None:
        self._window = window

    def dataset(self, position: int, end: int, place: _Place) -> tuple[Document, int]:
        """Return the elements from a position on, and where they end."""
        elements: Document = {}
        character_set, is_signed = place.character_set, False
        while position < end:
            token = read_token(self._window.at(position, min(HEADER_BYTES, end - position)), place.encoding)
            if token is None or token.tag == _TRAILING_PADDING:
                return elements, end
            if token.tag in (ITEM_DELIMITER, SEQUENCE_DELIMITER):
                position += 8
                if place.is_open and token.tag == ITEM_DELIMITER:
                    return elements, position
                continue
            if token.tag >> 16 == 0xFFFE or token.tag == 0:
                return elements, end
            value = position + token.header_bytes
            key = f"{token.tag:08X}"
            inner = _Place(place.encoding, character_set, f"{place.path}{key}/", False)
            element, position = self._element(token, value, end, inner, is_signed)
            if token.tag & 0xFFFF == 0:
                continue
            elements[key] = element
            if token.tag == _CHARACTER_SET:
                character_set = self._window.at(value, min(token.length, 256)).strip(b"\0 ") or character_set
                elements[key] = {"vr": "CS", "Value": [_UTF8]}
            elif token.tag == _PIXEL_REPRESENTATION:
                is_signed = element.get("Value") == [1]
        return elements, end

    def _element(self, token: Token, value: int, end: int, place: _Place, is_signed: bool) -> tuple[Document, int]:
        vr = _vr(token, is_signed)
        is_pixels = token.tag in PIXEL_DATA_TAGS
        if token.length == UNDEFINED_LENGTH and (is_pixels or vr in BINARY_VRS - {"UN"}):
            return _bulk(vr, place), self._after_fragments(value, end, place.encoding)
        if vr == "SQ" or token.length == UNDEFINED_LENGTH:
            return self._sequence(token, value, end, place)
        after = value + token.length
        if after > end:
            return {"vr": vr}, end
        limit = INLINE_BYTES if vr in BINARY_VRS else MAX_TEXT_BYTES
        if is_pixels or token.length > limit:
            return _bulk(vr, place), after
        raw = self._window.at(value, token.length)
        return convert_value(vr, raw, place.encoding, place.character_set), after

    def _sequence(self, token: Token, value: int, end: int, place: _Place) -> tuple[Document, int]:
        is_open = token.length == UNDEFINED_LENGTH
        stop = end if is_open else min(value + token.length, end)
        encoding = IMPLICIT_LITTLE if token.vr == b"UN" else place.encoding
        items: list[Json] = []
        position = value
        while position < stop:
            head = read_token(self._window.at(position, min(8, stop - position)), encoding)
            if head is None or head.tag not in (ITEM, SEQUENCE_DELIMITER):
                position = stop
                break
            position += 8
            if head.tag == SEQUENCE_DELIMITER:
                if is_open:
                    break
                continue
            inside_end = stop if head.length == UNDEFINED_LENGTH else min(position + head.length, stop)
            path = f"{place.path}{len(items)}/"
            inner = _Place(
                self._item_encoding(encoding, position), place.character_set, path, head.length == UNDEFINED_LENGTH
            )
            item, position = self.dataset(position, inside_end, inner)
            items.append(item)
        return ({"vr": "SQ", "Value": items} if items else {"vr": "SQ"}), position if is_open else stop

    def _item_encoding(self, encoding: Encoding, position: int) -> Encoding:
        """Return how an item is written: some writers change to explicit VR against their own transfer syntax."""
        is_explicit = encoding is IMPLICIT_LITTLE and self._window.at(position + 4, 2) in KNOWN_VRS
        return EXPLICIT_LITTLE if is_explicit else encoding

    def _after_fragments(self, position: int, end: int, encoding: Encoding) -> int:
        while position < end:
            head = read_token(self._window.at(position, 8), encoding)
            if head is None or head.tag not in (ITEM, SEQUENCE_DELIMITER):
                return end
            position += 8
            if head.tag == SEQUENCE_DELIMITER:
                break
            position += head.length
        return min(position, end)


def _bulk(vr: str, place: _Place) -> Document:
    return {"vr": vr, "BulkDataURI": place.path.rstrip("/")}


def _vr(token: Token, is_signed: bool) -> str:
    """Return the VR: as written, else that of the data dictionary."""
    if token.vr and token.vr != b"UN":
        return token.vr.decode("ascii")
    known = _dictionary_vr(token.tag)
    if token.length == UNDEFINED_LENGTH and known == "UN":
        return "SQ"
    if known == "US or SS":
        return "SS" if is_signed else "US"
    return "OW" if " or " in known else known


@lru_cache(8192)
def _dictionary_vr(tag: int) -> str:
    from pydicom.datadict import dictionary_VR

    if tag & 0xFFFF == 0:
        return "UL"
    if tag >> 16 & 1:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"
