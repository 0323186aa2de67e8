"""What passes between the program and a decoding process: fixed headers, JSON and raw samples, nothing executable."""

import json
import os
import select
import struct
import time
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[Any]

FRAME, OBJECT, FILE = 1, 2, 3
"""Kinds of request: one codestream that is sent along, all frames of an object in a file, or a picture or video."""
READY, SAMPLES, REFUSAL, VOLUMES = 1, 2, 3, 4
"""Kinds of reply."""

REQUEST = struct.Struct("<4sBxxxIQ")
"""Magic, kind, bytes of JSON, bytes of the codestream behind it."""
REPLY = struct.Struct("<4sBBBxIIQ")
"""Magic, kind, index of the sample type, channels (0 for grey), rows, columns, bytes that follow."""

MAGIC = b"HFD1"
DTYPES = ("|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f4", "<f8")
MOST_TEXT_BYTES = 8192
"""A refusal is a code and some facts."""
MOST_VOLUMES_BYTES = 16 << 20
"""What is said of the volumes of a file: a video has a time for each frame."""
_CHUNK_BYTES = 1 << 20


class BrokenWireError(Exception):
    """The other side closed its end, or what it says is not what was agreed."""


class LateError(Exception):
    """The other side did not answer in time."""


def request(kind: int, terms: dict[str, Any], codestream: bytes = b"") -> bytes:
    """Return a request."""
    text = json.dumps(terms).encode()
    return REQUEST.pack(MAGIC, kind, len(text), len(codestream)) + text + codestream


def frame_reply(frame: Samples) -> tuple[bytes, memoryview]:
    """Return the header and the bytes of a decoded frame, (row, column) or (row, column, channel).

    Raises:
        ValueError: samples of a type that is not sent.
    """
    cells = np.ascontiguousarray(frame, dtype=frame.dtype.newbyteorder("<"))
    channels = cells.shape[2] if cells.ndim == 3 else 0
    kind = DTYPES.index(cells.dtype.str)
    header = REPLY.pack(MAGIC, SAMPLES, kind, channels, cells.shape[0], cells.shape[1], cells.nbytes)
    return header, cells.reshape(-1).view(np.uint8).data


def refusal(code: str, facts: dict[str, object]) -> bytes:
    """Return a reply that names why nothing was decoded."""
    plain = {name: value if isinstance(value, int) else str(value)[:200] for name, value in facts.items()}
    text = json.dumps({"code": code, "facts": plain}).encode()[:MOST_TEXT_BYTES]
    return REPLY.pack(MAGIC, REFUSAL, 0, 0, 0, 0, len(text)) + text


def volumes_reply(about: dict[str, Any]) -> bytes:
    """Return what is said of the volumes of a file before their samples are sent, one after the other."""
    text = json.dumps(about).encode()
    return REPLY.pack(MAGIC, VOLUMES, 0, 0, 0, 0, len(text)) + text


def read_request(descriptor: int) -> tuple[int, dict[str, Any], bytes] | None:
    """Return kind, terms and codestream of the next request, None where there is none to come."""
    head = bytearray(REQUEST.size)
    if not _read_all(descriptor, memoryview(head)):
        return None
    _, kind, text_bytes, stream_bytes = REQUEST.unpack(head)
    body = bytearray(text_bytes + stream_bytes)
    if not _read_all(descriptor, memoryview(body)):
        return None
    return kind, json.loads(body[:text_bytes]), bytes(memoryview(body)[text_bytes:])


def write_all(descriptor: int, content: bytes | memoryview) -> None:
    """Write everything to a descriptor that blocks."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest[:_CHUNK_BYTES]) :]


def send_until(descriptor: int, content: bytes, deadline: float) -> None:
    """Write everything to a descriptor that does not block.

    Args:
        descriptor: where to.
        content: what to write.
        deadline: by ``time.monotonic``.

    Raises:
        BrokenWireError, LateError: the other side did not take it.
    """
    rest = memoryview(content)
    while rest:
        _wait(descriptor, select.POLLOUT, deadline)
        try:
            rest = rest[os.write(descriptor, rest[:_CHUNK_BYTES]) :]
        except BlockingIOError:
            continue
        except OSError as error:
            raise BrokenWireError from error


def receive_until(descriptor: int, target: memoryview, deadline: float) -> None:
    """Fill a buffer from a descriptor that does not block.

    Args:
        descriptor: where from.
        target: bytes to fill.
        deadline: by ``time.monotonic``.

    Raises:
        BrokenWireError, LateError: the other side did not give it.
    """
    while target:
        _wait(descriptor, select.POLLIN, deadline)
        try:
            count = os.readv(descriptor, [target])
        except BlockingIOError:
            continue
        except OSError as error:
            raise BrokenWireError from error
        if count == 0:
            raise BrokenWireError
        target = target[count:]


def _wait(descriptor: int, event: int, deadline: float) -> None:
    left = deadline - time.monotonic()
    poll = select.poll()
    poll.register(descriptor, event)
    if left <= 0 or not poll.poll(left * 1000):
        raise LateError


def _read_all(descriptor: int, target: memoryview) -> bool:
    """Fill a buffer from a descriptor that blocks; False where the other side is gone."""
    while target:
        count = os.readv(descriptor, [target])
        if count == 0:
            return False
        target = target[count:]
    return True
