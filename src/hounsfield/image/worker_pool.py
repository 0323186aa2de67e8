"""Decoding processes: started when they are needed, kept for the next object, replaced when they die.

See ``isolated`` for what they are for.
"""

import atexit
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hounsfield.compiled import core_count
from hounsfield.errors import Undecodable
from hounsfield.image import isolated_wire as wire

PROGRAM = "from hounsfield.image.isolated_worker import main; main()"

_OPENING = "import os, sys; sys.path[:] = {paths!r}; os.environ.update(OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1'); "
_START_SECONDS = 60.0


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


@contextmanager
def explained(worker: Worker, uid: str, seconds: float) -> Iterator[None]:
    """Say what became of a process that does not answer, and whose pixels it was reading."""
    try:
        yield
    except wire.LateError as error:
        raise Undecodable("E391", uid=uid, expected=round(seconds)) from error
    except wire.BrokenWireError as error:
        cause = _cause_of_death(worker)
        if cause is None:
            raise Undecodable("E394", uid=uid) from error
        if cause == "SIGXCPU":
            raise Undecodable("E391", uid=uid, expected=round(seconds)) from error
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


POOL = WorkerPool()
atexit.register(POOL.close)
