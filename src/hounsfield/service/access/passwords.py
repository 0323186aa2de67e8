"""Passwords: argon2id (RFC 9106, second recommended option) and what a new one must be."""

import secrets
import string
import threading
from typing import TYPE_CHECKING

from hounsfield.errors import Refused

if TYPE_CHECKING:
    pass

SHORTEST = 12
LONGEST = 256
"""NIST SP 800-63B-4: length counts, rules of composition do not; a sentence may be pasted."""
_ALPHABET = "".join(letter for letter in string.ascii_letters + string.digits if letter not in "0O1lI")
_AT_ONCE = 2
_SHORTEST_NAME = 4
_FEWEST_LETTERS = 5


class Passwords:
    """Hashes and checks passwords, few at a time because each takes 64 MiB.

    Args:
        memory_kib: argon2 memory cost; tests take less.
        rounds: argon2 time cost.
    """

    def __init__(self, memory_kib: int = 65536, rounds: int = 3) -> None:
        from argon2 import PasswordHasher

        self._hasher: PasswordHasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=4)
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._nobody = self.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """Return the argon2id hash of a password in its usual notation."""
        with self._turns:
            return self._hasher.hash(password)

    def verify(self, hashed: str | None, password: str) -> bool:
        """Say whether a password is that of a hash; None, for nobody, takes as long and is never right."""
        from argon2.exceptions import Argon2Error, InvalidHashError

        if len(password) > LONGEST:
            password = ""
        with self._turns:
            try:
                is_right = self._hasher.verify(hashed or self._nobody, password)
            except (Argon2Error, InvalidHashError):
                return False
        return hashed is not None and is_right


def require_strong(password: str, user: str) -> None:
    """Refuse a password that is too short or too plain.

    Raises:
        Refused: ``E283``.
    """
    lowered = password.lower()
    is_name = len(user) >= _SHORTEST_NAME and user in lowered
    if not SHORTEST <= len(password) <= LONGEST or len(set(lowered)) < _FEWEST_LETTERS or is_name:
        raise Refused("E283", expected=SHORTEST)


def draw_password(letters: int = 20) -> str:
    """Return a random password without letters that are mistaken for others: 20 of 57 hold 116 bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(letters))
