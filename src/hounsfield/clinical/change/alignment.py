"""Alignment: where a point of a later examination lies in an earlier one, and back."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from hounsfield.core.geometry import VolumeGeometry

Points = npt.NDArray[np.float64]
Matrix = tuple[tuple[float, float, float, float], ...]

INVERSE_STEPS = 50
INVERSE_TOLERANCE_MM = 1e-3


@dataclass(frozen=True)
class Displacements:
    """What a deformation adds to a rigid motion: linear between the nodes of a grid, constant beyond its borders.

    Attributes:
        geometry: the grid, coarse, in the later patient frame.
        vectors_mm: (slice, row, column, 3) x, y, z in the earlier patient frame, float32.
    """

    geometry: VolumeGeometry
    vectors_mm: npt.NDArray[np.float32]

    def at(self, points_mm: Points) -> Points:
        """Return the displacements (n, 3) at points (n, 3) of the later frame."""
        index = self.geometry.to_index(points_mm).T
        parts = [map_coordinates(self.vectors_mm[..., axis], index, order=1, mode="nearest") for axis in range(3)]
        return np.stack(parts, axis=1).astype(np.float64)


@dataclass(frozen=True)
class Alignment:
    """A transform between two examinations of one patient.

    Attributes:
        matrix: 4 rows of the rigid motion that takes (x, y, z, 1) of the later patient frame to the earlier one.
        displacements: what a deformation adds to it; None for a rigid alignment.
    """

    matrix: Matrix
    displacements: Displacements | None = None

    @property
    def is_deformable(self) -> bool:
        """Whether it bends."""
        return self.displacements is not None

    @property
    def rotation_degrees(self) -> float:
        """Angle of the rigid motion about its axis."""
        trace = float(np.trace(np.asarray(self.matrix)[:3, :3]))
        return float(np.degrees(np.arccos(np.clip((trace - 1) / 2, -1.0, 1.0))))

    def shift_mm(self, point_mm: npt.ArrayLike) -> float:
        """Return how far a point of the later frame is moved."""
        point = np.atleast_2d(np.asarray(point_mm, np.float64))
        return float(np.linalg.norm(self.to_earlier(point) - point))

    def rigid(self) -> "Alignment":
        """Return the rigid motion alone."""
        return Alignment(self.matrix)

    def to_earlier(self, points_mm: Points) -> Points:
        """Take (n, 3) points of the later patient frame to the earlier one."""
        matrix = np.asarray(self.matrix)
        moved = np.asarray(points_mm @ matrix[:3, :3].T + matrix[:3, 3], np.float64)
        return moved if self.displacements is None else moved + self.displacements.at(points_mm)

    def to_later(self, points_mm: Points) -> Points:
        """Take (n, 3) points of the earlier patient frame to the later one.

        The inverse of a deformation is found by fixed-point steps (Chen, Med Phys 2008;35:81), which converge where it
        does not fold.
        """
        matrix = np.asarray(self.matrix)
        back = np.linalg.inv(matrix[:3, :3])
        found = np.asarray((points_mm - matrix[:3, 3]) @ back.T)
        if self.displacements is None:
            return found
        for _ in range(INVERSE_STEPS):
            wrong = points_mm - self.to_earlier(found)
            found = found + wrong @ back.T
            if float(np.abs(wrong).max(initial=0.0)) < INVERSE_TOLERANCE_MM:
                break
        return found

    def jacobian(self) -> npt.NDArray[np.float64]:
        """Return the local change of volume (later to earlier) at the nodes of the grid; one 1.0 for a rigid motion.

        Values at or below 0 are folds: places where the transform turns tissue inside out.
        """
        if self.displacements is None:
            return np.ones((1, 1, 1))
        geometry = self.displacements.geometry
        to_index = geometry.patient_to_index[:3, :3]
        steps = np.stack(
            [np.gradient(self.displacements.vectors_mm.astype(np.float64), axis=axis) for axis in range(3)], -1
        )
        local = np.asarray(self.matrix)[:3, :3] + steps @ to_index
        return np.asarray(np.linalg.det(local))


IDENTITY = Alignment(((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0)))


def rigid_alignment(rotation: npt.ArrayLike, offset_mm: npt.ArrayLike) -> Alignment:
    """Return a rigid alignment from a 3 x 3 rotation and an offset, later to earlier."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = offset_mm
    first, second, third, last = ((float(a), float(b), float(c), float(d)) for a, b, c, d in matrix)
    return Alignment((first, second, third, last))
