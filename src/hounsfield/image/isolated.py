"""Decoding in a process that may die alone: a codec that crashes, hangs or eats memory costs one object.

Codecs are libraries in C and C++ that read what a stranger wrote. Here they run in a process of their own with bounds
on memory, processor and clock; what it says is checked before it is believed. See docs/decisions/0010.
"""

import atexit
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
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

from hounsfield.compiled import core_count
from hounsfield.core.study import InstanceRef
from hounsfield.errors import Undecodable
from hounsfield.image import isolated_wire as wire
from hounsfield.image.layout import PixelLayout
from hounsfield.image.limits import PixelLimits

PROGRAM = "from hounsfield.image.isolated_worker import main; main()"

_OPENING = "import os, sys; sys.path[:] = {paths!r}; os.environ.update(OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1'); "
_START_SECONDS = 60.0
_MOST_AT_A_TIME = 16
"""Frames that a codec may hold before it gives the first."""
_BYTES_A_SECOND = 2 << 20
"""No codec is slower than this on one core, by a factor of five at least."""
_SPARE_BYTES = 384 << 20
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


@dataclass
class Worker:
    """One decoding process.

    Attributes:
        process: the process.
        is_idle: whether its last request has been answered in full.
    """

    process: subprocess.Popen[bytes]
    is_idle: bool = True

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def send(self, content: bytes, deadline: float) -> None:
        """Send a request."""
        self.is_idle = False
        wire.send_until(self._end(self.process.stdin), content, deadline)

    def receive(self, target: memoryview, deadline: float) -> None:
        """Fill a buffer with what the process says."""
        wire.receive_until(self._end(self.process.stdout), target, deadline)

    def receive_header(self, deadline: float) -> tuple[int, int, int, int, int, int]:
        """Return kind, type, channels, rows, columns and bytes of the next reply."""
        head = bytearray(wire.REPLY.size)
        self.receive(memoryview(head), deadline)
        magic, *numbers = wire.REPLY.unpack(head)
        if magic != wire.MAGIC:
            raise wire.BrokenWireError
        kind, dtype, channels, rows, columns, size = numbers
        return kind, dtype, channels, rows, columns, size

    @staticmethod
    def _end(stream: Any) -> int:
        return int(stream.fileno())


@dataclass
class WorkerPool:
    """Decoding processes that are kept for the next object, as many as there are cores.

    Attributes:
        program: the Python code that a process runs.
    """

    program: str = PROGRAM
    _idle: list[Worker] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _owner: int = 0

    @contextmanager
    def borrowed(self) -> Iterator[Worker]:
        """Lend a process that is alive; it is kept afterwards only when it has answered in full.

        Raises:
            Undecodable: ``E393``, no process can be started.
        """
        worker = self._take() or self._start()
        try:
            yield worker
        finally:
            with self._lock:
                is_kept = worker.is_idle and worker.is_alive and len(self._idle) < core_count()
                if is_kept:
                    self._idle.append(worker)
            if not is_kept:
                worker.stop()

    def close(self) -> None:
        """End the processes that wait."""
        with self._lock:
            workers, self._idle = self._idle, []
        if self._owner == os.getpid():
            for worker in workers:
                worker.stop()

    def _take(self) -> Worker | None:
        with self._lock:
            if self._owner != os.getpid():
                # A fork of the program must not talk to the processes of its parent.
                self._idle.clear()
                self._owner = os.getpid()
            while self._idle:
                worker = self._idle.pop()
                if worker.is_alive:
                    return worker
                worker.stop()
        return None

    def _start(self) -> Worker:
        # Our own path, as -I keeps the current folder and the variables of Python out.
        paths = [path for path in sys.path if Path(path).is_absolute()]
        command = [sys.executable, "-I", "-B", "-c", _OPENING.format(paths=paths) + self.program]
        quiet, pipe = subprocess.DEVNULL, subprocess.PIPE
        try:
            process = subprocess.Popen(  # noqa: S603 (our own interpreter and program)
                command, stdin=pipe, stdout=pipe, stderr=quiet, cwd="/", bufsize=0
            )
        except OSError as error:
            raise Undecodable("E393", found=type(error).__name__) from error
        worker = Worker(process)
        try:
            for stream in (process.stdin, process.stdout):
                os.set_blocking(Worker._end(stream), False)
            kind, *_ = worker.receive_header(time.monotonic() + _START_SECONDS)
            if kind != wire.READY:
                raise wire.BrokenWireError
        except (OSError, wire.BrokenWireError, wire.LateError) as error:
            cause = _cause_of_death(worker) or type(error).__name__
            worker.stop()
            raise Undecodable("E393", found=cause) from error
        return worker


_POOL = WorkerPool()
atexit.register(_POOL.close)


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
    with _POOL.borrowed() as worker, _explained(worker, uid, terms):
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
    with _POOL.borrowed() as worker, _explained(worker, uid, terms):
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
        "memory_bytes": _SPARE_BYTES + 2 * encoded_bytes + _BYTES_FOR_A_BYTE * frame_bytes,
    }


def _samples_header(worker: Worker, layout: PixelLayout, uid: str, deadline: float) -> tuple[np.dtype[Any], int, int]:
    """Return type, channels and bytes of the frame that comes, once they fit the layout.

    Raises:
        Undecodable: the process refuses.
        BrokenWireError: what it says is not what was agreed.
    """
    kind, dtype, channels, rows, columns, size = worker.receive_header(deadline)
    if kind == wire.REFUSAL and size <= wire.MOST_TEXT_BYTES:
        text = bytearray(size)
        worker.receive(memoryview(text), deadline)
        worker.is_idle = True
        raise _refusal(bytes(text), uid)
    if kind != wire.SAMPLES or dtype >= len(wire.DTYPES) or (rows, columns) != (layout.rows, layout.columns):
        raise wire.BrokenWireError
    return np.dtype(wire.DTYPES[dtype]), channels, size


def _refusal(text: bytes, uid: str) -> Undecodable:
    try:
        said = json.loads(text)
        code, facts = str(said["code"]), dict(said["facts"])
    except (ValueError, KeyError, TypeError) as error:
        raise wire.BrokenWireError from error
    if not _CODE.fullmatch(code):
        raise wire.BrokenWireError
    plain = {str(name): value for name, value in facts.items() if isinstance(value, int | str) and name != "uid"}
    return Undecodable(code, uid=uid, **plain)


@contextmanager
def _explained(worker: Worker, uid: str, terms: dict[str, Any]) -> Iterator[None]:
    """Say what became of a process that does not answer, and whose pixels it was reading."""
    try:
        yield
    except wire.LateError as error:
        raise Undecodable("E391", uid=uid, expected=round(terms["seconds"])) from error
    except wire.BrokenWireError as error:
        cause = _cause_of_death(worker)
        if cause is None:
            raise Undecodable("E394", uid=uid) from error
        if cause == "SIGXCPU":
            raise Undecodable("E391", uid=uid, expected=round(terms["seconds"])) from error
        raise Undecodable("E390", uid=uid, found=cause) from error


def _cause_of_death(worker: Worker) -> str | None:
    """Return the signal or status that a process ended with, None where it still runs."""
    try:
        status = worker.process.wait(timeout=1.0)
    except subprocess.TimeoutExpired:
        return None
    if status >= 0:
        return f"exit {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
