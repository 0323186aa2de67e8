"""Packages: the same bytes each time, and no byte can change unseen."""

import hashlib
import io
import shutil
import subprocess
import zipfile

import numpy as np
import pytest

from hounsfield.errors import HounsfieldError, ManifestMismatch, ModelError, WeightsMismatch
from hounsfield.model.container import PARTS
from hounsfield.model.manifest import Manifest
from hounsfield.model.package import open_package, unpack_package, write_package
from tests.model import toys


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "toy.model"
    write_package(path, toys.manifest(), toys.mean_network())
    return path


def test_what_is_written_is_what_is_opened(path):
    found = open_package(path)
    assert found.network == toys.mean_network()
    assert found.manifest.model_copy(update={"parts": {}}) == toys.manifest()
    assert found.card.startswith("# toy 1.2.0\n")


def test_the_weights_digest_is_the_networks_sha256(path):
    expected = hashlib.sha256(toys.mean_network()).hexdigest()
    identity = open_package(path).identity
    assert identity.weights_digest == expected
    assert (identity.name, identity.version, identity.task) == ("toy", "1.2.0", "toy-task")


def test_the_same_arguments_give_the_same_bytes(path, tmp_path):
    again = tmp_path / "again.model"
    assert write_package(again, toys.manifest(), toys.mean_network()) == open_package(path).identity
    assert again.read_bytes() == path.read_bytes()


def test_other_tools_read_the_package(path, tmp_path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == list(PARTS)
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        archive.extractall(tmp_path / "parts")
    tool = shutil.which("sha256sum")
    if tool:
        subprocess.run([tool, "--check", "--strict", "SHA256SUMS"], cwd=tmp_path / "parts", check=True)


def test_every_single_changed_byte_is_found(path):
    raw = path.read_bytes()
    chance = np.random.default_rng(0)
    ends = [*range(64), *range(len(raw) - 400, len(raw))]
    for position in sorted({*ends, *chance.integers(0, len(raw), 500).tolist()}):
        changed = bytearray(raw)
        changed[position] ^= int(chance.integers(1, 256))
        path.write_bytes(changed)
        with pytest.raises(ModelError):
            open_package(path)


@pytest.mark.parametrize(
    "change", [lambda raw: raw[:-1], lambda raw: raw + b"\0", lambda raw: b"\0" + raw, lambda raw: b""]
)
def test_a_longer_or_shorter_file_is_refused(path, change):
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ModelError):
        open_package(path)


def test_a_folder_is_a_package_too(path, tmp_path):
    unpack_package(open_package(path), tmp_path / "folder")
    folder = open_package(tmp_path / "folder")
    assert folder == open_package(path)


def test_a_folder_zipped_by_another_tool_is_taken_on_its_digests(path, tmp_path):
    unpack_package(open_package(path), tmp_path / "folder")
    with zipfile.ZipFile(tmp_path / "other.model", "w", zipfile.ZIP_DEFLATED) as archive:
        for part in sorted((tmp_path / "folder").iterdir()):
            archive.write(part, part.name)
    assert open_package(tmp_path / "other.model") == open_package(path)


@pytest.mark.parametrize("name", ["manifest.json", "network.onnx", "card.md", "SHA256SUMS"])
def test_a_changed_part_of_a_folder_is_found(path, tmp_path, name):
    folder = tmp_path / "folder"
    unpack_package(open_package(path), folder)
    raw = bytearray((folder / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (folder / name).write_bytes(raw)
    with pytest.raises((WeightsMismatch, ManifestMismatch)):
        open_package(folder)


@pytest.mark.parametrize("name", PARTS)
def test_a_folder_without_a_part_is_no_package(path, tmp_path, name):
    folder = tmp_path / "folder"
    unpack_package(open_package(path), folder)
    (folder / name).unlink()
    with pytest.raises(ModelError) as caught:
        open_package(folder)
    assert caught.value.code == "E502"


def test_digests_that_speak_of_other_parts_are_found(path):
    """All sums are right, the manifest's own entries are not."""
    from hounsfield.model.container import pack

    found = open_package(path)
    other = found.manifest.model_copy(update={"parts": {}})
    parts = {"manifest.json": other.to_json(), "network.onnx": found.network, "card.md": found.card.encode()}
    path.write_bytes(pack(parts))
    with pytest.raises(ManifestMismatch) as caught:
        open_package(path)
    assert caught.value.code == "E505"


def test_a_missing_file_is_named_without_its_folder(tmp_path):
    with pytest.raises(ModelError) as caught:
        open_package(tmp_path / "secret-folder" / "toy.model")
    assert caught.value.code == "E501"
    assert "secret-folder" not in str(caught.value)


def test_an_unfit_network_is_never_written(tmp_path):
    path = tmp_path / "toy.model"
    with pytest.raises(ModelError):
        write_package(path, toys.manifest(), b"not a network")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_package(path, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_package(path, toys.manifest(version="2.0.0"), toys.mean_network())
    assert path.read_bytes() == before
    assert [item.name for item in path.parent.iterdir()] == ["toy.model"]


def test_the_written_file_can_be_read_by_all(path):
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_card_of_ones_own_is_kept(tmp_path):
    write_package(tmp_path / "toy.model", toys.manifest(), toys.mean_network(), "# My card\n")
    assert open_package(tmp_path / "toy.model").card == "# My card\n"


def test_opening_starts_no_runtime(path):
    code = (
        "import sys; from pathlib import Path; from hounsfield.model.package import open_package;"
        f"open_package(Path({str(path)!r}));"
        "sys.exit(any(name in sys.modules for name in ('onnxruntime', 'onnx', 'torch')))"
    )
    import sys

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_error_says_what_to_do(path):
    raw = path.read_bytes()
    for changed in (raw[:50], raw[:-1], raw.replace(b"toy-task", b"toy-tusk"), b"garbage"):
        path.write_bytes(changed)
        with pytest.raises(HounsfieldError) as caught:
            open_package(path)
        assert caught.value.exit_code == 3
        for language in ("en", "zh"):
            assert caught.value.text(language)
            assert caught.value.next_step(language)
            assert "?" not in caught.value.text(language)


def test_the_manifest_reads_back_from_the_archive_alone(path):
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        assert Manifest.model_validate_json(archive.read("manifest.json")) == open_package(path).manifest
