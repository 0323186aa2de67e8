"""A full disk, a locked index, processes that die beside others: an answer with a code, and nothing is lost."""

import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event

from hounsfield.archive.store import Outcome, open_store
from hounsfield.archive.store.blobs import Blobs
from hounsfield.archive.store.rows import Rows
from hounsfield.errors import ArchiveError
from tests.archive.store.killing import Audit, audit_agreement, object_of

UID = "1.2.826.0.1.3680043.10.1.1000000000{:02d}"
REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path):
    with open_store(tmp_path / "store") as store:
        store.receive([object_of(1)])
    return tmp_path / "store"


def assert_agreement(folder):
    audit = Audit()
    audit_agreement(folder, audit)
    assert (audit.orphan_rows, audit.orphan_files, audit.duplicate_results) == (0, 0, 0)


def refused(store, number, code):
    with pytest.raises(ArchiveError) as error:
        store.receive([object_of(number)])
    assert error.value.code == code
    assert error.value.text("zh") != error.value.text("en")


def reads(store):
    return store.view().open_instance(UID.format(1)).read_bytes() == object_of(1)


# ---- the index


def test_a_locked_index_lets_readers_go_on_and_writers_wait_then_fail(folder):
    with open_store(folder, busy_seconds=0.2) as store:
        with closing(sqlite3.connect(folder / "index.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            refused(store, 2, "E175")
            assert reads(store)
            assert len(store.view().metadata("1.2.826.1.1.1")) == 1
            other.execute("ROLLBACK")
        assert store.receive([object_of(2)]).outcome is Outcome.STORED
    with open_store(folder) as store:
        assert len(store.view().metadata("1.2.826.1.1.1")) == 2
    assert_agreement(folder)


def test_a_lock_that_is_released_in_time_costs_nothing(folder):
    import threading

    with (
        open_store(folder, busy_seconds=20) as store,
        closing(sqlite3.connect(folder / "index.db", isolation_level=None, check_same_thread=False)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.2, other.execute, ["ROLLBACK"]).start()
        assert store.receive([object_of(2)]).outcome is Outcome.STORED


def test_an_index_without_room_acknowledges_nothing_and_goes_on_once_there_is(folder):
    with open_store(folder) as store:
        with closing(sqlite3.connect(folder / "index.db")) as other:
            limit = {"pages": other.execute("PRAGMA page_count").fetchone()[0]}

        def bound(connection):
            connection.exec_driver_sql(f"PRAGMA max_page_count = {limit['pages']}")

        event.listen(store._database.writer, "begin", bound)
        with pytest.raises(ArchiveError) as error:
            store.receive_many([object_of(number)] for number in range(2, 60))
        assert error.value.code == "E172"
        assert reads(store)
        limit["pages"] = 1 << 30
        receipts = store.receive_many([object_of(number)] for number in range(2, 5))
        assert {receipt.outcome for receipt in receipts} == {Outcome.STORED}
    with open_store(folder) as store:
        assert store.recovered.reindexed == 55
        assert len(store.view().metadata("1.2.826.1.1.1")) == 59
    assert_agreement(folder)


# ---- the disk

FULL = OSError(28, "No space left on device")
READ_ONLY = OSError(30, "Read-only file system")
BROKEN = OSError(5, "Input/output error")


@pytest.mark.parametrize(
    ("name", "error", "code"),
    [
        ("fsync", FULL, "E172"),
        ("fsync", BROKEN, "E176"),
        ("write", FULL, "E172"),
        ("write", READ_ONLY, "E176"),
        ("open", READ_ONLY, "E176"),
    ],
)
def test_a_disk_that_fails_acknowledges_nothing_and_leaves_nothing(folder, monkeypatch, name, error, code):
    def fail(*arguments, **named):
        raise error

    with open_store(folder) as store:
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            refused(store, 2, code)
        assert list((folder / "incoming").iterdir()) == []
        assert reads(store)
        assert store.receive([object_of(2)]).outcome is Outcome.STORED
    assert_agreement(folder)


def test_files_longer_than_the_system_allows(folder):
    """RLIMIT_FSIZE, which is the disk's end for one process; in a process of its own."""
    program = f"""
import resource
from pathlib import Path
from hounsfield.archive.store import open_store
from hounsfield.errors import ArchiveError
from tests.archive.store.killing import object_of
with open_store(Path({str(folder)!r})) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))
    try:
        store.receive([object_of(2)])
    except ArchiveError as error:
        print(error.code)
    print(store.view().open_instance({UID.format(1)!r}).stat().st_size)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(store.receive([object_of(2)]).outcome)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["E172", str(len(object_of(1))), "stored"], done.stderr[-2000:]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    assert_agreement(folder)


def test_what_fails_between_file_and_row_is_found_by_the_next_to_open(folder, monkeypatch):
    with monkeypatch.context() as patch, open_store(folder) as store:
        patch.setattr(
            Rows, "add_all", lambda self, pending: (_ for _ in ()).throw(ArchiveError("E184", found="planted"))
        )
        refused(store, 2, "E184")
    with open_store(folder) as store:
        assert store.recovered.reindexed == 1
        assert store.receive([object_of(2)]).outcome is Outcome.HELD
    assert_agreement(folder)


def test_bytes_that_the_disk_changed_are_mended_by_sending_them_again(folder):
    with open_store(folder) as store:
        path = store.view().open_instance(UID.format(1))
        path.write_bytes(b"rot")
        assert store.receive([object_of(1)]).outcome is Outcome.HELD
        assert reads(store)


# ---- several processes


def test_a_process_that_died_beside_another_is_recovered_after_it(folder):
    """The one that lives and closes in order must not call the store clean: the dead one's files have no rows."""
    with open_store(folder) as living:
        program = f"""
import os
from pathlib import Path
from hounsfield.archive.store import open_store
from hounsfield.archive.store.rows import Rows
from tests.archive.store.killing import object_of
Rows.add_all = lambda self, pending: os.kill(os.getpid(), 9)
open_store(Path({str(folder)!r})).receive([object_of(2)], "ward", "dimse:A")
"""
        assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False).returncode == -9
        assert living.receive([object_of(3)]).outcome is Outcome.STORED
    with open_store(folder) as store:
        assert store.recovered.reindexed == 1
        assert store.view(["ward"]).open_instance(UID.format(2)).read_bytes() == object_of(2)
    with open_store(folder) as store:
        assert store.recovered == type(store.recovered)()
    assert_agreement(folder)


def test_two_holders_see_each_others_objects_and_store_them_once(folder):
    with open_store(folder) as first, open_store(folder) as second:
        assert first.receive([object_of(2)]).outcome is Outcome.STORED
        assert second.receive([object_of(2)]).outcome is Outcome.HELD
        assert second.receive([object_of(3)]).outcome is Outcome.STORED
        assert len(first.view().metadata("1.2.826.1.1.1")) == 3
    assert_agreement(folder)


# ---- order of a commit (power loss, F2)


def test_names_and_bytes_are_durable_before_the_row_is(folder, monkeypatch):
    seen = []
    fsync, replace, add_all = os.fsync, Path.replace, Rows.add_all

    def name_of(descriptor):
        return Path(f"/proc/self/fd/{descriptor}").readlink()

    monkeypatch.setattr(os, "fsync", lambda found: (seen.append(("fsync", name_of(found))), fsync(found))[1])
    monkeypatch.setattr(Path, "replace", lambda a, b: (seen.append(("name", b)), replace(a, b))[1])
    monkeypatch.setattr(Rows, "add_all", lambda self, found: (seen.append(("row", "")), add_all(self, found))[1])
    with open_store(folder) as store:
        store.receive([object_of(2)])
        path = store.view().open_instance(UID.format(2))
        with store._database.writer.begin() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    kinds = [kind for kind, _ in seen]
    named, row = kinds.index("name"), kinds.index("row")
    assert kinds[0] == "fsync"
    assert seen[0][1].parent == folder / "incoming"
    assert seen[named][1] == path
    assert 0 < named < row
    assert ("fsync", path.parent) in seen[named:row]
    assert ("fsync", path.parent.parent) in seen[:named] or ("fsync", path.parent.parent) in seen[named:row]


# ---- what is received


def test_an_object_cut_anywhere_is_never_taken_as_whole(folder):
    content = object_of(2)
    cuts = [content[:end] for end in range(1, len(content), 9)]
    with open_store(folder) as store:
        outcomes = {receipt.outcome for receipt in store.receive_many([cut] for cut in cuts)}
        assert outcomes == {Outcome.QUARANTINED}
        assert len(store.quarantine().entries()) == len(cuts)


def test_slices_in_any_order_make_the_same_series(tmp_path):
    numbers, found = list(range(1, 13)), set()
    for seed in range(3):
        random.Random(seed).shuffle(numbers)
        with open_store(tmp_path / str(seed)) as store:
            store.receive_many([object_of(number)] for number in numbers)
            series = store.view().retrieve_series("1.2.826.1.1.1")
            found.add(tuple((each.sop_instance_uid, each.sha256) for each in series.instances))
            said = [json.loads(each)["00080018"]["Value"][0] for each in store.view().metadata("1.2.826.1.1.1")]
            assert said == [each.sop_instance_uid for each in series.instances]
    assert len(found) == 1
    assert [uid for uid, _ in found.pop()] == [UID.format(number) for number in range(1, 13)]


def test_blobs_lie_where_their_digest_says_and_nothing_else_counts(tmp_path):
    blobs = Blobs(tmp_path)
    blobs.prepare()
    placed = blobs.place(blobs.take_in([b"a", b"b"], 10))
    (tmp_path / "blobs" / "stray").write_bytes(b"")
    (placed.parent / ("f" * 64)).write_bytes(b"in another's folder")
    assert list(blobs.digests()) == [placed.name]
    assert sorted(is_placed for _, is_placed in blobs.files()) == [False, False, True]
