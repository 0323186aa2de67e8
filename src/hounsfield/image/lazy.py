"""Volumes that are not read until they are asked for, a few slices at a time, or laid into a file that is mapped."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import QualityIssue
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import Series
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import ImageError, UnsupportedModality
from hounsfield.image.assemble import describe, presentation_of, volume_of
from hounsfield.image.fill import fill_volume, whole_intercept
from hounsfield.image.grid import build_grid
from hounsfield.image.guard import refusing
from hounsfield.image.limits import PixelLimits
from hounsfield.image.quantity import Meaning, read_meaning
from hounsfield.image.stack import Stack

SLAB_BYTES = 64 << 20
"""Decoded samples that are held at a time while a volume is laid into a file."""


@dataclass(frozen=True)
class LazyVolume:
    """A volume whose headers are read and whose pixels are not.

    Attributes:
        geometry: its grid.
        quantity: what a sample means.
        dtype: of its samples: int16 where what the headers allow fits, else int32; float32 where values are scaled.
        issues: what its positions and headers show.
    """

    geometry: VolumeGeometry
    quantity: Quantity
    dtype: np.dtype[Any]
    issues: tuple[QualityIssue, ...]
    _stack: Stack = field(repr=False)
    _meaning: Meaning = field(repr=False)
    _limits: PixelLimits = field(repr=False)

    @property
    def size_bytes(self) -> int:
        """Bytes of all samples together."""
        slices, rows, columns = self.geometry.shape
        return slices * rows * columns * self.dtype.itemsize

    def read(self, start: int = 0, stop: int | None = None) -> Volume:
        """Read some slices.

        Args:
            start: first slice.
            stop: the slice after the last one; None for all.

        Raises:
            Undecodable: ``E303`` beyond the limits, and as ``assemble``.
            ImageError: ``E337``, there are no such slices.
        """
        count = self.geometry.shape[0]
        end = count if stop is None else stop
        if not 0 <= start < end <= count:
            raise ImageError("E337", found=(start, end), expected=count)
        frames = self._stack.frames[start:end]
        part = replace(self._stack, frames=frames, times_seconds=self._stack.times_seconds[start:end])
        meaning = replace(self._meaning, factors=self._meaning.factors[start:end])
        samples = fill_volume(part, meaning, self._limits, as_float=self.dtype == np.float32)
        _, rows, columns = self.geometry.shape
        geometry = self.geometry.cropped((start, 0, 0), (end - start, rows, columns))
        return self._volume(samples.astype(self.dtype, copy=False), geometry, part)

    def slabs(self, slab_bytes: int = SLAB_BYTES) -> Iterator[tuple[int, Volume]]:
        """Yield the volume in parts of about one size, each with the index of its first slice."""
        count = self.geometry.shape[0]
        step = max(1, slab_bytes * count // max(self.size_bytes, 1))
        for start in range(0, count, step):
            yield start, self.read(start, min(start + step, count))

    def mapped(self, path: Path) -> Volume:
        """Lay all samples into a file and return the volume over it, mapped; memory holds one slab at a time.

        Args:
            path: the file to write, raw samples in native order; an existing one is replaced once all is written.

        Raises:
            Undecodable: as ``assemble``; the file is then not there.
        """
        partial = path.with_name(path.name + ".partial")
        try:
            target = np.memmap(partial, dtype=self.dtype, mode="w+", shape=self.geometry.shape)
            for start, slab in self.slabs():
                target[start : start + slab.array.shape[0]] = slab.array
            target.flush()
            del target
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        array = np.memmap(path, dtype=self.dtype, mode="r", shape=self.geometry.shape)
        return self._volume(array, self.geometry, self._stack)

    def _volume(self, array: npt.NDArray[Any], geometry: VolumeGeometry, part: Stack) -> Volume:
        axis = SliceAxis.SINGLE if len(part.frames) == 1 else part.slice_axis
        shown = presentation_of(self._stack, self._meaning)
        return volume_of(replace(part, slice_axis=axis), geometry, self.quantity, array, shown)


def open_lazily(
    series: Series,
    limits: PixelLimits = PixelLimits(),  # noqa: B008 (frozen)
) -> tuple[LazyVolume, ...]:
    """Read the headers of a DICOM series and return its volumes without their pixels, the largest first.

    The limit of bytes holds for what is read at a time, not for the whole volume.

    Raises:
        UnsupportedModality: ``E338`` for colour and for what is not DICOM, and as ``assemble``.
        InconsistentSeries: ``E310``, ``E311``: the frames lie on no regular grid.
    """
    if not series.is_dicom:
        raise UnsupportedModality("E338", uid=series.series_instance_uid)
    found = describe(series, limits)
    uid = series.series_instance_uid
    volumes = []
    for stack in found.stacks:
        with refusing("E300", uid):
            if stack.frames[0].layout.is_colour:
                raise UnsupportedModality("E338", uid=uid)
            geometry, issues = build_grid(stack, uid)
            meaning = read_meaning(stack, found.started_seconds, uid)
            told = (*found.issues, *issues, *meaning.issues)
            dtype = _dtype_of(stack, meaning)
            volumes.append(LazyVolume(geometry, meaning.quantity, dtype, told, stack, meaning, limits))
    return tuple(volumes)


def _dtype_of(stack: Stack, meaning: Meaning) -> np.dtype[Any]:
    """Return a type that holds whatever the headers allow, so that every part of a volume has the same one."""
    intercept = whole_intercept(stack, meaning)
    if intercept is None:
        return np.dtype(np.float32)
    bounds = []
    for frame in stack.frames:
        bits, is_signed = frame.layout.bits_stored, frame.layout.is_signed
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if is_signed else (0, (1 << bits) - 1)
        bounds += [low + int(intercept), high + int(intercept)]
    fits = min(bounds) >= -32768 and max(bounds) <= 32767
    return np.dtype(np.int16 if fits else np.int32 if max(map(abs, bounds)) < 1 << 31 else np.int64)
