"""A manifest of several heads: one row an image, a column or more for each head, a blank cell is not assessed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hounsfield.cases.heads import AskedHead, Head, Values, draw_heads, indicators, settle, values_of
from hounsfield.cases.manifest import ManifestHeader, Rows, equal_numbers, find_table, read_rows
from hounsfield.cases.names import plain, summary
from hounsfield.cases.table import CaseTable
from hounsfield.cases.target_columns import DESCRIBING, cases_of
from hounsfield.cases.targets import LEAST_STRATUM, ranges, rarest_strata, with_strata
from hounsfield.cases.task import LearningTask
from hounsfield.cases.views import AskedView, View, draw_views, read_views
from hounsfield.errors import DatasetError

LEAST_IN_PART = 2
"""Cases of a stratum that every declared part needs."""


@dataclass(frozen=True)
class SeveralTable:
    """A data set of several heads.

    Attributes:
        table: the cases; their label is a stratum that a split holds in each part, not what is learned.
        heads: what is learned.
        values: the targets of each head (case, column), NaN where one was not assessed.
        views: the series of each case, where there are several; the image of the table is the first that was given.
    """

    table: CaseTable
    heads: tuple[Head, ...]
    values: tuple[Values, ...]
    views: tuple[View, ...] = ()

    @property
    def is_assessed(self) -> npt.NDArray[np.bool_]:
        """Whether any column of a head was assessed (case, head)."""
        return np.stack([np.isfinite(values).any(axis=1) for values in self.values], axis=1)


def read_several(
    data: Path, asked: Sequence[AskedHead] = (), columns: Sequence[str] = (), series: Sequence[AskedView] = ()
) -> SeveralTable:
    """Return the heads of a data set and their targets, and the series of each case where a manifest has several.

    Args:
        data: a CSV or Excel file with a column of paths, or the folder that holds it.
        asked: the heads; none leaves them to the columns.
        columns: the columns to look at where no heads are asked for; none takes all that hold targets.
        series: columns of paths of several series; none takes those named ``path_...``.

    Raises:
        DatasetError: ``E930`` no such file, ``E931`` a column that is not there or not of its kind, ``E932`` fewer
            heads than two, ``E933`` two of one name; and those of ``read_rows``, ``read_views``, ``settle``
            and ``values_of``.
    """
    path = find_table(data, lambda found: bool(_views_of(found, series))) or find_table(data)
    if path is None:
        raise DatasetError("E930", data=data.name)
    views_asked = _views_of(path, series)
    rows, header = read_rows(path, () if views_asked else ("path",))
    header = _without(header, views_asked)
    heads = _heads(path, rows, header, asked, columns, has_views=bool(views_asked))
    used = tuple(column for head in heads for column in head.columns)
    views: tuple[View, ...] = ()
    if views_asked:
        table, kept, views = read_views(path, rows, header, views_asked, used)
    else:
        table, kept = cases_of(path, used, rows, header)
    if data.is_dir():
        table = replace(table, name=data.name)
    values = tuple(values_of(head, kept) for head in heads)
    written = [row[column] for head in heads if head.is_classes for column in head.columns for row in kept]
    table = replace(table, issues=(*table.issues, *equal_numbers(written)))
    return replace(stratified(table, heads, values), views=views)


def _views_of(path: Path, series: Sequence[AskedView]) -> tuple[AskedView, ...]:
    """Return the series asked for, or those that the columns of a file name; none where it is no table."""
    try:
        _, header = read_rows(path, ())
    except (OSError, DatasetError):
        return ()
    return tuple(series) or draw_views((*header.known.values(), *header.others))


def _without(header: ManifestHeader, views: Sequence[AskedView]) -> ManifestHeader:
    """Return the columns of a manifest that are no series: targets are looked for among them."""
    taken = {view.column or view.name for view in views}
    known = {noun: column for noun, column in header.known.items() if column not in taken}
    return ManifestHeader(known, tuple(column for column in header.others if column not in taken))


def stratified(table: CaseTable, heads: tuple[Head, ...], values: tuple[Values, ...]) -> SeveralTable:
    """Return the data set with strata as labels: the rarest class, label, grade or range of a number of each case."""
    shown: list[Values] = []
    names: list[str] = []
    for head, own in zip(heads, values, strict=True):
        if head.task is LearningTask.REGRESSION:
            place, ends = ranges(own[:, 0])
            found = np.where(np.isfinite(own), place[:, None] == np.arange(len(ends)), np.nan)
        else:
            found, ends = indicators(head, own), head.names
        shown.append(found)
        names += [f"{head.name} {end}" for end in ends]
    strata, strata_names = rarest_strata(table, np.concatenate(shown, axis=1), tuple(names))
    has_any = np.asarray(np.isfinite(np.concatenate(values, axis=1)).any(axis=1))
    strata = _joined(strata, has_any, table)
    present, index = np.unique(strata, return_inverse=True)
    kept = tuple(strata_names[place] for place in present)
    return SeveralTable(with_strata(table, index, kept, np.concatenate(values, axis=1)), heads, values)


def _joined(strata: npt.NDArray[np.int64], has_any: npt.NDArray[np.bool_], table: CaseTable) -> npt.NDArray[np.int64]:
    """Return strata of which those that a part could not hold have joined the largest.

    Cases of which nothing was assessed are in no part: they do not count, and make no stratum of their own.
    """
    sizes = np.bincount(strata[has_any], minlength=int(strata.max()) + 1)
    largest = int(sizes.argmax())
    parts = [has_any & np.array([case.split == part for case in table.cases]) for part in table.declared_parts]
    least = [np.bincount(strata[part], minlength=len(sizes)) for part in parts]
    small = (sizes < LEAST_STRATUM) | np.any([counts < LEAST_IN_PART for counts in least] or [sizes < 0], axis=0)
    return np.where(small[strata], largest, strata)


def _heads(
    path: Path,
    rows: Rows,
    header: ManifestHeader,
    asked: Sequence[AskedHead],
    columns: Sequence[str],
    *,
    has_views: bool,
) -> tuple[Head, ...]:
    label = header.known.get("label")
    every = [*([label] if label else []), *header.others]
    wanted = [column for head in asked for column in head.columns or (head.name,)] or list(columns)
    strange = [column for column in wanted if column not in every]
    if strange:
        raise DatasetError("E931", head=strange[0], found=summary(every), expected=path.name)
    looked_at = wanted or [name for name in every if name == label or plain(name) not in DESCRIBING]
    heads = tuple(settle(head, rows) for head in asked) if asked else draw_heads(rows, looked_at)
    if len(heads) < (1 if has_views else 2) and not asked:
        raise DatasetError("E932", data=path.name, found=", ".join(head.name for head in heads) or "0")
    names = [plain(head.name) or head.name for head in heads]
    if len(set(names)) < len(names):
        raise DatasetError("E933", found=", ".join(head.name for head in heads))
    return heads
