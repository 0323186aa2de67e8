"""Rows as sqlite3 sees them, transactions that are all or nothing, and a writer on which nobody hangs."""

import hashlib
import json
import sqlite3
import threading
import zlib
from contextlib import closing
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import OperationalError

from hounsfield.archive.protocol import StudyQuery
from hounsfield.archive.store import Outcome, open_store
from hounsfield.archive.store.blobs import Blobs, Incoming
from hounsfield.archive.store.database import Database
from hounsfield.archive.store.examine import Arrival
from hounsfield.archive.store.intents import Intent
from hounsfield.archive.store.receipt import Receipt
from hounsfield.archive.store.recovery import recover
from hounsfield.archive.store.rows import Pending
from hounsfield.archive.store.writer import Writer
from hounsfield.errors import ArchiveError, NotFound, Timeout
from tests.archive.store.test_store import SERIES, STUDY, crash, ct, files_of


def ask(folder, question: str, *values: object) -> list[tuple]:
    """Ask the index by another program than ours."""
    with closing(sqlite3.connect(f"file:{folder / 'index.db'}?mode=ro", uri=True)) as connection:
        return connection.execute(question, values).fetchall()


def counts(folder) -> tuple[int, ...]:
    names = ("studies", "series", "instances", "documents", "quarantine")
    return tuple(ask(folder, f"SELECT count(*) FROM {name}")[0][0] for name in names)


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "store") as opened:
        yield opened


# ---- rows


def test_one_study_two_series_three_instances_make_so_many_rows(store):
    store.receive_many([[ct(1)], [ct(2)], [ct(3, SeriesInstanceUID="1.2.9")]])
    assert counts(store.folder) == (1, 2, 3, 3, 0)
    rows = ask(
        store.folder,
        "SELECT i.sop_instance_uid, s.series_instance_uid, t.study_instance_uid, i.size_bytes FROM instances i"
        " JOIN series s ON i.series_key = s.id JOIN studies t ON s.study_key = t.id ORDER BY i.sop_instance_uid",
    )
    assert rows == [
        ("1.2.3.1", SERIES, STUDY, len(ct(1))),
        ("1.2.3.2", SERIES, STUDY, len(ct(2))),
        ("1.2.3.3", "1.2.9", STUDY, len(ct(3, SeriesInstanceUID="1.2.9"))),
    ]
    packed = ask(store.folder, "SELECT packed_json FROM documents d JOIN instances i ON d.instance_key = i.id")
    assert {json.loads(zlib.decompress(row[0]))["00080018"]["Value"][0] for row in packed} == {r[0] for r in rows}


def test_a_series_uid_in_two_studies_is_two_series(store):
    store.receive_many([[ct(1)], [ct(2, StudyInstanceUID="1.2.77")]])
    assert counts(store.folder) == (2, 2, 2, 2, 0)
    assert [len(study.series[0].instances) for study in store.view().search_for_studies()] == [1, 1]


def test_the_first_instance_says_what_is_known_of_a_study(store):
    store.receive([ct(1, StudyDescription="first")])
    store.receive([ct(2, StudyDescription="second")])
    assert ask(store.folder, "SELECT study_description FROM studies") == [("first",)]
    documents = [json.loads(each)["00081030"]["Value"] for each in store.view().metadata(SERIES)]
    assert documents == [["first"], ["second"]]  # each instance keeps its own word


def test_the_same_fault_of_the_same_bytes_stands_once_in_quarantine_and_in_each_project(store):
    for project in ("a", "a", "b"):
        store.receive([b"text of no use"], project=project, source=f"of {project}")
    assert ask(store.folder, "SELECT project, source, state FROM quarantine ORDER BY id") == [
        ("a", "of a", "held"),
        ("b", "of b", "held"),
    ]
    assert len(files_of(store)) == 1


def test_keys_are_not_given_twice_after_another_process_has_written(tmp_path):
    with open_store(tmp_path) as first, open_store(tmp_path) as second:
        for number in range(6):
            (first, second)[number % 2].receive([ct(number)])
        assert [row[0] for row in ask(tmp_path, "SELECT id FROM instances ORDER BY id")] == [1, 2, 3, 4, 5, 6]
        assert len(first.view().metadata(SERIES)) == len(second.view().metadata(SERIES)) == 6


