"""Accounts, their roles and the projects."""

import re
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

from hounsfield.errors import Conflict, NotFound, Refused
from hounsfield.service.access.database import AccessDatabase
from hounsfield.service.access.passwords import Passwords, require_strong
from hounsfield.service.access.principal import Principal, grants_of
from hounsfield.service.access.roles import EVERYWHERE, Membership, Role

DEFAULT_PROJECT = "default"
_USER_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_PROJECT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True)
class User:
    """An account, without its password."""

    name: str
    is_disabled: bool
    has_password: bool
    oidc_subject: str | None
    memberships: tuple[Membership, ...]


@dataclass(frozen=True)
class Project:
    """A project: studies that the same people may see."""

    name: str
    title: str


class Users:
    """The tables of accounts and projects.

    Args:
        database: where they are.
        passwords: hashes and checks passwords.
        clock: seconds since 1970, for tests.
    """

    def __init__(self, database: AccessDatabase, passwords: Passwords, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.passwords = passwords
        self.clock = clock

    def add(self, name: str, password: str | None, oidc_subject: str | None = None) -> User:
        """Add an account, which may do nothing yet.

        Raises:
            Refused: ``E283``, the name or the password is not allowed.
            Conflict: ``E281``, the name or the subject is taken.
        """
        name = user_name(name)
        if password is not None:
            require_strong(password, name)
        hashed = None if password is None else self.passwords.hash(password)
        try:
            with self.database.changing() as connection:
                connection.execute(
                    "INSERT INTO users (name, password, oidc_subject, created) VALUES (?, ?, ?, ?)",
                    (name, hashed, oidc_subject, self.clock()),
                )
        except sqlite3.IntegrityError as error:
            raise Conflict("E281", found=name) from error
        return self.find(name)

    def find(self, name: str) -> User:
        """Return an account.

        Raises:
            NotFound: ``E282``.
        """
        with self.database.reading() as connection:
            row = connection.execute(
                "SELECT name, is_disabled, password IS NOT NULL, oidc_subject FROM users WHERE name = ?",
                (name.lower(),),
            ).fetchone()
            if row is None:
                raise NotFound("E282", found=name)
            memberships = connection.execute("SELECT project, role FROM memberships WHERE user = ?", (row[0],))
            roles = tuple(sorted(Membership(project, Role(role)) for project, role in memberships))
        return User(row[0], bool(row[1]), bool(row[2]), row[3], roles)

    def list(self) -> tuple[User, ...]:
        """Return every account by name."""
        with self.database.reading() as connection:
            names = [row[0] for row in connection.execute("SELECT name FROM users ORDER BY name").fetchall()]
        return tuple(self.find(name) for name in names)

    def set_password(self, name: str, password: str) -> None:
        """Give an account a new password and end its sessions.

        Raises:
            NotFound: ``E282``; Refused: ``E283``.
        """
        user = self.find(name)
        require_strong(password, user.name)
        hashed = self.passwords.hash(password)
        with self.database.changing() as connection:
            connection.execute("UPDATE users SET password = ? WHERE name = ?", (hashed, user.name))
            connection.execute("DELETE FROM sessions WHERE user = ?", (user.name,))

    def set_disabled(self, name: str, is_disabled: bool) -> None:
        """Close or reopen an account; closing ends its sessions at once.

        Raises:
            NotFound: ``E282``; Conflict: ``E281``, it is the last administrator.
        """
        user = self.find(name)
        with self.database.changing() as connection:
            connection.execute("UPDATE users SET is_disabled = ? WHERE name = ?", (is_disabled, user.name))
            connection.execute("DELETE FROM sessions WHERE user = ?", (user.name,))
            _require_administrator(connection, user.name)

    def grant(self, name: str, role: Role, project: str = EVERYWHERE) -> None:
        """Give an account a role in a project, or everywhere.

        Raises:
            NotFound: ``E282``, no such account or project.
        """
        user = self.find(name)
        if project != EVERYWHERE:
            self.find_project(project)
        with self.database.changing() as connection:
            connection.execute("INSERT OR IGNORE INTO memberships VALUES (?, ?, ?)", (user.name, project, role))

    def revoke(self, name: str, role: Role, project: str = EVERYWHERE) -> None:
        """Take a role away.

        Raises:
            NotFound: ``E282``; Conflict: ``E281``, it is the last administrator.
        """
        user = self.find(name)
        with self.database.changing() as connection:
            changed = connection.execute(
                "DELETE FROM memberships WHERE user = ? AND project = ? AND role = ?", (user.name, project, role)
            )
            if not changed.rowcount:
                raise NotFound("E282", found=f"{role} {project}")
            _require_administrator(connection, user.name)

    def add_project(self, name: str, title: str = "") -> Project:
        """Add a project.

        Raises:
            Refused: ``E283``, the name is not allowed; Conflict: ``E281``, it is taken.
        """
        if not _PROJECT_NAME.fullmatch(name):
            raise Refused("E283", expected=_PROJECT_NAME.pattern)
        try:
            with self.database.changing() as connection:
                connection.execute("INSERT INTO projects VALUES (?, ?, ?)", (name, title or name, self.clock()))
        except sqlite3.IntegrityError as error:
            raise Conflict("E281", found=name) from error
        return Project(name, title or name)

    def find_project(self, name: str) -> Project:
        """Return a project.

        Raises:
            NotFound: ``E282``.
        """
        for project in self.projects():
            if project.name == name:
                return project
        raise NotFound("E282", found=name)

    def projects(self) -> tuple[Project, ...]:
        """Return every project by name."""
        with self.database.reading() as connection:
            rows = connection.execute("SELECT name, title FROM projects ORDER BY name").fetchall()
        return tuple(Project(name, title) for name, title in rows)

    def principal(self, name: str, via: str, credential: str = "") -> Principal | None:
        """Return what an account may do now, None where it is closed or gone."""
        try:
            user = self.find(name)
        except NotFound:
            return None
        if user.is_disabled:
            return None
        names = tuple(project.name for project in self.projects())
        return Principal(user.name, via, grants_of(user.memberships), names, credential)

    def by_subject(self, subject: str) -> str | None:
        """Return the name of the account of an OpenID Connect subject."""
        with self.database.reading() as connection:
            row = connection.execute("SELECT name FROM users WHERE oidc_subject = ?", (subject,)).fetchone()
        return None if row is None else str(row[0])

    def password_hash(self, name: str) -> str | None:
        """Return the hash of an open account's password."""
        with self.database.reading() as connection:
            row = connection.execute(
                "SELECT password FROM users WHERE name = ? AND NOT is_disabled", (name.lower(),)
            ).fetchone()
        return None if row is None else row[0]


def user_name(name: str) -> str:
    """Return a name in lower case.

    Raises:
        Refused: ``E283``, it has letters that names of accounts do not have.
    """
    lowered = name.lower()
    if not _USER_NAME.fullmatch(lowered):
        raise Refused("E283", expected=_USER_NAME.pattern)
    return lowered


def _require_administrator(connection: sqlite3.Connection, name: str) -> None:
    """Undo a change that leaves nobody to manage the accounts."""
    row = connection.execute(
        "SELECT count(*) FROM memberships JOIN users ON users.name = memberships.user "
        "WHERE project = ? AND role = ? AND NOT is_disabled",
        (EVERYWHERE, Role.ADMINISTRATOR),
    ).fetchone()
    if not row[0]:
        raise Conflict("E281", found=name)
