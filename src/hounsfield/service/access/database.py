"""Accounts on disk: one SQLite file, of which every process of the service holds a connection."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hounsfield.errors import AccessError

_BUSY_SECONDS = 10.0
_VERSION = 1
_SCHEMA = """
CREATE TABLE users (
    name TEXT PRIMARY KEY, password TEXT, oidc_subject TEXT UNIQUE, is_disabled INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL
);
CREATE TABLE projects (name TEXT PRIMARY KEY, title TEXT NOT NULL, created REAL NOT NULL);
CREATE TABLE memberships (
    user TEXT NOT NULL REFERENCES users (name), project TEXT NOT NULL, role TEXT NOT NULL,
    PRIMARY KEY (user, project, role)
);
CREATE TABLE tokens (
    identifier TEXT PRIMARY KEY, digest TEXT NOT NULL, user TEXT NOT NULL REFERENCES users (name), label TEXT NOT NULL,
    permissions TEXT, projects TEXT, created REAL NOT NULL, expires REAL NOT NULL, is_revoked INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE sessions (
    digest TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES users (name), created REAL NOT NULL, seen REAL NOT NULL,
    expires REAL NOT NULL, address TEXT NOT NULL
);
CREATE TABLE failures (key TEXT PRIMARY KEY, count INTEGER NOT NULL, last REAL NOT NULL);
CREATE TABLE revoked (jti TEXT PRIMARY KEY, expires REAL NOT NULL);
"""


class AccessDatabase:
    """The connection: reads see the newest, a change is one durable transaction.

    Args:
        path: the SQLite file; its folder must be there.

    Raises:
        AccessError: ``E289``, it cannot be opened, or is of a later version.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            if not path.exists():
                path.touch(mode=0o600)
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA foreign_keys = ON")
        except (OSError, sqlite3.Error) as error:
            raise AccessError("E289", found=type(error).__name__) from error
        self._migrate()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for reading.

        Raises:
            AccessError: ``E289``.
        """
        with self._lock, _named():
            yield self._connection

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection inside a transaction, committed at the end and undone by any error.

        Raises:
            AccessError: ``E289``.
        """
        with self._lock, _named():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _migrate(self) -> None:
        with self.changing() as connection:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found > _VERSION:
                raise AccessError("E289", found=f"version {found}")
            if found == 0:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_VERSION}")


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if isinstance(error, sqlite3.IntegrityError):
            raise
        raise AccessError("E289", found=type(error).__name__) from error
