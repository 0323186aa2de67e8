"""Many files judged at once: the plain ones by the compiled walk, with the same records as ``record`` makes.

Header values that all files of a batch share are decoded once. Whatever the walk does not call plain is left out, and
``record`` judges it alone.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from hounsfield.archive.encoding import IMPLICIT_VR_LITTLE_ENDIAN, FileStart
from hounsfield.archive.entries import Entry
from hounsfield.archive.header import WANTED, Header, build_header
from hounsfield.archive.kinds import FileKind
from hounsfield.archive.limits import Limits
from hounsfield.archive.pixels import require_pixels
from hounsfield.archive.record import Record, charset_remarks, digest_of_path
from hounsfield.archive.scan import PixelElement, Scan
from hounsfield.archive.tokens import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from hounsfield.archive.window import FileWindow
from hounsfield.core.study import DICOM_MEDIA_TYPE
from hounsfield.errors import HounsfieldError
from hounsfield.header_walk import HeaderStatus, Walked, walk_headers

AT_A_TIME = 1024
"""Files whose headers are held at once: 8 MiB."""

SOP_INSTANCE_UID, INSTANCE_NUMBER = 0x00080018, 0x00200013
_OWN = (SOP_INSTANCE_UID, INSTANCE_NUMBER)
_DICOM = FileKind(DICOM_MEDIA_TYPE, "", 132)
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
_MAX_FRAGMENTS = 4096

_TAGS = (*(tag for tag in sorted(WANTED.top) if tag not in _OWN), *_OWN)
_NESTED = tuple(sorted(WANTED.nested))


Seen = Callable[[Sequence[Path], Walked], None]
"""Told of the paths and walked headers of a source whose files were all read at once."""


def read_batch(
    entries: Sequence[Entry], limits: Limits, digests: bool, seen: Seen | None = None
) -> Iterator[Record | None]:
    """Judge files in their order; None stands for one that has to be judged alone.

    Args:
        entries: the files.
        limits: bounds.
        digests: take the SHA-256 of each file; without, that of a record is empty.
        seen: told of the headers before they are judged, where one batch holds all.
    """
    for start in range(0, len(entries), AT_A_TIME):
        part = entries[start : start + AT_A_TIME]
        walked = walk_headers([entry.path for entry in part], _TAGS, _NESTED)
        if seen and len(part) == len(entries):
            seen([entry.path for entry in part], walked)
        yield from _Batch(part, walked, limits, digests)


class _Batch:
    def __init__(self, entries: Sequence[Entry], walked: Walked, limits: Limits, digests: bool) -> None:
        self._entries = entries
        self._walked = walked
        self._limits = limits
        self._digests = digests
        self._headers: dict[tuple[object, ...], Header | None] = {}

    def __iter__(self) -> Iterator[Record | None]:
        from hounsfield.compiled import in_threads

        walked = self._walked
        shared = len(_TAGS) - len(_OWN)
        columns = [*range(shared), *range(len(_TAGS), len(_TAGS) + len(_NESTED))]
        self._own = [walked.values(shared + index) for index in range(len(_OWN))]
        differing = [walked.values(column) for column in columns if not walked.is_constant(column)]
        self._keys: list[tuple[object, ...]] = list(zip(walked.syntax.tolist(), *differing, strict=True))
        is_plain = (walked.status == HeaderStatus.PLAIN) & (walked.pixel_tag > 0)
        self._is_plain = (is_plain & (walked.sizes <= self._limits.max_file_bytes)).tolist()
        self._pixel_tags, self._lengths = walked.pixel_tag.tolist(), walked.pixel_length.tolist()
        records = [self._record(row, entry) for row, entry in enumerate(self._entries)]
        if self._digests:
            found = in_threads(_digest_of, [(record,) for record in records])
            records = [
                record and (replace(record, sha256=sha256) if sha256 else None)
                for record, sha256 in zip(records, found, strict=True)
            ]
        yield from records

    def _record(self, row: int, entry: Entry) -> Record | None:
        sop_instance_uid = _plain_uid(self._own[0][row])
        if not self._is_plain[row] or not sop_instance_uid:
            return None
        tag, length, fragments = self._pixel_tags[row], self._lengths[row], None
        if length < 0:
            found = _fragments(entry, int(self._walked.pixel_offset[row]), int(self._walked.sizes[row]))
            if found is None:
                return None
            fragments, length = found
        key = (tag, fragments, length, self._keys[row])
        if key not in self._headers:
            self._headers[key] = self._header(row, PixelElement(tag, length, fragments))
        model = self._headers[key]
        if model is None:
            return None
        return Record(entry, _DICOM, entry.sha256, model.moved_to(sop_instance_uid, self._own[1][row]))

    def _header(self, row: int, pixels: PixelElement) -> Header | None:
        """Return the facts of a row, None where something is to be said about them."""
        walked = self._walked
        values = {tag: walked.value(row, column) for column, tag in enumerate(_TAGS) if walked.has(row, column)}
        nested = {
            pair: walked.value(row, len(_TAGS) + index)
            for index, pair in enumerate(_NESTED)
            if walked.has(row, len(_TAGS) + index)
        }
        syntax = walked.transfer_syntax_uid(row)
        encoding = IMPLICIT_LITTLE if syntax == IMPLICIT_VR_LITTLE_ENDIAN else EXPLICIT_LITTLE
        scan = Scan(encoding, values, nested, (), pixels, 0, 0)
        start = FileStart(FileWindow(-1, 0), 0, encoding, {}, syntax)
        header = build_header(start, scan)
        try:
            require_pixels(header, self._limits)
        except HounsfieldError:
            return None
        is_named = header.sop_class_uid and header.study_instance_uid and header.series_instance_uid
        return header if is_named and not charset_remarks(scan) else None


def _plain_uid(raw: bytes) -> str:
    """Return a UID where it needs no thought, else nothing."""
    text = raw.strip(b"\0 ")
    return text.decode("ascii") if text.isascii() else ""


def _fragments(entry: Entry, offset: int, size: int) -> tuple[int, int] | None:
    """Return number and bytes of the fragments of encapsulated pixel data that end with the file; None for any other.

    Only the item headers are read.
    """
    try:
        descriptor = os.open(entry.path, _OPEN_FLAGS)
    except OSError:
        return None
    try:
        position, count, total = offset, -1, 0
        while count < _MAX_FRAGMENTS:
            head = os.pread(descriptor, 8, position)
            length = int.from_bytes(head[4:], "little")
            position += 8
            if head[:4] == b"\xfe\xff\xdd\xe0" and count >= 0:
                return (count, total) if position == size and length == 0 else None
            if head[:4] != b"\xfe\xff\x00\xe0" or position + length > size:
                return None
            count += 1
            total += length if count else 0
            position += length
        return None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _digest_of(record: Record | None) -> str:
    """Return the digest of a record's file, empty where it went away."""
    if record is None:
        return ""
    return record.sha256 or digest_of_path(record.entry.path)
