"""The walks that voxel-wise maps take: one over the kernels for all features that come of the same matrices."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.radiomics.directions import half_directions, strides_of
from hounsfield.radiomics.discretise import Levels
from hounsfield.radiomics.map_tags import WantedMap
from hounsfield.radiomics.region import Region
from hounsfield.radiomics.settings import Family

Places = npt.NDArray[np.int64]
Found = npt.NDArray[np.float32]

SHARED = 16
DEPENDENCE, TONES = 17, 5
_WIDTHS = {
    "values": 18,
    "histogram": 23,
    "pairs": 25,
    "runs": SHARED,
    "zones": 2 * SHARED,
    "beside": TONES + DEPENDENCE,
}
_WALKS = {
    Family.INTENSITY_STATISTICS: ("values", 0),
    Family.INTENSITY_HISTOGRAM: ("histogram", 0),
    Family.GLCM: ("pairs", 0),
    Family.GLRLM: ("runs", 0),
    Family.GLSZM: ("zones", 0),
    Family.GLDZM: ("zones", SHARED),
    Family.NGTDM: ("beside", 0),
    Family.NGLDM: ("beside", TONES),
}
"""Walk of each family, and its first column there."""


@dataclass(frozen=True)
class Padded:
    """A region in memory, with an empty margin as wide as the kernel reaches.

    Attributes:
        samples: flat.
        levels: flat, 0 where nothing counts.
        inside: flat, 1 in the morphological region.
        shape: (slice, row, column) with the margin.
        places: of the voxels that count, rising.
        level_count: number of grey levels.
        radius: width of the margin.
    """

    samples: npt.NDArray[np.float64]
    levels: npt.NDArray[np.int32]
    inside: npt.NDArray[np.int32]
    shape: tuple[int, ...]
    places: Places
    level_count: int
    radius: int


@dataclass(frozen=True)
class Walk:
    """One walk over the kernels.

    Attributes:
        name: such as ``pairs``.
        is_planar: the kernel lies in one slice.
        is_merged: directions are added up before they are described.
        columns: the features that are wanted of it, with their columns.
        padded: what it walks over.
    """

    name: str
    is_planar: bool
    is_merged: bool
    columns: tuple[tuple[WantedMap, int], ...]
    padded: Padded

    @property
    def places(self) -> Places:
        """Middles of the kernels in memory."""
        return self.padded.places

    @property
    def levels(self) -> npt.NDArray[np.int32]:
        """What it walks over."""
        return self.padded.levels

    @property
    def width(self) -> int:
        """Features that it tells."""
        return _WIDTHS[self.name]

    def run(self, places: Places) -> Found:
        """Return the features (place, column) of the kernels around places."""
        from hounsfield.radiomics import map_kernels as kernels

        held, count = self.padded, self.padded.level_count
        offsets, spots, frame = _kernel(held, self.is_planar)
        steps = half_directions(is_planar=self.is_planar)
        window = kernels.Window(offsets, spots, strides_of(steps, frame), frame, 2 * held.radius + 1, self.is_planar)
        found = np.empty((places.size, self.width), dtype=np.float32)
        if self.name == "values":
            kernels.map_values(held.samples, held.levels, places, offsets, found)
        elif self.name == "histogram":
            kernels.map_histogram(held.levels, places, offsets, count, found)
        elif self.name == "pairs":
            kernels.map_pairs(held.levels, places, window, count, self.is_merged, found)
        elif self.name == "runs":
            kernels.map_runs(held.levels, places, window, count, self.is_merged, found)
        elif self.name == "zones":
            kernels.map_zones(held.levels, held.inside, places, window, count, found)
        else:
            kernels.map_beside(held.levels, places, window, count, found)
        return found


def walks_of(wanted: Sequence[WantedMap], region: Region, levels: Levels, radius: int) -> Iterator[Walk]:
    """Give the walks that features of one image need, each once.

    Args:
        wanted: features of the image, or of one filtered image.
        region: its samples and masks.
        levels: of the voxels that count.
        radius: of the kernel.
    """
    padded = _padded(region, levels, radius)
    groups: dict[tuple[str, bool, bool], list[tuple[WantedMap, int]]] = {}
    for one in wanted:
        name, first = _WALKS[Family(one.facts.family)]
        groups.setdefault((name, one.is_planar, one.is_merged), []).append((one, first + one.column))
    for (name, is_planar, is_merged), columns in groups.items():
        yield Walk(name, is_planar, is_merged, tuple(columns), padded)


def _padded(region: Region, levels: Levels, radius: int) -> Padded:
    box = region.box
    grid = np.zeros(region.intensity.shape, dtype=np.int32)
    grid[region.intensity] = levels.values
    framed = np.pad(grid[box], radius)
    samples = np.pad(region.samples[box], radius).ravel()
    inside = np.pad(region.morphological[box].astype(np.int32), radius).ravel()
    flat = framed.ravel()
    return Padded(samples, flat, inside, framed.shape, np.flatnonzero(flat), levels.count, radius)


def _kernel(padded: Padded, is_planar: bool) -> tuple[Places, Places, tuple[int, int, int]]:
    """Return where the voxels of a kernel lie, from its middle in the image and in its frame, and the frame's shape."""
    side = 2 * padded.radius + 1
    deep = 1 if is_planar else side
    frame = deep + 2, side + 2, side + 2
    steps = np.indices((deep, side, side)).reshape(3, -1)
    spots: Places = np.asarray(np.ravel_multi_index(tuple(steps + 1), frame), dtype=np.int64)
    _, rows, columns = padded.shape
    apart = steps - np.array([[deep // 2], [padded.radius], [padded.radius]])
    offsets: Places = np.asarray((apart[0] * rows + apart[1]) * columns + apart[2], dtype=np.int64)
    return offsets, spots, frame
