"""Checkpoints: tensors as safetensors, the rest as JSON, written so that a torn one is never loaded.

The tensors are written, synced and renamed first; the JSON beside them, which names their SHA-256, is the record that
makes the checkpoint exist. A kill at any moment leaves either the whole of a checkpoint or the one before it.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor

from hounsfield.train.history import EpochRecord, read_record

DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""Names of types in the format safetensors, for what a run can hold."""
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
    digest = _write_tensors(folder / f"{stem}.safetensors", checkpoint.tensors)
    record = {"tensors_sha256": digest, "progress": asdict(checkpoint.progress)}
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
    _move_synced(part, path)


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write tensors as ``write_synced`` writes bytes, one after the other; return the SHA-256 of the file.

    The library of safetensors wants all of them row by row at once, so it holds each weight of a convolution a second
    time, at the moment a run holds most. The format: https://github.com/huggingface/safetensors#format.
    """
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header: dict[str, dict[str, object]] = {}
    start = 0
    for name in names:
        stop = start + tensors[name].nbytes
        kind, shape = DTYPES[tensors[name].dtype], list(tensors[name].shape)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    digest = hashlib.sha256()
    part = path.with_name(path.name + ".part")
    with part.open("wb") as stream:
        for raw in _pieces(text, [tensors[name] for name in names]):
            digest.update(raw)
            stream.write(raw)
        stream.flush()
        os.fsync(stream.fileno())
    _move_synced(part, path)
    return digest.hexdigest()


def _pieces(header: bytes, tensors: Sequence[Tensor]) -> Iterator[bytes | memoryview]:
    yield len(header).to_bytes(8, "little")
    yield header
    for tensor in tensors:
        if tensor.numel():
            yield tensor.detach().contiguous().numpy().data.cast("B")


def _move_synced(part: Path, path: Path) -> None:
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _progress(values: dict[str, Any]) -> Progress:
    history = tuple(read_record(row) for row in values.pop("history"))
    return Progress(**values, history=history)
