"""Grids in the patient and shapes on them, both as formulas."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from hounsfield.core.geometry import Rows, Triple, VolumeGeometry
from hounsfield.core.identifiers import derived_uid

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Pose:
    """How a stack of slices lies in the patient.

    Attributes:
        plane: ``axial``, ``coronal`` or ``sagittal``.
        turn_degrees: rotation about x, y and z, in this order, that makes the stack oblique.
        center_mm: patient point in the middle of the grid.
    """

    plane: str = "axial"
    turn_degrees: Triple = (0.0, 0.0, 0.0)
    center_mm: Triple = (0.0, 0.0, 0.0)


_PLANES: dict[str, tuple[Triple, Triple]] = {
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
}
"""Direction of a row and of a column of each plane, as pictures are hung."""


def pose_geometry(shape: tuple[int, int, int], spacing_mm: Triple, pose: Pose = Pose()) -> VolumeGeometry:
    """Return the grid of a shape and spacing (slice, row, column) centred on a patient point.

    Raises:
        KeyError: the plane is none of the three.
    """
    turn = _rotation(pose.turn_degrees)
    along_row, along_column = (turn @ np.asarray(axis) for axis in _PLANES[pose.plane])
    matrix = np.stack([np.cross(along_row, along_column), along_column, along_row], axis=1)
    half = (np.asarray(shape, dtype=np.float64) - 1) / 2 * np.asarray(spacing_mm)
    origin = np.asarray(pose.center_mm) - matrix @ half
    rows: Rows = (_triple(matrix[0]), _triple(matrix[1]), _triple(matrix[2]))
    frame = derived_uid("phantom frame of reference", str(pose))
    return VolumeGeometry(shape, spacing_mm, _triple(origin), rows, frame)


def patient_points(geometry: VolumeGeometry) -> Floats:
    """Return the patient coordinates of every voxel: (x y z, slice, row, column)."""
    affine = geometry.index_to_patient
    grids = np.meshgrid(*(np.arange(length, dtype=np.float64) for length in geometry.shape), indexing="ij")
    return np.asarray(np.tensordot(affine[:3, :3], np.stack(grids), axes=1) + affine[:3, 3].reshape(3, 1, 1, 1))


def in_ellipsoid(points: Floats, center_mm: Triple, radii_mm: Triple) -> Flags:
    """Tell which points lie in an ellipsoid along the patient axes."""
    return ellipsoid_level(points, center_mm, radii_mm) <= 1.0


def ellipsoid_level(points: Floats, center_mm: Triple, radii_mm: Triple) -> Floats:
    """Return the squared distance from the centre in units of the radii: 1 on the surface."""
    level = np.zeros(points.shape[1:])
    for axis in range(3):
        level += ((points[axis] - center_mm[axis]) / radii_mm[axis]) ** 2
    return level


def smooth_noise(shape: tuple[int, ...], width: float | tuple[float, ...], seed: int) -> Floats:
    """Return seeded Gaussian noise of a correlation width in samples, with standard deviation 1."""
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), width, mode="nearest")
    return np.asarray(noise / max(float(noise.std()), 1e-12))


def ball_ml(radius_mm: float) -> float:
    """Return the volume of a ball."""
    return 4.0 / 3.0 * np.pi * radius_mm**3 / 1000.0


def _rotation(degrees: Triple) -> Floats:
    x, y, z = np.radians(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x, dtype=np.float64)


def _triple(values: Floats) -> Triple:
    return float(values[0]), float(values[1]), float(values[2])
