"""The prepared images of a run of several heads, with the targets of each head."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hounsfield.cases.several import SeveralTable
from hounsfield.errors import DatasetError
from hounsfield.train.parts import Part, Parts, PartSizes
from hounsfield.train.targets.parts import varies

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SeveralPart:
    """The cases of one part.

    Attributes:
        part: prepared images; the channels are the series where there are several, 0 where one was not given.
        values: targets (case, column) of each head, NaN where not assessed.
        is_given: (case, series) whether each series was given; None for one image.
    """

    part: Part
    values: tuple[Values, ...]
    is_given: npt.NDArray[np.bool_] | None = None

    @property
    def inputs(self) -> npt.NDArray[np.float32]:
        """What the network takes: the images, and a plane for each series of whether it was given."""
        if self.is_given is None:
            return self.part.images
        planes = np.broadcast_to(self.is_given[:, :, None, None], self.part.images.shape)
        return np.concatenate([self.part.images, planes.astype(np.float32)], axis=1)

    def counts(self) -> tuple[int, ...]:
        """Return the cases of each head of which anything was assessed."""
        return tuple(int(np.isfinite(values).any(axis=1).sum()) for values in self.values)


@dataclass(frozen=True)
class SeveralParts:
    """What is learned from, what choices are made on, and what is kept for the end, None where there is none."""

    training: SeveralPart
    tuning: SeveralPart
    test: SeveralPart | None

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
            for values in item.values if item else ():
                digest.update(values.tobytes())
            digest.update(item.is_given.tobytes() if item and item.is_given is not None else b"")
        return digest.hexdigest()


def several_parts(parts: Parts, several: SeveralTable, chosen: dict[str, tuple[int, ...]]) -> SeveralParts:
    """Return the parts with their targets.

    Args:
        parts: prepared images, in the order of ``chosen``.
        several: heads and targets of the whole data set.
        chosen: indices of the cases of each part.

    Raises:
        DatasetError: ``E856``, as ``several_values``.
    """
    values = several_values(several, chosen)
    given = np.stack([view.is_given for view in several.views], axis=1) if several.views else None

    def part_of(name: str, part: Part) -> SeveralPart:
        return SeveralPart(part, values[name], None if given is None else given[list(chosen[name])])

    test = part_of("test", parts.test) if parts.test else None
    return SeveralParts(part_of("training", parts.training), part_of("tuning", parts.tuning), test)


def several_values(several: SeveralTable, chosen: dict[str, tuple[int, ...]]) -> dict[str, tuple[Values, ...]]:
    """Return the targets (case, column) of each head in each part.

    Raises:
        DatasetError: ``E856``, a target never varies in the training part, or a whole head in the tuning part.
    """
    found = {part: tuple(own[list(indices)] for own in several.values) for part, indices in chosen.items()}
    for part in ("training", "tuning"):
        _check_varies(part, found[part], several)
    return found


def _check_varies(part: str, values: Sequence[Values], several: SeveralTable) -> None:
    flat: list[str] = []
    for head, own in zip(several.heads, values, strict=True):
        names = head.columns if own.shape[1] > 1 else (head.name,)
        still = [name for name, column in zip(names, own.T, strict=True) if not varies(column)]
        # a label that is rare may be missing from a small tuning part: it is learned, and measured where it occurs
        flat += still if part == "training" or len(still) == len(names) else []
    if flat:
        raise DatasetError("E856", part=part, found=", ".join(flat[:20]))
