"""What is about to be placed, and for whom: read after a crash, so that bytes without a row find their project.

One line for each object, written before its bytes get their place. It is not made durable: after ``kill -9`` the system
still has it, and after a power cut bytes that it does not name go to the quarantine instead.
"""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from hounsfield.archive.store.faults import told

_KEPT_BYTES = 1 << 20
"""Size from which a log without anything pending is emptied."""


@dataclass(frozen=True)
class Intent:
    """For whom bytes were taken in."""

    project: str
    source: str


class IntentLog:
    """The log of one process; safe to write from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"{secrets.token_hex(8)}.log"
        self._descriptor = -1

    def open(self) -> None:
        """Begin an empty log."""
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def note(self, sha256: str, intent: Intent) -> None:
        """Write down an object; one write of the system, so that lines of threads do not mix.

        Raises:
            ArchiveError: ``E172``, ``E176``.
        """
        line = json.dumps([sha256, intent.project, intent.source]) + "\n"
        with told():
            os.write(self._descriptor, line.encode())

    def empty(self) -> None:
        """Forget all lines where there are many; only while nothing is pending."""
        if os.fstat(self._descriptor).st_size > _KEPT_BYTES:
            os.ftruncate(self._descriptor, 0)

    def close(self) -> None:
        """End the log; everything in it has its row, or will be found by the next recovery."""
        os.close(self._descriptor)

    def remove(self) -> None:
        """Take the log away after a clean end."""
        self._path.unlink(missing_ok=True)


def read_intents(folder: Path) -> dict[str, Intent]:
    """Return the intents of all logs in a folder, by digest; broken lines are passed over."""
    found: dict[str, Intent] = {}
    for path in sorted(folder.glob("*.log")):
        for line in path.read_bytes().splitlines():
            try:
                sha256, project, source = json.loads(line)
            except (ValueError, TypeError):
                continue
            found[str(sha256)] = Intent(str(project), str(source))
    return found


def has_intents(folder: Path) -> bool:
    """Tell whether a process left a log: one that died while others held the store."""
    return any(folder.glob("*.log"))


def clear_intents(folder: Path) -> None:
    """Remove the logs after their recovery."""
    for path in folder.glob("*.log"):
        path.unlink()
