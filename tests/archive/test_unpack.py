"""B5: archives that try to leave their folder, or to fill the machine, are refused at once and leave nothing behind."""

import io
import os
import stat
import struct
import time
import zipfile
from pathlib import Path

import pytest

from hounsfield.archive.entries import Entry
from hounsfield.archive.limits import DEFAULT_LIMITS, MIB, Limits
from hounsfield.archive.local import open_source
from hounsfield.archive.unpack import Unpacker, Workspace
from hounsfield.errors import Refused
from tests.archive.samples import ct_dataset, encode, write_zip

CT = encode(ct_dataset())


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """A temporary folder of our own, to see what is left in it."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def refused(path, limits=DEFAULT_LIMITS):
    started = time.perf_counter()
    with pytest.raises(Refused) as refusal, open_source(path, limits):
        pass
    assert time.perf_counter() - started < 2 or refusal.value.code == "E160"
    return refusal.value


def with_member(path, **changes):
    """Write an archive of one member and change fields of its entry."""
    member = zipfile.ZipInfo(changes.pop("name", "scan.dcm"))
    for name, value in changes.items():
        setattr(member, name, value)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, CT)
    return path


def test_members_get_the_name_of_their_content(tmp_path, scratch):
    path = write_zip(tmp_path / "a.zip", {"study/IM1": CT, "study/again": CT, "README.md": b"hello"})
    with open_source(path) as archive:
        folder = next(scratch.iterdir())
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        instance = archive.studies[0].series[0].instances[0]
        assert instance.path.name == instance.sha256
        assert instance.path.read_bytes() == CT
        assert {path.name for path in folder.iterdir()} == {instance.sha256, *_digests(b"hello")}
        assert [issue.code for issue in archive.issues] == ["Q103", "Q107"]
    assert list(scratch.iterdir()) == []


def _digests(*contents):
    import hashlib

    return [hashlib.sha256(content).hexdigest() for content in contents]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_the_folder_is_removed_whatever_happens(tmp_path, scratch, error):
    path = write_zip(tmp_path / "a.zip", {"IM1": CT})
    with pytest.raises(error), open_source(path):
        raise error(len(list(scratch.iterdir())))
    assert list(scratch.iterdir()) == []


def test_nothing_is_made_for_a_folder(tmp_path, scratch):
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "1").write_bytes(CT)
    with open_source(tmp_path / "scans"):
        assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "/etc/passwd",
        "..\\evil",
        "C:\\evil",
        "c:evil",
        "\\\\server\\share",
        "a/..",
        "..",
        "\\evil",
    ],
)
def test_names_that_leave_the_archive(tmp_path, scratch, name):
    assert refused(write_zip(tmp_path / "a.zip", {"IM1": CT, name: CT})).code == "E132"
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("name", ["scan:stream", "x\u202egpj.exe", "nul", "CON", "..hidden", "a..b/IM1", "名字/影像"])
def test_other_names_are_harmless_because_they_are_not_used(tmp_path, scratch, name):
    with open_source(write_zip(tmp_path / "a.zip", {name: CT})) as archive:
        assert len(archive.studies) == 1


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices(tmp_path, scratch, kind):
    assert refused(with_member(tmp_path / "a.zip", external_attr=(kind | 0o777) << 16)).code == "E133"


def test_an_encrypted_member(tmp_path, scratch):
    path = with_member(tmp_path / "a.zip")
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert refused(path).code == "E134"


def test_a_method_that_needs_unbounded_memory(tmp_path, scratch):
    path = write_zip(tmp_path / "a.zip", {"IM1": CT}, zipfile.ZIP_LZMA)
    assert (refused(path).code, refused(path).facts) == ("E140", {"found": 14})


def test_a_hundred_thousand_members(tmp_path, scratch):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(300):
            archive.writestr(str(number), b"")
    assert refused(path, Limits(max_archive_members=299)).code == "E135"
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\x05\x06")
    content[end + 8 : end + 12] = struct.pack("<HH", 65535, 65535)
    path.write_bytes(content)
    assert refused(path).code == "E135"


def test_a_huge_directory_is_not_read(tmp_path, scratch):
    path = write_zip(tmp_path / "a.zip", {"IM1": CT})
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\x05\x06")
    content[end + 12 : end + 16] = struct.pack("<L", 0xFFFFFFF0)
    path.write_bytes(content)
    assert refused(path).code == "E135"


def test_a_ratio_of_a_thousand(tmp_path, scratch):
    path = write_zip(tmp_path / "a.zip", {"zeros": bytes(70 * MIB)})
    assert path.stat().st_size < 80_000
    assert (refused(path).code, refused(path).facts) == ("E137", {"limit": 100})
    assert list(scratch.iterdir()) == []


def test_more_bytes_than_allowed_in_one_or_in_several_archives(tmp_path, scratch):
    path = write_zip(tmp_path / "a.zip", {"1": os.urandom(3000), "2": os.urandom(3000)})
    assert refused(path, Limits(max_archive_bytes=5000)).code == "E136"
    inner = write_zip(tmp_path / "b.zip", {"1": os.urandom(3000)}).read_bytes()
    both = write_zip(tmp_path / "c.zip", {"IM1": CT, "x.zip": inner, "y.zip": inner})
    with open_source(both, Limits(max_archive_bytes=len(CT) + 2 * len(inner) + 3500)) as archive:
        assert [(item.name, item.error.code) for item in archive.refused] == [("x.zip/1", "E108"), ("y.zip", "E136")]


def test_members_that_share_bytes(tmp_path, scratch):
    path = write_zip(tmp_path / "a.zip", {"1": CT, "2": CT})
    content = bytearray(path.read_bytes())
    second = content.rindex(b"PK\x01\x02")
    content[second + 42 : second + 46] = struct.pack("<L", 0)
    path.write_bytes(content)
    assert refused(path).code == "E139"


def test_archives_in_archives(tmp_path, scratch):
    content = write_zip(tmp_path / "0.zip", {"IM1": CT}).read_bytes()
    with open_source(write_zip(tmp_path / "1.zip", {"inner.zip": content})) as archive:
        assert len(archive.studies) == 1
        assert archive.refused == ()
    for depth in range(2, 5):
        content = write_zip(tmp_path / f"{depth}.zip", {"inner.zip": content}).read_bytes()
    assert refused(tmp_path / "4.zip").code == "E138"
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("cut", [1, 20, 60, 200, 400])
def test_half_an_archive(tmp_path, scratch, cut):
    path = write_zip(tmp_path / "a.zip", {"IM1": CT})
    path.write_bytes(path.read_bytes()[:-cut])
    assert refused(path).code == "E130"


def test_a_damaged_member_is_reported_and_the_others_are_taken(tmp_path, scratch):
    path = write_zip(tmp_path / "a.zip", {"1": CT, "2": encode(ct_dataset())}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF
    path.write_bytes(content)
    with open_source(path) as archive:
        assert [(item.name, item.error.code) for item in archive.refused] == [("1", "E130")]
        assert len(archive.studies[0].series[0].instances) == 1


@pytest.mark.parametrize("members", [{}, {"folder/": b""}])
def test_an_empty_archive(tmp_path, scratch, members):
    assert refused(write_zip(tmp_path / "a.zip", members)).code == "E131"


def test_an_archive_of_documents(tmp_path, scratch):
    path = write_zip(
        tmp_path / "thesis.docx", {"[Content_Types].xml": b"<?xml version='1.0'?>", "word/doc.xml": b"<?xml?>"}
    )
    assert (refused(path).code, refused(path).facts) == ("E162", {"files": 2})


def test_no_space_for_temporary_files(tmp_path, scratch, monkeypatch):
    path = write_zip(tmp_path / "a.zip", {"IM1": CT})

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    assert refused(path).code == "E141"


def test_a_disc_that_fills_up(tmp_path, scratch, monkeypatch):
    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(28, "No space left on device")

    path = write_zip(tmp_path / "a.zip", {"IM1": CT})
    real = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, mode="r", **more: Full() if "x" in mode else real(self, mode, **more)
    )
    assert refused(path).code == "E141"
    assert list(scratch.iterdir()) == []


def test_an_archive_that_is_a_program_or_has_bytes_before_it(tmp_path, scratch):
    content = write_zip(tmp_path / "a.zip", {"IM1": CT}).read_bytes()
    path = tmp_path / "setup.zip"
    path.write_bytes(b"MZ" + bytes(300) + content)
    assert refused(path).code == "E106"


def test_the_unpacker_counts_over_archives(tmp_path, scratch):
    workspace = Workspace()
    unpacker = Unpacker(workspace, Limits(max_archive_members=3))
    path = write_zip(tmp_path / "a.zip", {"1": CT, "2": CT})
    assert [entry.name for entry in unpacker.unpack(Entry("", path))] == ["1", "2"]
    assert (unpacker.members, unpacker.unpacked_bytes) == (2, 2 * len(CT))
    with pytest.raises(Refused, match="E135"):
        unpacker.unpack(Entry("b", path))
    workspace.remove()
    assert list(scratch.iterdir()) == []
