"""The index file: SQLite in WAL mode with every commit durable, or PostgreSQL by URL."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import Connection

from hounsfield.archive.query.tables import SCHEMA_VERSION, about, metadata
from hounsfield.archive.store.faults import told
from hounsfield.errors import ArchiveError

FILE_NAME = "index.db"
_BUSY_SECONDS = 30.0
_LOCK_KEY = 0x484F554E
"""Advisory lock that makes one writer of several processes on PostgreSQL."""


class Database:
    """Two ways to the index: one that writes, and one that cannot."""

    def __init__(self, folder: Path, url: str = "", busy_seconds: float = _BUSY_SECONDS) -> None:
        self.path = folder / FILE_NAME
        self.is_sqlite = not url or url.startswith("sqlite")
        place = url or f"sqlite:///{self.path}"
        connect = {"timeout": busy_seconds, "check_same_thread": False} if self.is_sqlite else {}
        self.writer: Engine = create_engine(place, connect_args=connect, pool_size=1, max_overflow=4)
        self.reader: Engine = create_engine(place, connect_args=connect, pool_size=8, max_overflow=56)
        if self.is_sqlite:
            event.listen(self.writer, "connect", _prepare_writer)
            event.listen(self.writer, "begin", _begin_immediate)
            event.listen(self.reader, "connect", _prepare_reader)
            event.listen(self.reader, "begin", _begin)
        else:
            event.listen(self.writer, "begin", _lock)

    def prepare(self) -> None:
        """Make the tables where there are none.

        Raises:
            ArchiveError: ``E171`` for tables of another version, and those of ``told``.
        """
        if self.is_sqlite and not self.path.exists():
            with told():
                self.path.touch(0o600)
        with told(), self.writer.begin() as connection:
            if not inspect(connection).has_table("about"):
                metadata.create_all(connection)
                connection.execute(insert(about).values(name="schema_version", value=str(SCHEMA_VERSION)))
            found = connection.execute(select(about.c.value).where(about.c.name == "schema_version")).scalar()
        if found != str(SCHEMA_VERSION):
            raise ArchiveError("E171", found=found, expected=SCHEMA_VERSION)

    def close(self) -> None:
        """Close all connections."""
        self.reader.dispose()
        self.writer.dispose()


def _prepare_writer(connection: Any, _: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_reader(connection: Any, _: object) -> None:
    connection.isolation_level = None
    for pragma in ("query_only=ON", "cache_size=-16384", "mmap_size=268435456"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _lock(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})")
