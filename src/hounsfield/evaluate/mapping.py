"""Which class of the model each label of a data set means, and which part of the data is evaluated."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hounsfield.cases.names import PARTS, TEST, TUNING, means_absence, plain
from hounsfield.cases.table import CaseTable
from hounsfield.core.prediction import PredictedClass
from hounsfield.errors import DatasetError


class Sided(Protocol):
    """A case with the part that the source declares for it."""

    @property
    def split(self) -> str | None:
        """The part, None where none is declared."""


class Parted(Protocol):
    """A table of cases, whatever is drawn in them: of classes, targets, masks or boxes."""

    @property
    def cases(self) -> Sequence[Sided]:
        """Every case."""

    @property
    def declared_parts(self) -> tuple[str, ...]:
        """The parts that the source declares."""


WHOLE = "all"
"""The part that stands for every case, where the source declares no part that was held back."""


def choose_part(table: Parted, wanted: str | None = None) -> str:
    """Return the part to evaluate: the wanted one, else test, else tuning, else ``all``.

    Raises:
        DatasetError: ``E852`` the wanted part has no cases.
    """
    declared = table.declared_parts
    if wanted is not None:
        if wanted != WHOLE and wanted not in declared:
            raise DatasetError("E852", found=wanted, expected=", ".join((*declared, WHOLE)))
        return wanted
    return next((part for part in (TEST, TUNING) if part in declared), WHOLE)


def indices_of(table: Parted, part: str) -> list[int]:
    """Return the indices of the cases of a part; ``all`` takes every one."""
    return [index for index, case in enumerate(table.cases) if case.split == part or part not in PARTS]


def map_labels(table: CaseTable, classes: tuple[PredictedClass, ...]) -> npt.NDArray[np.int64]:
    """Return the model's class index (n,) of each case, -1 for cases without a label.

    Names are compared without case, spaces and signs; a class that means absence (``normal``, ``notumor``) stands for
    the model's only class that is no finding. Labels that are mere numbers count the model's classes from 0, whichever
    of them occur.

    Raises:
        DatasetError: ``E851`` a class of the data is none of the model's.
    """
    names = [entry.name for entry in classes]
    index_of = {plain(name): index for index, name in enumerate(names)}
    absent = [index for index, entry in enumerate(classes) if not entry.is_finding]
    used = sorted({case.label for case in table.cases if case.label is not None})
    lookup = {-1: -1}
    for label in used:
        name = table.class_names[label]
        known = index_of.get(plain(name))
        if known is None and not table.has_published_names and name.isdecimal() and int(name) < len(names):
            known = int(name)
        if known is None and len(absent) == 1 and means_absence(name):
            known = absent[0]
        if known is None:
            raise DatasetError("E851", found=name, expected=", ".join(names))
        lookup[label] = known
    return np.array([lookup[int(label)] for label in table.labels], dtype=np.int64)


def positive_class(classes: tuple[PredictedClass, ...]) -> int | None:
    """Return the class that a two-class model looks for, None for more classes.

    It is the only finding; of two findings the one with an operating point, else the second.
    """
    if len(classes) != 2:
        return None
    findings = [index for index, entry in enumerate(classes) if entry.is_finding]
    pointed = [index for index in findings if classes[index].operating_point is not None]
    for candidates in (findings, pointed):
        if len(candidates) == 1:
            return candidates[0]
    return 1
