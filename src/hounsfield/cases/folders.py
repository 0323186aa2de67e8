"""Class folders: one folder a class; parts may lie above or below it, and folders further down are patients."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hounsfield.cases.media import ImageKind, image_kind
from hounsfield.cases.names import match_names, part_of, plain, readable, summary
from hounsfield.cases.patients import dicom_patients
from hounsfield.cases.readers import FileReader
from hounsfield.cases.table import Case, CaseTable, Source
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError

MAX_FILES = 500_000
_NOT_CLASSES = frozenset(
    {"image", "images", "img", "imgs", "jpegimages", "label", "labels", "mask", "masks", "annotation", "annotations",
     "groundtruth", "segmentation", "segmentations", "imagestr", "labelstr", "imagests", "labelsts"}
)  # fmt: skip
_IGNORED_NAMES = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


@dataclass(frozen=True)
class FolderContent:
    """What lies in a folder: images and their kind by relative path, other files, links passed over."""

    images: dict[tuple[str, ...], ImageKind]
    others: tuple[str, ...]
    links: tuple[str, ...]


def read_class_folders(data: Path, class_names: Sequence[str] | None = None) -> CaseTable:
    """Return the cases of a folder that holds one folder a class.

    The first folder under a class is the patient; the same name under two classes is the same patient.

    Raises:
        DatasetError: ``E801`` no class folders, ``E802`` no images, ``E806`` a folder outside the class names.
    """
    found = walk(data)
    if not found.images:
        raise DatasetError("E802", path=data.name, count=len(found.others), found=summary(found.others, 3))
    rows = {parts: place_of([readable(part) for part in parts]) for parts in found.images}
    folders = sorted({place[1] for place in rows.values() if place}, key=lambda name: (plain(name), name))
    loose = [readable("/".join(parts)) for parts, place in rows.items() if place is None]
    if len(loose) > len(rows) - len(loose):
        raise DatasetError("E801", found=f"{data.name}: {summary(['/'.join(parts) for parts in found.images], 3)}")
    if all(plain(name) in _NOT_CLASSES for name in folders):
        raise DatasetError("E801", found=f"{data.name}: {summary(folders, 6)}")
    names = tuple(class_names) if class_names else distinct(folders)
    index_of = match_names(folders, names, data.name)
    patients = dicom_patients(data, [parts for parts, kind in found.images.items() if kind is ImageKind.DICOM])
    cases = tuple(
        Case(
            readable("/".join(parts)),
            index_of[place[1]],
            patients.get(parts) or place[2],
            place[0],
            Source(data.joinpath(*parts)),
        )
        for parts, place in sorted(rows.items())
        if place
    )
    return CaseTable(readable(data.name), names, cases, _issues(found, loose, cases), "class-folders", FileReader())


def place_of(parts: Sequence[str]) -> tuple[str | None, str, str | None] | None:
    """Return the part, the class folder and the patient that a relative path names, or None without a class."""
    folders = list(parts[:-1])
    part = part_of(folders[0]) if folders else None
    if part and len(folders) > 1:
        folders.pop(0)
    else:
        # below a class, TR05 and val-3 are patients; parts are named there without a number
        part = part_of(folders[1]) if len(folders) > 1 and not re.search(r"\d", folders[1]) else None
        if part:
            folders.pop(1)
    if not folders:
        return None
    return part, folders[0], folders[1] if len(folders) > 1 else None


def distinct(folders: Sequence[str]) -> tuple[str, ...]:
    """Return one name of each spelling: train/NORMAL and test/normal are one class."""
    return tuple({plain(name): name for name in reversed(folders)}[key] for key in dict.fromkeys(map(plain, folders)))


def walk(data: Path) -> FolderContent:
    """Return what lies in a folder and below it; links are not followed.

    Raises:
        DatasetError: ``E819`` more files than one data set has.
    """
    images: dict[tuple[str, ...], ImageKind] = {}
    others: list[str] = []
    links: list[str] = []
    count = 0
    for folder, subfolders, files in os.walk(data, followlinks=False):
        subfolders[:] = sorted(name for name in subfolders if not _is_ignored(name))
        here = Path(folder)
        parts = here.relative_to(data).parts
        links += [readable("/".join((*parts, name))) for name in subfolders if (here / name).is_symlink()]
        for name in sorted(files):
            count += 1
            if count > MAX_FILES:
                raise DatasetError("E819", path=data.name, expected=MAX_FILES)
            path = here / name
            if _is_ignored(name):
                continue
            if path.is_symlink():
                links.append(readable("/".join((*parts, name))))
                continue
            kind = image_kind(path)
            if kind is None:
                others.append(readable("/".join((*parts, name))))
            else:
                images[(*parts, name)] = kind
    return FolderContent(images, tuple(others), tuple(links))


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in _IGNORED_NAMES


def _issues(found: FolderContent, loose: list[str], cases: Sequence[Case]) -> tuple[QualityIssue, ...]:
    issues = []
    unknown = sum(case.patient is None for case in cases)
    if unknown:
        issues.append(QualityIssue("Q800", Severity.NOTE, {"count": unknown, "total": len(cases)}))
    if found.others:
        facts = {"count": len(found.others), "cases": summary(found.others)}
        issues.append(QualityIssue("Q806", Severity.WARN, facts))
    if loose:
        issues.append(QualityIssue("Q813", Severity.WARN, {"count": len(loose), "cases": summary(loose)}))
    if found.links:
        issues.append(QualityIssue("Q809", Severity.WARN, {"count": len(found.links), "cases": summary(found.links)}))
    per_part = Counter((case.split, case.label) for case in cases)
    for part in {case.split for case in cases if case.split}:
        missing = {case.label for case in cases} - {label for split, label in per_part if split == part}
        if missing:
            issues.append(QualityIssue("Q811", Severity.WARN, {"part": part, "count": len(missing)}))
    return tuple(issues)
