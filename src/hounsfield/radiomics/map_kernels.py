"""Compiled walks of voxel-wise maps: around each voxel a kernel is cut out, and the features of what it holds told.

Every walk takes levels flat, with an empty margin as wide as the kernel reaches, so that no loop asks where the image
ends. The kernel is copied into a small frame of its own, in which levels are renamed 1, 2, 3 in the order in which they
come: runs, zones and dependence ask only which voxels are alike, and their matrices stay as small as the kernel.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled
from hounsfield.radiomics.cell_kernels import describe_cells
from hounsfield.radiomics.matrix_kernels import FEATURES, describe_listed_pairs
from hounsfield.radiomics.neighbour_kernels import count_runs
from hounsfield.radiomics.statistics_kernels import describe_histogram, describe_intensities
from hounsfield.radiomics.tone_kernels import TONES, describe_levels
from hounsfield.radiomics.zone_kernels import join_zones, measure_zones, write_depths

Levels = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]
Found = npt.NDArray[np.float32]

SHARED = 16


class Window(NamedTuple):
    """The kernel, in memory.

    Attributes:
        offsets: distance in the image from its middle to each of its voxels, rising.
        spots: where each of them lies in the frame.
        steps: distances in the frame to the neighbours, of each pair of opposite ones one.
        shape: of the frame (slice, row, column), one wider than the kernel on every side.
        longest: voxels along the longest side of the kernel.
        is_planar: neighbours in other slices do not count.
    """

    offsets: Places
    spots: Places
    steps: Places
    shape: tuple[int, int, int]
    longest: int
    is_planar: bool


class Work(NamedTuple):
    """What a walk holds of one kernel at a time.

    Attributes:
        frame: (slice, row, column), the names of the levels; flat.
        ranks: name of each level, 0 where the kernel does not have it; zeros between two kernels.
        present: level of each name, from 1.
        inner: where the voxels lie in the frame, rising.
    """

    frame: Levels
    ranks: Levels
    present: Places
    inner: Places


@compiled
def _work(window: Window, level_count: int) -> Work:
    size = window.offsets.size
    slices, rows, columns = window.shape
    return Work(
        np.zeros(slices * rows * columns, np.int32),
        np.zeros(level_count + 1, np.int32),
        np.empty(size + 1, np.int64),
        np.empty(size, np.int64),
    )


@compiled
def _cut(levels: Levels, place: int, window: Window, work: Work) -> tuple[int, int]:
    """Copy the kernel around a place into the frame, its levels renamed; return how many voxels and levels it has."""
    voxels, names = 0, 0
    for index in range(window.offsets.size):
        level, spot = levels[place + window.offsets[index]], window.spots[index]
        if level == 0:
            work.frame[spot] = 0
            continue
        if work.ranks[level] == 0:
            names += 1
            work.ranks[level], work.present[names] = names, level
        work.frame[spot] = work.ranks[level]
        work.inner[voxels] = spot
        voxels += 1
    for name in range(1, names + 1):
        work.ranks[work.present[name]] = 0
    return voxels, names


@compiled
def map_values(samples: npt.NDArray[np.float64], levels: Levels, places: Places, offsets: Places, found: Found) -> None:
    """Write the intensity statistics of the kernel around each place.

    Args:
        samples: flat.
        levels: flat; those above 0 count.
        places: of the voxels in memory.
        offsets: of the kernel.
        found: (place, 18) is written.
    """
    values, told = np.empty(offsets.size), np.empty(found.shape[1])
    for index in range(places.size):
        count = 0
        for offset in offsets:
            there = places[index] + offset
            if levels[there] > 0:
                values[count] = samples[there]
                count += 1
        held = values[:count]
        held.sort()
        describe_intensities(held, told)
        found[index] = told


@compiled
def map_histogram(levels: Levels, places: Places, offsets: Places, level_count: int, found: Found) -> None:
    """Write the features of the histogram of the kernel around each place; ``found`` is (place, 23)."""
    counts, told = np.zeros(level_count), np.empty(found.shape[1])
    for index in range(places.size):
        counts[:] = 0.0
        for offset in offsets:
            level = levels[places[index] + offset]
            if level > 0:
                counts[level - 1] += 1.0
        describe_histogram(counts, told)
        found[index] = told


@compiled
def _list_pairs(frame: Levels, inner: Places, step: int, table: Levels, pairs: Places, cells: int) -> int:
    """Add the pairs of names in one direction to a list, and return its length.

    Args:
        frame: flat.
        inner: places of the voxels.
        step: to the neighbour.
        table: (name, name) number of the cell of two names, from 1; 0 without.
        pairs: (cell, 3) is added to.
        cells: that it holds.
    """
    for spot in inner:
        first, second = frame[spot], frame[spot + step]
        if second == 0:
            continue
        low, high = min(first, second), max(first, second)
        if table[low, high] == 0:
            cells += 1
            table[low, high] = cells
            pairs[cells - 1, 0], pairs[cells - 1, 1], pairs[cells - 1, 2] = low, high, 0
        pairs[table[low, high] - 1, 2] += 1
    return cells


@compiled
def _describe_pairs(
    pairs: Places, table: Levels, present: Places, level_count: int, told: npt.NDArray[np.float64]
) -> None:
    """Describe a list of pairs of names, and empty its table."""
    for cell in range(pairs.shape[0]):
        table[pairs[cell, 0], pairs[cell, 1]] = 0
        pairs[cell, 0], pairs[cell, 1] = present[pairs[cell, 0]], present[pairs[cell, 1]]
    describe_listed_pairs(pairs, level_count, told)


@compiled
def map_pairs(levels: Levels, places: Places, window: Window, level_count: int, is_merged: bool, found: Found) -> None:
    """Write the features of the co-occurrence matrices of the kernel around each place.

    Args:
        levels: flat.
        places: of the voxels in memory.
        window: the kernel.
        level_count: number of grey levels N_g.
        is_merged: directions are added up before they are described, instead of averaged after.
        found: (place, 25) is written; NaN where no voxel has a neighbour.
    """
    work, size = _work(window, level_count), window.offsets.size
    most = min(size, level_count) + 1
    table, pairs = np.zeros((most, most), np.int32), np.empty((size * window.steps.size, 3), np.int64)
    told, mean = np.empty(FEATURES), np.empty(FEATURES)
    for index in range(places.size):
        voxels, _ = _cut(levels, places[index], window, work)
        cells, directions = 0, 0
        mean[:] = 0.0
        for direction in range(window.steps.size):
            cells = _list_pairs(work.frame, work.inner[:voxels], window.steps[direction], table, pairs, cells)
            if cells == 0 or (is_merged and direction < window.steps.size - 1):
                continue
            _describe_pairs(pairs[:cells], table, work.present, level_count, told)
            mean += told
            directions += 1
            cells = 0
        found[index] = mean / max(directions, 1)
        if directions == 0:
            found[index] = np.nan


@compiled
def _list_runs(
    runs: Places, names: int, present: Places, cells: Places, held: npt.NDArray[np.float64], count: int
) -> int:
    """Add the filled cells of (name, length) to a list of (level, length) and return its length; runs are emptied."""
    for name in range(names):
        for length in range(runs.shape[1]):
            if runs[name, length] > 0:
                cells[0, count], cells[1, count], held[count] = present[name + 1], length + 1, runs[name, length]
                runs[name, length] = 0
                count += 1
    return count


@compiled
def map_runs(levels: Levels, places: Places, window: Window, level_count: int, is_merged: bool, found: Found) -> None:
    """Write the features of the run length matrices of the kernel around each place; as ``map_pairs``, (place, 16)."""
    work, size = _work(window, level_count), window.offsets.size
    most, directions = min(size, level_count), window.steps.size
    runs, cells = np.zeros((directions, most, window.longest), np.int64), np.empty((2, most * window.longest), np.int64)
    held, told, mean = np.empty(most * window.longest), np.empty(SHARED), np.empty(SHARED)
    for index in range(places.size):
        voxels, names = _cut(levels, places[index], window, work)
        count_runs(work.frame, window.steps, work.inner[:voxels], runs)
        mean[:] = 0.0
        if is_merged:
            for direction in range(1, directions):
                runs[0, :names] += runs[direction, :names]
                runs[direction, :names] = 0
        parts = 1 if is_merged else directions
        for direction in range(parts):
            count = _list_runs(runs[direction], names, work.present, cells, held, 0)
            describe_cells(cells[0, :count], cells[1, :count], held[:count], voxels * directions // parts, told)
            mean += told
        found[index] = mean / parts


@compiled
def _count_beside(
    frame: Levels, inner: Places, steps: Places, present: Places, tones: npt.NDArray[np.float64], dependence: Places
) -> None:
    """Count what the voxels of a kernel have beside them, by the names of their levels.

    Args:
        frame: flat.
        inner: places of the voxels.
        steps: of each pair of opposite neighbours one.
        present: level of each name.
        tones: (name, 2) zeros; voxels with neighbours and their summed difference to the mean of these are added.
        dependence: (name, like neighbours + 1) is added to.
    """
    for spot in inner:
        own = frame[spot]
        total, count, like = 0, 0, 0
        for step in steps:
            for there in (frame[spot + step], frame[spot - step]):
                if there > 0:
                    total += present[there]
                    count += 1
                    like += there == own
        if count > 0:
            tones[own - 1, 0] += 1.0
            tones[own - 1, 1] += abs(present[own] - total / count)
        dependence[own - 1, like] += 1


@compiled
def map_beside(levels: Levels, places: Places, window: Window, level_count: int, found: Found) -> None:
    """Write the features of the grey tone difference and the dependence matrix of the kernel around each place.

    Args:
        levels: flat.
        places: of the voxels in memory.
        window: the kernel.
        level_count: number of grey levels.
        found: (place, 22) is written: 5 of grey tone difference, 17 of dependence.
    """
    work, size, likes = _work(window, level_count), window.offsets.size, 2 * window.steps.size + 1
    most = min(size, level_count)
    table, counted = np.zeros((most, 2)), np.zeros((most, likes), np.int64)
    cells, held = np.empty((2, size), np.int64), np.empty(size)
    told, toned = np.empty(SHARED), np.empty(TONES)
    for index in range(places.size):
        voxels, names = _cut(levels, places[index], window, work)
        table[:names] = 0.0
        _count_beside(work.frame, work.inner[:voxels], window.steps, work.present, table, counted)
        count = _list_runs(counted, names, work.present, cells, held, 0)
        describe_cells(cells[0, :count], cells[1, :count], held[:count], voxels, told)
        found[index, TONES:-1] = told
        found[index, -1] = (held[:count] * held[:count]).sum() / (voxels * voxels)
        lone = table[:names, 0] > 0
        describe_levels(
            work.present[1 : names + 1][lone].astype(np.float64), table[:names, 0][lone], table[:names, 1][lone], toned
        )
        found[index, :TONES] = toned


@compiled
def _list_zones(
    zones: Levels, axis: int, present: Places, counted: Places, cells: Places, held: npt.NDArray[np.float64]
) -> int:
    """List the cells of (level, size or depth) of zones, and return how many; ``counted`` is emptied again."""
    names, widest = 0, 0
    for zone in range(zones.shape[0]):
        counted[zones[zone, 0] - 1, zones[zone, axis] - 1] += 1
        names, widest = max(names, zones[zone, 0]), max(widest, zones[zone, axis])
    return _list_runs(counted[:, :widest], names, present, cells, held, 0)


@compiled
def map_zones(levels: Levels, inside: Levels, places: Places, window: Window, level_count: int, found: Found) -> None:
    """Write the features of the size zone and the distance zone matrix of the kernel around each place.

    Distances are those to the edge of what the kernel holds of the region.

    Args:
        levels: flat.
        inside: flat; 1 in the morphological region, 0 outside.
        places: of the voxels in memory.
        window: the kernel.
        level_count: number of grey levels.
        found: (place, 32) is written: 16 by size, 16 by distance.
    """
    work, size = _work(window, level_count), window.offsets.size
    most = min(size, level_count)
    parents, numbers = np.empty(work.frame.size, np.int32), np.empty(work.frame.size, np.int32)
    zones, counted = np.empty((size, 3), np.int32), np.zeros((most, size), np.int64)
    cells, held, told = np.empty((2, size), np.int64), np.empty(size), np.empty(SHARED)
    region, depths = np.zeros(window.shape, np.bool_), np.zeros(window.shape, np.int32)
    for index in range(places.size):
        voxels, _ = _cut(levels, places[index], window, work)
        for spot in range(size):
            region.ravel()[window.spots[spot]] = inside[places[index] + window.offsets[spot]] > 0
        depths[:] = 0
        write_depths(region, depths, window.is_planar)
        join_zones(work.frame, window.steps, work.inner[:voxels], parents)
        count = measure_zones(work.frame, depths.ravel(), work.inner[:voxels], parents, numbers, zones)
        for axis in (1, 2):
            listed = _list_zones(zones[:count], axis, work.present, counted, cells, held)
            describe_cells(cells[0, :listed], cells[1, :listed], held[:listed], voxels, told)
            found[index, (axis - 1) * SHARED : axis * SHARED] = told
