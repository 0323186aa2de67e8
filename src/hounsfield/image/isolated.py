"""Decoding in a process that may die alone: a codec that crashes, hangs or eats memory costs one object.

Codecs are libraries in C and C++ that read what a stranger wrote. Here they run in a process of their own with bounds
on memory, processor and clock; what it says is checked before it is believed. See docs/decisions/0010.
"""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from hounsfield.core.study import InstanceRef
from hounsfield.errors import Undecodable
from hounsfield.image import isolated_wire as wire
from hounsfield.image import worker_pool
from hounsfield.image.layout import PixelLayout
from hounsfield.image.limits import PixelLimits
from hounsfield.image.worker_pool import Worker, explained

_MOST_AT_A_TIME = 16
"""Frames that a codec may hold before it gives the first."""
_BYTES_A_SECOND = 2 << 20
"""No codec is slower than this on one core, by a factor of five at least."""
SPARE_BYTES = 384 << 20
_BYTES_FOR_A_BYTE = 40
"""OpenJPEG holds three copies of a frame in 32 bits; 16 frames may be decoded at a time."""
_WITHOUT_LIBRARY = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
)
_CODE = re.compile(r"E3\d\d")


def is_isolated(layout: PixelLayout, limits: PixelLimits) -> bool:
    """Tell whether frames are decoded in a process of their own.

    Native samples and RLE need no library that could be led astray: they stay.
    """
    return limits.isolated and layout.transfer_syntax_uid not in _WITHOUT_LIBRARY


def decode_codestream(
    codestream: bytes, layout: PixelLayout, cells: npt.NDArray[np.uint16], uid: str, limits: PixelLimits
) -> None:
    """Decode one frame of 16-bit grey cells by the codec that ``frame_codec`` names, in a process of its own.

    Args:
        codestream: the frame; its size and depth have been compared with the header.
        layout: how its object is stored.
        cells: 1-D, filled as ``FrameCodec.decode_into`` fills them.
        uid: of the object.
        limits: bounds; ``decoding_seconds`` is one of them.

    Raises:
        Undecodable: ``E308`` by the codec, ``E390`` to ``E394`` when the process died, was late, asked for too much
            memory, could not be started or did not keep to what was agreed.
    """
    terms = _terms(layout, len(codestream), 1, limits)
    with worker_pool.POOL.borrowed() as worker, explained(worker, uid, terms["seconds"]):
        deadline = time.monotonic() + terms["seconds"]
        worker.send(wire.request(wire.FRAME, terms, codestream), deadline)
        header = _samples_header(worker, layout, uid, deadline)
        if header != (np.dtype("<u2"), 0, cells.nbytes):
            raise wire.BrokenWireError
        worker.receive(cells.view(np.uint8).data, deadline)
        worker.is_idle = True


def decode_object(
    instance: InstanceRef, layout: PixelLayout, count: int, limits: PixelLimits
) -> Iterator[wire.Samples]:
    """Yield the stored values of the first frames of an object as ``decode_frames`` does, from a process of its own.

    Args:
        instance: the object; the process reads its file.
        layout: how it is stored.
        count: frames wanted.
        limits: bounds.

    Raises:
        Undecodable: as ``read_whole``, ``decode_frames`` and ``decode_codestream``.
    """
    uid = instance.sop_instance_uid
    terms = _terms(layout, instance.path.stat().st_size, _MOST_AT_A_TIME, limits)
    wanted = {
        "uid": uid,
        "path": str(instance.path.resolve()),
        "transfer_syntax_uid": instance.transfer_syntax_uid,
        "count": count,
        "max_file_bytes": limits.max_file_bytes,
    }
    with worker_pool.POOL.borrowed() as worker, explained(worker, uid, terms["seconds"]):
        worker.send(wire.request(wire.OBJECT, {**terms, **wanted}), time.monotonic() + terms["seconds"])
        for number in range(1, count + 1):
            deadline = time.monotonic() + terms["seconds"]
            dtype, channels, size = _samples_header(worker, layout, uid, deadline)
            shape = (layout.rows, layout.columns, channels)[: 3 if channels else 2]
            if channels != (3 if layout.is_colour else 0) or size != int(np.prod(shape)) * dtype.itemsize:
                raise wire.BrokenWireError
            frame: wire.Samples = np.empty(shape, dtype=dtype)
            worker.receive(frame.reshape(-1).view(np.uint8).data, deadline)
            worker.is_idle = number == count
            yield frame


def _terms(layout: PixelLayout, encoded_bytes: int, at_a_time: int, limits: PixelLimits) -> dict[str, Any]:
    """Return what a request says of the layout and of what it may take."""
    frame_bytes = layout.rows * layout.columns * layout.dtype.itemsize * (3 if layout.is_colour else 1)
    return {
        "layout": asdict(layout),
        "seconds": limits.decoding_seconds + at_a_time * frame_bytes / _BYTES_A_SECOND,
        "memory_bytes": SPARE_BYTES + 2 * encoded_bytes + _BYTES_FOR_A_BYTE * frame_bytes,
    }


def _samples_header(worker: Worker, layout: PixelLayout, uid: str, deadline: float) -> tuple[np.dtype[Any], int, int]:
    """Return type, channels and bytes of the frame that comes, once they fit the layout.

    Raises:
        Undecodable: the process refuses.
        BrokenWireError: what it says is not what was agreed.
    """
    kind, dtype, channels, rows, columns, size = worker.receive_header(deadline)
    if kind == wire.REFUSAL:
        raise received_refusal(worker, size, uid, deadline)
    if kind != wire.SAMPLES or dtype >= len(wire.DTYPES) or (rows, columns) != (layout.rows, layout.columns):
        raise wire.BrokenWireError
    return np.dtype(wire.DTYPES[dtype]), channels, size


def received_refusal(worker: Worker, size: int, uid: str, deadline: float) -> Undecodable:
    """Return the refusal that a process is about to send; with it the request is answered.

    Raises:
        BrokenWireError: it is longer than one may be, or none.
    """
    if size > wire.MOST_TEXT_BYTES:
        raise wire.BrokenWireError
    text = bytearray(size)
    worker.receive(memoryview(text), deadline)
    worker.is_idle = True
    return refusal_of(bytes(text), uid)


def refusal_of(text: bytes, uid: str) -> Undecodable:
    """Return the refusal that a process sent.

    Raises:
        BrokenWireError: it is none.
    """
    try:
        said = json.loads(text)
        code, facts = str(said["code"]), dict(said["facts"])
    except (ValueError, KeyError, TypeError) as error:
        raise wire.BrokenWireError from error
    if not _CODE.fullmatch(code):
        raise wire.BrokenWireError
    plain = {str(name): value for name, value in facts.items() if isinstance(value, int | str) and name != "uid"}
    return Undecodable(code, uid=uid, **plain)
