"""Arrays of images and labels in one npz: MedMNIST, the MNIST file of Keras, or one pair of arrays without parts."""

import math
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.cases.names import PARTS, TEST, TRAINING, TUNING, medmnist_names, readable, summary
from hounsfield.cases.readers import ArrayReader
from hounsfield.cases.table import Case, CaseTable, Source
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError

MAX_ARRAY_BYTES = 4 * 2**30
"""Largest array that is read into memory."""

MAX_CLASSES = 1000
"""Most classes, as many as a model package can have."""

UNDECLARED_PART = ""
"""The part of arrays that declare none."""

PART_KEYS = {TRAINING: "train", TUNING: "val", TEST: "test", UNDECLARED_PART: "all"}
FAULTS = (OSError, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError, zlib.error, zipfile.BadZipFile)
"""What reading a broken npz may raise."""

_WHOLE = (("images", "labels"), ("image", "label"), ("x", "y"), ("data", "target"), ("data", "labels"))
_Array = npt.NDArray[Any]


def is_medmnist(path: Path) -> bool:
    """Tell whether a file is an npz with images and labels of at least one part, or one pair of them."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
            pairs = pairs_of(names)
            if UNDECLARED_PART not in pairs:
                return bool(pairs)
            (images, _), (labels, _) = (array_header(archive, key) for key in pairs[UNDECLARED_PART])
    except FAULTS:
        return False
    # one image and its mask, or its one label, is a case of its own
    return len(images) > 2 and labels in ((images[0],), (images[0], 1)) and images[0] > 1


def packed_arrays(data: Path) -> Path | None:
    """Return the MedMNIST file that a path is or holds alone."""
    if data.is_file():
        return data if data.suffix.lower() == ".npz" and is_medmnist(data) else None
    found = [path for path in sorted(data.glob("*.npz")) if is_medmnist(path)] if data.is_dir() else []
    return found[0] if len(found) == 1 else None


def pairs_of(names: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return the names of images and labels of each part."""
    known = {name.lower(): name for name in names}
    pairs: dict[str, tuple[str, str]] = {}
    for part in PARTS:
        key = PART_KEYS[part]
        for images, labels in ((f"{key}_images", f"{key}_labels"), (f"x_{key}", f"y_{key}")):
            if {images, labels} <= known.keys():
                pairs.setdefault(part, (known[images], known[labels]))
    for images, labels in _WHOLE:
        if not pairs and {images, labels} <= known.keys():
            pairs[UNDECLARED_PART] = (known[images], known[labels])
    return pairs


def read_medmnist(path: Path, class_names: Sequence[str] | None = None) -> CaseTable:
    """Return the cases of an npz of arrays; they are held in memory and become Volumes row by row.

    The arrays are ``train_images`` and ``train_labels`` (and ``val``, ``test``) as in MedMNIST, ``x_train`` and
    ``y_train`` as Keras stores MNIST, or one pair such as ``images`` and ``labels``.

    Raises:
        DatasetError: ``E807`` pickled objects, ``E808`` images and labels differ in number, ``E809`` NaN,
            ``E810`` not a readable npz, ``E811`` too large, ``E812`` labels or images of another form, ``E806``.
    """
    return array_table(path, read_parts(path), class_names, "medmnist")


def array_table(
    path: Path, parts: Mapping[str, tuple[_Array, _Array]], class_names: Sequence[str] | None, layout: str
) -> CaseTable:
    """Return images (n, ...) and labels (n,) of each part as a table.

    Raises:
        DatasetError: ``E806``, ``E808``, ``E809``, ``E812`` as above.
    """
    labels = {part: _as_labels(values, path, part) for part, (_, values) in parts.items()}
    for part, (images, _) in parts.items():
        _check_images(images, len(labels[part]), path, part)
    highest = max(int(values.max()) for values in labels.values())
    published = medmnist_names(path, highest + 1)
    names = tuple(class_names or published or [str(index) for index in range(highest + 1)])
    if highest >= len(names):
        raise DatasetError("E806", found=highest, where=path.name, expected=", ".join(names))
    cases: list[Case] = []
    for part, values in labels.items():
        start = len(cases)
        cases += [
            Case(f"{PART_KEYS[part]}/{row}", int(label), None, part or None, Source(path, start + row))
            for row, label in enumerate(values)
        ]
    reader = ArrayReader(tuple(images for images, _ in parts.values()))
    issues = (QualityIssue("Q800", Severity.NOTE, {"count": len(cases), "total": len(cases)}),)
    has_names = bool(class_names or published)
    return CaseTable(readable(path.stem), names, tuple(cases), issues, layout, reader, has_names)


