"""Failed sign-ins: after five in a row the next must wait, for names that exist and names that do not alike."""

import hashlib
import time
from collections.abc import Callable

from hounsfield.errors import Throttled
from hounsfield.service.access.database import AccessDatabase

FREE_ATTEMPTS = 5
FREE_ATTEMPTS_OF_ADDRESS = 50
_FIRST_WAIT_SECONDS = 30.0
_LONGEST_WAIT_SECONDS = 900.0
_FORGOTTEN_AFTER_SECONDS = 3600.0
_LARGEST_DOUBLING = 5


class Attempts:
    """Counts failures by the name tried and by the address that tried.

    Args:
        database: where they are counted, so that a restart forgets none.
        clock: seconds since 1970, for tests.
    """

    def __init__(self, database: AccessDatabase, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def require_allowed(self, name: str, address: str) -> None:
        """Refuse an attempt that comes too soon; it is refused before the password is looked at.

        Raises:
            Throttled: ``E273``, with the seconds to wait.
        """
        now = self._clock()
        waits = [self._wait(key, free, now) for key, free in _keys(name, address)]
        if max(waits) > 0:
            raise Throttled("E273", found=int(max(waits)) + 1)

    def failed(self, name: str, address: str) -> None:
        """Count a failure."""
        now = self._clock()
        with self._database.changing() as connection:
            connection.execute("DELETE FROM failures WHERE last < ?", (now - _FORGOTTEN_AFTER_SECONDS,))
            for key, _ in _keys(name, address):
                connection.execute(
                    "INSERT INTO failures VALUES (?, 1, ?) ON CONFLICT (key) DO UPDATE "
                    "SET count = count + 1, last = excluded.last",
                    (key, now),
                )

    def succeeded(self, name: str) -> None:
        """Forget the failures of a name."""
        with self._database.changing() as connection:
            connection.execute("DELETE FROM failures WHERE key = ?", (_key("name", name),))

    def _wait(self, key: str, free: int, now: float) -> float:
        with self._database.reading() as connection:
            row = connection.execute("SELECT count, last FROM failures WHERE key = ?", (key,)).fetchone()
        if row is None or row[0] < free or now - row[1] > _FORGOTTEN_AFTER_SECONDS:
            return 0.0
        wait = min(_FIRST_WAIT_SECONDS * 2.0 ** min(row[0] - free, _LARGEST_DOUBLING), _LONGEST_WAIT_SECONDS)
        return float(row[1] + wait - now)


def _keys(name: str, address: str) -> tuple[tuple[str, int], tuple[str, int]]:
    return (_key("name", name), FREE_ATTEMPTS), (_key("address", address), FREE_ATTEMPTS_OF_ADDRESS)


def _key(kind: str, value: str) -> str:
    """Return a key of fixed length: what was typed as a name may be a password."""
    return hashlib.sha256(f"{kind}:{value.lower()}".encode()).hexdigest()
