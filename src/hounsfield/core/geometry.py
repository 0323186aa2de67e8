"""Where a voxel lies in the patient: the only place with an affine.

World frame: the DICOM patient system, LPS (+x left, +y posterior, +z head), millimetres, float64. Index order is
``(slice, row, column)`` everywhere. The affine follows PS3.3 C.7.6.2.1.1, with the slice step taken from the positions.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hounsfield.errors import InconsistentSeries

Affine = npt.NDArray[np.float64]
Triple = tuple[float, float, float]
Rows = tuple[Triple, Triple, Triple]

SHEAR_TOLERANCE = 1e-3
"""Largest cosine between two axes that still counts as a right angle."""

_IDENTITY: Rows = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))


class Calibration(StrEnum):
    """What a millimetre of this geometry is worth for measuring."""

    PATIENT = "patient"
    DETECTOR = "detector"
    NONE = "none"


@dataclass(frozen=True)
class VolumeGeometry:
    """A regular grid in the patient.

    Attributes:
        shape: numbers of slices, rows and columns.
        spacing_mm: distances between slices, between rows and between columns, in the order of ``shape``.
        origin_mm: centre of voxel (0, 0, 0), x, y, z in LPS.
        direction: three rows x, y, z; the columns are the unit vectors of rising slice, row and column index.
        frame_of_reference_uid: the frame the positions are given in, or None.
        calibration: whether lengths are true in the patient, at the detector only, or unknown.

    Raises:
        InconsistentSeries: ``E310`` for a singular grid, ``E311`` for a sheared one.
    """

    shape: tuple[int, int, int]
    spacing_mm: Triple = (1.0, 1.0, 1.0)
    origin_mm: Triple = (0.0, 0.0, 0.0)
    direction: Rows = field(default=_IDENTITY)
    frame_of_reference_uid: str | None = None
    calibration: Calibration = Calibration.PATIENT

    def __post_init__(self) -> None:
        """Refuse grids that no rigid box can have."""
        matrix = np.asarray(self.direction, dtype=np.float64)
        spacing = np.asarray(self.spacing_mm, dtype=np.float64)
        finite = np.isfinite(matrix).all() and np.isfinite(spacing).all() and np.isfinite(self.origin_mm).all()
        if min(self.shape) < 1 or not finite or (spacing <= 0).any():
            raise InconsistentSeries("E310", shape=self.shape, spacing_mm=self.spacing_mm)
        gram = matrix.T @ matrix
        if np.abs(np.diag(gram) - 1).max() > SHEAR_TOLERANCE:
            raise InconsistentSeries("E310", shape=self.shape, spacing_mm=self.spacing_mm)
        cosine = float(np.abs(gram - np.diag(np.diag(gram))).max())
        if cosine > SHEAR_TOLERANCE:
            raise InconsistentSeries("E311", angle_degrees=round(float(np.degrees(np.arcsin(min(cosine, 1.0)))), 2))

    @property
    def slice_spacing_mm(self) -> float:
        """Distance between neighbouring slices."""
        return self.spacing_mm[0]

    @property
    def row_spacing_mm(self) -> float:
        """Distance between neighbouring rows (the first value of DICOM Pixel Spacing)."""
        return self.spacing_mm[1]

    @property
    def column_spacing_mm(self) -> float:
        """Distance between neighbouring columns (the second value of DICOM Pixel Spacing)."""
        return self.spacing_mm[2]

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel."""
        return self.spacing_mm[0] * self.spacing_mm[1] * self.spacing_mm[2]

    @cached_property
    def index_to_patient(self) -> Affine:
        """4 x 4 matrix that takes (slice, row, column, 1) to (x, y, z, 1) in LPS millimetres."""
        affine = np.eye(4)
        affine[:3, :3] = np.asarray(self.direction) * np.asarray(self.spacing_mm)
        affine[:3, 3] = self.origin_mm
        return affine

    @cached_property
    def patient_to_index(self) -> Affine:
        """The inverse of ``index_to_patient``."""
        return np.asarray(np.linalg.inv(self.index_to_patient), dtype=np.float64)

    def to_patient(self, indices: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Take points (n, 3) of slice, row, column indices to (n, 3) x, y, z in LPS millimetres."""
        points = np.atleast_2d(np.asarray(indices, dtype=np.float64))
        return points @ self.index_to_patient[:3, :3].T + self.index_to_patient[:3, 3]

    def to_index(self, points_mm: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Take points (n, 3) x, y, z in LPS millimetres to (n, 3) fractional slice, row, column indices."""
        points = np.atleast_2d(np.asarray(points_mm, dtype=np.float64))
        return points @ self.patient_to_index[:3, :3].T + self.patient_to_index[:3, 3]

    def cropped(self, start: tuple[int, int, int], shape: tuple[int, int, int]) -> "VolumeGeometry":
        """Return the geometry of a box of this grid; a negative start or a larger shape means padding."""
        origin = self.to_patient([start])[0]
        return replace(self, shape=shape, origin_mm=_triple(origin))

    def resized(self, shape: tuple[int, int, int]) -> "VolumeGeometry":
        """Return the geometry of the same box cut into another number of voxels (outer faces stay in place)."""
        factors = np.asarray(self.shape, dtype=np.float64) / np.asarray(shape, dtype=np.float64)
        spacing = np.asarray(self.spacing_mm) * factors
        origin = self.to_patient([(factors - 1) / 2])[0]
        return replace(self, shape=shape, spacing_mm=_triple(spacing), origin_mm=_triple(origin))


def geometry_from_affine(
    affine: npt.ArrayLike,
    shape: tuple[int, int, int],
    frame_of_reference_uid: str | None = None,
    calibration: Calibration = Calibration.PATIENT,
) -> VolumeGeometry:
    """Return the geometry of a 4 x 4 matrix from (slice, row, column, 1) to LPS millimetres.

    Raises:
        InconsistentSeries: ``E310`` for a singular matrix, ``E311`` for a sheared one.
    """
    matrix = np.asarray(affine, dtype=np.float64)
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    if not np.isfinite(matrix).all() or (spacing <= 0).any():
        raise InconsistentSeries("E310", shape=shape, spacing_mm=tuple(spacing))
    unit = matrix[:3, :3] / spacing
    rows: Rows = (_triple(unit[0]), _triple(unit[1]), _triple(unit[2]))
    return VolumeGeometry(shape, _triple(spacing), _triple(matrix[:3, 3]), rows, frame_of_reference_uid, calibration)


def _triple(values: npt.NDArray[np.float64]) -> Triple:
    return (float(values[0]), float(values[1]), float(values[2]))
