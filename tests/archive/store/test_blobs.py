"""Bytes on the disk: named by hashlib, durable before they are named, whole or not there, and private."""

import errno
import hashlib
import os
import random
import stat
from pathlib import Path

import pytest

from hounsfield.archive.store import blobs as blobs_module
from hounsfield.archive.store.blobs import Blobs, Incoming, sync
from hounsfield.errors import ArchiveError, Refused

LIMIT = 1 << 20


@pytest.fixture
def blobs(tmp_path):
    made = Blobs(tmp_path)
    made.prepare()
    return made


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


# FIPS 180-4 test vectors for SHA-256 (NIST, "abc", the empty message, the 448-bit message).
PUBLISHED = {
    b"abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    b"": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq": (
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
}


@pytest.mark.parametrize(("content", "digest"), PUBLISHED.items())
def test_bytes_lie_where_their_published_digest_says(blobs, content, digest):
    incoming = blobs.take_in([content], LIMIT)
    assert (incoming.sha256, incoming.size_bytes) == (digest, len(content))
    path = blobs.place(incoming)
    assert path.relative_to(blobs.root).parts == (digest[:2], digest[2:4], digest)
    assert path.read_bytes() == content
    assert list(blobs.digests()) == [digest]


@pytest.mark.parametrize("seed", range(6))
def test_how_bytes_are_cut_into_chunks_changes_nothing(blobs, seed):
    chance = random.Random(seed)
    content = chance.randbytes(chance.randint(1, 5000))
    chunks, position = [], 0
    while position < len(content):
        step = chance.choice([0, 1, 2, 63, 64, 65, 1024])
        chunks.append(content[position : position + step])
        position += step
    incoming = blobs.take_in(iter(chunks), LIMIT)
    assert incoming.sha256 == hashlib.sha256(content).hexdigest()
    assert incoming.path.read_bytes() == content
    assert incoming.size_bytes == len(content)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_chunks_may_be_any_buffer(blobs, kind):
    incoming = blobs.take_in([kind(b"ab"), kind(b"c")], LIMIT)
    assert incoming.sha256 == PUBLISHED[b"abc"]


@pytest.mark.parametrize(
    ("chunks", "limit", "is_refused"),
    [([b"12345"], 5, False), ([b"12345", b""], 5, False), ([b"12345", b"6"], 5, True), ([b"123456"], 5, True)],
)
def test_the_limit_is_the_last_size_that_is_taken(blobs, chunks, limit, is_refused):
    if not is_refused:
        assert blobs.take_in(chunks, limit).size_bytes == 5
        return
    with pytest.raises(Refused) as caught:
        blobs.take_in(chunks, limit)
    assert (caught.value.code, caught.value.facts["limit"]) == ("E110", 5)
    assert list(blobs.incoming.iterdir()) == []


def test_an_endless_stream_is_cut_at_the_limit_and_not_read_on(blobs):
    drawn = []

    def endless():
        while True:
            drawn.append(1)
            yield bytes(1000)

    with pytest.raises(Refused, match="E110"):
        blobs.take_in(endless(), 10_000)
    assert len(drawn) == 11
    assert list(blobs.incoming.iterdir()) == []


@pytest.mark.parametrize("fault", [ConnectionResetError, KeyboardInterrupt, GeneratorExit, MemoryError])
def test_a_sender_that_breaks_off_leaves_nothing_and_its_fault_is_not_changed(blobs, fault):
    def broken():
        yield b"half"
        raise fault

    with pytest.raises(fault):
        blobs.take_in(broken(), LIMIT)
    assert list(blobs.incoming.iterdir()) == []


def test_no_descriptor_stays_open_after_success_or_fault(blobs):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        blobs.place(blobs.take_in([b"abc"], LIMIT))
        with pytest.raises(Refused):
            blobs.take_in([b"abcd"], 3)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "E172"), (errno.EDQUOT, "E172"), (errno.EFBIG, "E172"), (errno.EIO, "E176"), (errno.EROFS, "E176")],
)
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_disk_that_fails_is_told_and_nothing_is_left(blobs, monkeypatch, call, number, code):
    def fail(*_):
        raise OSError(number, "planted")

    monkeypatch.setattr(blobs_module.os, call, fail)
    with pytest.raises(ArchiveError) as caught:
        blobs.place(blobs.take_in([b"abc"], LIMIT))
    monkeypatch.undo()
    assert caught.value.code == code
    assert list(blobs.incoming.iterdir()) == []
    assert code == "E172" or caught.value.facts["found"] == errno.errorcode[number]


def test_a_system_that_takes_one_byte_at_a_time_still_writes_all(blobs, monkeypatch):
    original, calls = os.write, []

    def short(descriptor, data):
        calls.append(len(data))
        return original(descriptor, bytes(data[:1]))

    monkeypatch.setattr(blobs_module.os, "write", short)
    incoming = blobs.take_in([b"ab", b"c"], LIMIT)
    assert calls == [2, 1, 1]
    assert incoming.path.read_bytes() == b"abc"


