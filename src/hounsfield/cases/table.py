"""Case and CaseTable: what a data set says about each image, and how its pixels are read when asked for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from hounsfield.cases.reading import read_in_order
from hounsfield.core.quality import QualityIssue
from hounsfield.core.study import Series, Study
from hounsfield.core.volume import Volume
from hounsfield.errors import DatasetError, HounsfieldError


class Source(NamedTuple):
    """Where the pixels of a case are: a file, and the row in it (0 for a file that is one image)."""

    path: Path
    row: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled image, or volume, of a data set.

    Attributes:
        identifier: its name in the data set, unique: the relative path, or the part and row.
        label: index into the class names, None when the source gives none.
        patient: what tells patients apart, None when unknown; for DICOM a digest, never the identifier itself.
        split: the part that the source declares (``training``, ``tuning``, ``test``), or None.
        source: where its pixels are.
        attributes: other columns of a manifest, for subgroups.
    """

    identifier: str
    label: int | None
    patient: str | None
    split: str | None
    source: Source
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class CaseImage:
    """The image of a case, with the study and series it belongs to and what was noticed on the way."""

    volume: Volume
    study: Study
    series: Series
    issues: tuple[QualityIssue, ...] = ()


class CaseReader(Protocol):
    """Reads the image of a case; each layout brings its own."""

    def read(self, case: Case) -> CaseImage:
        """Return the image of a case.

        Raises:
            HounsfieldError: it cannot be read.
        """


@dataclass(frozen=True)
class CaseTable:
    """The cases of a data set.

    Attributes:
        name: the name of the folder or file.
        class_names: what a label counts.
        cases: every case, in an order that does not depend on the machine.
        issues: what was noticed while the layout was read.
        layout: ``class-folders``, ``medmnist``, ``idx``, ``npz-cases`` or ``manifest``.
        reader: how pixels are read.
        has_published_names: whether the class names come from the source, not from mere numbers.
        holds_sequences: whether the slices of a case are learned from together, in their order.
    """

    name: str
    class_names: tuple[str, ...]
    cases: tuple[Case, ...]
    issues: tuple[QualityIssue, ...]
    layout: str
    reader: CaseReader
    has_published_names: bool = True
    holds_sequences: bool = False

    def __len__(self) -> int:
        """Return the number of cases."""
        return len(self.cases)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Label of each case (n,), -1 where there is none."""
        return np.array([-1 if case.label is None else case.label for case in self.cases], dtype=np.int64)

    @property
    def declared_parts(self) -> tuple[str, ...]:
        """The parts that the source declares, in the order training, tuning, test."""
        present = {case.split for case in self.cases}
        return tuple(part for part in ("training", "tuning", "test") if part in present)

    def counts(self) -> dict[str, int]:
        """Return the number of cases of each class."""
        tally = np.bincount(self.labels[self.labels >= 0], minlength=len(self.class_names))
        return {name: int(count) for name, count in zip(self.class_names, tally, strict=True)}

    def select(self, indices: Iterable[int]) -> "CaseTable":
        """Return a table of some of the cases, in the order given."""
        return replace(self, cases=tuple(self.cases[index] for index in indices))

    def read(self, case: Case) -> CaseImage:
        """Return the image of a case with its study and series.

        Raises:
            HounsfieldError: it cannot be read; the class says why.
        """
        return self.reader.read(case)

    def read_volume(self, case: Case) -> Volume:
        """Return the image of a case: as stored for files, and as a display picture in 0..1 for rows of 8 bits.

        Raises:
            HounsfieldError: it cannot be read; the class says why.
        """
        return self.reader.read(case).volume

    def read_all(
        self, indices: Sequence[int] | None = None, workers: int = 4
    ) -> Iterator[tuple[int, CaseImage | HounsfieldError]]:
        """Read many cases with threads and yield (index, image or the error that kept it), in order.

        At most four times ``workers`` images are held at once.
        """
        wanted = range(len(self.cases)) if indices is None else indices
        return read_in_order(self.reader.read, self.cases, wanted, workers, 4 * workers)


def check_enough(table: CaseTable, minimum_per_class: int) -> None:
    """Refuse a table in which some class has too few labelled cases to learn from.

    Raises:
        DatasetError: ``E804``, naming each class that is too small.
    """
    small = {name: count for name, count in table.counts().items() if count < minimum_per_class}
    if small:
        found = ", ".join(f"{name} {count}" for name, count in small.items())
        raise DatasetError("E804", found=found, expected=minimum_per_class)
