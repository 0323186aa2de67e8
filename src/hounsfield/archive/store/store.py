"""The store: takes objects in so that none is lost, and shows them to those who may see them."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from hounsfield.archive.limits import Limits
from hounsfield.archive.store.backup import Copied, backup
from hounsfield.archive.store.blobs import Blobs
from hounsfield.archive.store.database import Database
from hounsfield.archive.store.examine import STORE_LIMITS, charset_of, examine
from hounsfield.archive.store.folder import StoreFolder
from hounsfield.archive.store.intents import Intent, IntentLog, has_intents
from hounsfield.archive.store.quarantine import Quarantine
from hounsfield.archive.store.receipt import Receipt
from hounsfield.archive.store.recovery import DEFAULT_PROJECT, Recovered, recover
from hounsfield.archive.store.rows import Pending
from hounsfield.archive.store.verify import Progress, StoreVerdict, verify
from hounsfield.archive.store.view import View
from hounsfield.archive.store.writer import Writer
from hounsfield.errors import ArchiveError

_SIDE_BY_SIDE = 16


class Store:
    """An open store; safe to use from several threads, and from several processes that each open it.

    Attributes:
        folder: where it is.
        recovered: what its opening had to put in order.
    """

    def __init__(self, folder: StoreFolder, database: Database, blobs: Blobs, recovered: Recovered) -> None:
        self.folder = folder.path
        self.recovered = recovered
        self._held = folder
        self._database = database
        self._blobs = blobs
        self._intents = IntentLog(folder.intents)
        self._writer = Writer(database, blobs)
        self._count = threading.Lock()
        self._pending = 0
        self._has_failed = False
        self._fallback_charsets: Mapping[str, str] = {}
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, fallback_charsets: Mapping[str, str] | None = None) -> None:
        """Begin to take in; ``open_store`` has done so."""
        self._fallback_charsets = dict(fallback_charsets or {})
        self._intents.open()
        self._writer.start()

    def receive(
        self,
        chunks: Iterable[bytes],
        project: str = DEFAULT_PROJECT,
        source: str = "",
        limits: Limits = STORE_LIMITS,
    ) -> Receipt:
        """Take in an object and return once it is durable: its bytes, the names of its folders, its rows.

        Args:
            chunks: its bytes as a DICOM file (PS3.10), as they come.
            project: whose it will be.
            source: where it comes from, such as ``stow:alice``; no patient's name.
            limits: bounds of what is taken.

        Raises:
            Refused: ``E110``, too large; nothing is kept.
            ArchiveError: ``E172`` no space, ``E176``, ``E184``; ``E177`` after closing. Nothing was acknowledged.
            Timeout: ``E175``.
        """
        with self._working():
            pending = self._take_in(chunks, Intent(project, source), limits)
            self._blobs.place(pending.arrival.incoming)
            return self._writer.write([pending])[0]

    def receive_many(
        self,
        objects: Iterable[Iterable[bytes]],
        project: str = DEFAULT_PROJECT,
        source: str = "",
        limits: Limits = STORE_LIMITS,
    ) -> tuple[Receipt, ...]:
        """Take in the objects of one request with one transaction at its end; otherwise as ``receive``.

        When one of them cannot be taken in, or the stream breaks, those before it are kept without an answer: sent
        again they are held.
        """
        intent = Intent(project, source)
        with self._working():
            pending: list[Pending] = []
            try:
                for chunks in objects:
                    pending.append(self._take_in(chunks, intent, limits))
            except BaseException:
                self._write_together(pending)
                raise
            return self._write_together(pending)

    def view(self, projects: Sequence[str] = (DEFAULT_PROJECT,)) -> View:
        """Return the store as somebody with these projects sees it."""
        return View(tuple(projects), self._database, self._blobs)

    def quarantine(self, projects: Sequence[str] = (DEFAULT_PROJECT,)) -> Quarantine:
        """Return the quarantine of these projects."""
        return Quarantine(self._database, self._blobs, projects, self._fallback_charsets)

    def verify(self, progress: Progress | None = None, repair: bool = False) -> StoreVerdict:
        """Hold every blob against its name and the index; see ``verify``."""
        return verify(self._blobs, self._database, progress, repair)

    def backup(self, target: Path, progress: Progress | None = None) -> Copied:
        """Copy the store into an empty folder while it receives; see ``backup``."""
        return backup(self.folder, target, progress)

    def close(self) -> None:
        """Write what waits and close; nothing can be taken in afterwards."""
        with self._count:
            if self._is_closed:
                return
            self._is_closed = True
        self._writer.close()
        self._database.close()
        self._intents.close()
        is_clean = not self._has_failed and self._pending == 0
        if is_clean:
            self._intents.remove()
        # A log that is left belongs to a process that lives, or to one that died: then the next to open recovers.
        self._held.release(is_clean and not has_intents(self._held.intents))

    def _take_in(self, chunks: Iterable[bytes], intent: Intent, limits: Limits) -> Pending:
        incoming = self._blobs.take_in(chunks, limits.max_file_bytes)
        try:
            arrival = examine(incoming, limits, charset_of(intent.source, self._fallback_charsets))
            self._intents.note(incoming.sha256, intent)
        except BaseException:
            incoming.path.unlink(missing_ok=True)
            raise
        return Pending(arrival, intent)

    def _write_together(self, pending: Sequence[Pending]) -> tuple[Receipt, ...]:
        """Place and write what came. Files wait for the disk side by side, so that one wait serves many of them."""
        if not pending:
            return ()
        with ThreadPoolExecutor(min(_SIDE_BY_SIDE, len(pending))) as pool:
            list(pool.map(self._blobs.place, [each.arrival.incoming for each in pending]))
        return tuple(self._writer.write(pending))

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Count who is at work: the intent log may be emptied when nobody is."""
        with self._count:
            if self._is_closed:
                raise ArchiveError("E177")
            self._pending += 1
        try:
            yield
        except BaseException:
            self._has_failed = True
            raise
        finally:
            with self._count:
                self._pending -= 1
                if self._pending == 0 and not self._has_failed:
                    self._intents.empty()


def open_store(
    folder: Path, url: str = "", busy_seconds: float = 30.0, fallback_charsets: Mapping[str, str] | None = None
) -> Store:
    """Open a store, or make one; what a crash has left is put in order first.

    Args:
        folder: where it is; made with its parents where it is not there.
        url: of a PostgreSQL database for its index; a SQLite file in the folder when empty.
        busy_seconds: how long to wait for an index that another program holds.
        fallback_charsets: Specific Character Sets of sources that write text without declaring one, by the start of
            their names, such as ``{"dimse:OLDCT": "GB18030"}``; the longest start counts.

    Raises:
        ArchiveError: ``E170`` on a network file system, ``E171`` for a store of another version, ``E172``, ``E176``,
            ``E184``.
        Timeout: ``E175``.
    """
    held = StoreFolder(Path(folder))
    held.hold()
    database = Database(held.path, url, busy_seconds)
    blobs = Blobs(held.path)
    try:
        blobs.prepare()
        database.prepare()
        recovered = Recovered()
        if held.is_first and not held.was_clean:
            recovered = recover(blobs, database, held.intents, fallback_charsets or {})
        held.share()
        store = Store(held, database, blobs, recovered)
        store.start(fallback_charsets)
    except BaseException:
        database.close()
        held.release(is_clean=False)
        raise
    return store
