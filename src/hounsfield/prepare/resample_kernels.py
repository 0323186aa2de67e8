"""Kernels of resampling: a slice is brought to its new rows and columns once, then slices are mixed.

Slices of the new rows and columns stay in the cache until both of their neighbours are written, so the source is read
once, the result is written once, and nothing of the size of the volume lies between.
"""

import numpy as np

from hounsfield.compiled import compiled_reordered
from hounsfield.core.volume import Samples

_TILE = 16


@compiled_reordered
def linear_plane(
    source: Samples, rows: tuple[Samples, Samples], columns: tuple[Samples, Samples], out: Samples, line: Samples
) -> None:
    """Resample one slice; ``rows`` and ``columns`` are the first of two neighbours, and the weight of the second.

    ``columns`` are unsigned, which spares the test for indices from the end; ``line`` is room for a row and one sample.
    """
    (row, row_part), (column, column_part) = rows, columns
    width, last = source.shape[1], source.shape[0] - 1
    following = line[1:]
    for target in range(out.shape[0]):
        upper, lower, part = source[row[target]], source[min(row[target] + 1, last)], row_part[target]
        for place in range(width):
            first = np.float32(upper[place])
            line[place] = first + part * (np.float32(lower[place]) - first)
        line[width] = line[width - 1]
        for place in range(out.shape[1]):
            left = line[column[place]]
            out[target, place] = left + column_part[place] * (following[column[place]] - left)


@compiled_reordered
def mix_two(first: Samples, second: Samples, part: float, out: Samples) -> None:
    """Write ``first`` + ``part`` (``second`` - ``first``)."""
    weight = np.float32(part)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            value = first[row, column]
            out[row, column] = value + weight * (second[row, column] - value)


@compiled_reordered
def linear_span(
    source: Samples,
    slices: tuple[Samples, Samples],
    rows: tuple[Samples, Samples],
    columns: tuple[Samples, Samples],
    out: Samples,
    span: tuple[int, int],
) -> None:
    """Write the slices of a span of the result; each axis is (first neighbour, weight of the second)."""
    planes = np.empty((2, out.shape[1], out.shape[2]), dtype=np.float32)
    held = np.full(2, -1, dtype=np.int64)
    line = np.empty(source.shape[2] + 1, dtype=np.float32)
    last = source.shape[0] - 1
    for target in range(span[0], span[1]):
        first, part = slices[0][target], slices[1][target]
        second = min(first + 1, last) if part > 0 else first
        for wanted in (first, second):
            if held[wanted % 2] != wanted:
                linear_plane(source[wanted], rows, columns, planes[wanted % 2], line)
                held[wanted % 2] = wanted
        mix_two(planes[first % 2], planes[second % 2], part, out[target])


@compiled_reordered
def mix_rows(source: Samples, indices: Samples, weights: Samples, out: Samples) -> None:
    """Write each row of ``out`` as the sum of rows of ``source``; the number of taps is a multiple of 4."""
    width = out.shape[1]
    for target in range(out.shape[0]):
        line = out[target]
        line[:] = 0
        for tap in range(0, indices.shape[0], 4):
            a, b = source[indices[tap, target]], source[indices[tap + 1, target]]
            c, d = source[indices[tap + 2, target]], source[indices[tap + 3, target]]
            p, q = weights[tap, target], weights[tap + 1, target]
            r, s = weights[tap + 2, target], weights[tap + 3, target]
            for place in range(width):
                line[place] += p * a[place] + q * b[place] + r * c[place] + s * d[place]


@compiled_reordered
def transpose(source: Samples, out: Samples) -> None:
    """Exchange rows and columns, tile by tile."""
    rows, columns = source.shape
    for top in range(0, rows, _TILE):
        for left in range(0, columns, _TILE):
            for row in range(top, min(top + _TILE, rows)):
                for column in range(left, min(left + _TILE, columns)):
                    out[column, row] = source[row, column]


@compiled_reordered
def mix_plane(source: Samples, rows: tuple[Samples, Samples], columns: tuple[Samples, Samples], out: Samples) -> None:
    """Resample one slice by any taps: rows, then columns as the rows of the slice turned over."""
    values = np.empty(source.shape, dtype=np.float32)
    for row in range(source.shape[0]):
        for column in range(source.shape[1]):
            values[row, column] = source[row, column]
    narrow = np.empty((out.shape[0], source.shape[1]), dtype=np.float32)
    mix_rows(values, rows[0], rows[1], narrow)
    turned = np.empty((source.shape[1], out.shape[0]), dtype=np.float32)
    transpose(narrow, turned)
    done = np.empty((out.shape[1], out.shape[0]), dtype=np.float32)
    mix_rows(turned, columns[0], columns[1], done)
    transpose(done, out)


@compiled_reordered
def mix_slices(ring: Samples, slots: Samples, weights: Samples, out: Samples) -> None:
    """Write one slice as the sum of slices that ``ring`` holds in ``slots``; a multiple of 4 of them."""
    for row in range(out.shape[0]):
        line = out[row]
        line[:] = 0
        for tap in range(0, len(slots), 4):
            a, b = ring[slots[tap], row], ring[slots[tap + 1], row]
            c, d = ring[slots[tap + 2], row], ring[slots[tap + 3], row]
            p, q, r, s = weights[tap], weights[tap + 1], weights[tap + 2], weights[tap + 3]
            for place in range(out.shape[1]):
                line[place] += p * a[place] + q * b[place] + r * c[place] + s * d[place]
