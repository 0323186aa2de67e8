import os
import stat
import threading
from pathlib import Path

import pytest

from hounsfield.archive.entries import Entry, list_folder, open_regular, safe_name
from hounsfield.archive.limits import DEFAULT_LIMITS, Limits
from hounsfield.archive.litter import is_litter
from hounsfield.errors import NotFound, Refused

needs_user = pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")


def names(listing):
    return [entry.name for entry in listing.entries]


def test_files_come_in_the_order_of_their_names(tmp_path):
    for name in ("b/2", "b/10", "a/z", "c", "a/y/1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert names(list_folder(tmp_path, DEFAULT_LIMITS)) == ["a/y/1", "a/z", "b/10", "b/2", "c"]


def test_links_are_not_followed_and_those_that_lead_out_are_counted(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").touch()
    (folder / "again").symlink_to(folder / "a")
    (folder / "loop").symlink_to(folder)
    (folder / "out").symlink_to(outside)
    (folder / "file").symlink_to(outside / "secret")
    (folder / "gone").symlink_to(outside / "nothing")
    listing = list_folder(folder, DEFAULT_LIMITS)
    assert names(listing) == ["a"]
    assert listing.links == 3


def test_pipes_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    listing = list_folder(tmp_path, DEFAULT_LIMITS)
    assert not listing.entries
    assert [(item.name, item.error.code) for item in listing.refused] == [("pipe", "E102")]
    done = []

    def open_pipe():
        with pytest.raises(Refused) as refusal, open_regular(tmp_path / "pipe"):
            pass
        done.append(refusal.value.code)

    thread = threading.Thread(target=open_pipe, daemon=True)
    thread.start()
    thread.join(5)
    assert done == ["E102"]


def test_a_device_is_refused():
    with pytest.raises(Refused, match="E102"), open_regular(Path("/dev/zero")):
        pass


def test_too_many_files(tmp_path):
    for number in range(6):
        (tmp_path / str(number)).touch()
    assert len(list_folder(tmp_path, Limits(max_files=6)).entries) == 6
    with pytest.raises(Refused) as refusal:
        list_folder(tmp_path, Limits(max_files=5))
    assert (refusal.value.code, refusal.value.facts) == ("E109", {"limit": 5})


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("scan.dcm", "scan.dcm"),
        ("胸部/影像.dcm", "胸部/影像.dcm"),
        ("a\nb\x1b[31m", "a�b�[31m"),
        ("evil\u202egpj.exe", "evil�gpj.exe"),
        ("caf\udce9", "caf�"),
    ],
)
def test_names_are_safe_to_show(name, shown):
    assert safe_name(name) == shown


def test_long_names_keep_their_end():
    assert len(safe_name("x" * 9000 + ".dcm")) == 255
    assert safe_name("x" * 9000 + ".dcm").endswith(".dcm")


def test_missing_files(tmp_path):
    with pytest.raises(NotFound, match="E100"), open_regular(tmp_path / "nothing"):
        pass
    with pytest.raises(NotFound, match="E100"), open_regular(tmp_path / "nul\0byte"):
        pass


@needs_user
def test_files_that_may_not_be_read(tmp_path):
    path = tmp_path / "closed"
    path.touch(mode=0)
    with pytest.raises(Refused) as refusal, open_regular(path):
        pass
    assert (refusal.value.code, refusal.value.facts) == ("E101", {"found": "EACCES"})


def test_a_file_that_may_not_be_read_by_any_reason(tmp_path, monkeypatch):
    path = tmp_path / "closed"
    path.touch()

    def refuse(*_):
        raise PermissionError(13, "no", str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(Refused) as refusal, open_regular(path):
        pass
    assert (refusal.value.code, refusal.value.facts) == ("E101", {"found": "EACCES"})
    assert str(path) not in str(refusal.value)


def test_an_open_file_is_closed_again(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"123")
    with open_regular(path) as (descriptor, size):
        assert size == 3
        assert stat.S_ISREG(os.fstat(descriptor).st_mode)
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptor)


def test_an_entry_knows_where_it_came_from(tmp_path):
    assert Entry("a", tmp_path).depth == 0


LITTER = """README a/README.md .DS_Store __MACOSX/a/._1.dcm x/Thumbs.db notes.txt labels.csv viewer.exe LICENSE
autorun.inf .git/HEAD index.html meta.json report.PDF DICOMDIR"""


@pytest.mark.parametrize("name", LITTER.split())
def test_litter(name):
    assert is_litter(name)


@pytest.mark.parametrize("name", ["IM000001", "scan.dcm", "a/b.ima", "readme.dcm", "x.nii.gz", "1.2.840", "a.zip", "b"])
def test_what_claims_to_be_a_scan(name):
    assert not is_litter(name)
