"""How image and mask of a case are read from files, checked to lie on one grid, and the mask's values made indices."""

from collections.abc import Mapping
from copy import copy
from pathlib import Path

import numpy as np

from hounsfield.cases.label_maps import LabelMap, Labels, read_label_map, read_volumes
from hounsfield.cases.masked_table import MaskedCase, MaskedImage
from hounsfield.core.codes import concept_for
from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import DatasetError

GRID_TOLERANCE_VOXELS = 0.1
"""Distance between equal corners of two grids, as a share of the smallest spacing, up to which they are one grid:
positions in files are rounded, and a tenth of a voxel moves no boundary."""


class FileMaskReader:
    """Files of pictures or volumes: one a channel, or one whose volumes are the channels."""

    def __init__(
        self,
        label_names: tuple[str, ...],
        values: tuple[int, ...] | None = None,
        is_instances: bool = False,
        drops_other_grids: bool = False,
    ) -> None:
        """Hold what the values of a mask stand for.

        Args:
            label_names: name of each label, background first.
            values: stored value of each label, background first; None where the values number objects.
            is_instances: whether values number objects.
            drops_other_grids: whether a channel on another grid than the mask counts as missing, with a note; one
                channel must be on it. Without, such a case is refused.
        """
        self.label_names = label_names
        self.values = np.asarray(range(len(label_names)) if values is None else values, dtype=np.int64)
        self.is_instances = is_instances
        self.drops_other_grids = drops_other_grids
        self.further: dict[str, tuple[Path, ...]] = {}

    def with_further(self, further: Mapping[str, tuple[Path, ...]]) -> "FileMaskReader":
        """Return a reader that lays further masks of a case, by its identifier, over the first: one a lesion."""
        made = copy(self)
        made.further = dict(further)
        return made

    def read(self, case: MaskedCase) -> MaskedImage:
        """Return the channels and the mask of a case.

        Raises:
            DatasetError: ``E881`` different grids, ``E882`` not a label map, ``E885`` a value that no label has.
            HounsfieldError: a file cannot be read.
        """
        volumes = _channels(case)
        if all(volume is None for volume in volumes):
            raise DatasetError("E818", case=case.identifier, reason="no channel")
        found = None if case.mask is None else self.read_map(case.mask)
        grid = found.geometry if found else next(volume.geometry for volume in volumes if volume is not None)
        kept = self._on_grid(case.identifier, grid, volumes)
        dropped = sum(volume is not None for volume in volumes) - sum(volume is not None for volume in kept)
        issues = [QualityIssue("Q888", Severity.NOTE, {"case": case.identifier, "count": dropped})] if dropped else []
        if found is not None and found.overlapping:
            issues.append(QualityIssue("Q621", Severity.WARN, {"count": 1, "cases": case.identifier}))
        grid = next(volume.geometry for volume in kept if volume is not None)
        array = self.indices(found.array, case.identifier) if found else np.zeros(grid.shape, dtype=np.uint8)
        if case.identifier in self.further:
            array = self._with_further(case.identifier, array, grid)
        return MaskedImage(kept, self._mask(array, grid), tuple(issues))

    def _with_further(self, name: str, array: Labels, grid: VolumeGeometry) -> Labels:
        """Lay further masks over the first: the higher label counts; of instances each file is one object."""
        if self.is_instances:
            array = (array > 0).astype(np.int32)
        for number, path in enumerate(self.further[name], start=2):
            other = self.read_map(path)
            require_one_grid(name, grid, other.geometry)
            if self.is_instances:
                array[other.array > 0] = number
            else:
                array = np.maximum(array, self.indices(other.array, name))
        return array

    def _on_grid(
        self, name: str, grid: VolumeGeometry, volumes: tuple[Volume | None, ...]
    ) -> tuple[Volume | None, ...]:
        kept: list[Volume | None] = []
        other: DatasetError | None = None
        for volume in volumes:
            try:
                if volume is not None:
                    require_one_grid(name, volume.geometry, grid)
                kept.append(volume)
            except DatasetError as error:
                if not self.drops_other_grids:
                    raise
                kept.append(None)
                other = error
        if other is not None and all(volume is None for volume in kept):
            raise other
        return tuple(kept)

    def read_map(self, path: Path) -> LabelMap:
        """Return the label map of a file with the values that it stores."""
        return read_label_map(path)

    def indices(self, stored: Labels, name: str) -> Labels:
        """Return stored values as indices of labels; numbers of objects stay as they are."""
        if self.is_instances:
            return stored.astype(np.int32, copy=False)
        order = np.argsort(self.values)
        place = np.searchsorted(self.values[order], stored).clip(max=len(order) - 1)
        is_known = self.values[order][place] == stored
        if not is_known.all():
            found = ", ".join(map(str, np.unique(stored[~is_known])[:8]))
            raise DatasetError("E885", case=name, found=found, expected=", ".join(map(str, self.values)))
        found_indices: Labels = order.astype(np.uint8 if len(order) <= 256 else np.uint16)[place]
        return found_indices

    def _mask(self, array: Labels, grid: VolumeGeometry) -> Mask:
        if self.is_instances:
            object_concept = concept_for(self.label_names[1])
            return Mask(array, grid, {int(number): object_concept for number in np.unique(array) if number})
        return Mask(array, grid, {index: concept_for(name) for index, name in enumerate(self.label_names) if index})


def _channels(case: MaskedCase) -> tuple[Volume | None, ...]:
    """Return the volume of each channel; a path that several channels name holds one volume for each of them."""
    read: dict[Path, tuple[Volume, ...]] = {}
    taken: dict[Path, int] = {}
    volumes: list[Volume | None] = []
    for path in case.images:
        if path is None:
            volumes.append(None)
            continue
        if path not in read:
            read[path] = read_volumes(path)
            if len(read[path]) != case.images.count(path):
                found = f"{len(read[path])} volumes, {case.images.count(path)} channels"
                raise DatasetError("E818", case=case.identifier, reason=found)
        volumes.append(read[path][taken.setdefault(path, 0)])
        taken[path] += 1
    return tuple(volumes)


def require_one_grid(name: str, first: VolumeGeometry, second: VolumeGeometry) -> None:
    """Refuse two grids of different shapes, or whose corners lie apart where both are known.

    Raises:
        DatasetError: ``E881``.
    """
    if first.shape != second.shape:
        raise DatasetError("E881", case=name, found=str(second.shape), expected=str(first.shape))
    if Calibration.NONE in (first.calibration, second.calibration):
        return
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]) * (np.array(first.shape) - 1)
    apart = float(np.linalg.norm(first.to_patient(corners) - second.to_patient(corners), axis=1).max())
    if apart > GRID_TOLERANCE_VOXELS * min(first.spacing_mm):
        raise DatasetError("E881", case=name, found=f"{apart:.3g} mm", expected="0 mm")
