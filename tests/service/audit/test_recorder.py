"""What the recorder makes of an act: the entry, its outcome by the status, and what happens when the log fails."""

import asyncio
from dataclasses import dataclass, field

import pytest

from hounsfield.errors import AuditError
from hounsfield.service.access.principal import Principal
from hounsfield.service.audit.events import Event
from hounsfield.service.audit.log import Query, open_log
from hounsfield.service.audit.record import Entry, Outcome
from hounsfield.service.audit.recorder import Recorder, entry_of, refusal_of
from hounsfield.service.audit.scribe import Scribe
from tests.service.stand import Clock

ANN = Principal("ann", "token", frozenset(), ("a", "b"), "t1")


@dataclass
class Act:
    """An act as a route or an association would describe it."""

    principal: Principal | None = ANN
    projects: tuple[str, ...] = ("a",)
    address: str = "10.0.0.1"
    request_id: str = "r1"
    objects: list[str] = field(default_factory=lambda: ["1.2.3"])
    detail: str = ""
    event: Event | None = Event.STUDY_READ


@pytest.fixture
def recorder(tmp_path):
    made = Recorder(Scribe(open_log(tmp_path, Clock())))
    yield made
    made.close()


def written(recorder: Recorder) -> list[Entry]:
    return [record.entry for record in reversed(recorder.scribe.log.read(Query()))]


def test_the_entry_names_who_what_where():
    assert entry_of(Act(), Outcome.SUCCESS) == Entry(
        Event.STUDY_READ, Outcome.SUCCESS, "ann", "token", "10.0.0.1", "a", ("1.2.3",), "r1", ""
    )


@pytest.mark.parametrize(
    ("act", "changes"),
    [
        (Act(principal=None), {"actor": "-", "via": "-"}),
        (Act(projects=()), {"project": ""}),
        (Act(projects=("a", "b")), {"project": ""}),
        (Act(objects=[f"1.2.{number}" for number in range(80)]), {"objects": tuple(f"1.2.{n}" for n in range(50))}),
        (Act(event=None), {"event": Event.ACCESS_REFUSED}),
        (Act(detail="E270"), {"detail": "E270"}),
    ],
)
def test_what_is_not_known_is_not_made_up(act, changes):
    made = entry_of(act, Outcome.SUCCESS)
    assert {name: getattr(made, name) for name in changes} == changes


@pytest.mark.parametrize(
    ("act", "detail", "actor"),
    [
        (Act(detail="E271"), "study.read E271", "ann"),
        (Act(detail="E270", principal=None), "study.read E270", "-"),
        (Act(event=None), "-", "ann"),
    ],
)
def test_a_refusal_says_what_was_tried_and_no_project(act, detail, actor):
    made = refusal_of(act)
    assert (made.event, made.outcome, made.detail, made.actor) == (
        Event.ACCESS_REFUSED,
        Outcome.REFUSED,
        detail,
        actor,
    )
    assert made.project == ""


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.SUCCESS),
        (204, Outcome.SUCCESS),
        (304, Outcome.SUCCESS),
        (400, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (429, Outcome.REFUSED),
        (500, Outcome.FAILED),
        (507, Outcome.FAILED),
    ],
)
def test_the_outcome_follows_the_status(status, outcome, recorder):
    asyncio.run(recorder.done(Act(), status, True))
    assert [entry.outcome for entry in written(recorder)] == [outcome]


def test_an_act_is_written_when_it_begins_and_when_it_is_done(recorder):
    act = Act(event=Event.STUDY_DELETE)

    async def whole() -> None:
        await recorder.begun(act)
        assert [entry.outcome for entry in written(recorder)] == [Outcome.BEGUN]
        await recorder.done(act, 200, True)

    asyncio.run(whole())
    assert [entry.outcome for entry in written(recorder)] == [Outcome.BEGUN, Outcome.SUCCESS]


def test_many_at_once_are_all_written_in_few_transactions(recorder, monkeypatch):
    batches, whole = [], recorder.scribe.log.append
    monkeypatch.setattr(recorder.scribe.log, "append", lambda entries: batches.append(len(entries)) or whole(entries))

    async def all_at_once() -> None:
        await asyncio.gather(*(recorder.done(Act(detail=str(number)), 200, True) for number in range(300)))

    asyncio.run(all_at_once())
    assert sum(batches) == 300
    assert len(batches) < 150
    assert sorted(int(entry.detail) for entry in written_all(recorder)) == list(range(300))


def written_all(recorder: Recorder) -> list[Entry]:
    return [record.entry for record in recorder.scribe.log.read(Query(limit=1000))]


def broken(_: object) -> int:
    raise AuditError("E279", found="full")


@pytest.mark.parametrize("event", Event)
def test_while_the_log_fails_only_reading_goes_on(event, recorder, monkeypatch):
    whole = recorder.scribe.log.append
    monkeypatch.setattr(recorder.scribe.log, "append", broken)
    with pytest.raises(AuditError, match="E279"):
        asyncio.run(recorder.begun(Act(event=event)))
    if event.value.is_fail_closed:
        with pytest.raises(AuditError, match="E279"):
            asyncio.run(recorder.done(Act(event=event), 200, True))
    else:
        asyncio.run(recorder.done(Act(event=event), 200, True))
    assert recorder.scribe.waiting == (0 if event.value.is_fail_closed else 1)
    monkeypatch.setattr(recorder.scribe.log, "append", whole)


def test_what_waited_is_written_at_the_end_if_not_before(tmp_path, monkeypatch):
    made = Recorder(Scribe(open_log(tmp_path, Clock())))
    whole = made.scribe.log.append
    monkeypatch.setattr(made.scribe.log, "append", broken)
    asyncio.run(made.done(Act(detail="late"), 200, True))
    monkeypatch.setattr(made.scribe.log, "append", whole)
    made.close()
    again = open_log(tmp_path, Clock())
    assert [record.entry.detail for record in again.read(Query())] == ["late"]
    again.close()


def test_a_strict_recorder_refuses_reading_too(tmp_path, monkeypatch):
    strict = Recorder(Scribe(open_log(tmp_path, Clock())), is_strict=True)
    monkeypatch.setattr(strict.scribe.log, "append", broken)
    with pytest.raises(AuditError, match="E279"):
        asyncio.run(strict.done(Act(), 200, True))
    assert strict.scribe.waiting == 0
    strict.close()
