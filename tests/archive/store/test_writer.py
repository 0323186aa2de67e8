"""The writer of the index when something goes wrong: errors without values, requests apart, and nobody left waiting."""

import sqlite3
import threading

import pytest
from sqlalchemy.exc import OperationalError

from hounsfield.archive.store import Outcome, open_store
from hounsfield.archive.store.faults import from_database, from_system
from hounsfield.errors import ArchiveError
from tests.archive.samples import ct_dataset, encode


def ct(number: int, rows: int = 8) -> bytes:
    content = ct_dataset(rows, 8, SOPInstanceUID=f"1.2.3.{number}", PixelData=bytes(16 * rows))
    return encode(content)


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "store", busy_seconds=0.2) as opened:
        yield opened


def instances(store) -> int:
    view = store.view()
    return sum(len(series.instances) for study in view.search_for_studies() for series in study.series)


def recovered(store):
    """Close a store and open it again, as after a fault."""
    store.close()
    return open_store(store.folder)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SQLITE_FULL", "E172"),
        ("SQLITE_IOERR_WRITE", "E172"),
        ("SQLITE_BUSY", "E175"),
        ("SQLITE_BUSY_SNAPSHOT", "E175"),
        ("SQLITE_LOCKED_SHAREDCACHE", "E175"),
        ("SQLITE_READONLY_DBMOVED", "E176"),
        ("SQLITE_CANTOPEN", "E176"),
        ("SQLITE_CORRUPT", "E184"),
        ("SQLITE_NOTADB", "E184"),
    ],
)
def test_faults_of_the_index_are_told_without_their_text(name, code):
    original = sqlite3.OperationalError("value 'Nemo^Nobody' is wrong")
    original.sqlite_errorname = name
    error = from_database(OperationalError("INSERT", {"patient_name": "Nemo^Nobody"}, original))
    assert error.code == code
    assert "Nemo" not in str(error)


def test_an_unknown_error_of_the_system_has_a_name():
    assert from_system(OSError("odd")).facts["found"] == "OSError"


def test_an_index_that_is_no_database_is_told_and_not_overwritten(tmp_path):
    open_store(tmp_path).close()
    for path in tmp_path.glob("index.db*"):
        path.unlink()
    (tmp_path / "index.db").write_bytes(b"not a database, but somebody's text" * 40)
    with pytest.raises(ArchiveError, match="E184"):
        open_store(tmp_path)
    assert (tmp_path / "index.db").read_bytes().startswith(b"not a database")


def test_one_request_that_fails_does_not_spoil_the_others(store):
    """Two requests wait; their common transaction fails; alone, the sound one is stored."""
    gate, original = threading.Event(), store._writer._commit
    outcomes: dict[str, object] = {}

    def commit(pending):
        gate.wait(10)
        if any(each.arrival.uids[1] == "1.2.3.13" for each in pending):
            raise ArchiveError("E184", found="planted")
        return original(pending)

    def send(number: int) -> None:
        try:
            outcomes[number] = store.receive([ct(number)]).outcome
        except ArchiveError as error:
            outcomes[number] = error.code

    store._writer._commit = commit
    senders = [threading.Thread(target=send, args=(number,)) for number in (12, 13, 14)]
    for sender in senders:
        sender.start()
    # the writer may take one of them or all before it commits: what they are answered is the same
    for _ in range(100):
        if store._writer._queue.qsize() >= 2:
            break
        threading.Event().wait(0.01)
    gate.set()
    for sender in senders:
        sender.join(10)
    assert outcomes == {12: Outcome.STORED, 13: "E184", 14: Outcome.STORED}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_hangs_on_a_writer_that_died(store):
    def die(_):
        raise ZeroDivisionError

    store._writer._commit = die
    with pytest.raises(ArchiveError, match="E177"):
        store.receive([ct(1)])
    store._writer._thread.join(10)
    with pytest.raises(ArchiveError, match="E177"):
        store.receive([ct(2)])
    with recovered(store) as again:
        assert instances(again) == 2
