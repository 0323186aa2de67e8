"""Small segmentation data sets with known content."""

from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image

from tests.cases.examples import picture


def disc(side: int = 48, value: int = 1, at: tuple[float, float] = (20.0, 28.0), radius: float = 9.0) -> np.ndarray:
    """Return a disc of a value on background 0, (side, side) uint8."""
    rows, columns = np.mgrid[:side, :side]
    return np.where((rows - at[0]) ** 2 + (columns - at[1]) ** 2 <= radius**2, value, 0).astype(np.uint8)


def grains(count: int, side: int = 64) -> np.ndarray:
    """Return a map of ``count`` numbered squares of 4 x 4 that do not touch, (side, side) uint16."""
    array = np.zeros((side, side), dtype=np.uint16)
    for number in range(count):
        row, column = divmod(number, side // 8)
        array[8 * row + 2 : 8 * row + 6, 8 * column + 2 : 8 * column + 6] = number + 1
    return array


def save(path: Path, array: np.ndarray) -> Path:
    """Write a picture, a NIfTI volume (slice, row, column) of 1 x 2 x 3 mm, or its picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith((".nii", ".nii.gz")):
        nib.save(nib.Nifti1Image(array.transpose(2, 1, 0), np.diag([1.0, 2.0, 3.0, 1.0])), path)
    else:
        Image.fromarray(array).save(path)
    return path


def picture_pairs(root: Path, count: int, value: int = 255, masks: str = "labels") -> Path:
    """Write ``images/`` and masks of discs, every picture with its own seed."""
    for number in range(count):
        save(root / "images" / f"case{number:02d}.png", picture(number))
        save(root / masks / f"case{number:02d}.png", disc(value=value, radius=5.0 + number % 7))
    return root


def solid(shape: tuple[int, int, int] = (6, 20, 24), value: int = 1) -> np.ndarray:
    """Return a box of a value on background 0."""
    array = np.zeros(shape, dtype=np.uint8)
    array[1:4, 5:15, 6:16] = value
    return array


def noise(seed: int, shape: tuple[int, int, int] = (6, 20, 24)) -> np.ndarray:
    """Return a random volume of int16."""
    return np.random.default_rng(seed).integers(-200, 900, shape, dtype=np.int16)
