"""The gate: from what a request shows to who it is."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hounsfield.errors import Unauthenticated
from hounsfield.service.access.attempts import Attempts
from hounsfield.service.access.credentials import TOKEN_PREFIX, Sessions, Tokens
from hounsfield.service.access.database import AccessDatabase
from hounsfield.service.access.passwords import Passwords
from hounsfield.service.access.principal import Principal
from hounsfield.service.access.roles import EVERYWHERE, Role
from hounsfield.service.access.users import DEFAULT_PROJECT, Users

COOKIE = "hounsfield-session"
SECURE_COOKIE = "__Host-hounsfield-session"
"""The name by which a browser keeps a cookie only from this host, over https (RFC 6265bis, 4.1.3.2)."""
FIRST_USER = "admin"
_LONGEST_CREDENTIAL = 8192


class Issuer(Protocol):
    """Accepts signed tokens of somebody else who knows our people."""

    def subject(self, text: str) -> str | None:
        """Return the subject of a token that is good now, else None."""


@dataclass(frozen=True)
class Gate:
    """The tables of people, and what they show.

    Attributes:
        database: where the tables are.
        users: accounts, roles, projects.
        tokens: API tokens.
        sessions: browser sessions.
        attempts: failed sign-ins.
        issuer: accepts OpenID Connect tokens, None where it is not set up.
    """

    database: AccessDatabase
    users: Users
    tokens: Tokens
    sessions: Sessions
    attempts: Attempts
    issuer: Issuer | None = None

    def identify(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Principal | None:
        """Return who asks; None where nothing is shown.

        Raises:
            Unauthenticated: ``E270``, something is shown and not accepted, whatever the reason.
        """
        shown = headers.get("authorization")
        if shown is not None:
            scheme, _, text = shown.partition(" ")
            principal = self._bearer(text.strip()) if scheme.lower() == "bearer" else None
        else:
            secret = cookies.get(SECURE_COOKIE) or cookies.get(COOKIE)
            if secret is None:
                return None
            principal = self.sessions.resolve(secret[:_LONGEST_CREDENTIAL])
        if principal is None:
            raise Unauthenticated("E270")
        return principal

    def sign_in(self, name: str, password: str, address: str) -> str:
        """Return the name of the account whose password this is.

        Raises:
            Throttled: ``E273``, too many failures before; Unauthenticated: ``E270``, whatever is wrong.
        """
        self.attempts.require_allowed(name, address)
        if not self.users.passwords.verify(self.users.password_hash(name), password):
            self.attempts.failed(name, address)
            raise Unauthenticated("E270")
        self.attempts.succeeded(name)
        return name.lower()

    def external_user(self, text: str) -> str | None:
        """Return the open account that a token of the issuer stands for."""
        subject = self.issuer.subject(text) if self.issuer else None
        name = self.users.by_subject(subject) if subject else None
        return name if name and self.users.principal(name, "oidc") else None

    def ensure_first_user(self, draw: Callable[[], str]) -> str | None:
        """Make the first account, with every role, and return its password; None where there are accounts already."""
        if self.users.list():
            return None
        if DEFAULT_PROJECT not in {project.name for project in self.users.projects()}:
            self.users.add_project(DEFAULT_PROJECT)
        password = draw()
        self.users.add(FIRST_USER, password)
        for role in Role:
            self.users.grant(FIRST_USER, role, EVERYWHERE)
        return password

    def close(self) -> None:
        """Close the files."""
        self.database.close()

    def _bearer(self, text: str) -> Principal | None:
        if len(text) > _LONGEST_CREDENTIAL:
            return None
        if text.startswith(TOKEN_PREFIX):
            return self.tokens.resolve(text)
        name = self.external_user(text)
        return self.users.principal(name, "oidc") if name else None


def open_gate(
    folder: Path,
    passwords: Passwords | None = None,
    issuer: Issuer | None = None,
    clock: Callable[[], float] = time.time,
) -> Gate:
    """Return the gate whose tables lie in a folder, made where there are none.

    Raises:
        AccessError: ``E289``, they cannot be opened.
    """
    database = AccessDatabase(folder / "access.db")
    users = Users(database, passwords or Passwords(), clock)
    return Gate(
        database,
        users,
        Tokens(database, users, clock),
        Sessions(database, users, clock),
        Attempts(database, clock),
        issuer,
    )
