"""One record of the audit log and the text that its hash is taken of.

The text is canonical JSON: keys sorted, no spaces, ASCII only; what it holds of a person is the name of the account
that acted. Objects are DICOM UIDs and names of our own things, never a patient's name or number.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from hounsfield.service.audit.events import EVENTS, Event

FIRST_PREVIOUS = "0" * 64
"""What the first record names as the hash before it."""
_LONGEST_TEXT = 200
_CONTROL = re.compile(r"[^\x20-\x7e]")


class Outcome(IntEnum):
    """What came of an act (PS3.15 A.5.2, EventOutcomeIndicator)."""

    SUCCESS = 0
    REFUSED = 4
    FAILED = 8
    BEGUN = -1
    """Written before an act that is refused where it cannot be written down; a record of what came of it follows."""


@dataclass(frozen=True)
class Entry:
    """What somebody did, before it has a place in the chain.

    Attributes:
        event: what kind of thing.
        outcome: what came of it.
        actor: name of the account, ``-`` where nobody was known.
        via: how the actor was known: session, token, oidc, terminal, ae (an application entity) or ``-``.
        address: network address of the other side.
        project: project concerned, or an empty string.
        objects: UIDs and names of what was concerned.
        request: identifier of the request, which its reply carries too.
        detail: an error code, a permission or another machine word.
    """

    event: Event
    outcome: Outcome = Outcome.SUCCESS
    actor: str = "-"
    via: str = "-"
    address: str = ""
    project: str = ""
    objects: tuple[str, ...] = ()
    request: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Record:
    """An entry in its place: number, time, and the hash of the record before it."""

    sequence: int
    time: str
    previous: str
    entry: Entry = field(repr=False)

    def text(self) -> str:
        """Return the canonical text, of which :meth:`hash` is taken."""
        entry = self.entry
        return canonical(
            {
                "sequence": self.sequence,
                "time": self.time,
                "previous": self.previous,
                "event": entry.event.value.name,
                "outcome": int(entry.outcome),
                "actor": _plain(entry.actor),
                "via": _plain(entry.via),
                "address": _plain(entry.address),
                "project": _plain(entry.project),
                "objects": [_plain(name) for name in entry.objects],
                "request": _plain(entry.request),
                "detail": _plain(entry.detail),
            }
        )

    def hash(self) -> str:
        """Return the SHA-256 of the text in hexadecimal digits."""
        return digest(self.text())


def canonical(value: dict[str, Any]) -> str:
    """Return JSON that is the same for the same values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(text: str) -> str:
    """Return the SHA-256 of a text in hexadecimal digits."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def utc(seconds: float) -> str:
    """Return a time as ISO 8601 in UTC with microseconds, as EventDateTime is written."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse(text: str) -> Record:
    """Return the record of a text.

    Raises:
        ValueError: the text is no record; ``KeyError`` and ``TypeError`` are turned into it.
    """
    try:
        data = json.loads(text)
        entry = Entry(
            EVENTS[data["event"]],
            Outcome(data["outcome"]),
            data["actor"],
            data["via"],
            data["address"],
            data["project"],
            tuple(data["objects"]),
            data["request"],
            data["detail"],
        )
        return Record(data["sequence"], data["time"], data["previous"], entry)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(type(error).__name__) from error


def _plain(text: str) -> str:
    """Return a text of printable ASCII, cut to size: no line can be forged, no terminal steered."""
    return _CONTROL.sub("?", text)[:_LONGEST_TEXT]
