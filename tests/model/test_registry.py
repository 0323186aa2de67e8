"""Registry: listing is quick and complete, finding prefers the user's own."""

import subprocess
import sys
import time

import pytest

from hounsfield.errors import ModelError
from hounsfield.model import registry
from hounsfield.model.package import open_package, unpack_package, write_package
from hounsfield.model.registry import find_model, list_models, starters_folder
from tests.model import toys


@pytest.fixture
def starters(tmp_path, monkeypatch):
    folder = tmp_path / "starters"
    folder.mkdir()
    monkeypatch.setattr(registry, "starters_folder", lambda: folder)
    for name in ("body-part", "chest"):
        write_package(folder / f"{name}.model", toys.manifest(name=name), toys.mean_network())
    return folder


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


def test_starters_are_listed_by_name(starters):
    found = list_models()
    assert [summary.name for summary in found] == ["body-part", "chest"]
    assert all(summary.is_starter and summary.error is None for summary in found)
    opened = open_package(starters / "chest.model")
    assert found[1].weights_digest == opened.identity.weights_digest
    assert (found[1].version, found[1].task, found[1].licence) == ("1.2.0", "toy-task", "CC0-1.0")


def test_a_users_model_stands_for_a_starter_of_the_same_name(starters, own):
    write_package(own / "mine.model", toys.manifest(name="chest", version="9.0.0"), toys.mean_network())
    assert [(summary.name, summary.version) for summary in list_models([own])] == [
        ("chest", "9.0.0"),
        ("body-part", "1.2.0"),
    ]
    assert find_model("chest", [own]).manifest.version == "9.0.0"
    assert find_model("chest").manifest.version == "1.2.0"


def test_models_in_folders_are_found(starters, own):
    unpack_package(open_package(starters / "chest.model"), own / "unpacked")
    assert find_model("chest", [own]) == find_model("chest")
    assert find_model(own / "unpacked") == find_model("chest")


def test_a_damaged_model_is_listed_with_its_error(starters, own):
    (own / "broken.model").write_bytes(b"garbage")
    (own / "notes.txt").write_text("no model", encoding="utf-8")
    found = {summary.name: summary for summary in list_models([own])}
    assert set(found) == {"broken", "body-part", "chest"}
    assert isinstance(found["broken"].error, ModelError)
    assert (
        found["broken"].version
        == found["broken"].task
        == found["broken"].licence
        == found["broken"].weights_digest
        == ""
    )
    with pytest.raises(ModelError) as caught:
        find_model("broken", [own])
    assert caught.value.code in {"E502", "E504"}


def test_a_changed_manifest_is_not_believed_by_the_listing(starters):
    path = starters / "chest.model"
    path.write_bytes(path.read_bytes().replace(b"toy-task", b"toy-tusk", 1))
    assert [summary.error is None for summary in list_models()] == [True, False]


def test_an_unknown_name_lists_the_known_ones(starters):
    with pytest.raises(ModelError, match="body-part, chest") as caught:
        find_model("knee")
    assert caught.value.code == "E501"


@pytest.mark.parametrize("name", ["../starters/chest", "/etc/passwd", "missing.model", "..", ""])
def test_a_name_is_no_way_around(starters, name):
    with pytest.raises(ModelError):
        find_model(name)


def test_a_path_is_opened(starters):
    assert find_model(starters / "chest.model") == find_model(str(starters / "chest.model"))


def test_a_missing_folder_has_no_models(starters, tmp_path):
    assert len(list_models([tmp_path / "missing"])) == 2


def test_the_starters_lie_in_the_package():
    import hounsfield

    assert str(starters_folder()).startswith(str(next(iter(hounsfield.__path__))))


def test_listing_is_quick_and_starts_no_runtime(starters):
    start = time.perf_counter()
    list_models()
    assert time.perf_counter() - start < 0.2
    code = (
        "import sys; from pathlib import Path; from hounsfield.model.registry import list_models;"
        f"found = list_models([Path({str(starters)!r})]);"
        "sys.exit(any(name in sys.modules for name in ('onnxruntime', 'onnx', 'torch')) or len(found) < 2)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
