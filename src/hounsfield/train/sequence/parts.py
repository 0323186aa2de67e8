"""The prepared frames of a run on sequences, end to end, with the number of frames and the target of each sequence."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hounsfield.train.parts import Part, Parts


@dataclass(frozen=True)
class SequencePart(Part):
    """The sequences of one part; ``images`` are the frames of all of them (frame, channel, row, column), end to end.

    Attributes:
        counts: (case,) frames of each sequence.
        values: (case,) the number of each sequence, NaN where it is not known or classes are learned.
    """

    counts: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]

    def frames(self, index: int) -> npt.NDArray[np.float32]:
        """Return the frames (frame, channel, row, column) of a sequence."""
        start = int(self.counts[:index].sum())
        return self.images[start : start + int(self.counts[index])]


@dataclass(frozen=True)
class SequenceParts(Parts):
    """What is learned from, what choices are made on, and what is kept for the end, None where there is none."""

    training: SequencePart
    tuning: SequencePart
    test: SequencePart | None

    @cached_property
    def digest(self) -> str:
        """SHA-256 over frames, identifiers, labels, and where each sequence ends."""
        digest = hashlib.sha256(Parts(self.training, self.tuning, self.test).digest.encode())
        for part in (self.training, self.tuning, self.test):
            if part is not None:
                digest.update(part.counts.tobytes() + part.values.tobytes())
        return digest.hexdigest()
