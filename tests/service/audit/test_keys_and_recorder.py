"""Keys against RFC 8032, canonical text against hand-made JSON, and a recorder before a log that fails."""

import dataclasses
import hashlib
import json
import random
import sqlite3
import stat
import threading
from concurrent.futures import Future
from contextlib import closing
from types import SimpleNamespace

import anyio
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hounsfield.errors import AuditError
from hounsfield.service.access.principal import Principal
from hounsfield.service.audit.events import EVENTS, Event
from hounsfield.service.audit.keys import Signer, open_signer, verifier_of
from hounsfield.service.audit.log import AuditLog, Query, Statement, open_log
from hounsfield.service.audit.record import FIRST_PREVIOUS, Entry, Outcome, Record, canonical, digest, parse, utc
from hounsfield.service.audit.recorder import Recorder, entry_of, refusal_of
from hounsfield.service.audit.scribe import Scribe
from hounsfield.service.audit.verify import MOST_FAULTS, Fault, verify
from tests.service.stand import Clock

# RFC 8032 section 7.1: secret key, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        b"",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
            "655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        b"\x72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
            "b00d291612bb0c00"
        ),
    ),
]


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC_8032)
def test_signatures_are_those_of_the_standard(secret, public, message, signature, tmp_path):
    (tmp_path / "key").write_text(secret, encoding="ascii")
    signer = open_signer(tmp_path / "key")
    assert signer.verifier().text() == public
    assert signer.sign(message.decode("ascii")) == signature
    assert verifier_of(public).accepts(message.decode("ascii"), signature)


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer(Ed25519PrivateKey.generate())


@pytest.mark.parametrize(
    "signature",
    ["", "00", "zz" * 64, "00" * 64, "ff" * 64, "00" * 63, "00" * 65, "é" * 128, "0" * 127],
)
def test_a_signature_that_is_none_is_not_accepted_and_raises_nothing(signer, signature):
    assert signer.verifier().accepts("text", signature) is False


def test_one_bit_of_text_signature_or_key_makes_it_another(signer):
    text = '{"a":1}'
    signature = bytearray.fromhex(signer.sign(text))
    verifier = signer.verifier()
    assert verifier.accepts(text, signature.hex())
    for place in range(0, 512, 37):
        changed = bytearray(signature)
        changed[place // 8] ^= 1 << place % 8
        assert not verifier.accepts(text, changed.hex()), place
    assert not verifier.accepts('{"a":2}', signature.hex())
    assert not Signer(Ed25519PrivateKey.generate()).verifier().accepts(text, signature.hex())


def test_a_key_is_made_once_private_and_read_again(tmp_path):
    path = tmp_path / "key"
    first = open_signer(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text(encoding="ascii")) == 64
    assert open_signer(path).verifier().text() == first.verifier().text()
    assert open_signer(tmp_path / "other").verifier().text() != first.verifier().text()


def test_a_key_that_cannot_be_made_is_told(tmp_path):
    with pytest.raises(AuditError, match="E279") as caught:
        open_signer(tmp_path / "none" / "key")
    assert caught.value.facts["found"] == "FileNotFoundError"


@pytest.mark.parametrize("public", ["", "ab", "zz" * 32, "00" * 33, "é" * 64])
def test_a_public_key_that_is_none_is_told(public):
    with pytest.raises(AuditError, match="E279"):
        verifier_of(public)


# ---- text


def test_a_statement_written_out_by_hand():
    text = Statement(7, "ab" * 32, "2026-11-28T08:00:00.000000Z").text()
    assert text == '{"hash":"' + "ab" * 32 + '","sequence":7,"time":"2026-11-28T08:00:00.000000Z"}'


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000000Z"),
        (1_000_000_000.0, "2001-09-09T01:46:40.000000Z"),
        (951_782_400.0, "2000-02-29T00:00:00.000000Z"),
        (1.5, "1970-01-01T00:00:01.500000Z"),
        (4_102_444_799.0, "2099-12-31T23:59:59.000000Z"),
    ],
)
def test_times_are_utc_with_microseconds(seconds, text):
    assert utc(seconds) == text


def test_canonical_text_does_not_depend_on_the_order_and_holds_no_other_number():
    assert canonical({"b": 1, "a": [True, None, "é"]}) == '{"a":[true,null,"\\u00e9"],"b":1}'
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            canonical({"a": value})


