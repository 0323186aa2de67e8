"""Tables of features read back: a row a region, texts about it, and a number for each feature."""

import csv
import hashlib
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.errors import DatasetError
from hounsfield.image.saving import whole_file
from hounsfield.measuring.run import MeasuringOptions, measure
from hounsfield.measuring.sources import find_sources
from hounsfield.measuring.table import as_csv

MAX_BYTES = 2**30
LAST_FACT = "grey_levels"
"""The column of our own tables after which features stand."""
PLAIN = frozenset({"id", "case", "subject", "label", "region", "habitat", "repeat", "batch", "split"})
"""Columns of other tables that are no features though they may hold numbers."""


@dataclass(frozen=True)
class FeatureTable:
    """Features of regions.

    Attributes:
        name: of the file.
        columns: names of the columns that are no features.
        about: (region) of (column) texts.
        tags: of the features.
        values: (region, feature); NaN where a value is not defined.
        left_out: rows that hold an error instead of features.
        sha256: of what was read.
    """

    name: str
    columns: tuple[str, ...]
    about: tuple[tuple[str, ...], ...]
    tags: tuple[str, ...]
    values: npt.NDArray[np.float64]
    left_out: int
    sha256: str

    def column(self, name: str) -> tuple[str, ...]:
        """Return the texts of a column.

        Raises:
            DatasetError: ``E711``, there is none of this name, or a row has nothing in it.
        """
        if name not in self.columns:
            known = ", ".join(column for column in self.columns if column in PLAIN or len(self.columns) < 20)
            raise DatasetError("E711", file=self.name, found=name, expected=known or ", ".join(self.columns))
        place = self.columns.index(name)
        texts = tuple(row[place] for row in self.about)
        if not all(texts):
            raise DatasetError("E711", file=self.name, found=name, expected=f"{sum(map(bool, texts))} / {len(texts)}")
        return texts

    def keys(self) -> tuple[tuple[str, str], ...]:
        """Return case and label of each row, by which rows of two tables belong together."""
        case = next((name for name in ("subject", "id", "case") if name in self.columns), None)
        if case is None:
            raise DatasetError("E711", file=self.name, found="id", expected=", ".join(self.columns) or "id")
        labels = self.column("label") if "label" in self.columns else ("",) * len(self.about)
        if "habitat" in self.columns:
            place = self.columns.index("habitat")
            labels = tuple(f"{label} {row[place]}".strip() for label, row in zip(labels, self.about, strict=True))
        return tuple(zip(self.column(case), labels, strict=True))

    def with_values(self, values: npt.NDArray[np.float64]) -> "FeatureTable":
        """Return the table with other numbers."""
        return replace(self, values=values)


def read_features(path: Path, plain: Iterable[str] = ()) -> FeatureTable:
    """Return a table of features, or measure what ``hounsfield radiomics`` would of a folder or manifest.

    In our own tables the features are what stands after ``grey_levels``; of others every column of numbers is one,
    but those of ``PLAIN``.

    Args:
        path: CSV of features, or a folder of images and masks, or a manifest of them.
        plain: further columns that are no features.

    Raises:
        DatasetError: ``E710`` the table cannot be read or holds no features.
        HounsfieldError: the images cannot be found.
    """
    if path.is_dir():
        return _parsed(path.name, as_csv(measure(find_sources(path), MeasuringOptions())), plain)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DatasetError("E710", file=path.name, found=f"> {MAX_BYTES} B")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError("E710", file=path.name, found=type(error).__name__) from error
    header = set(next(csv.reader(io.StringIO(text)), []))
    if "image" in header and LAST_FACT not in header and header & {"mask", "segmentation"}:
        text = as_csv(measure(find_sources(path), MeasuringOptions()))
    return _parsed(path.name, text, plain)


def _parsed(name: str, text: str, plain: Iterable[str]) -> FeatureTable:
    try:
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise DatasetError("E710", file=name, found=str(error)) from error
    header, rows = (rows[0], [row for row in rows[1:] if row]) if rows else ([], [])
    if len(set(header)) < len(header) or any(len(row) != len(header) for row in rows):
        raise DatasetError("E710", file=name, found=f"{len(header)} / {sorted({len(row) for row in rows})}")
    fault = header.index("error") if "error" in header else None
    kept = [row for row in rows if fault is None or not row[fault]]
    features = _feature_places(header, kept, {*plain, *PLAIN})
    if not kept or not features:
        raise DatasetError("E710", file=name, found=f"{len(kept)} x {len(features)}")
    others = [place for place in range(len(header)) if place not in set(features)]
    values = np.array([[_number(row[place]) for place in features] for row in kept], dtype=np.float64)
    return FeatureTable(
        name,
        tuple(header[place] for place in others),
        tuple(tuple(row[place] for place in others) for row in kept),
        tuple(header[place] for place in features),
        values,
        len(rows) - len(kept),
        hashlib.sha256(text.encode()).hexdigest(),
    )


def _feature_places(header: Sequence[str], rows: Sequence[Sequence[str]], plain: set[str]) -> list[int]:
    first = header.index(LAST_FACT) + 1 if LAST_FACT in header else 0
    found = []
    for place in range(first, len(header)):
        texts = [row[place] for row in rows]
        if header[place] not in plain and any(texts) and all(not text or _is_number(text) for text in texts):
            found.append(place)
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return len(text) < 400


def _number(text: str) -> float:
    value = float(text) if text else math.nan
    return value if math.isfinite(value) else math.nan


def write_features(table: FeatureTable, path: Path) -> Path:
    """Write a table as CSV and return the path; it is never overwritten.

    Raises:
        SettingsError: ``E340``, something stands there.
    """
    with whole_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*table.columns, *table.tags])
        for about, values in zip(table.about, table.values.tolist(), strict=True):
            writer.writerow([*about, *("" if math.isnan(value) else value for value in values)])
    return path


def table_json(table: FeatureTable) -> dict[str, Any]:
    """Return what an answer says of a table."""
    rows = {"regions": len(table.about), "left_out": table.left_out}
    return {"name": table.name, "sha256": table.sha256, **rows, "features": len(table.tags)}
