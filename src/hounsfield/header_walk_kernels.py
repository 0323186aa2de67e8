"""Compiled walk over the headers of many DICOM files at once: what is plain is understood, all else is left to others.

The rules are those of ``archive.walker``, which judges every row that this walk does not call plain: each length must
lie inside its parent and inside the file, depth is bounded, and nothing is skipped that was not looked at.

Few arrays are handed from function to function, since each costs an atomic count of its references.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled
from hounsfield.file_kernels import STATX_BYTES, Names, close_file, open_file, read_from, size_of

MORE = -1
"""The row ends before the header does: read more of the file."""
PLAIN, UNREADABLE, NO_DICOM, PROGRAM, META, SYNTAX, ENCODING = 0, 1, 2, 3, 4, 5, 6
STRUCTURE, CUT, DEPTH, TAIL, LONG, REPEATED, DIRECTORY = 7, 8, 9, 10, 11, 12, 13

MAX_SEQUENCE_DEPTH = 32
OPEN, ITEMS, EXPLICIT = 1, 2, 4
"""What a container is: of undefined length, a sequence (else a data set), written with VRs."""

_UNDEFINED = 0xFFFFFFFF
_ITEM = 0xFFFEE000
_ITEM_DELIMITER = 0xFFFEE00D
_SEQUENCE_DELIMITER = 0xFFFEE0DD
_SQ, _UN, _OB, _OW = 0x5351, 0x554E, 0x4F42, 0x4F57
_DATA_SET, TAIL_BYTES = 132, 12
_MAX_META_ELEMENTS = 100
_DIRECTORY_CLASS = np.frombuffer(b"1.2.840.10008.1.3.10", dtype=np.uint8)
_FIRST_PIXELS, _LAST_PIXELS = 0x7FE00008, 0x7FE00010

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Extent = tuple[int, int]
"""Bytes of a file that are there, and bytes of the whole file."""


class Tables(NamedTuple):
    """What a walk looks things up in.

    Attributes:
        keys: (k, 2) sequence tag << 32 | tag of what is wanted, rising, and its column; 0 stands for no sequence.
        sequence_tags: tags that are sequences where no VR is given, rising.
        vr_kinds: (65536,) 0 for no VR, 1 for a length of two bytes, 2 for one of four.
        syntaxes: (m, 64) the transfer syntaxes that are followed, the first without VRs.
    """

    keys: Integers
    sequence_tags: Integers
    vr_kinds: Bytes
    syntaxes: Bytes


class Walk(NamedTuple):
    """Everything a walk reads and writes.

    Attributes:
        rows: (n, capacity) first bytes of each file.
        counts: (n,) how many of them are there.
        sizes: (n,) bytes of each file.
        status: (n,) out.
        syntax: (n,) out: row of ``syntaxes``, -1 for none of them.
        found: (n, k, 3) out: offset of the value, -1 where it is not there; its bytes, -1 when undefined; its VR.
        pixels: (n, 3) out: tag, offset and length of the pixel data; length -1 for fragments, tag 0 for none.
        levels: (2 * depth + 2, 3) scratch: end, sequence tag and kind of each container entered.
    """

    rows: Bytes
    counts: Integers
    sizes: Integers
    status: npt.NDArray[np.int8]
    syntax: npt.NDArray[np.int32]
    found: Integers
    pixels: Integers
    levels: Integers


@compiled
def walk_files(names: Names, walk: Walk, tables: Tables, span: tuple[int, int]) -> None:
    """Read the start of some files and walk each while it lies in the cache.

    ``counts`` and ``sizes`` are written; what cannot be read, or is no regular file, is ``UNREADABLE``.
    """
    scratch, levels = np.zeros(STATX_BYTES, dtype=np.uint8), np.empty_like(walk.levels)
    for row in range(span[0], span[1]):
        walk.counts[row], walk.sizes[row] = 0, -1
        descriptor = open_file(names, row)
        if descriptor >= 0:
            size = size_of(descriptor, scratch)
            count = read_from(descriptor, 0, walk.rows[row]) if size >= 0 else -1
            if count >= 0:
                walk.counts[row], walk.sizes[row] = count, size
            _walk_row(walk, tables, row, levels)
            if walk.status[row] == TAIL:
                count = read_from(descriptor, walk.pixels[row, 1] + walk.pixels[row, 2], scratch[:TAIL_BYTES])
                accept_padding(walk, row, scratch[: max(count, 0)])
            close_file(descriptor)
        if walk.sizes[row] < 0:
            walk.status[row] = UNREADABLE


@compiled
def walk_rows(walk: Walk, tables: Tables) -> None:
    """Walk the header of every row that has been read."""
    for row in range(walk.rows.shape[0]):
        _walk_row(walk, tables, row, walk.levels)


@compiled
def _walk_row(walk: Walk, tables: Tables, row: int, levels: Integers) -> None:
    walk.found[row, :, 0] = -1
    walk.found[row, :, 1:] = 0
    walk.pixels[row, :] = 0
    walk.syntax[row] = -1
    view, extent = walk.rows[row], (walk.counts[row], walk.sizes[row])
    if extent[0] < _DATA_SET + 12 or _tag(view, 128) != 0x4944_4D43:
        walk.status[row] = NO_DICOM
        return
    if _is_program(view):
        walk.status[row] = PROGRAM
        return
    position, syntax, status = _pass_meta(view, tables, extent)
    walk.syntax[row] = syntax
    if status == PLAIN:
        status = _require_encoding(view, tables.vr_kinds, extent, position, syntax > 0)
    if status == PLAIN:
        levels[0, 0], levels[0, 1] = extent[1], 0
        levels[0, 2] = EXPLICIT if syntax > 0 else 0
        status = _walk_data_set(view, tables, (position, extent[0], extent[1]), levels, walk.found[row])
    if status == _LAST_PIXELS:
        status = _take_pixels(levels, walk.pixels[row], extent[1])
    walk.status[row] = status


@compiled
def accept_padding(walk: Walk, row: int, head: Bytes) -> None:
    """Call a row plain when what follows its pixels, from ``head`` on, is Data Set Trailing Padding (PS3.10 7.2)."""
    is_explicit = walk.syntax[row] > 0
    header_bytes = TAIL_BYTES if is_explicit else 8
    if head.size >= header_bytes and _tag(head, 0) == 0xFFFCFFFC:
        has_vr = not is_explicit or (_letters(head, 4) in (_OB, _OW) and _short(head, 6) == 0)
        end = walk.pixels[row, 1] + walk.pixels[row, 2] + header_bytes + _long(head, header_bytes - 4)
        if has_vr and end == walk.sizes[row]:
            walk.status[row] = PLAIN


# ---- bytes


@compiled
def _short(view: Bytes, position: int) -> int:
    return int(np.int64(view[position]) | np.int64(view[position + 1]) << 8)


@compiled
def _long(view: Bytes, position: int) -> int:
    return _short(view, position) | _short(view, position + 2) << 16


@compiled
def _tag(view: Bytes, position: int) -> int:
    return _short(view, position) << 16 | _short(view, position + 2)


@compiled
def _letters(view: Bytes, position: int) -> int:
    return int(np.int64(view[position]) << 8 | np.int64(view[position + 1]))


@compiled
def _is_program(view: Bytes) -> bool:
    """Tell a preamble that starts as executables do, by two bytes: MZ, ELF, Mach-O, a script."""
    start = _letters(view, 0)
    return start in (0x4D5A, 0x7F45, 0xFEED, 0xCEFA, 0xCFFA, 0x2321)


@compiled
def _room(extent: Extent, end: int) -> int:
    """Return ``PLAIN`` when the bytes up to an offset are there, else why not."""
    if end <= extent[0]:
        return PLAIN
    return MORE if extent[0] < extent[1] else STRUCTURE


@compiled
def _find(keys: Integers, key: int) -> int:
    """Return the place of a key among rising ones, -1 when it is not there."""
    low, high = 0, keys.shape[0]
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < keys.shape[0] and keys[low] == key else -1


@compiled
def _find_column(keys: Integers, key: int) -> int:
    """Return the column of a key, -1 when it is not wanted."""
    place = _find(keys[:, 0], key)
    return int(keys[place, 1]) if place >= 0 else -1


# ---- file meta information


@compiled
def _pass_meta(view: Bytes, tables: Tables, extent: Extent) -> tuple[int, int, int]:  # noqa: C901 (a call costs more than a branch)
    """Return where the data set starts, its transfer syntax, and a status."""
    position, syntax = _DATA_SET, -1
    for _ in range(_MAX_META_ELEMENTS):
        room = _room(extent, position + 12)
        if room != PLAIN:
            return position, syntax, MORE if room == MORE else META
        if _short(view, position) != 2:
            return position, syntax, PLAIN if syntax >= 0 else SYNTAX
        tag, _, length, head = _header(view, tables.vr_kinds, (position, extent[1], extent[0]), True)
        value = position + head
        if head <= 0 or length > extent[1] - value:
            return position, syntax, META
        if tag in (0x00020002, 0x00020010):
            room = _room(extent, value + length)
            if room != PLAIN:
                return position, syntax, room
            text = _stripped(view, value, length)
            if tag == 0x00020002 and _is_text(text, _DIRECTORY_CLASS):
                return position, syntax, DIRECTORY
            if tag == 0x00020010:
                if syntax >= 0:
                    return position, syntax, META
                syntax = _syntax_of(text, tables.syntaxes)
                if syntax < 0:
                    return position, syntax, SYNTAX
        position = value + length
    return position, syntax, META


@compiled
def _stripped(view: Bytes, value: int, length: int) -> Bytes:
    end = value + length
    while end > value and view[end - 1] in (0, 32):
        end -= 1
    return view[value:end]


@compiled
def _is_text(found: Bytes, expected: Bytes) -> bool:
    """Tell whether two texts are the same; zeros may follow the expected one."""
    length = found.shape[0]
    if length > expected.shape[0] or (length < expected.shape[0] and expected[length] != 0):
        return False
    different = 0
    for index in range(length):
        different += found[index] != expected[index]
    return different == 0


@compiled
def _syntax_of(text: Bytes, syntaxes: Bytes) -> int:
    for index in range(syntaxes.shape[0]):
        if _is_text(text, syntaxes[index]):
            return index
    return -1


@compiled
def _require_encoding(view: Bytes, vr_kinds: Bytes, extent: Extent, position: int, is_explicit: bool) -> int:
    """Return a status: the first element must look as the transfer syntax says."""
    room = _room(extent, position + 8)
    if room != PLAIN:
        return room
    group, swapped = _short(view, position), _letters(view, position)
    has_vr = vr_kinds[_letters(view, position + 4)] > 0
    is_big = is_explicit and group > swapped and swapped != 0
    return ENCODING if is_big or has_vr != is_explicit else PLAIN


# ---- data elements and items


@compiled
def _header(view: Bytes, vr_kinds: Bytes, at: tuple[int, int, int], is_explicit: bool) -> tuple[int, int, int, int]:
    """Return tag, VR, length and bytes of an element's header; bytes are 0 where it is odd, -1 where more is needed.

    ``at`` is its position, the end of its container and the bytes that are there.
    """
    position, end, count = at
    if position + 8 > end:
        return 0, 0, 0, 0
    if position + 8 > count:
        return 0, 0, 0, -1
    tag = _tag(view, position)
    if not is_explicit or tag >> 16 == 0xFFFE:
        return tag, 0, _long(view, position + 4), 8
    vr = _letters(view, position + 4)
    kind = vr_kinds[vr]
    if kind == 1:
        return tag, vr, _short(view, position + 6), 8
    if kind == 0 or position + 12 > end:
        return tag, vr, 0, 0
    if position + 12 > count:
        return tag, vr, 0, -1
    return tag, vr, _long(view, position + 8), 12


@compiled
def _walk_data_set(  # noqa: C901 (a call costs more than a branch)
    view: Bytes, tables: Tables, start: tuple[int, int, int], levels: Integers, found: Integers
) -> int:
    """Walk from a position to the pixel data or the end; ``_LAST_PIXELS`` says that level 0 holds tag, offset, length.

    ``start`` is the position, the bytes that are there and the bytes of the file.
    """
    position, count, size = start
    level = 0
    has_nested = tables.keys.shape[0] > 0 and tables.keys[-1, 0] >> 32 > 0
    while level >= 0:
        end, parent, kind = levels[level, 0], levels[level, 1], levels[level, 2]
        if position >= end:
            if kind & OPEN:
                return CUT
            level -= 1
            continue
        is_explicit = kind & EXPLICIT != 0 and kind & ITEMS == 0
        if is_explicit and (parent == 0 or not has_nested):
            position = _pass_plain(view, tables, (position, end, count), found, parent == 0)
            if position >= end:
                continue
        tag, vr, length, head = _header(view, tables.vr_kinds, (position, end, count), is_explicit)
        if head <= 0:
            return MORE if head < 0 else STRUCTURE
        value = position + head
        if kind & ITEMS:
            level, status = _pass_item(view, tables.vr_kinds, levels, (level, tag, length, value), (count, size))
            position = value
        elif tag == _ITEM_DELIMITER and kind & OPEN:
            position, level, status = value, level - 1, PLAIN
        elif tag >> 16 == 0xFFFE or tag == 0:
            return STRUCTURE
        elif parent == 0 and _FIRST_PIXELS <= tag <= _LAST_PIXELS and tag != _FIRST_PIXELS + 2:
            levels[0, 0], levels[0, 1], levels[0, 2] = tag, value, length
            return _LAST_PIXELS
        elif length != _UNDEFINED and value + length > end:
            return CUT
        else:
            is_sequence = _is_sequence(view, tables.sequence_tags, (tag, vr, length), value, count)
            if is_sequence < 0:
                return MORE if is_sequence == -1 else STRUCTURE
            status = _record(tables.keys, found, parent << 32 | tag, (value, length, vr, is_sequence), (count, size))
            position = value if is_sequence else value + length
            if is_sequence and length:
                level += 1
                if level > 2 * MAX_SEQUENCE_DEPTH:
                    return DEPTH
                inner = ITEMS | (0 if vr == _UN else kind & EXPLICIT)
                levels[level, 1] = tag
                levels[level, 0] = end if length == _UNDEFINED else value + length
                levels[level, 2] = inner | OPEN if length == _UNDEFINED else inner
        if status != PLAIN:
            return status
    return PLAIN


@compiled
def _pass_plain(view: Bytes, tables: Tables, at: tuple[int, int, int], found: Integers, is_top: bool) -> int:
    """Pass the elements that need no thought, as most do; return the position of the first that does.

    ``at``: position, end of the data set, bytes that are there. What may be a sequence or a delimiter, holds pixels,
    leaves its parent or comes out of order is left to ``_walk_data_set``.
    """
    position, end, count = at
    keys, vr_kinds = tables.keys, tables.vr_kinds
    wanted, last, cursor = keys.shape[0] if is_top else 0, 0, 0
    while position + 12 <= min(end, count):
        tag, vr = _tag(view, position), _letters(view, position + 4)
        kind = vr_kinds[vr]
        if kind == 1:
            value, length = position + 8, _short(view, position + 6)
        elif kind == 2 and vr != _SQ and vr != _UN:
            value, length = position + 12, _long(view, position + 8)
        else:
            break
        if tag <= last or tag >= _FIRST_PIXELS or length == _UNDEFINED or value + length > end:
            break
        while cursor < wanted and keys[cursor, 0] < tag:
            cursor += 1
        if cursor < wanted and keys[cursor, 0] == tag:
            column = keys[cursor, 1]
            if found[column, 0] >= 0 or value + length > count:
                break
            found[column, 0], found[column, 1], found[column, 2] = value, length, vr
        last, position = tag, value + length
    return position


@compiled
def _is_sequence(view: Bytes, sequence_tags: Integers, element: tuple[int, int, int], value: int, count: int) -> int:
    """Tell whether a value holds items: 1, 0, -1 when more bytes must be seen, -2 when that is odd."""
    tag, vr, length = element
    if length == _UNDEFINED:
        return 1 if vr in (0, _SQ, _UN) else -2
    if vr == _SQ:
        return 1
    if vr not in (0, _UN) or length < 8 or _find(sequence_tags, tag) < 0:
        return 0
    if value + 4 > count:
        return -1
    first = _tag(view, value)
    if first not in (_ITEM, 0xFEFF00E0):
        return 0
    return -2 if vr == _UN else 1


@compiled
def _pass_item(
    view: Bytes, vr_kinds: Bytes, levels: Integers, item: tuple[int, int, int, int], extent: Extent
) -> tuple[int, int]:
    """Enter an item, or leave its sequence; ``item`` is level, tag, length and where its value starts."""
    level, tag, length, value = item
    end, sequence, kind = levels[level, 0], levels[level, 1], levels[level, 2]
    if tag == _SEQUENCE_DELIMITER and kind & OPEN:
        return level - 1, PLAIN
    if tag != _ITEM:
        return level, STRUCTURE
    if length == 0:
        return level, PLAIN
    if length != _UNDEFINED and value + length > end:
        return level, CUT
    if not kind & EXPLICIT:
        room = _room(extent, min(value + 6, extent[1]))
        if room != PLAIN:
            return level, room
        if value + 6 <= extent[1] and vr_kinds[_letters(view, value + 4)] > 0:
            return level, ENCODING
    is_open = length == _UNDEFINED
    levels[level + 1, 0] = end if is_open else value + length
    levels[level + 1, 1] = sequence
    levels[level + 1, 2] = kind & EXPLICIT | (OPEN if is_open else 0)
    return level + 1, PLAIN


@compiled
def _take_pixels(levels: Integers, pixels: Integers, size: int) -> int:
    """Pixel data ends the walk; native values must end with the file, fragments are for the decoder to walk."""
    tag, value, length = levels[0, 0], levels[0, 1], levels[0, 2]
    if length != _UNDEFINED and value + length > size:
        return CUT
    pixels[0], pixels[1] = tag, value
    pixels[2] = -1 if length == _UNDEFINED else length
    return TAIL if length != _UNDEFINED and value + length < size else PLAIN


@compiled
def _record(keys: Integers, found: Integers, key: int, element: tuple[int, int, int, int], extent: Extent) -> int:
    """Note where a wanted value lies; of nested ones the first that is no sequence."""
    column = _find_column(keys, key)
    value, length, vr, is_sequence = element
    if column < 0 or (key >> 32 and is_sequence):
        return PLAIN
    if found[column, 0] >= 0:
        return PLAIN if key >> 32 else REPEATED
    if not is_sequence:
        room = _room(extent, value + length)
        if room != PLAIN:
            return room
    found[column, 0] = value
    found[column, 1] = -1 if length == _UNDEFINED else length
    found[column, 2] = _SQ if is_sequence else vr
    return PLAIN


@compiled
def mark_changes(rows: Bytes, is_known: npt.NDArray[np.bool_], found: Integers) -> npt.NDArray[np.bool_]:
    """Tell (n, k) of each wanted value whether it differs from that of the row before; of sequences, only their being.

    ``is_known`` (n,) tells whether the values of a row lie in its bytes; other rows differ from all.
    """
    changes = np.ones((rows.shape[0], found.shape[1]), dtype=np.bool_)
    for row in range(1, rows.shape[0]):
        if is_known[row] and is_known[row - 1]:
            for column in range(found.shape[1]):
                changes[row, column] = not _is_same(rows, row, found[row - 1, column], found[row, column])
    return changes


@compiled
def _is_same(rows: Bytes, row: int, one: Integers, other: Integers) -> bool:
    """Tell whether a value, given by its place, is that of the row before."""
    if one[0] < 0 or other[0] < 0 or one[2] == _SQ or other[2] == _SQ:
        return bool((one[0] < 0) == (other[0] < 0) and one[2] == other[2])
    is_same = one[1] == other[1] and max(one[0], other[0]) + one[1] <= rows.shape[1]
    for index in range(one[1] if is_same else 0):
        is_same &= rows[row - 1, one[0] + index] == rows[row, other[0] + index]
    return bool(is_same)
