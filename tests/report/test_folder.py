"""The output folder: complete or not there, earlier results kept, strangers' files safe."""

import pytest

from hounsfield.errors import ReportError
from hounsfield.report.folder import MARKER, output_folder


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_results_appear_together(tmp_path):
    final = tmp_path / "deep" / "out"
    with output_folder(final) as folder:
        (folder.partial / "index.html").write_text("new", encoding="utf-8")
        inside = folder.partial / "01"
        inside.mkdir()
        (inside / "report.json").write_text("{}", encoding="utf-8")
        assert names(final) == [folder.partial.name]
        assert folder.final_path(inside / "report.json") == final / "01" / "report.json"
    assert names(final) == ["01", MARKER, "index.html"]
    assert (final / "01" / "report.json").read_text(encoding="utf-8") == "{}"


def test_a_failed_run_leaves_nothing_and_touches_nothing(tmp_path):
    with output_folder(tmp_path) as folder:
        (folder.partial / "index.html").write_text("good", encoding="utf-8")

    def fail_half_way():
        with output_folder(tmp_path) as folder:
            (folder.partial / "index.html").write_text("half", encoding="utf-8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert names(tmp_path) == [MARKER, "index.html"]
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == "good"


def test_earlier_results_are_kept_apart(tmp_path):
    for text in ("first", "second"):
        with output_folder(tmp_path) as folder:
            (folder.partial / "index.html").write_text(text, encoding="utf-8")
            (folder.partial / text).mkdir()
    earlier = next(entry for entry in tmp_path.iterdir() if entry.name.startswith("earlier-"))
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == "second"
    assert not (tmp_path / "first").exists()
    assert (earlier / "index.html").read_text(encoding="utf-8") == "first"
    assert (earlier / "first").is_dir()


def test_files_of_others_are_never_overwritten(tmp_path):
    (tmp_path / "index.html").write_text("my own page", encoding="utf-8")
    with pytest.raises(ReportError) as caught, output_folder(tmp_path) as folder:
        (folder.partial / "index.html").write_text("new", encoding="utf-8")
    assert caught.value.code == "E680"
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == "my own page"
    assert names(tmp_path) == ["index.html"]


def test_other_files_may_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with output_folder(tmp_path) as folder:
        (folder.partial / "index.html").write_text("new", encoding="utf-8")
    assert names(tmp_path) == [MARKER, "index.html", "notes.txt"]


@pytest.mark.parametrize("content", ['{"entries": ["../victim", "..", "", 3]}', "not json", "[]", '{"entries": 5}'])
def test_a_forged_marker_moves_nothing_outside(tmp_path, content):
    victim = tmp_path / "victim"
    victim.write_text("safe", encoding="utf-8")
    final = tmp_path / "out"
    final.mkdir()
    (final / MARKER).write_text(content, encoding="utf-8")
    with output_folder(final) as folder:
        (folder.partial / "index.html").write_text("new", encoding="utf-8")
    assert victim.read_text(encoding="utf-8") == "safe"
    assert (final / "index.html").read_text(encoding="utf-8") == "new"
