"""The shear of a stack: slices that are shifted against each other, as a tilted gantry leaves them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.core.geometry import SHEAR_TOLERANCE
from hounsfield.image.stack import Stack

DRIFT_PIXELS = 0.05
"""Sideways drift over a whole stack that no grid can show."""

Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shear:
    """How far each slice of a stack lies beside the one before it, from the positions of its slices.

    Attributes:
        slice_mm: mean distance between slices along their normal.
        row_mm: shift a slice in the direction of rising rows.
        column_mm: shift a slice in the direction of rising columns.
        declared_degrees: Gantry/Detector Tilt (0018,1120) of the header, 0 where it declares none.
    """

    slice_mm: float
    row_mm: float
    column_mm: float
    declared_degrees: float = 0.0

    @property
    def angle_degrees(self) -> float:
        """Angle between the normal of the slices and the way from slice to slice, 0 or more."""
        return float(np.degrees(np.arctan2(np.hypot(self.row_mm, self.column_mm), abs(self.slice_mm))))

    def facts(self) -> dict[str, object]:
        """Return the measures as evidence of an issue, rounded to what positions in DICOM text are worth."""
        return {
            "angle_degrees": round(self.angle_degrees, 2),
            "row_mm": round(self.row_mm, 4),
            "column_mm": round(self.column_mm, 4),
            "declared_degrees": round(self.declared_degrees, 2),
        }


def measure_shear(stack: Stack) -> Shear | None:
    """Return the shear of a stack of parallel slices, None where no grid would show it.

    The way from the first slice to the last one is split along the normal and the two axes of a slice
    (PS3.3 C.7.6.2.1.1); a drift below ``DRIFT_PIXELS`` over the whole stack, or an angle within ``SHEAR_TOLERANCE``, is
    rounding.
    """
    heights, rows, columns = slice_offsets_mm(stack)
    steps = len(stack.frames) - 1
    if steps < 1 or heights[-1] <= 0:
        return None
    head = stack.frames[0]
    pixel_mm = min(head.place.spacing_mm or (head.place.aspect, 1.0))
    sideways = float(np.hypot(rows[-1], columns[-1]))
    if sideways <= DRIFT_PIXELS * pixel_mm or sideways / float(np.hypot(sideways, heights[-1])) <= SHEAR_TOLERANCE:
        return None
    step, row, column = (float(way[-1]) / steps for way in (heights, rows, columns))
    return Shear(step, row, column, head.facts.tilt_degrees)


def slice_offsets_mm(stack: Stack) -> tuple[Points, Points, Points]:
    """Return where the first pixel of each slice lies from that of the first slice: along normal, rows, columns."""
    place = stack.frames[0].place
    cosines = np.asarray(place.cosines, dtype=np.float64)
    positions = np.asarray([frame.place.position_mm for frame in stack.frames], dtype=np.float64)
    ways = positions - positions[0]
    # Cosines of a header are rounded to six decimals; without this a component of the normal leaks into the plane.
    normal = place.normal
    along_columns = cosines[:3] / np.linalg.norm(cosines[:3])
    return ways @ normal, ways @ np.cross(normal, along_columns), ways @ along_columns
