"""Writes entries in the background, many in one transaction, and tells each writer once its own is on the disk."""

import queue
import threading
from concurrent.futures import Future

from hounsfield.errors import AuditError
from hounsfield.service.audit.log import AuditLog
from hounsfield.service.audit.record import Entry

_LARGEST_BATCH = 500
_LONGEST_BACKLOG = 100_000
"""Entries of acts that were let through while the log could not be written; beyond it nothing is let through."""

_Job = tuple[Entry, "Future[None]"]


class Scribe:
    """The one thread of a process that writes its audit log.

    Args:
        log: where it writes.
    """

    def __init__(self, log: AuditLog) -> None:
        self.log = log
        self._backlog: list[Entry] = []
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._is_closed = False
        self._thread.start()

    def submit(self, entry: Entry) -> "Future[None]":
        """Hand over an entry; the result is there once it is durable, or fails with ``AuditError`` (``E279``)."""
        future: Future[None] = Future()
        if self._is_closed:
            future.set_exception(AuditError("E279", found="closed"))
            return future
        self._jobs.put((entry, future))
        return future

    def write(self, entry: Entry) -> None:
        """Write an entry and return once it is durable.

        Raises:
            AuditError: ``E279``.
        """
        self.submit(entry).result()

    def keep_for_later(self, entry: Entry) -> None:
        """Keep an entry that could not be written, of an act that may go on; it is written before the next one.

        Raises:
            AuditError: ``E279``, too many are waiting.
        """
        if len(self._backlog) >= _LONGEST_BACKLOG:
            raise AuditError("E279", found="backlog")
        self._backlog.append(entry)

    @property
    def waiting(self) -> int:
        """How many entries wait for a log that could not be written."""
        return len(self._backlog)

    def close(self) -> None:
        """Write what was handed over, then stop and close the log."""
        if not self._is_closed:
            self._is_closed = True
            self._jobs.put(None)
            self._thread.join()
            self.log.close()

    def _run(self) -> None:
        is_open = True
        while is_open:
            jobs = [self._jobs.get()]
            while len(jobs) < _LARGEST_BATCH and not self._jobs.empty():
                jobs.append(self._jobs.get())
            is_open = None not in jobs
            self._write([job for job in jobs if job is not None])

    def _write(self, jobs: list[_Job]) -> None:
        late = self._backlog[:]
        try:
            if late or jobs:
                self.log.append([*late, *(entry for entry, _ in jobs)])
        except Exception as error:  # noqa: BLE001, whoever waits must hear of it, and the thread must live
            fault = error if isinstance(error, AuditError) else AuditError("E279", found=type(error).__name__)
            for _, future in jobs:
                future.set_exception(fault)
            return
        del self._backlog[: len(late)]
        for _, future in jobs:
            future.set_result(None)
