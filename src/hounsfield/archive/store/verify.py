"""Is every byte still what was received? Each blob against its name, each row against its blob.

Faults are told and never mended by taking anything away: ``repair`` takes in what lies there without a row, and moves
what does not belong among the blobs into a folder of its own. Missing and changed bytes can only come from a backup or
their sender, who may simply send again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import select

from hounsfield.archive.query import tables
from hounsfield.archive.record import digest_of_path
from hounsfield.archive.store.blobs import Blobs, sync
from hounsfield.archive.store.database import Database
from hounsfield.archive.store.faults import told
from hounsfield.archive.store.recovery import reindex
from hounsfield.archive.store.rows import HELD_STATE

Progress = Callable[[int, int], None]
ASIDE = "found"
"""Folder of a store for files that lay among its blobs and are none."""


class FaultKind(StrEnum):
    """What can be wrong with a store."""

    CHANGED = "changed"
    MISSING = "missing"
    UNKNOWN = "unknown"
    FOREIGN = "foreign"
    INDEX = "index"


@dataclass(frozen=True)
class StoreFault:
    """One thing that is wrong.

    Attributes:
        kind: bytes that changed, bytes that are missing, bytes without a row, a file that is no blob, a broken index.
        found: the digest of the bytes, the name of the file inside the store, or what SQLite says of the index.
        sop_instance_uid: of the object concerned, empty where there is none.
        is_mended: whether ``repair`` has put it right.
    """

    kind: FaultKind
    found: str
    sop_instance_uid: str = ""
    is_mended: bool = False


@dataclass(frozen=True)
class StoreVerdict:
    """What a verification found.

    Attributes:
        blobs: files that were read.
        rows: instances and entries of the quarantine that were held against them.
        faults: what is wrong, in the order of digests.
    """

    blobs: int
    rows: int
    faults: tuple[StoreFault, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong, or everything was mended."""
        return all(fault.is_mended for fault in self.faults)


def verify(blobs: Blobs, database: Database, progress: Progress | None = None, repair: bool = False) -> StoreVerdict:
    """Read every blob and hold it against its name and the index; what is received meanwhile is not judged.

    Args:
        blobs: the files.
        database: the index.
        progress: called with blobs done and all.
        repair: take in bytes without a row, and move files that are no blobs aside. Nothing is removed.

    Raises:
        ArchiveError: those of ``told``.
    """
    with told():
        # The files first: what has a row by then has its bytes, and what comes between has both or neither here.
        files = sorted(blobs.files())
        named, broken = _named(database)
        placed = [Path(path).name for path, is_placed in files if is_placed]
        foreign = [Path(path) for path, is_placed in files if not is_placed]
        faults = [StoreFault(FaultKind.INDEX, line) for line in broken]
        changed = set()
        for done, sha256 in enumerate(placed):
            if digest_of_path(blobs.path(sha256)) != sha256 and blobs.path(sha256).exists():
                changed.add(sha256)
                faults.append(StoreFault(FaultKind.CHANGED, sha256, named.get(sha256, "")))
            if progress:
                progress(done + 1, len(placed))
        for sha256 in sorted(named.keys() - set(placed)):
            if not blobs.path(sha256).exists():
                faults.append(StoreFault(FaultKind.MISSING, sha256, named[sha256]))
        later, _ = _named(database)
        unknown = [sha256 for sha256 in placed if sha256 not in later and sha256 not in changed]
        if repair and unknown:
            reindex([(sha256, None) for sha256 in unknown], blobs, database, {})
        faults.extend(StoreFault(FaultKind.UNKNOWN, sha256, is_mended=repair) for sha256 in unknown)
        for path in foreign:
            name = path.relative_to(blobs.root).as_posix()
            if repair:
                _set_aside(path, blobs.root.parent / ASIDE, name)
            faults.append(StoreFault(FaultKind.FOREIGN, name, is_mended=repair))
    return StoreVerdict(len(placed), len(named), tuple(faults))


def _named(database: Database) -> tuple[dict[str, str], list[str]]:
    """Return the digests that the index names with a UID of each, and what is wrong with the index itself."""
    table, held = tables.instances, tables.quarantine
    with database.reader.begin() as connection:
        found = {
            row[0]: row[1]
            for row in connection.execute(
                select(held.c.sha256, held.c.sop_instance_uid).where(held.c.state == HELD_STATE)
            )
        }
        found.update((row[0], row[1]) for row in connection.execute(select(table.c.sha256, table.c.sop_instance_uid)))
        if not database.is_sqlite:
            return found, []
        lines = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA quick_check")]
    return found, [line for line in lines if line != "ok"]


def _set_aside(path: Path, folder: Path, name: str) -> None:
    """Move a file out of the blobs, under a name that nothing has yet."""
    folder.mkdir(0o700, exist_ok=True)
    target, number = folder / name.replace("/", "_"), 0
    while target.exists() or target.is_symlink():
        number += 1
        target = folder / f"{name.replace('/', '_')}.{number}"
    path.rename(target)
    sync(folder)
