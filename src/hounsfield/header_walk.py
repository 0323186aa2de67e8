"""The headers of many DICOM files read and walked at once: where each wanted value lies, or who has to look closer.

What is plain (the large majority of what scanners write) is walked by compiled code in about 10 microseconds a file;
whatever is odd in the least gets a status and is judged by ``archive.walker`` or pydicom, which this walk agrees with
wherever it gives an answer.
"""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from hounsfield.header_walk_kernels import Tables, Walk

SYNTAXES = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    *(f"1.2.840.10008.1.2.4.{end}" for end in (50, 51, 57, 70, 80, 81, 90, 91, 92, 93, 201, 202, 203)),
    *(f"1.2.840.10008.1.2.4.{end}" for end in range(100, 109)),
    "1.2.840.10008.1.2.5",
)
"""Transfer syntaxes that are followed; only the first is without VRs. Big endian and deflated files are not."""

LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())

MAX_SEQUENCE_DEPTH = 32
FEWEST = 8
"""Fewer files than these are better parsed one by one: loading the compiler would take longer."""

_STEPS = (8 << 10, 64 << 10, 1 << 20)
"""How much of a file is read: first, then for the files whose header is longer."""
_MAX_LONGER_BYTES = 64 << 20
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_MORE = -1


class HeaderStatus(IntEnum):
    """Why a header was not understood; ``PLAIN`` when it was, wholly."""

    PLAIN = 0
    UNREADABLE = 1
    NO_DICOM = 2
    PROGRAM = 3
    META = 4
    SYNTAX = 5
    ENCODING = 6
    STRUCTURE = 7
    CUT = 8
    DEPTH = 9
    TAIL = 10
    LONG = 11
    REPEATED = 12
    DIRECTORY = 13


@cache
def sequence_tags() -> frozenset[int]:
    """Return the tags whose VR is SQ in the data dictionary (PS3.6), for encodings that do not give it."""
    from pydicom._dicom_dict import DicomDictionary

    return frozenset(tag for tag, entry in DicomDictionary.items() if entry[0] == "SQ")


