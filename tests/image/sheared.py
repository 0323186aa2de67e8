"""Stacks with known faults: sheared, with gaps, uneven; each sample is a formula of its place in the patient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.image.phantoms import BodyPhantom, write_ct
from tests.image.helpers import change

Formula = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Blob:
    """A smooth ball of tissue in air: centre (x, y, z) and width of a Gaussian, height over air in HU."""

    center_mm: tuple[float, float, float]
    width_mm: float = 9.0
    height_hu: float = 2000.0

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return HU at points (..., 3)."""
        squares = ((points - np.asarray(self.center_mm)) ** 2).sum(axis=-1)
        return -1000.0 + self.height_hu * np.exp(-squares / (2 * self.width_mm**2))

    @property
    def mass(self) -> float:
        """Integral of HU over air over all space, HU mm3."""
        return float(self.height_hu * (2 * np.pi) ** 1.5 * self.width_mm**3)


def slice_points(geometry: VolumeGeometry, positions: Sequence[np.ndarray]) -> np.ndarray:
    """Return the patient points (slice, row, column, 3) of slices whose first pixels lie at some positions."""
    matrix = np.asarray(geometry.direction)
    rows = np.arange(geometry.shape[1])[:, None, None] * geometry.row_spacing_mm * matrix[:, 1]
    columns = np.arange(geometry.shape[2])[None, :, None] * geometry.column_spacing_mm * matrix[:, 2]
    return np.stack([np.asarray(position) + rows + columns for position in positions])


def write_stack(
    folder: Path, geometry: VolumeGeometry, positions: Sequence[np.ndarray], formula: Formula, tilt: float | None = None
) -> list[Path]:
    """Write a CT series with slices at any positions, each sample the rounded formula at its place."""
    values = np.rint(formula(slice_points(geometry, positions)))
    paths = write_ct(folder, BodyPhantom(geometry), samples=np.zeros(geometry.shape, dtype=np.int16))
    for index, path in enumerate(paths):

        def edit(dataset: Dataset, index: int = index) -> None:
            dataset.ImagePositionPatient = [f"{value:.6f}" for value in positions[index]]
            dataset.PixelData = (values[index] + 1024).clip(0, 4095).astype("<u2").tobytes()
            dataset.InstanceNumber = index + 1
            if tilt is not None:
                dataset.GantryDetectorTilt = f"{tilt:g}"

        change(path, edit)
    return list(paths)


def sheared(geometry: VolumeGeometry, row_mm: float, column_mm: float) -> list[np.ndarray]:
    """Return positions of slices that are shifted by some millimetres from each to the next, middle one unmoved."""
    matrix = np.asarray(geometry.direction)
    middle = (geometry.shape[0] - 1) / 2
    return [
        geometry.to_patient([[index, 0, 0]])[0] + (index - middle) * (row_mm * matrix[:, 1] + column_mm * matrix[:, 2])
        for index in range(geometry.shape[0])
    ]
