"""Motion: a step between neighbouring slices, and ghosts along the phase-encoding direction."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from hounsfield.core.volume import Volume

SIDE = 128
LEAST_SLICES = 5
LEAST_GAIN = 0.35
"""A shift counts when it takes this share of the difference between two slices away."""
BORDER = 0.06

Image = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SliceStep:
    """The largest sideways step between two neighbouring slices.

    Attributes:
        shift_mm: its length.
        slice_number: the slice before it, from 1.
    """

    shift_mm: float
    slice_number: int


def largest_step(volume: Volume) -> SliceStep | None:
    """Return the largest step between neighbouring slices that a shift explains; None for short or flat stacks.

    Neighbours are registered by phase correlation on every n-th pixel. Anatomy that changes between two slices gives
    shifts as well; so a shift only counts when it takes a good part of their difference away.
    """
    count, rows, columns = volume.geometry.shape
    step = max(1, int(np.ceil(max(rows, columns) / SIDE)))
    if count < LEAST_SLICES or min(rows, columns) // step < 16:
        return None
    spacing = np.asarray(volume.geometry.spacing_mm[1:]) * step
    best = SliceStep(0.0, 1)
    before = _prepared(volume, 0, step)
    for index in range(1, count):
        after = _prepared(volume, index, step)
        shift = _explained_shift(before, after)
        length = float(np.hypot(*(np.asarray(shift) * spacing)))
        if length > best.shift_mm:
            best = SliceStep(length, index)
        before = after
    return best


def _prepared(volume: Volume, index: int, step: int) -> Image:
    array = volume.array[..., index, :, :]
    image: Image = (array[0] if volume.is_colour else array)[::step, ::step].astype(np.float32)
    low, high = np.percentile(image, (2, 98))
    image = np.clip(image, low, high)
    return np.asarray((image - low) / max(high - low, 1e-6), dtype=np.float32)


def _explained_shift(before: Image, after: Image) -> tuple[int, int]:
    """Return (rows, columns) that ``after`` is moved by, zeros where moving it back explains little."""
    plain = _distance(before, after, (0, 0))
    if plain < 0.01:
        return 0, 0
    surface = _correlation(before, after)
    peak = np.unravel_index(int(surface.argmax()), surface.shape)
    whole = [int(place) - (size if place > size // 2 else 0) for place, size in zip(peak, surface.shape, strict=True)]
    if max(abs(whole[0]) / before.shape[0], abs(whole[1]) / before.shape[1]) > 0.25:
        return 0, 0
    if _distance(before, after, (whole[0], whole[1])) > (1 - LEAST_GAIN) * plain:
        return 0, 0
    # The window pulls the peak towards no shift; the difference itself, looked at around the peak, is not drawn to it.
    around = [(whole[0] + down, whole[1] + right) for down in range(-2, 3) for right in range(-2, 3)]
    return min(around, key=lambda shift: _distance(before, after, shift))


def _correlation(before: Image, after: Image) -> Image:
    window = np.outer(np.hanning(before.shape[0]), np.hanning(before.shape[1])).astype(np.float32)
    one, other = (fft.rfft2((image - image.mean()) * window) for image in (before, after))
    cross = other * np.conj(one)
    cross /= np.sqrt(np.abs(cross)) + 1e-9  # half whitened: between plain and phase correlation, calmer with noise
    return np.asarray(fft.irfft2(cross, before.shape), dtype=np.float32)


def _distance(before: Image, after: Image, shift: tuple[int, int]) -> float:
    """Return the mean difference where both slices, one moved back, show something."""
    rows, columns = before.shape
    down, right = shift
    one = before[max(0, -down) : rows - max(0, down), max(0, -right) : columns - max(0, right)]
    other = after[max(0, down) : rows - max(0, -down), max(0, right) : columns - max(0, -right)]
    return float(np.abs(one - other).mean())


def ghost_percent(image: Image, is_along_rows: bool) -> float | None:
    """Return how much brighter the background is along the phase-encoding direction than across it, in percent.

    The percent-signal ghosting of the ACR MRI phantom test: (strips along phase - strips across) / (2 x signal); its
    limit there is 2.5 %.

    Args:
        image: a magnitude image.
        is_along_rows: whether ghosts repeat along the column index (In-plane Phase Encoding Direction ROW).

    Returns:
        None where the object leaves no background on all sides.
    """
    bright = image > 0.15 * float(np.percentile(image, 99))
    depth = [max(3, round(BORDER * size)) for size in image.shape]
    sides = (bright[: depth[0]], bright[-depth[0] :], bright[:, : depth[1]], bright[:, -depth[1] :])
    if max(float(side.mean()) for side in sides) > 0.02 or not bright.any():
        return None
    body_rows, body_columns = (np.flatnonzero(bright.any(axis=axis)) for axis in (1, 0))
    inner_rows = slice(int(body_rows[0]), int(body_rows[-1]) + 1)
    inner_columns = slice(int(body_columns[0]), int(body_columns[-1]) + 1)
    across_columns = _mean(image[inner_rows, : depth[1]], image[inner_rows, -depth[1] :])
    across_rows = _mean(image[: depth[0], inner_columns], image[-depth[0] :, inner_columns])
    signal = float(image[bright].mean())
    along, across = (across_columns, across_rows) if is_along_rows else (across_rows, across_columns)
    if across <= 0 and along <= 0:
        return None
    return max(0.0, 100 * (along - across) / (2 * signal))


def _mean(one: Image, other: Image) -> float:
    return float((one.mean() + other.mean()) / 2)
