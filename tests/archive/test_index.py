"""The header index against pydicom: the same values, only what changed is read, and nothing is lost on the way."""

import os
import shutil
import sqlite3
import stat
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.datadict import keyword_for_tag

from hounsfield.archive import index as module
from hounsfield.archive.index import index_tree
from hounsfield.archive.index_columns import COLUMNS, Column, convert
from hounsfield.archive.index_store import find_files, list_series
from hounsfield.errors import HounsfieldError, NotFound, Refused

NAMES = (
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "JPEG2000.dcm",
    "rtplan.dcm",
    "image_dfl.dcm",
    "SC_rgb_rle.dcm",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    (root / "below").mkdir(parents=True)
    for place, name in enumerate(NAMES):
        shutil.copy(str(get_testdata_file(name)), root / ("below" if place % 2 else "") / name)
    return root


def rows(database: Path, table: str = "files") -> dict[str, dict[str, object]]:
    connection = sqlite3.connect(database)
    connection.row_factory = sqlite3.Row
    found = {row["path"]: dict(row) for row in connection.execute(f"SELECT * FROM {table}")}
    connection.close()
    return found


def expected(dataset: pydicom.Dataset, column: Column) -> object:
    element = dataset.get(column.tag)
    value = None if element is None else element.value
    if value is None or value == "" or value == []:
        return None
    if column.kind in ("INTEGER", "BINARY"):
        return int(value)
    if column.kind == "REAL":
        return float(value)
    if isinstance(value, pydicom.multival.MultiValue):
        return "\\".join(str(getattr(part, "original_string", part)) for part in value)
    return str(value)


def test_columns_are_the_keywords_of_their_tags() -> None:
    for column in COLUMNS:
        keyword = keyword_for_tag(column.tag)
        assert column.name.replace("_", "") == keyword.lower()


def test_values_are_those_of_pydicom(folder: Path, tmp_path: Path) -> None:
    made = index_tree(folder, tmp_path / "index.sqlite")
    found = rows(tmp_path / "index.sqlite")
    assert (made.files, made.refused, made.read) == (len(NAMES), 0, len(NAMES))
    for path, row in found.items():
        dataset = pydicom.dcmread(folder / path)
        assert row["transfer_syntax_uid"] == dataset.file_meta.TransferSyntaxUID
        assert row["size_bytes"] == (folder / path).stat().st_size
        for column in COLUMNS:
            assert row[column.name] == expected(dataset, column), (path, column.name)


def test_no_name_of_a_person_is_held(folder: Path, tmp_path: Path) -> None:
    database = tmp_path / "index.sqlite"
    index_tree(folder, database)
    for name in NAMES:
        person = str(pydicom.dcmread(str(get_testdata_file(name))).get("PatientName", "")).encode()
        assert len(person) < 4 or person not in database.read_bytes()
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_what_is_no_dicom_is_listed_with_its_reason(folder: Path, tmp_path: Path) -> None:
    (folder / "empty").write_bytes(b"")
    (folder / "note.txt").write_text("hello", encoding="utf-8")
    (folder / "cut.dcm").write_bytes((folder / "CT_small.dcm").read_bytes()[:2000])
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    made = index_tree(folder, tmp_path / "index.sqlite")
    codes = {path: row["code"] for path, row in rows(tmp_path / "index.sqlite", "refused").items()}
    assert codes == {"empty": "E104", "note.txt": "E105", "cut.dcm": "E111", "picture.png": "E168"}
    assert (made.files, made.refused) == (len(NAMES), 4)


def test_only_what_changed_is_read_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "index.sqlite"
    index_tree(folder, database)
    read: list[str] = []
    walk = module.walk_headers

    def watched(paths: list[str], tags: tuple[int, ...]) -> object:
        read.extend(Path(path).name for path in paths)
        return walk(paths, tags)

    monkeypatch.setattr(module, "walk_headers", watched)
    assert index_tree(folder, database).unchanged == len(NAMES)
    assert read == []
    dataset = pydicom.dcmread(folder / "CT_small.dcm")
    dataset.SeriesDescription = "changed since"
    dataset.save_as(folder / "CT_small.dcm")
    (folder / "below" / "MR_small.dcm").unlink()
    made = index_tree(folder, database)
    assert read == ["CT_small.dcm"]
    assert (made.files, made.read, made.removed, made.unchanged) == (len(NAMES) - 1, 1, 1, len(NAMES) - 2)
    assert rows(database)["CT_small.dcm"]["series_description"] == "changed since"
    assert "below/MR_small.dcm" not in rows(database)


def test_more_files_than_one_batch(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_tree(folder, tmp_path / "whole.sqlite")
    monkeypatch.setattr(module, "AT_A_TIME", 2)
    index_tree(folder, tmp_path / "parts.sqlite")
    assert rows(tmp_path / "whole.sqlite") == rows(tmp_path / "parts.sqlite")


def test_an_error_leaves_the_table_as_it_was(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "index.sqlite"
    index_tree(folder, database)
    before = rows(database)
    (folder / "CT_small.dcm").unlink()
    (folder / "new.dcm").write_bytes((folder / "JPEG2000.dcm").read_bytes())

    def broken(paths: list[str], tags: tuple[int, ...]) -> object:
        raise MemoryError

    monkeypatch.setattr(module, "walk_headers", broken)
    with pytest.raises(MemoryError):
        index_tree(folder, database)
    assert rows(database) == before


def test_the_database_may_lie_in_the_folder_and_links_are_not_followed(folder: Path) -> None:
    (folder / "link").symlink_to(folder)
    index_tree(folder, folder / "index.sqlite")
    assert index_tree(folder, folder / "index.sqlite").refused == 0
    assert len(rows(folder / "index.sqlite")) == len(NAMES)


def test_a_name_that_is_no_utf8_is_kept(folder: Path, tmp_path: Path) -> None:
    odd = os.fsencode(folder) + b"/\xff\xe9.dcm"
    try:
        Path(os.fsdecode(odd)).write_bytes((folder / "CT_small.dcm").read_bytes())
    except OSError:
        pytest.skip("the file system takes no such name")
    database = tmp_path / "index.sqlite"
    index_tree(folder, database)
    assert "\\xff\\xe9.dcm" in rows(database)
    assert index_tree(folder, database).read == 0


def test_files_and_series_can_be_asked_for(folder: Path, tmp_path: Path) -> None:
    database = tmp_path / "index.sqlite"
    index_tree(folder, database)
    uid = str(pydicom.dcmread(folder / "CT_small.dcm").SeriesInstanceUID)
    assert find_files(database, "series_instance_uid", uid) == ("CT_small.dcm",)
    assert find_files(database, "rows", 128)[0] == "CT_small.dcm"
    series = {item.series_instance_uid: item for item in list_series(database)}
    assert series[uid].modality == "CT"
    assert sum(item.files for item in series.values()) == len(NAMES)


@pytest.mark.parametrize("column", ["patient_name", "path; DROP TABLE files", ""])
def test_a_column_that_is_not_there_is_refused(folder: Path, tmp_path: Path, column: str) -> None:
    index_tree(folder, tmp_path / "index.sqlite")
    with pytest.raises(Refused, match="E167"):
        find_files(tmp_path / "index.sqlite", column, "x")


def test_what_is_not_an_index_is_left_alone(folder: Path, tmp_path: Path) -> None:
    other, text = tmp_path / "other.sqlite", tmp_path / "notes.txt"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    text.write_text("these are my notes, and no database at all " * 40, encoding="utf-8")
    for path in (other, text):
        before = path.read_bytes()
        with pytest.raises(Refused, match="E165"):
            index_tree(folder, path)
        with pytest.raises(Refused, match="E165"):
            list_series(path)
        assert path.read_bytes() == before
    index_tree(folder, tmp_path / "index.sqlite")
    with pytest.raises(Refused, match="E166"):
        index_tree(folder / "below", tmp_path / "index.sqlite")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        list_series(tmp_path / "none")
    with pytest.raises(HounsfieldError):
        index_tree(tmp_path / "none", tmp_path / "index.sqlite")
    assert not (tmp_path / "index.sqlite").exists()


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("REAL", b"1e999", None),
        ("REAL", b"nan", None),
        ("REAL", b"2.5\\3", 2.5),
        ("INTEGER", b"1_0", None),
        ("INTEGER", b" 12 ", 12),
        ("INTEGER", b"999999999999999999999", None),
        ("BINARY", b"\x00\x02", 512),
        ("BINARY", b"\x00", None),
        ("TEXT", b" ", None),
        ("TEXT", b"A\\B", "A\\B"),
    ],
)
def test_numbers_that_are_none_are_left_out(kind: str, raw: bytes, value: object) -> None:
    assert convert(Column("x", 0x00180050, kind), raw, b"") == value
