"""One connection of the DICOM upper layer (PS3.8 section 9): protocol data units in and out, capped in size and time.

A peer may announce four gigabytes, send one byte a second, or nothing at all: a unit is refused by its header before
anything is kept, and has to be whole within its deadline. What is received lies in one buffer that is used again.
"""

import socket
import struct
import time
from dataclasses import dataclass
from enum import IntEnum

from hounsfield.errors import ArchiveError, BadRequest, Timeout

_HEADER = struct.Struct(">BBL")
_FRAGMENT = struct.Struct(">LBB")
_QUICK_ACKNOWLEDGE = getattr(socket, "TCP_QUICKACK", None)


LINE_CODES = frozenset({"E490", "E491", "E492", "E493"})
"""What is wrong with the line itself, and ends an association; anything else is answered on it."""


class Unit(IntEnum):
    """Types of protocol data units (PS3.8 table 9-11 and following)."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    DATA = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


@dataclass(frozen=True)
class Caps:
    """What a peer may ask of us.

    Attributes:
        associate_bytes: the longest A-ASSOCIATE-RQ.
        data_bytes: the longest P-DATA-TF, which is announced to the peer.
        first_seconds: until the A-ASSOCIATE-RQ is whole.
        unit_seconds: for a unit to be whole once it has begun, and for a reply to be taken.
        idle_seconds: between two units of an association.
    """

    associate_bytes: int = 64 << 10
    data_bytes: int = 128 << 10
    first_seconds: float = 10.0
    unit_seconds: float = 30.0
    idle_seconds: float = 60.0


@dataclass(frozen=True)
class Received:
    """One unit.

    Attributes:
        kind: its type.
        body: its bytes after the header; valid until the next unit is read.
    """

    kind: Unit
    body: memoryview


class Line:
    """A connection.

    Args:
        connection: a connected socket, plain or TLS; closed by ``close``.
        caps: what the other side may ask.
    """

    def __init__(self, connection: socket.socket, caps: Caps) -> None:
        self._socket = connection
        self._caps = caps
        self._buffer = bytearray(max(caps.associate_bytes, caps.data_bytes))
        self._head = bytearray(_HEADER.size)
        self._is_first = True
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self) -> Received:
        """Wait for the next unit.

        Raises:
            BadRequest: ``E490`` not a unit of DICOM, ``E491`` one longer than its cap;
            Timeout: ``E492``, nothing, or not all of it, came in time;
            ArchiveError: ``E493``, the other side is gone.
        """
        wait = self._caps.first_seconds if self._is_first else self._caps.idle_seconds
        began = time.monotonic()
        self._fill(memoryview(self._head)[:1], began + wait)
        deadline = time.monotonic() + self._caps.unit_seconds
        if self._is_first:
            deadline = min(deadline, began + self._caps.first_seconds)
        self._fill(memoryview(self._head)[1:], deadline)
        number, _, length = _HEADER.unpack(self._head)
        kind = self._kind(number)
        cap = self._caps.data_bytes if kind is Unit.DATA else self._caps.associate_bytes
        if length > cap:
            raise BadRequest("E491", found=length, limit=cap)
        self._is_first = False
        body = memoryview(self._buffer)[:length]
        self._fill(body, deadline)
        return Received(kind, body)

    def _kind(self, number: int) -> Unit:
        is_known = Unit.ASSOCIATE_RQ <= number <= Unit.ABORT
        if not is_known or (self._is_first and number not in (Unit.ASSOCIATE_RQ, Unit.ASSOCIATE_AC, Unit.ABORT)):
            raise BadRequest("E490", found=f"type {number}")
        return Unit(number)

    def _fill(self, room: memoryview, deadline: float) -> None:
        place, size = 0, len(room)
        while place < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Timeout("E492", found=f"{place} of {size} bytes")
            try:
                self._socket.settimeout(left)
                count = self._socket.recv_into(room[place:])
            except TimeoutError as error:
                raise Timeout("E492", found=f"{place} of {size} bytes") from error
            except (OSError, ValueError) as error:
                raise ArchiveError("E493", found=type(error).__name__) from error
            if count == 0:
                raise ArchiveError("E493", found="closed")
            self._acknowledge()
            place += count

    def _acknowledge(self) -> None:
        """Answer at once: a sender that leaves Nagle's algorithm on waits 44 ms for each acknowledgement."""
        if _QUICK_ACKNOWLEDGE is None:
            return
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACKNOWLEDGE, 1)
        except OSError as error:
            raise ArchiveError("E493", found=type(error).__name__) from error

    def write(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            Timeout: ``E492``, the other side does not take them;
            ArchiveError: ``E493``, it is gone.
        """
        try:
            self._socket.settimeout(self._caps.unit_seconds)
            self._socket.sendall(data)
        except TimeoutError as error:
            raise Timeout("E492", found=f"{len(data)} bytes to send") from error
        except (OSError, ValueError) as error:
            raise ArchiveError("E493", found=type(error).__name__) from error

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        finally:
            self._socket.close()


def unit(kind: Unit, body: bytes) -> bytes:
    """Return a unit with its header."""
    return _HEADER.pack(kind, 0, len(body)) + body


RELEASE_REQUEST = unit(Unit.RELEASE_RQ, bytes(4))
RELEASE_REPLY = unit(Unit.RELEASE_RP, bytes(4))


def abort(source: int, reason: int) -> bytes:
    """Return an A-ABORT (PS3.8 table 9-26): source 0 the service user, 2 the provider."""
    return unit(Unit.ABORT, bytes((0, 0, source, reason)))


def rejection(result: int, source: int, reason: int) -> bytes:
    """Return an A-ASSOCIATE-RJ (PS3.8 table 9-21)."""
    return unit(Unit.ASSOCIATE_RJ, bytes((0, result, source, reason)))


@dataclass(frozen=True)
class Fragment:
    """A presentation data value (PS3.8 section 9.3.5 and annex E.2).

    Attributes:
        context_id: of the presentation context.
        is_command: part of a command, else of a data set.
        is_last: the last of its command or data set.
        data: valid until the next unit is read.
    """

    context_id: int
    is_command: bool
    is_last: bool
    data: memoryview


def fragments(body: memoryview) -> list[Fragment]:
    """Return the values in a P-DATA-TF.

    Raises:
        BadRequest: ``E490``, lengths that do not fit, or none at all.
    """
    found, place = [], 0
    while place < len(body):
        if len(body) - place < _FRAGMENT.size:
            raise BadRequest("E490", found="value header")
        length, context_id, control = _FRAGMENT.unpack_from(body, place)
        end = place + 4 + length
        if length < 2 or end > len(body) or not context_id % 2:
            raise BadRequest("E490", found="value length or context")
        found.append(Fragment(context_id, bool(control & 1), bool(control & 2), body[place + _FRAGMENT.size : end]))
        place = end
    if not found:
        raise BadRequest("E490", found="empty unit")
    return found


def data_units(context_id: int, data: bytes, is_command: bool, largest: int, is_end: bool = True) -> bytes:
    """Return a whole command or data set as P-DATA-TF units for a peer.

    Args:
        context_id: of the presentation context.
        data: the encoded command or data set.
        is_command: which of the two.
        largest: maximum length the peer announced, 0 for none (PS3.8 annex D.1).
        is_end: whether nothing of it follows.
    """
    room = (largest if largest else 128 << 10) - _FRAGMENT.size
    pieces = []
    for start in range(0, max(len(data), 1), max(room, 1)):
        part = data[start : start + room]
        control = int(is_command) | (2 if is_end and start + room >= len(data) else 0)
        pieces.append(unit(Unit.DATA, _FRAGMENT.pack(len(part) + 2, context_id, control) + part))
    return b"".join(pieces)
