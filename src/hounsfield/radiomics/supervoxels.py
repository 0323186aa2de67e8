"""Supervoxels, and contours drawn anew along them: how another reader might have outlined the region.

The supervoxels are those of simple linear iterative clustering (SLIC, Achanta et al. 2012, IEEE TPAMI 34:2274) in
three dimensions; how a region is drawn anew of them is Zwanenburg et al. 2019 (Sci Rep 9:614).
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hounsfield.radiomics.region import Inside, Samples, Spacing

VOLUME_MM3 = 500.0
"""Of a supervoxel, as in MIRP."""
LEAST_VOXELS = 20
"""Of a supervoxel, as in MIRP."""
LEAST_PARTS = 10
"""Supervoxels that a region is worth at least; larger ones than the region itself would not draw it anew."""
COMPACTNESS = 0.05
"""Difference of intensity, as a part of the range of the region, that counts like one side of a supervoxel."""
ROUNDS = 5
NEVER, ALWAYS = 0.2, 0.9
"""Share of a supervoxel in the region below which it is left out, and from which it is taken."""

Labels = npt.NDArray[np.int32]


def find_supervoxels(samples: Samples, spacing_mm: Spacing, volume_mm3: float = VOLUME_MM3) -> Labels:
    """Return the number of the supervoxel of each voxel, from 0; numbers may be left out.

    Args:
        samples: (slice, row, column), scaled so that the intensities of interest lie from 0 to 1.
        spacing_mm: of slices, rows and columns.
        volume_mm3: of one supervoxel, about.
    """
    from hounsfield.radiomics.supervoxel_kernels import assign_nearest

    steps = np.array(spacing_mm)
    shape = samples.shape
    side = _side(volume_mm3, shape, spacing_mm)
    counts = np.array([min(long, max(1, round(long * step / side))) for long, step in zip(shape, steps, strict=True)])
    smooth = np.ascontiguousarray(ndimage.gaussian_filter(samples, steps.min() / steps))
    places = np.indices(shape).reshape(3, -1) * steps[:, np.newaxis]
    axes = [(np.arange(count) + 0.5) * length / count - 0.5 for count, length in zip(counts, shape, strict=True)]
    seeds = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    nearest = np.clip(np.rint(seeds).astype(int), 0, np.array(shape) - 1)
    middles = np.hstack([smooth[tuple(nearest.T)][:, np.newaxis], seeds * steps])
    weights = np.array([1 / COMPACTNESS**2, 1 / side**2])
    found: Labels = np.zeros(shape, dtype=np.int32)
    for _ in range(ROUNDS):
        assign_nearest(smooth, middles, counts, steps, weights, found)
        flat = found.ravel()
        sizes = np.bincount(flat, minlength=len(middles))
        told = (smooth.ravel(), *places)
        sums = np.stack([np.bincount(flat, one, len(middles)) for one in told], axis=1)
        middles = np.where(sizes[:, np.newaxis] > 0, sums / np.maximum(sizes, 1)[:, np.newaxis], middles)
    return found


def redrawn(samples: Samples, inside: Inside, spacing_mm: Spacing, chance: np.random.Generator) -> Inside:
    """Return a region drawn anew: supervoxels of which a part lies in it, each taken with that part as its chance.

    Supervoxels with less than a fifth in the region are left out, those with nine tenths are taken, and the one with
    most of itself in it always is; then gaps of one voxel are closed.

    Args:
        samples: (slice, row, column), finite about the region.
        inside: the region; not empty.
        spacing_mm: of slices, rows and columns.
        chance: one number is drawn for each supervoxel.
    """
    voxel = float(np.prod(spacing_mm))
    volume = max(LEAST_VOXELS * voxel, min(VOLUME_MM3, float(inside.sum()) * voxel / LEAST_PARTS))
    box = around(inside, spacing_mm, 2 * _side(volume, inside.shape, spacing_mm))
    cut, part = np.nan_to_num(samples[box]), inside[box]
    within = cut[part] if np.ptp(cut[part]) > 0 else cut
    low, high = float(within.min()), float(within.max())
    low, high = low - 0.1 * (high - low), high + 0.1 * (high - low)
    scaled = (np.clip(cut, low, high) - low) / (high - low if high > low else 1.0)
    labels = find_supervoxels(scaled, spacing_mm, volume)
    count = int(labels.max()) + 1
    sizes = np.bincount(labels.ravel(), minlength=count)
    share = np.bincount(labels[part], minlength=count) / np.maximum(sizes, 1)
    odds = np.where(share >= ALWAYS, 1.0, np.where(share < NEVER, 0.0, share))
    odds[np.argmax(share)] = 1.0
    taken = (chance.random(count) < odds)[labels]
    found = np.zeros_like(inside)
    found[box] = taken | ndimage.binary_closing(taken)
    return found


def around(inside: Inside, spacing_mm: Spacing, margin_mm: float) -> tuple[slice, slice, slice]:
    """Return the box about a region with a margin, as far as the image goes."""
    (box,) = ndimage.find_objects(inside.astype(np.uint8))
    margins = [int(np.ceil(margin_mm / step)) for step in spacing_mm]
    first, second, third = (
        slice(max(0, part.start - more), min(side, part.stop + more))
        for part, more, side in zip(box, margins, inside.shape, strict=True)
    )
    return first, second, third


def _side(volume_mm3: float, shape: tuple[int, ...], spacing_mm: Spacing) -> float:
    """Return the side of a supervoxel; in a single slice it is as thick as the slice."""
    flat = [step for length, step in zip(shape, spacing_mm, strict=True) if length == 1]
    return float((volume_mm3 / np.prod(flat)) ** (1 / max(1, 3 - len(flat))))
