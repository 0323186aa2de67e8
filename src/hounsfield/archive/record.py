"""One file of a source, judged: a stored object with its facts, or the reason why it is none."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from hounsfield.archive.charset import is_doubtful
from hounsfield.archive.encoding import FileStart, read_start
from hounsfield.archive.entries import Entry, open_regular, unreadable
from hounsfield.archive.header import (
    CHECKED_TEXT,
    SPECIFIC_CHARACTER_SET,
    WANTED,
    Header,
    build_header,
    content_element,
)
from hounsfield.archive.kinds import PROGRAM, TEXT, FileKind, identify
from hounsfield.archive.limits import Limits
from hounsfield.archive.pixels import require_pixels
from hounsfield.archive.scan import Scan
from hounsfield.archive.walker import Walker
from hounsfield.archive.window import FileWindow
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.study import DICOM_MEDIA_TYPE
from hounsfield.errors import HounsfieldError, Refused

DIRECTORY_CLASS = "1.2.840.10008.1.3.10"
"""Media Storage Directory Storage: a DICOMDIR, whatever its file is called."""


@dataclass(frozen=True)
class Record:
    """A file that is, or holds, something.

    Attributes:
        entry: the file.
        kind: what it is.
        sha256: its digest; empty for what is no stored object.
        header: its facts, None unless it is DICOM.
        remarks: what is to be said about it; those of one series are counted together.
        is_directory: whether it is a DICOMDIR, which is read by ``directory``.
    """

    entry: Entry
    kind: FileKind
    sha256: str = ""
    header: Header | None = None
    remarks: tuple[QualityIssue, ...] = ()
    is_directory: bool = False


def read_record(entry: Entry, limits: Limits, digests: bool = True) -> Record:
    """Look at a file: what it is, whether it is whole, and what its header says.

    Nothing but the wanted header values is held; the digest is taken in a stream. Without ``digests`` it is taken only
    where an identifier has to be derived from it.

    Raises:
        NotFound: ``E100``.
        Refused: ``E101``, ``E102``, ``E104``, ``E110``; the codes of the pre-scan and the pixel check; ``E122`` for a
            DICOM file that is a program as well, ``E123`` when it exhausts its reader.
    """
    try:
        with open_regular(entry.path) as (descriptor, size):
            if size == 0:
                raise Refused("E104")
            if size > limits.max_file_bytes:
                raise Refused("E110", found=size, limit=limits.max_file_bytes)
            return _judge(entry, FileWindow(descriptor, size), (descriptor, digests), limits)
    except OSError as error:
        raise unreadable(error) from error
    except (RecursionError, MemoryError) as error:
        raise Refused("E123", found=type(error).__name__) from error


def _judge(entry: Entry, window: FileWindow, source: tuple[int, bool], limits: Limits) -> Record:
    descriptor, digests = source
    kind = identify(window)
    if not kind.media_type:
        return Record(entry, kind)
    if kind.media_type != DICOM_MEDIA_TYPE:
        return Record(entry, kind, entry.sha256 or digest(descriptor))
    if kind.has_program_preamble:
        raise Refused("E122")
    start = read_start(window, kind.dicom_offset, limits)
    if start.sop_class_uid == DIRECTORY_CLASS:
        return Record(entry, kind, is_directory=True)
    header, remarks = _read_dicom(start, limits)
    is_named = header.study_instance_uid and header.series_instance_uid and header.sop_instance_uid
    sha256 = entry.sha256 or (digest(descriptor) if digests or not is_named else "")
    return Record(entry, kind, sha256, header, remarks)


def _read_dicom(start: FileStart, limits: Limits) -> tuple[Header, tuple[QualityIssue, ...]]:
    scan = Walker(start.window, start.encoding, WANTED, limits).walk(start.offset)
    header = build_header(start, scan)
    require_pixels(header, limits)
    remarks = [*_structure_remarks(scan), *_content_remarks(header, scan)]
    if not start.meta:
        remarks.append(QualityIssue("Q112", Severity.NOTE, {"files": 1}))
    elif not start.is_as_declared:
        remarks.append(QualityIssue("Q113", Severity.WARN, {"found": start.transfer_syntax_uid, "files": 1}))
    return header, (*remarks, *charset_remarks(scan))


def charset_remarks(scan: Scan) -> list[QualityIssue]:
    """Say that a text cannot be read for sure in the declared character set."""
    character_set = scan.values.get(SPECIFIC_CHARACTER_SET, b"")
    if any(is_doubtful(scan.values.get(tag, b""), character_set) for tag in CHECKED_TEXT):
        return [QualityIssue("Q115", Severity.WARN, {"files": 1})]
    return []


def _structure_remarks(scan: Scan) -> list[QualityIssue]:
    remarks = []
    if not scan.is_followed_by_zeros:
        remarks.append(QualityIssue("Q111", Severity.WARN, {"files": 1}))
    if set(scan.oddities) - {"trailing bytes"}:
        remarks.append(QualityIssue("Q114", Severity.NOTE, {"files": 1}))
    return remarks


def _content_remarks(header: Header, scan: Scan) -> list[QualityIssue]:
    """Say that what makes an object what it is is missing: a header alone, or a file cut between two elements."""
    if header.is_image:
        return [] if header.pixels else [QualityIssue("Q109", Severity.REJECT, {"files": 1})]
    tag = content_element(header.sop_class_uid)
    is_whole = header.sop_class_uid != "" and (tag is None or tag in scan.seen)
    return [] if is_whole else [QualityIssue("Q110", Severity.REJECT, {"files": 1})]


def digest(descriptor: int) -> str:
    """Return the SHA-256 of an open file, read in pieces."""
    total = hashlib.sha256()
    offset = 0
    while piece := os.pread(descriptor, 1 << 20, offset):
        total.update(piece)
        offset += len(piece)
    return total.hexdigest()


def digest_of_path(path: Path) -> str:
    """Return the SHA-256 of a file, empty where it cannot be read."""
    try:
        with open_regular(path) as (descriptor, _):
            return digest(descriptor)
    except (HounsfieldError, OSError):
        return ""


def not_an_image(kind: FileKind) -> Refused:
    """Return the refusal of a file that is something else, which names what it is."""
    if kind.found == TEXT:
        return Refused("E105")
    if kind.found == PROGRAM:
        return Refused("E106")
    if kind.found:
        return Refused("E107", found=kind.found)
    return Refused("E108")