def test_bytes_are_durable_before_they_have_a_name_and_the_name_is_durable_after(blobs, monkeypatch):
    """The order that makes a crash harmless: data, rename, then every folder whose names have changed."""
    events = []
    original_sync, original_replace, original_mkdir = os.fsync, Path.replace, Path.mkdir

    def fsync(descriptor):
        events.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        original_sync(descriptor)

    def replace(self, target):
        events.append(("rename", str(target)))
        return original_replace(self, target)

    def mkdir(self, *arguments, **options):
        events.append(("mkdir", str(self)))
        return original_mkdir(self, *arguments, **options)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(Path, "mkdir", mkdir)
    incoming = blobs.take_in([b"abc"], LIMIT)
    path = blobs.place(incoming)
    root, outer, inner = str(blobs.root), str(path.parent.parent), str(path.parent)
    assert events == [
        ("sync", str(incoming.path)),
        ("mkdir", outer),
        ("mkdir", inner),
        ("rename", str(path)),
        ("sync", inner),
        ("sync", outer),
        ("sync", root),
    ]
    events.clear()
    blobs.place(blobs.take_in([b"abc"], LIMIT))
    assert [name for name, _ in events] == ["sync", "rename", "sync"]


def test_bytes_that_cannot_get_their_place_are_gone(blobs, monkeypatch):
    incoming = blobs.take_in([b"abc"], LIMIT)
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.ENOSPC, "planted")))
    with pytest.raises(ArchiveError, match="E172"):
        blobs.place(incoming)
    monkeypatch.undo()
    assert not incoming.path.exists()
    assert list(blobs.digests()) == []


def test_the_same_bytes_are_placed_over_themselves(blobs):
    first = blobs.place(blobs.take_in([b"abc"], LIMIT))
    assert blobs.place(blobs.take_in([b"a", b"bc"], LIMIT)) == first
    assert list(blobs.digests()) == [first.name]
    assert list(blobs.incoming.iterdir()) == []


def test_a_damaged_file_is_healed_when_its_bytes_come_again(blobs):
    path = blobs.place(blobs.take_in([b"abc"], LIMIT))
    path.write_bytes(b"a")
    blobs.place(blobs.take_in([b"abc"], LIMIT))
    assert path.read_bytes() == b"abc"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_files_and_folders_are_private_whatever_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        blobs = Blobs(tmp_path / "store")
        blobs.prepare()
        path = blobs.place(blobs.take_in([b"abc"], LIMIT))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, path.parent.parent, blobs.root, blobs.incoming):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_foreign_files_are_seen_and_not_taken_for_blobs(blobs):
    """Names, depth, links and folders that are nearly right: each is listed, none is a digest of the store."""
    digest = PUBLISHED[b"abc"]
    good = blobs.place(blobs.take_in([b"abc"], LIMIT))
    planted = {
        blobs.root / digest: "at the root",
        blobs.root / digest[:2] / digest: "one folder too few",
        blobs.root / digest[:2] / digest[2:4] / "deep" / digest: "one folder too many",
        blobs.root / "ff" / "ff" / digest: "another place",
        good.parent / digest.upper(): "capital letters",
        good.parent / digest[:63]: "a letter too few",
        good.parent / (digest + "0"): "a letter too many",
        good.parent / f"{digest}.tmp": "an ending",
        blobs.root / "zz" / "zz" / ("z" * 64): "no hexadecimal digits",
    }
    for path, content in planted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    link = blobs.root / digest[:2] / digest[2:4] / (digest[:-1] + "0")
    link.symlink_to(good)
    found = dict(blobs.files())
    assert [path for path, is_placed in found.items() if is_placed] == [str(good)]
    assert {Path(path) for path, is_placed in found.items() if not is_placed} == {*planted, link}
    assert list(blobs.digests()) == [digest]


def test_a_link_to_a_folder_is_not_followed(blobs, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"x")
    (blobs.root / "aa").symlink_to(outside)
    (blobs.root / "loop").symlink_to(blobs.root)
    assert {Path(path).name for path, _ in blobs.files()} == {"aa", "loop"}


def test_clearing_removes_what_broke_off_and_nothing_else(blobs, tmp_path):
    kept = blobs.place(blobs.take_in([b"abc"], LIMIT))
    for number in range(3):
        blobs.take_in([bytes([number])], LIMIT)
    outside = tmp_path / "outside"
    outside.write_bytes(b"x")
    (blobs.incoming / "link").symlink_to(outside)
    (blobs.incoming / "folder").mkdir()
    assert blobs.clear_incoming() == 3
    assert everything(blobs.incoming) == {"link", "folder"}
    assert outside.read_bytes() == b"x"
    assert kept.read_bytes() == b"abc"
    assert blobs.clear_incoming() == 0


def test_preparing_twice_keeps_what_is_there(blobs):
    path = blobs.place(blobs.take_in([b"abc"], LIMIT))
    blobs.prepare()
    assert path.read_bytes() == b"abc"


def test_two_takings_never_share_a_name(blobs):
    taken = [blobs.take_in([b"abc"], LIMIT).path for _ in range(50)]
    assert len(set(taken)) == 50
    assert all(len(path.name) == 32 and int(path.name, 16) >= 0 for path in taken)


def test_a_taken_name_is_refused_rather_than_written_over(blobs, monkeypatch):
    monkeypatch.setattr(blobs_module.secrets, "token_hex", lambda _: "same")
    first = blobs.take_in([b"first"], LIMIT)
    with pytest.raises(ArchiveError, match="E176") as caught:
        blobs.take_in([b"second"], LIMIT)
    assert caught.value.facts["found"] == "EEXIST"
    assert first.path.read_bytes() == b"first"


def test_bytes_that_vanished_before_they_were_placed_are_told(blobs):
    digest = PUBLISHED[b"abc"]
    with pytest.raises(ArchiveError) as caught:
        blobs.place(Incoming(blobs.incoming / "gone", digest, 3))
    assert (caught.value.code, caught.value.facts["found"]) == ("E176", "ENOENT")
    assert list(blobs.digests()) == []


def test_a_folder_that_is_not_there_cannot_be_made_durable(tmp_path):
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "nowhere")
