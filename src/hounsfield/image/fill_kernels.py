"""Compiled inner loops of filling a volume: what one frame goes through while it lies in the cache."""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled

Words = npt.NDArray[np.uint16]
Bytes = npt.NDArray[np.uint8]

BROKEN = -1
"""A run-length segment ends before its plane is full, or runs beyond it."""


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
    unused = np.int32(32 - bits)
    low, high = np.int32(1 << 30), np.int32(-(1 << 30))
    added = np.int32(intercept)
    if is_signed:
        for index in range(cells.size):
            total = np.int32(np.int32(np.int32(cells[index]) << unused) >> unused) + added
            low, high = min(low, total), max(high, total)
            cells[index] = np.uint16(total)
    else:
        mask = np.int32((1 << bits) - 1)
        for index in range(cells.size):
            total = (np.int32(cells[index]) & mask) + added
            low, high = min(low, total), max(high, total)
            cells[index] = np.uint16(total)
    return int(low), int(high)


@compiled
def to_float(
    cells: Words, bits: int, is_signed: bool, scale: tuple[float, float, float], out: npt.NDArray[np.float32]
) -> None:
    """Write stored cells as floats: slope and intercept in double precision, then a factor in single precision.

    Args:
        cells: 1-D cells of one frame.
        bits: Bits Stored.
        is_signed: two's complement.
        scale: slope, intercept and factor.
        out: 1-D samples, as many as cells.
    """
    unused = np.int32(32 - bits)
    mask = np.int32((1 << bits) - 1)
    slope, intercept, factor = scale
    if slope == 1.0 and factor == 1.0 and abs(intercept) < 65536.0 and intercept == np.floor(intercept):
        added = np.int32(intercept)
        for index in range(cells.size):
            value = np.int32(np.int32(cells[index]) << unused) >> unused if is_signed else np.int32(cells[index]) & mask
            out[index] = np.float32(value + added)
        return
    single = np.float32(factor)
    for index in range(cells.size):
        value = np.int32(np.int32(cells[index]) << unused) >> unused if is_signed else np.int32(cells[index]) & mask
        out[index] = np.float32(np.float64(value) * slope + intercept) * single


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
