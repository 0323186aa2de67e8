"""Intents survive what a crash makes of a file, and a folder knows who holds it and what lies under it."""

import fcntl
import json
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from hounsfield.archive.store import folder as folder_module
from hounsfield.archive.store.faults import from_database, from_system, told
from hounsfield.archive.store.folder import StoreFolder, require_local
from hounsfield.archive.store.intents import Intent, IntentLog, clear_intents, read_intents
from hounsfield.errors import ArchiveError, Timeout

A, B = "a" * 64, "b" * 64
KNOWN = Intent("trial", "stow:alice")


@pytest.fixture
def log(tmp_path):
    made = IntentLog(tmp_path)
    made.open()
    yield made
    made.close()


def log_of(folder: Path) -> Path:
    (path,) = folder.glob("*.log")
    return path


# ---- intents


@pytest.mark.parametrize(
    "intent",
    [
        Intent("default", ""),
        Intent("trial", "dimse:CT1@10.0.0.1"),
        Intent("研究", "stow:王"),
        Intent('a"b\\c', "line\nbreak\r\u2028\u0085"),
        Intent("'; DROP TABLE studies; --", "\0"),
        Intent("\U0001f9e0", "x" * 5000),
    ],
)
def test_an_intent_comes_back_as_it_was(log, tmp_path, intent):
    log.note(A, intent)
    log.note(B, KNOWN)
    assert read_intents(tmp_path) == {A: intent, B: KNOWN}
    assert log_of(tmp_path).read_bytes().count(b"\n") == 2


def test_the_last_intent_of_a_digest_counts(log, tmp_path):
    log.note(A, Intent("first", ""))
    log.note(A, Intent("second", ""))
    assert read_intents(tmp_path)[A].project == "second"


