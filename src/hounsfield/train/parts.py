"""The images a run learns from, prepared once and held as float32, with their labels and groups."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Part:
    """The cases of one part.

    Attributes:
        images: (case, channel, row, column) float32.
        labels: (case,) class of each.
        groups: (case,) what belongs together: one patient, or copies of one image.
        identifiers: name of each case.
        clusters: (case,) what the cases of a class differ in, such as their source; 0 for all where nothing is known.
    """

    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]
    identifiers: tuple[str, ...]
    clusters: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of cases."""
        return len(self.labels)

    def class_counts(self, class_count: int) -> tuple[int, ...]:
        """Return the number of cases of each class."""
        return tuple(int(count) for count in np.bincount(self.labels, minlength=class_count))


class PartSizes(NamedTuple):
    """Number of cases of each part."""

    training: int
    tuning: int
    test: int


@dataclass(frozen=True)
class Parts:
    """The parts of a data set: what is learned from, what choices are made on, and what is kept for the end.

    Attributes:
        training: learned from.
        tuning: early stop, calibration and operating points are decided on it.
        test: untouched until the end; None when the data set has none.
    """

    training: Part
    tuning: Part
    test: Part | None

    @property
    def sizes(self) -> PartSizes:
        """Number of cases of each part."""
        return PartSizes(len(self.training), len(self.tuning), len(self.test) if self.test else 0)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over parts, identifiers, labels and samples: two runs with the same one saw the same data."""
        digest = hashlib.sha256()
        for name, part in (("training", self.training), ("tuning", self.tuning), ("test", self.test)):
            if part is not None:
                digest.update("\n".join([name, *part.identifiers]).encode())
                digest.update(part.labels.tobytes())
                digest.update(np.ascontiguousarray(part.images).tobytes())
        return digest.hexdigest()
