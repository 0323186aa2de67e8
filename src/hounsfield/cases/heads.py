"""Heads: what is learned of one image side by side, each from columns of its own: classes, labels, numbers, grades."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hounsfield.cases.manifest import Rows
from hounsfield.cases.names import match_names, plain
from hounsfield.cases.target_columns import BLANK, is_binary, is_measured, number_in, numeric_column
from hounsfield.cases.task import LearningTask
from hounsfield.errors import DatasetError

LEAST_GRADES = 3
MOST_CLASSES = 20
"""Different texts of a column from which it is taken for notes, not for classes, unless it is asked for."""
JOINT_LABELS = "labels"
"""Name of the head of several columns of 0 and 1 that nobody named."""
_GRADES = ("grade", "stage", "score", "severity", "rads")
_MAY_BE_CLASSES = frozenset({"none", "null"})
"""Words that are blank in a column of numbers, and may be a class in one of classes."""
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Head:
    """One thing that is learned.

    Attributes:
        name: of the head.
        task: classification, multi-label, regression or ordinal.
        columns: of the manifest; one, or one for each label.
        names: the classes, the labels, the grades in their order, or the name of the number.
        unit: of the number, UCUM where there is a code.
        weight: how much it counts beside the others.
        reason: key of the sentence that says why it is of this task.
    """

    name: str
    task: LearningTask
    columns: tuple[str, ...]
    names: tuple[str, ...]
    unit: str = ""
    weight: float = 1.0
    reason: str = "ui.train.several.asked"

    @property
    def is_classes(self) -> bool:
        """Whether its target counts classes, ordered or not."""
        return self.task in (LearningTask.CLASSIFICATION, LearningTask.ORDINAL)


@dataclass(frozen=True)
class AskedHead:
    """A head as a person asks for it; what is None or empty is found in the columns."""

    name: str
    columns: tuple[str, ...] = ()
    task: LearningTask | None = None
    names: tuple[str, ...] = ()
    unit: str = ""
    weight: float = 1.0


def draw_heads(rows: Rows, columns: Sequence[str]) -> tuple[Head, ...]:
    """Return the heads that columns of a manifest hold, in the order of the columns.

    Columns of 0 and 1 become one head of labels. Numbers that were measured become a number, whole ones in a column
    whose name speaks of grades become ordered grades; other columns are classes, unless they hold notes.
    """
    held = {column: _held(rows, column) for column in columns}
    labels = tuple(column for column in columns if held[column] and is_binary(held[column]))
    found: list[Head] = []
    for column in columns:
        texts = held[column]
        if column in labels:
            if column == labels[0]:
                name = JOINT_LABELS if len(labels) > 1 else column
                head = Head(name, LearningTask.MULTI_LABEL, labels, labels, reason="ui.train.several.labels")
                found.append(head)
        elif len({plain(text) for text in texts}) > 1:
            task, reason = _task_of(column, texts)
            if task is not None:
                found.append(settle(AskedHead(column, task=task), rows, reason))
    return tuple(found)


def settle(asked: AskedHead, rows: Rows, reason: str = "ui.train.several.asked") -> Head:
    """Return a head with everything that was left to its columns.

    Raises:
        DatasetError: ``E857`` grades without an order, ``E931`` columns that do not make its task.
    """
    columns = asked.columns or (asked.name,)
    task = asked.task
    if task is None:
        texts = _held(rows, columns[0])
        found = LearningTask.MULTI_LABEL if is_binary(texts) and texts else _task_of(columns[0], texts)[0]
        task = LearningTask.MULTI_LABEL if len(columns) > 1 else found or LearningTask.CLASSIFICATION
    head = Head(asked.name, task, columns, asked.names, asked.unit, asked.weight, reason)
    if len(columns) > 1 and task is not LearningTask.MULTI_LABEL:
        raise DatasetError("E931", head=asked.name, found=", ".join(columns), expected=task)
    if task is LearningTask.MULTI_LABEL:
        return replace(head, names=asked.names or columns)
    if task is LearningTask.REGRESSION:
        return replace(head, names=(asked.name,))
    return replace(head, names=asked.names or _classes(head, _held(rows, columns[0])))


def values_of(head: Head, rows: Rows) -> Values:
    """Return the targets of a head (case, column), NaN where a cell is blank: not assessed.

    Raises:
        DatasetError: ``E806`` a class outside the names, ``E858`` no number, ``E931`` a label other than 0 and 1.
    """
    if not head.is_classes:
        values = np.array([[number_in(row[column], column) for column in head.columns] for row in rows])
        known = values[np.isfinite(values)]
        if head.task is LearningTask.MULTI_LABEL and not np.isin(known, (0, 1)).all():
            strange = known[~np.isin(known, (0, 1))][0]
            raise DatasetError("E931", head=head.name, found=f"{strange:g}", expected="0, 1")
        return values.reshape(len(rows), len(head.columns))
    column = head.columns[0]
    names = {plain(name) or name for name in head.names}
    texts = [row[column] for row in rows]
    known_texts = [text for text in texts if not _is_blank(text, names)]
    index_of = match_names(list(dict.fromkeys(known_texts)), head.names, column)
    return np.array([[float(index_of.get(text, np.nan))] for text in texts]).reshape(len(rows), 1)


def indicators(head: Head, values: Values) -> Values:
    """Return what a head's targets say as presences (case, column): 1 or 0, NaN where not assessed; not of numbers."""
    if not head.is_classes:
        return values
    found = (values == np.arange(len(head.names))).astype(np.float64)
    return np.where(np.isfinite(values), found, np.nan)


def _task_of(column: str, texts: Sequence[str]) -> tuple[LearningTask | None, str]:
    if numeric_column(texts):
        if is_measured(texts):
            return LearningTask.REGRESSION, "ui.train.several.number"
        if any(word in plain(column) for word in _GRADES) and len(set(map(float, texts))) >= LEAST_GRADES:
            return LearningTask.ORDINAL, "ui.train.several.grades"
    kinds = {plain(text) for text in texts}
    return (LearningTask.CLASSIFICATION if len(kinds) <= MOST_CLASSES else None), "ui.train.several.classes"


def _classes(head: Head, texts: Sequence[str]) -> tuple[str, ...]:
    """Return the classes of a column, by number or by name.

    Raises:
        DatasetError: ``E857``, they are grades and their order is not known.
    """
    is_number = numeric_column(texts)
    found = sorted(set(texts), key=lambda text: (float(text), len(text), text)) if is_number else sorted(set(texts))
    names = tuple({plain(text) or text: text for text in reversed(found)}[key] for key in dict.fromkeys(
        plain(text) or text for text in found
    ))  # fmt: skip
    if head.task is LearningTask.ORDINAL and (not is_number or len(names) < LEAST_GRADES):
        raise DatasetError("E857", found=", ".join(names), expected=LEAST_GRADES)
    return names


def _held(rows: Rows, column: str) -> list[str]:
    blank = BLANK - _MAY_BE_CLASSES
    return [row[column] for row in rows if row[column].lower() not in blank]


def _is_blank(text: str, names: set[str]) -> bool:
    return text.lower() in BLANK and (plain(text) or text) not in names
