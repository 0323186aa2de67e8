"""Parts of a region that are measured by themselves: its slices, and rings inside and outside its border."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import ImageError, SettingsError
from hounsfield.radiomics.cut import check_grids
from hounsfield.radiomics.extract import extract
from hounsfield.radiomics.feature import Feature
from hounsfield.radiomics.region import Inside
from hounsfield.radiomics.settings import PLANAR, Family, RadiomicsSettings

MOST_RINGS = 50
NO_PART = frozenset({"E963", "E968"})
"""Codes that say that nothing is left to measure."""
Rings = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Part:
    """One slice or one ring.

    Attributes:
        low_mm: where it begins: its middle along the slices, or the distance to the border, negative inside.
        high_mm: where it ends.
        voxels: of the image that it has.
        volume_mm3: of these.
        features: as ``extract`` finds them in the part alone; empty where nothing of it is left to measure.
    """

    low_mm: float
    high_mm: float
    voxels: int
    volume_mm3: float
    features: tuple[Feature, ...]


def region_of(volume: Volume, mask: Mask, label: int | None) -> Inside:
    """Return where a region is.

    Raises:
        ImageError: ``E962`` the grids differ, ``E963`` the mask is empty.
    """
    check_grids(volume, mask)
    inside: Inside = mask.array > 0 if label is None else mask.array == label
    if not inside.any():
        raise ImageError("E963", found="any label" if label is None else f"label {label}")
    return inside


def slice_parts(volume: Volume, mask: Mask, settings: RadiomicsSettings, label: int | None = None) -> tuple[Part, ...]:
    """Return the features of every slice of the image that the region has voxels in, each as a region of its own.

    Textures are those of a slice (2D); bins of a fixed number span the intensities of the slice.

    Args:
        volume: grey image.
        mask: on the same grid.
        settings: of the extraction; shape and local peaks are left out.
        label: value of the mask that is the region; None takes every value above 0 together.

    Raises:
        ImageError: as ``extract``; a slice of which nothing is left has no features instead.
    """
    inside = region_of(volume, mask, label)
    planar = tuple(way for way in settings.aggregations if way in PLANAR and not way.startswith("2.5D"))
    mine = replace(_of_parts(settings), aggregations=planar or ("2D, averaged", "2D"))
    step = volume.geometry.slice_spacing_mm

    def each() -> Iterator[Part]:
        for index in np.flatnonzero(inside.any(axis=(1, 2))):
            alone = np.zeros(inside.shape, dtype=np.uint8)
            alone[index] = inside[index]
            yield _part(volume, alone, mine, (float(index * step), float(index * step)))

    return tuple(each())


def parse_edges(text: str) -> tuple[float, ...]:
    """Return the edges of rings as people write them: ``-4,-2,0,2,4``, millimetres from the border outwards.

    Raises:
        SettingsError: ``E993``, no numbers that rise.

    Example:
        >>> parse_edges("-inf,-3,0,3")
        (-inf, -3.0, 0.0, 3.0)
    """
    try:
        edges = tuple(float(word) for word in text.split(","))
    except ValueError:
        raise SettingsError("E993", found=text) from None
    is_rising = all(first < second for first, second in itertools.pairwise(edges))
    if not (2 <= len(edges) <= MOST_RINGS + 1 and is_rising and math.isfinite(edges[-1])):
        raise SettingsError("E993", found=text)
    return edges


def distances_mm(inside: Inside, spacing_mm: tuple[float, float, float]) -> npt.NDArray[np.float64]:
    """Return the distance of every voxel's centre to the border of a region: negative inside, positive outside.

    The border lies halfway between the last layer of centres inside and the first outside: the exact Euclidean distance
    to the nearest centre on the other side is shortened by half of the distance between two layers. These lie one voxel
    apart along the axis that the direction is nearest to, which is the spacing there times the cosine between both.

    Args:
        inside: (slice, row, column).
        spacing_mm: of slices, rows and columns.
    """
    # beyond the image nothing is inside
    framed = np.pad(inside, 1)
    core = (slice(1, -1),) * 3
    return np.where(inside, -_to_border(framed, spacing_mm)[core], _to_border(~framed, spacing_mm)[core])


def _to_border(held: Inside, spacing_mm: tuple[float, float, float]) -> npt.NDArray[np.float64]:
    far, places = ndimage.distance_transform_edt(held, sampling=spacing_mm, return_indices=True)
    sides = np.asarray(spacing_mm)[:, None, None, None]
    apart = np.abs(places - np.indices(held.shape)) * sides
    axis = apart.argmax(axis=0)
    along = np.take_along_axis(apart, axis[None], axis=0)[0]
    return np.asarray(far - 0.5 * np.asarray(spacing_mm)[axis] * along / np.maximum(far, 1e-9))


def ring_labels(inside: Inside, spacing_mm: tuple[float, float, float], edges_mm: Sequence[float]) -> Rings:
    """Return the number of the ring that each voxel lies in, from 1; 0 in none.

    A ring reaches from one edge, which is its own, to the next, which is the next one's.

    Args:
        inside: (slice, row, column) of the region.
        spacing_mm: of slices, rows and columns.
        edges_mm: rising distances to the border, negative inside.
    """
    reach = max(edges_mm[-1], 0.0)
    box = []
    for axis, step in enumerate(spacing_mm):
        span = np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis})))
        margin = math.ceil(reach / step) + 1
        box.append(slice(max(0, int(span[0]) - margin), int(span[-1]) + margin + 1))
    found: Rings = np.zeros(inside.shape, dtype=np.uint8)
    rings = np.searchsorted(np.asarray(edges_mm), distances_mm(inside[tuple(box)], spacing_mm), side="right")
    found[tuple(box)] = np.where(rings < len(edges_mm), rings, 0)
    return found


def ring_parts(
    volume: Volume, rings: Rings, edges_mm: Sequence[float], settings: RadiomicsSettings
) -> tuple[Part, ...]:
    """Return the features of every ring, each as a region of its own; the range of the settings holds for rings too.

    Args:
        volume: grey image.
        rings: as ``ring_labels`` numbers them.
        edges_mm: rising distances to the border.
        settings: of the extraction; shape and local peaks are left out.

    Raises:
        ImageError: as ``extract``; a ring of which nothing is left has no features instead.
    """
    mine = _of_parts(settings)
    ends = itertools.pairwise(edges_mm)
    return tuple(_part(volume, (rings == number).astype(np.uint8), mine, end) for number, end in enumerate(ends, 1))


def _of_parts(settings: RadiomicsSettings) -> RadiomicsSettings:
    families = tuple(one for one in settings.families if one not in (Family.MORPHOLOGY, Family.LOCAL_INTENSITY))
    return replace(settings, families=families or (Family.INTENSITY_STATISTICS,))


def _part(volume: Volume, alone: Rings, settings: RadiomicsSettings, ends: tuple[float, float]) -> Part:
    features: tuple[Feature, ...] = ()
    try:
        features = extract(volume, Mask(alone, volume.geometry, {}), settings).features
    except ImageError as error:
        if error.code not in NO_PART:
            raise
    voxels = int(alone.sum())
    return Part(*ends, voxels, voxels * volume.geometry.voxel_volume_mm3, features)
