"""Region growing: what is joined to a seed and looks like it, and thresholds from a maximum."""

import itertools

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Samples = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Index = tuple[int, int, int]


def component_at(flags: Flags, seed: Index) -> Flags:
    """Return the part of a mask that is joined to a voxel by faces; empty where the voxel is not in it."""
    if not flags[seed]:
        return np.zeros_like(flags)
    labels, _ = ndimage.label(flags)
    return np.asarray(labels == labels[seed])


def confidence_grow(
    samples: Samples, seed: Index, radius: int = 1, multiplier: float = 2.5, rounds: int = 4, least: float = 0.0
) -> Flags:
    """Return what is joined to a seed within its mean and so many standard deviations (confidence connected).

    Mean and deviation are first those of the cube about the seed, then those of what was found, so many times.

    Args:
        samples: (slice, row, column).
        seed: belongs to the lesion.
        radius: of the cube about the seed, in voxels; cut at the border of the image.
        multiplier: of the standard deviation.
        rounds: how often they are measured again.
        least: half width of the interval at the least, for images without noise.
    """
    cube = tuple(
        slice(max(0, at - radius), min(side, at + radius + 1)) for at, side in zip(seed, samples.shape, strict=True)
    )
    found = np.zeros(samples.shape, dtype=bool)
    found[cube] = True
    for _ in range(rounds + 1):
        values = samples[found].astype(np.float64)
        half = max(multiplier * float(values.std(ddof=1)) if values.size > 1 else 0.0, least)
        low, high = min(values.mean() - half, float(samples[seed])), max(values.mean() + half, float(samples[seed]))
        found = component_at((samples >= low) & (samples <= high), seed)
    return found


def refined(samples: Samples, flags: Flags, reach: int = 2) -> Flags:
    """Return a mask with its border where the samples are half way between what lies within and what lies around.

    Growing stops short of a blurred border; voxels within so many steps of it are added where they are nearer to the
    mean of the mask than to the median of the shell beyond.

    Args:
        samples: (slice, row, column).
        flags: what was grown.
        reach: steps.
    """
    cross = ndimage.generate_binary_structure(3, 1)
    near = ndimage.binary_dilation(flags, cross, iterations=reach)
    shell = ndimage.binary_dilation(near, cross, iterations=reach) & ~near
    if not flags.any() or not shell.any():
        return flags
    within, around = float(samples[flags].mean()), float(np.median(samples[shell]))
    return np.asarray(flags | (near & (np.abs(samples - within) < np.abs(samples - around))))


def climb(samples: Samples, seed: Index) -> Index:
    """Return the maximum that one reaches from a voxel by always going to the brightest of its 26 neighbours."""
    here = seed
    while True:
        spans = [range(max(0, at - 1), min(side, at + 2)) for at, side in zip(here, samples.shape, strict=True)]
        best = max(itertools.product(*spans), key=lambda place: float(samples[place]))
        if samples[best] <= samples[here]:
            return here
        here = (best[0], best[1], best[2])


def of_maximum(samples: Samples, seed: Index, fraction: float) -> Flags:
    """Return what is joined to the maximum that a seed leads to and has at least a fraction of it."""
    top = climb(samples, seed)
    return component_at(samples >= fraction * samples[top], top)


def tidied(flags: Flags, seed: Index, reach: int = 1) -> Flags:
    """Return a mask without thin bridges to its neighbours, and with its holes filled slice by slice.

    It is opened in the plane; the part that holds the seed, or else the nearest to it, is kept.

    Args:
        flags: a mask.
        seed: belongs to the lesion.
        reach: radius of the opening in pixels.
    """
    cross = ndimage.generate_binary_structure(2, 1)[None]
    opened = ndimage.binary_opening(flags, cross, iterations=reach)
    if not opened.any():
        opened = flags
    kept = component_at(opened, nearest(opened, seed))
    for plane in np.flatnonzero(kept.any(axis=(1, 2))):
        kept[plane] = ndimage.binary_fill_holes(kept[plane])
    return kept


def nearest(flags: Flags, seed: Index) -> Index:
    """Return the voxel of a mask that lies nearest to a voxel, counted in voxels; the voxel itself without a mask."""
    places = np.argwhere(flags)
    if not len(places):
        return seed
    one, two, three = places[((places - np.asarray(seed)) ** 2).sum(axis=1).argmin()]
    return int(one), int(two), int(three)
