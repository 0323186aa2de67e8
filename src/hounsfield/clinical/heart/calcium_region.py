"""Region of the heart on CT: what lies between the lungs, before the spine, and is no bone."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hounsfield.clinical.chest_ct.lungs import Lungs
from hounsfield.core.volume import Volume
from hounsfield.metrics.components import label_components

Flags = npt.NDArray[np.bool_]

BONE_HU = 130.0
SMALLEST_BONE_ML = 4.0
"""Connected voxels of so much are bone; calcium of one coronary artery stays below."""

MARGIN_MM = 3.0
"""Around bone: its edge is no calcium."""


def heart_region(volume: Volume, lungs: Lungs) -> Flags:
    """Return the mediastinum before the spine, bones left out, (slice, row, column).

    On each row, what lies between the right and the left lung. Arteries of the heart, valves and the aorta all lie in
    it: this is where calcium is looked for, and a reader says to which of them it belongs.

    Args:
        volume: in Hounsfield units, axial, both lungs in it.
        lungs: of the volume; with fewer than two the region is empty.
    """
    region = np.zeros(volume.geometry.shape, dtype=bool)
    if len(lungs.lungs) != 2:
        return region
    between = _between(lungs.lungs[0].closed, lungs.lungs[1].closed)
    slices, rows, columns = lungs.factors
    bones = _bones(volume)
    for index in range(volume.geometry.shape[0]):
        block = min(index // slices, len(between) - 1)
        plane = between[block].repeat(rows, axis=0).repeat(columns, axis=1)
        region[index, : plane.shape[0], : plane.shape[1]] = plane
        region[index] &= ~bones[index]
        _cut_spine(region[index], bones[index])
    return region


def brightest_blood_hu(volume: Volume, region: Flags) -> float:
    """Return the 90th percentile of the soft tissue of the region in HU; contrast in any chamber lifts it above 100.

    Calcium is too little to move it. NaN where the region holds no soft tissue.
    """
    values = volume.array[region]
    soft = values[(values > 0) & (values < 600)]
    return float(np.percentile(soft, 90)) if soft.size else float("nan")


def _between(first: Flags, second: Flags) -> Flags:
    """Return, on each row of blocks, what lies between two lungs, and on neither."""
    columns = np.arange(first.shape[2])
    left, right = (first, second) if _middle(first) < _middle(second) else (second, first)
    inner_left = np.where(left, columns, -1).max(axis=2)
    inner_right = np.where(right, columns, first.shape[2]).min(axis=2)
    found = (columns > inner_left[..., None]) & (columns < inner_right[..., None])
    known = (inner_left >= 0) & (inner_right < first.shape[2])
    return np.asarray(found & known[..., None] & ~left & ~right)


def _middle(flags: Flags) -> float:
    return float(np.argwhere(flags)[:, 2].mean())


def _bones(volume: Volume) -> Flags:
    dense = volume.array >= BONE_HU
    found = label_components(dense, 26)
    is_bone = found.voxels * volume.geometry.voxel_volume_mm3 / 1000.0 >= SMALLEST_BONE_ML
    bones = np.concatenate([[False], is_bone])[found.labels]
    reach = max(1, round(MARGIN_MM / volume.geometry.row_spacing_mm))
    plane = ndimage.generate_binary_structure(3, 1)
    plane[0] = plane[2] = False
    return np.asarray(ndimage.binary_dilation(bones, plane, iterations=reach))


def _cut_spine(region: Flags, bones: Flags) -> None:
    """Clear the region from the front edge of the spine backwards, in place; rows run from front to back."""
    rows = np.flatnonzero(region.any(axis=1))
    if not len(rows):
        return
    held = np.flatnonzero(region.any(axis=0))
    behind = np.flatnonzero(bones[:, held[0] : held[-1] + 1].any(axis=1))
    spine = behind[behind > rows.mean()]
    if len(spine):
        region[spine[0] :] = False
