"""Decoded frames written into the array of their volume, in the smallest type that keeps them exact."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.core.study import InstanceRef
from hounsfield.image.decode import decode_frames
from hounsfield.image.fast_fill import Ahead, NotPlainError, Scale, fill_fast, is_fast
from hounsfield.image.frame import Frame
from hounsfield.image.isolated import decode_object, is_isolated
from hounsfield.image.layout import PixelLayout
from hounsfield.image.limits import PixelLimits
from hounsfield.image.quantity import Meaning
from hounsfield.image.reading import read_whole
from hounsfield.image.stack import Stack

Samples = npt.NDArray[Any]


def fill_volume(
    stack: Stack, meaning: Meaning, limits: PixelLimits, as_float: bool = False, ahead: Ahead | None = None
) -> Samples:
    """Decode the frames of a stack into one array.

    Args:
        stack: the frames.
        meaning: factors on their values.
        limits: bounds checked before anything is allocated.
        as_float: give float32 (float64 for doubles) where whole numbers would do; colour stays what it is.
        ahead: what may have been read already.

    Returns:
        (slice, row, column), or (channel, slice, row, column) for colour. Integers stay integers where slope and
        intercept keep them exact: int16 where the values fit, else the stored type; float32 otherwise.

    Raises:
        Undecodable: a frame cannot be decoded, or not within the limits.
    """
    head = stack.frames[0]
    shape = (len(stack.frames), head.layout.rows, head.layout.columns)
    if head.layout.is_colour:
        return _fill_colour(stack, shape, limits)
    intercept = None if as_float else whole_intercept(stack, meaning)
    kind = _stored_type(stack) if intercept is not None else _float_type(stack)
    limits.require_samples(shape, kind.itemsize, head.uid)
    if is_fast(stack.frames):
        try:
            return _fill_fast(stack, Scale(_whole(intercept), meaning.factors), limits, ahead)
        except NotPlainError:
            pass  # the careful way says what is wrong, if anything is
    array = np.empty(shape, dtype=kind)
    for slice_index, frame, stored in _decoded(stack, limits):
        if intercept is not None:
            array[slice_index] = stored
            continue
        values = frame.transform.apply(stored)
        factor = meaning.factors[slice_index] if meaning.factors else 1.0
        array[slice_index] = values if factor == 1.0 else values * factor
    return array if intercept is None else _shift(array, int(intercept))


def _whole(intercept: float | None) -> int | None:
    return None if intercept is None else int(intercept)


def _fill_fast(stack: Stack, scale: Scale, limits: PixelLimits, ahead: Ahead | None) -> Samples:
    """Fill from the files themselves, with the same result as the careful way."""
    layout, whole = stack.frames[0].layout, scale.intercept
    array, low, high = fill_fast(stack.frames, scale, limits, ahead)
    if whole is None or (low >= -32768 and high <= 32767):
        return array
    cells = array.view(np.uint16)
    if whole == 0:
        return cells
    np.subtract(cells, np.uint16(whole % 65536), out=cells)
    wide = (array if layout.is_signed else cells).astype(np.int32)
    return np.add(wide, whole, out=wide)


def _fill_colour(stack: Stack, shape: tuple[int, int, int], limits: PixelLimits) -> Samples:
    array: Samples | None = None
    for slice_index, frame, pixels in _decoded(stack, limits):
        if array is None:
            limits.require_samples((3, *shape), pixels.dtype.itemsize, frame.uid)
            array = np.empty((3, *shape), dtype=pixels.dtype.newbyteorder("="))
        array[:, slice_index] = np.moveaxis(pixels, -1, 0)
    return np.empty((3, *shape), dtype=np.uint8) if array is None else array


def _decoded(stack: Stack, limits: PixelLimits) -> Iterator[tuple[int, Frame, Samples]]:
    """Yield slice index, frame and stored values, reading every object once."""
    wanted: dict[str, dict[int, list[int]]] = {}
    instances: dict[str, InstanceRef] = {}
    for slice_index, frame in enumerate(stack.frames):
        wanted.setdefault(frame.uid, {}).setdefault(frame.frame_index, []).append(slice_index)
        instances[frame.uid] = frame.instance
    for uid, slots in wanted.items():
        first = stack.frames[next(iter(slots.values()))[0]]
        if first.tile is not None:
            (picture,) = _stored(instances[uid], first.tile.whole, 1, limits)
            for slice_index in chain(*slots.values()):
                frame = stack.frames[slice_index]
                yield slice_index, frame, _cut(picture, frame)
            continue
        left = len(slots)
        for frame_index, stored in enumerate(_stored(instances[uid], first.layout, max(slots) + 1, limits)):
            for slice_index in slots.get(frame_index, ()):
                yield slice_index, stack.frames[slice_index], stored
            left -= frame_index in slots
            if not left:
                break


def _stored(instance: InstanceRef, layout: PixelLayout, count: int, limits: PixelLimits) -> Iterator[Samples]:
    """Yield the stored values of the first frames of an object."""
    if is_isolated(layout, limits):
        return decode_object(instance, layout, count, limits)
    return decode_frames(read_whole(instance, limits), layout, instance.sop_instance_uid)


def _cut(picture: Samples, frame: Frame) -> Samples:
    """Return one slice of a mosaic."""
    if frame.tile is None:
        return picture
    row, column = frame.tile.row, frame.tile.column
    return picture[row : row + frame.layout.rows, column : column + frame.layout.columns]


def whole_intercept(stack: Stack, meaning: Meaning) -> float | None:
    """Return the whole intercept that all frames share with slope 1, None where values need floats."""
    transforms = [frame.transform for frame in stack.frames]
    is_exact = all(transform.is_integral for transform in transforms) and set(meaning.factors) <= {1.0}
    is_integer = not any(frame.layout.is_float for frame in stack.frames)
    intercepts = {transform.intercept for transform in transforms}
    return transforms[0].intercept if is_exact and is_integer and len(intercepts) == 1 else None


def _stored_type(stack: Stack) -> np.dtype[Any]:
    kinds: Sequence[np.dtype[Any]] = [frame.layout.dtype for frame in stack.frames]
    return np.result_type(*kinds)


def _float_type(stack: Stack) -> np.dtype[Any]:
    """Return float64 for doubles and for LUT-free float sources, float32 for all else."""
    is_double = any(frame.layout.is_float and frame.layout.bits_allocated == 64 for frame in stack.frames)
    return np.dtype(np.float64 if is_double else np.float32)


def _shift(array: Samples, intercept: int) -> Samples:
    """Add the intercept; 16-bit values become int16 in place where they fit, wider ones keep a type that holds them."""
    if array.dtype.kind == "u" and array.dtype.itemsize == 1 and intercept == 0:
        return array
    low, high = int(array.min()) + intercept, int(array.max()) + intercept
    if array.dtype.itemsize == 2 and low >= -32768 and high <= 32767:
        shifted: Samples = array.view(np.int16)
        # Sums wrap around modulo 2^16, so the result is right whenever it fits, whatever the sign of the source.
        np.add(array.view(np.uint16), np.uint16(intercept % 65536), out=array.view(np.uint16))
        return shifted
    if intercept == 0:
        return array
    fits = low >= -32768 and high <= 32767
    kind = np.int16 if fits else np.int32 if max(abs(low), abs(high)) < 2**31 else np.int64
    moved: Samples = array.astype(np.int64)
    np.add(moved, intercept, out=moved)
    return moved.astype(kind, copy=False)
