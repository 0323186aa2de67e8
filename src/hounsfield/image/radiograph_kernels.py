"""Compiled loops that undo the line filters of PNG and average areas, straight from the bytes of a file."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled, compiled_reordered

Bytes = npt.NDArray[np.uint8]

_SUB, _UP, _AVERAGE, _PAETH = 1, 2, 3, 4


@compiled
def _paeth(left: np.int32, above: np.int32, corner: np.int32) -> np.int32:
    """Return whichever of three neighbours is nearest to left + above - corner (ISO 15948, 9.4)."""
    to_left, to_above = abs(above - corner), abs(left - corner)
    to_corner = abs(left + above - 2 * corner)
    if to_left <= to_above and to_left <= to_corner:
        return left
    return above if to_above <= to_corner else corner


@compiled
def _unfilter_line(kind: int, line: Bytes, above: Bytes, step: int) -> None:
    if kind == _UP:
        for at in range(line.size):
            line[at] += above[at]
    elif kind == _SUB:
        for at in range(step, line.size):
            line[at] += line[at - step]
    elif kind == _AVERAGE:
        for at in range(line.size):
            left = np.int32(line[at - step]) if at >= step else np.int32(0)
            line[at] += np.uint8((left + np.int32(above[at])) >> 1)
    elif kind == _PAETH:
        for at in range(min(step, line.size)):
            line[at] += above[at]
        for at in range(step, line.size):
            left, up, corner = np.int32(line[at - step]), np.int32(above[at]), np.int32(above[at - step])
            line[at] += np.uint8(_paeth(left, up, corner))


@compiled
def unfilter(lines: Bytes, step: int) -> bool:
    """Undo the filters in place (ISO 15948, 9.2).

    Args:
        lines: (row, 1 + bytes of a row), the first byte names the filter.
        step: bytes of a pixel.

    Returns:
        False where a line names a filter that does not exist.
    """
    above = np.zeros(lines.shape[1] - 1, np.uint8)
    for row in range(lines.shape[0]):
        kind = lines[row, 0]
        if kind > _PAETH:
            return False
        _unfilter_line(kind, lines[row, 1:], above, step)
        above = lines[row, 1:]
    return True


@compiled
def unfilter_words(lines: Bytes, samples: npt.NDArray[np.uint16]) -> bool:
    """Undo the filters of 16-bit samples and write them (row, column); the high byte comes first (ISO 15948, 7.1).

    Args:
        lines: (row, 1 + bytes of a row), as ``unfilter`` takes them; some are left as they were.
        samples: (row, column) out.

    Returns:
        False where a line names a filter that does not exist.
    """
    above, is_undone = np.zeros(lines.shape[1] - 1, np.uint8), True
    for row in range(lines.shape[0]):
        kind, line = lines[row, 0], lines[row, 1:]
        if kind > _PAETH:
            return False
        if kind == _SUB:
            _sum_words(line, samples[row])
            is_undone = False
        else:
            if not is_undone and kind > _SUB:
                _split(samples[row - 1], above)
            _unfilter_line(kind, line, above, 2)
            _join(line, samples[row])
            is_undone = True
        above = line
    return True


@compiled
def _sum_words(line: Bytes, samples: npt.NDArray[np.uint16]) -> None:
    """Undo the filter of most writers of radiographs: two sums of bytes that run in one register."""
    total, lanes = np.uint32(0), np.uint32(0x00FF00FF)
    for column in range(samples.size):
        high, low = np.uint32(line[2 * column]), np.uint32(line[2 * column + 1])
        total = (total + (high | low << np.uint32(16))) & lanes
        samples[column] = np.uint16((total & np.uint32(0xFF)) << np.uint32(8) | total >> np.uint32(16))


@compiled
def _join(line: Bytes, samples: npt.NDArray[np.uint16]) -> None:
    for column in range(samples.size):
        samples[column] = np.uint16(line[2 * column]) << np.uint16(8) | np.uint16(line[2 * column + 1])


@compiled
def _split(samples: npt.NDArray[np.uint16], line: Bytes) -> None:
    for column in range(samples.size):
        line[2 * column], line[2 * column + 1] = samples[column] >> 8, samples[column] & 0xFF


@compiled_reordered
def add_line(line: npt.NDArray[Any], weight: float, total: npt.NDArray[np.float32]) -> None:
    """Add a row of samples, weighted, to a row of sums."""
    scale = np.float32(weight)
    for column in range(line.size):
        total[column] += np.float32(line[column]) * scale


@compiled
def average_areas(samples: npt.NDArray[Any], out: npt.NDArray[np.float32], slope: float, intercept: float) -> None:
    """Write the mean of the area that each target sample covers, rescaled.

    Args:
        samples: (row, column) of any integer type in the byte order of the machine.
        out: (row, column), at most as large.
        slope: of the rescaling.
        intercept: of the rescaling.
    """
    rows, columns = samples.shape
    area = rows / out.shape[0] * columns / out.shape[1]
    edges = np.empty((out.shape[1], 2), np.int64)
    parts = np.empty((out.shape[1], 2), np.float64)
    for column in range(out.shape[1]):
        start, stop = column * columns / out.shape[1], (column + 1) * columns / out.shape[1]
        low, top = int(start), min(int(np.ceil(stop)), columns)
        edges[column, 0], edges[column, 1] = low, top
        parts[column, 0], parts[column, 1] = start - low, top - stop
    total = np.empty(columns, np.float32)
    for row in range(out.shape[0]):
        total[:] = 0
        first, after = row * rows / out.shape[0], (row + 1) * rows / out.shape[0]
        for source in range(int(first), min(int(np.ceil(after)), rows)):
            add_line(samples[source], min(after, source + 1) - max(first, source), total)
        for column in range(out.shape[1]):
            low, top = edges[column]
            found = -total[low] * parts[column, 0] - total[top - 1] * parts[column, 1]
            for source in range(low, top):
                found += total[source]
            out[row, column] = found / area * slope + intercept
