"""One data element as it stands in the file: tag, name, VR, raw value, before anything reads a meaning into it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydicom.charset import convert_encodings
from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

MOST_ELEMENTS = 20_000
MOST_DEPTH = 16
_INTEGERS = {"US": (2, False), "SS": (2, True), "UL": (4, False), "SL": (4, True)}
"""Bytes and sign of the binary integers that are compared with a table."""
_BINARY = frozenset(("AT", "FD", "FL", "OB", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "SV", "UL", "UN", "US", "UV"))


@dataclass(frozen=True)
class Element:
    """A data element.

    Attributes:
        tag: its tag.
        keyword: its name in PS3.6, empty where the dictionary does not know it.
        vr: as the file gives it, as PS3.6 has it where the file gives none.
        is_explicit: whether the file gives the VR.
        value: raw bytes, None for sequences and for values that were not read.
        length: bytes of the value, -1 where undefined.
        is_little: byte order.
        encodings: Python encodings of its text.
        items: data sets of a sequence.
    """

    tag: int
    keyword: str
    vr: str
    is_explicit: bool
    value: bytes | None
    length: int
    is_little: bool = True
    encodings: tuple[str, ...] = ("iso8859",)
    items: tuple["Header", ...] = ()

    @property
    def subject(self) -> str:
        """Tag and keyword, for people."""
        return f"({self.tag >> 16:04X},{self.tag & 0xFFFF:04X}) {self.keyword}".strip()

    @property
    def is_empty(self) -> bool:
        """Whether there is no value: no bytes, blanks alone, or no item."""
        if self.vr == "SQ":
            return not self.items
        if self.length == 0 or self.value is None or self.vr in _BINARY:
            return self.length == 0
        return not self.value.strip(b" \0")

    @property
    def texts(self) -> tuple[str, ...]:
        """The values as text without padding, for comparing with a table; empty for numbers that were not read."""
        if self.value is None or self.is_empty:
            return ()
        if self.vr in _INTEGERS:
            size, signed = _INTEGERS[self.vr]
            order = "little" if self.is_little else "big"
            parts = [self.value[start : start + size] for start in range(0, len(self.value) - size + 1, size)]
            return tuple(str(int.from_bytes(part, order, signed=signed)) for part in parts)  # type: ignore[arg-type]
        return tuple(part.strip(" \0") for part in self.value.decode("latin-1").split("\\"))


@dataclass(frozen=True)
class Header:
    """The elements of a data set by keyword, those that PS3.6 does not name left out of it."""

    elements: tuple[Element, ...] = ()
    by_keyword: Mapping[str, Element] = field(default_factory=dict)

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return the values of an attribute as text, none where it is absent or empty."""
        element = self.by_keyword.get(keyword)
        return () if element is None else element.texts

    def number(self, keyword: str) -> int | None:
        """Return an attribute as a whole number, None where it is none."""
        try:
            return int(self.texts(keyword)[0])
        except (IndexError, ValueError):
            return None


def header_of(dataset: Dataset) -> Header:
    """Return the elements of a data set as they stand in the file, at most 20 000 of them, 16 sequences deep."""
    return _header(dataset, ("iso8859",), MOST_DEPTH, iter(range(MOST_ELEMENTS)))


def _header(dataset: Dataset, encodings: tuple[str, ...], depth: int, budget: Iterator[int]) -> Header:
    stated = dataset.get("SpecificCharacterSet")
    if stated:
        encodings = _encodings(stated)
    elements = []
    for tag in sorted(dataset.keys()):
        if next(budget, None) is None:
            break
        elements.append(_element(dataset, int(tag), encodings, depth, budget))
    named = {element.keyword: element for element in elements if element.keyword}
    return Header(tuple(elements), named)


def _encodings(value: object) -> tuple[str, ...]:
    try:
        return tuple(convert_encodings(value)) or ("iso8859",)  # type: ignore[arg-type]
    except LookupError:
        return ("iso8859",)


def _element(dataset: Dataset, tag: int, encodings: tuple[str, ...], depth: int, budget: Iterator[int]) -> Element:
    raw: object = dataset.get_item(tag, keep_deferred=True)
    keyword = keyword_for_tag(tag)
    named = vr_of(tag)
    if isinstance(raw, RawDataElement):
        vr, is_explicit = raw.VR or named.split(" or ", maxsplit=1)[0], raw.VR is not None and not raw.is_implicit_VR
        value, length, is_little = raw.value, raw.length, raw.is_little_endian
    else:
        vr, is_explicit, value, length, is_little = _known(dataset[tag])
    if vr != "SQ" and not (vr == "UN" and named == "SQ"):
        size = -1 if length == 0xFFFFFFFF else length
        return Element(tag, keyword, vr, is_explicit, value, size, is_little, encodings)
    sequence = dataset[tag]
    items = sequence.value if depth and sequence.VR == "SQ" else ()
    headers = tuple(_header(item, encodings, depth - 1, budget) for item in items)
    return Element(tag, keyword, vr, is_explicit, None, -1, is_little, encodings, headers)


def _known(element: DataElement) -> tuple[str, bool, bytes | None, int, bool]:
    """Return an element that pydicom has turned into a value already: sequences, and the few it needs itself."""
    if element.VR == "SQ" or element.value is None:
        return element.VR, False, None, -1 if element.VR == "SQ" else 0, True
    values = element.value if isinstance(element.value, list | MultiValue) else [element.value]
    if element.VR in _INTEGERS:
        size, signed = _INTEGERS[element.VR]
        raw = b"".join(int(value).to_bytes(size, "little", signed=signed) for value in values)
    else:
        texts = (value if isinstance(value, bytes) else str(value).encode("latin-1", "replace") for value in values)
        raw = b"\\".join(texts)
    return element.VR, False, raw, len(raw), True


def vr_of(tag: int) -> str:
    """Return the VR of PS3.6, such as ``US or SS``; UN where it is not in the dictionary."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"


def vm_of(tag: int) -> str:
    """Return the value multiplicity of PS3.6, such as ``1-n``."""
    try:
        return dictionary_VM(tag)
    except KeyError:
        return "1-n"
