"""Excel manifests written by openpyxl are read as the same CSV would be; damaged ones are refused with a code."""

import csv
import datetime
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from hounsfield.cases import excel
from hounsfield.cases.excel import sheet_rows
from hounsfield.cases.layouts import read_cases
from hounsfield.cases.manifest import is_manifest
from hounsfield.errors import DatasetError
from tests.cases.examples import save_picture

ROWS: list[list[object]] = [
    ["Path", "Label", "Patient ID", "Split", "Age"],
    *(
        [f"images/{number}.png", "ill" if number % 2 else "well", f"p{number // 2}", "train", 40 + number]
        for number in range(8)
    ),
]


def write_book(path: Path, rows: list[list[object]], title: str = "cases") -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    book.create_sheet("notes").append(["nothing", "here"])
    book.save(path)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number in range(8):
        save_picture(tmp_path / "images" / f"{number}.png", number)
    write_book(tmp_path / "manifest.xlsx", ROWS)
    return tmp_path


def code_of(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        read_cases(path)
    return caught.value.code


def test_a_workbook_says_what_the_csv_says(data: Path) -> None:
    found = read_cases(data)
    (data / "manifest.xlsx").rename(data / "aside.bin")
    with (data / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(ROWS)
    assert found == type(found)(**{**read_cases(data).__dict__, "reader": found.reader})
    assert (found.layout, found.class_names, len(found)) == ("manifest", ("ill", "well"), 8)
    assert found.cases[3].patient == "p1"
    assert found.cases[3].attributes == (("Age", "43"),)


def test_a_file_and_its_folder_are_the_same(data: Path) -> None:
    assert read_cases(data / "manifest.xlsx").cases == read_cases(data).cases


def test_numbers_dates_and_gaps(tmp_path: Path) -> None:
    when = datetime.datetime(2026, 11, 27, 8, 30)  # noqa: DTZ001 (Excel knows no zone)
    rows: list[list[object]] = [
        ["a", "b", "c", "d", "e"],
        [1, 2.0, 2.5, when, None],
        [None] * 5,
        [True, " x ", None, "", "z"],
    ]
    assert sheet_rows(write_book(tmp_path / "a.xlsx", rows)) == [
        ["a", "b", "c", "d", "e"],
        ["1", "2", "2.5", "2026-11-27T08:30:00", ""],
        ["True", "x", "", "", "z"],
    ]


def test_labels_that_are_numbers_stay_numbers(data: Path) -> None:
    rows = [ROWS[0], *([path, index % 2, *rest] for index, (path, _, *rest) in enumerate(ROWS[1:]))]
    write_book(data / "manifest.xlsx", rows)
    table = read_cases(data)
    assert (table.class_names, table.has_published_names) == (("0", "1"), False)


def test_rows_beyond_the_first_line_are_cut_or_filled(tmp_path: Path) -> None:
    assert sheet_rows(write_book(tmp_path / "a.xlsx", [["a", "b"], [1, 2, 3], [4]])) == [
        ["a", "b"],
        ["1", "2"],
        ["4", ""],
    ]


def test_a_book_without_the_columns(data: Path) -> None:
    write_book(data / "manifest.xlsx", [["file"], ["images/0.png"]])
    assert not is_manifest(data / "manifest.xlsx")
    assert code_of(data / "manifest.xlsx") == "E813"
    write_book(data / "manifest.xlsx", ROWS[:1])
    assert code_of(data / "manifest.xlsx") == "E815"
    write_book(data / "manifest.xlsx", [])
    assert code_of(data / "manifest.xlsx") == "E815"


def test_a_path_that_leaves_the_folder(data: Path) -> None:
    write_book(data / "manifest.xlsx", [*ROWS, ["../secret.png", "ill", "p", "train", 1]])
    assert code_of(data) == "E814"


@pytest.mark.parametrize("spoil", ["cut", "empty", "text", "zip", "no sheet", "broken xml", "bad zip member"])
def test_a_damaged_book_is_refused(data: Path, spoil: str) -> None:
    path = data / "manifest.xlsx"
    raw = path.read_bytes()
    if spoil in ("zip", "no sheet", "broken xml"):
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        if spoil == "zip":
            members = {"a.txt": b"hello"}
        elif spoil == "no sheet":
            members.pop("xl/worksheets/sheet1.xml")
        else:
            members["xl/worksheets/sheet1.xml"] = members["xl/worksheets/sheet1.xml"][:200]
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    elif spoil == "bad zip member":
        path.write_bytes(raw[:600] + b"\xff" * 80 + raw[680:])
    else:
        path.write_bytes({"cut": raw[: len(raw) // 2], "empty": b"", "text": b"path,label\n1,2\n"}[spoil])
    assert code_of(path) == "E815"


def test_a_book_that_unpacks_too_large_is_not_opened(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excel, "MAX_SHEET_BYTES", 500)
    assert code_of(data / "manifest.xlsx") == "E815"
    assert not is_manifest(data / "manifest.xlsx")
