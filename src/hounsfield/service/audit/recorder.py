"""What a door writes down of a request: before the act where it must be, before the reply always."""

import asyncio
from typing import Protocol

from hounsfield.errors import AuditError
from hounsfield.service.access.principal import Principal
from hounsfield.service.audit.events import Event
from hounsfield.service.audit.record import Entry, Outcome
from hounsfield.service.audit.scribe import Scribe

_REFUSED_FROM = 400
_FAILED_FROM = 500


class Act(Protocol):
    """What a recorder needs to know of an act; a request's context is one."""

    @property
    def principal(self) -> Principal | None:
        """Who acts."""

    @property
    def projects(self) -> tuple[str, ...]:
        """The projects touched."""

    @property
    def address(self) -> str:
        """Where from."""

    @property
    def request_id(self) -> str:
        """Identifier of the request."""

    @property
    def objects(self) -> list[str]:
        """What was concerned."""

    @property
    def detail(self) -> str:
        """A machine word."""

    @property
    def event(self) -> Event | None:
        """The kind of event."""


class Recorder:
    """Writes the acts of one process.

    Args:
        scribe: writes to the log.
        is_strict: reading is refused too where it cannot be written down; else it is written once the log works again.
    """

    def __init__(self, scribe: Scribe, is_strict: bool = False) -> None:
        self.scribe = scribe
        self._is_strict = is_strict

    async def begun(self, act: Act) -> None:
        """Write that an act begins.

        Raises:
            AuditError: ``E279``; the act must not happen.
        """
        await asyncio.wrap_future(self.scribe.submit(entry_of(act, Outcome.BEGUN)))

    async def done(self, act: Act, status: int, is_admitted: bool) -> None:
        """Write what came of an act; an act that was not admitted is written as such.

        Raises:
            AuditError: ``E279``; the reply must not leave.
        """
        outcome = (
            Outcome.SUCCESS if status < _REFUSED_FROM else Outcome.REFUSED if status < _FAILED_FROM else Outcome.FAILED
        )
        entry = entry_of(act, outcome) if is_admitted else refusal_of(act)
        try:
            await asyncio.wrap_future(self.scribe.submit(entry))
        except AuditError:
            if self._is_strict or (act.event is not None and act.event.value.is_fail_closed):
                raise
            self.scribe.keep_for_later(entry)

    def close(self) -> None:
        """Write what is waiting, and close."""
        self.scribe.close()


def entry_of(act: Act, outcome: Outcome) -> Entry:
    """Return the entry of an act."""
    principal, project = act.principal, act.projects[0] if len(act.projects) == 1 else ""
    return Entry(
        act.event or Event.ACCESS_REFUSED,
        outcome,
        principal.user if principal else "-",
        principal.via if principal else "-",
        act.address,
        project,
        tuple(act.objects[:50]),
        act.request_id,
        act.detail,
    )


def refusal_of(act: Act) -> Entry:
    """Return the entry of an act that no policy admitted: what was tried stands in the detail."""
    tried = act.event.value.name if act.event else "-"
    principal = act.principal
    return Entry(
        Event.ACCESS_REFUSED,
        Outcome.REFUSED,
        principal.user if principal else "-",
        principal.via if principal else "-",
        act.address,
        "",
        tuple(act.objects[:50]),
        act.request_id,
        f"{tried} {act.detail}".strip(),
    )
