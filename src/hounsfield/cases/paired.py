"""Pairs of images: what is given and what is to be made of it, from a manifest or from two folders of equal names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hounsfield.cases.boxed_files import inside
from hounsfield.cases.duplicates import join, links_of
from hounsfield.cases.folders import walk
from hounsfield.cases.guard import Examination, Progress, examine
from hounsfield.cases.manifest import case_of, find_table, read_rows
from hounsfield.cases.masked_names import patients_of
from hounsfield.cases.names import part_of, plain, readable, summary
from hounsfield.cases.readers import FileReader
from hounsfield.cases.table import Case, CaseTable, Source
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError

INPUT_FOLDERS = frozenset({"input", "inputs", "source", "sources"})
TARGET_FOLDERS = frozenset({"target", "targets"})
TARGET_COLUMNS = frozenset({"targetpath", "pathtarget", "targetimage", "imagetarget", "targetfile"})
_NAMES = ("image",)


@dataclass(frozen=True)
class PairTable:
    """A data set of pairs.

    Attributes:
        inputs: what is given.
        targets: what is to be made of it; the case at the same place has the same identifier, patient and part.
    """

    inputs: CaseTable
    targets: CaseTable

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.inputs)


def is_paired(data: Path) -> bool:
    """Tell whether a path holds pairs of images: by a column of targets, or by folders ``input`` and ``target``."""
    if not data.exists():
        return False
    if _target_column(data) is not None:
        return True
    if not data.is_dir():
        return False
    found = {_side(path.name) for path in [*data.glob("*"), *data.glob("*/*")] if path.is_dir()}
    return {"input", "target"} <= found


def read_pairs_of(data: Path) -> PairTable:
    """Return the pairs of a data set; no pixels are decoded yet.

    Args:
        data: a CSV or Excel manifest with the columns ``path`` and ``target_path`` (and ``patient_id``, ``split``), or
            the folder that holds it; or a folder with ``input`` (``source``) and ``target``, in which pairs have the
            same relative path without the ending. A level ``train``/``val``/``test`` may lie above or below.

    Raises:
        DatasetError: ``E622`` no pair; ``E813``, ``E815``, ``E821`` as ``read_manifest``.
    """
    column = _target_column(data)
    table = _of_manifest(data, column) if column is not None else _of_folders(data)
    if not len(table):
        raise DatasetError("E622", data=data.name)
    return table


def examine_pairs(table: PairTable, progress: Progress | None = None) -> Examination:
    """Examine inputs and targets: pairs that share an image on either side, or a patient, stay together.

    Raises:
        DatasetError: ``E805`` more than one image in ten cannot be read.
    """
    count = len(table)
    first = examine(table.inputs, progress=None if progress is None else lambda done, _: progress(done, 2 * count))
    bare = replace(table.targets, issues=())
    second = examine(bare, progress=None if progress is None else lambda done, _: progress(count + done, 2 * count))
    links = [links_of(_numbers(found.groups)) for found in (first, second)]
    groups = tuple(int(group) for group in join(count, *links))
    unreadable = tuple(sorted({*first.unreadable, *second.unreadable}))
    issues = (*first.issues, *(issue for issue in second.issues if issue.code not in _SAID_ONCE))
    return replace(first, issues=issues, groups=groups, unreadable=unreadable)


_SAID_ONCE = frozenset({"Q808", "Q810", "Q812"})
"""Codes that speak of patients and classes, which inputs and targets share."""


def _numbers(groups: Sequence[int]) -> npt.NDArray[np.int64]:
    return np.asarray(groups, dtype=np.int64)


def _target_column(data: Path) -> tuple[Path, str] | None:
    path = find_table(data) if data.is_dir() or data.is_file() else None
    if path is None:
        return None
    _, header = read_rows(path, ("path",))
    return next(((path, name) for name in header.others if plain(name) in TARGET_COLUMNS), None)


def _of_manifest(data: Path, column: tuple[Path, str]) -> PairTable:
    path, target = column
    rows, header = read_rows(path, ("path",))
    cases, targets, missing = [], [], []
    for row in rows:
        files = [inside(path.parent, path.parent, row[name]) for name in (header.known["path"], target)]
        case = case_of(path, row, header, 0)
        if None in files:
            missing.append(case.identifier)
            continue
        cases.append(case)
        targets.append(replace(case, source=Source(path.parent / row[target])))
    return _table(readable(data.name if data.is_dir() else path.stem), "manifest", (cases, targets), missing)


def _of_folders(data: Path) -> PairTable:
    found: dict[tuple[str, ...], dict[str, Path]] = {}
    splits: dict[tuple[str, ...], str | None] = {}
    for parts in walk(data).images:
        side = next((side for side in map(_side, parts[:-1]) if side), "")
        split = next((part for part in map(part_of, parts[:-1]) if part), None)
        kept = tuple(readable(name) for name in parts[:-1] if not _side(name) and not part_of(name))
        key = (split or "", *kept, readable(parts[-1]).split(".")[0])
        if side:
            found.setdefault(key, {})[side] = data.joinpath(*parts)
            splits[key] = split
    keys = sorted(key for key, files in found.items() if len(files) == 2)
    names = ["/".join(filter(None, key)) for key in keys]
    patients = [
        patient or (key[1] if len(key) > 2 else None) for key, patient in zip(keys, patients_of(names), strict=True)
    ]
    cases, targets = (
        [
            Case(name, 0, patient, splits[key], Source(found[key][side]))
            for key, name, patient in zip(keys, names, patients, strict=True)
        ]
        for side in ("input", "target")
    )
    alone = ["/".join(filter(None, key)) for key, files in sorted(found.items()) if len(files) == 1]
    return _table(readable(data.name), "paired-folders", (cases, targets), alone)


def _table(name: str, layout: str, pairs: tuple[list[Case], list[Case]], missing: list[str]) -> PairTable:
    issues = []
    unknown = sum(case.patient is None for case in pairs[0])
    if unknown:
        issues.append(QualityIssue("Q800", Severity.NOTE, {"count": unknown, "total": len(pairs[0])}))
    if missing:
        issues.append(QualityIssue("Q624", Severity.WARN, {"count": len(missing), "cases": summary(missing)}))
    first, second = (CaseTable(name, _NAMES, tuple(cases), tuple(issues), layout, FileReader()) for cases in pairs)
    return PairTable(first, second)


def _side(folder: str) -> str:
    word = plain(folder)
    return "input" if word in INPUT_FOLDERS else "target" if word in TARGET_FOLDERS else ""
