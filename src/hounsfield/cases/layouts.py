"""Which layout a data set has: class folders, arrays of images and labels, or a manifest of paths and labels."""

from collections.abc import Sequence
from pathlib import Path

from hounsfield.cases.folders import read_class_folders
from hounsfield.cases.idx import is_idx, read_idx_set
from hounsfield.cases.manifest import PREFERRED_TABLES, TABLE_SUFFIXES, is_manifest, read_manifest
from hounsfield.cases.medmnist import is_medmnist, read_medmnist
from hounsfield.cases.names import summary
from hounsfield.cases.npz_cases import is_npz_cases, read_npz_cases
from hounsfield.cases.table import CaseTable
from hounsfield.errors import DatasetError


def read_cases(data: Path, class_names: Sequence[str] | None = None) -> CaseTable:
    """Return the cases of a data set, whatever supported layout it has; no pixels of files are decoded yet.

    Args:
        data: a folder with one folder a class (a level train/val/test above or below it is understood, and folders
            further down are patients), an npz of images and labels (MedMNIST, MNIST of Keras, one pair) or the folder
            that holds it, MNIST idx files, a folder of npz files with an image and a label each, a CSV or Excel file
            with the columns path and label (and patient_id, split, others) or the folder that holds it.
        class_names: the classes to map labels to, in order; found names are compared without case and signs.

    Raises:
        DatasetError: ``E800`` nothing there, ``E801`` no known layout, ``E802`` no images, ``E803`` one class only,
            ``E806`` a label outside the names, ``E817`` several candidates; and those of each layout.
    """
    data = Path(data)
    if not data.exists():
        raise DatasetError("E800", path=data.name)
    table = _read_file(data, class_names) if data.is_file() else _read_folder(data, class_names)
    present = [name for name, count in table.counts().items() if count]
    if len(present) < 2:
        raise DatasetError("E803", found=", ".join(present) or "0", count=len(table.cases))
    return table


def _read_file(data: Path, class_names: Sequence[str] | None) -> CaseTable:
    if data.suffix.lower() in TABLE_SUFFIXES:
        return read_manifest(data, class_names)
    if data.suffix.lower() == ".npz":
        return read_medmnist(data, class_names)
    if is_idx(data):
        return read_idx_set(data, class_names)
    raise DatasetError("E801", found=data.name)


def _read_folder(data: Path, class_names: Sequence[str] | None) -> CaseTable:
    entries = sorted(path for path in data.iterdir() if path.is_file() and not path.name.startswith("."))
    packed = [path for path in entries if path.suffix.lower() == ".npz"]
    arrays = [path for path in packed if is_medmnist(path)]
    if len(arrays) > 1:
        raise DatasetError("E817", found=summary([path.name for path in arrays]), count=len(arrays))
    if arrays:
        return read_medmnist(arrays[0], class_names)
    tables = [path for path in entries if path.suffix.lower() in TABLE_SUFFIXES and is_manifest(path)]
    if len(tables) > 1:
        tables = [path for path in tables if path.stem.lower() in PREFERRED_TABLES] or tables
    if len(tables) > 1:
        raise DatasetError("E817", found=summary([path.name for path in tables]), count=len(tables))
    if tables:
        return read_manifest(tables[0], class_names)
    if any(is_idx(path) for path in entries):
        return read_idx_set(data, class_names)
    if is_npz_cases(data):
        return read_npz_cases(data, class_names)
    if len(packed) == 1 and not any(path.is_dir() for path in data.iterdir()):
        return read_medmnist(packed[0], class_names)
    return read_class_folders(data, class_names)
