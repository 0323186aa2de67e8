"""Habitats: parts of a region that look alike, by k-means of intensities and of what lies about each voxel."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.cluster.vq import kmeans2

from hounsfield.errors import ImageError
from hounsfield.radiomics.region import Inside, Region, Samples

NEIGHBOURHOOD = 3
"""Side in voxels of the cube whose mean is looked at."""
ROUNDING, DECIMALS = 1e-9, 9
STARTS = 5
"""Times that k-means begins anew; the tightest result stands."""


@dataclass(frozen=True)
class Habitats:
    """Parts of a region.

    Attributes:
        labels: (slice, row, column), 0 outside the region; 1 is the part of the lowest mean intensity.
        count: of parts.
        separations: Calinski and Harabasz's index for each number of parts that was tried.
    """

    labels: npt.NDArray[np.uint8]
    count: int
    separations: dict[int, float]


def find_habitats(
    region: Region,
    maps: Sequence[Samples] = (),
    counts: tuple[int, ...] = (2, 3, 4, 5),
    seed: int = 0,
    weights: Sequence[float] = (),
) -> Habitats:
    """Return the parts of a region.

    Each voxel is told by its intensity, the mean of the cube about it within the region and the maps, each divided by
    its deviation over the region. The number of parts is the one with the largest index of Calinski and Harabasz
    (1974): the variance between parts over that within, each by its degrees of freedom.

    Args:
        region: as ``cut_region`` cuts it.
        maps: on the grid of its samples, such as ``filters.respond`` makes.
        counts: of parts that are tried, from 2.
        seed: of the starts.
        weights: of the maps; empty for 1 each.

    Raises:
        ImageError: ``E985``, the region has too few different voxels for any number of parts.
    """
    told = _told(region, maps) * np.array([1.0, 1.0, *(weights or [1.0] * len(maps))])
    different = len(np.unique(told, axis=0))
    tried = [count for count in counts if 2 <= count < different]
    if not tried:
        raise ImageError("E985", found=different)
    found = {count: _clustered(told, count, seed) for count in tried}
    separations = {count: _separation(told, places) for count, places in found.items()}
    best = max(tried, key=lambda count: separations[count])
    labels = np.zeros(region.intensity.shape, dtype=np.uint8)
    labels[region.intensity] = _risen(found[best], region.values) + 1
    return Habitats(labels, best, separations)


def _told(region: Region, maps: Sequence[Samples]) -> npt.NDArray[np.float64]:
    every = (region.samples, mean_within(region.samples, region.intensity), *maps)
    told = np.stack([one[region.intensity] for one in every], axis=1)
    deviation = told.std(axis=0)
    # running sums differ in their last digits where the voxels do not differ
    deviation[deviation <= ROUNDING * np.abs(told).max(axis=0)] = np.inf
    return np.asarray(np.round((told - told.mean(axis=0)) / deviation, DECIMALS))


def mean_within(samples: Samples, inside: Inside) -> Samples:
    """Return the mean of the cube about each voxel over what of it lies in the region, 0 outside the region.

    What lies about a region is not taken in: its rim would look like a part of its own.
    """
    counted = ndimage.uniform_filter(inside.astype(np.float64), NEIGHBOURHOOD, mode="constant")
    total = ndimage.uniform_filter(np.where(inside, samples, 0.0), NEIGHBOURHOOD, mode="constant")
    return np.where(inside, total / np.where(inside, counted, 1.0), 0.0)


def _clustered(told: npt.NDArray[np.float64], count: int, seed: int) -> npt.NDArray[np.intp]:
    """Return the part of each voxel, of the tightest of several starts."""
    chance = np.random.default_rng(seed)
    best, least = np.zeros(len(told), dtype=np.intp), np.inf
    for _ in range(STARTS):
        middles, places = kmeans2(told, count, iter=50, minit="++", missing="warn", rng=chance)
        loose = float(((told - middles[places]) ** 2).sum())
        if loose < least:
            best, least = places.astype(np.intp), loose
    return best


def _separation(told: npt.NDArray[np.float64], places: npt.NDArray[np.intp]) -> float:
    names = np.unique(places)
    total = float(((told - told.mean(axis=0)) ** 2).sum())
    within = sum(float(((told[places == one] - told[places == one].mean(axis=0)) ** 2).sum()) for one in names)
    if len(names) < 2 or within == 0:
        return float("inf") if len(names) > 1 else 0.0
    return (total - within) / (len(names) - 1) / (within / (len(told) - len(names)))


def _risen(places: npt.NDArray[np.intp], values: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Return parts numbered by their mean intensity."""
    names = np.unique(places)
    order = np.argsort([values[places == one].mean() for one in names])
    ranks = np.empty(int(names.max()) + 1, dtype=np.intp)
    ranks[names[order]] = np.arange(len(names))
    return ranks[places]