HOSTILE = ["'; DROP TABLE studies; --", "%", "_", "*", "\\", '"', "a\tb", "ü" * 32, "NULL"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_are_values(store, text):
    content = ct(1, PatientID=text, AccessionNumber=text[:16], SpecificCharacterSet="ISO_IR 192")
    receipt = store.receive([content], project=text, source=text)
    assert receipt.outcome is Outcome.STORED
    assert ask(store.folder, "SELECT project, source FROM instances") == [(text, text)]
    assert store.view([text]).search_for_studies()[0].study_instance_uid == STUDY
    assert store.view(["default"]).search_for_studies() == ()
    assert counts(store.folder) == (1, 1, 1, 1, 0)


def test_the_index_is_durable_and_whole(store):
    store.receive([ct()])
    assert ask(store.folder, "PRAGMA journal_mode") == [("wal",)]
    assert ask(store.folder, "PRAGMA integrity_check") == [("ok",)]
    with store._database.writer.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL, by SQLite's documentation
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_the_reading_side_cannot_write(store):
    with pytest.raises(OperationalError, match="readonly"), store._database.reader.begin() as connection:
        connection.exec_driver_sql("DELETE FROM instances")


# ---- the writer


def pending(number: int, fault: ArchiveError | None = None) -> Pending:
    uids = ("1.2.840.10008.5.1.4.1.1.2", f"1.2.3.{number}", SERIES, STUDY)
    study, series = {"study_instance_uid": STUDY, "patient_id": "P1"}, {"series_instance_uid": SERIES}
    instance = {"sop_class_uid": uids[0], "sop_instance_uid": uids[1], "number_of_frames": 1, "rows": 2}
    incoming = Incoming(None, f"{number:064x}", 10)
    return Pending(Arrival(incoming, uids, study, series, instance, b"x", fault), Intent("default", "test"))


@pytest.fixture
def there(tmp_path):
    """Stands for files of blobs that are all there, whatever their digest."""
    (tmp_path / "bytes").write_bytes(b"x")
    return SimpleNamespace(path=lambda _: tmp_path / "bytes")


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path, busy_seconds=0.2)
    made.prepare()
    yield made
    made.close()


@pytest.fixture
def writer(database, there):
    made = Writer(database, there)
    made.start()
    yield made
    made.close()


def test_receipts_come_in_the_order_of_the_request(writer):
    receipts = writer.write([pending(3), pending(1), pending(2), pending(1)])
    assert [(each.sop_instance_uid[-1], each.outcome.value) for each in receipts] == [
        ("3", "stored"),
        ("1", "stored"),
        ("2", "stored"),
        ("1", "held"),
    ]


def test_a_request_that_fails_leaves_none_of_its_rows(writer, tmp_path):
    broken = pending(2)
    broken.arrival.instance["rows"] = object()  # nothing that SQLite can hold
    with pytest.raises(ArchiveError, match="E184"):
        writer.write([pending(1), broken])
    assert counts(tmp_path) == (0, 0, 0, 0, 0)
    assert writer.write([pending(1)])[0].outcome is Outcome.STORED


def test_one_bad_request_does_not_spoil_those_that_wait_with_it(writer, tmp_path):
    gate, entered = threading.Event(), threading.Event()
    original = writer._commit

    def slow(batch):
        entered.set()
        gate.wait(10)
        return original(batch)

    writer._commit = slow
    broken = pending(2)
    broken.arrival.instance["rows"] = object()
    answers: dict[int, object] = {}

    def send(number: int, batch: list[Pending]) -> None:
        try:
            answers[number] = writer.write(batch)[0].outcome
        except ArchiveError as error:
            answers[number] = error.code

    jobs = [[pending(0)], [pending(1)], [broken], [pending(3)]]
    threads = [threading.Thread(target=send, args=(number, job)) for number, job in enumerate(jobs)]
    threads[0].start()
    entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    while writer._queue.qsize() < 3:
        threading.Event().wait(0.005)
    gate.set()
    for thread in threads:
        thread.join(10)
    assert answers == {0: Outcome.STORED, 1: Outcome.STORED, 2: "E184", 3: Outcome.STORED}
    assert counts(tmp_path)[2] == 3


