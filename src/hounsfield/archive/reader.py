"""From a path to records: lists a source, unpacks what is packed, reads every file once and says what was left out."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import NoReturn

from hounsfield.archive.batch import Seen, read_batch
from hounsfield.archive.directory import Directory, read_directory, resolve
from hounsfield.archive.entries import Entry, RefusedFile, list_folder, safe_name, unreadable
from hounsfield.archive.gather import Gathered, Gatherer
from hounsfield.archive.kinds import ZIP
from hounsfield.archive.limits import Limits
from hounsfield.archive.litter import is_litter
from hounsfield.archive.record import Record, not_an_image, read_record
from hounsfield.archive.unpack import Unpacker, Workspace
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import Conflict, HounsfieldError, Refused
from hounsfield.header_walk import FEWEST

_NOT_SCANS = frozenset({"E104", "E105", "E106", "E107", "E108"})
"""Refusals of files that were never scans; others mean that a scan is missing."""


@dataclass
class Reader:
    """Reads one source.

    Attributes:
        workspace: where archives are unpacked.
        limits: bounds.
        progress: called with files done and files known.
        digests: whether the SHA-256 of every file is taken.
        seen: told of headers that were read together.
        files: files looked at.
    """

    workspace: Workspace
    limits: Limits
    progress: Callable[[int, int], None] | None = None
    digests: bool = True
    seen: Seen | None = None
    files: int = 0
    _pending: list[Entry] = field(default_factory=list)
    _entries: list[Entry] = field(default_factory=list)
    _records: list[Record] = field(default_factory=list)
    _directories: list[Entry] = field(default_factory=list)
    _refused: list[RefusedFile] = field(default_factory=list)
    _issues: list[QualityIssue] = field(default_factory=list)
    _skipped: int = 0

    def read(self, source: Path) -> Gathered:
        """Read all files of a source and gather them.

        Raises:
            NotFound: ``E100``.
            Refused: the source as a whole.
        """
        self._unpacker = Unpacker(self.workspace, self.limits)
        entries = self._list(source)
        self._read_all(entries)
        self._refused.extend(self._unpacker.refused)
        self._check_directories()
        gathered = Gatherer(self.limits).gather(self._records)
        refused = (*self._refused, *gathered.refused)
        return Gathered(gathered.studies, refused, (*gathered.issues, *self._summary(refused)))

    # ---- what there is

    def _list(self, source: Path) -> tuple[Entry, ...]:
        """Return the files to read: of a folder, an archive, a DICOMDIR, or the file itself."""
        if _is_folder(source):
            return self._list_folder(source)
        entry = Entry(safe_name(source.name), source)
        record = read_record(entry, self.limits, digests=False)
        if record.kind.found == ZIP:
            return self._unpacker.unpack(Entry("", source))
        if record.is_directory:
            return self._list_directory(entry)
        if not record.kind.media_type:
            raise not_an_image(record.kind)
        return (entry,)

    def _list_folder(self, source: Path) -> tuple[Entry, ...]:
        listing = list_folder(source, self.limits)
        if not listing.entries and not listing.refused:
            raise Refused("E103")
        self._refused.extend(listing.refused)
        if listing.links:
            self._issues.append(QualityIssue("Q108", Severity.WARN, {"files": listing.links}))
        return listing.entries

    def _list_directory(self, entry: Entry) -> tuple[Entry, ...]:
        """Return the files of its own folder that a DICOMDIR lists."""
        directory = read_directory(entry, self.limits)
        if not directory.references:
            raise Refused("E150")
        resolved = resolve(directory, "", list_folder(entry.path.parent, self.limits).entries)
        self._report_missing(directory, resolved.refused)
        self._refused.extend(resolved.refused)
        return resolved.entries

    # ---- reading

    def _read_all(self, entries: Sequence[Entry]) -> None:
        self._entries = list(entries)
        is_batch = len(entries) >= FEWEST
        records = read_batch(entries, self.limits, self.digests, self.seen) if is_batch else repeat(None)
        for entry, record in zip(entries, records, strict=False):
            self._take(entry, record)
            while self._pending:  # what an archive held comes before the file after it
                self._take(self._pending.pop())

    def _take(self, entry: Entry, record: Record | None = None) -> None:
        """Keep a record, or judge the file alone where there is none."""
        try:
            if record is None:
                self._read_one(entry)
            else:
                self._records.append(record)
        except HounsfieldError as error:
            self._refused.append(RefusedFile(entry.name, error))
        self.files += 1
        if self.progress:
            self.progress(self.files, len(self._entries))

    def _read_one(self, entry: Entry) -> None:
        try:
            record = read_record(entry, self.limits, self.digests)
        except Refused as error:
            if error.code == "E104" and is_litter(entry.name):
                self._skipped += 1
                return
            raise
        if record.kind.found == ZIP:
            self._add_archive(entry)
        elif record.is_directory:
            self._directories.append(entry)
        elif record.kind.media_type:
            self._records.append(record)
        elif is_litter(entry.name):
            self._skipped += 1
        else:
            raise not_an_image(record.kind)

    def _add_archive(self, entry: Entry) -> None:
        unpacked = self._unpacker.unpack(entry)
        self._entries.extend(unpacked)
        if len(self._entries) > self.limits.max_files:
            raise Refused("E109", limit=self.limits.max_files)
        self._pending.extend(reversed(unpacked))

    # ---- what was left out

    def _check_directories(self) -> None:
        """Report files that a DICOMDIR found on the way lists and that are not there."""
        for entry in self._directories:
            directory = read_directory(entry, self.limits)
            folder = entry.name.rpartition("/")[0]
            self._report_missing(directory, resolve(directory, folder, self._entries).refused)

    def _report_missing(self, directory: Directory, missing: Sequence[RefusedFile]) -> None:
        if missing:
            self._issues.append(QualityIssue("Q116", Severity.WARN, {"files": len(missing)}))
        if directory.is_cut_short:
            self._issues.append(QualityIssue("Q121", Severity.WARN))

    def _summary(self, refused: Sequence[RefusedFile]) -> tuple[QualityIssue, ...]:
        issues = list(self._issues)
        if self._skipped:
            issues.append(QualityIssue("Q107", Severity.NOTE, {"files": self._skipped}))
        lost = [item for item in refused if not isinstance(item.error, Conflict)]
        if lost:
            is_harmless = all(item.error.code in _NOT_SCANS for item in lost)
            code = Counter(item.error.code for item in lost).most_common(1)[0][0]
            severity = Severity.NOTE if is_harmless else Severity.WARN
            issues.append(QualityIssue("Q122", severity, {"files": len(lost), "found": code}))
        return tuple(issues)


def _is_folder(source: Path) -> bool:
    try:
        return source.is_dir()
    except OSError as error:
        raise unreadable(error) from error
    except ValueError:
        return False


def refuse_source(refused: Sequence[RefusedFile], files: int) -> NoReturn:
    """Raise for a source of which nothing is usable.

    Raises:
        HounsfieldError: the error of its one file, ``E160`` with the commonest reason of several, or ``E162``
            when all are files that do not claim to be scans.
    """
    if not refused:
        raise Refused("E162", files=files)
    if len(refused) == 1:
        raise refused[0].error
    common = Counter(item.error.code for item in refused).most_common(1)[0][0]
    raise Refused("E160", files=max(files, len(refused)), found=common)
