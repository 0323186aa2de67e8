"""DICOMDIR: the files it lists in its own folder, by dcmtk's and pydicom's writers."""

import shutil
import subprocess

import pydicom
import pytest

from hounsfield.archive.directory import Directory, read_directory, resolve
from hounsfield.archive.entries import Entry
from hounsfield.archive.limits import DEFAULT_LIMITS
from hounsfield.archive.local import open_source
from hounsfield.errors import Refused
from tests.archive.samples import PYDICOM_DATA, element, implicit, part10, write_ct

DISC = PYDICOM_DATA / "test_files" / "dicomdirtests"
DIRECTORY_CLASS = "1.2.840.10008.1.3.10"


def directory_file(*references):
    records = b"".join(
        implicit(0xFFFE, 0xE000, element(4, 0x1430, "CS", b"IMAGE ") + element(4, 0x1500, "CS", reference))
        for reference in references
    )
    return part10(element(4, 0x1220, "SQ", records), sop_class=DIRECTORY_CLASS)


def instances(archive):
    return sum(len(series.instances) for study in archive.studies for series in study.series)


@pytest.mark.parametrize(
    "name", ["DICOMDIR", "DICOMDIR-bigEnd", "DICOMDIR-implicit", "DICOMDIR-nopatient", "DICOMDIR-reordered"]
)
def test_the_files_pydicom_finds(name):
    found = read_directory(Entry(name, DISC / name), DEFAULT_LIMITS)
    records = pydicom.dcmread(DISC / name, force=True).DirectoryRecordSequence
    expected = [tuple(record.ReferencedFileID) for record in records if "ReferencedFileID" in record]
    assert found.references == tuple(expected)
    with open_source(DISC / name) as archive:
        assert instances(archive) == len(expected) == 31
        assert archive.refused == ()
        assert [issue.code for issue in archive.issues] == ["Q101"]


def test_one_that_was_cut_short_gives_what_it_still_lists():
    with open_source(DISC / "DICOMDIR-nooffset") as archive:
        assert instances(archive) == 30
        assert "Q121" in [issue.code for issue in archive.issues]


def test_one_that_lists_nothing():
    with pytest.raises(Refused, match="E150"), open_source(DISC / "DICOMDIR-empty.dcm"):
        pass


def test_only_listed_files_are_taken(tmp_path):
    write_ct(tmp_path / "IMAGES" / "IM1")
    write_ct(tmp_path / "IMAGES" / "IM2")
    (tmp_path / "DICOMDIR").write_bytes(directory_file(b"IMAGES\\IM1"))
    with open_source(tmp_path / "DICOMDIR") as archive:
        assert instances(archive) == 1
    with open_source(tmp_path) as archive:
        assert instances(archive) == 2


@pytest.mark.parametrize("given", ["images/im1", "IMAGES/IM1;1", "images/IM1.", "Images/im1.;1"])
def test_names_as_other_systems_copy_them(tmp_path, given):
    write_ct(tmp_path / given)
    (tmp_path / "DICOMDIR").write_bytes(directory_file(b"IMAGES\\IM1 "))
    with open_source(tmp_path / "DICOMDIR") as archive:
        assert instances(archive) == 1


@pytest.mark.parametrize("source", ["DICOMDIR", "."])
def test_missing_files_are_reported(tmp_path, source):
    write_ct(tmp_path / "IM1")
    (tmp_path / "DICOMDIR").write_bytes(directory_file(b"IM1 ", b"IM2 ", b"A\\IM3 "))
    with open_source(tmp_path / source) as archive:
        assert instances(archive) == 1
        assert [(issue.code, issue.facts["files"]) for issue in archive.issues if issue.code == "Q116"] == [("Q116", 2)]
        if source == "DICOMDIR":
            assert [(item.name, item.error.code) for item in archive.refused] == [("IM2", "E151"), ("A/IM3", "E151")]


@pytest.mark.parametrize(
    "reference", [b"..\\secret ", b"A\\..\\..\\secret", b"\\etc\\passwd", b"/etc/passwd ", b"C:\\secret", b". "]
)
def test_references_do_not_leave_the_folder(tmp_path, reference):
    write_ct(tmp_path / "secret")
    folder = tmp_path / "disc"
    write_ct(folder / "IM1")
    (folder / "DICOMDIR").write_bytes(directory_file(b"IM1 ", reference))
    with open_source(folder / "DICOMDIR") as archive:
        assert instances(archive) == 1
        assert [item.error.code for item in archive.refused] == ["E152"]


def test_a_link_on_the_disc_is_not_followed(tmp_path):
    write_ct(tmp_path / "secret")
    folder = tmp_path / "disc"
    write_ct(folder / "IM1")
    (folder / "IM2").symlink_to(tmp_path / "secret")
    (folder / "DICOMDIR").write_bytes(directory_file(b"IM1 ", b"IM2 "))
    with open_source(folder / "DICOMDIR") as archive:
        assert instances(archive) == 1
        assert [item.error.code for item in archive.refused] == ["E151"]


def test_references_are_looked_up_below_the_folder_of_the_dicomdir(tmp_path):
    entries = [Entry("disc1/IM1", tmp_path / "x"), Entry("IM1", tmp_path / "y")]
    assert resolve(Directory((("IM1",),)), "disc1", entries).entries == (entries[0],)
    assert resolve(Directory((("IM1",),)), "", entries).entries == (entries[1],)


def test_a_dicomdir_that_dcmtk_wrote(tmp_path, debian_tool):
    tool = debian_tool("dcmmkdir", "dcmtk")
    for name in ("6154", "6247"):
        folder = "CR1" if name == "6154" else "CR2"
        shutil.copyfile(DISC / "77654033" / folder / name, tmp_path / f"IM{name}")
    subprocess.run([tool, "+r", "+id", ".", "-Nxc"], cwd=tmp_path, check=True, capture_output=True)
    with open_source(tmp_path / "DICOMDIR") as archive:
        assert instances(archive) == 2
        assert archive.refused == ()
