"""Images whether or not anything is said of them: a data set with its labels laid aside, or any folder of images."""

from dataclasses import replace
from pathlib import Path

from hounsfield.cases.folders import walk
from hounsfield.cases.layouts import read_cases
from hounsfield.cases.media import ImageKind
from hounsfield.cases.names import part_of, readable, summary
from hounsfield.cases.patients import dicom_patients
from hounsfield.cases.readers import FileReader
from hounsfield.cases.table import Case, CaseTable, Source
from hounsfield.errors import DatasetError

NAME = "image"
"""The one class of images of which nothing is said."""

_WITHOUT_CLASSES = frozenset({"E801", "E803", "E806"})
"""Codes of a folder that holds images, but no classes."""


def read_images(data: Path) -> CaseTable:
    """Return the cases of a data set as ``read_cases`` does, or every image of a folder that has no classes.

    Raises:
        DatasetError: ``E800`` nothing there, ``E802`` no images; and those of the layouts.
    """
    try:
        table = read_cases(data)
        # folders named train and test are parts, whatever lies in them
        if not all(part_of(name) for name in table.class_names):
            return table
    except DatasetError as error:
        if error.code not in _WITHOUT_CLASSES or not Path(data).is_dir():
            raise
    found = walk(Path(data))
    if not found.images:
        raise DatasetError("E802", path=Path(data).name, count=len(found.others), found=summary(found.others, 3))
    patients = dicom_patients(data, [parts for parts, kind in found.images.items() if kind is ImageKind.DICOM])
    cases = tuple(
        Case(
            readable("/".join(parts)),
            0,
            patients.get(parts),
            part_of(parts[0]) if len(parts) > 1 else None,
            Source(Path(data).joinpath(*parts)),
        )
        for parts in sorted(found.images)
    )
    return CaseTable(readable(Path(data).name), (NAME,), cases, (), "images", FileReader(), has_published_names=False)


def without_labels(table: CaseTable) -> CaseTable:
    """Return the table with its labels laid aside: every case is of one class, those without a label too."""
    cases = tuple(replace(case, label=0) for case in table.cases)
    return replace(table, class_names=(NAME,), cases=cases, has_published_names=False)
