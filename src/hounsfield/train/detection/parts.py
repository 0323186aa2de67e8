"""Prepared pictures with their objects, part by part."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hounsfield.cases.boxed import Annotation, BoxTable
from hounsfield.cases.boxed_guard import BoxExamination, split_boxed
from hounsfield.core.boxes import clipped
from hounsfield.errors import DatasetError, HounsfieldError
from hounsfield.image.display import to_display
from hounsfield.metrics.detection import Reference
from hounsfield.prepare.sequence import apply_steps, build_steps
from hounsfield.train.detection.plan import DetectionPlan
from hounsfield.train.parts import PartSizes
from hounsfield.train.plan import SplitPlan

LEAST_BOXES = 2
"""Boxes that each class needs in the training and in the tuning part."""


@dataclass(frozen=True, eq=False)
class BoxPart:
    """One part.

    Attributes:
        images: (image, channel, row, column) on the grid.
        annotations: with boxes in pixels of the grid, cut at its edges.
        shapes: (image, 2) rows and columns before preparing.
        groups: (image,) what must stay together.
        identifiers: of the images.
    """

    images: npt.NDArray[np.float32]
    annotations: tuple[Annotation, ...]
    shapes: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]
    identifiers: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.identifiers)

    def references(self) -> tuple[Reference, ...]:
        """Return the objects of each image in its own pixels."""
        rows, columns = self.images.shape[2:]
        scales = self.shapes / np.array([rows, columns])
        return tuple(
            Reference(item.boxes * np.tile(scale, 2), item.labels, item.is_crowd, item.is_ignored)
            for item, scale in zip(self.annotations, scales, strict=True)
        )


@dataclass(frozen=True, eq=False)
class BoxParts:
    """The parts of a run; ``test`` is None where none is kept apart."""

    training: BoxPart
    tuning: BoxPart
    test: BoxPart | None

    @property
    def sizes(self) -> PartSizes:
        """Number of images of each part."""
        return PartSizes(len(self.training), len(self.tuning), len(self.test) if self.test else 0)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that is learned from and measured on."""
        found = hashlib.sha256()
        for part in (self.training, self.tuning, *([self.test] if self.test else [])):
            found.update(part.images.tobytes())
            for item in part.annotations:
                found.update(item.boxes.tobytes() + item.labels.tobytes() + item.is_ignored.tobytes() + b"|")
        return found.hexdigest()


def choose_box_parts(table: BoxTable, found: BoxExamination, split: SplitPlan) -> dict[str, tuple[int, ...]]:
    """Return the indices of the readable images of each part; a part without images is left out.

    Raises:
        DatasetError: ``E839``, a class has too few boxes in a part.
    """
    shares = split.shares
    names = split_boxed(table, found.images.groups, shares, split.seed, split.held_back)
    unreadable = set(found.images.unreadable)
    chosen: dict[str, tuple[int, ...]] = {}
    for part in shares:
        indices = tuple(index for index, name in enumerate(names) if name == part and index not in unreadable)
        if indices:
            chosen[part] = indices
    for part in ("training", "tuning"):
        counts = table.select(chosen.get(part, ())).counts()
        short = [f"{name} {count}" for name, count in counts.items() if count < LEAST_BOXES and table.counts()[name]]
        if short or part not in chosen:
            raise DatasetError("E839", part=part, found=", ".join(short) or "0", expected=LEAST_BOXES)
    return chosen


def gather_box_parts(
    table: BoxTable,
    found: BoxExamination,
    chosen: dict[str, tuple[int, ...]],
    plan: DetectionPlan,
    progress: Callable[[int, int], None],
) -> BoxParts:
    """Prepare the images of all parts, and bring their boxes onto the grid.

    Raises:
        PrepareError: a step cannot be applied.
        DatasetError: ``E840``, the steps do not lead to the network's input.
    """
    indices = [index for part in chosen.values() for index in part]
    grid = (plan.network.channels, plan.network.rows, plan.network.columns)
    images = np.zeros((len(indices), *grid), dtype=np.float32)
    place = {index: position for position, index in enumerate(indices)}
    steps = build_steps(list(plan.prepare))
    for done, (index, image) in enumerate(table.read_all(indices), start=1):
        if isinstance(image, HounsfieldError):
            raise image
        prepared, _ = apply_steps(steps, to_display(image.volume, keep_colour=grid[0] == 3))
        array = prepared.array if prepared.is_colour else prepared.array[None]
        if (array.shape[0], *array.shape[2:]) != grid or array.shape[1] != 1:
            raise DatasetError("E840", found=array.shape, expected=grid)
        images[place[index]] = array[:, 0]
        progress(done, len(indices))
    parts, start = {}, 0
    for name, part in chosen.items():
        parts[name] = _part(table, found, part, images[start : start + len(part)])
        start += len(part)
    return BoxParts(parts["training"], parts["tuning"], parts.get("test"))


def _part(table: BoxTable, found: BoxExamination, indices: tuple[int, ...], images: npt.NDArray[np.float32]) -> BoxPart:
    chosen = list(indices)
    grid = (images.shape[2], images.shape[3])
    annotations = []
    for index in chosen:
        kept = table.cases[index].annotation.proper()
        boxes = clipped(kept.boxes * np.tile(np.array(grid) / found.shapes[index], 2), grid)
        annotations.append(Annotation(boxes, kept.labels, kept.is_crowd, kept.is_difficult).proper())
    return BoxPart(
        images,
        tuple(annotations),
        found.shapes[chosen],
        np.asarray(found.images.groups, dtype=np.int64)[chosen],
        tuple(table.cases[index].identifier for index in chosen),
    )
