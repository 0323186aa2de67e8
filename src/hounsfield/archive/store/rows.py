"""Arrivals to rows: one transaction that says of each object what became of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Table, func, insert, select, update
from sqlalchemy.engine import Connection

from hounsfield.archive.query import tables
from hounsfield.archive.store.examine import Arrival, Value
from hounsfield.archive.store.intents import Intent
from hounsfield.archive.store.receipt import Outcome, Receipt
from hounsfield.errors import Refused

CONFLICT_CODE = "E164"
HELD_STATE, RELEASED_STATE, DISCARDED_STATE = "held", "released", "discarded"


@dataclass(frozen=True)
class Pending:
    """An object whose bytes are durable, and for whom."""

    arrival: Arrival
    intent: Intent


class Rows:
    """Writes rows within one transaction; made anew for each, so that nothing outlives one that was undone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._studies: dict[tuple[str, str], tuple[int, str]] = {}
        self._series: dict[tuple[int, str], int] = {}
        self._fresh: dict[tuple[str, str], str] = {}
        self._instances: list[dict[str, object]] = []
        self._documents: list[dict[str, object]] = []
        self._now = datetime.now(UTC).isoformat(timespec="seconds")
        last = connection.execute(select(func.max(tables.instances.c.id))).scalar()
        self._next_id = (last or 0) + 1

    def add_all(self, pending: Sequence[Pending]) -> list[Receipt]:
        """Add rows for objects, in their order."""
        receipts = [self._add(each) for each in pending]
        if self._instances:
            self._connection.execute(insert(tables.instances), self._instances)
            self._connection.execute(insert(tables.documents), self._documents)
        return receipts

    def _add(self, pending: Pending) -> Receipt:
        arrival, intent = pending.arrival, pending.intent
        if arrival.fault is not None:
            self.quarantine(pending, arrival.fault.code, arrival.fault.facts)
            return _receipt(arrival, Outcome.QUARANTINED, arrival.fault.code)
        key = (intent.project, arrival.uids[1])
        known = self._fresh.get(key) or self._digest_of(*key)
        if known is None:
            try:
                self._insert(pending)
            except Refused as error:
                self.quarantine(pending, error.code, error.facts)
                return _receipt(arrival, Outcome.QUARANTINED, error.code)
            self._fresh[key] = arrival.incoming.sha256
            return _receipt(arrival, Outcome.STORED)
        if known == arrival.incoming.sha256:
            return _receipt(arrival, Outcome.HELD)
        facts = {"kept": known[:12], "found": arrival.incoming.sha256[:12]}
        self.quarantine(pending, CONFLICT_CODE, facts)
        return _receipt(arrival, Outcome.CONFLICT, CONFLICT_CODE)

    def _digest_of(self, project: str, sop_instance_uid: str) -> str | None:
        table = tables.instances
        asked = select(table.c.sha256).where(table.c.project == project, table.c.sop_instance_uid == sop_instance_uid)
        return self._connection.execute(asked).scalar()

    def _insert(self, pending: Pending) -> None:
        arrival, intent = pending.arrival, pending.intent
        project = intent.project
        key = (project, arrival.uids[3])
        study, patient_id = self._studies.get(key) or self._study(project, arrival)
        self._studies[key] = study, patient_id
        if _differ(patient_id, str(arrival.study["patient_id"] or "")):
            raise Refused("E188", uid=arrival.uids[3])
        inner = (study, arrival.uids[2])
        series = self._series.get(inner) or self._serie(study, project, arrival)
        self._series[inner] = series
        self._instances.append(
            {
                "id": self._next_id,
                "series_key": series,
                "project": project,
                **arrival.instance,
                "sha256": arrival.incoming.sha256,
                "size_bytes": arrival.incoming.size_bytes,
                "source": intent.source,
                "received_at": self._now,
            }
        )
        self._documents.append({"instance_key": self._next_id, "packed_json": arrival.packed_json})
        self._next_id += 1

    def _study(self, project: str, arrival: Arrival) -> tuple[int, str]:
        """Return key and patient of a study, made where it is not there as its first instance describes it."""
        table = tables.studies
        uid = arrival.uids[3]
        asked = select(table.c.id, table.c.patient_id).where(
            table.c.project == project, table.c.study_instance_uid == uid
        )
        found = self._connection.execute(asked).first()
        if found is not None:
            return found[0], found[1] or ""
        return self._make(table, {"project": project, **arrival.study}), str(arrival.study["patient_id"] or "")

    def _serie(self, study: int, project: str, arrival: Arrival) -> int:
        table = tables.series
        uid = arrival.uids[2]
        asked = select(table.c.id).where(table.c.study_key == study, table.c.series_instance_uid == uid)
        found = self._connection.execute(asked).scalar()
        return found or self._make(table, {"study_key": study, "project": project, **arrival.series})

    def _make(self, table: Table, values: Mapping[str, Value]) -> int:
        made = self._connection.execute(insert(table).values(**values)).inserted_primary_key
        return int(made[0]) if made else 0

    def quarantine(self, pending: Pending, code: str, facts: Mapping[str, object]) -> None:
        """Add an entry to the quarantine; the same bytes for the same reason stand there once."""
        table, arrival, intent = tables.quarantine, pending.arrival, pending.intent
        asked = select(table.c.id).where(
            table.c.sha256 == arrival.incoming.sha256,
            table.c.project == intent.project,
            table.c.code == code,
            table.c.state == HELD_STATE,
        )
        if self._connection.execute(asked).scalar() is not None:
            return
        self._connection.execute(
            insert(table).values(
                project=intent.project,
                sha256=arrival.incoming.sha256,
                size_bytes=arrival.incoming.size_bytes,
                code=code,
                facts=json.dumps(dict(facts), default=str),
                sop_instance_uid=arrival.uids[1],
                source=intent.source,
                received_at=self._now,
                state=HELD_STATE,
            )
        )

    def needs(self, sha256: str) -> bool:
        """Tell whether a row needs the bytes of a digest."""
        table, held = tables.instances, tables.quarantine
        of_instance = select(table.c.id).where(table.c.sha256 == sha256).limit(1)
        of_entry = select(held.c.id).where(held.c.sha256 == sha256, held.c.state == HELD_STATE).limit(1)
        return any(self._connection.execute(asked).scalar() is not None for asked in (of_instance, of_entry))

    def settle(self, entry: int, state: str) -> None:
        """Say what became of an entry of the quarantine."""
        table = tables.quarantine
        self._connection.execute(update(table).where(table.c.id == entry).values(state=state))


def _differ(one: str, other: str) -> bool:
    """Tell two patients apart; an identifier that is missing contradicts none."""
    return bool(one and other and one != other)


def _receipt(arrival: Arrival, outcome: Outcome, code: str = "") -> Receipt:
    sop_class, instance, series, study = arrival.uids
    incoming = arrival.incoming
    uids = (sop_class, instance, series, study)
    return Receipt(outcome, incoming.sha256, incoming.size_bytes, *uids, code, arrival.remarks)
