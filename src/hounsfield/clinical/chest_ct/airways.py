"""Airways: the trachea from its round cross-sections, and the tree that hangs on it by growing within bounds."""

from dataclasses import dataclass, field

import numpy as np

from hounsfield.clinical.chest_ct.grid import Flags, Floats, Spacing
from hounsfield.metrics.components import label_components

LUMEN_HU = (-900.0, -930.0, -950.0, -970.0)
"""Limits that are tried, the loosest first, until the tree does not leak into the lung."""
LARGEST_ML = 120.0
"""Trachea and bronchi that can be seen hold less; more is a leak into the lung."""
TRACHEA_MM2 = (50.0, 700.0)
"""Cross-section of the trachea."""
LEAST_LENGTH_MM = 20.0


@dataclass(frozen=True)
class Airways:
    """Trachea and main bronchi.

    Attributes:
        mask: (slice, row, column) on blocks; empty when they are not assessed.
        is_assessed: whether a trachea was found from which the tree could be grown without a leak.
        is_leaking: whether a trachea was found but every limit leaked.
        volume_ml: of the tree.
    """

    mask: Flags = field(repr=False)
    is_assessed: bool
    is_leaking: bool = False
    volume_ml: float = 0.0


def find_airways(blocks: Floats, air: Flags, spacing: Spacing, *, is_head_last: bool) -> Airways:
    """Find the trachea in the upper half of the slices and grow the tree from it.

    Args:
        blocks: (slice, row, column) HU.
        air: blocks of air within the body.
        spacing: of the blocks in mm.
        is_head_last: whether slices run from feet to head.
    """
    empty = np.zeros(air.shape, dtype=bool)
    seed = _trachea(blocks, air, spacing, is_head_last)
    if seed is None:
        return Airways(empty, is_assessed=False)
    block_ml = float(np.prod(spacing)) / 1000.0
    for limit in LUMEN_HU:
        if blocks[seed] >= limit:
            break
        found = label_components(air & (blocks < limit), 6)
        label = int(found.labels[seed])
        volume = float(found.voxels[label - 1]) * block_ml
        if volume <= LARGEST_ML:
            return Airways(found.labels == label, is_assessed=True, volume_ml=volume)
    return Airways(empty, is_assessed=False, is_leaking=True)


def _trachea(blocks: Floats, air: Flags, spacing: Spacing, is_head_last: bool) -> tuple[int, int, int] | None:
    """Return a block in the lumen of the trachea: a chain of round, dark cross-sections down from the head."""
    count = len(blocks)
    order = range(count - 1, count - 1 - count // 2, -1) if is_head_last else range(count // 2)
    pixel_mm2 = spacing[1] * spacing[2]
    chain: list[tuple[int, int, int]] = []
    for index in order:
        found = label_components(air[index] & (blocks[index] < LUMEN_HU[0]), 4)
        rounds = []
        for label, (box, pixels, centre) in enumerate(zip(found.boxes, found.voxels, found.centroids, strict=True)):
            sides = (box[:, 1] - box[:, 0]) * np.asarray(spacing[1:])
            is_round = sides.max() <= 2.2 * sides.min() and pixels * pixel_mm2 >= 0.55 * sides.prod()
            place = (round(centre[0]), round(centre[1]))
            if is_round and TRACHEA_MM2[0] <= pixels * pixel_mm2 <= TRACHEA_MM2[1] and found.labels[place] == label + 1:
                rounds.append((index, *place))
        last = chain[-1] if chain else None
        near = [one for one in rounds if last is None or _apart_mm(one, last, spacing) < 12.0]
        if near:
            middle = blocks.shape[2] / 2
            chain.append(min(near, key=lambda one: abs(one[2] - middle)))
        elif chain:
            chain = []
        if chain and len(chain) * spacing[0] >= LEAST_LENGTH_MM:
            return chain[-1]
    return None


def _apart_mm(one: tuple[int, int, int], other: tuple[int, int, int], spacing: Spacing) -> float:
    return float(np.hypot((one[1] - other[1]) * spacing[1], (one[2] - other[2]) * spacing[2]))
