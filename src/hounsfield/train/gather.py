"""Gather: split the cases, prepare each image once with the steps of the model, and hold them as parts."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hounsfield.cases.guard import Examination
from hounsfield.cases.splits import split_cases
from hounsfield.cases.table import CaseImage, CaseTable
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume, middle_slice
from hounsfield.errors import DatasetError, HounsfieldError
from hounsfield.image.display import to_display
from hounsfield.prepare.sequence import apply_steps, build_steps
from hounsfield.prepare.step import Step
from hounsfield.train.events import Talk, TrainEvent, issue_event
from hounsfield.train.parts import Part, Parts
from hounsfield.train.plan import SplitPlan

LEAST_PER_CLASS = 2
"""Cases that each class needs in the training and in the tuning part."""


class Grid(Protocol):
    """The input of a network."""

    @property
    def channels(self) -> int:
        """Channels of an image."""

    @property
    def rows(self) -> int:
        """Rows of an image."""

    @property
    def columns(self) -> int:
        """Columns of an image."""


class LeadsToGrid(Protocol):
    """What gathering has to know of a plan."""

    @property
    def prepare(self) -> tuple[dict[str, Any], ...]:
        """Preparing steps."""

    @property
    def network(self) -> Grid:
        """What they lead to."""

    @property
    def clusters(self) -> str:
        """Column that tells clusters apart, empty for none."""


def choose_parts(table: CaseTable, examination: Examination, split: SplitPlan) -> dict[str, tuple[int, ...]]:
    """Return the indices of the readable cases of each part; a part without cases is left out.

    Raises:
        DatasetError: ``E839``, a class has too few cases in a part to learn from or to decide on.
    """
    shares = split.shares
    chosen = split_cases(table, examination.groups, shares, split.seed, split.held_back)
    unreadable = set(examination.unreadable)
    found: dict[str, tuple[int, ...]] = {}
    for part in shares:
        indices = tuple(index for index, name in enumerate(chosen) if name == part and index not in unreadable)
        if indices:
            found[part] = indices
    for part in ("training", "tuning"):
        counts = np.bincount(table.labels[list(found.get(part, ()))], minlength=len(table.class_names))
        short = [f"{name} {count}" for name, count in zip(table.class_names, counts, strict=True) if count < 2]
        if short:
            raise DatasetError("E839", part=part, found=", ".join(short), expected=LEAST_PER_CLASS)
    return found


def gather_parts(
    table: CaseTable,
    examination: Examination,
    chosen: dict[str, tuple[int, ...]],
    plan: LeadsToGrid,
    quantity: str,
    talk: Talk,
) -> Parts:
    """Prepare the images of all parts.

    Args:
        table: the data set.
        examination: its groups.
        chosen: indices of each part.
        plan: with the preparing steps and the network's input.
        quantity: what the steps start from; ``display`` as everything can be shown.
        talk: told of progress and of what had to be left out.

    Raises:
        PrepareError: a step cannot be applied.
        DatasetError: ``E840``, the steps do not lead to the network's input.
    """
    indices = [index for part in chosen.values() for index in part]
    reader = Preparer(build_steps(list(plan.prepare)), quantity, plan)
    network = plan.network
    images = np.zeros((len(indices), network.channels, network.rows, network.columns), dtype=np.float32)
    position_of = {index: position for position, index in enumerate(indices)}
    stacks = 0
    for done, (index, image) in enumerate(table.read_all(indices), start=1):
        if isinstance(image, HounsfieldError):
            raise image
        images[position_of[index]] = reader.prepare(image)
        stacks += image.volume.geometry.shape[0] > 1
        talk(TrainEvent("ui.train.preparing", {"done": done, "total": len(indices)}, done, len(indices)))
    if stacks:
        talk(issue_event(QualityIssue("Q830", Severity.WARN, {"count": stacks})))
    clusters = clusters_of(table, plan.clusters)
    start, parts = 0, {}
    for name, part in chosen.items():
        parts[name] = part_of(table, examination.groups, part, images[start : start + len(part)], clusters)
        start += len(part)
    return Parts(parts["training"], parts["tuning"], parts.get("test"))


class Preparer:
    """Brings one image, or all slices of it, onto the grid of the model, exactly as an analysis does."""

    def __init__(self, steps: tuple[Step, ...], quantity: str, plan: LeadsToGrid) -> None:
        self.steps = steps
        self.is_display = Quantity.named(quantity) is Quantity.DISPLAY
        self.expected = (plan.network.channels, plan.network.rows, plan.network.columns)

    def prepare(self, image: CaseImage) -> npt.NDArray[np.float32]:
        """Return (channel, row, column) of the middle slice."""
        return self.of(image.volume)

    def of(self, volume: Volume) -> npt.NDArray[np.float32]:
        """Return (channel, row, column) of the middle slice of a volume.

        Raises:
            PrepareError: a step cannot be applied.
            DatasetError: ``E840``, the steps do not lead to the network's input.
        """
        return np.asarray(self._applied(middle_slice(self._source(volume)))[0])

    def frames(self, image: CaseImage) -> npt.NDArray[np.float32]:
        """Return (frame, channel, row, column) of the slices that the steps leave, prepared together."""
        return self._applied(self._source(image.volume))

    def _source(self, volume: Volume) -> Volume:
        return to_display(volume) if self.is_display else volume

    def _applied(self, volume: Volume) -> npt.NDArray[np.float32]:
        prepared, _ = apply_steps(self.steps, volume)
        array = prepared.array if prepared.is_colour else prepared.array[None]
        found = (array.shape[0], *array.shape[2:])
        if found != self.expected:
            raise DatasetError("E840", found=found, expected=self.expected)
        return np.ascontiguousarray(array.swapaxes(0, 1), dtype=np.float32)


def clusters_of(table: CaseTable, column: str) -> npt.NDArray[np.int64]:
    """Number the values of a column over all cases; one number for all without a column."""
    values = [dict(case.attributes).get(column, "") if column else "" for case in table.cases]
    return np.unique(np.array(values), return_inverse=True)[1].astype(np.int64)


def part_of(
    table: CaseTable,
    groups: Sequence[int],
    indices: tuple[int, ...],
    images: npt.NDArray[np.float32],
    clusters: npt.NDArray[np.int64],
) -> Part:
    """Return the cases of a part with their prepared images (case, channel, row, column) and clusters of all cases."""
    chosen = list(indices)
    return Part(
        images,
        table.labels[chosen],
        np.asarray(groups, dtype=np.int64)[chosen],
        tuple(table.cases[index].identifier for index in indices),
        clusters[chosen],
    )
