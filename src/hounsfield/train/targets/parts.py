"""The prepared images of a run on targets, with the targets of each."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hounsfield.cases.targets import TargetTable
from hounsfield.cases.task import LearningTask
from hounsfield.errors import DatasetError
from hounsfield.train.parts import Part, Parts, PartSizes

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TargetPart:
    """The cases of one part: prepared images, and targets (case, column), NaN where one was not assessed."""

    part: Part
    values: Values


@dataclass(frozen=True)
class TargetParts:
    """What is learned from, what choices are made on, and what is kept for the end, None where there is none."""

    training: TargetPart
    tuning: TargetPart
    test: TargetPart | None

    @property
    def sizes(self) -> PartSizes:
        """Number of cases of each part."""
        return PartSizes(*(len(item.part) if item else 0 for item in (self.training, self.tuning, self.test)))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over images, identifiers and targets."""
        parts = Parts(self.training.part, self.tuning.part, self.test.part if self.test else None)
        digest = hashlib.sha256(parts.digest.encode())
        for item in (self.training, self.tuning, self.test):
            digest.update(item.values.tobytes() if item else b"")
        return digest.hexdigest()


def target_parts(parts: Parts, targets: TargetTable, chosen: dict[str, tuple[int, ...]]) -> TargetParts:
    """Return the parts with their targets.

    Args:
        parts: prepared images, in the order of ``chosen``.
        targets: of the whole data set.
        chosen: indices of the cases of each part.

    Raises:
        DatasetError: ``E856``, a target cannot be learned or judged: it never varies in a part.
    """
    values = values_of(targets, chosen)
    test = TargetPart(parts.test, values["test"]) if parts.test else None
    return TargetParts(TargetPart(parts.training, values["training"]), TargetPart(parts.tuning, values["tuning"]), test)


def values_of(targets: TargetTable, chosen: dict[str, tuple[int, ...]]) -> dict[str, Values]:
    """Return the targets (case, column) of each part.

    Raises:
        DatasetError: ``E856``, a target cannot be learned or judged: it never varies in a part.
    """
    values = {name: targets.values[list(indices)] for name, indices in chosen.items()}
    for name in ("training", "tuning"):
        _check_varies(name, values[name], targets)
    return values


def _check_varies(part: str, values: Values, targets: TargetTable) -> None:
    columns = targets.names if targets.task is LearningTask.MULTI_LABEL else (targets.table.name,)
    flat = [name for index, name in enumerate(columns) if not varies(values[:, index])]
    # a label that is rare may be missing from a small tuning part: it is learned, and measured where it occurs
    if flat and (part == "training" or len(flat) == len(columns)):
        raise DatasetError("E856", part=part, found=", ".join(flat[:20]))


def varies(column: Values) -> bool:
    """Tell whether known values differ, by a deviation that can be divided by."""
    known = column[np.isfinite(column)]
    if len(np.unique(known)) < 2:
        return False
    with np.errstate(over="ignore"):
        deviation = float(np.std(known))
    return 0 < deviation < float("inf")
