"""Quarantine: what was not fit to be found is kept with its reason, and a person decides."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from hounsfield.archive.query import tables
from hounsfield.archive.store.blobs import Blobs, Incoming, sync
from hounsfield.archive.store.database import Database
from hounsfield.archive.store.examine import charset_of, examine
from hounsfield.archive.store.faults import told
from hounsfield.archive.store.intents import Intent
from hounsfield.archive.store.receipt import Outcome, Receipt
from hounsfield.archive.store.rows import DISCARDED_STATE, HELD_STATE, RELEASED_STATE, Pending, Rows
from hounsfield.errors import ArchiveError, HounsfieldError, NotFound


@dataclass(frozen=True)
class QuarantineEntry:
    """One object in quarantine.

    Attributes:
        entry: its number.
        project: whose it is.
        sha256: digest of its bytes.
        size_bytes: how many.
        error: why it is here; speaks both languages.
        sop_instance_uid: of the object, empty where it could not be read.
        source: where it came from.
        received_at: when, ISO 8601 in UTC.
        state: held, released or discarded.
    """

    entry: int
    project: str
    sha256: str
    size_bytes: int
    error: HounsfieldError
    sop_instance_uid: str
    source: str
    received_at: str
    state: str


class Quarantine:
    """The quarantine of some projects."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        projects: Sequence[str],
        fallback_charsets: Mapping[str, str] | None = None,
    ) -> None:
        self._fallback_charsets = fallback_charsets or {}
        self._database = database
        self._blobs = blobs
        self._projects = tuple(projects)

    def entries(self, state: str = HELD_STATE) -> tuple[QuarantineEntry, ...]:
        """Return the entries of a state, the oldest first; of every state for an empty one."""
        table = tables.quarantine
        asked = select(table).where(table.c.project.in_(self._projects)).order_by(table.c.id)
        if state:
            asked = asked.where(table.c.state == state)
        with told(), self._database.reader.begin() as connection:
            rows = connection.execute(asked).mappings().all()
        return tuple(
            QuarantineEntry(
                entry=row["id"],
                error=ArchiveError(row["code"], uid=row["sop_instance_uid"] or None, **json.loads(row["facts"])),
                **{name: row[name] for name in row if name not in ("id", "code", "facts")},
            )
            for row in rows
        )

    def open(self, entry: int) -> Path:
        """Return where the bytes of an entry lie; they must not be changed.

        Raises:
            NotFound: ``E180``, no such entry in these projects, or its bytes are not there.
        """
        path = self._blobs.path(self._held(entry).sha256)
        if not path.is_file():
            raise NotFound("E180", found=entry)
        return path

    def release(self, entry: int, project: str = "") -> Receipt:
        """Take an entry into the store, if it is fit now: after a conflict was solved or a reader has learned more.

        Args:
            entry: its number.
            project: into which of these projects; its own when empty.

        Returns:
            What became of it. An object that is unfit still stays where it is.

        Raises:
            NotFound: ``E180``.
            ArchiveError: those of ``told``.
        """
        found = self._held(entry)
        target = project or found.project
        if target not in self._projects:
            raise NotFound("E180", found=entry)
        incoming = Incoming(self._blobs.path(found.sha256), found.sha256, found.size_bytes)
        arrival = examine(incoming, fallback_charset=charset_of(found.source, self._fallback_charsets))
        with told(), self._database.writer.begin() as connection:
            rows = Rows(connection)
            receipt = rows.add_all([Pending(arrival, Intent(target, found.source))])[0]
            if receipt.outcome in (Outcome.STORED, Outcome.HELD):
                rows.settle(entry, RELEASED_STATE)
        return receipt

    def discard(self, entry: int) -> bool:
        """Give up an entry, and its bytes where nothing else needs them.

        Returns:
            Whether the bytes are gone.

        Raises:
            NotFound: ``E180``.
            ArchiveError: those of ``told``.
        """
        found = self._held(entry)
        path = self._blobs.path(found.sha256)
        with told(), self._database.writer.begin() as connection:
            Rows(connection).settle(entry, DISCARDED_STATE)
        # The row first and durably: a crash between leaves bytes without a row, never a row without bytes. The lock is
        # held while they are removed, and whoever writes rows under it looks whether the bytes are there still.
        with told(), self._database.writer.begin() as connection:
            is_needed = Rows(connection).needs(found.sha256)
            if not is_needed:
                path.unlink(missing_ok=True)
        if not is_needed and path.parent.is_dir():
            with told():
                sync(path.parent)
        return not is_needed

    def _held(self, entry: int) -> QuarantineEntry:
        for found in self.entries(HELD_STATE):
            if found.entry == entry:
                return found
        raise NotFound("E180", found=entry)
