"""Stored values of derived images: integers as they are where 16 bits hold them, else one linear scale."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.core.volume import Volume
from hounsfield.errors import ImageError

Samples = npt.NDArray[Any]

_TOP = 65535


@dataclass(frozen=True)
class Stored:
    """Samples as a DICOM object holds them: ``value = array * slope + intercept``.

    Attributes:
        array: the shape of the volume, uint8, uint16 or int16.
        slope: Rescale Slope, exactly as its text says.
        intercept: Rescale Intercept, likewise.
    """

    array: Samples
    slope: float = 1.0
    intercept: float = 0.0


def store_samples(volume: Volume, *, has_bytes: bool) -> Stored:
    """Return the samples of a volume as stored values of at most 16 bits.

    Integers that fit stay what they are. Others, and floats, take 65 536 steps between the lowest and the highest
    value, so they are off by at most half a step; what is no number becomes the lowest value.

    Args:
        volume: grey of any real type, or colour of 8 bits.
        has_bytes: whether the class may hold samples of 8 bits.

    Raises:
        ImageError: ``E341`` for colour that is not of 8 bits, or for complex samples.
    """
    array = volume.array
    if volume.is_colour and array.dtype != np.uint8:
        raise ImageError("E341", found=f"colour of the type {array.dtype}", expected="DICOM")
    if array.dtype.kind not in "biuf":
        raise ImageError("E341", found=str(array.dtype), expected="DICOM")
    if array.dtype in (np.uint8, np.bool_):
        return Stored(array.astype(np.uint8 if has_bytes else np.uint16))
    if array.dtype.kind in "iu":
        low, high = int(array.min()), int(array.max())
        if low >= 0 and high <= _TOP:
            return Stored(array.astype(np.uint16, copy=False))
        if low >= -32768 and high <= 32767:
            return Stored(array.astype(np.int16, copy=False))
    return _scaled(array)


def _scaled(array: Samples) -> Stored:
    finite = np.isfinite(array)
    values = array[finite] if array.dtype.kind == "f" else array
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    intercept = float(decimal(low))
    # A step rounded up, so that the highest value still fits; DICOM decimals have 16 characters.
    slope = float(decimal((high - intercept) / _TOP * (1 + 1e-9))) if high > low else 1.0
    scaled = np.where(finite, array, low).astype(np.float64)
    scaled -= intercept
    scaled /= slope
    return Stored(np.clip(np.rint(scaled), 0, _TOP).astype(np.uint16), slope, intercept)


def decimal(value: float) -> str:
    """Return a number as a DICOM DS, at most 16 characters, as exact as they allow (PS3.5 section 6.2)."""
    for digits in range(17, 0, -1):
        text = f"{value + 0.0:.{digits}g}"
        if len(text) <= 16:
            return text
    return "0"
