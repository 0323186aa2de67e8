"""A service on a test stand: cheap passwords, a clock that is set by hand, two projects with people in each."""

import atexit
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI
from starlette.testclient import TestClient

from hounsfield.service.access.gate import Gate, Issuer, open_gate
from hounsfield.service.access.passwords import Passwords
from hounsfield.service.access.roles import EVERYWHERE, Role
from hounsfield.service.app import build, inner_app
from hounsfield.service.audit.log import AuditLog, Query, open_log
from hounsfield.service.audit.record import Record
from hounsfield.service.audit.recorder import Recorder
from hounsfield.service.audit.scribe import Scribe
from hounsfield.service.desk import Desk, Doors
from hounsfield.service.edge import Edge
from hounsfield.service.routes import route_table

HOST = "testserver"
PASSWORD = "correct horse battery"
OWN_PAGE = {"origin": f"http://{HOST}"}
CHEAP = Passwords(memory_kib=64, rounds=1)


@cache
def event_loop() -> BlockingPortal:
    """Return one event loop for all clients: one for each request would be most of the time of these tests."""
    opened = ExitStack()
    atexit.register(opened.close)
    return opened.enter_context(start_blocking_portal())


class Clock:
    """Seconds since 1970 that pass when told to."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass
class Stand:
    """The service, its parts, and who is there."""

    folder: Path
    clock: Clock
    gate: Gate
    log: AuditLog
    desk: Desk
    app: object
    tokens: dict[str, str] = field(default_factory=dict)

    def client(self, **headers: str) -> TestClient:
        made = TestClient(self.app, headers=headers, raise_server_exceptions=False)
        made.portal = event_loop()
        return made

    def bearer(self, user: str) -> dict[str, str]:
        """Return the header by which an account shows a token that may do all it may."""
        if user not in self.tokens:
            self.tokens[user] = self.gate.tokens.create(user, "test", 30)[1]
        return {"authorization": f"Bearer {self.tokens[user]}"}

    def signed_in(self, user: str, password: str = PASSWORD) -> TestClient:
        """Return a browser in which somebody has signed in."""
        browser = self.client(**OWN_PAGE)
        reply = browser.post("/api/v1/session", json={"user": user, "password": password})
        assert reply.status_code == 200, reply.text
        return browser

    def last(self, count: int = 1) -> list[Record]:
        return self.log.read(Query(limit=count))


def stand_in(folder: Path, issuer: Issuer | None = None, **parts: object) -> Stand:
    """Return a stand whose people are ``ROLE@a`` and ``ROLE@b`` for each role, and ``chief`` with all of them."""
    clock = Clock()
    gate = open_gate(folder, CHEAP, issuer, clock)
    log = open_log(folder, clock)
    people(gate)
    parts.setdefault("store", None)
    doors = parts.pop("doors", Doors(hosts=frozenset({HOST})))
    routes = parts.pop("routes", None)
    desk = Desk(gate, Recorder(Scribe(log)), doors, **parts)
    app = Edge(_table(), desk) if routes is None else build(desk, routes)
    return Stand(folder, clock, gate, log, desk, app)


@cache
def _table() -> FastAPI:
    """Return the routes of the service, which know no desk until a request comes: making them takes most of a stand."""
    return inner_app(None, route_table())


def people(gate: Gate) -> None:
    """Write everybody in one transaction: fifty of them take a second on a busy disk."""
    hashed = gate.users.passwords.hash(PASSWORD)
    by_role = [(f"{role}@{project}", project, role) for role in Role for project in ("a", "b")]
    with gate.database.changing() as connection:
        connection.executemany("INSERT INTO projects VALUES (?, ?, 0)", [("a", "A"), ("b", "B")])
        connection.executemany(
            "INSERT INTO users (name, password, created) VALUES (?, ?, 0)",
            [(name, hashed) for name in ("chief", "nobody", *(row[0] for row in by_role))],
        )
        everywhere = [("chief", EVERYWHERE, role) for role in Role]
        connection.executemany("INSERT INTO memberships VALUES (?, ?, ?)", by_role + everywhere)
