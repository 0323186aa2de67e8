"""Sequences in one npz: images (case, frame, row, column), labels, and where known the frames and patient of each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.cases.medmnist import PART_KEYS, read_parts
from hounsfield.cases.names import match_names, readable
from hounsfield.cases.sequenced_reader import StackReader
from hounsfield.cases.sequenced_signs import COLOUR_AXES, side_key
from hounsfield.cases.table import Case, CaseTable, Source
from hounsfield.cases.target_columns import MANY_NUMBERS
from hounsfield.cases.targets import TargetTable, number_targets
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError

_Array = npt.NDArray[Any]


def read_sequence_arrays(path: Path, class_names: Sequence[str] | None = None) -> tuple[CaseTable, TargetTable | None]:
    """Return the sequences of an npz, and their numbers where the labels are measured, None where they are classes.

    The arrays are named as in MedMNIST or as one pair; ``lengths`` (or ``train_lengths`` and so on) tells how many
    frames of each case are real, and ``patients`` who it is.

    Raises:
        DatasetError: ``E907`` images without an axis of frames, ``E903`` lengths that do not fit, ``E808`` images and
            labels differ in number; and those of ``read_parts``.
    """
    parts = read_parts(path)
    for images, labels in parts.values():
        if images.ndim not in (4, COLOUR_AXES):
            raise DatasetError("E907", path=path.name, found=f"images {images.shape}")
        if len(images) != len(labels):
            raise DatasetError("E808", where=path.name, images=len(images), labels=len(labels))
    counts, patients = _counts(path, parts), _side(path, parts, "patients")
    values = np.concatenate([_one_column(labels, path) for _, labels in parts.values()])
    names, classes = _classes(values, path, class_names)
    cases: list[Case] = []
    for part, (images, _) in parts.items():
        start = len(cases)
        cases += [
            Case(
                f"{PART_KEYS[part]}/{row}",
                None if classes is None else int(classes[start + row]),
                None if patients is None else str(patients[start + row]) or None,
                part or None,
                Source(path, start + row),
            )
            for row in range(len(images))
        ]
    unknown = sum(case.patient is None for case in cases)
    facts = {"count": unknown, "total": len(cases)}
    issues = (QualityIssue("Q800", Severity.NOTE, facts),) if unknown else ()
    reader = StackReader([images for images, _ in parts.values()], counts)
    table = CaseTable(
        readable(path.stem), names, tuple(cases), issues, "sequence-arrays", reader, bool(class_names),
        holds_sequences=True,
    )  # fmt: skip
    if classes is not None:
        return table, None
    targets = number_targets(table, "label", values.astype(np.float64)[:, None], "ui.train.task.regression")
    return targets.table, targets


def _one_column(labels: _Array, path: Path) -> _Array:
    flat = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if flat.ndim != 1:
        raise DatasetError("E812", where=f"{path.name} labels", found=labels.shape, expected="(n,) (n, 1)")
    return flat


def _classes(
    values: _Array, path: Path, class_names: Sequence[str] | None
) -> tuple[tuple[str, ...], npt.NDArray[np.int64] | None]:
    """Return the classes and the class of each case, or no classes where the labels are measured numbers."""
    if values.dtype.kind in "US":
        found = sorted({str(value) for value in values})
        names = tuple(class_names or found)
        index_of = match_names(found, names, path.name)
        return names, np.array([index_of[str(value)] for value in values], dtype=np.int64)
    if values.dtype.kind not in "biuf":
        raise DatasetError("E812", where=f"{path.name} labels", found=values.dtype, expected="0, 1, 2, …")
    known = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    is_whole = len(known) == len(values) and not (known != np.round(known)).any()
    if not is_whole or (not class_names and len(np.unique(known)) > MANY_NUMBERS):
        return (), None
    count = int(known.max()) + 1
    names = tuple(class_names or map(str, range(count)))
    if known.min() < 0 or count > len(names):
        raise DatasetError("E806", found=int(known.max()), where=path.name, expected=", ".join(names))
    return names, values.astype(np.int64)


def _counts(path: Path, parts: Mapping[str, tuple[_Array, _Array]]) -> tuple[int, ...] | None:
    found = _side(path, parts, "lengths")
    if found is None:
        return None
    most = np.concatenate([np.full(len(images), images.shape[1]) for images, _ in parts.values()])
    if found.dtype.kind not in "iu" or (found < 1).any() or (found > most).any():
        raise DatasetError("E903", path=path.name, found=f"{found.dtype}, {found.min()} … {found.max()}")
    return tuple(int(count) for count in found)


def _side(path: Path, parts: Mapping[str, tuple[_Array, _Array]], what: str) -> _Array | None:
    """Return what is told of each case beside its label, None where nothing is.

    Raises:
        DatasetError: ``E903``, it is told of some cases alone.
    """
    with np.load(path, allow_pickle=False) as archive:
        told = {part: side_key(part, what) for part in parts}
        if not any(key in archive.files for key in told.values()):
            return None
        rows = [archive[key] if key in archive.files else np.zeros(0) for key in told.values()]
    sizes = [row.shape for row in rows]
    if sizes != [(len(images),) for images, _ in parts.values()]:
        raise DatasetError("E903", path=path.name, found=f"{what} {sizes}")
    return np.concatenate(rows)
