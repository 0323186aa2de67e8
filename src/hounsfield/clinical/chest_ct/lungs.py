"""Lungs: body, airways, right and left lung, and the lung with the nodules and vessels that lie in it.

The steps are those of Hu, Hoffman and Reinhardt (IEEE Trans Med Imaging 2001;20:490): air within the body, the airways
taken out, sides parted by erosion, holes and bays closed. Bays are closed by rolling a ball, which keeps nodules that
touch the pleura (Armato 1999). All of it runs on blocks of about 2 mm.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import binary_closing, distance_transform_edt

from hounsfield.clinical.chest_ct.airways import Airways, find_airways
from hounsfield.clinical.chest_ct.grid import Flags, Floats, Spacing, block_means
from hounsfield.core.finding import Laterality
from hounsfield.core.volume import Volume
from hounsfield.metrics.components import label_components

BLOCK_MM = 2.0
AERATED_HU = -400.0
OUTSIDE_HU = -930.0
TISSUE_HU = -300.0
BALL_MM = 12.0
SMALLEST_LUNG_ML = 150.0
"""Less air than this is bowel gas, or a lung that was cut to a corner."""


@dataclass(frozen=True)
class Lung:
    """One lung.

    Attributes:
        side: of the patient.
        mask: (slice, row, column) on blocks, aerated parts only.
        closed: with the vessels, nodules and bays in it.
    """

    side: Laterality
    mask: Flags = field(repr=False)
    closed: Flags = field(repr=False)


@dataclass(frozen=True)
class Lungs:
    """The lungs of a volume, on blocks of voxels.

    Attributes:
        lungs: none, one or two.
        airways: trachea and main bronchi.
        factors: voxels in a block along slice, row and column.
        spacing_mm: of the blocks.
    """

    lungs: tuple[Lung, ...]
    airways: Airways
    factors: tuple[int, int, int]
    spacing_mm: Spacing

    @property
    def closed(self) -> Flags:
        """Both lungs with what lies in them."""
        return np.asarray(np.logical_or.reduce([lung.closed for lung in self.lungs]), dtype=bool)

    def volume_ml(self, lung: Lung) -> float:
        """Return the volume of one lung, its vessels counted in and the airways not."""
        return float(np.count_nonzero(lung.closed) * np.prod(self.spacing_mm) / 1000.0)

    def height_mm(self) -> float:
        """Return the extent of the lungs along the slices."""
        found = np.flatnonzero(self.closed.any(axis=(1, 2))) if self.lungs else np.zeros(0, dtype=int)
        return float((found[-1] - found[0] + 1) * self.spacing_mm[0]) if len(found) else 0.0

    def side_at(self, index: tuple[float, float, float]) -> Lung | None:
        """Return the lung at an index of the volume, or None outside both."""
        block = self.block_of(index)
        return next((lung for lung in self.lungs if lung.closed[block]), None)

    def lung_near(self, index: tuple[float, float, float]) -> Lung | None:
        """Return the lung at an index, or the one within a block of it: the middle of a nodule may lie at the wall."""
        block = self.block_of(index)
        near = tuple(slice(max(b - 1, 0), b + 2) for b in block)
        counts = [int(np.count_nonzero(lung.closed[near])) for lung in self.lungs]
        if not any(counts):
            return None
        return self.side_at(index) or self.lungs[int(np.argmax(counts))]

    def block_of(self, index: tuple[float, float, float]) -> tuple[int, int, int]:
        """Return the block that an index of the volume lies in."""
        shape = self.airways.mask.shape
        found = [min(max(int(round(i) // f), 0), n - 1) for i, f, n in zip(index, self.factors, shape, strict=True)]
        return (found[0], found[1], found[2])


def find_lungs(volume: Volume) -> Lungs:
    """Find the lungs of a CT volume whose slices are axial.

    Args:
        volume: in Hounsfield units, (slice, row, column).
    """
    spacing = volume.geometry.spacing_mm
    factors = tuple(
        max(1, min(round(BLOCK_MM / size), count)) for size, count in zip(spacing, volume.array.shape, strict=True)
    )
    wide = (spacing[0] * factors[0], spacing[1] * factors[1], spacing[2] * factors[2])
    blocks = block_means(volume.array, (factors[0], factors[1], factors[2]))
    air = _air_in_body(blocks, wide)
    upward = float(np.asarray(volume.geometry.direction)[2, 0])
    airways = find_airways(blocks, air, wide, is_head_last=upward > 0)
    parts = _sides(air & ~airways.mask, wide)
    leftward = np.asarray(volume.geometry.direction)[0]
    middle = np.argwhere(blocks > TISSUE_HU).mean(axis=0) if (blocks > TISSUE_HU).any() else np.zeros(3)
    places = [np.argwhere(part).mean(axis=0) for part in parts]
    if len(parts) == 2:
        middle = (places[0] + places[1]) / 2
    lungs = []
    for part, place in zip(parts, places, strict=True):
        is_left = float(leftward @ ((place - middle) * wide)) > 0
        lungs.append(Lung(Laterality.LEFT if is_left else Laterality.RIGHT, part, _closed(part, wide) & ~airways.mask))
    return Lungs(tuple(lungs), airways, (factors[0], factors[1], factors[2]), wide)


def _air_in_body(blocks: Floats, spacing: Spacing) -> Flags:
    """Return aerated blocks that are not the air around the body, whether or not the picture cuts the body."""
    tissue = label_components(blocks > TISSUE_HU, 6)
    if not len(tissue.voxels):
        return np.zeros(blocks.shape, dtype=bool)
    body = tissue.labels == int(np.argmax(tissue.voxels)) + 1
    air = label_components(blocks < OUTSIDE_HU, 6)
    touching = np.zeros(len(air.voxels) + 1, dtype=bool)
    for face in (air.labels[:, 0], air.labels[:, -1], air.labels[:, :, 0], air.labels[:, :, -1]):
        touching[np.unique(face)] = True
    touching[0] = False
    outside = touching[air.labels]
    if outside.any():  # the skin is a layer of mixed blocks
        outside = distance_transform_edt(~outside, sampling=spacing) <= 1.6 * max(spacing[1:])
    within = _between(body, 1) | _between(body, 2)
    return (blocks < AERATED_HU) & ~outside & within


def _between(body: Flags, axis: int) -> Flags:
    """Return what has the body on both sides along an axis."""
    before = np.logical_or.accumulate(body, axis=axis)
    after = np.flip(np.logical_or.accumulate(np.flip(body, axis), axis=axis), axis)
    return np.asarray(before & after)


def _sides(air: Flags, spacing: Spacing) -> list[Flags]:
    """Return the right and the left lung, in no order; parts that hold together are parted where they are thinnest."""
    block_ml = float(np.prod(spacing)) / 1000.0
    found = label_components(air, 6)
    order = [i for i in np.argsort(found.voxels)[::-1] if found.voxels[i] * block_ml >= SMALLEST_LUNG_ML][:2]
    parts = [found.labels == i + 1 for i in order]
    if len(parts) == 1 and found.voxels[order[0]] * block_ml > 2 * SMALLEST_LUNG_ML:
        return _parted(parts[0], spacing) or parts
    return parts


def _parted(joined: Flags, spacing: Spacing) -> list[Flags]:
    depth = distance_transform_edt(joined, sampling=spacing)
    total = np.count_nonzero(joined)
    for radius in (2.0, 4.0, 6.0, 8.0):
        cores = label_components(depth > radius, 6)
        large = [i for i in np.argsort(cores.voxels)[::-1][:2] if cores.voxels[i] > 0.12 * total]
        boxes = [cores.boxes[i][2] for i in large]
        if len(large) == 2 and (boxes[0][1] <= boxes[1].mean() or boxes[1][1] <= boxes[0].mean()):
            distances = [distance_transform_edt(cores.labels != i + 1, sampling=spacing) for i in large]
            first = distances[0] <= distances[1]
            return [joined & first, joined & ~first]
    return []


def _closed(lung: Flags, spacing: Spacing) -> Flags:
    """Return a lung with its holes and bays, by a ball that rolls over its outside."""
    pad = [int(np.ceil(BALL_MM / size)) + 1 for size in spacing]
    wide = np.pad(lung, [(0, 0), (pad[1], pad[1]), (pad[2], pad[2])])
    wide = np.pad(wide, [(pad[0], pad[0]), (0, 0), (0, 0)], mode="edge")
    grown = distance_transform_edt(~wide, sampling=spacing) <= BALL_MM
    shrunk = distance_transform_edt(grown, sampling=spacing) > BALL_MM
    inner = tuple(slice(p, p + n) for p, n in zip(pad, lung.shape, strict=True))
    return np.asarray(binary_closing(lung) | shrunk[inner] | lung)
