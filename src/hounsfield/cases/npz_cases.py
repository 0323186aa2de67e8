"""A folder of npz files, one a case: an array ``image`` and a single ``label``, perhaps a ``patient``."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.cases.manifest import MAX_MISSING_SHARE
from hounsfield.cases.medmnist import FAULTS, array_header
from hounsfield.cases.names import match_names, part_of, plain, readable, summary
from hounsfield.cases.readers import ArrayReader
from hounsfield.cases.table import Case, CaseImage, CaseTable, Source
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError
from hounsfield.image.limits import PixelLimits

MAX_FILES = 500_000
_WORDS = 200
_LIMITS = PixelLimits()


class NpzReader:
    """Reads the array ``image`` of a file: (row, column), (row, column, 3) or (slice, row, column)."""

    def read(self, case: Case) -> CaseImage:
        """Return the image of a case; 8 bits are a display picture, everything else keeps its values.

        Raises:
            DatasetError: ``E818`` no readable image of this form.
        """
        path = case.source.path
        try:
            with zipfile.ZipFile(path) as archive:
                shape, dtype = array_header(archive, "image")
                if dtype.kind not in "biuf" or len(shape) not in (2, 3) or 0 in shape:
                    raise DatasetError("E818", case=case.identifier, reason=f"{shape} {dtype}")
                _LIMITS.require_samples(shape, dtype.itemsize)
            with np.load(path, allow_pickle=False) as arrays:
                image = arrays["image"]
        except FAULTS as error:
            raise DatasetError("E818", case=case.identifier, reason=type(error).__name__) from error
        if image.dtype.kind == "f" and not np.isfinite(image).all():
            raise DatasetError("E818", case=case.identifier, reason="NaN")
        reader = ArrayReader((image[np.newaxis],), may_be_display=image.dtype == np.uint8)
        return reader.read(Case(case.identifier, None, None, None, Source(path)))


def image_header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]] | None:
    """Return shape and type of the array ``image`` of a file, or None where they cannot be read or are no image's."""
    try:
        with zipfile.ZipFile(path) as archive:
            shape, dtype = array_header(archive, "image")
    except FAULTS:
        return None
    return (shape, dtype) if len(shape) in (2, 3) else None


def is_npz_cases(data: Path) -> bool:
    """Tell whether the first npz file of a folder, or of a folder in it, is one case with an image and one label."""
    for path in sorted(_files(data, 1000)):
        try:
            with zipfile.ZipFile(path) as archive:
                return len(array_header(archive, "image")[0]) in (2, 3) and _is_single(
                    array_header(archive, "label")[0]
                )
        except FAULTS:
            continue
    return False


def read_npz_cases(data: Path, class_names: Sequence[str] | None = None) -> CaseTable:
    """Return the cases of a folder of npz files; only labels are read now.

    Labels are whole numbers or words. Folders named train, val or test are parts; ``patient`` is taken where it is.

    Raises:
        DatasetError: ``E805`` more than one file in ten has no readable label, ``E806`` a label outside the names,
            ``E807`` pickled objects, ``E819`` too many files.
    """
    found: list[tuple[Path, str, str | None]] = []
    unreadable: list[str] = []
    for path in sorted(_files(data, MAX_FILES)):
        try:
            found.append((path, *_facts(path)))
        except FAULTS:
            unreadable.append(readable(path.relative_to(data).as_posix()))
    total = len(found) + len(unreadable)
    if not found or len(unreadable) > MAX_MISSING_SHARE * total:
        raise DatasetError("E805", count=len(unreadable), total=total, cases=summary(unreadable))
    names, index_of, has_names = _classes([label for _, label, _ in found], data.name, class_names)
    cases = tuple(
        Case(readable(path.relative_to(data).as_posix()), index_of[label], patient, _part(path, data), Source(path))
        for path, label, patient in found
    )
    issues = []
    unknown = sum(case.patient is None for case in cases)
    if unknown:
        issues.append(QualityIssue("Q800", Severity.NOTE, {"count": unknown, "total": len(cases)}))
    if unreadable:
        issues.append(QualityIssue("Q805", Severity.WARN, {"count": len(unreadable), "cases": summary(unreadable)}))
    return CaseTable(readable(data.name), names, cases, tuple(issues), "npz-cases", NpzReader(), has_names)


def _files(data: Path, limit: int) -> list[Path]:
    """Return the npz files of a folder and of the folders right below it.

    Raises:
        DatasetError: ``E819``.
    """
    files = []
    for path in (*data.glob("*.npz"), *data.glob("*/*.npz")):
        if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
            files.append(path)
        if len(files) > MAX_FILES:
            raise DatasetError("E819", path=data.name, expected=MAX_FILES)
        if len(files) >= limit:
            break
    return files


def _facts(path: Path) -> tuple[str, str | None]:
    """Return label and patient of a file."""
    with zipfile.ZipFile(path) as archive:
        for key in ("label", "patient"):
            if f"{key}.npy" in archive.namelist() and not _is_single(array_header(archive, key)[0]):
                raise ValueError(key)
        is_told = "patient.npy" in archive.namelist()
    try:
        with np.load(path, allow_pickle=False) as arrays:
            label = _word(arrays["label"])
            return label, (_word(arrays["patient"]) or None) if is_told else None
    except ValueError as error:
        if "pickle" in str(error).lower():
            raise DatasetError("E807", path=path.name) from error
        raise


def _word(array: npt.NDArray[Any]) -> str:
    value = array.reshape(-1)[0].item()
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueError(value)
        value = int(value)
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if not text or len(text) > _WORDS:
        raise ValueError(text[:20])
    return text


def _is_single(shape: tuple[int, ...]) -> bool:
    return all(length == 1 for length in shape)


def _part(path: Path, data: Path) -> str | None:
    return part_of(path.parent.name) if path.parent != data else None


def _classes(
    labels: Sequence[str], where: str, class_names: Sequence[str] | None
) -> tuple[tuple[str, ...], dict[str, int], bool]:
    found = sorted(set(labels))
    if all(label.isdecimal() for label in found):
        highest = max(map(int, found))
        names = tuple(class_names or map(str, range(min(highest, 999) + 1)))
        if highest >= len(names):
            raise DatasetError("E806", found=highest, where=where, expected=", ".join(names[:20]))
        return names, {label: int(label) for label in found}, bool(class_names)
    spelled = {plain(label): label for label in reversed(found)}
    names = tuple(class_names or sorted(spelled.values()))
    return names, match_names(found, names, where), True