def test_the_digest_is_that_of_hashlib():
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(UnicodeEncodeError):
        digest("é")


FORGED = ["line\nbreak", "\x1b[2Jclear", "null\0", "\u202eright to left", "王", "é", "\x7f", "tab\t"]


@pytest.mark.parametrize("name", ["actor", "via", "address", "project", "request", "detail", "objects"])
@pytest.mark.parametrize("text", FORGED)
def test_no_field_holds_anything_but_printable_ascii(name, text):
    value = (text, text) if name == "objects" else text
    written = Record(1, utc(0), FIRST_PREVIOUS, Entry(Event.STUDY_READ, **{name: value})).text()
    assert written.isascii()
    found = json.loads(written)[name]
    expected = "".join(letter if " " <= letter <= "~" else "?" for letter in text)
    assert found == ([expected, expected] if name == "objects" else expected)


@pytest.mark.parametrize(("length", "kept"), [(199, 199), (200, 200), (201, 200), (10**6, 200)])
def test_long_texts_are_cut(length, kept):
    written = Record(1, utc(0), FIRST_PREVIOUS, Entry(Event.STUDY_READ, actor="a" * length)).text()
    assert json.loads(written)["actor"] == "a" * kept


WHOLE = json.loads(Record(3, utc(0), "ab" * 32, Entry(Event.STUDY_READ, objects=("1.2",))).text())


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_record_that_lacks_a_field_is_no_record(name):
    with pytest.raises(ValueError, match="KeyError"):
        parse(json.dumps({key: value for key, value in WHOLE.items() if key != name}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "5",
        '"text"',
        "{}",
        json.dumps({**WHOLE, "event": "study.steal"}),
        json.dumps({**WHOLE, "event": ["study.read"]}),
        json.dumps({**WHOLE, "outcome": 3}),
        json.dumps({**WHOLE, "objects": None}),
        json.dumps({**WHOLE, "objects": 5}),
        "[" * 100_000,
    ],
)
def test_what_is_no_record_is_told_by_one_error(text):
    with pytest.raises(ValueError):  # noqa: PT011, JSON's own errors are ValueErrors as well
        parse(text)


@pytest.mark.parametrize("seed", range(10))
def test_any_printable_entry_comes_back_as_it_was(seed):
    chance = random.Random(seed)

    def word() -> str:
        return "".join(chr(chance.randint(0x20, 0x7E)) for _ in range(chance.randint(0, 30)))

    names = [field.name for field in dataclasses.fields(Entry)][2:]
    values = {name: (word(), word()) if name == "objects" else word() for name in names}
    entry = Entry(chance.choice(list(Event)), chance.choice(list(Outcome)), **values)
    record = Record(chance.randint(1, 10**9), utc(chance.uniform(0, 2e9)), chance.randbytes(32).hex(), entry)
    assert parse(record.text()) == record
    assert record.hash() == hashlib.sha256(record.text().encode()).hexdigest()


def test_names_of_events_are_theirs_alone_and_no_change_is_let_through_unwritten():
    assert len(EVENTS) == len(Event)
    assert [name for name, event in EVENTS.items() if event.value.name != name] == []
    # What changes access or takes data away must be written down first; what merely reads need not.
    changes = {event.value.name for event in Event if event.value.action in "CUD"}
    assert {name for name in changes if not EVENTS[name].value.is_fail_closed} == set()
    assert {"audit.export", "study.export", "study.send", "store.backup", "session.start"} <= {
        event.value.name for event in Event if event.value.is_fail_closed
    }


# ---- reading the log


@pytest.fixture
def log(tmp_path):
    made = open_log(tmp_path, Clock())
    made.append([Entry((Event.STUDY_READ, Event.SIGN_IN)[number % 2], actor=f"u{number % 3}") for number in range(12)])
    yield made
    made.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(), list(range(12, 0, -1))),
        (Query(limit=3), [12, 11, 10]),
        (Query(limit=0), []),
        (Query(before=4), [3, 2, 1]),
        (Query(before=1), []),
        (Query(event="session.start"), [12, 10, 8, 6, 4, 2]),
        (Query(actor="u0"), [10, 7, 4, 1]),
        (Query(event="study.read", actor="u0"), [7, 1]),
        (Query(event="study.read", actor="u0", before=7), [1]),
        (Query(actor="u0' OR '1'='1"), []),
        (Query(actor="%"), []),
        (Query(event=""), []),
    ],
)
def test_questions_to_the_log(log, query, expected):
    assert [record.sequence for record in log.read(query)] == expected


