"""From C-STORE to the archive store: each receipt becomes a status, and each new study a record before its reply."""

import threading
from collections.abc import Callable, Iterator

from hounsfield.archive.store import Outcome, Store
from hounsfield.service.dimse.storing import CANNOT_UNDERSTAND, COERCED, SUCCESS, Kept

_STATUS = {
    Outcome.STORED: SUCCESS,
    Outcome.HELD: SUCCESS,
    Outcome.CONFLICT: COERCED,
    Outcome.QUARANTINED: CANNOT_UNDERSTAND,
}
"""An instance that differs from the one held under its UID is kept beside it: a warning, so that no sender drops it."""
_REMEMBERED = 10_000

Noted = Callable[[str, str, str], None]
"""Writes down that a study arrives: source, project, Study Instance UID. Returns once it is written."""


class Keeping:
    """Keeps files in a store.

    Args:
        store: where they go.
        noted: told of each study once from each source.
    """

    def __init__(self, store: Store, noted: Noted) -> None:
        self._store = store
        self._noted = noted
        self._lock = threading.Lock()
        self._told: dict[tuple[str, str, str], None] = {}

    def keep(self, pieces: Iterator[bytes], project: str, source: str) -> Kept:
        """Keep a file and return the status of its C-STORE response."""
        receipt = self._store.receive(pieces, project, source)
        if receipt.study_instance_uid:
            self._note((source, project, receipt.study_instance_uid))
        return Kept(_STATUS[receipt.outcome], receipt.code)

    def _note(self, key: tuple[str, str, str]) -> None:
        with self._lock:
            if key in self._told:
                return
        self._noted(*key)
        with self._lock:
            self._told[key] = None
            if len(self._told) > _REMEMBERED:
                self._told.pop(next(iter(self._told)))
