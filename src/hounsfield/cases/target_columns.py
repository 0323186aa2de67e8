"""Columns of a manifest that hold targets: measured numbers, or labels of 0 and 1 with blanks."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hounsfield.cases.manifest import (
    ManifestHeader,
    Rows,
    case_of,
    find_table,
    is_table,
    present_rows,
    read_rows,
    row_issues,
)
from hounsfield.cases.names import plain, readable, summary
from hounsfield.cases.readers import FileReader
from hounsfield.cases.table import CaseTable
from hounsfield.cases.task import LearningTask
from hounsfield.errors import DatasetError

MANY_NUMBERS = 20
"""Different whole numbers from which a label column is measured, not a count of classes."""

DESCRIBING = frozenset(
    {"age", "sex", "gender", "height", "weight", "date", "site", "scanner", "modality", "view", "side", "laterality"}
)
"""Columns that describe a patient or an image; they are targets only when they are asked for."""
BLANK = frozenset({"", "nan", "na", "n/a", "none", "null"})


@dataclass(frozen=True)
class TargetColumns:
    """What the columns of a manifest hold.

    Attributes:
        rows: of the file.
        header: its known columns.
        numbers: columns of numbers, the label column first.
        labels: columns of 0 and 1 alone, beside the label column.
        task: what they are for, where nobody says otherwise.
    """

    rows: Rows
    header: ManifestHeader
    numbers: tuple[str, ...]
    labels: tuple[str, ...]
    task: LearningTask

    def columns_for(self, task: LearningTask) -> tuple[str, ...]:
        """Return the columns that hold the targets of a task."""
        return self.numbers[:1] if task is LearningTask.REGRESSION else self.labels


def target_columns(path: Path, columns: Sequence[str] = ()) -> TargetColumns:
    """Look at the columns of a manifest.

    Args:
        path: the CSV file.
        columns: the columns that hold the targets; none leaves them to what they hold.

    Raises:
        DatasetError: ``E854`` a column that is not there; ``E813``, ``E815`` as ``read_rows``.
    """
    rows, header = read_rows(path, ("path",))
    label = header.known.get("label")
    every = [*([label] if label else []), *header.others]
    strange = sorted(set(columns) - set(every))
    if strange:
        raise DatasetError("E854", data=path.name, task=strange[0], found=summary(every))
    looked_at = list(columns) or [name for name in every if name == label or plain(name) not in DESCRIBING]
    held = {name: [row[name] for row in rows if row[name].lower() not in BLANK] for name in looked_at}
    numbers = tuple(name for name in looked_at if numeric_column(held[name]))
    labels = tuple(name for name in looked_at if name != label or columns)
    labels = tuple(name for name in labels if held[name] and is_binary(held[name]))
    task = LearningTask.CLASSIFICATION
    if columns:
        is_labels = len(columns) > 1 or labels == tuple(columns)
        task = LearningTask.MULTI_LABEL if is_labels else LearningTask.REGRESSION
        numbers = labels = tuple(columns)
    elif label is None and len(labels) > 1:
        task = LearningTask.MULTI_LABEL
    elif label is not None and label in numbers and is_measured(held[label]):
        task = LearningTask.REGRESSION
    return TargetColumns(rows, header, numbers, labels, task)


def read_columns(
    path: Path, columns: Sequence[str], rows: Rows, header: ManifestHeader
) -> tuple[CaseTable, npt.NDArray[np.float64]]:
    """Return the cases of a manifest, and the numbers of some of its columns (case, column), NaN where blank.

    Raises:
        DatasetError: ``E858`` a value that is no number; ``E805``, ``E814``, ``E820``, ``E821`` as ``read_manifest``.
    """
    table, kept = cases_of(path, columns, rows, header)
    values = np.array([[number_in(row[name], name) for name in columns] for row in kept], dtype=np.float64)
    return table, values.reshape(len(kept), len(columns))


def cases_of(path: Path, columns: Sequence[str], rows: Rows, header: ManifestHeader) -> tuple[CaseTable, Rows]:
    """Return the cases of a manifest whose targets stand in some of its columns, and the rows that they come from.

    Raises:
        DatasetError: ``E805``, ``E814``, ``E820``, ``E821`` as ``read_manifest``.
    """
    kept, missing = present_rows(path, rows, header)
    others = tuple(name for name in header.others if name not in columns)
    left = ManifestHeader(header.known, others)
    cases = tuple(case_of(path, row, left, 0) for row in kept)
    issues = row_issues(cases, missing, header)
    return CaseTable(readable(path.stem), ("-",), cases, issues, "manifest", FileReader()), kept


def numeric_column(texts: Sequence[str]) -> bool:
    """Tell whether every text is a finite number, and there is one."""
    return bool(texts) and all(_isnumber_in(text) for text in texts)


def _isnumber_in(text: str) -> bool:
    try:
        # Python reads 2_1 as 21; in a table it is a name
        return "_" not in text and isfinite(float(text))
    except ValueError:
        return False


def is_binary(texts: Sequence[str]) -> bool:
    """Tell whether every text is 0 or 1."""
    return all(_isnumber_in(text) and float(text) in (0, 1) for text in texts)


def is_measured(texts: Sequence[str]) -> bool:
    """Tell numbers that were measured from those that number classes: they have fractions, or are many."""
    values = {float(text) for text in texts}
    return any(not value.is_integer() for value in values) or len(values) > MANY_NUMBERS


def number_in(text: str, column: str) -> float:
    """Return the number that a cell of a column holds, NaN where it is blank.

    Raises:
        DatasetError: ``E858``, it is no number.
    """
    if text.lower() in BLANK:
        return float("nan")
    if not _isnumber_in(text):
        raise DatasetError("E858", column=column, found=text)
    return float(text)


def columns_named(data: Path, names: Sequence[str], *, needs_path: bool = True) -> tuple[str, ...]:
    """Return the columns of the CSV file of a data set that have one of some names; none where there is no such file.

    Case, spaces and signs do not count.

    Args:
        data: a file or a folder.
        names: that are looked for.
        needs_path: whether the file has a column of paths, and not one for each of several series.
    """
    path = find_table(data) if needs_path else find_table(data, is_table)
    if path is None:
        return ()
    _, header = read_rows(path, ("path",) if needs_path else ())
    wanted = {plain(name) for name in names}
    every = [*([header.known["label"]] if "label" in header.known else []), *header.others]
    return tuple(column for column in every if plain(column) in wanted)
