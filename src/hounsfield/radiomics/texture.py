"""Texture matrices of discretised levels, by slice, merged over slices, or of the whole volume (IBSI 3.6 to 3.11).

Every matrix is counted once: by slice where a slice matrix is wanted, and slice matrices are added up for 2.5D; a
volume has its own neighbours and is counted apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hounsfield.radiomics.directions import half_directions, strides_of

Levels = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Counted:
    """A matrix of which only the cells that hold something are kept.

    Attributes:
        levels: grey level of each cell, from 1.
        sizes: the other axis of each cell: length of a run, size or depth of a zone, number of dependent voxels.
        counts: what the cell holds.
        voxel_count: voxels that the matrix was counted over; once for each direction of runs.
    """

    levels: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    counts: npt.NDArray[np.float64]
    voxel_count: int


def counted(matrix: npt.NDArray[np.int64], voxel_count: int) -> Counted:
    """Return the cells of a full matrix (level, size), both axes counted from 1."""
    levels, sizes = np.nonzero(matrix)
    return Counted(levels + 1, sizes + 1, matrix[levels, sizes].astype(np.float64), voxel_count)


def gathered(levels: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], voxel_count: int) -> Counted:
    """Return the cells of a list of single runs or zones."""
    if not levels.size:
        return Counted(levels, sizes, np.zeros(0), voxel_count)
    width = int(sizes.max()) + 1
    keys, counts = np.unique(levels * width + sizes, return_counts=True)
    return Counted(keys // width, keys % width, counts.astype(np.float64), voxel_count)


@dataclass(frozen=True)
class NeighbourCounts:
    """What one walk over the neighbours of a slice or a volume counts.

    Attributes:
        pairs: (direction, level, level) of the co-occurrence matrices, one way each.
        runs: (direction, level, length).
        tones: (level, 2): voxels with neighbours, and their summed difference to the mean of these.
        dependence: (level, like neighbours + 1).
        voxel_count: voxels of the region.
    """

    pairs: npt.NDArray[np.int64]
    runs: npt.NDArray[np.int64]
    tones: npt.NDArray[np.float64]
    dependence: npt.NDArray[np.int64]
    voxel_count: int

    def __add__(self, other: "NeighbourCounts") -> "NeighbourCounts":
        """Return the counts of both together: slices merged (2.5D)."""
        return NeighbourCounts(
            self.pairs + other.pairs,
            self.runs + other.runs,
            self.tones + other.tones,
            self.dependence + other.dependence,
            self.voxel_count + other.voxel_count,
        )


class TextureRegion:
    """Levels of a region, framed, that count their own matrices.

    Attributes:
        levels: framed (slice, row, column), 0 outside.
        level_count: highest level that counts as possible.
        inside: framed morphological region, whose edge the zone distances are measured to (IBSI 3.9).
    """

    def __init__(self, levels: Levels, inside: npt.NDArray[np.bool_], level_count: int) -> None:
        """Frame the levels.

        Args:
            levels: (slice, row, column), 0 outside the region.
            inside: morphological region on the same grid.
            level_count: number of grey levels.
        """
        self.levels = np.pad(levels, 1)
        self.inside = np.pad(inside, 1)
        self.level_count = level_count

    @cached_property
    def places(self) -> Places:
        """Where the voxels lie in memory, rising."""
        return np.flatnonzero(self.levels)

    @cached_property
    def places_by_slice(self) -> tuple[Places, ...]:
        """The same for each slice that holds voxels, in order."""
        slices = self.places // (self.levels.shape[1] * self.levels.shape[2])
        return tuple(np.split(self.places, np.flatnonzero(np.diff(slices)) + 1))

    def neighbours_by_slice(self) -> Iterator[NeighbourCounts]:
        """Give the counts of each slice that holds voxels, in order."""
        for places in self.places_by_slice:
            yield self._neighbours(places, is_planar=True)

    def neighbours(self) -> NeighbourCounts:
        """Return the counts of the volume."""
        return self._neighbours(self.places, is_planar=False)

    def _neighbours(self, places: Places, *, is_planar: bool) -> NeighbourCounts:
        from hounsfield.radiomics.neighbour_kernels import count_neighbours, count_runs

        steps = half_directions(is_planar=is_planar)
        strides = strides_of(steps, self.levels.shape)
        longest = max(self.levels.shape[1:] if is_planar else self.levels.shape) - 2
        size = self.level_count
        pairs = np.zeros((len(steps), size, size), dtype=np.int64)
        runs = np.zeros((len(steps), size, longest), dtype=np.int64)
        tones = np.zeros((size, 2))
        dependence = np.zeros((size, 2 * len(steps) + 1), dtype=np.int64)
        count_neighbours(self.levels.ravel(), strides, places, pairs, tones, dependence)
        count_runs(self.levels.ravel(), strides, places, runs)
        return NeighbourCounts(pairs, runs, tones, dependence, places.size)

    def zones_by_slice(self) -> Iterator[npt.NDArray[np.int32]]:
        """Give the zones (zone, 3) of each slice that holds voxels: level, size, least depth."""
        work, depths = self._work_space(), self._depths(is_planar=True)
        for places in self.places_by_slice:
            yield self._zones(places, depths, work, is_planar=True)

    def zones(self) -> npt.NDArray[np.int32]:
        """Return the zones (zone, 3) of the volume: level, size, least depth."""
        return self._zones(self.places, self._depths(is_planar=False), self._work_space(), is_planar=False)

    def _work_space(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        return np.empty(self.levels.size, dtype=np.int32), np.empty(self.levels.size, dtype=np.int32)

    def _depths(self, *, is_planar: bool) -> Levels:
        from hounsfield.radiomics.zone_kernels import write_depths

        depths = np.zeros(self.inside.shape, dtype=np.int32)
        write_depths(self.inside, depths, is_planar)
        return depths.ravel()

    def _zones(
        self,
        places: Places,
        depths: Levels,
        work: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]],
        *,
        is_planar: bool,
    ) -> npt.NDArray[np.int32]:
        from hounsfield.radiomics.zone_kernels import join_zones, measure_zones

        steps = strides_of(half_directions(is_planar=is_planar), self.levels.shape)
        join_zones(self.levels.ravel(), steps, places, work[0])
        zones = np.empty((places.size, 3), dtype=np.int32)
        return zones[: measure_zones(self.levels.ravel(), depths, places, *work, zones)]