def read_medmnist_targets(path: Path) -> tuple[CaseTable, npt.NDArray[np.float64]]:
    """Return the cases of a MedMNIST file without labels, and its label arrays as numbers (case, column).

    Raises:
        DatasetError: as ``read_medmnist``; ``E812`` labels that are no numbers of one width.
    """
    parts = read_parts(path)
    rows: list[npt.NDArray[np.float64]] = []
    cases: list[Case] = []
    for part, (images, labels) in parts.items():
        flat = labels[:, None] if labels.ndim == 1 else labels
        if flat.ndim != 2 or flat.dtype.kind not in "biuf" or (rows and flat.shape[1] != rows[0].shape[1]):
            where = f"{path.name} {PART_KEYS[part]}_labels"
            raise DatasetError("E812", where=where, found=f"{labels.shape} {labels.dtype}", expected="(n, k)")
        _check_images(images, len(flat), path, part)
        start = len(cases)
        cases += [
            Case(f"{PART_KEYS[part]}/{row}", None, None, part, Source(path, start + row)) for row in range(len(flat))
        ]
        rows.append(flat.astype(np.float64))
    reader = ArrayReader(tuple(images for images, _ in parts.values()))
    issues = (QualityIssue("Q800", Severity.NOTE, {"count": len(cases), "total": len(cases)}),)
    return CaseTable(readable(path.stem), (), tuple(cases), issues, "medmnist", reader), np.concatenate(rows)


def read_parts(path: Path) -> dict[str, tuple[_Array, _Array]]:
    """Return images and labels of each part of an npz, as they are stored.

    Raises:
        DatasetError: ``E801``, ``E807``, ``E810``, ``E811`` as ``read_medmnist``.
    """
    parts = {}
    if not zipfile.is_zipfile(path):
        raise DatasetError("E810", path=path.name, reason="BadZipFile")
    try:
        with np.load(path, allow_pickle=False) as archive:
            keys = set(archive.files)
            for part, (images, labels) in pairs_of(keys).items():
                _check_size(path, (images, labels))
                parts[part] = (archive[images], archive[labels])
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError) as error:
        raise DatasetError("E810", path=path.name, reason=type(error).__name__) from error
    except ValueError as error:
        pickled = "pickle" in str(error).lower()
        raise DatasetError("E807" if pickled else "E810", path=path.name, reason="ValueError") from error
    except MemoryError as error:
        raise DatasetError("E811", path=path.name, found_mb="?", expected_mb=MAX_ARRAY_BYTES // 2**20) from error
    if not parts:
        raise DatasetError("E801", found=f"{path.name}: {summary(sorted(keys), 6)}")
    return parts


def _check_size(path: Path, keys: tuple[str, str]) -> None:
    """Refuse an array that would fill the memory, by what its header declares and by what the file holds."""
    with zipfile.ZipFile(path) as archive:
        for key in keys:
            shape, dtype = array_header(archive, key)
            size = max(archive.getinfo(f"{key}.npy").file_size, math.prod(shape) * dtype.itemsize)
            if size > MAX_ARRAY_BYTES:
                limit = MAX_ARRAY_BYTES // 2**20
                raise DatasetError("E811", path=path.name, found_mb=size // 2**20, expected_mb=limit)


def array_header(archive: zipfile.ZipFile, key: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type that the header of an array declares."""
    with archive.open(f"{key}.npy") as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    return shape, dtype


def _as_labels(values: _Array, path: Path, part: str) -> npt.NDArray[np.int64]:
    where = f"{path.name} {PART_KEYS[part]}_labels"
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "biuf" or not len(values):
        raise DatasetError("E812", where=where, found=f"{values.shape} {values.dtype}", expected="(n,) (n, 1)")
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise DatasetError("E809", where=where, count=int((~np.isfinite(values)).sum()))
        if (values != np.round(values)).any():
            raise DatasetError("E812", where=where, found=f"{values.dtype}", expected="0, 1, 2, …")
    for label in (values.min().item(), values.max().item()):
        if not 0 <= label < MAX_CLASSES:
            raise DatasetError("E806", found=label, where=where, expected=f"0 … {MAX_CLASSES - 1}")
    return values.astype(np.int64)


def _check_images(images: _Array, count: int, path: Path, part: str) -> None:
    where = f"{path.name} {PART_KEYS[part]}_images"
    has_other_channels = images.ndim == 4 and images.shape[-1] in (2, 4)
    if images.ndim not in (3, 4) or images.dtype.kind not in "biuf" or 0 in images.shape or has_other_channels:
        expected = "(n, row, column) (n, row, column, 3) (n, slice, row, column)"
        raise DatasetError("E812", where=where, found=f"{images.shape} {images.dtype}", expected=expected)
    if len(images) != count:
        raise DatasetError("E808", where=where, images=len(images), labels=count)
    if images.dtype.kind == "f":
        bad = ~np.isfinite(images).reshape(len(images), -1).all(axis=1)
        if bad.any():
            rows = summary([f"{PART_KEYS[part]}/{row}" for row in np.flatnonzero(bad)])
            raise DatasetError("E809", where=f"{where}: {rows}", count=int(bad.sum()))
