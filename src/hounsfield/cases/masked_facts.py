"""What a masked case is in numbers: its grid, and for each label the voxels and the sizes of its objects."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.cases.masked_table import MaskedImage, MaskTable
from hounsfield.core.geometry import Calibration, Triple
from hounsfield.metrics.components import label_components

_CONNECTIVITY = 26


@dataclass(frozen=True)
class CaseFacts:
    """What one case is.

    Attributes:
        shape: slices, rows and columns.
        spacing_mm: distances between slices, rows and columns, None where they are not known.
        channels: number of channels that are there.
        objects: for each label, background left out, the voxels of each of its objects. An object is a connected
            component (26 neighbours), or a number of a table of instances.
    """

    shape: tuple[int, int, int]
    spacing_mm: Triple | None
    channels: int
    objects: tuple[tuple[int, ...], ...]

    @property
    def voxels(self) -> tuple[int, ...]:
        """Number of voxels of each label, background left out."""
        return tuple(sum(sizes) for sizes in self.objects)

    @property
    def is_empty(self) -> bool:
        """Whether the mask is background alone."""
        return not any(self.objects)


@dataclass(frozen=True)
class LabelFacts:
    """What one label comes to over all cases that were read.

    Attributes:
        name: of the label.
        cases: number of cases that hold it.
        voxels: number of voxels.
        share: of all voxels of cases with a mask.
        objects: number of objects.
        median_object_voxels: voxels of the median object, 0 without one.
        smallest_object_voxels: voxels of the smallest object, 0 without one.
    """

    name: str
    cases: int
    voxels: int
    share: float
    objects: int
    median_object_voxels: float
    smallest_object_voxels: int


def facts_of(image: MaskedImage, label_count: int, is_instances: bool) -> CaseFacts:
    """Return what a case is.

    Args:
        image: the case.
        label_count: number of labels, background included.
        is_instances: whether the mask numbers objects.
    """
    grid = image.mask.geometry
    spacing = None if grid.calibration is Calibration.NONE else grid.spacing_mm
    array = np.asarray(image.mask.array)
    if is_instances:
        sizes = np.unique(array[array > 0], return_counts=True)[1]
        objects: tuple[tuple[int, ...], ...] = (tuple(int(size) for size in sizes),)
    else:
        objects = tuple(_component_sizes(array == index) for index in range(1, label_count))
    return CaseFacts(grid.shape, spacing, sum(volume is not None for volume in image.volumes), objects)


def label_facts(table: MaskTable, facts: tuple[CaseFacts | None, ...]) -> tuple[LabelFacts, ...]:
    """Return what each label comes to, over the cases with a mask that were read."""
    held = [fact for fact, case in zip(facts, table.cases, strict=True) if fact is not None and case.mask is not None]
    total = sum(int(np.prod(fact.shape)) for fact in held)
    found = []
    for index, name in enumerate(table.label_names[1:]):
        own = [fact.objects[index] for fact in held if fact.objects[index]]
        sizes = np.array([size for objects in own for size in objects], dtype=np.int64)
        voxels = int(sizes.sum())
        median, smallest = (float(np.median(sizes)), int(sizes.min())) if len(sizes) else (0.0, 0)
        share = voxels / total if total else 0.0
        found.append(LabelFacts(name, len(own), voxels, share, len(sizes), median, smallest))
    return tuple(found)


def _component_sizes(inside: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    """Return the voxels of each connected component; only the box around the label is looked at."""
    if not inside.any():
        return ()
    box = []
    for axis in range(inside.ndim):
        line = inside.any(axis=tuple(other for other in range(inside.ndim) if other != axis))
        held = np.flatnonzero(line)
        box.append(slice(int(held[0]), int(held[-1]) + 1))
    found = label_components(np.ascontiguousarray(inside[tuple(box)]), _CONNECTIVITY)
    return tuple(int(voxels) for voxels in found.voxels)
