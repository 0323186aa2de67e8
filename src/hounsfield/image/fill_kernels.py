"""Compiled inner loops of filling a volume: what one frame goes through while it lies in the cache."""

import numpy as np
import numpy.typing as npt

from hounsfield.claims import Counter, claim
from hounsfield.compiled import compiled
from hounsfield.file_kernels import Names, read_at

Words = npt.NDArray[np.uint16]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Form = tuple[int, bool]

BROKEN = -1
"""A run-length segment ends before its plane is full, or runs beyond it."""

NONE = -1
"""Stands for the failed slice when none failed."""


@compiled
def read_words(
    names: Names, offsets: npt.NDArray[np.int64], out: Words, form: tuple[int, bool, int], counter: Counter
) -> tuple[int, int, int]:
    """Read frames of native cells into their slices and settle them there, until no slice is left to claim.

    Args:
        names: the file of each slice.
        offsets: (n,) where the cells begin in it.
        out: (n, cells).
        form: Bits Stored, whether in two's complement, and the intercept.
        counter: shared by the threads that fill the volume.

    Returns:
        The slice whose file is too short or gone, ``NONE`` for none; the lowest and the highest sum.
    """
    bits, is_signed, intercept = form
    lowest, highest = 1 << 30, -(1 << 30)
    index = claim(counter)
    while index < out.shape[0]:
        cells = out[index]
        target = cells.view(np.uint8)
        if read_at(names, index, offsets[index], target) != target.size:
            return index, lowest, highest
        low, high = settle(cells, bits, is_signed, intercept)
        lowest, highest = min(lowest, low), max(highest, high)
        index = claim(counter)
    return NONE, lowest, highest


@compiled
def read_floats(
    names: Names,
    where: tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]],
    out: Floats,
    form: Form,
    counter: Counter,
) -> tuple[int, int, int]:
    """Read frames of native cells and write them as floats into their slices, until no slice is left to claim.

    Args:
        names: the file of each slice.
        where: (n,) where the cells begin in it, and (n, 3) slope, intercept and factor.
        out: (n, cells).
        form: Bits Stored, and whether in two's complement.
        counter: shared by the threads that fill the volume.

    Returns:
        The slice whose file is too short or gone, ``NONE`` for none; two zeros in the place of a range.
    """
    offsets, scales = where
    cells = np.empty(out.shape[1], dtype=np.uint16)
    target = cells.view(np.uint8)
    index = claim(counter)
    while index < out.shape[0]:
        if read_at(names, index, offsets[index], target) != target.size:
            return index, 0, 0
        scale = (scales[index, 0], scales[index, 1], scales[index, 2])
        to_float(cells, form[0], form[1], scale, out[index])
        index = claim(counter)
    return NONE, 0, 0


@compiled
def settle(cells: Words, bits: int, is_signed: bool, intercept: int) -> tuple[int, int]:
    """Turn stored cells into values plus an intercept, in place and modulo 2^16.

    Args:
        cells: 1-D cells of one frame.
        bits: Bits Stored; what lies above is dropped, or filled with the sign.
        is_signed: two's complement.
        intercept: added to every value.

    Returns:
        The lowest and the highest sum, not wrapped.
    """
    if is_signed:
        sign = np.int16(np.uint16(1 << (bits - 1)))
        mask = np.int16(np.uint16((1 << bits) - 1))
        low, high = _settle_signed(cells.view(np.int16), mask, sign, np.int16(np.uint16(intercept & 0xFFFF)))
        return low + intercept, high + intercept
    low, high = _settle_unsigned(cells, np.uint16((1 << bits) - 1), np.uint16(intercept & 0xFFFF))
    return low + intercept, high + intercept


@compiled
def _settle_signed(cells: npt.NDArray[np.int16], mask: np.int16, sign: np.int16, added: np.int16) -> tuple[int, int]:
    """Spread the sign by ``(x ^ sign) - sign`` and add, all 16 bits wide, so that 16 cells go at a time."""
    low, high = np.int16(32767), np.int16(-32768)
    for index in range(cells.size):
        value = np.int16(np.int16((cells[index] & mask) ^ sign) - sign)
        low, high = min(low, value), max(high, value)
        cells[index] = np.int16(value + added)
    return int(low), int(high)


@compiled
def _settle_unsigned(cells: Words, mask: np.uint16, added: np.uint16) -> tuple[int, int]:
    low, high = np.uint16(65535), np.uint16(0)
    for index in range(cells.size):
        value = np.uint16(cells[index] & mask)
        low, high = min(low, value), max(high, value)
        cells[index] = np.uint16(value + added)
    return int(np.int64(low)), int(np.int64(high))


@compiled
def to_float(
    cells: Words, bits: int, is_signed: bool, scale: tuple[float, float, float], out: npt.NDArray[np.float32]
) -> None:
    """Write stored cells as floats: slope and intercept in double precision, then a factor in single precision.

    Args:
        cells: 1-D cells of one frame.
        bits: Bits Stored; what lies above is dropped, or filled with the sign.
        is_signed: two's complement.
        scale: slope, intercept and factor.
        out: 1-D samples, as many as cells.
    """
    slope, intercept, factor = scale
    is_whole = slope == 1.0 and factor == 1.0 and abs(intercept) < 65536.0 and intercept == np.floor(intercept)
    mask, sign = np.int32((1 << bits) - 1), np.int32(1 << (bits - 1) if is_signed else 0)
    if is_whole:
        _add(cells, (mask, sign), np.float32(intercept), out)
    else:
        _scale(cells, (mask, sign), (slope, intercept, np.float32(factor)), out)


@compiled
def _add(cells: Words, form: tuple[np.int32, np.int32], intercept: np.float32, out: Floats) -> None:
    """Spread the sign and add in single precision, which holds all sums of two numbers below 2^17 exactly."""
    mask, sign = form
    for index in range(cells.size):
        value = np.int32(np.int32(np.int32(cells[index]) & mask) ^ sign) - sign
        out[index] = np.float32(np.int32(value)) + intercept


@compiled
def _scale(cells: Words, form: tuple[np.int32, np.int32], scale: tuple[float, float, np.float32], out: Floats) -> None:
    mask, sign = form
    slope, intercept, factor = scale
    for index in range(cells.size):
        value = np.int32(np.int32(np.int32(cells[index]) & mask) ^ sign) - sign
        out[index] = np.float32(np.float64(value) * slope + intercept) * factor


@compiled
def unpack_plane(encoded: Bytes, start: int, stop: int, out: Bytes, first: int, step: int) -> int:
    """Unpack one run-length segment into every ``step``-th byte of ``out`` from ``first`` (PS3.5 annex G.3).

    Returns:
        The number of bytes written, or ``BROKEN``.
    """
    position, target, size = start, first, out.size
    while position < stop and target < size:
        header = encoded[position]
        position += 1
        if header < 128:
            count = int(header) + 1
            if position + count > stop:
                return BROKEN
            for index in range(count):
                if target >= size:
                    break
                out[target] = encoded[position + index]
                target += step
            position += count
        elif header > 128:
            if position >= stop:
                return BROKEN
            value = encoded[position]
            position += 1
            for _ in range(257 - int(header)):
                if target >= size:
                    break
                out[target] = value
                target += step
    return (target - first) // step
