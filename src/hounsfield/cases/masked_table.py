"""MaskedCase and MaskTable: images with a reference mask, one or several channels a case, read when asked for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from hounsfield.cases.reading import read_in_order
from hounsfield.core.quality import QualityIssue
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import HounsfieldError


@dataclass(frozen=True, slots=True)
class MaskedCase:
    """One case of a segmentation data set.

    Attributes:
        identifier: its name in the data set, unique.
        images: where each channel is; None where a modality is missing. Channels of one file repeat its path.
        mask: where the reference mask is, None for a case without one (a test part, the unlabelled part).
        patient: what tells patients apart, None when unknown.
        split: the part that the source declares (``training``, ``tuning``, ``test``), or None.
        attributes: what else the source says, such as the mask of a second observer.
    """

    identifier: str
    images: tuple[Path | None, ...]
    mask: Path | None
    patient: str | None = None
    split: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class MaskedImage:
    """The channels of a case and its reference mask, all on one grid.

    Attributes:
        volumes: each channel, None where it is missing; a colour picture is one channel whose array has four axes.
        mask: 0 is background; others are the index of a label, or the number of an object in a table of instances.
        issues: what was noticed on the way.
    """

    volumes: tuple[Volume | None, ...]
    mask: Mask
    issues: tuple[QualityIssue, ...] = ()


class MaskReader(Protocol):
    """Reads the image and mask of a case; each layout brings its own."""

    def read(self, case: MaskedCase) -> MaskedImage:
        """Return the image and the mask of a case.

        Raises:
            HounsfieldError: it cannot be read, or image and mask lie on different grids.
        """


@dataclass(frozen=True)
class MaskTable:
    """The cases of a segmentation data set.

    Attributes:
        name: the name of the folder.
        label_names: what a value of a mask stands for; index 0 is background.
        channel_names: what each channel is.
        cases: every case, in an order that does not depend on the machine.
        issues: what was noticed while the layout was read.
        layout: ``pairs``, ``nnunet``, ``decathlon``, ``bids``, ``structures`` or ``dicom``.
        reader: how pixels are read.
        is_instances: whether a mask numbers objects, instead of naming what each pixel belongs to.
    """

    name: str
    label_names: tuple[str, ...]
    channel_names: tuple[str, ...]
    cases: tuple[MaskedCase, ...]
    issues: tuple[QualityIssue, ...]
    layout: str
    reader: MaskReader
    is_instances: bool = False

    def __len__(self) -> int:
        """Return the number of cases."""
        return len(self.cases)

    @property
    def declared_parts(self) -> tuple[str, ...]:
        """The parts that the source declares, in the order training, tuning, test."""
        present = {case.split for case in self.cases}
        return tuple(part for part in ("training", "tuning", "test") if part in present)

    @property
    def with_mask(self) -> tuple[int, ...]:
        """Indices of the cases that have a mask."""
        return tuple(index for index, case in enumerate(self.cases) if case.mask is not None)

    def select(self, indices: Iterable[int]) -> "MaskTable":
        """Return a table of some of the cases, in the order given."""
        return replace(self, cases=tuple(self.cases[index] for index in indices))

    def read(self, case: MaskedCase) -> MaskedImage:
        """Return the channels and the mask of a case, on one grid; without a reference the mask is empty.

        Raises:
            HounsfieldError: it cannot be read; the class says why.
        """
        return self.reader.read(case)

    def read_all(
        self, indices: Sequence[int] | None = None, workers: int = 2
    ) -> Iterator[tuple[int, MaskedImage | HounsfieldError]]:
        """Read many cases with threads and yield (index, image or the error that kept it), in order.

        At most twice ``workers`` cases are held at once: volumes are large.
        """
        wanted = range(len(self.cases)) if indices is None else indices
        return read_in_order(self.reader.read, self.cases, wanted, workers, 2 * workers)