@dataclass(frozen=True)
class Walked:
    """What the headers of n files hold, for k wanted values.

    Attributes:
        buffers: (n, 8192) uint8, the first bytes of each file; zeros or garbage after its end.
        longer: rows of which more had to be read, by row.
        sizes: (n,) int64, bytes of each file.
        status: (n,) int8 ``HeaderStatus``; the rest of a row counts only where it is ``PLAIN``.
        syntax: (n,) int32 index into ``SYNTAXES``.
        positions: (n, k) int64 offset of the value in its file, -1 where it is not there.
        lengths: (n, k) int64 bytes of the value; -1 for a sequence of undefined length.
        vrs: (n, k) int64 VR, first letter in the high byte; 0 where the file gives none. A sequence is always SQ.
        pixel_tag: (n,) int64 tag of the pixel data, 0 without.
        pixel_offset: (n,) int64 offset of its value.
        pixel_length: (n,) int64 its bytes, which end with the file but for padding; -1 for fragments, which are not
            looked at.
    """

    buffers: npt.NDArray[np.uint8]
    longer: Mapping[int, npt.NDArray[np.uint8]]
    sizes: npt.NDArray[np.int64]
    status: npt.NDArray[np.int8]
    syntax: npt.NDArray[np.int32]
    positions: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    vrs: npt.NDArray[np.int64]
    pixel_tag: npt.NDArray[np.int64]
    pixel_offset: npt.NDArray[np.int64]
    pixel_length: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.status)

    def value(self, row: int, column: int) -> bytes:
        """Return a raw value; empty where it is not there, or is a sequence."""
        start, length = int(self.positions[row, column]), int(self.lengths[row, column])
        if start < 0 or length <= 0 or self.vrs[row, column] == _SEQUENCE:
            return b""
        return self.head(row)[start : start + length].tobytes()

    def has(self, row: int, column: int) -> bool:
        """Tell whether a value is there."""
        return bool(self.positions[row, column] >= 0)

    def values(self, column: int) -> list[bytes]:
        """Return the raw value of every row; empty where it is not there, is a sequence, or the row is not plain."""
        values, places = self.runs(column)
        return [values[place] for place in places]

    def runs(self, column: int) -> tuple[list[bytes], list[int]]:
        """Return the value of each run of rows that share it, and the run of every row: of a series, few differ."""
        changes = self._changes[:, column]
        first = np.flatnonzero(changes)
        is_there = (self.status == HeaderStatus.PLAIN) & (self.lengths[:, column] > 0)
        is_there &= (self.positions[:, column] >= 0) & (self.vrs[:, column] != _SEQUENCE)
        places = (np.cumsum(changes) - 1).tolist()
        if self.longer:
            return [self.value(row, column) if is_there[row] else b"" for row in first.tolist()], places
        starts = np.where(is_there[first], first * self.buffers.shape[1] + self.positions[first, column], 0)
        stops = np.where(is_there[first], starts + self.lengths[first, column], 0)
        every = self.buffers.reshape(-1).data
        pairs = zip(starts.tolist(), stops.tolist(), strict=True)
        return [every[start:stop].tobytes() for start, stop in pairs], places

    def is_constant(self, column: int) -> bool:
        """Tell whether a value is the same bytes, or is not there, in every plain row; of sequences only that."""
        if self._is_still is not None:
            return bool(self._is_still[column])
        rows = np.flatnonzero(self.status == HeaderStatus.PLAIN)
        is_there = self.positions[rows, column] >= 0
        if not is_there.all():
            return not is_there.any()
        is_sequence = self.vrs[rows, column] == _SEQUENCE
        return bool(is_sequence.all()) or (
            not is_sequence.any() and len({self.value(int(row), column) for row in rows}) == 1
        )

    @cached_property
    def _is_still(self) -> npt.NDArray[np.bool_] | None:
        """(k,) whether a value never changes, None where some row is not plain or lies elsewhere."""
        if self.longer or (self.status != HeaderStatus.PLAIN).any():
            return None
        return np.asarray(~self._changes[1:].any(axis=0))

    @cached_property
    def _changes(self) -> npt.NDArray[np.bool_]:
        """(n, k) whether a value may differ from that of the row before."""
        from hounsfield.header_walk_kernels import mark_changes

        is_known = self.status == HeaderStatus.PLAIN
        is_known[list(self.longer)] = False
        found = np.stack([self.positions, self.lengths, self.vrs], axis=2)
        changes: npt.NDArray[np.bool_] = mark_changes(self.buffers, is_known, found)
        return changes

    def head(self, row: int) -> npt.NDArray[np.uint8]:
        """Return the first bytes of a file, as many as its header needed or more."""
        return self.longer.get(row, self.buffers[row])

    def again(self, rows: Sequence[int], wanted: Sequence[int]) -> "Walked | None":
        """Walk the headers of some rows once more for other values, without touching the files.

        Returns:
            Those rows; None where one was not plain, or its first bytes did not do.
        """
        from hounsfield.header_walk_kernels import walk_rows

        chosen = np.asarray(rows, dtype=np.intp)
        if self.longer or (self.status[chosen] != HeaderStatus.PLAIN).any():
            return None
        is_whole = np.array_equal(chosen, np.arange(len(self)))
        buffers, sizes = (self.buffers, self.sizes) if is_whole else (self.buffers[chosen], self.sizes[chosen])
        walk = _blank_walk(buffers, sizes, len(wanted))
        np.minimum(sizes, buffers.shape[1], out=walk.counts)
        walk_rows(walk, _tables(np.array(wanted, dtype=np.int64)))
        walk.status[walk.status == HeaderStatus.TAIL] = HeaderStatus.PLAIN  # it was seen to be padding
        walk.pixels[:] = np.stack([self.pixel_tag, self.pixel_offset, self.pixel_length], axis=1)[chosen]
        if (walk.status != HeaderStatus.PLAIN).any():
            return None
        return _walked(walk)

    def transfer_syntax_uid(self, row: int) -> str:
        """Return the transfer syntax of a plain row."""
        return SYNTAXES[int(self.syntax[row])]


_SEQUENCE = ord("S") << 8 | ord("Q")


def walk_headers(
    paths: Sequence[Path | str],
    wanted: Sequence[int],
    nested: Sequence[tuple[int, int]] = (),
    threads: int = 1,
) -> Walked:
    """Read the start of each file and walk its header.

    Args:
        paths: regular files; what is none, or cannot be opened, gets the status ``UNREADABLE``.
        wanted: tags of the data set itself, one column each.
        nested: (sequence tag, tag) pairs, the first occurrence at any depth; their columns follow.
        threads: files read at a time.
    """
    count = len(paths)
    keys = np.array([*wanted, *(parent << 32 | tag for parent, tag in nested)], dtype=np.int64)
    whole = _walk(paths, keys, _STEPS[0], threads)
    longer: dict[int, npt.NDArray[np.uint8]] = {}
    for capacity in _STEPS[1:]:
        pending = np.flatnonzero(whole.status == _MORE)
        batch = _MAX_LONGER_BYTES // capacity
        for start in range(0, len(pending), batch):
            rows = pending[start : start + batch]
            part = _walk([paths[row] for row in rows], keys, capacity, threads)
            _merge(whole, longer, part, rows)
    whole.status[whole.status == _MORE] = HeaderStatus.LONG
    return replace(whole, longer=longer) if count else whole


