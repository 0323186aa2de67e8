"""The first sheet of an Excel workbook (.xlsx) as rows of text; values as they were saved, no formula is computed."""

import datetime
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from hounsfield.errors import DatasetError

MAX_SHEET_BYTES = 512 * 2**20
"""Unpacked size above which a workbook is not opened."""

MAX_ROWS = 1_000_000
MAX_COLUMNS = 1_000
_FAULTS = (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, EOFError, NotImplementedError,
           RuntimeError, zlib.error, zipfile.BadZipFile, InvalidFileException, ParseError)  # fmt: skip


def sheet_rows(path: Path, limit: int = MAX_ROWS) -> list[list[str]]:
    """Return the first rows of the first sheet, empty ones left out; every row has the width of the first.

    Raises:
        DatasetError: ``E815`` not a workbook, damaged, or larger than what is read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_SHEET_BYTES:
            raise DatasetError("E815", path=path.name, reason=f"> {MAX_SHEET_BYTES // 2**20} MB")
        book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
        try:
            rows = list(islice(_texts(book.worksheets[0]), limit + 1))
        finally:
            book.close()
    except _FAULTS as error:
        raise DatasetError("E815", path=path.name, reason=type(error).__name__) from error
    if len(rows) > limit == MAX_ROWS:
        raise DatasetError("E815", path=path.name, reason=f"> {MAX_ROWS} rows")
    width = len(rows[0]) if rows else 0
    return [(row + [""] * width)[:width] for row in rows[:limit]]


def _texts(sheet: object) -> Iterator[list[str]]:
    # the size that a sheet declares of itself is often wrong, so it is not asked
    rows = sheet.iter_rows(max_col=MAX_COLUMNS, values_only=True)  # type: ignore[attr-defined]
    for row in rows:
        texts = [_text(value) for value in row]
        while texts and not texts[-1]:
            texts.pop()
        if texts:
            yield texts


def _text(value: object) -> str:
    """Return a cell as a person reads it: whole numbers without a fraction, dates as ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    return str(value).strip()
