"""BoxedCase and BoxTable: images with boxes around objects, as a source annotates them.

Boxes follow ``hounsfield.core.boxes``: lower edges then upper edges, in the order of the array, in pixels from the
corner of the image. A layout turns its own convention into this one where it is read, and nowhere else.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hounsfield.cases.readers import FileReader
from hounsfield.cases.table import Case, CaseImage, CaseReader, CaseTable, Source
from hounsfield.core.boxes import Boxes, are_proper
from hounsfield.core.quality import QualityIssue
from hounsfield.errors import HounsfieldError


@dataclass(frozen=True, eq=False)
class Annotation:
    """The boxes of one image.

    Attributes:
        boxes: (n, 4) or (n, 6) as annotated, also where they are empty, inverted or outside; NaN where no number was.
        labels: (n,) index into the class names.
        is_crowd: (n,) a box around many objects (COCO ``iscrowd``); a detection in it is neither right nor wrong.
        is_difficult: (n,) an object that need not be found (Pascal VOC ``difficult``).
    """

    boxes: Boxes
    labels: npt.NDArray[np.int64]
    is_crowd: npt.NDArray[np.bool_]
    is_difficult: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of boxes."""
        return len(self.labels)

    @property
    def is_ignored(self) -> npt.NDArray[np.bool_]:
        """Boxes (n,) that neither count as missed nor as found."""
        return self.is_crowd | self.is_difficult

    def select(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "Annotation":
        """Return some of the boxes."""
        return Annotation(self.boxes[chosen], self.labels[chosen], self.is_crowd[chosen], self.is_difficult[chosen])

    def proper(self) -> "Annotation":
        """Return the boxes that enclose something."""
        return self.select(are_proper(self.boxes))


@dataclass(frozen=True, eq=False, slots=True)
class BoxedCase:
    """One image with its boxes.

    Attributes:
        identifier: its name in the data set, unique: the relative path of the image.
        image: where its pixels are.
        annotation: its boxes; none is an image in which nothing was found.
        patient: what tells patients apart, None when unknown.
        split: the part that the source declares, or None.
        attributes: what else the source says of the image, for subgroups.
    """

    identifier: str
    image: Path
    annotation: Annotation
    patient: str | None = None
    split: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False)
class BoxTable:
    """Images with boxes.

    Attributes:
        name: the name of the folder or file.
        class_names: what a label counts; there is no background among them.
        cases: every image, in an order that does not depend on the machine.
        issues: what was noticed while the layout was read.
        layout: ``voc``, ``coco`` or ``yolo``.
        reader: how pixels are read.
    """

    name: str
    class_names: tuple[str, ...]
    cases: tuple[BoxedCase, ...]
    issues: tuple[QualityIssue, ...]
    layout: str
    reader: CaseReader = field(default_factory=FileReader)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.cases)

    @property
    def declared_parts(self) -> tuple[str, ...]:
        """The parts that the source declares, in the order training, tuning, test."""
        return self.images().declared_parts

    def counts(self) -> dict[str, int]:
        """Return the number of boxes of each class, whatever their form."""
        labels = [case.annotation.labels for case in self.cases]
        tally = np.bincount(np.concatenate([np.zeros(0, np.int64), *labels]), minlength=len(self.class_names))
        return {name: int(count) for name, count in zip(self.class_names, tally, strict=True)}

    def select(self, indices: Iterable[int]) -> "BoxTable":
        """Return a table of some of the images, in the order given."""
        return replace(self, cases=tuple(self.cases[index] for index in indices))

    def images(self) -> CaseTable:
        """Return the images alone, without labels, for everything that looks at images and patients."""
        cases = tuple(
            Case(case.identifier, None, case.patient, case.split, Source(case.image), case.attributes)
            for case in self.cases
        )
        return CaseTable(self.name, self.class_names, cases, self.issues, self.layout, self.reader)

    def read(self, case: BoxedCase) -> CaseImage:
        """Return the image of a case.

        Raises:
            HounsfieldError: it cannot be read; the class says why.
        """
        return self.reader.read(Case(case.identifier, None, case.patient, case.split, Source(case.image)))

    def read_all(
        self, indices: Sequence[int] | None = None, workers: int = 4
    ) -> Iterator[tuple[int, CaseImage | HounsfieldError]]:
        """Read many images with threads and yield (index, image or the error that kept it), in order."""
        return self.images().read_all(indices, workers)


class AnnotationDraft:
    """Boxes of an image while they are read; an edge that is no number becomes NaN, so that the box can be named."""

    def __init__(self) -> None:
        """Begin without boxes."""
        self._boxes: list[tuple[float, ...]] = []
        self._labels: list[int] = []
        self._flags: list[tuple[bool, bool]] = []

    def add(self, box: Sequence[float], label: int, is_crowd: bool = False, is_difficult: bool = False) -> None:
        """Add a box in the order of the array."""
        self._boxes.append(tuple(box))
        self._labels.append(label)
        self._flags.append((is_crowd, is_difficult))

    def finish(self) -> Annotation:
        """Return the boxes."""
        flags = np.array(self._flags, dtype=np.bool_).reshape(-1, 2)
        boxes = np.array(self._boxes, dtype=np.float64).reshape(-1, 4)
        return Annotation(boxes, np.array(self._labels, dtype=np.int64), flags[:, 0], flags[:, 1])


def number_of(value: object) -> float:
    """Return a number as float, NaN for anything else; a coordinate beyond a billion is no coordinate."""
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever is not a number is told by the exception
    except (TypeError, ValueError, OverflowError):
        return float("nan")
    return number if abs(number) < 1e9 else float("nan")