def _merge(whole: Walked, longer: dict[int, npt.NDArray[np.uint8]], part: Walked, rows: npt.NDArray[np.intp]) -> None:
    """Put the rows that were read again in their places; of their bytes, what the header takes is kept."""
    for name in ("sizes", "status", "syntax", "positions", "lengths", "vrs", *_PIXEL_COLUMNS):
        getattr(whole, name)[rows] = getattr(part, name)
    for place, row in enumerate(rows):
        if part.status[place] == HeaderStatus.PLAIN:
            ends = part.positions[place].astype(np.int64) + np.maximum(part.lengths[place], 0)
            end = max(int(ends.max(initial=0)), int(part.pixel_offset[place]))
            longer[int(row)] = part.buffers[place, :end].copy()


_PIXEL_COLUMNS = ("pixel_tag", "pixel_offset", "pixel_length")


def _walk(paths: Sequence[Path | str], keys: npt.NDArray[np.int64], capacity: int, threads: int) -> Walked:
    from hounsfield.compiled import in_threads, spans
    from hounsfield.file_kernels import pack_names
    from hounsfield.header_walk_kernels import TAIL_BYTES, accept_padding, walk_files, walk_rows

    names = [os.fspath(path) for path in paths]
    count, tables = len(names), _tables(keys)
    walk = _blank_walk(np.empty((count, capacity), dtype=np.uint8), np.full(count, -1, dtype=np.int64), len(keys))
    packed = pack_names(names)
    if packed is not None:
        in_threads(walk_files, [(packed, walk, tables, span) for span in spans(count, threads)], threads)
    else:
        parts = [(names, walk.rows, walk.counts, walk.sizes, span) for span in spans(count, threads)]
        in_threads(_read_rows, parts, threads)
        walk_rows(walk, tables)
        walk.status[walk.sizes < 0] = HeaderStatus.UNREADABLE
        for row in np.flatnonzero(walk.status == HeaderStatus.TAIL).tolist():
            accept_padding(walk, row, _read_tail(walk, row, names[row], TAIL_BYTES))
    return _walked(walk)


def _tables(keys: npt.NDArray[np.int64]) -> "Tables":
    from hounsfield.header_walk_kernels import Tables

    order = np.argsort(keys, kind="stable")
    ordered = np.stack([keys[order], order.astype(np.int64)], axis=1)
    return Tables(ordered, _sorted_sequence_tags(), _vr_kinds(), _syntax_table())


def _blank_walk(buffers: npt.NDArray[np.uint8], sizes: npt.NDArray[np.int64], columns: int) -> "Walk":
    from hounsfield.header_walk_kernels import Walk

    count = len(buffers)
    return Walk(
        buffers,
        np.zeros(count, dtype=np.int64),
        sizes,
        np.empty(count, dtype=np.int8),
        np.empty(count, dtype=np.int32),
        np.empty((count, columns, 3), dtype=np.int64),
        np.empty((count, 3), dtype=np.int64),
        np.empty((2 * MAX_SEQUENCE_DEPTH + 2, 3), dtype=np.int64),
    )


def _walked(walk: "Walk") -> Walked:
    columns = np.moveaxis(walk.found, 2, 0)
    return Walked(walk.rows, {}, walk.sizes, walk.status, walk.syntax, *columns, *walk.pixels.T)


def _read_tail(walk: "Walk", row: int, name: str, count: int) -> npt.NDArray[np.uint8]:
    """Return the first bytes after the pixels of a file, none where it cannot be read any more."""
    try:
        descriptor = os.open(name, _OPEN_FLAGS)
    except OSError:
        return np.zeros(0, dtype=np.uint8)
    try:
        head = os.pread(descriptor, count, int(walk.pixels[row, 1] + walk.pixels[row, 2]))
    except OSError:
        head = b""
    finally:
        os.close(descriptor)
    return np.frombuffer(bytearray(head), dtype=np.uint8)


def _read_rows(
    names: Sequence[str],
    rows: npt.NDArray[np.uint8],
    counts: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    span: tuple[int, int],
) -> None:
    """Read the start of some files; sizes stay -1 for those that cannot be read."""
    if not len(rows):
        return
    view, capacity = rows.data.cast("B"), rows.shape[1]
    for row in range(*span):
        try:
            descriptor = os.open(names[row], _OPEN_FLAGS)
        except (OSError, ValueError):
            continue
        try:
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode):
                counts[row] = os.preadv(descriptor, [view[row * capacity : (row + 1) * capacity]], 0)
                sizes[row] = status.st_size
        except OSError:
            continue
        finally:
            os.close(descriptor)


@cache
def _sorted_sequence_tags() -> npt.NDArray[np.int64]:
    return np.array(sorted(sequence_tags()), dtype=np.int64)


@cache
def _vr_kinds() -> npt.NDArray[np.uint8]:
    kinds = np.zeros(1 << 16, dtype=np.uint8)
    for kind, names in ((1, SHORT_VRS), (2, LONG_VRS)):
        for name in names:
            kinds[name[0] << 8 | name[1]] = kind
    return kinds


@cache
def _syntax_table() -> npt.NDArray[np.uint8]:
    return np.array([list(uid.encode().ljust(64, b"\0")) for uid in SYNTAXES], dtype=np.uint8)
