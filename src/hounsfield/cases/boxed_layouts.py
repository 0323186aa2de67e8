"""Which layout a data set with boxes has: COCO, YOLO or Pascal VOC."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hounsfield.cases.boxed import BoxTable
from hounsfield.cases.boxed_coco import coco_files, read_coco
from hounsfield.cases.boxed_voc import is_voc, read_voc
from hounsfield.cases.boxed_yolo import read_yolo, yolo_sheet
from hounsfield.cases.names import match_names
from hounsfield.errors import DatasetError


def has_boxes(data: Path) -> bool:
    """Tell whether a data set is laid out as images with boxes; no image is opened."""
    if data.is_file():
        return bool(coco_files(data))
    return data.is_dir() and (yolo_sheet(data) is not None or bool(coco_files(data)) or is_voc(data))


def read_boxed(data: Path, class_names: Sequence[str] | None = None) -> BoxTable:
    """Return the cases of a data set with boxes; no pixels are decoded yet.

    Args:
        data: a folder of COCO instances (or the file), of YOLO with its ``data.yaml``, or of Pascal VOC.
        class_names: the classes to count labels through, in order; found names are compared without case and signs.

    Raises:
        DatasetError: ``E800`` nothing there, ``E890`` a file that cannot be used, ``E891`` no layout with boxes or no
            box, ``E892`` no images, ``E893`` an undeclared class, ``E806`` a class outside the names.
    """
    data = Path(data)
    if not data.exists():
        raise DatasetError("E800", path=data.name)
    table = _read(data)
    if not sum(table.counts().values()):
        raise DatasetError("E891", path=data.name)
    return with_classes(table, tuple(class_names)) if class_names else table


def _read(data: Path) -> BoxTable:
    files = coco_files(data)
    if files:
        return read_coco(data, files)
    if data.is_dir() and yolo_sheet(data) is not None:
        return read_yolo(data)
    if data.is_dir() and is_voc(data):
        return read_voc(data)
    raise DatasetError("E891", path=data.name)


def with_classes(table: BoxTable, names: tuple[str, ...]) -> BoxTable:
    """Return a table whose labels count through other names, among which all of its own are.

    Raises:
        DatasetError: ``E806``.
    """
    index_of = match_names(table.class_names, names, table.name)
    order = np.array([index_of[name] for name in table.class_names], dtype=np.int64)
    cases = tuple(
        replace(case, annotation=replace(case.annotation, labels=order[case.annotation.labels])) for case in table.cases
    )
    return replace(table, class_names=names, cases=cases)
