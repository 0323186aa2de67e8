"""A manifest: a CSV or Excel file with a path and a label a row, and patient, part and other columns where known."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hounsfield.cases.excel import sheet_rows
from hounsfield.cases.names import match_names, part_of, plain, readable, summary
from hounsfield.cases.readers import FileReader
from hounsfield.cases.table import Case, CaseTable, Source
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError

TABLE_SUFFIXES = (".csv", ".tsv", ".xlsx")
PREFERRED_TABLES = ("manifest", "cases", "labels", "metadata")
"""Names that are taken where a folder holds several tables."""

MAX_MISSING_SHARE = 0.1
"""Share of rows whose file may be missing before the manifest is refused."""

MAX_MANIFEST_BYTES = 256 * 2**20
_MOST_DIGITS = 18
"""Of a label that is a number; a longer row of digits is a name."""
_COLUMNS = {
    "path": ("path", "file", "filename", "filepath", "image", "imagepath", "imagefile"),
    "label": ("label", "class", "target", "diagnosis", "category"),
    "patient": ("patientid", "patient", "subject", "subjectid"),
    "split": ("split", "part", "subset", "partition"),
}
Rows = list[dict[str, str]]


@dataclass(frozen=True)
class ManifestHeader:
    """The name of each known column in this file, and the columns left over.

    Attributes:
        known: by noun: ``path``, ``label``, ``patient``, ``split``.
        others: every other column, in the order of the file.
    """

    known: dict[str, str]
    others: tuple[str, ...]


def is_manifest(path: Path) -> bool:
    """Tell whether a CSV or Excel file has a column for paths and one for labels."""
    if is_workbook(path):
        return {"path", "label"} <= _header(_first_row(path)).known.keys()
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline(65536)
    except (OSError, UnicodeDecodeError):
        return False
    header = _header(next(csv.reader([first], delimiter=_delimiter(first)), []))
    return {"path", "label"} <= header.known.keys()


def find_table(data: Path, fits: Callable[[Path], bool] | None = None) -> Path | None:
    """Return the CSV or Excel file that a path is or holds; the preferred name of several.

    Args:
        data: a file or a folder.
        fits: which files count; None for those with a column of paths.
    """
    is_one = fits or _has_paths
    if data.is_file():
        return data if data.suffix.lower() in TABLE_SUFFIXES and is_one(data) else None
    found = [path for path in sorted(data.iterdir()) if path.suffix.lower() in TABLE_SUFFIXES and is_one(path)]
    if len(found) > 1:
        found = [path for path in found if path.stem.lower() in PREFERRED_TABLES] or found
    return found[0] if len(found) == 1 else None


def _has_paths(path: Path) -> bool:
    return is_table(path, ("path",))


def is_table(path: Path, required: Sequence[str] = ()) -> bool:
    """Tell whether a CSV or Excel file can be read and has some columns."""
    try:
        read_rows(path, required)
    except (OSError, DatasetError):
        return False
    return True


def is_workbook(path: Path) -> bool:
    """Tell whether a file is named as an Excel workbook."""
    return path.suffix.lower() == ".xlsx"


def _first_row(path: Path) -> list[str]:
    try:
        return next(iter(sheet_rows(path, 1)), [])
    except DatasetError:
        return []


def read_manifest(path: Path, class_names: Sequence[str] | None = None) -> CaseTable:
    """Return the cases of a CSV or Excel manifest; paths are relative to its folder and may not leave it.

    Columns are found without case and signs: path, label, patient_id, split; every other column is kept for subgroups.
    A label may be a class name, or the number of a class when names are given.

    Raises:
        DatasetError: ``E813`` no column path or label, ``E814`` a path that leaves the folder, ``E815`` not readable as
            UTF-8 text or empty, ``E805`` too many files missing, ``E820`` a path twice, ``E821`` an unknown part.
    """
    rows, header = read_rows(path)
    kept, missing = present_rows(path, rows, header)
    names, index_of, has_names = _classes(path, kept, header, class_names)
    cases = tuple(case_of(path, row, header, index_of.get(row[header.known["label"]])) for row in kept)
    issues = (*row_issues(cases, missing, header), *equal_numbers([row[header.known["label"]] for row in kept]))
    return CaseTable(readable(path.stem), names, cases, issues, "manifest", FileReader(), has_names)


def present_rows(path: Path, rows: Rows, header: ManifestHeader) -> tuple[Rows, Rows]:
    """Return the rows whose file is there, and those whose file is missing.

    Raises:
        DatasetError: ``E814`` a path that leaves the folder, ``E820`` a path twice, ``E805`` too many files missing.
    """
    _check_paths(path, rows, header)
    kept: Rows = []
    missing: Rows = []
    for row in rows:
        present = _exists(path.parent / row[header.known["path"]])
        (kept if present else missing).append(row)
    if len(missing) > MAX_MISSING_SHARE * len(rows):
        absent = summary([row[header.known["path"]] for row in missing])
        raise DatasetError("E805", count=len(missing), total=len(rows), cases=absent)
    return kept, missing


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # a name that is too long for the file system
        return False


def read_rows(path: Path, required: Sequence[str] = ("path", "label")) -> tuple[Rows, ManifestHeader]:
    """Return the rows of a CSV or Excel file and which columns are known.

    Raises:
        DatasetError: ``E815`` not readable as UTF-8 text or empty, ``E813`` a required column is absent.
    """
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise DatasetError("E815", path=path.name, reason=f"> {MAX_MANIFEST_BYTES // 2**20} MB")
    columns, rows = _sheet(path) if is_workbook(path) else _text(path)
    header = _header(columns)
    if not rows:
        raise DatasetError("E815", path=path.name, reason="0 rows")
    absent = [name for name in required if name not in header.known]
    if absent:
        raise DatasetError("E813", path=path.name, found=summary(columns), expected=absent[0])
    return rows, header


def _sheet(path: Path) -> tuple[list[str], Rows]:
    columns, *rows = sheet_rows(path) or [[]]
    return columns, [{key: value for key, value in zip(columns, row, strict=True) if key} for row in rows]


def _text(path: Path) -> tuple[list[str], Rows]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if "\0" in text:
            raise DatasetError("E815", path=path.name, reason="NUL")
        stream = io.StringIO(text, newline="")
        delimiter = _delimiter(re.split(r"[\r\n]", text, maxsplit=1)[0])
        reader = csv.DictReader(stream, delimiter=delimiter, restval="", restkey="")
        rows = [{key: (value or "").strip() for key, value in row.items() if key} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError("E815", path=path.name, reason=type(error).__name__) from error
    return list(reader.fieldnames or []), rows


def _delimiter(first_line: str) -> str:
    return max(",;\t", key=first_line.count)


def _header(columns: Sequence[str]) -> ManifestHeader:
    known = {}
    for noun, words in _COLUMNS.items():
        for column in columns:
            if plain(column) in words and noun not in known:
                known[noun] = column
    return ManifestHeader(known, tuple(column for column in columns if column and column not in known.values()))


def _check_paths(path: Path, rows: Rows, header: ManifestHeader) -> None:
    root = path.parent.resolve()
    seen = set()
    for row in rows:
        text = row[header.known["path"]]
        target = _resolved(root / text)
        if not text or Path(text).is_absolute() or target is None or not target.is_relative_to(root) or target == root:
            raise DatasetError("E814", path=path.name, found=text)
        if target in seen:
            raise DatasetError("E820", path=path.name, found=text)
        seen.add(target)


def _resolved(path: Path) -> Path | None:
    """Return where a path leads, None for links that lead to each other."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return None


