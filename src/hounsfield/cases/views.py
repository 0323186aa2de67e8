"""Several series of a case: columns of paths in a manifest, one for each modality; a blank cell is not given."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hounsfield.cases.manifest import ManifestHeader, Rows, case_of, present_rows, row_issues
from hounsfield.cases.names import readable, summary
from hounsfield.cases.readers import FileReader
from hounsfield.cases.table import Case, CaseTable
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError

PREFIX = "path_"
LEAST_VIEWS = 2
MOST_VIEWS = 8


@dataclass(frozen=True)
class AskedView:
    """A series as a person asks for it: its name, and the column of its paths where that is another."""

    name: str
    column: str = ""
    is_required: bool = False


@dataclass(frozen=True)
class View:
    """One series of every case.

    Attributes:
        name: of the modality or sequence.
        column: of the manifest.
        is_required: whether a case without it is left out.
        cases: the image of each case, None where it was not given.
    """

    name: str
    column: str
    is_required: bool
    cases: tuple[Case | None, ...]

    @property
    def is_given(self) -> npt.NDArray[np.bool_]:
        """Whether each case has it (case,)."""
        return np.array([case is not None for case in self.cases], dtype=bool)


def draw_views(columns: Sequence[str]) -> tuple[AskedView, ...]:
    """Return the series that columns of a manifest name, such as ``path_t1`` and ``path_t2``; none for fewer than two.

    >>> [view.name for view in draw_views(["path_ct", "path_pet", "label"])]
    ['ct', 'pet']
    """
    found = [
        AskedView(column[len(PREFIX) :], column)
        for column in columns
        if column.lower().startswith(PREFIX) and len(column) > len(PREFIX)
    ]
    return tuple(found) if len(found) >= LEAST_VIEWS else ()


def read_views(
    path: Path, rows: Rows, header: ManifestHeader, asked: Sequence[AskedView], left_out: Sequence[str]
) -> tuple[CaseTable, Rows, tuple[View, ...]]:
    """Return the cases of a manifest that have any series, the rows they come from, and each series of them.

    The image of a case is its first series that was given. A row without a required series, or without any, has no
    case; one whose file is missing was not given.

    Args:
        path: of the manifest.
        rows: of it.
        header: its columns.
        asked: the series.
        left_out: columns that hold targets, and are no attributes.

    Raises:
        DatasetError: ``E805``, ``E814``, ``E820``, ``E821`` as ``read_manifest``; ``E936`` a series without a column,
            or more than a network takes; ``E937`` no row has what is required.
    """
    columns = [view.column or view.name for view in asked]
    strange = [column for column in columns if column not in rows[0]]
    if strange or not LEAST_VIEWS <= len(columns) <= MOST_VIEWS or len(set(columns)) < len(columns):
        found = summary(strange) if strange else ", ".join(columns)
        raise DatasetError("E936", path=path.name, found=found, expected=f"{LEAST_VIEWS}-{MOST_VIEWS}")
    others = tuple(name for name in header.others if name not in (*columns, *left_out))
    known = {noun: name for noun, name in header.known.items() if name not in columns}
    heads = [ManifestHeader({**known, "path": column}, others) for column in columns]
    own = [_given(path, rows, head) for head in heads]
    cases: list[tuple[Case | None, ...]] = []
    kept: Rows = []
    for place, row in enumerate(rows):
        found_cases = tuple(
            case_of(path, row, head, 0) if place in given else None for head, (given, _) in zip(heads, own, strict=True)
        )
        is_whole = all(case or not view.is_required for case, view in zip(found_cases, asked, strict=True))
        if is_whole and any(found_cases):
            cases.append(found_cases)
            kept.append(row)
    if not cases:
        raise DatasetError("E937", path=path.name, found=len(rows))
    views = tuple(
        View(view.name, column, view.is_required, tuple(row[place] for row in cases))
        for place, (view, column) in enumerate(zip(asked, columns, strict=True))
    )
    first = tuple(next(case for case in row if case is not None) for row in cases)
    issues = [*row_issues(first, [], heads[0]), *_view_issues(views, len(rows)), *_missing(own, heads)]
    return CaseTable(readable(path.stem), ("-",), first, tuple(issues), "manifest", FileReader()), kept, views


def view_table(table: CaseTable, view: View) -> CaseTable:
    """Return a table whose images are those of one series; cases without it keep their first, and are not read."""
    cases = tuple(own or first for own, first in zip(view.cases, table.cases, strict=True))
    return replace(table, cases=cases)


def _given(path: Path, rows: Rows, head: ManifestHeader) -> tuple[set[int], Rows]:
    """Return the places of the rows whose file of a series is there, and the rows whose file is missing."""
    column = head.known["path"]
    named = [place for place, row in enumerate(rows) if row[column]]
    if not named:
        return set(), []
    _, missing = present_rows(path, [rows[place] for place in named], head)
    lost = {id(row) for row in missing}
    return {place for place in named if id(rows[place]) not in lost}, missing


def _missing(own: Sequence[tuple[set[int], Rows]], heads: Sequence[ManifestHeader]) -> list[QualityIssue]:
    names = [row[head.known["path"]] for (_, rows), head in zip(own, heads, strict=True) for row in rows]
    return [QualityIssue("Q805", Severity.WARN, {"count": len(names), "cases": summary(names)})] if names else []


def _view_issues(views: Sequence[View], row_count: int) -> list[QualityIssue]:
    """Say how many cases lack each series, and how many rows have no case."""
    counts = [f"{view.name} {int((~view.is_given).sum())}" for view in views if not view.is_given.all()]
    total = len(views[0].cases)
    issues = []
    if counts:
        issues.append(QualityIssue("Q930", Severity.NOTE, {"found": ", ".join(counts), "total": total}))
    if total < row_count:
        issues.append(QualityIssue("Q931", Severity.WARN, {"count": row_count - total, "total": row_count}))
    return issues
