"""Checkpoints: whole or not there, whatever is torn, cut, swapped or missing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from hounsfield.train.checkpoint import (  # noqa: E402
    Checkpoint,
    Progress,
    clear_checkpoints,
    read_checkpoint,
    write_checkpoint,
)
from hounsfield.train.history import EpochRecord, history_csv  # noqa: E402

RECORD = EpochRecord(1, 1e-3, 0.5, {"accuracy": 0.75}, 0.4, {"accuracy": 0.8, "auroc": 0.9}, (0.9, -0.4), 1.25)


def checkpoint(epoch: int) -> Checkpoint:
    tensors = {"network/a": torch.full((3, 4), float(epoch)), "step": torch.tensor(epoch * 10)}
    history = tuple(replace(RECORD, epoch=index + 1) for index in range(epoch))
    return Checkpoint(Progress("p", "d", epoch, 20, 1, "", 1.5, history), tensors)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, checkpoint(3))
    found = read_checkpoint(tmp_path)
    assert found is not None
    assert found.progress == checkpoint(3).progress
    assert set(found.tensors) == {"network/a", "step"}
    assert torch.equal(found.tensors["network/a"], torch.full((3, 4), 3.0))
    assert found.tensors["step"].dtype == torch.int64


def test_empty_or_missing_folder_has_none(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path) is None
    assert read_checkpoint(tmp_path / "nothing") is None


def test_only_the_last_two_are_kept(tmp_path: Path) -> None:
    for epoch in range(1, 6):
        write_checkpoint(tmp_path, checkpoint(epoch))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"epoch-00000{epoch}.{kind}" for epoch in (4, 5) for kind in ("json", "safetensors")]
    clear_checkpoints(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["json", "safetensors"])
def test_a_torn_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path, kind: str, share: float) -> None:
    write_checkpoint(tmp_path, checkpoint(1))
    write_checkpoint(tmp_path, checkpoint(2))
    path = tmp_path / f"epoch-000002.{kind}"
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    found = read_checkpoint(tmp_path)
    assert found is not None
    assert found.progress.epochs_done == 1


def test_every_changed_byte_of_the_tensors_is_noticed(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, checkpoint(1))
    path = tmp_path / "epoch-000001.safetensors"
    raw = path.read_bytes()
    for index in range(0, len(raw), 7):
        path.write_bytes(raw[:index] + bytes([raw[index] ^ 1]) + raw[index + 1 :])
        assert read_checkpoint(tmp_path) is None
    path.write_bytes(raw)
    assert read_checkpoint(tmp_path) is not None


def test_tensors_without_their_record_do_not_count(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, checkpoint(1))
    write_checkpoint(tmp_path, checkpoint(2))
    (tmp_path / "epoch-000002.json").unlink()
    found = read_checkpoint(tmp_path)
    assert found is not None
    assert found.progress.epochs_done == 1


def test_leftovers_of_a_write_cut_short_do_no_harm(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, checkpoint(1))
    (tmp_path / "epoch-000002.safetensors.part").write_bytes(b"half")
    (tmp_path / "epoch-000002.json.part").write_bytes(b'{"tensors')
    found = read_checkpoint(tmp_path)
    assert found is not None
    assert found.progress.epochs_done == 1


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"tensors_sha256": 5, "progress": {}}', "\xff"])
def test_a_record_that_is_something_else_is_passed_over(tmp_path: Path, text: str) -> None:
    write_checkpoint(tmp_path, checkpoint(1))
    (tmp_path / "epoch-000009.json").write_text(text, encoding="latin-1")
    (tmp_path / "epoch-000009.safetensors").write_bytes(b"")
    found = read_checkpoint(tmp_path)
    assert found is not None
    assert found.progress.epochs_done == 1


def test_record_is_json_a_person_can_read(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, checkpoint(2))
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["progress"]["history"][1]["tuning"]["auroc"] == 0.9


def test_history_as_csv_has_a_row_an_epoch() -> None:
    lines = history_csv((RECORD, replace(RECORD, epoch=2))).splitlines()
    assert lines[0] == (
        "epoch,learning_rate,training_loss,training_accuracy,tuning_loss,tuning_accuracy,tuning_auroc,seconds"
    )
    assert lines[2].startswith("2,0.001,0.5")
    assert len(lines) == 3


def test_the_library_of_the_format_reads_every_type_and_order(tmp_path: Path) -> None:
    tensors = {
        "weight": torch.rand(4, 3, 5, 5).to(memory_format=torch.channels_last),
        "moment": torch.rand(3, 2).T,
        "step": torch.tensor(7),
        "half": torch.rand(5).half(),
        "double": torch.rand(2, 2).double(),
        "flags": torch.tensor([True, False, True]),
        "bytes": torch.arange(5, dtype=torch.uint8),
        "none": torch.zeros(0, 3),
    }
    path = write_checkpoint(tmp_path, Checkpoint(Progress("p", "d", 1), tensors)).with_suffix(".safetensors")
    found = load_file(path)
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name
    again = read_checkpoint(tmp_path)
    assert again is not None
    assert torch.equal(again.tensors["weight"], tensors["weight"])
