"""Palette colour: stored values become the colours of the object's own table (PS3.3 C.7.6.3.1.5, C.7.9)."""

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

Samples = npt.NDArray[Any]


class Palette:
    """The colours of an object; entries of 16 bits that hold 8 (all of the public ones do) become 8-bit colours.

    Args:
        dataset: an object of PALETTE COLOR.
    """

    def __init__(self, dataset: Dataset) -> None:
        count, first, _ = (int(value) for value in dataset.RedPaletteColorLookupTableDescriptor)
        is_signed = int(dataset.get("PixelRepresentation") or 0) == 1
        self._first = first - 65536 if is_signed and first > 32767 else first
        _order_bytes(dataset)
        entries = np.arange(self._first, self._first + (count or 65536), dtype=np.int64)
        self._colours = _narrowed(np.asarray(apply_color_lut(entries, dataset)))

    def apply(self, frame: Samples) -> Samples:
        """Return (row, column, 3) colours of stored values; those beyond the table take its first or last entry."""
        index = np.clip(frame.astype(np.int64) - self._first, 0, len(self._colours) - 1)
        return np.asarray(self._colours[index])


def _order_bytes(dataset: Dataset) -> None:
    """Swap the tables of a big endian object, which pydicom takes for little endian ones."""
    if dataset.original_encoding[1] is not False:
        return
    for colour in ("Red", "Green", "Blue"):
        keyword = f"{colour}PaletteColorLookupTableData"
        if keyword in dataset and dataset[keyword].VR == "OW":
            dataset[keyword].value = np.frombuffer(dataset[keyword].value, dtype=">u2").astype("<u2").tobytes()


def _narrowed(colours: Samples) -> Samples:
    """Judge by the whole table, not by the colours one frame happens to use."""
    if colours.dtype.itemsize == 1:
        return colours
    high, low = colours >> 8, colours & 0xFF
    if not high.any():
        return low.astype(np.uint8)
    is_eight_bit = not low.any() or bool((low == high).all())
    return high.astype(np.uint8) if is_eight_bit else colours
