"""Drawn left ventricles of known volume, wall and motion: half ellipsoids cut at the base, beside a right ventricle."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hounsfield.clinical.heart.chambers import LEFT, MUSCLE, RIGHT, Chambers
from hounsfield.core.geometry import VolumeGeometry

SAMPLES = 3
"""Places along each axis of a voxel that are asked whether they lie inside, where labels are drawn."""


@dataclass(frozen=True)
class DrawnHeart:
    """A ventricle whose cavity is half an ellipsoid: 2/3 pi a^2 h.

    Attributes:
        radius_mm: of the cavity at the base.
        height_mm: of the cavity, base to apex.
        wall_mm: thickness in the plane of the base.
        septum_degrees: direction of the right ventricle on the slice, from the columns towards the rows.
        spacing_mm: slice, row, column.
        sides_mm: rows and columns.
        shift_mm: place of the axis off the middle, in the plane.
    """

    radius_mm: float = 25.0
    height_mm: float = 80.0
    wall_mm: float = 9.0
    septum_degrees: float = 180.0
    spacing_mm: tuple[float, float, float] = (8.0, 1.5, 1.5)
    sides_mm: float = 130.0
    shift_mm: tuple[float, float] = (0.7, -0.4)

    @property
    def cavity_ml(self) -> float:
        """Volume of the cavity."""
        return 2 / 3 * np.pi * self.radius_mm**2 * self.height_mm / 1000.0

    @property
    def muscle_ml(self) -> float:
        """Volume of the muscle: the outer half ellipsoid, as much higher as it is wider, without the cavity."""
        outer = 2 / 3 * np.pi * (self.radius_mm + self.wall_mm) ** 2 * (self.height_mm + self.wall_mm) / 1000.0
        return outer - self.cavity_ml

    def ejected(self, fraction: float, wall_mm: float) -> "DrawnHeart":
        """Return the heart after a beat that moved the wall inwards, at the same height."""
        return replace(self, radius_mm=self.radius_mm * np.sqrt(1 - fraction), wall_mm=wall_mm)

    def labels(self) -> npt.NDArray[np.uint8]:
        """Return the labels: each voxel has what most of its places are in."""
        slices = int(np.ceil((self.height_mm + 20.0) / self.spacing_mm[0])) + 1
        rows, columns = (round(self.sides_mm / step) for step in self.spacing_mm[1:])
        offsets = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
        z = (np.arange(slices)[:, None] - 0.5 + offsets).ravel() * self.spacing_mm[0]
        if self.spacing_mm[1] <= 2.5:
            offsets = np.zeros(1)  # small voxels need no more than their middle
        y = (np.arange(rows)[:, None] - (rows - 1) / 2 + offsets).ravel() * self.spacing_mm[1] - self.shift_mm[0]
        x = (np.arange(columns)[:, None] - (columns - 1) / 2 + offsets).ravel() * self.spacing_mm[2] - self.shift_mm[1]
        counts = np.zeros((4, slices, rows, columns))
        for place, height in enumerate(z):
            inside = self._plane(float(height), y[:, None], x[None, :])
            for label in range(4):
                tiles = (inside == label).reshape(rows, len(offsets), columns, len(offsets))
                counts[label, place // SAMPLES] += tiles.sum(axis=(1, 3))
        return np.asarray(counts.argmax(axis=0), dtype=np.uint8)

    def _plane(self, z: float, y: npt.NDArray[np.float64], x: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
        labels = np.zeros((len(y), x.shape[1]), dtype=np.uint8)
        if z < 0:
            return labels
        outer_height, outer = self.height_mm + self.wall_mm, self.radius_mm + self.wall_mm
        reach = np.hypot(y, x)
        angle = np.radians(self.septum_degrees)
        along = y * np.sin(angle) + x * np.cos(angle)
        across = -y * np.cos(angle) + x * np.sin(angle)
        if z < 0.8 * outer_height:
            labels[((along - outer) / 20.0) ** 2 + (across / (0.85 * outer)) ** 2 <= 1] = RIGHT
        if z < outer_height:
            labels[reach <= outer * np.sqrt(1 - (z / outer_height) ** 2)] = MUSCLE
        if z < self.height_mm:
            labels[reach <= self.radius_mm * np.sqrt(1 - (z / self.height_mm) ** 2)] = LEFT
        return labels

    def chambers(self) -> Chambers:
        """Return the drawn labels as a phase."""
        labels = self.labels()
        return Chambers(labels, VolumeGeometry(labels.shape, self.spacing_mm))
