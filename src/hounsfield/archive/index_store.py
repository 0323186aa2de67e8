"""The SQLite file of a header index: its tables, one transaction for each update, and questions to it."""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from hounsfield.archive.index_columns import COLUMNS, Value
from hounsfield.errors import NotFound, Refused

FileRow = tuple[Value, ...]
"""Path, bytes, time of change, transfer syntax, then a value for each column."""
RefusedRow = tuple[str, int, int, str, str]
"""Path, bytes, time of change, code, sentence."""

_APPLICATION_ID = 0x484F554E
"""Marks the file as ours (``PRAGMA application_id``)."""
_VERSION = 1
_SEARCHED = ("study_instance_uid", "series_instance_uid", "sop_instance_uid")
_NAMES = ("path", "size_bytes", "mtime_ns", "transfer_syntax_uid", *(column.name for column in COLUMNS))


class IndexedSeries(NamedTuple):
    """A series as an index holds it."""

    study_instance_uid: str | None
    series_instance_uid: str | None
    modality: str | None
    series_description: str | None
    files: int


class IndexStore:
    """An index open for one update; leaving the ``with`` block keeps it, an error in the block undoes it."""

    def __init__(self, database: Path, root: Path) -> None:
        self._path = database
        self._root = os.fsencode(root).decode("utf-8", "backslashreplace")

    def __enter__(self) -> Self:
        """Open or make the database.

        Raises:
            Refused: ``E165`` for another kind of file, ``E166`` for an index of another folder.
        """
        _make_private(self._path)
        self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._prepare()
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise Refused("E165") from error
        except Refused:
            self._connection.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep the update, or undo it."""
        if kind is None:
            for name in _SEARCHED:
                self._connection.execute(f"CREATE INDEX IF NOT EXISTS by_{name} ON files ({name})")
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")
        self._connection.close()

    def _prepare(self) -> None:
        run = self._connection.execute
        if not run("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            columns = ", ".join(f"{column.name} {column.sql_type}" for column in COLUMNS)
            head = "path TEXT PRIMARY KEY, size_bytes INTEGER, mtime_ns INTEGER"
            run(f"PRAGMA application_id = {_APPLICATION_ID}")
            run(f"PRAGMA user_version = {_VERSION}")
            run(f"CREATE TABLE files ({head}, transfer_syntax_uid TEXT, {columns})")
            run(f"CREATE TABLE refused ({head}, code TEXT, reason TEXT)")
            run("CREATE TABLE source (folder TEXT)")
            run("INSERT INTO source VALUES (?)", (self._root,))
            return
        _require_ours(self._connection)
        folder = run("SELECT folder FROM source").fetchone()[0]
        if folder != self._root:
            raise Refused("E166")

    def known(self) -> dict[str, tuple[int, int]]:
        """Return bytes and time of change of every file in the tables, by path."""
        rows = self._connection.execute(
            "SELECT path, size_bytes, mtime_ns FROM files UNION ALL SELECT path, size_bytes, mtime_ns FROM refused"
        )
        return {path: (size, mtime_ns) for path, size, mtime_ns in rows}

    def remove(self, paths: Iterable[str]) -> None:
        """Take files out of the tables."""
        gone = [(path,) for path in paths]
        for table in ("files", "refused"):
            self._connection.executemany(f"DELETE FROM {table} WHERE path = ?", gone)  # noqa: S608

    def add(self, files: Sequence[FileRow], refused: Sequence[RefusedRow]) -> None:
        """Add rows; their paths must not be there yet."""
        marks = ", ".join("?" * len(_NAMES))
        self._connection.executemany(f"INSERT INTO files VALUES ({marks})", files)  # noqa: S608
        self._connection.executemany("INSERT INTO refused VALUES (?, ?, ?, ?, ?)", refused)

    def counts(self) -> tuple[int, int]:
        """Return the numbers of files and of refused files."""
        run = self._connection.execute
        return run("SELECT count(*) FROM files").fetchone()[0], run("SELECT count(*) FROM refused").fetchone()[0]


def find_files(database: Path, column: str, value: Value) -> tuple[str, ...]:
    """Return the paths of the files with a value in a column, in order.

    Raises:
        NotFound: ``E100``.
        Refused: ``E165`` for what is not an index, ``E167`` for a column that it does not have.
    """
    if column not in _NAMES:
        raise Refused("E167", found=column, expected=", ".join(_NAMES))
    with closing(_open(database)) as connection:
        rows = connection.execute(f"SELECT path FROM files WHERE {column} IS ? ORDER BY path", (value,))  # noqa: S608
        return tuple(row[0] for row in rows)


def list_series(database: Path) -> tuple[IndexedSeries, ...]:
    """Return the series of an index, in the order of their studies.

    Raises:
        NotFound: ``E100``.
        Refused: ``E165``.
    """
    with closing(_open(database)) as connection:
        rows = connection.execute(
            "SELECT study_instance_uid, series_instance_uid, min(modality), min(series_description), count(*)"
            " FROM files GROUP BY study_instance_uid, series_instance_uid"
            " ORDER BY study_instance_uid, min(series_number), series_instance_uid"
        )
        return tuple(IndexedSeries(*row) for row in rows)


def _open(database: Path) -> sqlite3.Connection:
    if not database.is_file():
        raise NotFound("E100")
    connection = sqlite3.connect(database)
    try:
        connection.execute("PRAGMA query_only = 1")
        _require_ours(connection)
    except (sqlite3.DatabaseError, Refused) as error:
        connection.close()
        raise Refused("E165") from error
    return connection


def _require_ours(connection: sqlite3.Connection) -> None:
    marks = tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    if marks != (_APPLICATION_ID, _VERSION):
        raise Refused("E165")


def _make_private(path: Path) -> None:
    """Make an empty file that its owner alone may read, where there is none."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
