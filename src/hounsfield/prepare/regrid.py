"""Read a stack of slices at the places of another grid with the same axes: one pass, one read, one write."""

import numpy as np

from hounsfield.compiled import core_count, in_threads, spans
from hounsfield.core.volume import Samples
from hounsfield.prepare.taps import Taps, fill_outside

Axes = tuple[Taps, Taps, Taps]

READ_AS_THEY_ARE = ("int16", "uint16", "uint8", "int8", "float32")
"""Types of samples that the kernels take; others become float32 first."""


def regrid(array: Samples, axes: Axes, outside: float | None = None, threads: int = 0) -> Samples:
    """Return (slice, row, column) samples at new places, float32.

    Memory: the result, and a few slices for each thread (two for linear, at most the number of taps for others).

    Args:
        array: (slice, row, column) samples of any type; 16-bit ones are read without a copy.
        axes: the sums along slices, rows and columns.
        outside: what is written where the source does not reach; None extends its edge.
        threads: 0 takes the cores of this process.
    """
    source = _readable(array)
    out = np.empty([axis.target for axis in axes], dtype=np.float32)
    write = _write_linear if all(axis.is_linear for axis in axes) else _write_any
    runs = spans(axes[0].target, threads or core_count())
    in_threads(write, [(source, axes, out, start, stop) for start, stop in runs], threads)
    fill_outside(out, axes, outside)
    return out


def _readable(array: Samples) -> Samples:
    is_taken = array.dtype.name in READ_AS_THEY_ARE and array.dtype.isnative
    return np.ascontiguousarray(array, dtype=array.dtype if is_taken else np.float32)


def _write_linear(source: Samples, axes: Axes, out: Samples, start: int, stop: int) -> None:
    from hounsfield.prepare.resample_kernels import linear_span

    slices, rows, columns = ((axis.indices[0], np.ascontiguousarray(axis.weights[1])) for axis in axes)
    linear_span(source, slices, rows, (columns[0].astype(np.uintp), columns[1]), out, (start, stop))


def _write_any(source: Samples, axes: Axes, out: Samples, start: int, stop: int) -> None:
    """Keep the slices that the next one needs in a ring, each already on the new rows and columns."""
    from hounsfield.prepare.resample_kernels import mix_plane, mix_slices

    (slices, weights), rows, columns = (_in_fours(axis) for axis in axes)
    wanted = [np.unique(slices[:, target]) for target in range(start, stop)]
    ring = np.empty((max(len(found) for found in wanted), *out.shape[1:]), dtype=np.float32)
    slot_of: dict[int, int] = {}
    for target, needed in zip(range(start, stop), wanted, strict=True):
        kept = {index: slot for index, slot in slot_of.items() if index in needed}
        free = iter(sorted(set(range(len(ring))) - set(kept.values())))
        for index in needed.tolist():
            if index not in kept:
                kept[index] = next(free)
                mix_plane(source[index], rows, columns, ring[kept[index]])
        slot_of = kept
        slots = np.array([kept[index] for index in slices[:, target].tolist()], dtype=np.intp)
        mix_slices(ring, slots, np.ascontiguousarray(weights[:, target]), out[target])


def _in_fours(axis: Taps) -> tuple[Samples, Samples]:
    """Return indices and weights with taps of weight 0 added, so that their number is a multiple of 4."""
    extra = -len(axis.indices) % 4
    indices = np.concatenate([axis.indices, np.repeat(axis.indices[:1], extra, axis=0)])
    return indices, np.concatenate([axis.weights, np.zeros((extra, axis.target), dtype=np.float32)])