BROKEN = {
    "nothing": b"",
    "a torn line": json.dumps([B, "p", "s"]).encode()[:30],
    "no JSON": b"hello\n",
    "null": b"null\n",
    "a number": b"5\n",
    "two values": b'["a", "b"]\n',
    "four values": b'["a", "b", "c", "d"]\n',
    "an object of two": b'{"a": 1, "b": 2}\n',
    "bytes of no text": b"\xff\xfe\x00\n",
    "zeros, as a power cut leaves them": bytes(4096),
    "empty lines": b"\n\n\r\n",
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_broken_lines_hide_no_others(tmp_path, broken):
    whole = json.dumps([A, KNOWN.project, KNOWN.source]).encode() + b"\n"
    (tmp_path / "1.log").write_bytes(broken + b"\n" + whole + broken)
    assert read_intents(tmp_path) == {A: KNOWN}


def test_the_logs_of_several_processes_are_read_and_other_files_are_not(tmp_path):
    for name, digest in (("1.log", A), ("2.log", B), ("notes.txt", "c" * 64)):
        (tmp_path / name).write_text(json.dumps([digest, "p", name]) + "\n", encoding="utf-8")
    assert {digest: intent.source for digest, intent in read_intents(tmp_path).items()} == {A: "1.log", B: "2.log"}
    clear_intents(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert read_intents(tmp_path) == {}


def test_lines_of_threads_do_not_mix(log, tmp_path):
    def write(number: int) -> None:
        for each in range(50):
            log.note(f"{number:02d}{each:062d}", Intent(f"p{number}", "s" * 200))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = read_intents(tmp_path)
    assert len(found) == 400
    assert all(intent.project == f"p{int(digest[:2])}" for digest, intent in found.items())


def test_a_log_is_emptied_only_when_it_is_large(log, tmp_path):
    log.note(A, KNOWN)
    log.empty()
    assert read_intents(tmp_path) == {A: KNOWN}
    os.truncate(log_of(tmp_path), (1 << 20) + 1)
    log.empty()
    assert log_of(tmp_path).stat().st_size == 0
    log.note(B, KNOWN)  # appended at the new end, not after a hole
    assert log_of(tmp_path).read_bytes()[:1] == b"["
    assert read_intents(tmp_path) == {B: KNOWN}


def test_a_log_is_private_and_goes_when_it_is_removed(log, tmp_path):
    assert log_of(tmp_path).stat().st_mode & 0o777 == 0o600
    log.remove()
    log.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_closed_log_tells_that_it_cannot_be_written(tmp_path):
    log = IntentLog(tmp_path)
    log.open()
    log.close()
    with pytest.raises(ArchiveError) as caught:
        log.note(A, KNOWN)
    assert (caught.value.code, caught.value.facts["found"]) == ("E176", "EBADF")


# ---- the folder


def test_the_first_holder_may_recover_and_the_second_may_not(tmp_path):
    first, second = StoreFolder(tmp_path), StoreFolder(tmp_path)
    first.hold()
    first.share()
    second.hold()
    assert (first.is_first, second.is_first) == (True, False)
    second.release(is_clean=True)
    assert not (tmp_path / "clean").exists()  # the first is still at work
    first.release(is_clean=True)
    assert (tmp_path / "clean").exists()
    third = StoreFolder(tmp_path)
    third.hold()
    assert (third.is_first, third.was_clean) == (True, True)
    assert not (tmp_path / "clean").exists()  # a crash from here on is seen
    third.release(is_clean=False)
    fourth = StoreFolder(tmp_path)
    fourth.hold()
    assert (fourth.is_first, fourth.was_clean) == (True, False)
    fourth.release(is_clean=False)


def test_another_process_waits_until_the_recovery_is_done(tmp_path):
    holder = StoreFolder(tmp_path)
    holder.hold()
    code = (
        "import fcntl, sys\n"
        "stream = open(sys.argv[1], 'r+')\n"
        "try:\n    fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)\nexcept BlockingIOError:\n    sys.exit(7)\n"
    )
    ask = [sys.executable, "-S", "-c", code, str(tmp_path / "lock")]
    assert subprocess.run(ask, check=False).returncode == 7
    holder.share()
    assert subprocess.run(ask, check=False).returncode == 0
    holder.release(is_clean=False)


def test_a_process_that_died_holds_nothing(tmp_path):
    code = "import fcntl, os, sys\ns = open(sys.argv[1], 'w')\nfcntl.flock(s, fcntl.LOCK_EX)\nos._exit(9)\n"
    subprocess.run([sys.executable, "-S", "-c", code, str(tmp_path / "lock")], check=False)
    holder = StoreFolder(tmp_path)
    holder.hold()
    assert holder.is_first
    holder.release(is_clean=False)


def test_a_folder_that_is_a_file_is_told_by_its_symbol_and_without_its_path(tmp_path):
    (tmp_path / "secret_name").write_bytes(b"")
    with pytest.raises(ArchiveError) as caught:
        StoreFolder(tmp_path / "secret_name" / "store").hold()
    assert (caught.value.code, caught.value.facts["found"]) == ("E176", "ENOTDIR")
    assert "secret_name" not in str(caught.value)


def test_a_holder_that_is_released_lets_go_of_its_lock(tmp_path):
    holder = StoreFolder(tmp_path)
    holder.hold()
    holder.release(is_clean=False)
    with (tmp_path / "lock").open("r+", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


MOUNTS = [
    # the table of mounts, the folder, the kind that is refused or ""
    (["/dev/a / ext4 rw"], "/srv/store", ""),
    (["server:/ / nfs rw"], "/srv/store", "nfs"),
    (["/dev/a / ext4 rw", "srv:/x /srv nfs4 rw"], "/srv/store", "nfs4"),
    (["/dev/a / ext4 rw", "srv:/x /srv nfs4 rw"], "/srv", "nfs4"),
    (["/dev/a / ext4 rw", "srv:/x /srv nfs4 rw"], "/srv2/store", ""),  # a name that only begins alike
    (["srv:/x /srv nfs4 rw", "/dev/b /srv/store xfs rw"], "/srv/store/a", ""),  # a disk within the share
    (["/dev/b /srv/store xfs rw", "srv:/x /srv nfs4 rw"], "/srv/store/a", ""),  # whatever their order
    (["/dev/a /srv ext4 rw", "//nas/x /srv cifs rw"], "/srv/store", "cifs"),  # mounted over: the last counts
    (["//nas/x /srv cifs rw", "/dev/a /srv ext4 rw"], "/srv/store", ""),
    (["nas /my\\040share smb3 rw"], "/my share/store", "smb3"),
    (["host /mnt 9p rw"], "/mnt/c/store", "9p"),
    (["me@h:/ /far fuse.sshfs rw"], "/far/store", "fuse.sshfs"),
    (["overlay / overlay rw"], "/srv/store", ""),
    (["broken line"], "/srv/store", ""),
    (["", " ", "a b"], "/srv/store", ""),
    ([], "/srv/store", ""),
]


@pytest.mark.parametrize(("lines", "place", "kind"), MOUNTS)
def test_the_mount_that_lies_nearest_decides(tmp_path, monkeypatch, lines, place, kind):
    monkeypatch.setattr(folder_module.os.path, "realpath", str)
    table = tmp_path / "mounts"
    table.write_text("\n".join(f"{line} 0 0" for line in lines), encoding="utf-8")
    if not kind:
        require_local(place, table)
        return
    with pytest.raises(ArchiveError) as caught:
        require_local(place, table)
    assert (caught.value.code, caught.value.facts["found"]) == ("E170", kind)


def test_a_link_to_a_share_is_a_share(tmp_path):
    share, link, table = tmp_path / "share", tmp_path / "link", tmp_path / "mounts"
    share.mkdir()
    link.symlink_to(share)
    table.write_text(f"/dev/a / ext4 rw 0 0\nsrv:/x {os.path.realpath(share)} nfs rw 0 0\n", encoding="utf-8")
    with pytest.raises(ArchiveError, match="E170"):
        require_local(link / "store", table)


def test_a_system_without_a_table_of_mounts_is_not_refused(tmp_path):
    assert require_local(tmp_path, tmp_path / "none") is None


# ---- faults


@pytest.mark.parametrize(
    ("error", "code", "found"),
    [
        (OSError(28, "x"), "E172", None),
        (OSError(122, "x"), "E172", None),
        (OSError(27, "x"), "E172", None),
        (PermissionError(13, "x"), "E176", "EACCES"),
        (IsADirectoryError(21, "x"), "E176", "EISDIR"),
        (OSError("without a number"), "E176", "OSError"),
        (TimeoutError(), "E176", "TimeoutError"),
        (OSError(99999, "x"), "E176", "OSError"),
    ],
)
def test_errors_of_the_system_by_their_number(error, code, found):
    made = from_system(error)
    assert (made.code, made.facts.get("found")) == (code, found)


SQLITE = [
    ("SQLITE_FULL", "E172", ArchiveError),
    ("SQLITE_IOERR_WRITE", "E172", ArchiveError),
    ("SQLITE_IOERR_TRUNCATE", "E172", ArchiveError),
    ("SQLITE_IOERR_READ", "E184", ArchiveError),
    ("SQLITE_BUSY", "E175", Timeout),
    ("SQLITE_BUSY_SNAPSHOT", "E175", Timeout),
    ("SQLITE_LOCKED", "E175", Timeout),
    ("SQLITE_READONLY_DBMOVED", "E176", ArchiveError),
    ("SQLITE_CANTOPEN", "E176", ArchiveError),
    ("SQLITE_PERM", "E176", ArchiveError),
    ("SQLITE_CORRUPT", "E184", ArchiveError),
    ("SQLITE_NOTADB", "E184", ArchiveError),
    ("SQLITE_CONSTRAINT_UNIQUE", "E184", ArchiveError),
]


@pytest.mark.parametrize(("name", "code", "kind"), SQLITE)
def test_errors_of_the_database_by_their_name(name, code, kind):
    original = sqlite3.OperationalError("UNIQUE constraint failed: Nemo^Nobody")
    original.sqlite_errorname = name
    error = from_database(OperationalError("INSERT ...", {"patient_name": "Nemo^Nobody"}, original))
    assert error.code == code
    assert type(error) is kind
    assert "Nemo" not in str(error) + error.text("en") + error.text("zh")


def test_real_errors_of_sqlite_are_told(tmp_path):
    """The names are those that SQLite gives, not those that we think it gives."""
    from sqlalchemy import create_engine

    path = tmp_path / "a.db"
    path.write_bytes(b"this is no database, and long enough to be looked at" * 20)
    with pytest.raises(ArchiveError) as caught, told(), create_engine(f"sqlite:///{path}").begin() as connection:
        connection.exec_driver_sql("SELECT * FROM sqlite_master")
    assert (caught.value.code, caught.value.facts["found"]) == ("E184", "SQLITE_NOTADB")
    nowhere = create_engine(f"sqlite:///{tmp_path}/none/a.db")
    with pytest.raises(ArchiveError, match="E176"), told(), nowhere.begin():
        pass


@pytest.mark.parametrize("error", [ValueError, KeyError, KeyboardInterrupt])
def test_other_errors_pass_as_they_are(error):
    with pytest.raises(error), told():
        raise error


def test_an_error_of_the_archive_within_is_not_told_twice():
    original = ArchiveError("E178", found="x")
    with pytest.raises(ArchiveError) as caught, told():
        raise original
    assert caught.value is original
