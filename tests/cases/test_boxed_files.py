"""Files of data sets with boxes: walks are bounded and ordered, and no path leads out of the data."""

import pytest

from hounsfield.cases import boxed_files
from hounsfield.cases.boxed_files import files_under, inside, read_bounded, read_text, relative_name
from hounsfield.errors import DatasetError


def make(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def test_files_come_in_one_order_without_hidden_ones_and_links(tmp_path):
    data = make(tmp_path / "data", "b/2.xml", "b/1.XML", "a/3.xml", ".git/4.xml", "a/.5.xml", "a/6.txt")
    (data / "a/7.xml").symlink_to(data / "a/3.xml")
    found = [relative_name(data, path) for path in files_under(data, ".xml")]
    assert found == ["a/3.xml", "b/1.XML", "b/2.xml"]


def test_linked_folders_are_not_walked_into(tmp_path):
    make(tmp_path / "other", "secret.xml")
    data = make(tmp_path / "data", "a.xml")
    (data / "link").symlink_to(tmp_path / "other")
    assert [path.name for path in files_under(data, ".xml")] == ["a.xml"]


def test_a_walk_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(boxed_files, "MAX_FILES", 3)
    data = make(tmp_path / "data", *(f"{index}.xml" for index in range(4)))
    with pytest.raises(DatasetError, match="E819"):
        list(files_under(data, ".xml"))


def test_a_file_larger_than_its_kind_is_refused(tmp_path):
    path = tmp_path / "a.xml"
    path.write_bytes(b"x" * 11)
    assert len(read_bounded(path, 11)) == 11
    with pytest.raises(DatasetError, match="E890"):
        read_bounded(path, 10)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DatasetError) as caught:
        read_bounded(tmp_path / "a.xml")
    assert caught.value.code == "E890"
    assert caught.value.facts["path"] == "a.xml"


def test_text_loses_its_mark_and_keeps_what_can_be_read(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfnames: \xff")
    assert read_text(path) == "names: \ufffd"


@pytest.mark.parametrize(
    "name",
    ["", "..", "../a.png", "b/../../a.png", "/a.png", "\\a.png", "C:/a.png", "a\0.png", "a" * 5000, "missing.png"],
)
def test_a_name_that_leads_nowhere_good_is_none(tmp_path, name):
    make(tmp_path, "a.png")
    data = make(tmp_path / "data", "b.png")
    assert inside(data, data, name) is None


@pytest.mark.parametrize("name", ["b.png", "c/d.png", "c\\d.png", "./b.png"])
def test_a_name_inside_is_found(tmp_path, name):
    data = make(tmp_path / "data", "b.png", "c/d.png")
    found = inside(data, data, name)
    assert found is not None
    assert found.is_file()


def test_a_name_with_strange_bytes_can_be_written(tmp_path):
    path = tmp_path / "caf\udce9.xml"
    assert relative_name(tmp_path, path) == "caf\\xe9.xml"
