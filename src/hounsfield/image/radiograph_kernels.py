"""Compiled loops that undo the line filters of PNG and average areas, straight from the bytes of a file."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hounsfield.claims import Counter, claim
from hounsfield.compiled import compiled, compiled_reordered
from hounsfield.file_kernels import Names, read_at
from hounsfield.image.fill_kernels import NONE, settle

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


class Columns(NamedTuple):
    """Which source columns each target column covers, and how much of each.

    Attributes:
        places: (k, column) the k-th source column of each target column.
        weights: (k, column) the part of it that is covered; 0 where there are fewer.
    """

    places: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]


@compiled
def cover_columns(columns: int, targets: int) -> Columns:
    """Return what each of fewer, or as many, target columns covers."""
    width = columns // targets + 2
    places, weights = np.zeros((width, targets), np.int64), np.zeros((width, targets), np.float32)
    for target in range(targets):
        start, stop = target * columns / targets, (target + 1) * columns / targets
        for place in range(width):
            source = int(start) + place
            places[place, target] = min(source, columns - 1)
            weights[place, target] = max(min(stop, source + 1) - max(start, source), 0.0)
    return Columns(places, weights)


@compiled_reordered
def _add_columns(total: npt.NDArray[np.float32], covered: Columns, out: npt.NDArray[np.float32]) -> None:
    """Write the weighted sums of a row; the sums of all columns run side by side."""
    out[:] = 0
    for place in range(covered.places.shape[0]):
        for column in range(out.size):
            out[column] += total[covered.places[place, column]] * covered.weights[place, column]


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
    covered = cover_columns(columns, out.shape[1])
    factor = slope / (rows / out.shape[0] * columns / out.shape[1])
    total = np.empty(columns, np.float32)
    for row in range(out.shape[0]):
        total[:] = 0
        first, after = row * rows / out.shape[0], (row + 1) * rows / out.shape[0]
        for source in range(int(first), min(int(np.ceil(after)), rows)):
            add_line(samples[source], min(after, source + 1) - max(first, source), total)
        _add_columns(total, covered, out[row])
        for column in range(out.shape[1]):
            out[row, column] = np.float64(out[row, column]) * factor + intercept


class Films(NamedTuple):
    """Native pictures of 16-bit cells, one a file.

    Attributes:
        offsets: (n,) where the cells begin in each file.
        shapes: (n, 2) rows and columns.
        forms: (n, 2) Bits Stored, and 1 for two's complement.
        scales: (n, 2) slope and intercept.
    """

    offsets: npt.NDArray[np.int64]
    shapes: npt.NDArray[np.int64]
    forms: npt.NDArray[np.int64]
    scales: npt.NDArray[np.float64]


@compiled
def reduce_films(names: Names, films: Films, out: npt.NDArray[np.float32], counter: Counter) -> int:
    """Read pictures and average each to one size, until none is left to claim.

    Args:
        names: the files.
        films: what lies in them.
        out: (n, row, column).
        counter: shared by the threads at work.

    Returns:
        The picture whose file is too short or gone, ``NONE`` for none.
    """
    largest = 0
    for index in range(films.shapes.shape[0]):
        largest = max(largest, films.shapes[index, 0] * films.shapes[index, 1])
    cells = np.empty(largest, np.uint16)
    index = int(claim(counter))
    while index < out.shape[0]:
        rows, columns = films.shapes[index]
        part = cells[: rows * columns]
        target = part.view(np.uint8)
        if read_at(names, index, films.offsets[index], target) != target.size:
            return index
        bits, is_signed = films.forms[index]
        if bits < 16:
            settle(part, bits, is_signed == 1, 0)
        picture = part.reshape(rows, columns)
        if is_signed == 1:
            average_areas(picture.view(np.int16), out[index], films.scales[index, 0], films.scales[index, 1])
        else:
            average_areas(picture, out[index], films.scales[index, 0], films.scales[index, 1])
        index = int(claim(counter))
    return NONE
