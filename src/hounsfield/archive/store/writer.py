"""The one writer of the index: what waits is written in one transaction, and everybody is answered after it.

So eight senders share the wait for the disk, and nobody is told that an object is safe before it is.
"""

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from hounsfield.archive.store.blobs import Blobs
from hounsfield.archive.store.database import Database
from hounsfield.archive.store.faults import told
from hounsfield.archive.store.receipt import Receipt
from hounsfield.archive.store.rows import Pending, Rows
from hounsfield.errors import ArchiveError

AT_A_TIME = 1024
"""Objects in one transaction, unless one request brings more."""


@dataclass(frozen=True)
class _Job:
    pending: Sequence[Pending]
    answer: "Future[list[Receipt]]"


class Writer:
    """A thread that alone writes objects to the index."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="hounsfield-index-writer", daemon=True)
        self._is_closed = False
        self._door = threading.Lock()

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def write(self, pending: Sequence[Pending]) -> list[Receipt]:
        """Write objects, all or none, and return once that is durable.

        Raises:
            ArchiveError: ``E172``, ``E176``, ``E184``; ``E177`` after the store was closed.
            Timeout: ``E175``.
        """
        job = _Job(pending, Future())
        with self._door:
            if self._is_closed:
                raise ArchiveError("E177")
            self._queue.put(job)
        return job.answer.result()

    def close(self) -> None:
        """Write what waits, and end."""
        with self._door:
            if self._is_closed:
                return
            self._is_closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while (jobs := self._waiting()) is not None:
                try:
                    self._serve(jobs)
                finally:
                    for job in jobs:
                        if not job.answer.done():
                            job.answer.set_exception(ArchiveError("E177"))
        finally:
            self._refuse_the_rest()

    def _serve(self, jobs: Sequence[_Job]) -> None:
        try:
            receipts = self._commit([each for job in jobs for each in job.pending])
        except (ArchiveError, SQLAlchemyError) as error:
            self._commit_apart(jobs, error)
            return
        for job in jobs:
            count = len(job.pending)
            job.answer.set_result(receipts[:count])
            receipts = receipts[count:]

    def _refuse_the_rest(self) -> None:
        """Answer whoever waits still: nobody hangs on a writer that has ended."""
        with self._door:
            self._is_closed = True
            while not self._queue.empty():
                job = self._queue.get()
                if job is not None:
                    job.answer.set_exception(ArchiveError("E177"))

    def _waiting(self) -> list[_Job] | None:
        """Return the jobs that wait, at least one; None at the end."""
        first = self._queue.get()
        if first is None:
            return None
        jobs, count = [first], len(first.pending)
        while count < AT_A_TIME:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._queue.put(None)
                break
            jobs.append(job)
            count += len(job.pending)
        return jobs

    def _commit(self, pending: Sequence[Pending]) -> list[Receipt]:
        with told(), self._database.writer.begin() as connection:
            receipts = Rows(connection).add_all(pending)
            for receipt in receipts:  # a discard may have taken the same bytes away since they were placed
                if not self._blobs.path(receipt.sha256).is_file():
                    raise ArchiveError("E187", found=receipt.sha256[:12])
            return receipts

    def _commit_apart(self, jobs: Sequence[_Job], error: Exception) -> None:
        """After a transaction that failed, try each request alone: one must not spoil the others."""
        for job in jobs:
            if len(jobs) == 1:
                job.answer.set_exception(_as_archive_error(error))
                continue
            try:
                job.answer.set_result(self._commit(job.pending))
            except (ArchiveError, SQLAlchemyError) as again:
                job.answer.set_exception(_as_archive_error(again))


def _as_archive_error(error: Exception) -> ArchiveError:
    return error if isinstance(error, ArchiveError) else ArchiveError("E184", found=type(error).__name__)
