"""Measure an outlined region: its share of the image, and its area where millimetres are true in the patient."""

import numpy as np
import numpy.typing as npt

from hounsfield.core.codes import PRIVATE_SCHEME, CodedConcept, concept
from hounsfield.core.finding import Measurement, Region
from hounsfield.core.geometry import Calibration
from hounsfield.core.quantities import PERCENT, SQUARE_MILLIMETRE
from hounsfield.core.volume import Volume

Polygon = npt.NDArray[np.float64]

ATTENDED_SIZE = CodedConcept("ATTENDED_SIZE", PRIVATE_SCHEME, "Area the model attended to", "模型关注区域面积")
"""Not the standard's *Area*: beside a finding that would read as the size of the lesion, which nobody measured."""


def polygon_area(polygon: Polygon) -> float:
    """Return the area of a closed outline (n, 2), first point repeated or not, by the shoelace formula."""
    x, y = polygon[:, 0], polygon[:, 1]
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def region_area(polygons: tuple[Polygon, ...]) -> float:
    """Return the area that outlines enclose together in square pixels; an outline within another cuts a hole.

    Outlines of a level set never cross each other, so one point tells whether an outline lies in another.
    """
    total = 0.0
    for index, polygon in enumerate(polygons):
        depth = sum(_is_inside(polygon[0], other) for place, other in enumerate(polygons) if place != index)
        total += -polygon_area(polygon) if depth % 2 else polygon_area(polygon)
    return total


def measure_region(region: Region, source: Volume) -> tuple[Measurement, ...]:
    """Measure what the model attended to.

    Args:
        region: outlines on a frame of ``source``.
        source: the image as it came, not the one on the grid of the model.

    Returns:
        The share of the image in percent, and the area in mm2 only where the calibration holds in the patient: on a
        radiograph a millimetre of the detector is none of the patient.

    Raises:
        EnhancedPixels: ``E460``, the image was changed to be looked at.
    """
    source.require_measurable()
    geometry = source.geometry
    area = region_area(region.polygons)
    _, rows, columns = geometry.shape
    share = Measurement(concept("attended-area"), 100.0 * area / (rows * columns), PERCENT)
    if geometry.calibration is not Calibration.PATIENT:
        return (share,)
    area_mm2 = area * geometry.row_spacing_mm * geometry.column_spacing_mm
    return (share, Measurement(ATTENDED_SIZE, area_mm2, SQUARE_MILLIMETRE))


def _is_inside(point: npt.NDArray[np.float64], polygon: Polygon) -> bool:
    """Even-odd rule: count the edges that a ray from the point to the right crosses."""
    x, y = polygon[:, 0], polygon[:, 1]
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    crosses = (y > point[1]) != (next_y > point[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        at = x + (point[1] - y) * (next_x - x) / (next_y - y)
    return bool(np.count_nonzero(crosses & (point[0] < at)) % 2)
