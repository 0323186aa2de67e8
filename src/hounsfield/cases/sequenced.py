"""Sequences of a data set, whatever layout they have: cases whose frames or slices are learned from in their order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hounsfield.cases.layouts import read_cases
from hounsfield.cases.manifest import find_table
from hounsfield.cases.medmnist import packed_arrays
from hounsfield.cases.names import readable
from hounsfield.cases.sequenced_arrays import read_sequence_arrays
from hounsfield.cases.sequenced_folders import read_sequence_folders
from hounsfield.cases.sequenced_reader import SequenceReader
from hounsfield.cases.table import CaseTable
from hounsfield.cases.targets import AUTO, TargetTable, read_targets
from hounsfield.cases.task import LearningTask
from hounsfield.errors import DatasetError


@dataclass(frozen=True)
class SequenceTable:
    """A data set of sequences.

    Attributes:
        table: the cases; where a number is learned their label is a stratum of it.
        targets: the number of each case, None where classes are learned.
    """

    table: CaseTable
    targets: TargetTable | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, or the name of the number."""
        return self.table.class_names if self.targets is None else self.targets.names

    @property
    def task(self) -> LearningTask:
        """What is learned of each sequence."""
        return LearningTask.CLASSIFICATION if self.targets is None else LearningTask.REGRESSION


def read_sequences(data: Path, class_names: Sequence[str] | None = None, columns: Sequence[str] = ()) -> SequenceTable:
    """Return the sequences of a data set.

    Args:
        data: class folders of folders of frames, films or volumes; a CSV or Excel manifest of films, volumes, arrays
            or folders of frames with a label or a number each; or an npz of images (case, frame, row, column).
        class_names: the classes to map labels to, in order.
        columns: the column of a manifest that holds the number; none leaves it to what the label column holds.

    Raises:
        DatasetError: ``E800`` nothing there, ``E803`` one class only, ``E907`` no sequences, ``E904`` several targets a
            case; and those of each layout.
    """
    data = Path(data)
    if not data.exists():
        raise DatasetError("E800", path=data.name)
    found = _read(data, class_names, columns)
    if found.targets is None:
        present = [name for name, count in found.table.counts().items() if count]
        if len(present) < 2:
            raise DatasetError("E803", found=", ".join(present) or "0", count=len(found.table.cases))
    return found


def _read(data: Path, class_names: Sequence[str] | None, columns: Sequence[str]) -> SequenceTable:
    path = packed_arrays(data)
    if path is not None:
        return SequenceTable(*read_sequence_arrays(path, class_names))
    if find_table(data) is None:
        if data.is_file():
            raise DatasetError("E907", path=data.name, found=data.suffix or "0")
        return SequenceTable(read_sequence_folders(data, class_names))
    targets = read_targets(data, AUTO, columns, class_names or ())
    if targets is None:
        return SequenceTable(_marked(read_cases(data, class_names), data))
    if targets.task is not LearningTask.REGRESSION:
        raise DatasetError("E904", data=data.name, found=", ".join(targets.names))
    marked = replace(targets, table=_marked(targets.table, data))
    return SequenceTable(marked.table, marked)


def _marked(table: CaseTable, data: Path) -> CaseTable:
    """Return the table of a manifest as one of sequences, under the name of its folder."""
    name = readable(data.name) if data.is_dir() else table.name
    return replace(table, name=name, reader=SequenceReader(), holds_sequences=True)
