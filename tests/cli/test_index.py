"""``hounsfield index`` from the command line: what it answers, and with which exit code."""

import json
import shutil
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from hounsfield.archive.index_store import find_files
from hounsfield.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    root.mkdir()
    for name in ("CT_small.dcm", "MR_small.dcm"):
        shutil.copy(str(get_testdata_file(name)), root / name)
    return root


def run(folder: Path, database: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> tuple[int, dict[str, object]]:
    code = main(["index", str(folder), "-o", str(database), "--json", "--quiet"])
    return code, json.loads(capsysbinary.readouterr().out)


def test_a_folder_becomes_a_table(folder: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    database = tmp_path / "index.sqlite"
    code, data = run(folder, database, capsysbinary)
    assert code == 0
    assert (data["files"], data["read"], data["refused"]) == (2, 2, 0)
    assert {series["modality"] for series in data["series"]} == {"CT", "MR"}
    assert find_files(database, "modality", "MR") == ("MR_small.dcm",)
    assert run(folder, database, capsysbinary)[1]["unchanged"] == 2


def test_refused_files_are_said_by_the_exit_code(
    folder: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    (folder / "note.txt").write_text("hello", encoding="utf-8")
    assert run(folder, tmp_path / "index.sqlite", capsysbinary)[0] == 4
    for name in ("CT_small.dcm", "MR_small.dcm"):
        (folder / name).unlink()
    code, data = run(folder, tmp_path / "index.sqlite", capsysbinary)
    assert (code, data["files"], data["removed"]) == (3, 0, 2)


def test_another_file_is_not_written_over(
    folder: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("no database " * 100, encoding="utf-8")
    code, data = run(folder, notes, capsysbinary)
    assert (code, data["error"]["code"]) == (3, "E165")
    assert notes.read_text(encoding="utf-8") == "no database " * 100


def test_people_read_lines(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", str(folder), "-o", str(tmp_path / "index.sqlite"), "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert "CT" in "".join(lines[:2])
    assert lines[-1] == "Research software, not a medical device: every result needs a doctor's eyes."
    assert lines[-2].endswith("files 2, refused 0, read 2, unchanged 0, removed 0")
