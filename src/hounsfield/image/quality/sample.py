"""A few slices that stand for a volume, so that a check costs the same for 30 slices and for 3 000."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.core.volume import Volume
from hounsfield.image.display import LUMA

Plane = npt.NDArray[np.float32]
MOST_SLICES = 12
LARGEST_SIDE = 1024
"""Of larger images the middle is looked at: shrinking would change noise and edges."""


def slice_indices(count: int, most: int = MOST_SLICES) -> tuple[int, ...]:
    """Return up to ``most`` slices, evenly over the middle 80 % of a stack: its ends are seldom typical."""
    if count <= 2:
        return tuple(range(count))
    low, high = 0.1 * (count - 1), 0.9 * (count - 1)
    return tuple(sorted({round(place) for place in np.linspace(low, high, min(most, count))}))


def plane(volume: Volume, index: int) -> Plane:
    """Return one whole slice as float32 (row, column); colour as luma."""
    array: npt.NDArray[Any] = volume.array[..., index, :, :]
    if volume.is_colour:
        return np.asarray(np.tensordot(np.asarray(LUMA, np.float32), array.astype(np.float32), axes=1), np.float32)
    return array.astype(np.float32)


def sample_planes(volume: Volume, most: int = MOST_SLICES) -> list[Plane]:
    """Return sampled slices as float32 (row, column), the middle of each where it is very large."""
    return [middle(plane(volume, index)) for index in slice_indices(volume.geometry.shape[0], most)]


def middle(image: Plane, side: int = LARGEST_SIDE) -> Plane:
    """Return the middle of an image, at most ``side`` long."""
    starts = [max(0, (length - side) // 2) for length in image.shape]
    return image[starts[0] : starts[0] + side, starts[1] : starts[1] + side]


def counted(image: Plane, padding: tuple[float, float] | None) -> npt.NDArray[np.bool_]:
    """Return which pixels show something: not padding, and neither the least nor the greatest value of the image.

    At the ends of the range samples are clipped or masked, and noise and edges are cut off with them.
    """
    kept = (image > image.min()) & (image < image.max())
    if padding is not None:
        kept &= (image < padding[0]) | (image > padding[1])
    return np.asarray(kept)