def _classes(
    path: Path, rows: Rows, header: ManifestHeader, class_names: Sequence[str] | None
) -> tuple[tuple[str, ...], dict[str, int], bool]:
    found = sorted({row[header.known["label"]] for row in rows} - {""})
    is_numbers = all(plain(text).isdecimal() and len(plain(text)) <= _MOST_DIGITS for text in found)
    if is_numbers:
        found.sort(key=lambda text: (int(plain(text)), len(text), text))
    if class_names:
        names = tuple(class_names)
        if is_numbers and not {plain(text) for text in found} <= {plain(name) for name in names}:
            outside = [text for text in found if int(plain(text)) >= len(names)]
            if outside:
                raise DatasetError("E806", found=outside[0], where=path.name, expected=", ".join(names))
            return names, {text: int(plain(text)) for text in found}, True
        return names, match_names(found, names, path.name), True
    spellings = {plain(text) or text: text for text in reversed(found)}
    names = tuple(dict.fromkeys(spellings[plain(text) or text] for text in found))
    return names, {text: names.index(spellings[plain(text) or text]) for text in found}, not is_numbers


def case_of(path: Path, row: dict[str, str], header: ManifestHeader, label: int | None) -> Case:
    """Return the case of a row.

    Raises:
        DatasetError: ``E821`` an unknown part.
    """
    text = row[header.known["path"]]
    split = row[header.known["split"]] if "split" in header.known else ""
    part = part_of(split) if split else None
    if split and part is None:
        raise DatasetError("E821", path=path.name, found=split)
    patient = row[header.known["patient"]] if "patient" in header.known else ""
    attributes = tuple((column, row[column]) for column in header.others)
    return Case(text, label, patient or None, part, Source(path.parent / text), attributes)


def equal_numbers(texts: Sequence[str]) -> tuple[QualityIssue, ...]:
    """Return a note where a column writes one number in several ways, as ``1`` and ``1.0``: they are one class."""
    ways: dict[str, dict[str, None]] = {}
    for text in texts:
        key = plain(text)
        if key.lstrip("-")[:1].isdecimal() and _is_number(text):
            ways.setdefault(key, {})[text] = None
    found = [" = ".join(sorted(written, key=len)) for written in ways.values() if len(written) > 1]
    if not found:
        return ()
    return (QualityIssue("Q623", Severity.NOTE, {"count": len(found), "found": summary(found)}),)


def _is_number(text: str) -> bool:
    try:
        return "_" not in text and float(text) == float(plain(text))
    except ValueError:
        return False


def row_issues(cases: Sequence[Case], missing: Rows, header: ManifestHeader) -> tuple[QualityIssue, ...]:
    """Return what is said of rows without patient, file or label."""
    issues = []
    unknown = sum(case.patient is None for case in cases)
    if unknown:
        issues.append(QualityIssue("Q800", Severity.NOTE, {"count": unknown, "total": len(cases)}))
    if missing:
        names = summary([row[header.known["path"]] for row in missing])
        issues.append(QualityIssue("Q805", Severity.WARN, {"count": len(missing), "cases": names}))
    unlabelled = [case.identifier for case in cases if case.label is None]
    if unlabelled:
        issues.append(QualityIssue("Q807", Severity.WARN, {"count": len(unlabelled), "cases": summary(unlabelled)}))
    return tuple(issues)
