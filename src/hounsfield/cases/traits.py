"""Traits: what the files of a data set say of themselves and what their names look like, as columns of values."""

import math
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from hounsfield.cases.file_fields import FieldValue, file_fields
from hounsfield.cases.names import part_of, plain
from hounsfield.cases.npz_cases import NpzReader
from hounsfield.cases.readers import FileReader
from hounsfield.cases.table import CaseTable

CONSECUTIVE = 1.25
"""Range of numbers over their count up to which the files of a class are merely counted through."""


class TraitKind(StrEnum):
    """What a trait that tells the class would mean."""

    FILE = "file"
    CONTENT = "content"
    NAME = "name"


@dataclass(frozen=True)
class Trait:
    """One property of the files.

    Attributes:
        name: what it is called.
        kind: of the file itself; of the file but following what the image shows, as the bytes of a compressed picture
            do; or of its name, which no network sees.
        topic: traits of one topic say the same thing in other words, as rows and columns do.
        values: of each case, None where the file does not say.
    """

    name: str
    kind: TraitKind
    topic: str
    values: tuple[FieldValue | None, ...]

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers."""
        return any(isinstance(value, float) for value in self.values)


def read_traits(table: CaseTable, workers: int = 4) -> tuple[Trait, ...]:
    """Return the traits in which the cases differ; rows of arrays have none.

    Args:
        table: the data set; only headers of its files are read.
        workers: threads that read.
    """
    if not isinstance(table.reader, (FileReader, NpzReader)):
        return ()
    with ThreadPoolExecutor(workers) as pool:
        fields = list(pool.map(file_fields, (case.source.path for case in table.cases)))
    return tuple(trait for trait in (*_of_files(fields), *_of_names(table)) if len(set(trait.values)) > 1)


def _of_files(fields: Sequence[Mapping[str, FieldValue]]) -> list[Trait]:
    names = dict.fromkeys(name for found in fields for name in found)
    traits = []
    for name in names:
        kind = TraitKind.CONTENT if name == "bytes a pixel" else TraitKind.FILE
        topic = "size in pixels" if name in ("rows", "columns", "slices") else name
        traits.append(Trait(name, kind, topic, tuple(_known(found.get(name)) for found in fields)))
    sizes = [(_known(found.get("rows")), _known(found.get("columns"))) for found in fields]
    whole = tuple(f"{rows:.0f} x {columns:.0f}" if rows and columns else None for rows, columns in sizes)
    traits.append(Trait("size in pixels", TraitKind.FILE, "size in pixels", whole))
    ratio = tuple(float(rows) / float(columns) if rows and columns else None for rows, columns in sizes)
    traits.append(Trait("rows over columns", TraitKind.FILE, "size in pixels", ratio))
    return traits


def _known(value: FieldValue | None) -> FieldValue | None:
    return None if isinstance(value, float) and math.isnan(value) else value


def _of_names(table: CaseTable) -> list[Trait]:
    """Return how the files are named below the folder of their class."""
    classes = {plain(name) for name in table.class_names}
    own = [table.class_names[case.label] if case.label is not None else "" for case in table.cases]
    paths = [PurePosixPath(case.identifier) for case in table.cases]
    folders = [[name for name in path.parts[:-1] if plain(name) not in classes and not part_of(name)] for path in paths]
    digits = [re.findall(r"\d+", path.stem) for path in paths]
    numbers = [float(found[-1]) if found and len(found[-1]) < 16 else None for found in digits]
    columns: dict[str, list[FieldValue | None]] = {
        "pattern of the name": [_pattern(path.stem, name) for path, name in zip(paths, own, strict=True)],
        "digits of the number": [str(len(found[-1])) if found else "none" for found in digits],
        "suffix of the name": [path.suffix for path in paths],
        "pattern of the folder": [re.sub(r"\d+", "#", "/".join(names)) for names in folders],
        "depth of the folder": [str(len(names)) for names in folders],
    }
    if not _is_counted_through(table, numbers):
        columns["number in the name"] = list(numbers)
    else:
        del columns["digits of the number"]
    return [Trait(name, TraitKind.NAME, "name", tuple(values)) for name, values in columns.items()]


def _pattern(stem: str, class_name: str) -> str:
    """Return a name with digits as ``#`` and the name of its class as ``*``: that the label is spelled is no news."""
    spelled = re.sub(re.escape(class_name), "*", stem, flags=re.IGNORECASE) if class_name else stem
    return re.sub(r"\d+", "#", spelled)


def _is_counted_through(table: CaseTable, numbers: Sequence[float | None]) -> bool:
    """Tell whether each class has its own count 1, 2, 3 …: how far it goes says no more than how large the class is."""
    of_class: dict[int | None, list[float]] = {}
    for case, number in zip(table.cases, numbers, strict=True):
        if number is not None:
            of_class.setdefault(case.label, []).append(number)
    return all(max(found) - min(found) + 1 <= CONSECUTIVE * len(set(found)) for found in of_class.values())
