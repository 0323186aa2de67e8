"""The blind-spot network: blind where it says, the same in tiles, and no weights but those recorded."""

import hashlib
import json
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from hounsfield.errors import PrepareError, WeightsMismatch
from hounsfield.prepare import blind_spot_network
from hounsfield.prepare.blind_spot_network import (
    LARGEST_BYTES,
    built_in_network,
    denoised,
    mirrored_in_period,
    read_network,
)

DATA = Path(str(files("hounsfield.prepare"))) / "data"


def scene(rows: int, columns: int, seed: int = 3) -> np.ndarray:
    r, c = np.mgrid[:rows, :columns]
    clean = 30.0 * ((r - rows / 2) ** 2 + (c - columns / 2) ** 2 < (min(rows, columns) / 3) ** 2) + 10 * np.sin(c / 9)
    return (clean + np.random.default_rng(seed).normal(0, 1, clean.shape)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(DATA, tmp_path / "data")
    return tmp_path / "data"


@pytest.mark.parametrize(
    "place",
    [(0, 0), (0, 21), (1, 1), (2, 5), (6, 30), (13, 2), (20, 20), (41, 44), (40, 43), (39, 38)],
    ids=lambda place: f"{place[0]},{place[1]}",
)
def test_a_sample_does_not_count_for_itself(place: tuple[int, int]):
    """The definition of a blind spot, at the borders and corners too, where samples are mirrored."""
    network = built_in_network()
    noisy = scene(42, 45)
    changed = noisy.copy()
    changed[place] += 200.0
    for one, other in zip(network.told_of(noisy), network.told_of(changed), strict=True):
        assert one[place] == other[place]
        beside = place[0], place[1] + (1 if place[1] == 0 else -1)
        assert one[beside] != other[beside]
    assert denoised(network, noisy)[place] != denoised(network, changed)[place]


def test_a_sample_that_its_neighbours_do_not_explain_keeps_its_value():
    noisy = scene(42, 45)
    mean, deviation = built_in_network().told_of(noisy)
    after = denoised(built_in_network(), noisy)
    is_apart = np.abs(noisy - mean) > 0.1
    weight = (after - mean)[is_apart] / (noisy - mean)[is_apart]
    assert np.allclose(weight, (deviation**2 / (deviation**2 + 1))[is_apart], atol=1e-3)
    assert (after >= np.minimum(noisy, mean) - 1e-4).all()
    assert (after <= np.maximum(noisy, mean) + 1e-4).all()


def test_a_constant_changes_nothing_else():
    noisy = scene(42, 45)
    assert np.allclose(denoised(built_in_network(), noisy + 64), denoised(built_in_network(), noisy) + 64, atol=2e-3)


@pytest.mark.parametrize("side", [17, 40, 64])
def test_tiles_give_what_the_whole_gives(side: int, monkeypatch: pytest.MonkeyPatch):
    noisy = scene(97, 70)
    whole = denoised(built_in_network(), noisy)
    monkeypatch.setattr(blind_spot_network, "TILE", side)
    assert np.allclose(denoised(built_in_network(), noisy), whole, atol=1e-4)


@pytest.mark.parametrize("size", [17, 18, 19, 50])
def test_copies_beyond_the_border_stand_where_they_are_not_seen(size: int):
    margin, period = 14, 3
    indices = mirrored_in_period(0, size, size, margin, period)
    assert indices.min() == 0
    assert indices.max() == size - 1
    assert np.array_equal(indices[margin:-margin], np.arange(size))
    assert not ((np.arange(-margin, size + margin) - indices) % period).any()
    assert np.abs(np.diff(indices)).max() <= 2 * period  # a mirror, not a wrap to the other side


def test_another_runtime_agrees():
    """The network's graph, worked out by the reference code of ONNX instead of onnxruntime."""
    noisy = scene(34, 31)[None, None]
    expected = ReferenceEvaluator(onnx.load(DATA / "blind-spot.onnx")).run(None, {"noisy": noisy})
    found = built_in_network().session.run(["mean", "deviation"], {"noisy": noisy})
    margin = 2 * built_in_network().about.margin
    for one, other in zip(found, expected, strict=True):
        assert one.shape == (1, 1, 34 - margin, 31 - margin)
        assert np.allclose(one, other, atol=1e-3)


def test_the_files_are_small_and_name_each_other():
    raw = (DATA / "blind-spot.onnx").read_bytes()
    model = onnx.load_model_from_string(raw)
    assert len(raw) <= LARGEST_BYTES
    assert [(item.domain, item.version) for item in model.opset_import] == [("", 17)]
    assert {dimension.dim_param for dimension in model.graph.input[0].type.tensor_type.shape.dim} >= {"row", "column"}
    digest = hashlib.sha256(raw).hexdigest()
    assert digest == built_in_network().about.weights_digest
    card = (DATA / "blind-spot.md").read_text(encoding="utf-8")
    assert digest in card
    assert "not a medical device" in card


@pytest.mark.parametrize("at", [0, 1000, -1])
def test_a_changed_byte_is_refused_before_the_runtime_sees_it(folder: Path, at: int, monkeypatch: pytest.MonkeyPatch):
    raw = bytearray((folder / "blind-spot.onnx").read_bytes())
    raw[at] ^= 1
    (folder / "blind-spot.onnx").write_bytes(raw)
    monkeypatch.setattr(blind_spot_network, "_session", lambda raw: pytest.fail("the runtime saw it"))
    with pytest.raises(WeightsMismatch, match="E470"):
        read_network(folder)


def test_a_changed_digest_is_refused(folder: Path):
    about = json.loads((folder / "blind-spot.json").read_text(encoding="utf-8"))
    (folder / "blind-spot.json").write_text(json.dumps({**about, "weights_digest": "0" * 64}), encoding="utf-8")
    with pytest.raises(WeightsMismatch, match="E470"):
        read_network(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"name": "blind-spot"}', "[" * 100_000])
def test_a_damaged_record_is_refused(folder: Path, text: str):
    (folder / "blind-spot.json").write_text(text, encoding="utf-8")
    with pytest.raises(PrepareError, match="E471"):
        read_network(folder)


@pytest.mark.parametrize("raw", [b"", b"no network", bytes(LARGEST_BYTES + 1)], ids=["empty", "text", "large"])
def test_what_the_runtime_does_not_take_is_refused(folder: Path, raw: bytes):
    about = json.loads((folder / "blind-spot.json").read_text(encoding="utf-8"))
    about["weights_digest"] = hashlib.sha256(raw).hexdigest()
    (folder / "blind-spot.json").write_text(json.dumps(about), encoding="utf-8")
    (folder / "blind-spot.onnx").write_bytes(raw)
    with pytest.raises(PrepareError, match="E471"):
        read_network(folder)


def test_a_missing_network_is_refused(tmp_path: Path):
    with pytest.raises(PrepareError, match="E471"):
        read_network(tmp_path)
