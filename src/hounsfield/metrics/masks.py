"""Two masks of the same grid, looked at once: what every overlap and every distance between them is read from."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import in_threads, spans
from hounsfield.errors import SettingsError

Mask = npt.NDArray[np.bool_] | npt.NDArray[np.uint8]
"""(slice, row, column) or (row, column); every value other than 0 is in the mask."""

_WORD = 8


@dataclass(frozen=True)
class MaskPair:
    """Two masks of one grid and the numbers of their voxels.

    Attributes:
        first_voxels: voxels of the first mask.
        second_voxels: voxels of the second mask.
        common_voxels: voxels of both.
        is_planar: True where the masks are (row, column), so that there is no neighbour in another slice.
        first_words: (slice, row, word) first mask, eight voxels a word; it may be a view of the mask given.
        second_words: the same of the second mask.
        first_extents: (slice, row, 2) first word that is not empty and the one after the last, of each row.
        second_extents: the same of the second mask.
    """

    first_voxels: int
    second_voxels: int
    common_voxels: int
    is_planar: bool
    first_words: npt.NDArray[np.uint64] = field(repr=False)
    second_words: npt.NDArray[np.uint64] = field(repr=False)
    first_extents: npt.NDArray[np.int32] = field(repr=False)
    second_extents: npt.NDArray[np.int32] = field(repr=False)


def pair_masks(first: Mask, second: Mask, threads: int = 2) -> MaskPair:
    """Look through two masks once.

    Args:
        first: (slice, row, column) or (row, column), bool or uint8.
        second: the same shape.
        threads: threads to use.

    Raises:
        SettingsError: ``E823``, an array is no mask, or the shapes differ.

    Example:
        >>> import numpy as np
        >>> mask = np.zeros((4, 5, 6), bool)
        >>> mask[1:3, 1:3, 1:3] = True
        >>> pair_masks(mask, mask).common_voxels
        8
    """
    from hounsfield.metrics.mask_kernels import scan_pair

    words = as_words(first, "first"), as_words(second, "second")
    if first.shape != second.shape:
        raise SettingsError("E823", name="second", found=f"shape {second.shape}", expected=f"shape {first.shape}")
    shape = (*words[0].shape[:2], 2)
    extents = np.empty(shape, np.int32), np.empty(shape, np.int32)
    calls = [(*words, *extents, start, stop) for start, stop in spans(words[0].shape[0], threads)]
    counts = np.array(in_threads(scan_pair, calls, threads), np.int64)
    voxels = [int(counts[:, column].sum()) for column in range(3)]
    return MaskPair(voxels[0], voxels[1], voxels[2], first.ndim == 2, *words, *extents)


def as_words(mask: npt.NDArray[Any], name: str) -> npt.NDArray[np.uint64]:
    """Return a mask as (slice, row, word), eight voxels of 0 or 1 a word; a view of it where its layout allows.

    Raises:
        SettingsError: ``E823``, the array is no mask of two or three axes.
    """
    if mask.ndim not in (2, 3) or mask.dtype not in (np.bool_, np.uint8) or mask.size == 0:
        raise SettingsError(
            "E823",
            name=name,
            found=f"{mask.dtype} of shape {mask.shape}",
            expected="bool or uint8 of (slice, row, column) or (row, column)",
        )
    if mask.dtype == np.uint8 and int(mask.max()) > 1:
        mask = mask != 0
    samples = mask.view(np.uint8)
    samples = samples if mask.ndim == 3 else samples[np.newaxis]
    columns = samples.shape[2]
    if columns % _WORD or not samples.flags.c_contiguous or samples.ctypes.data % _WORD:
        padded = np.zeros((*samples.shape[:2], -(-columns // _WORD) * _WORD), np.uint8)
        padded[:, :, :columns] = samples
        samples = padded
    return samples.view("<u8")


def as_spacing(spacing_mm: tuple[float, ...], is_planar: bool) -> tuple[float, float, float]:
    """Return (slice, row, column) spacing; a mask of one plane is given a slice spacing of 1, which nothing uses.

    Raises:
        SettingsError: ``E823``, not one positive number for each axis.
    """
    wanted = 2 if is_planar else 3
    if len(spacing_mm) != wanted or not all(np.isfinite(value) and value > 0 for value in spacing_mm):
        raise SettingsError(
            "E823", name="spacing_mm", found=str(tuple(spacing_mm)), expected=f"{wanted} positive numbers"
        )
    padded = (1.0, *spacing_mm) if is_planar else spacing_mm
    return float(padded[0]), float(padded[1]), float(padded[2])
