"""The CSA header of Siemens, read within bounds: named lists of texts in a private element of the data set.

The layout is not published by its maker; it is described in nibabel's documentation ("CSA header format"): the letters
SV10, four bytes, the number of tags and a check word, then for each tag its name, multiplicity, type and items, each
item with its own length and padded to four bytes.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hounsfield.errors import Undecodable

MAXIMUM_BYTES = 16 << 20
MAXIMUM_TAGS = 1024
MAXIMUM_ITEMS = 4096
MAXIMUM_TEXT = 4096
"""Bytes of one item that are read as text; a protocol may be longer, and is not wanted here."""

_HEAD = struct.Struct("<4s4sII")
_TAG = struct.Struct("<64si4siii")
_ITEM = struct.Struct("<4i")
_MAGIC = b"SV10"


@dataclass(frozen=True)
class CsaHeader:
    """What was asked for of a CSA header.

    Attributes:
        values: texts of each tag, without the empty items that fill it up.
    """

    values: Mapping[str, tuple[str, ...]]

    def numbers(self, name: str) -> tuple[float, ...]:
        """Return the items of a tag as numbers, empty where it is absent or any item is not a number."""
        try:
            return tuple(float(value) for value in self.values.get(name, ()))
        except ValueError:
            return ()


def read_csa(raw: bytes, names: Iterable[str], uid: str = "") -> CsaHeader:
    """Read named tags of a CSA header.

    Args:
        raw: the value of (0029,xx10) or (0029,xx20).
        names: which tags.
        uid: the object it comes from.

    Raises:
        Undecodable: ``E329``, the header is of another form, or its counts and lengths run beyond it.
    """
    wanted, found = frozenset(names), dict[str, tuple[str, ...]]()
    if len(raw) > MAXIMUM_BYTES:
        raise Undecodable("E329", uid=uid, found=f"{len(raw)} bytes")
    magic, _, tags, _ = _unpack(_HEAD, raw, 0, uid)
    if magic != _MAGIC or not 0 < tags <= MAXIMUM_TAGS:
        raise Undecodable("E329", uid=uid, found=f"{tags} tags" if magic == _MAGIC else "no SV10 header")
    offset = _HEAD.size
    for _ in range(tags):
        label, _, _, _, items, _ = _unpack(_TAG, raw, offset, uid)
        name = _text(label)
        values, offset = _read_items(raw, offset + _TAG.size, items, uid)
        if name in wanted:
            found[name] = values
    return CsaHeader(found)


def _read_items(raw: bytes, offset: int, count: int, uid: str) -> tuple[tuple[str, ...], int]:
    """Return the texts of one tag that are not empty, and the place after its last item."""
    if not 0 <= count <= MAXIMUM_ITEMS:
        raise Undecodable("E329", uid=uid, found=f"{count} items")
    values = []
    for _ in range(count):
        length = _unpack(_ITEM, raw, offset, uid)[1]
        offset += _ITEM.size
        if not 0 <= length <= len(raw) - offset:
            raise Undecodable("E329", uid=uid, found=f"an item of {length} bytes")
        text = _text(raw[offset : offset + min(length, MAXIMUM_TEXT)])
        if text:
            values.append(text)
        offset += (length + 3) // 4 * 4
    return tuple(values), offset


def _unpack(form: struct.Struct, raw: bytes, offset: int, uid: str) -> tuple[Any, ...]:
    if offset + form.size > len(raw):
        raise Undecodable("E329", uid=uid, found=f"an end after {len(raw)} bytes")
    return form.unpack_from(raw, offset)


def _text(raw: bytes) -> str:
    """Return text up to its first null byte."""
    return raw.split(b"\0", 1)[0].decode("latin-1").strip()
