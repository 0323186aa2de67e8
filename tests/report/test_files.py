"""A file is whole or not there."""

import os
import stat

import pytest

from hounsfield.errors import ReportError
from hounsfield.report.files import write_atomic


def test_it_makes_the_folder_and_leaves_nothing_else(tmp_path):
    path = write_atomic(tmp_path / "deep" / "er" / "a.json", b"{}")
    assert path.read_bytes() == b"{}"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.json"]


def test_it_replaces_a_file_and_obeys_the_mask(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"old and longer")
    before = os.umask(0o027)
    try:
        write_atomic(path, b"new")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_failure_leaves_the_old_file_and_no_part(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_bytes(b"old")

    def fail(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ReportError) as caught:
        write_atomic(path, b"new")
    assert caught.value.code == "E600"
    assert "No space left" in str(caught.value)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_that_is_a_file_is_a_report_error(tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(ReportError):
        write_atomic(tmp_path / "file" / "a.json", b"{}")
