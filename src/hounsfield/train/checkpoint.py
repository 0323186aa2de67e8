"""Checkpoints: tensors as safetensors, the rest as JSON, written so that a torn one is never loaded.

The tensors are written, synced and renamed first; the JSON beside them, which names their SHA-256, is the record that
makes the checkpoint exist. A kill at any moment leaves either the whole of a checkpoint or the one before it.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from hounsfield.train.history import EpochRecord, read_record

KEPT = 2
"""Checkpoints left in the folder: the last, and the one before it."""


@dataclass(frozen=True)
class Progress:
    """Where a run is, apart from its tensors.

    Attributes:
        plan_digest: of the plan it obeys.
        data_digest: of the images and labels it learns from.
        epochs_done: epochs finished.
        epochs_planned: epochs of the schedule; fewer than the plan's when a time limit shortened it.
        best_epoch: the epoch whose weights are kept so far, counted from 1.
        stopped_by: empty while the run goes on.
        seconds: training time so far.
        history: one record an epoch.
    """

    plan_digest: str
    data_digest: str
    epochs_done: int = 0
    epochs_planned: int = 0
    best_epoch: int = 0
    stopped_by: str = ""
    seconds: float = 0.0
    history: tuple[EpochRecord, ...] = ()


@dataclass(frozen=True)
class Checkpoint:
    """A state to go on from."""

    progress: Progress
    tensors: Mapping[str, Tensor]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint, then remove all but the last ``KEPT``; return the path of its record."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"epoch-{checkpoint.progress.epochs_done:06d}"
    raw = save_tensors({name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()})
    write_synced(folder / f"{stem}.safetensors", raw)
    record = {"tensors_sha256": hashlib.sha256(raw).hexdigest(), "progress": asdict(checkpoint.progress)}
    path = folder / f"{stem}.json"
    write_synced(path, json.dumps(record, indent=1).encode())
    for old in sorted(folder.glob("epoch-*.json"))[:-KEPT]:
        old.unlink()
        old.with_suffix(".safetensors").unlink(missing_ok=True)
    return path


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the newest whole checkpoint of a folder, or None when there is none; torn ones are passed over."""
    for path in sorted(folder.glob("epoch-*.json"), reverse=True):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            raw = path.with_suffix(".safetensors").read_bytes()
            if hashlib.sha256(raw).hexdigest() != record["tensors_sha256"]:
                continue
            return Checkpoint(_progress(record["progress"]), load_tensors(raw))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError):
            continue
    return None


def clear_checkpoints(folder: Path) -> None:
    """Remove every checkpoint of an earlier run."""
    for path in sorted(folder.glob("epoch-*")):
        path.unlink(missing_ok=True)


def write_synced(path: Path, raw: bytes) -> None:
    """Write a file beside its place, sync it, and move it there in one step."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as stream:
        stream.write(raw)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _progress(values: dict[str, Any]) -> Progress:
    history = tuple(read_record(row) for row in values.pop("history"))
    return Progress(**values, history=history)
