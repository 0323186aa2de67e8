"""A block of a stack in all three axes: cut it out of a volume, reaching beyond it where wanted, and put it back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.volume import Samples, SliceAxis, Volume
from hounsfield.errors import PrepareError
from hounsfield.prepare.grid import expect_plane, grid_record, snapped
from hounsfield.prepare.sources import with_slices_from
from hounsfield.prepare.step import MAXIMUM_SAMPLES

Index = tuple[int, int, int]


@dataclass(frozen=True)
class Block:
    """Slices, rows and columns to keep; a negative start or a larger shape means padding."""

    start: Index
    shape: Index

    def record(self, source: VolumeGeometry) -> dict[str, Any]:
        """Return the block and the grid it belongs to as JSON values."""
        return {"start": list(self.start), "shape": list(self.shape), "source": grid_record(source)}


def draw_block(volume: Volume, block: Block, value: float, step: str) -> dict[str, Any]:
    """Return the record of a block that can be cut out of a volume, with the value around it.

    Raises:
        PrepareError: ``E407`` for too many samples, ``E440`` for frames added in time, ``E441`` for a value that the
            samples cannot hold.
    """
    channels = 3 if volume.is_colour else 1
    if int(np.prod(block.shape, dtype=object)) * channels > MAXIMUM_SAMPLES:
        raise PrepareError("E407", step=step, found=block.shape, expected=MAXIMUM_SAMPLES)
    is_padded = _is_padded(block, volume.geometry.shape)
    if volume.slice_axis is SliceAxis.TIME and is_padded[0]:
        raise PrepareError("E440", step=step)
    if any(is_padded):
        require_holds(volume.array, value, step)
    return {**block.record(volume.geometry), "value": value}


def require_holds(array: Samples, value: float, step: str) -> None:
    """Refuse a value that the type of the samples cannot hold.

    Raises:
        PrepareError: ``E441``.
    """
    if array.dtype.kind == "f":
        return
    bounds = (0, 1) if array.dtype.kind == "b" else (np.iinfo(array.dtype).min, np.iinfo(array.dtype).max)
    if value != round(value) or not bounds[0] <= value <= bounds[1]:
        raise PrepareError("E441", step=step, found=value, expected=str(array.dtype))


def cut_block(volume: Volume, parameters: Mapping[str, Any], step: str) -> Volume:
    """Return the recorded block of a volume, with the recorded value where it reaches beyond the volume.

    Raises:
        PrepareError: ``E404``, ``E406``: the volume has another shape than the recorded one.
    """
    _expect(volume, parameters["source"]["shape"], step)
    return _cut_out(volume, _read(parameters), parameters["value"])


def paste_block(volume: Volume, parameters: Mapping[str, Any], step: str) -> Volume:
    """Return the source grid with the block put back; what was cut off is the background of the volume's quantity.

    Raises:
        PrepareError: ``E404``, ``E406``: the volume has another shape than the recorded block; ``E441``: its samples
            cannot hold that background.
    """
    block = _read(parameters)
    _expect(volume, block.shape, step)
    source = parameters["source"]["shape"]
    back = Block((-block.start[0], -block.start[1], -block.start[2]), (source[0], source[1], source[2]))
    value = volume.quantity.background
    if any(_is_padded(back, volume.geometry.shape)):
        require_holds(volume.array, value, step)
    found = _cut_out(volume, back, value)
    return found.with_array(found.array, geometry=snapped(found.geometry, parameters["source"]))


def cut_samples(array: Samples, start: Index, shape: Index, value: float) -> Samples:
    """Return a block of the last three axes; what lies outside the array is ``value``."""
    inside: list[slice] = []
    placed: list[slice] = []
    for first, count, size in zip(start, shape, array.shape[-3:], strict=True):
        low, high = min(max(first, 0), size), max(min(first + count, size), 0)
        inside.append(slice(low, max(high, low)))
        placed.append(slice(low - first, max(high, low) - first))
    kept = array[..., inside[0], inside[1], inside[2]]
    if kept.shape[-3:] == shape:
        return np.ascontiguousarray(kept)
    out = np.full((*array.shape[:-3], *shape), value, dtype=array.dtype)
    if kept.size:
        out[..., placed[0], placed[1], placed[2]] = kept
    return out


def _cut_out(volume: Volume, block: Block, value: float) -> Volume:
    array = cut_samples(volume.array, block.start, block.shape, value)
    geometry = volume.geometry.cropped(block.start, block.shape)
    size = volume.geometry.shape[0]
    slices = [index if 0 <= index < size else None for index in range(block.start[0], block.start[0] + block.shape[0])]
    return with_slices_from(volume.with_array(array, geometry=geometry, frame_times_seconds=()), volume, slices)


def _is_padded(block: Block, size: Index) -> list[bool]:
    return [
        first < 0 or first + count > whole for first, count, whole in zip(block.start, block.shape, size, strict=True)
    ]


def _read(parameters: Mapping[str, Any]) -> Block:
    start, shape = parameters["start"], parameters["shape"]
    return Block((start[0], start[1], start[2]), (shape[0], shape[1], shape[2]))


def _expect(volume: Volume, shape: "Index | list[int]", step: str) -> None:
    if volume.geometry.shape[0] != shape[0]:
        raise PrepareError("E406", step=step, found=volume.geometry.shape[0], expected=shape[0])
    expect_plane(volume, shape[1], shape[2], step)
