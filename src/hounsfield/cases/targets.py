"""Targets other than one class: a number an image, several labels (blank is not assessed), or ordered classes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hounsfield.cases.layouts import read_cases
from hounsfield.cases.manifest import find_table
from hounsfield.cases.medmnist import packed_arrays, read_medmnist_targets
from hounsfield.cases.names import published_labels, publishes_order
from hounsfield.cases.table import CaseTable
from hounsfield.cases.target_columns import numeric_column, read_columns, target_columns
from hounsfield.cases.task import LearningTask
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError

AUTO = "auto"
LEAST_STRATUM = 30
"""Cases of a stratum below which a tuning part of 12 % would often hold fewer than two of it."""
MOST_STRATA = 4
"""Parts that a range of numbers is cut into, so that each part of a split spans the range."""
LEAST_ORDERED = 3
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TargetTable:
    """A data set whose cases have targets of their own.

    Attributes:
        table: the cases; their label is a stratum that a split holds in each part, not what is learned.
        task: what is learned.
        names: of the columns of ``values``; for ordered classes, the classes in order.
        values: (case, column) targets, NaN where one was not assessed; for ordered classes (case, 1) the class.
        reason: key of the sentence that says why this task was chosen.
    """

    table: CaseTable
    task: LearningTask
    names: tuple[str, ...]
    values: Values
    reason: str

    def select(self, indices: Sequence[int]) -> "TargetTable":
        """Return a table of some of the cases, in the order given."""
        chosen = list(indices)
        return replace(self, table=self.table.select(chosen), values=self.values[chosen])


def read_targets(
    data: Path, asked: str = AUTO, columns: Sequence[str] = (), class_names: Sequence[str] = ()
) -> TargetTable | None:
    """Return the targets of a data set, None where it is one of classes.

    Args:
        data: what ``read_cases`` takes, a CSV without a label column, or a MedMNIST file of several labels.
        asked: a task, or ``auto``: several columns of 0 and 1 are labels, measured numbers as label are a number.
        columns: the columns that hold the targets; none leaves them to what they hold.
        class_names: names of the labels, or of the classes in their order.

    Raises:
        DatasetError: ``E854`` no targets for the task asked for, ``E857`` classes without an order, ``E858`` a target
            that is no number; and those of the layouts.
    """
    if asked == LearningTask.CLASSIFICATION:
        return None
    if asked == LearningTask.ORDINAL:
        return _ordered(data, class_names, "ui.train.task.asked")
    packed = packed_arrays(data)
    if packed is not None:
        return _of_arrays(packed, asked, class_names)
    path = find_table(data)
    if path is None:
        _check_unasked(data, asked)
        return None
    found = target_columns(path, columns)
    task = LearningTask(asked) if asked != AUTO else found.task
    if task is LearningTask.CLASSIFICATION:
        return None
    wanted = found.columns_for(task)
    if not wanted:
        _check_unasked(data, asked)
        return None
    table, values = read_columns(path, wanted, found.rows, found.header)
    known = values[np.isfinite(values)]
    if not known.size or (task is LearningTask.MULTI_LABEL and not np.isin(known, (0, 1)).all()):
        raise DatasetError("E854", data=data.name, task=task, found=", ".join(wanted))
    reason = "ui.train.task.asked" if asked != AUTO else f"ui.train.task.{task.value}"
    return _stratified(table, task, tuple(wanted), values, reason)


def _of_arrays(path: Path, asked: str, class_names: Sequence[str]) -> TargetTable | None:
    table, values = read_medmnist_targets(path)
    if values.shape[1] == 1 and asked == AUTO:
        return _ordered(path, class_names, "ui.train.task.ordinal") if publishes_order(path) else None
    if asked == LearningTask.REGRESSION:
        if values.shape[1] != 1:
            raise DatasetError("E854", data=path.name, task=asked, found=f"{values.shape[1]} columns")
        return _stratified(table, LearningTask.REGRESSION, ("value",), values, "ui.train.task.asked")
    if values.shape[1] == 1 or not np.isin(values[np.isfinite(values)], (0, 1)).all():
        raise DatasetError("E854", data=path.name, task=LearningTask.MULTI_LABEL, found=f"labels {values.shape}")
    names = tuple(class_names) or published_labels(path, values.shape[1])
    names = names or tuple(f"label {index + 1}" for index in range(values.shape[1]))
    if len(names) != values.shape[1]:
        raise DatasetError("E854", data=path.name, task=LearningTask.MULTI_LABEL, found=f"{len(names)} names")
    reason = "ui.train.task.multi-label" if asked == AUTO else "ui.train.task.asked"
    return _stratified(table, LearningTask.MULTI_LABEL, names, values, reason)


def _check_unasked(data: Path, asked: str) -> None:
    """Refuse data without targets where those were asked for.

    Raises:
        DatasetError: ``E854``.
    """
    if asked in (LearningTask.REGRESSION, LearningTask.MULTI_LABEL):
        raise DatasetError("E854", data=data.name, task=asked, found="0 columns")


def _ordered(data: Path, class_names: Sequence[str], reason: str) -> TargetTable:
    """Return ordered classes: in the order that names were given, or that numbers have."""
    table = read_cases(data, class_names or None)
    has_order = bool(class_names) or publishes_order(data) or all(numeric_column([name]) for name in table.class_names)
    if not has_order or len(table.class_names) < LEAST_ORDERED:
        raise DatasetError("E857", found=", ".join(table.class_names), expected=LEAST_ORDERED)
    labels = table.labels.astype(np.float64)
    values = np.where(labels < 0, np.nan, labels)[:, None]
    return TargetTable(table, LearningTask.ORDINAL, table.class_names, values, reason)


def number_targets(table: CaseTable, name: str, values: Values, reason: str) -> TargetTable:
    """Return a number a case (case, 1), NaN where it was not assessed, as a table of targets."""
    return _stratified(table, LearningTask.REGRESSION, (name,), values, reason)


def _stratified(
    table: CaseTable, task: LearningTask, names: tuple[str, ...], values: Values, reason: str
) -> TargetTable:
    """Return the targets with strata as labels, and a note of what was not assessed."""
    is_number = task is LearningTask.REGRESSION
    strata, stratum_names = ranges(values[:, 0]) if is_number else rarest_strata(table, values, names)
    return TargetTable(with_strata(table, strata, stratum_names, values), task, names, values, reason)


def with_strata(
    table: CaseTable, strata: npt.NDArray[np.int64], stratum_names: tuple[str, ...], values: Values
) -> CaseTable:
    """Return a table whose labels are strata, none where nothing was assessed, with a note of what was not."""
    has_any = np.asarray(np.isfinite(values).any(axis=1))
    cases = tuple(
        replace(case, label=int(stratum) if known else None)
        for case, stratum, known in zip(table.cases, strata.tolist(), has_any.tolist(), strict=True)
    )
    missing = int((~np.isfinite(values)).sum())
    facts = {"count": missing, "total": values.size}
    issues = (QualityIssue("Q840", Severity.NOTE, facts),) if missing else ()
    return replace(table, cases=cases, class_names=stratum_names, issues=(*table.issues, *issues))


def ranges(values: Values) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return the range (case,) that each number lies in, of ranges with equally many cases, and their names."""
    known = values[np.isfinite(values)]
    count = max(1, min(MOST_STRATA, len(known) // LEAST_STRATUM))
    edges = np.unique(np.quantile(known, np.linspace(0, 1, count + 1)[1:-1])) if len(known) else np.zeros(0)
    ends = [f"{edge:g}" for edge in edges]
    names = tuple(f"{low} … {high}" for low, high in zip(["-∞", *ends], [*ends, "∞"], strict=True))
    return np.searchsorted(edges, np.nan_to_num(values), side="left"), names


def rarest_strata(
    table: CaseTable, values: Values, names: tuple[str, ...]
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return the rarest label (case,) that each case has, of those that every part can hold; 0 where it has none."""
    is_present = values == 1
    parts = [np.array([case.split == part for case in table.cases]) for part in table.declared_parts]
    counts = is_present.sum(axis=0)
    usable = [
        index
        for index in np.argsort(-counts, kind="stable")
        if counts[index] >= LEAST_STRATUM and all((is_present[:, index] & part).sum() >= 2 for part in parts)
    ]
    strata = np.zeros(len(values), dtype=np.int64)
    for place, index in enumerate(usable, start=1):
        strata[is_present[:, index]] = place
    sizes = np.bincount(strata, minlength=len(usable) + 1)
    strata[sizes[strata] < LEAST_STRATUM] = 0
    return strata, ("-", *(names[index] for index in usable))
