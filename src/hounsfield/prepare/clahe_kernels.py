"""Compiled loops of contrast-limited adaptive histogram equalisation: tables of tiles, and blending between tiles."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled

Array = npt.NDArray[Any]


@compiled
def fill_tables(
    samples: Array,
    scaling: tuple[float, float, float],
    shape: tuple[int, int, int, int],
    levels: Array,
    tables: Array,
) -> None:
    """Write the levels of one row of tiles and the table of each tile of it.

    Args:
        samples: (row, column) of the slice.
        scaling: the sample that becomes level 0, levels to a unit of the samples, largest fraction in one bin.
        shape: histogram bins, rows and columns of a tile, and which row of tiles.
        levels: (row, column) uint16, written.
        tables: (row of tiles, level, column of tiles) float32, written; columns lie side by side, so that blending
            finds both neighbours of a sample in one line of the cache.
    """
    tile_rows, tile_columns, tile_row = shape[1], shape[2], shape[3]
    low, scale = scaling[0], scaling[1]
    rows, columns = samples.shape
    count, across = tables.shape[1], tables.shape[2]
    top = count - 1.0
    histogram = np.zeros((across, count), np.int32)
    for r in range(tile_row * tile_rows, (tile_row + 1) * tile_rows):
        row = r if r < rows else max(2 * rows - 2 - r, 0)  # mirrored beyond the border
        for tile in range(across):
            counted = histogram[tile]
            for c in range(tile * tile_columns, (tile + 1) * tile_columns):
                column = c if c < columns else max(2 * columns - 2 - c, 0)
                found = (samples[row, column] - low) * scale
                level = np.uint32(min(found, top)) if found > 0 else np.uint32(0)
                if r < rows and c < columns:
                    levels[r, c] = level
                counted[level] += 1
    for tile in range(across):
        _cumulate(histogram[tile], shape[0], scaling[2] * tile_rows * tile_columns, tables[tile_row, :, tile])


@compiled
def _cumulate(counted: Array, bins: int, limit: float, table: Array) -> None:
    """Cut the histogram of a tile, spread what was cut, and write its cumulated form from 0 to 1."""
    fine = counted.size // bins
    most = max(int(limit), 1)
    binned = np.zeros(bins, np.int64)
    area = excess = 0
    for b in range(bins):
        for part in range(fine):
            binned[b] += counted[b * fine + part]
        area += binned[b]
        excess += max(binned[b] - most, 0)
        binned[b] = min(binned[b], most)
    each = excess // bins
    left = excess - each * bins
    stride = max(bins // left, 1) if left > 0 else bins
    total, unit = 0.0, 1.0 / area
    for b in range(bins):
        here = binned[b] + each
        if left > 0 and b % stride == 0:
            here += 1
            left -= 1
        rise = here * unit / fine
        for part in range(fine):
            table[b * fine + part] = min(total + rise * (part + 1), 1.0)
        total += here * unit


@compiled
def blend(levels: Array, tables: Array, tile: tuple[int, int], span: tuple[int, int], out: Array) -> None:
    """Write the rows of a span of ``out``: each sample through the four nearest tables, bilinear."""
    down, across, columns = tables.shape[0], tables.shape[2], levels.shape[1]
    left, right, weight = np.empty(columns, np.uint32), np.empty(columns, np.uint32), np.empty(columns, np.float32)
    for c in range(columns):
        place = c / tile[1] - 0.5
        at = int(np.floor(place))
        weight[c] = place - at
        left[c], right[c] = max(at, 0), min(at + 1, across - 1)
    for r in range(span[0], span[1]):
        place = r / tile[0] - 0.5
        at = int(np.floor(place))
        lower = np.float32(place - at)
        above, below = tables[max(at, 0)], tables[min(at + 1, down - 1)]
        for c in range(columns):
            level, a, b, w = levels[r, c], left[c], right[c], weight[c]
            first = above[level, a] + (above[level, b] - above[level, a]) * w
            second = below[level, a] + (below[level, b] - below[level, a]) * w
            out[r, c] = first + (second - first) * lower
