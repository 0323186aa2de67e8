"""Modality values as they are meant to be looked at: 0 is black and 1 is white (PS3.3 C.11.2)."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Presentation, Volume, Window

Samples = npt.NDArray[Any]

PERCENTILES = (0.5, 99.5)
"""Range shown where the header gives none."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""
_MAX_COUNTED = 4_000_000
"""Percentiles are taken from at most about so many samples, every n-th of a larger volume."""


def to_display(volume: Volume, *, keep_colour: bool = False) -> Volume:
    """Return a volume of display values: float32 from 0 to 1, white is bright.

    The VOI window (LINEAR, LINEAR_EXACT, SIGMOID) or the VOI LUT is applied, and MONOCHROME1 or an INVERSE
    presentation undone. Without either, pictures of unsigned integers are divided by the largest value of their type,
    and all other samples are stretched from the 0.5 to the 99.5 percentile of those that are not padding. Padding
    becomes black. Colour becomes luma unless it is kept.

    Args:
        volume: any volume; a display volume of floats is returned as it is.
        keep_colour: keep three channels.
    """
    return volume.with_array(
        _shown(volume, volume.array, keep_colour=keep_colour),
        quantity=Quantity.DISPLAY,
        presentation=Presentation(),
    )


def to_greyscale_pixels(volume: Volume, slice_index: int) -> npt.NDArray[np.uint8]:
    """Return one slice as (row, column) 8-bit pixels in display order, in the range of the whole volume."""
    array = volume.array[..., slice_index : slice_index + 1, :, :]
    shown = _shown(volume, array, keep_colour=False)
    return np.asarray(np.rint(shown[0] * 255.0), dtype=np.uint8)


def apply_window(values: Samples, window: Window) -> npt.NDArray[np.float32]:
    """Map modality values through a window to 0..1 (PS3.3 C.11.2.1.2.1, C.11.2.1.3.1, C.11.2.1.3.2).

    Example:
        >>> apply_window(np.array([-10, 0, 50, 100]), Window(50, 100, "LINEAR_EXACT")).tolist()
        [0.0, 0.0, 0.5, 1.0]
    """
    x = _as_working(values)
    center, width = window.center, window.width
    if window.function == "SIGMOID":
        with np.errstate(over="ignore"):
            return np.asarray(1.0 / (1.0 + np.exp((-4.0 / width) * (x - center))), dtype=np.float32)
    if window.function == "LINEAR":
        center, width = center - 0.5, width - 1.0
    if width <= 0:
        return np.asarray(x > center, dtype=np.float32)
    x -= center
    x /= width
    x += 0.5
    return np.clip(x, 0.0, 1.0, out=x).astype(np.float32, copy=False)


def _shown(volume: Volume, array: Samples, *, keep_colour: bool) -> npt.NDArray[np.float32]:
    """Return the display values of an array that is a part of the volume."""
    if volume.is_colour:
        shown = _unit(array)
        return shown if keep_colour else np.tensordot(np.asarray(LUMA, np.float32), shown, axes=1)
    presentation = volume.presentation
    if presentation.window is not None:
        shown = apply_window(array, presentation.window)
    elif presentation.lookup_table is not None:
        first, table = presentation.lookup_table
        index = np.clip(np.floor(array).astype(np.int64) - first, 0, len(table) - 1)
        shown = table[index].astype(np.float32) / np.float32(65535)
    elif _is_picture(volume):
        shown = _unit(array)
    else:
        shown = _stretch(array, value_range(volume))
    if presentation.is_inverted:
        shown = np.float32(1) - shown
    if presentation.padding is not None:
        shown[_is_padding(array, presentation.padding)] = 0
    return np.nan_to_num(shown, copy=False, nan=0.0)


def value_range(volume: Volume) -> tuple[float, float]:
    """Return the 0.5 and 99.5 percentiles of the finite samples that are not padding."""
    flat = volume.array.reshape(-1)
    flat = flat[:: max(1, flat.size // _MAX_COUNTED)]
    kept = np.isfinite(flat) if flat.dtype.kind == "f" else np.ones(flat.shape, dtype=bool)
    if volume.presentation.padding is not None:
        kept &= ~_is_padding(flat, volume.presentation.padding)
    if not kept.any():
        return 0.0, 1.0
    low, high = np.percentile(flat[kept], PERCENTILES)
    if low == high:
        low, high = float(flat[kept].min()), float(flat[kept].max())
    return float(low), float(high)


def display_window(volume: Volume) -> Window:
    """Return the window that ``to_display`` shows a greyscale volume through, for viewers and sliders."""
    if volume.presentation.window is not None:
        return volume.presentation.window
    low, high = value_range(volume)
    return Window((low + high) / 2, max(high - low, 1e-6), "LINEAR_EXACT")


def without_window(volume: Volume) -> Volume:
    """Return the volume without its window and VOI LUT, so that it is shown by percentiles."""
    return replace(volume, presentation=replace(volume.presentation, window=None, lookup_table=None))


def _is_picture(volume: Volume) -> bool:
    """Tell samples that are display values already: all unsigned display volumes, and other 8-bit ones."""
    dtype = volume.array.dtype
    if volume.quantity is Quantity.DISPLAY:
        return True
    return bool(dtype == np.uint8 and volume.array.max() > 1 and volume.presentation.padding is None)


def _unit(array: Samples) -> npt.NDArray[np.float32]:
    """Scale unsigned integers by the largest value of their type; floats are in 0..1 already."""
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    top = np.iinfo(array.dtype).max
    return np.asarray(array.astype(np.float32) / np.float32(top))


def _stretch(array: Samples, limits: tuple[float, float]) -> npt.NDArray[np.float32]:
    low, high = limits
    if high <= low:
        return np.zeros(array.shape, dtype=np.float32)
    shown = _as_working(array)
    shown -= low
    shown /= high - low
    return np.clip(shown, 0.0, 1.0, out=shown).astype(np.float32, copy=False)


def _as_working(array: Samples) -> npt.NDArray[np.floating[Any]]:
    """Return a copy in double precision where single cannot tell samples apart, such as integers above 2^24."""
    is_wide = array.dtype.itemsize > (4 if array.dtype.kind == "f" else 2)
    return array.astype(np.float64) if is_wide else array.astype(np.float32)


def _is_padding(array: Samples, padding: tuple[float, float]) -> npt.NDArray[np.bool_]:
    return np.asarray((array >= padding[0]) & (array <= padding[1]))
