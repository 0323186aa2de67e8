"""Rays: how far tissue reaches from the middle of a candidate in every direction; vessels and walls leave it open."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from hounsfield.clinical.chest_ct.grid import Flags, Floats

Row = npt.NDArray[np.float64]

COUNT = 162
"""Directions, each with its opposite."""


@dataclass(frozen=True)
class Rays:
    """Where rays from a place leave what is denser than half of its core; lengths in samples.

    Attributes:
        lengths: (direction,) to the first sample below half, or the reach of the ray.
        is_open: (direction,) whether the ray stays in tissue to its end.
        is_walled: (direction,) whether it ends where the lung ends.
        drop: (direction,) how much contrast falls over the border, as a share of the core.
    """

    lengths: Row
    is_open: Flags
    is_walled: Flags
    drop: Row

    @property
    def through(self) -> float:
        """Share of rays that are open to both sides: a vessel that runs through."""
        half = len(self.is_open) // 2
        return float((self.is_open[:half] & self.is_open[half:]).mean())


@cache
def directions(count: int = COUNT) -> Row:
    """Return unit vectors spread evenly (a Fibonacci lattice on the half sphere), then their opposites."""
    half = count // 2
    height = (np.arange(half) + 0.5) / half
    turn = np.pi * (1 + np.sqrt(5)) * np.arange(half)
    flat = np.sqrt(1 - height**2)
    found = np.stack([height, flat * np.cos(turn), flat * np.sin(turn)], axis=1)
    return np.vstack([found, -found])


def cast_rays(contrast: Floats, allowed: Flags, start: npt.ArrayLike, core: float, reach: float, edge: float) -> Rays:
    """Follow rays from a place in a cube.

    Args:
        contrast: (n, n, n) above the lung.
        allowed: where the lung is.
        start: sample coordinates of the place.
        core: contrast of its middle.
        reach: samples that a ray is followed.
        edge: samples from the border to each side between which the drop is taken.
    """
    steps = np.arange(0.5, reach, 0.5)
    places = np.asarray(start, dtype=np.float64)[:, None, None] + directions().T[:, :, None] * steps
    along = map_coordinates(contrast, places, order=1, mode="nearest")
    nearest = np.clip(np.rint(places).astype(int), 0, np.asarray(contrast.shape)[:, None, None] - 1)
    outside = ~allowed[tuple(nearest)]
    ended = (along < core / 2) | outside
    is_open = ~ended.any(axis=1)
    first = np.where(is_open, len(steps) - 1, ended.argmax(axis=1))
    rows, shift = np.arange(len(first)), round(2 * edge)
    inner = along[rows, np.maximum(first - shift, 0)]
    outer = along[rows, np.minimum(first + shift, len(steps) - 1)]
    return Rays(steps[first], is_open, outside[rows, first] & ~is_open, (inner - outer).astype(np.float64) / core)
