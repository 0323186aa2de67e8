"""The log is only ever added to, durable before it answers, and any change of it is found and placed."""

import dataclasses
import hashlib
import itertools
import json
import random
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from hounsfield.errors import AuditError
from hounsfield.service.audit.events import EVENTS, Event
from hounsfield.service.audit.keys import open_signer, verifier_of
from hounsfield.service.audit.log import CHECKPOINT_EVERY, Query, open_log
from hounsfield.service.audit.record import FIRST_PREVIOUS, Entry, Outcome, Record, parse, utc
from hounsfield.service.audit.scribe import Scribe
from hounsfield.service.audit.verify import Verdict, verify
from tests.service.stand import Clock

STUDY = "1.2.826.0.1.3680043.8.498.1"
RECORDS = 60


def entries(count: int) -> list[Entry]:
    kinds = list(Event)
    return [
        Entry(kinds[number % len(kinds)], Outcome.SUCCESS, f"user{number % 7}", "session", "10.0.0.1", "a", (STUDY,))
        for number in range(count)
    ]


@pytest.fixture
def log(tmp_path):
    made = open_log(tmp_path, Clock())
    yield made
    made.close()


def judged(folder: Path, **more: object) -> Verdict:
    return verify(folder / "audit.db", open_signer(folder / "audit.key").verifier(), **more)


# ---- records


def test_the_first_record_written_out_by_hand(log, tmp_path):
    log.append([Entry(Event.STUDY_READ, actor="ann", via="token", objects=(STUDY,), detail="x")])
    text = (
        '{"actor":"ann","address":"","detail":"x","event":"study.read","objects":["1.2.826.0.1.3680043.8.498.1"],'
        '"outcome":0,"previous":"' + "0" * 64 + '","project":"","request":"","sequence":1,'
        '"time":"2027-01-15T08:00:00.000000Z","via":"token"}'
    )
    with closing(sqlite3.connect(tmp_path / "audit.db")) as connection:
        row = connection.execute("SELECT sequence, body, hash FROM records").fetchone()
    assert row == (1, text, hashlib.sha256(text.encode()).hexdigest())


def test_each_record_names_the_hash_of_the_one_before(log):
    log.append(entries(3))
    log.append(entries(2))
    records = list(reversed(log.read(Query())))
    assert [record.sequence for record in records] == [1, 2, 3, 4, 5]
    assert records[0].previous == FIRST_PREVIOUS
    for before, after in itertools.pairwise(records):
        assert after.previous == hashlib.sha256(before.text().encode()).hexdigest()


@pytest.mark.parametrize("event", Event)
def test_every_event_is_written_and_read_back(event):
    entry = Entry(event, Outcome.FAILED, "ann", "oidc", "::1", "lung", (STUDY, "token"), "f00", "E999")
    record = Record(7, utc(0), "ab" * 32, entry)
    assert parse(record.text()) == record
    assert record.text() == json.dumps(json.loads(record.text()), sort_keys=True, separators=(",", ":"))


def test_there_are_at_least_forty_kinds_of_event_by_distinct_names():
    assert len(EVENTS) == len(Event) >= 40


@pytest.mark.parametrize("event", Event)
def test_what_changes_exports_or_deletes_is_refused_where_it_cannot_be_written(event):
    kind = event.value
    must = kind.action in "CUD" and kind.name not in {"session.end"}
    assert kind.is_fail_closed or not must
    assert kind.is_fail_closed or "export" not in kind.name


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("ann", "ann"),
        ("ann\nbob", "ann?bob"),
        ("\x1b[31mred", "?[31mred"),
        ("王小明", "???"),
        ("x" * 500, "x" * 200),
        ('"},{"', '"},{"'),
        ("\udc80", "?"),
    ],
)
def test_no_text_forges_a_line_or_steers_a_terminal(text, kept, log):
    log.append([Entry(Event.STUDY_READ, actor=text, detail=text, objects=(text,))])
    record = log.read(Query())[0]
    assert (record.entry.actor, record.entry.detail, record.entry.objects) == (kept, kept, (kept,))


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "{", '{"event":"study.read"}', '{"event":"x"}', "[" * 100_000]
)
def test_what_is_no_record_is_not_read_as_one(text):
    with pytest.raises(ValueError):  # noqa: PT011
        parse(text)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        (Query(), [6, 5, 4, 3, 2, 1]),
        (Query(limit=2), [6, 5]),
        (Query(before=3), [2, 1]),
        (Query(actor="ann"), [5, 3, 1]),
        (Query(event="study.read"), [3, 2, 1]),
        (Query(event="study.read", actor="ann", before=3), [1]),
        (Query(event="none"), []),
        (Query(actor="' OR 1=1 --"), []),
    ],
)
def test_records_are_read_by_kind_actor_and_place(query, numbers, log):
    for number in range(6):
        event = Event.STUDY_READ if number < 3 else Event.SIGN_IN
        log.append([Entry(event, actor="bob" if number % 2 else "ann")])
    assert [record.sequence for record in log.read(query)] == numbers


