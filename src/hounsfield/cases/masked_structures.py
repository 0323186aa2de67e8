"""One folder a subject with an image and a folder ``segmentations`` of one mask file a structure, as TotalSegmentator.

Source: Wasserthal et al., "TotalSegmentator", Radiology: Artificial Intelligence 2023, and the README of its data set
(zenodo.org/records/10047292): ``s0011/ct.nii.gz`` (``mri.nii.gz``), ``s0011/segmentations/liver.nii.gz``, ``meta.csv``.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hounsfield.cases.label_maps import LabelMap, Labels, read_label_map
from hounsfield.cases.label_values import MOST_LABELS
from hounsfield.cases.manifest import read_rows
from hounsfield.cases.masked_files import FileMaskReader, require_one_grid
from hounsfield.cases.masked_table import MaskedCase, MaskTable
from hounsfield.cases.names import part_of, plain, readable, summary
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError

FOLDER = "segmentations"
_ENDINGS = (".nii.gz", ".nii")
_SUBJECT_COLUMNS = ("imageid", "subject", "subjectid", "patient", "patientid", "case", "caseid")


@dataclass(frozen=True)
class _Subject:
    """The folder of a subject: its images and its structures, each by the name of the file."""

    folder: Path
    images: dict[str, Path]
    structures: dict[str, Path]


class StructureReader(FileMaskReader):
    """Lays the masks of a folder over each other, one label a structure."""

    def read_map(self, path: Path) -> LabelMap:
        """Return the label map of a folder of masks; where structures overlap the later label counts.

        Raises:
            DatasetError: ``E881`` structures on different grids, ``E882`` a mask that is no label map.
            HounsfieldError: a file cannot be read.
        """
        found: Labels | None = None
        grid: VolumeGeometry | None = None
        overlapping = 0
        for name, file in _files(path).items():
            own = read_label_map(file)
            if found is None or grid is None:
                found, grid = np.zeros(own.array.shape, dtype=np.uint8), own.geometry
            require_one_grid(f"{path.parent.name}/{name}", own.geometry, grid)
            is_inside = own.array > 0
            overlapping += int(np.count_nonzero(found[is_inside]))
            found[is_inside] = self.label_names.index(name)
        if found is None or grid is None:
            raise DatasetError("E818", case=path.parent.name, reason=f"{FOLDER}: 0 masks")
        return LabelMap(found, grid, overlapping)


def has_structures(data: Path) -> bool:
    """Tell whether some folder of a folder holds an image and a folder ``segmentations`` of masks; nothing is read."""
    return any(
        _files(folder.parent) and _files(folder) for folder in sorted(data.glob(f"*/{FOLDER}")) if folder.is_dir()
    )


def read_structures(data: Path) -> MaskTable:
    """Return one case a subject; its channels are the images in its folder, its labels all structures by name.

    Of a ``meta.csv`` the declared part and other columns are taken. A structure without a file counts as background.

    Raises:
        DatasetError: ``E880`` no subject has masks, or they are of too many structures; ``E813``, ``E815`` of a table.
    """
    subjects = _subjects(data)
    names = sorted({name for subject in subjects for name in subject.structures})
    if not 1 <= len(names) <= MOST_LABELS:
        raise DatasetError("E880", path=data.name, found=f"{len(names)} structures")
    channels = tuple(sorted({name for subject in subjects for name in subject.images}))
    said = _meta(data / "meta.csv")
    cases = tuple(_case(subject, channels, said.get(subject.folder.name, {})) for subject in subjects)
    labels = ("background", *names)
    issues = _issues(subjects, names)
    return MaskTable(readable(data.name), labels, channels, cases, issues, "structures", StructureReader(labels))


def _subjects(data: Path) -> list[_Subject]:
    found = []
    for folder in sorted(path for path in data.iterdir() if path.is_dir() and not path.is_symlink()):
        images = _files(folder)
        if images:
            found.append(_Subject(folder, images, _files(folder / FOLDER)))
    return found


def _files(folder: Path) -> dict[str, Path]:
    """Return the volumes of a folder by their name without the ending, in the order of the names."""
    files = sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
    return {
        readable(path.name[: -len(ending)]): path
        for path in files
        for ending in _ENDINGS
        if path.name.lower().endswith(ending) and not path.name.startswith(".") and not path.is_symlink()
    }


def _case(subject: _Subject, channels: Sequence[str], said: Mapping[str, str]) -> MaskedCase:
    name = readable(subject.folder.name)
    mask = subject.folder / FOLDER if subject.structures else None
    others = tuple((column, text) for column, text in said.items() if plain(column) != "split")
    split = next((text for column, text in said.items() if plain(column) == "split"), "")
    return MaskedCase(name, tuple(map(subject.images.get, channels)), mask, name, part_of(split), others)


def _meta(path: Path) -> dict[str, dict[str, str]]:
    """Return what a table says of each subject, by the name of its folder; nothing where there is none."""
    if not path.is_file():
        return {}
    rows, _ = read_rows(path, ())
    key = next((column for column in rows[0] if plain(column) in _SUBJECT_COLUMNS), None)
    if key is None:
        return {}
    return {row[key]: {column: text for column, text in row.items() if column != key} for row in rows}


def _issues(subjects: Sequence[_Subject], names: Sequence[str]) -> tuple[QualityIssue, ...]:
    issues = []
    without = [readable(subject.folder.name) for subject in subjects if not subject.structures]
    if without:
        facts = {"images": len(without), "masks": 0, "cases": summary(without)}
        issues.append(QualityIssue("Q880", Severity.WARN, facts))
    held = Counter(name for subject in subjects for name in subject.structures)
    lacking = [f"{name} {held[name]}" for name in names if held[name] < len(subjects) - len(without)]
    if lacking:
        facts = {"count": len(lacking), "total": len(subjects) - len(without), "found": summary(lacking)}
        issues.append(QualityIssue("Q622", Severity.WARN, facts))
    return tuple(issues)