@pytest.mark.parametrize(
    ("first", "count", "expected"),
    [(1, 3, [1, 2, 3]), (11, 5, [11, 12]), (13, 5, []), (0, 2, [1]), (-5, 3, []), (4, 0, [])],
)
def test_the_log_in_order(log, first, count, expected):
    assert [record.sequence for record in log.read_from(first, count)] == expected


def test_a_spoiled_record_is_told_by_its_number(log):
    with closing(sqlite3.connect(log.path)) as connection:
        connection.execute('UPDATE records SET body = \'{"event":"study.steal"}\' WHERE sequence = 5')
        connection.commit()
    with pytest.raises(AuditError) as caught:
        log.read_from(1, 10)
    assert (caught.value.code, caught.value.facts["found"]) == ("E284", 5)
    assert [record.sequence for record in log.read(Query(limit=2))] == [12, 11]


def test_two_processes_write_one_chain(log, tmp_path):
    other = AuditLog(log.path, log.signer, Clock())
    for number in range(6):
        (log, other)[number % 2].append([Entry(Event.STUDY_READ, actor=f"turn{number}")])
    other.close()
    verdict = verify(log.path, log.signer.verifier())
    assert (verdict.records, verdict.faults) == (18, ())


def test_appending_nothing_changes_no_record(log):
    assert log.append([]) == 12
    assert verify(log.path, log.signer.verifier()).faults == ()


def test_faults_have_a_bound_and_progress_is_told(log, monkeypatch):
    monkeypatch.setattr("hounsfield.service.audit.verify._TELL_EVERY", 5)
    told = []
    verify(log.path, log.signer.verifier(), progress=lambda done, total: told.append((done, total)))
    assert told == [(5, 12), (10, 12)]
    with closing(sqlite3.connect(log.path)) as connection:
        connection.execute("UPDATE records SET sequence = 1000000 WHERE sequence = 12")
        connection.commit()
    faults = verify(log.path, log.signer.verifier()).faults
    assert len(faults) == MOST_FAULTS
    assert faults[0] == Fault(12, "missing")


def test_two_anchors_and_a_wrong_one(log):
    verifier = log.signer.verifier()
    hashes = {record.sequence: record.hash() for record in log.read(Query())}
    assert verify(log.path, verifier, {3: hashes[3], 9: hashes[9]}).faults == ()
    assert verify(log.path, verifier, {3: hashes[3], 9: hashes[8]}).faults == (Fault(9, "resigned"),)
    assert verify(log.path, verifier, {12: hashes[11]}).faults == (Fault(12, "resigned"),)


# ---- the recorder


def act(**changes: object) -> SimpleNamespace:
    """Return what a recorder needs of a request."""
    usual = {
        "principal": Principal("ann", "token", frozenset()),
        "projects": ("lung",),
        "address": "10.0.0.1",
        "request_id": "f00",
        "objects": ["1.2.3"],
        "detail": "x",
        "event": Event.STUDY_READ,
    }
    return SimpleNamespace(**{**usual, **changes})


def test_an_act_becomes_its_entry():
    assert entry_of(act(), Outcome.SUCCESS) == Entry(
        Event.STUDY_READ, Outcome.SUCCESS, "ann", "token", "10.0.0.1", "lung", ("1.2.3",), "f00", "x"
    )


@pytest.mark.parametrize(("projects", "expected"), [((), ""), (("a",), "a"), (("a", "b"), "")])
def test_a_project_stands_only_where_there_is_one(projects, expected):
    assert entry_of(act(projects=projects), Outcome.SUCCESS).project == expected


def test_nobody_nothing_and_too_much():
    entry = entry_of(act(principal=None, event=None, objects=[str(number) for number in range(80)]), Outcome.FAILED)
    assert (entry.event, entry.actor, entry.via) == (Event.ACCESS_REFUSED, "-", "-")
    assert entry.objects == tuple(str(number) for number in range(50))


@pytest.mark.parametrize(
    ("changes", "detail", "actor"),
    [
        ({}, "study.read x", "ann"),
        ({"detail": ""}, "study.read", "ann"),
        ({"event": None}, "- x", "ann"),
        ({"principal": None}, "study.read x", "-"),
    ],
)
def test_a_refusal_says_what_was_tried_and_names_no_project(changes, detail, actor):
    entry = refusal_of(act(**changes))
    assert (entry.event, entry.outcome, entry.project) == (Event.ACCESS_REFUSED, Outcome.REFUSED, "")
    assert (entry.detail, entry.actor) == (detail, actor)


