"""A copy of a store while it receives, and a store made of the copy.

The index is copied by SQLite's online backup, as of one moment; then each blob that this copy names is copied and its
digest compared. Blobs never change, so whatever the index of that moment names is there. A list of digests with the
digest of the index goes last: a copy without it is not whole.
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hounsfield.archive.record import digest_of_path
from hounsfield.archive.store.blobs import Blobs, sync
from hounsfield.archive.store.database import FILE_NAME
from hounsfield.archive.store.faults import told
from hounsfield.archive.store.rows import HELD_STATE
from hounsfield.errors import ArchiveError

Progress = Callable[[int, int], None]
LIST_NAME = "backup.json"


@dataclass(frozen=True)
class Copied:
    """What was copied.

    Attributes:
        blobs: how many files.
        size_bytes: of them together.
        missing: digests that the index names and whose bytes were not there, or were changed: verify the store.
    """

    blobs: int
    size_bytes: int
    missing: tuple[str, ...] = ()


def backup(store: Path, target: Path, progress: Progress | None = None) -> Copied:
    """Copy a store into an empty folder, while others may receive into it.

    Args:
        store: its folder.
        target: an empty folder, or one that is not there.
        progress: called with blobs done and all.

    Raises:
        ArchiveError: ``E182``, the target is not empty; ``E171``, there is no store; ``E172``, ``E176``.
    """
    if not (store / FILE_NAME).is_file():
        raise ArchiveError("E171", found="-", expected="1")
    with told():
        _make_empty(target)
        try:
            _copy_index(store / FILE_NAME, target / FILE_NAME)
            digests = _digests(target / FILE_NAME)
        except sqlite3.Error as error:
            raise ArchiveError("E184", found=type(error).__name__) from error
        copied = _copy_blobs(Blobs(store), Blobs(target), digests, progress)
        listing = {"index_sha256": digest_of_path(target / FILE_NAME), "digests": digests, "missing": copied.missing}
        (target / LIST_NAME).write_text(json.dumps(listing, indent=1), encoding="utf-8")
        sync(target / LIST_NAME)
        sync(target)
    return copied


def restore(source: Path, target: Path, progress: Progress | None = None) -> Copied:
    """Make a store of a backup in an empty folder; each byte is compared with its digest on the way.

    Raises:
        ArchiveError: ``E182``, the target is not empty; ``E183``, the backup is not whole; ``E172``, ``E176``.
    """
    try:
        listing = json.loads((source / LIST_NAME).read_text(encoding="utf-8"))
        digests, index = [str(each) for each in listing["digests"]], str(listing["index_sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArchiveError("E183", found=LIST_NAME) from error
    if digest_of_path(source / FILE_NAME) != index:
        raise ArchiveError("E183", found=FILE_NAME)
    with told():
        _make_empty(target)
        shutil.copyfile(source / FILE_NAME, target / FILE_NAME)
        (target / FILE_NAME).chmod(0o600)
        expected = [each for each in digests if each not in set(listing.get("missing", ()))]
        copied = _copy_blobs(Blobs(source), Blobs(target), expected, progress)
        sync(target / FILE_NAME)
        sync(target)
    if copied.missing:
        raise ArchiveError("E183", found=copied.missing[0][:12])
    return copied


def _make_empty(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ArchiveError("E182")
    target.mkdir(0o700, parents=True, exist_ok=True)
    Blobs(target).prepare()


def _copy_index(source: Path, target: Path) -> None:
    """Copy the index as of one moment; the copy is a single file."""
    target.touch(0o600)
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    sync(target)


def _digests(index: Path) -> list[str]:
    with closing(sqlite3.connect(index)) as connection:
        rows = connection.execute(
            "SELECT sha256 FROM instances UNION SELECT sha256 FROM quarantine WHERE state = ? ORDER BY 1", (HELD_STATE,)
        )
        return [row[0] for row in rows]


def _copy_blobs(source: Blobs, target: Blobs, digests: list[str], progress: Progress | None) -> Copied:
    count, size, missing = 0, 0, []
    for done, sha256 in enumerate(digests):
        copied = _copy_blob(source.path(sha256), target, sha256)
        if copied < 0:
            missing.append(sha256)
        else:
            count, size = count + 1, size + copied
        if progress:
            progress(done + 1, len(digests))
    return Copied(count, size, tuple(missing))


def _copy_blob(path: Path, target: Blobs, sha256: str) -> int:
    """Copy a blob and return its size, -1 where it is not there or not what its name says."""
    if not path.is_file():
        return -1
    with path.open("rb") as stream:
        incoming = target.take_in(iter(lambda: stream.read(1 << 20), b""), os.fstat(stream.fileno()).st_size)
    if incoming.sha256 != sha256:
        incoming.path.unlink()
        return -1
    target.place(incoming)
    return incoming.size_bytes