# ---- the file


def test_the_files_are_for_their_owner_alone(log, tmp_path):
    for name in ("audit.db", "audit.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_every_commit_is_on_the_disk(log):
    assert log._connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert log._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_two_writers_make_one_chain(tmp_path):
    logs = [open_log(tmp_path, Clock()) for _ in range(3)]

    def write(number: int) -> None:
        for _ in range(10):
            logs[number].append(entries(2))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for log in logs:
        log.close()
    assert judged(tmp_path) == Verdict(60, judged(tmp_path).last_hash, ())


def test_a_log_is_reopened_where_it_stopped(tmp_path):
    for _ in range(3):
        log = open_log(tmp_path, Clock())
        log.append(entries(2))
        log.close()
    assert judged(tmp_path).records == 6
    assert judged(tmp_path).faults == ()


def test_order_is_kept_by_number_when_the_clock_goes_back(tmp_path):
    clock = Clock()
    log = open_log(tmp_path, clock)
    log.append(entries(1))
    clock.now -= 86400
    log.append(entries(1))
    records = log.read(Query())
    log.close()
    assert [record.sequence for record in records] == [2, 1]
    assert records[0].time < records[1].time
    assert judged(tmp_path).faults == ()


def test_a_failed_write_leaves_nothing(log, tmp_path):
    log.append(entries(2))
    broken = [*entries(2), dataclasses.replace(entries(1)[0], event=None)]
    with pytest.raises(AttributeError):
        log.append(broken)
    log.append(entries(1))
    assert judged(tmp_path) == Verdict(3, log.read(Query(limit=1))[0].hash(), ())


@pytest.mark.parametrize("content", ["", "x", "00", "zz" * 32, "00" * 31])
def test_a_key_file_that_is_no_key_is_named(content, tmp_path):
    (tmp_path / "audit.key").write_text(content, encoding="ascii")
    with pytest.raises(AuditError, match="E279"):
        open_log(tmp_path)


def test_a_disk_that_is_full_is_named_and_loses_nothing(log, tmp_path):
    log.append(entries(5))
    pages = log._connection.execute("PRAGMA page_count").fetchone()[0]
    log._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(AuditError, match="E279"):
        [log.append(entries(50)) for _ in range(100)]
    log._connection.execute("PRAGMA max_page_count = 100000")
    count = log.append(entries(1))
    assert judged(tmp_path).records == count
    assert judged(tmp_path).faults == ()


# ---- tampering


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A whole log, closed, with a checkpoint in its middle."""
    folder = tmp_path_factory.mktemp("audit")
    log = open_log(folder, Clock())
    log.append(entries(RECORDS // 2))
    log.checkpoint()
    log.append(entries(RECORDS // 2))
    log.close()
    assert judged(folder).faults == ()
    return folder


Act = Callable[[sqlite3.Connection, random.Random], int]


def edit(connection: sqlite3.Connection, chance: random.Random) -> int:
    """Change one letter of one record."""
    at = chance.randint(1, RECORDS)
    body = connection.execute("SELECT body FROM records WHERE sequence = ?", (at,)).fetchone()[0]
    place = chance.choice([index for index, letter in enumerate(body) if letter.isalnum()])
    letter = chance.choice([other for other in "0123456789abcdef" if other != body[place]])
    changed = body[:place] + letter + body[place + 1 :]
    try:
        connection.execute("UPDATE records SET body = ? WHERE sequence = ?", (changed, at))
    except sqlite3.OperationalError:
        return edit(connection, chance)
    return at


def edit_with_hash(connection: sqlite3.Connection, chance: random.Random) -> int:
    """Change who acted, and the record's own hash with it."""
    at = chance.randint(1, RECORDS)
    record = parse(connection.execute("SELECT body FROM records WHERE sequence = ?", (at,)).fetchone()[0])
    forged = dataclasses.replace(record, entry=dataclasses.replace(record.entry, actor="somebody-else"))
    connection.execute("UPDATE records SET body = ?, hash = ? WHERE sequence = ?", (forged.text(), forged.hash(), at))
    return min(at + 1, RECORDS)


def rewrite(connection: sqlite3.Connection, chance: random.Random) -> int:
    """Change a record and every hash after it: only what is signed can show that."""
    at = chance.randint(1, RECORDS)
    rows = connection.execute("SELECT sequence, body FROM records WHERE sequence >= ?", (at,)).fetchall()
    previous = None
    for sequence, body in rows:
        record = parse(body)
        entry = record.entry if previous else dataclasses.replace(record.entry, actor="somebody-else")
        forged = dataclasses.replace(record, entry=entry, previous=previous or record.previous)
        previous = forged.hash()
        connection.execute(
            "UPDATE records SET body = ?, hash = ? WHERE sequence = ?", (forged.text(), previous, sequence)
        )
    return RECORDS // 2 if at <= RECORDS // 2 else RECORDS


def delete(connection: sqlite3.Connection, chance: random.Random) -> int:
    at = chance.randint(1, RECORDS - 1)
    connection.execute("DELETE FROM records WHERE sequence = ?", (at,))
    return at


def delete_and_close_up(connection: sqlite3.Connection, chance: random.Random) -> int:
    """Delete a record and number those after it anew."""
    at = chance.randint(1, RECORDS - 1)
    connection.execute("DELETE FROM records WHERE sequence = ?", (at,))
    for number in range(at + 1, RECORDS + 1):
        connection.execute("UPDATE records SET sequence = ? WHERE sequence = ?", (number - 1, number))
    return at


def swap(connection: sqlite3.Connection, chance: random.Random) -> int:
    first, second = sorted(chance.sample(range(1, RECORDS + 1), 2))
    for old, new in ((first, -1), (second, first), (-1, second)):
        connection.execute("UPDATE records SET sequence = ? WHERE sequence = ?", (new, old))
    return first


def truncate(connection: sqlite3.Connection, chance: random.Random) -> int:
    at = chance.randint(1, RECORDS)
    connection.execute("DELETE FROM records WHERE sequence >= ?", (at,))
    return at


def truncate_with_head(connection: sqlite3.Connection, chance: random.Random) -> int:
    """Cut off the end and the head that would tell."""
    truncate(connection, chance)
    connection.execute("DELETE FROM head")
    return 0


def forge_head(connection: sqlite3.Connection, chance: random.Random) -> int:
    """Cut off the end and write a head for what is left, signed by somebody."""
    at = truncate(connection, chance)
    row = connection.execute("SELECT sequence, hash FROM records ORDER BY sequence DESC LIMIT 1").fetchone()
    sequence, last = row or (0, FIRST_PREVIOUS)
    statement = json.dumps({"sequence": sequence, "hash": last, "time": utc(0)}, sort_keys=True)
    connection.execute("UPDATE head SET statement = ?, signature = ?", (statement, "ab" * 64))
    return min(at, 0)


def append(connection: sqlite3.Connection, chance: random.Random) -> int:
    """Add a good record behind the head."""
    last = parse(connection.execute("SELECT body FROM records ORDER BY sequence DESC LIMIT 1").fetchone()[0])
    forged = Record(RECORDS + 1, utc(chance.random()), last.hash(), last.entry)
    connection.execute(
        "INSERT INTO records (sequence, body, hash) VALUES (?, ?, ?)", (forged.sequence, forged.text(), forged.hash())
    )
    return RECORDS + 1


def spoil_checkpoint(connection: sqlite3.Connection, chance: random.Random) -> int:
    connection.execute("UPDATE checkpoints SET signature = ?", (chance.randbytes(64).hex(),))
    return RECORDS // 2


ACTS: tuple[Act, ...] = (
    edit,
    edit_with_hash,
    rewrite,
    delete,
    delete_and_close_up,
    swap,
    truncate,
    truncate_with_head,
    forge_head,
    append,
    spoil_checkpoint,
)


def test_a_thousand_tamperings_are_all_found_and_placed(written, tmp_path):
    """Each is done to the same log inside a transaction that is undone; the check reads through the same connection."""
    from hounsfield.service.audit import verify as module

    shutil.copy(written / "audit.db", tmp_path / "audit.db")
    verifier = open_signer(written / "audit.key").verifier()
    chance = random.Random(20261128)
    missed = []
    with closing(sqlite3.connect(tmp_path / "audit.db", isolation_level=None)) as connection:
        for number in range(1000):
            act = ACTS[number % len(ACTS)]
            connection.execute("BEGIN")
            place = act(connection, chance)
            faults = module._Check(connection, verifier, {}, lambda done, total: None).run().faults
            connection.execute("ROLLBACK")
            if not any(fault.sequence == place for fault in faults):
                missed.append((act.__name__, place, faults[:3]))
        clean = module._Check(connection, verifier, {}, lambda done, total: None).run()
    assert missed == []
    assert clean.faults == ()


@pytest.mark.parametrize("act", ACTS)
def test_a_tampered_file_is_found_through_the_door(act, written, tmp_path):
    for name in ("audit.db", "audit.key"):
        shutil.copy(written / name, tmp_path / name)
    with closing(sqlite3.connect(tmp_path / "audit.db")) as connection:
        place = act(connection, random.Random(7))
        connection.commit()
    assert place in {fault.sequence for fault in judged(tmp_path).faults}


def test_a_log_replaced_as_a_whole_shows_by_an_anchor_kept_elsewhere(written, tmp_path):
    kept = {RECORDS: judged(written).last_hash}
    other = open_log(tmp_path, Clock(1.0))
    other.append(entries(RECORDS + 5))
    other.close()
    assert judged(tmp_path).faults == ()
    assert [fault.kind for fault in judged(tmp_path, anchors=kept).faults] == ["resigned"]
    assert judged(written, anchors=kept).faults == ()
    assert [fault.kind for fault in judged(written, anchors={RECORDS + 9: "ab" * 32}).faults] == ["cut"]


def test_an_older_copy_put_back_shows_by_an_anchor(tmp_path):
    log = open_log(tmp_path, Clock())
    log.append(entries(5))
    log.checkpoint()
    with closing(sqlite3.connect(tmp_path / "old.db")) as copy:
        log._connection.backup(copy)
    log.append(entries(5))
    kept = {10: log.read(Query(limit=1))[0].hash()}
    verifier = log.signer.verifier()
    assert verify(tmp_path / "old.db", verifier).faults == ()
    assert [(fault.sequence, fault.kind) for fault in verify(tmp_path / "old.db", verifier, kept).faults] == [
        (6, "cut")
    ]
    log.close()


def test_another_key_is_not_ours(written, tmp_path):
    stranger = open_signer(tmp_path / "other.key").verifier()
    assert "unsigned" in {fault.kind for fault in verify(written / "audit.db", stranger).faults}
    ours = verifier_of(open_signer(written / "audit.key").verifier().text())
    assert verify(written / "audit.db", ours).faults == ()
    with pytest.raises(AuditError, match="E279"):
        verifier_of("ab")


@pytest.mark.parametrize("content", [b"", b"nothing" * 500])
def test_a_file_that_is_no_log_is_unreadable(content, written, tmp_path):
    (tmp_path / "audit.db").write_bytes(content)
    verdict = verify(tmp_path / "audit.db", open_signer(written / "audit.key").verifier())
    assert [fault.kind for fault in verdict.faults] == ["unreadable"]
    with pytest.raises(AuditError, match="E279"):
        verify(tmp_path / "none.db", open_signer(written / "audit.key").verifier())


def test_an_empty_log_has_a_signed_head_and_nothing_else(log, tmp_path):
    assert judged(tmp_path) == Verdict(0, FIRST_PREVIOUS, ())
    assert log.checkpoint().sequence == 0
    assert log.read(Query()) == []


def test_checkpoints_come_by_themselves(log, tmp_path):
    log.append(entries(CHECKPOINT_EVERY - 1))
    log.append(entries(3))
    with closing(sqlite3.connect(tmp_path / "audit.db")) as connection:
        assert connection.execute("SELECT sequence FROM checkpoints").fetchall() == [(CHECKPOINT_EVERY + 2,)]
    assert judged(tmp_path).faults == ()


# ---- the thread that writes


def test_what_was_written_is_there_when_the_writer_hears_of_it(tmp_path):
    scribe = Scribe(open_log(tmp_path, Clock()))
    for number in range(5):
        scribe.write(Entry(Event.STUDY_READ, actor=f"user{number}"))
        assert judged(tmp_path).records == number + 1
    futures = [scribe.submit(entry) for entry in entries(200)]
    for future in futures:
        future.result()
    scribe.close()
    assert judged(tmp_path).records == 205
    with pytest.raises(AuditError, match="E279"):
        scribe.write(entries(1)[0])


def test_a_write_that_fails_is_told_to_each_and_the_next_goes_on(tmp_path, monkeypatch):
    scribe = Scribe(open_log(tmp_path, Clock()))
    whole = scribe.log.append
    for fault in (AuditError("E279", found="full"), RuntimeError("x")):
        monkeypatch.setattr(scribe.log, "append", lambda _, fault=fault: (_ for _ in ()).throw(fault))
        with pytest.raises(AuditError, match="E279"):
            scribe.write(entries(1)[0])
    scribe.keep_for_later(Entry(Event.STUDY_READ, actor="late"))
    assert scribe.waiting == 1
    monkeypatch.setattr(scribe.log, "append", whole)
    scribe.write(Entry(Event.STUDY_READ, actor="next"))
    assert scribe.waiting == 0
    assert [record.entry.actor for record in scribe.log.read(Query())] == ["next", "late"]
    scribe.close()


def test_what_waits_has_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr("hounsfield.service.audit.scribe._LONGEST_BACKLOG", 2)
    scribe = Scribe(open_log(tmp_path, Clock()))
    for entry in entries(2):
        scribe.keep_for_later(entry)
    with pytest.raises(AuditError, match="E279"):
        scribe.keep_for_later(entries(1)[0])
    scribe.close()
    assert judged(tmp_path).records == 2
