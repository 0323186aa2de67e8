"""Regions with known features: the digital phantom of the IBSI manual, balls, boxes and noise."""

import numpy as np
import numpy.typing as npt

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Mask, Volume

DIGITAL = """
14411 14611 41641 44641
14411 11611 .1311 44611
144.. 11111 11.11 11611
144.. 11111 11111 11611
"""
"""One line a slice, one word a row; a dot is outside the mask. It holds 1, in the third slice 9."""


def volume_and_mask(
    samples: npt.ArrayLike,
    inside: npt.ArrayLike,
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    quantity: Quantity = Quantity.ARBITRARY,
) -> tuple[Volume, Mask]:
    array = np.asarray(samples)
    geometry = VolumeGeometry(shape=array.shape, spacing_mm=spacing_mm)
    return Volume(array, geometry, quantity), Mask(np.asarray(inside).astype(np.uint8), geometry, {})


def digital_phantom() -> tuple[Volume, Mask]:
    rows = [[list(row) for row in line.split()] for line in DIGITAL.split("\n") if line]
    letters = np.array(rows)
    inside = letters != "."
    samples = np.where(inside, letters, "1").astype(np.int16)
    samples[2, 2, 2] = 9
    return volume_and_mask(samples, inside, (2.0, 2.0, 2.0))


def ball(radius_mm: float, spacing_mm: tuple[float, float, float]) -> npt.NDArray[np.bool_]:
    sides = [2 * (int(radius_mm / step) + 2) + 1 for step in spacing_mm]
    axes = [(np.arange(side) - side // 2) * step for side, step in zip(sides, spacing_mm, strict=True)]
    return axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2 <= radius_mm**2


def noise_region(seed: int, shape: tuple[int, int, int] = (6, 7, 8), levels: int = 4) -> npt.NDArray[np.int32]:
    """Levels with holes: 0 is outside."""
    chance = np.random.default_rng(seed)
    return (chance.integers(1, levels + 1, shape) * (chance.random(shape) < 0.8)).astype(np.int32)
