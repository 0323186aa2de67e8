"""The log itself: one SQLite file, WAL and synchronous=FULL, to which records are only ever added.

Each record names the hash of the one before it. The head, one signed row, says how many records there are and what the
hash of the last is; it changes in the same transaction, so records cut off the end are missed too. Several processes
may write: each takes the head under ``BEGIN IMMEDIATE``.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hounsfield.errors import AuditError
from hounsfield.service.audit.keys import Signer, open_signer
from hounsfield.service.audit.record import FIRST_PREVIOUS, Entry, Record, canonical, parse, utc

CHECKPOINT_EVERY = 1000
_BUSY_SECONDS = 10.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    sequence INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    hash TEXT NOT NULL,
    event TEXT GENERATED ALWAYS AS (json_extract(body, '$.event')) VIRTUAL,
    actor TEXT GENERATED ALWAYS AS (json_extract(body, '$.actor')) VIRTUAL
);
CREATE INDEX IF NOT EXISTS records_event ON records (event, sequence);
CREATE INDEX IF NOT EXISTS records_actor ON records (actor, sequence);
CREATE TABLE IF NOT EXISTS head (
    one INTEGER PRIMARY KEY CHECK (one = 1), statement TEXT NOT NULL, signature TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS checkpoints (sequence INTEGER PRIMARY KEY, statement TEXT NOT NULL, signature TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Statement:
    """What the log says of itself, and signs: after this many records the last hash is this."""

    sequence: int
    hash: str
    time: str

    def text(self) -> str:
        """Return the text that is signed."""
        return canonical({"sequence": self.sequence, "hash": self.hash, "time": self.time})


@dataclass(frozen=True)
class Query:
    """Which records are asked for, the newest first.

    Attributes:
        event: name of the kind of event, or None.
        actor: name of the account, or None.
        before: only records with a smaller number, or None.
        limit: at most so many.
    """

    event: str | None = None
    actor: str | None = None
    before: int | None = None
    limit: int = 100


class AuditLog:
    """Adds records, and reads them back.

    Args:
        path: the SQLite file; its folder must be there.
        signer: signs the head.
        clock: seconds since 1970, for tests.
    """

    def __init__(self, path: Path, signer: Signer, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.signer = signer
        self._clock = clock
        self._lock = threading.Lock()
        self._connection = connect(path)
        with self._writing() as connection:
            connection.executescript(_SCHEMA)
        with self._writing() as connection:
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("SELECT count(*) FROM head").fetchone()[0] == 0:
                self._sign_head(connection, Statement(0, FIRST_PREVIOUS, utc(self._clock())))
            connection.execute("COMMIT")

    def append(self, entries: Sequence[Entry]) -> int:
        """Add records in one durable transaction and return the number of the last.

        Raises:
            AuditError: ``E279``, they could not be written; none of them was.
        """
        with self._writing() as connection:
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute("SELECT sequence, hash FROM records ORDER BY sequence DESC LIMIT 1").fetchone()
            sequence, previous = row or (0, FIRST_PREVIOUS)
            first, now = sequence, utc(self._clock())
            for entry in entries:
                sequence += 1
                record = Record(sequence, now, previous, entry)
                previous = record.hash()
                connection.execute(
                    "INSERT INTO records (sequence, body, hash) VALUES (?, ?, ?)", (sequence, record.text(), previous)
                )
            statement = Statement(sequence, previous, now)
            self._sign_head(connection, statement)
            if sequence // CHECKPOINT_EVERY > first // CHECKPOINT_EVERY:
                self._sign_checkpoint(connection, statement)
            connection.execute("COMMIT")
        return int(sequence)

    def checkpoint(self) -> Statement:
        """Sign where the log stands now, for keeping elsewhere, and return what was signed.

        Raises:
            AuditError: ``E279``, it could not be written.
        """
        with self._writing() as connection:
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute("SELECT sequence, hash FROM records ORDER BY sequence DESC LIMIT 1").fetchone()
            sequence, last = row or (0, FIRST_PREVIOUS)
            statement = Statement(sequence, last, utc(self._clock()))
            if sequence:
                self._sign_checkpoint(connection, statement)
            connection.execute("COMMIT")
        return statement

    def read(self, query: Query) -> list[Record]:
        """Return records, the newest first.

        Raises:
            AuditError: ``E279``, the log cannot be read; ``E284``, a record is no record.
        """
        with self._writing() as connection:
            rows = connection.execute(
                "SELECT sequence, body FROM records WHERE (?1 IS NULL OR event = ?1) AND (?2 IS NULL OR actor = ?2) "
                "AND (?3 IS NULL OR sequence < ?3) ORDER BY sequence DESC LIMIT ?4",
                (query.event, query.actor, query.before, query.limit),
            ).fetchall()
        return [_parsed(sequence, body) for sequence, body in rows]

    def read_from(self, first: int, count: int) -> list[Record]:
        """Return records in order.

        Args:
            first: number of the first.
            count: at most so many.

        Raises:
            AuditError: ``E279``, the log cannot be read; ``E284``, a record is no record.
        """
        with self._writing() as connection:
            rows = connection.execute(
                "SELECT sequence, body FROM records WHERE sequence >= ? AND sequence < ? ORDER BY sequence",
                (first, first + count),
            ).fetchall()
        return [_parsed(sequence, body) for sequence, body in rows]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _sign_head(self, connection: sqlite3.Connection, statement: Statement) -> None:
        text = statement.text()
        connection.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?)", (text, self.signer.sign(text)))

    def _sign_checkpoint(self, connection: sqlite3.Connection, statement: Statement) -> None:
        text = statement.text()
        row = (statement.sequence, text, self.signer.sign(text))
        connection.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?)", row)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                self._give_up()
                raise AuditError("E279", found=type(error).__name__) from error
            except BaseException:
                self._give_up()
                raise

    def _give_up(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            return


def open_log(folder: Path, clock: Callable[[], float] = time.time) -> AuditLog:
    """Return the log of a folder, made with its key where there is none.

    Raises:
        AuditError: ``E279``, it cannot be opened.
    """
    return AuditLog(folder / "audit.db", open_signer(folder / "audit.key"), clock)


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection whose every commit is on the disk.

    Raises:
        AuditError: ``E279``, the file cannot be opened.
    """
    try:
        if not path.exists():
            path.touch(mode=0o600)
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except (OSError, sqlite3.Error) as error:
        raise AuditError("E279", found=type(error).__name__) from error
    return connection


def _parsed(sequence: int, body: str) -> Record:
    try:
        return parse(body)
    except ValueError as error:
        raise AuditError("E284", found=sequence) from error
