"""Is the log whole? Every record against the one before it, and against what was signed.

Works on a copy of the file too, with the public key alone, on a machine that never saw the service.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hounsfield.errors import AuditError
from hounsfield.service.audit.keys import Verifier
from hounsfield.service.audit.record import FIRST_PREVIOUS

MOST_FAULTS = 100
_TELL_EVERY = 10_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Fault:
    """Where the log is not what it was, and how that shows.

    Attributes:
        sequence: number of the first record that cannot be trusted.
        kind: ``missing``, ``edited``, ``moved``, ``cut``, ``unsigned``, ``resigned`` or ``unreadable``.
    """

    sequence: int
    kind: str


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes:
        records: how many there are.
        last_hash: hash of the last, for keeping elsewhere as an anchor.
        faults: the first hundred; none where the log is whole.
    """

    records: int
    last_hash: str
    faults: tuple[Fault, ...]


def verify(
    path: Path,
    verifier: Verifier,
    anchors: Mapping[int, str] | None = None,
    progress: Progress = lambda done, total: None,
) -> Verdict:
    """Check a log from its first record to its last.

    Args:
        path: the SQLite file.
        verifier: the public key.
        anchors: hashes by record number that were kept elsewhere; they also show a log that was replaced as a whole.
        progress: called with (records done, records in all).

    Raises:
        AuditError: ``E279``, there is no such file.
    """
    if not path.is_file():
        raise AuditError("E279", found=path.name)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return _Check(connection, verifier, anchors or {}, progress).run()
    except sqlite3.Error:
        return Verdict(0, FIRST_PREVIOUS, (Fault(0, "unreadable"),))


class _Check:
    """One pass over the records; what is signed is compared as its record comes by."""

    def __init__(
        self, connection: sqlite3.Connection, verifier: Verifier, anchors: Mapping[int, str], progress: Progress
    ) -> None:
        self._connection = connection
        self._verifier = verifier
        self._progress = progress
        self._faults: list[Fault] = []
        self._signed = dict(anchors)

    def run(self) -> Verdict:
        total = self._connection.execute("SELECT count(*) FROM records").fetchone()[0]
        head = self._read_head()
        for sequence, statement, signature in self._connection.execute("SELECT * FROM checkpoints ORDER BY sequence"):
            told = self._statement(statement, signature)
            if told is None or told[0] != sequence:
                self._add(sequence, "unsigned")
            else:
                self._expect(*told)
        expected, last = 1, FIRST_PREVIOUS
        for sequence, body, stored in self._rows():
            if sequence % _TELL_EVERY == 0:
                self._progress(sequence, total)
            for lost in range(expected, min(sequence, expected + MOST_FAULTS)):
                self._add(lost, "missing")
            last = self._follow(sequence, body, stored, last if sequence == expected else None)
            expected = sequence + 1
        self._compare_end(expected - 1, head)
        faults = tuple(sorted(set(self._faults), key=lambda fault: (fault.sequence, fault.kind)))
        return Verdict(expected - 1, last, faults[:MOST_FAULTS])

    def _rows(self) -> Iterator[tuple[int, str, str]]:
        yield from self._connection.execute("SELECT sequence, body, hash FROM records ORDER BY sequence")

    def _follow(self, sequence: int, body: object, stored: object, previous: str | None) -> str:
        """Check one record and return the hash that the next must name."""
        text = body if isinstance(body, str) else ""
        found = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        if found != stored:
            self._add(sequence, "edited")
        named = _fields(text)
        if named is None or named[0] != sequence:
            self._add(sequence, "moved" if named else "edited")
        elif previous is not None and named[1] != previous:
            self._add(sequence, "moved")
        if self._signed.pop(sequence, found) != found:
            self._add(sequence, "resigned")
        return str(stored)

    def _compare_end(self, last: int, head: int | None) -> None:
        for sequence in self._signed:
            if sequence > last:
                self._add(last + 1, "cut")
        if head is not None and head != last:
            self._add(min(head, last) + 1, "cut" if head > last else "unsigned")

    def _read_head(self) -> int | None:
        row = self._connection.execute("SELECT statement, signature FROM head").fetchone()
        told = self._statement(*row) if row else None
        if told is None:
            self._add(0, "unsigned")
            return None
        self._expect(*told)
        return told[0]

    def _expect(self, sequence: int, expected: str) -> None:
        """Remember what a record's hash must be; two signed or kept statements that differ are a fault themselves."""
        if sequence and self._signed.setdefault(sequence, expected) != expected:
            self._add(sequence, "resigned")

    def _statement(self, statement: object, signature: object) -> tuple[int, str] | None:
        if not isinstance(statement, str) or not isinstance(signature, str) or not statement.isascii():
            return None
        if not self._verifier.accepts(statement, signature):
            return None
        data = json.loads(statement)
        return int(data["sequence"]), str(data["hash"])

    def _add(self, sequence: int, kind: str) -> None:
        if len(self._faults) < MOST_FAULTS * 10:
            self._faults.append(Fault(sequence, kind))


def _fields(text: str) -> tuple[int, str] | None:
    try:
        data = json.loads(text)
        return data["sequence"], data["previous"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
