"""API tokens and browser sessions: random secrets of which only a hash is kept."""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from hounsfield.errors import NotFound
from hounsfield.service.access.database import AccessDatabase
from hounsfield.service.access.principal import Principal
from hounsfield.service.access.roles import Permission
from hounsfield.service.access.users import Users

TOKEN_PREFIX = "hfd_"  # noqa: S105, the public start of every token, by which scanners know a leaked one
LONGEST_TOKEN_DAYS = 366
SESSION_SECONDS = 12 * 3600.0
IDLE_SECONDS = 3600.0
_SEEN_EVERY_SECONDS = 60.0
_TOKEN_PARTS = 3
_DAY_SECONDS = 86400.0


@dataclass(frozen=True)
class Token:
    """A token without its secret."""

    identifier: str
    user: str
    label: str
    permissions: tuple[Permission, ...] | None
    projects: tuple[str, ...] | None
    created: float
    expires: float
    is_revoked: bool


@dataclass(frozen=True)
class Session:
    """A browser's session without its secret; the identifier is the start of its hash."""

    identifier: str
    user: str
    created: float
    seen: float
    expires: float
    address: str


class Tokens:
    """The table of API tokens.

    Args:
        database: where they are.
        users: the accounts they belong to.
        clock: seconds since 1970, for tests.
    """

    def __init__(self, database: AccessDatabase, users: Users, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._users = users
        self._clock = clock

    def create(
        self,
        user: str,
        label: str,
        days: int,
        permissions: tuple[Permission, ...] | None = None,
        projects: tuple[str, ...] | None = None,
    ) -> tuple[Token, str]:
        """Make a token and return it with its text, which is shown this once.

        Args:
            user: the account it acts for.
            label: what it is for.
            days: after how many it expires, at most :data:`LONGEST_TOKEN_DAYS`.
            permissions: no more than these of the account's; None for all.
            projects: in no other projects than these; None for all.

        Raises:
            NotFound: ``E282``, no such account.
        """
        name, identifier, secret = self._users.find(user).name, secrets.token_hex(6), secrets.token_urlsafe(32)
        now = self._clock()
        expires = now + min(max(days, 1), LONGEST_TOKEN_DAYS) * _DAY_SECONDS
        token = Token(identifier, name, label[:100], permissions, projects, now, expires, False)
        row = (identifier, _digest(secret), name, token.label, _listed(permissions), _listed(projects), now, expires)
        with self._database.changing() as connection:
            connection.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", row)
        return token, f"{TOKEN_PREFIX}{identifier}_{secret}"

    def resolve(self, text: str) -> Principal | None:
        """Return whom a token's text stands for, None where it is wrong, revoked, expired or of a closed account."""
        parts = text.split("_", _TOKEN_PARTS - 1)
        if len(parts) != _TOKEN_PARTS or not text.isascii():
            return None
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT digest, user, permissions, projects FROM tokens WHERE identifier = ? AND NOT is_revoked "
                "AND expires > ?",
                (parts[1], self._clock()),
            ).fetchone()
        if row is None or not hmac.compare_digest(row[0], _digest(parts[2])):
            return None
        principal = self._users.principal(row[1], "token", parts[1])
        if principal is None:
            return None
        return principal.narrowed(_permissions(row[2]), None if row[3] is None else json.loads(row[3]))

    def list(self, user: str | None = None) -> tuple[Token, ...]:
        """Return the tokens of an account, or all, the newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT identifier, user, label, permissions, projects, created, expires, is_revoked FROM tokens "
                "WHERE ?1 IS NULL OR user = ?1 ORDER BY created DESC, identifier",
                (user,),
            ).fetchall()
        return tuple(
            Token(row[0], row[1], row[2], _permissions(row[3]), _names(row[4]), row[5], row[6], bool(row[7]))
            for row in rows
        )

    def revoke(self, identifier: str, user: str | None = None) -> None:
        """Make a token worthless at once.

        Args:
            identifier: which one.
            user: only where it is this account's; None for any.

        Raises:
            NotFound: ``E282``.
        """
        with self._database.changing() as connection:
            changed = connection.execute(
                "UPDATE tokens SET is_revoked = 1 WHERE identifier = ?1 AND (?2 IS NULL OR user = ?2)",
                (identifier, user),
            )
        if not changed.rowcount:
            raise NotFound("E282", found=identifier)


class Sessions:
    """The table of browser sessions.

    Args:
        database: where they are.
        users: the accounts they belong to.
        clock: seconds since 1970, for tests.
    """

    def __init__(self, database: AccessDatabase, users: Users, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._users = users
        self._clock = clock

    def start(self, user: str, address: str, replacing: str | None = None) -> str:
        """Start a session and return its secret; the one that the browser had before is ended, so none can be fixed."""
        secret, now = secrets.token_urlsafe(32), self._clock()
        with self._database.changing() as connection:
            connection.execute("DELETE FROM sessions WHERE expires < ? OR seen < ?", (now, now - IDLE_SECONDS))
            if replacing:
                connection.execute("DELETE FROM sessions WHERE digest = ?", (_digest(replacing),))
            connection.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)",
                (_digest(secret), user, now, now, now + SESSION_SECONDS, address),
            )
        return secret

    def resolve(self, secret: str) -> Principal | None:
        """Return whom a session's secret stands for, None where it is wrong, ended, expired or idle too long."""
        digest, now = _digest(secret), self._clock()
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT user, seen FROM sessions WHERE digest = ? AND expires > ? AND seen > ?",
                (digest, now, now - IDLE_SECONDS),
            ).fetchone()
        if row is None:
            return None
        if now - row[1] > _SEEN_EVERY_SECONDS:
            with self._database.changing() as connection:
                connection.execute("UPDATE sessions SET seen = ? WHERE digest = ?", (now, digest))
        return self._users.principal(row[0], "session", digest[:16])

    def end(self, secret: str) -> None:
        """End a session."""
        with self._database.changing() as connection:
            connection.execute("DELETE FROM sessions WHERE digest = ?", (_digest(secret),))

    def list(self, user: str) -> tuple[Session, ...]:
        """Return the sessions of an account that are still good, the newest first."""
        now = self._clock()
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT digest, user, created, seen, expires, address FROM sessions "
                "WHERE user = ? AND expires > ? AND seen > ? ORDER BY created DESC",
                (user, now, now - IDLE_SECONDS),
            ).fetchall()
        return tuple(Session(row[0][:16], *row[1:]) for row in rows)

    def revoke(self, user: str, identifier: str) -> None:
        """End one of an account's sessions.

        Raises:
            NotFound: ``E282``.
        """
        with self._database.changing() as connection:
            changed = connection.execute(
                "DELETE FROM sessions WHERE user = ? AND substr(digest, 1, 16) = ?", (user, identifier)
            )
        if not changed.rowcount:
            raise NotFound("E282", found=identifier)


def _digest(secret: str) -> str:
    """Return the hash that is kept: of 256 random bits a plain SHA-256 cannot be searched."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _listed(names: tuple[str, ...] | None) -> str | None:
    return None if names is None else json.dumps(sorted(names))


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(json.loads(text))


def _permissions(text: str | None) -> tuple[Permission, ...] | None:
    """Return the permissions of a list, without those that a later version named and this one lacks."""
    names = _names(text)
    return None if names is None else tuple(Permission(name) for name in names if name in set(Permission))
