"""A table of the headers of a tree of files: read once, kept in SQLite, brought up to date by what changed.

A header is judged by its structure alone; whether the pixels are whole is for ``open_source``. Paths are relative to
the folder. Patients' names are not held, but identifiers are: the file is readable by its owner alone.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hounsfield.archive.encoding import read_start
from hounsfield.archive.entries import open_regular, unreadable
from hounsfield.archive.index_columns import CHARACTER_SET_COLUMN, COLUMNS, TAGS, Value, convert, convert_values
from hounsfield.archive.index_store import FileRow, IndexStore, RefusedRow
from hounsfield.archive.kinds import identify
from hounsfield.archive.limits import DEFAULT_LIMITS, Limits
from hounsfield.archive.record import DIRECTORY_CLASS, not_an_image
from hounsfield.archive.scan import Wanted
from hounsfield.archive.walker import Walker
from hounsfield.archive.window import FileWindow
from hounsfield.core.study import DICOM_MEDIA_TYPE
from hounsfield.errors import HounsfieldError, Refused
from hounsfield.header_walk import HeaderStatus, Walked, walk_headers

AT_A_TIME = 1024
_WANTED = Wanted(top=frozenset(TAGS))


@dataclass(frozen=True)
class Index:
    """What an indexing did.

    Attributes:
        database: where the table is.
        files: headers in the table now.
        refused: files in the table of refused ones now.
        read: files that were read this time.
        unchanged: files that were not, because path, size and time of change are as before.
        removed: entries of files that are not there any more.
    """

    database: Path
    files: int
    refused: int
    read: int
    unchanged: int
    removed: int


@dataclass(frozen=True)
class _Found:
    """A file of the tree: its path as it is kept, as it is opened, its size and time of change."""

    name: str
    path: str
    size: int
    mtime_ns: int


def index_tree(
    folder: Path, database: Path, limits: Limits = DEFAULT_LIMITS, progress: Callable[[int, int], None] | None = None
) -> Index:
    """Read the headers of all files of a folder and its subfolders into a table; links are not followed.

    The table ``files`` has a row for each DICOM file, ``refused`` one for each other file with the code of its reason.
    All is written in one transaction: a run that breaks off leaves the table as it was.

    Args:
        folder: the tree.
        database: SQLite file, made where it is not there; files that did not change since are not read again.
        limits: bounds; their number of files is not applied, since nothing of a file is held.
        progress: called with files done and files to read.

    Raises:
        NotFound: ``E100``, the folder does not exist.
        Refused: ``E101`` for a folder that cannot be read, ``E165`` for a database that is not an index, ``E166`` for
            one that was made of another folder.
    """
    root = Path(os.path.realpath(folder))
    own = {os.path.realpath(database) + end for end in ("", "-journal", "-wal", "-shm")}
    found = [item for item in _list(str(root)) if item.path not in own]
    with IndexStore(database, root) as store:
        known = store.known()
        fresh = [item for item in found if known.get(item.name) != (item.size, item.mtime_ns)]
        gone = known.keys() - {item.name for item in found}
        store.remove([*gone, *(item.name for item in fresh if item.name in known)])
        _write(store, fresh, limits, progress)
        files, refused = store.counts()
    return Index(database, files, refused, len(fresh), len(found) - len(fresh), len(gone))


def _list(root: str) -> Iterator[_Found]:
    """Yield the regular files of a tree, folder by folder in the order of names.

    Raises:
        HounsfieldError: the tree, or a folder of it, cannot be read: a table without it would look complete.
    """
    pending, cut = [root], len(root.rstrip(os.sep)) + 1
    while pending:
        try:
            with os.scandir(pending.pop()) as listing:
                items = sorted(listing, key=lambda item: item.name)
        except OSError as error:
            raise unreadable(error) from error
        folders = []
        for item in items:
            if item.is_dir(follow_symlinks=False):
                folders.append(item.path)
            elif item.is_file(follow_symlinks=False):
                status = item.stat(follow_symlinks=False)
                yield _Found(_kept_name(item.path[cut:]), item.path, status.st_size, status.st_mtime_ns)
        pending.extend(reversed(folders))


def _kept_name(name: str) -> str:
    """Return a path that SQLite can hold; bytes that are no UTF-8 are written as escapes."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")


def _write(
    store: IndexStore, fresh: Sequence[_Found], limits: Limits, progress: Callable[[int, int], None] | None
) -> None:
    """Read files batch by batch, while another thread writes the batch before."""
    pending: Future[None] | None = None
    with ThreadPoolExecutor(1) as writer:
        for start in range(0, len(fresh), AT_A_TIME):
            rows = _read(fresh[start : start + AT_A_TIME], limits)
            if pending is not None:
                pending.result()
            pending = writer.submit(store.add, *rows)
            if progress:
                progress(min(start + AT_A_TIME, len(fresh)), len(fresh))
        if pending is not None:
            pending.result()


def _read(part: Sequence[_Found], limits: Limits) -> tuple[list[FileRow], list[RefusedRow]]:
    walked = walk_headers([item.path for item in part], TAGS)
    character_sets = walked.values(CHARACTER_SET_COLUMN)
    columns = [_column(walked, index, character_sets) for index in range(len(COLUMNS))]
    rows: list[FileRow] = []
    refused: list[RefusedRow] = []
    syntaxes = [walked.transfer_syntax_uid(row) for row in range(len(part))]
    plain = (walked.status == HeaderStatus.PLAIN).tolist()
    for is_plain, item, syntax, values in zip(plain, part, syntaxes, zip(*columns, strict=True), strict=True):
        if is_plain:
            rows.append((item.name, item.size, item.mtime_ns, syntax, *values))
            continue
        try:
            syntax, careful = _read_carefully(item, limits)
            rows.append((item.name, item.size, item.mtime_ns, syntax, *careful))
        except HounsfieldError as error:
            refused.append((item.name, item.size, item.mtime_ns, error.code, error.text()))
    return rows, refused


def _column(walked: Walked, index: int, character_sets: Sequence[bytes]) -> list[Value]:
    """Return the values of a column; equal bytes are made into a value once."""
    column, (raws, places) = COLUMNS[index], walked.runs(index)
    if len(set(character_sets)) == 1:
        alike = {raw: convert(column, raw, character_sets[0]) for raw in set(raws)}
        values = [alike[raw] for raw in raws]
        return [values[place] for place in places]
    pairs = [(raws[place], character_set) for place, character_set in zip(places, character_sets, strict=True)]
    made = {pair: convert(column, *pair) for pair in set(pairs)}
    return [made[pair] for pair in pairs]


def _read_carefully(item: _Found, limits: Limits) -> tuple[str, tuple[Value, ...]]:
    """Return transfer syntax and values of a file that is not plain.

    Raises:
        HounsfieldError: it is no DICOM file, or a broken one.
    """
    try:
        with open_regular(Path(item.path)) as (descriptor, size):
            if size == 0:
                raise Refused("E104")
            window = FileWindow(descriptor, size)
            kind = identify(window)
            if kind.media_type != DICOM_MEDIA_TYPE:
                raise Refused("E168", found=kind.media_type) if kind.media_type else not_an_image(kind)
            start = read_start(window, kind.dicom_offset, limits)
            if start.sop_class_uid == DIRECTORY_CLASS:
                raise Refused("E168", found="DICOMDIR")
            scan = Walker(start.window, start.encoding, _WANTED, limits).walk(start.offset)
    except OSError as error:
        raise unreadable(error) from error
    return start.transfer_syntax_uid, convert_values(scan.values, scan.encoding.is_little_endian)
