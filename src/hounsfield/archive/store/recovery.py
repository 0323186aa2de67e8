"""Putting a store in order when it is opened after it was not closed: nobody has to lend a hand.

Files that broke off have gone with their senders' answers, so they are removed. Bytes that have their place and no row
were never acknowledged, and are taken in as if they came now: into the project that their intent names, else into the
quarantine of the default project. Rows whose bytes are missing cannot come of a crash; they are counted here and told
in full by ``verify``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from hounsfield.archive.query import tables
from hounsfield.archive.record import digest_of_path
from hounsfield.archive.store.blobs import Blobs, Incoming
from hounsfield.archive.store.database import Database
from hounsfield.archive.store.examine import Arrival, charset_of, examine
from hounsfield.archive.store.faults import told
from hounsfield.archive.store.intents import Intent, clear_intents, read_intents
from hounsfield.archive.store.rows import DISCARDED_STATE, Pending, Rows
from hounsfield.errors import ArchiveError

DEFAULT_PROJECT = "default"
_AT_A_TIME = 256
_UNKNOWN = Intent(DEFAULT_PROJECT, "recovery")


@dataclass(frozen=True)
class Recovered:
    """What a recovery found.

    Attributes:
        broken_off: files of senders that were never answered, removed.
        reindexed: bytes without a row that have one now.
        missing: rows whose bytes are not there.
    """

    broken_off: int = 0
    reindexed: int = 0
    missing: int = 0


def recover(
    blobs: Blobs, database: Database, intents: Path, fallback_charsets: Mapping[str, str] | None = None
) -> Recovered:
    """Put a store in order; nobody else may hold it.

    Raises:
        ArchiveError: ``E172``, ``E176``, ``E184``.
        Timeout: ``E175``.
    """
    with told():
        broken_off = blobs.clear_incoming()
        on_disk = set(blobs.digests())
        with database.reader.begin() as connection:
            named: set[str] = set()
            for table in (tables.instances, tables.quarantine):
                asked = select(table.c.sha256)
                if table is tables.quarantine:
                    asked = asked.where(table.c.state != DISCARDED_STATE)
                named.update(row[0] for row in connection.execute(asked))
        orphans = sorted(on_disk - named)
        known = read_intents(intents)
        for start in range(0, len(orphans), _AT_A_TIME):
            part = orphans[start : start + _AT_A_TIME]
            reindex([(sha256, known.get(sha256)) for sha256 in part], blobs, database, fallback_charsets or {})
        clear_intents(intents)
    return Recovered(broken_off, len(orphans), len(named - on_disk))


def reindex(
    orphans: Sequence[tuple[str, Intent | None]],
    blobs: Blobs,
    database: Database,
    fallback_charsets: Mapping[str, str],
) -> None:
    """Give rows to bytes that have none."""
    pending = []
    for sha256, intent in orphans:
        path = blobs.path(sha256)
        incoming = Incoming(path, sha256, path.stat().st_size)
        if digest_of_path(path) != sha256:
            arrival = Arrival(incoming, fault=ArchiveError("E178", found=sha256[:12]))
        elif intent is None:
            arrival = _foundling(examine(incoming))
        else:
            arrival = examine(incoming, fallback_charset=charset_of(intent.source, fallback_charsets))
        pending.append(Pending(arrival, intent or _UNKNOWN))
    with database.writer.begin() as connection:
        Rows(connection).add_all(pending)


def _foundling(arrival: Arrival) -> Arrival:
    """Return bytes of no known project as unfit: which project may see them is for a person to say."""
    if arrival.fault is not None:
        return arrival
    return Arrival(arrival.incoming, arrival.uids, fault=ArchiveError("E179"))