class Desk:
    """Takes entries in place of a scribe; fails when told to."""

    def __init__(self, fails: bool = False) -> None:
        self.fails, self.written, self.kept = fails, [], []

    def submit(self, entry: Entry) -> "Future[None]":
        future: Future[None] = Future()
        if self.fails:
            future.set_exception(AuditError("E279", found="planted"))
        else:
            self.written.append(entry)
            future.set_result(None)
        return future

    def keep_for_later(self, entry: Entry) -> None:
        self.kept.append(entry)


@pytest.mark.parametrize(
    ("status", "is_admitted", "event", "outcome"),
    [
        (200, True, Event.STUDY_READ, Outcome.SUCCESS),
        (399, True, Event.STUDY_READ, Outcome.SUCCESS),
        (400, True, Event.STUDY_READ, Outcome.REFUSED),
        (499, True, Event.STUDY_READ, Outcome.REFUSED),
        (500, True, Event.STUDY_READ, Outcome.FAILED),
        (503, True, Event.STUDY_READ, Outcome.FAILED),
        (403, False, Event.ACCESS_REFUSED, Outcome.REFUSED),
        (200, False, Event.ACCESS_REFUSED, Outcome.REFUSED),
    ],
)
def test_what_came_of_an_act_by_its_status(status, is_admitted, event, outcome):
    desk = Desk()
    anyio.run(Recorder(desk).done, act(), status, is_admitted)
    assert [(entry.event, entry.outcome) for entry in desk.written] == [(event, outcome)]


@pytest.mark.parametrize(
    ("event", "is_strict", "is_let_through"),
    [
        (Event.STUDY_READ, False, True),
        (Event.STUDY_READ, True, False),
        (Event.STUDY_DELETE, False, False),
        (Event.STUDY_EXPORT, False, False),
        (Event.SIGN_IN, False, False),
        (Event.SIGN_OUT, False, True),
        (None, False, True),
    ],
)
def test_without_a_log_only_reading_goes_on_and_is_kept(event, is_strict, is_let_through):
    desk = Desk(fails=True)
    recorder = Recorder(desk, is_strict)
    if is_let_through:
        anyio.run(recorder.done, act(event=event), 200, True)
        assert [entry.event for entry in desk.kept] == [event or Event.ACCESS_REFUSED]
        return
    with pytest.raises(AuditError, match="E279"):
        anyio.run(recorder.done, act(event=event), 200, True)
    assert desk.kept == []


def test_an_act_does_not_begin_where_that_cannot_be_written():
    with pytest.raises(AuditError, match="E279"):
        anyio.run(Recorder(Desk(fails=True)).begun, act(event=Event.STUDY_READ))
    desk = Desk()
    anyio.run(Recorder(desk).begun, act())
    assert [entry.outcome for entry in desk.written] == [Outcome.BEGUN]


# ---- the scribe


class Slow:
    """A log that writes when the gate is open, and counts its transactions."""

    def __init__(self) -> None:
        self.gate, self.entered, self.batches = threading.Event(), threading.Event(), []

    def append(self, entries: list[Entry]) -> int:
        self.entered.set()
        self.gate.wait(10)
        self.batches.append([entry.actor for entry in entries])
        return 0

    def close(self) -> None:
        self.batches.append("closed")


def test_what_waits_is_written_together_and_in_order():
    log = Slow()
    scribe = Scribe(log)
    first = scribe.submit(Entry(Event.STUDY_READ, actor="0"))
    log.entered.wait(10)
    others = [scribe.submit(Entry(Event.STUDY_READ, actor=str(number))) for number in range(1, 6)]
    assert not any(future.done() for future in [first, *others])  # nobody is told before it is on the disk
    log.gate.set()
    scribe.close()
    assert all(future.done() for future in [first, *others])
    assert log.batches == [["0"], ["1", "2", "3", "4", "5"], "closed"]


def test_what_was_kept_is_written_at_the_end_at_the_latest():
    log = Slow()
    log.gate.set()
    scribe = Scribe(log)
    scribe.keep_for_later(Entry(Event.STUDY_READ, actor="late"))
    scribe.close()
    scribe.close()
    assert log.batches == [["late"], "closed"]