def test_an_index_that_another_program_holds_is_told_in_time(writer, tmp_path):
    with closing(sqlite3.connect(tmp_path / "index.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Timeout, match="E175"):
            writer.write([pending(1)])
        other.execute("ROLLBACK")
    assert writer.write([pending(1)])[0].outcome is Outcome.STORED


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_dies_answers_whoever_waits_and_takes_nothing_more(database, there):
    writer = Writer(database, there)

    def die(_):
        raise SystemExit

    writer._commit = die
    writer.start()
    with pytest.raises(ArchiveError, match="E177"):
        writer.write([pending(1)])
    writer._thread.join(10)
    with pytest.raises(ArchiveError, match="E177"):
        writer.write([pending(2)])
    writer.close()


def test_a_closed_writer_takes_nothing_and_closes_twice(writer, tmp_path):
    writer.write([pending(1)])
    writer.close()
    writer.close()
    with pytest.raises(ArchiveError, match="E177"):
        writer.write([pending(2)])
    assert counts(tmp_path)[2] == 1


@pytest.mark.parametrize(("outcome", "is_kept"), list(zip(Outcome, [True, True, False, False], strict=True)))
def test_only_what_can_be_retrieved_is_kept(outcome, is_kept):
    assert Receipt(outcome, "a" * 64, 1).is_kept is is_kept


# ---- recovery


def plant(folder, content: bytes, name: str = "") -> str:
    """Put bytes where a crash leaves them: in their place, without a row."""
    blobs = Blobs(folder)
    digest = blobs.place(blobs.take_in([content], 1 << 20)).name
    if name:
        target = blobs.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        blobs.path(digest).rename(target)
    return name or digest


@pytest.fixture
def prepared(tmp_path, database):
    blobs = Blobs(tmp_path)
    blobs.prepare()
    (tmp_path / "intents").mkdir()
    return blobs


def note(folder, *lines: tuple[str, str]) -> None:
    text = "".join(json.dumps([digest, project, "before the crash"]) + "\n" for digest, project in lines)
    (folder / "intents" / "dead.log").write_text(text, encoding="utf-8")


def test_each_orphan_goes_where_its_intent_says(tmp_path, database, prepared):
    known, unfit, unknown = plant(tmp_path, ct(1)), plant(tmp_path, b"text"), plant(tmp_path, ct(2))
    false = plant(tmp_path, ct(3), "ab" * 32)
    note(tmp_path, (known, "trial"), (unfit, "trial"), (false, "trial"), ("cd" * 32, "never placed"))
    found = recover(prepared, database, tmp_path / "intents")
    assert (found.broken_off, found.reindexed, found.missing) == (0, 4, 0)
    assert ask(tmp_path, "SELECT project, sha256, source FROM instances") == [("trial", known, "before the crash")]
    entries = ask(tmp_path, "SELECT sha256, project, code, source FROM quarantine")
    assert sorted(entries) == sorted(
        [
            (unfit, "trial", "E108", "before the crash"),
            (unknown, "default", "E179", "recovery"),
            (false, "trial", "E178", "before the crash"),
        ]
    )
    assert list((tmp_path / "intents").iterdir()) == []


def test_recovering_again_changes_nothing(tmp_path, database, prepared):
    plant(tmp_path, ct(1))
    plant(tmp_path, b"text")
    recover(prepared, database, tmp_path / "intents")
    before = ask(tmp_path, "SELECT * FROM quarantine")
    assert recover(prepared, database, tmp_path / "intents").reindexed == 0
    assert ask(tmp_path, "SELECT * FROM quarantine") == before


def test_more_orphans_than_one_transaction_takes(tmp_path, database, prepared, monkeypatch):
    monkeypatch.setattr("hounsfield.archive.store.recovery._AT_A_TIME", 4)
    planted = {plant(tmp_path, ct(number)) for number in range(10)}
    note(tmp_path, *((digest, "trial") for digest in planted))
    assert recover(prepared, database, tmp_path / "intents").reindexed == 10
    assert {row[0] for row in ask(tmp_path, "SELECT sha256 FROM instances")} == planted


def test_an_orphan_of_a_uid_that_is_there_with_other_bytes_is_a_conflict(tmp_path):
    store = open_store(tmp_path)
    store.receive([ct(1)], project="trial")
    other = plant(tmp_path, ct(1, PatientID="P2"))
    note(tmp_path, (other, "trial"))
    crash(store)
    with open_store(tmp_path) as again:
        (entry,) = again.quarantine(["trial"]).entries()
        assert (entry.error.code, entry.sha256) == ("E164", other)
        assert again.view(["trial"]).open_instance("1.2.3.1").read_bytes() == ct(1)


def test_rows_without_bytes_are_counted_and_kept(tmp_path):
    store = open_store(tmp_path)
    digests = [store.receive([content]).sha256 for content in (ct(1), ct(2), b"text of no use")]
    for digest in digests[1:]:
        store._blobs.path(digest).unlink()
    crash(store)
    with open_store(tmp_path) as again:
        assert again.recovered.missing == 2
        assert counts(tmp_path) == (1, 1, 2, 2, 1)


def test_bytes_of_a_discarded_entry_that_are_there_still_are_found(tmp_path):
    """A crash between the word and the deed: the bytes come back for a person to look at, and none is silently kept."""
    store = open_store(tmp_path)
    receipt = store.receive([b"text of no use"])
    (entry,) = store.quarantine().entries()
    store.quarantine().discard(entry.entry)
    plant(tmp_path, b"text of no use")
    crash(store)
    with open_store(tmp_path) as again:
        assert again.recovered.reindexed == 1
        assert [each.sha256 for each in again.quarantine().entries()] == [receipt.sha256]


def test_a_clean_end_needs_no_recovery_and_leaves_no_log(tmp_path):
    with open_store(tmp_path) as store:
        store.receive([ct()])
        assert len(list((tmp_path / "intents").iterdir())) == 1
    assert (tmp_path / "clean").exists()
    assert list((tmp_path / "intents").iterdir()) == []
    (tmp_path / "incoming" / "half").write_bytes(b"x")
    with open_store(tmp_path) as again:
        assert again.recovered.broken_off == 0  # nobody looked: the end was clean


def test_a_fault_at_work_makes_the_next_opening_recover(tmp_path):
    store = open_store(tmp_path)

    def broken():
        yield b"half"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        store.receive(broken())
    store.close()
    assert not (tmp_path / "clean").exists()


# ---- quarantine


def test_bytes_that_are_discarded_while_they_come_again_are_never_acknowledged(store):
    """Between the placing of a file and its row, somebody discards an entry of the quarantine with the same bytes."""
    content = ct()
    store.receive([b"MZ" + content[2:]])
    (entry,) = store.quarantine().entries()
    original = store._writer.write

    def discard_first(batch):
        store.quarantine().discard(entry.entry)
        return original(batch)

    store._writer.write = discard_first
    with pytest.raises(ArchiveError, match="E187"):
        store.receive([b"MZ" + content[2:]])
    store._writer.write = original
    assert files_of(store) == set()
    assert store.quarantine().entries() == ()
    assert store.receive([b"MZ" + content[2:]]).code == "E122"
    (again,) = store.quarantine().entries()
    assert store.quarantine().open(again.entry).is_file()


def test_an_entry_tells_all_that_is_known_and_nothing_of_the_patient(store):
    receipt = store.receive([ct(StudyInstanceUID="../x")], project="trial", source="stow:alice")
    (entry,) = store.quarantine(["trial"]).entries()
    assert (entry.project, entry.sha256, entry.source) == ("trial", receipt.sha256, "stow:alice")
    assert (entry.size_bytes, entry.sop_instance_uid) == (receipt.size_bytes, "1.2.3.1")
    assert entry.error.facts["found"] == "study_instance_uid"
    assert entry.received_at.endswith("+00:00")
    assert "Nemo" not in repr(entry) + entry.error.text("en")


def test_what_was_settled_is_settled(store):
    store.receive([b"text of no use"])
    store.receive([b"more of it"])
    quarantine = store.quarantine()
    first, second = (each.entry for each in quarantine.entries())
    assert quarantine.release(first).outcome is Outcome.QUARANTINED  # it is unfit still, and stays
    assert [each.entry for each in quarantine.entries()] == [first, second]
    quarantine.discard(first)
    for act in (quarantine.open, quarantine.release, quarantine.discard):
        with pytest.raises(NotFound, match="E180"):
            act(first)
    assert [(each.entry, each.state) for each in quarantine.entries("")] == [(first, "discarded"), (second, "held")]
    assert [each.entry for each in quarantine.entries("discarded")] == [first]


@pytest.mark.parametrize("number", [0, -1, 2, 10**12])
def test_numbers_that_nothing_has(store, number):
    store.receive([b"text of no use"])
    with pytest.raises(NotFound, match="E180"):
        store.quarantine().open(number)


def test_an_entry_whose_bytes_are_gone_is_told(store):
    receipt = store.receive([b"text of no use"])
    store._blobs.path(receipt.sha256).unlink()
    (entry,) = store.quarantine().entries()
    with pytest.raises(NotFound, match="E180"):
        store.quarantine().open(entry.entry)
    assert store.quarantine().discard(entry.entry) is True
    assert store.quarantine().entries() == ()


# ---- views


def test_a_view_sees_its_first_project_first_whatever_came_first(store):
    for project, patient in (("b", "of b"), ("a", "of a"), ("c", "of c")):
        store.receive([ct(PatientID=patient)], project=project)
    for projects in (["a", "b", "c"], ["c", "b"], ["b"], ["b", "a"]):
        view, expected = store.view(projects), f"of {projects[0]}"
        assert view.retrieve_study(STUDY).patient_id == expected
        assert [study.patient_id for study in view.search_for_studies()] == [expected]
        assert json.loads(view.instance_metadata("1.2.3.1"))["00100020"]["Value"] == [expected]
        assert json.loads(view.metadata(SERIES)[0])["00100020"]["Value"] == [expected]
        assert view.open_instance("1.2.3.1").read_bytes() == ct(PatientID=expected)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["1", "2", "3"]),
        ({"patient_id": "A"}, ["1", "3"]),
        ({"patient_id": "a"}, []),
        ({"patient_id": "%"}, []),
        ({"accession_number": "N2"}, ["2"]),
        ({"modality": "MR"}, ["2", "3"]),
        ({"modality": "MR", "patient_id": "A"}, ["3"]),
        ({"study_instance_uid": "1.9.1"}, ["1"]),
        ({"study_instance_uid": "1.9.1", "patient_id": "B"}, []),
    ],
)
def test_searches_of_an_archive_join_their_conditions(store, query, expected):
    for number, (patient, order, modality) in enumerate([("A", "N1", "CT"), ("B", "N2", "MR"), ("A", "N3", "MR")], 1):
        uids = {"StudyInstanceUID": f"1.9.{number}", "SeriesInstanceUID": f"1.9.{number}.1"}
        store.receive([ct(number, PatientID=patient, AccessionNumber=order, Modality=modality, **uids)])
    found = store.view().search_for_studies(StudyQuery(**query))
    assert [study.study_instance_uid[-1] for study in found] == expected


def test_what_instances_say_differently_is_not_said_of_their_series(store):
    store.receive_many([[ct(1, BodyPartExamined="CHEST", ViewPosition="PA")], [ct(2, BodyPartExamined="HEAD")]])
    series = store.view().retrieve_series(SERIES)
    assert (series.body_part_examined, series.view_position) == ("", "PA")
    assert [each.sha256 for each in series.instances] == [
        hashlib.sha256(content).hexdigest()
        for content in (ct(1, BodyPartExamined="CHEST", ViewPosition="PA"), ct(2, BodyPartExamined="HEAD"))
    ]
