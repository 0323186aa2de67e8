"""Measures of a lesion: axes in the plane of its slices as RECIST 1.1 asks, volume, and what its samples say."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError

from hounsfield.core.geometry import Calibration
from hounsfield.core.volume import Volume
from hounsfield.errors import ImageError
from hounsfield.explain.outline import outline

Flags = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Axes:
    """Longest diameter in a slice, and the longest extent at a right angle to it in the same slice.

    Attributes:
        long_mm: longest diameter.
        short_mm: at a right angle to it.
        slice_index: where it is longest.
        ends: (2, 2) column and row of its two ends, in pixels from the corner of the image.
    """

    long_mm: float
    short_mm: float
    slice_index: int
    ends: Points


@dataclass(frozen=True)
class LesionMeasures:
    """What was measured of a lesion.

    Attributes:
        axes: in its slices.
        volume_mm3: number of its voxels times their volume.
        mean: of its samples, in the unit of the image.
        deviation: their standard deviation.
        low: the least of them.
        high: the largest of them.
        voxels: how many there are.
        centre_mm: x, y, z of its centre in the patient.
    """

    axes: Axes
    volume_mm3: float
    mean: float
    deviation: float
    low: float
    high: float
    voxels: int
    centre_mm: tuple[float, float, float]


def measure_lesion(volume: Volume, inside: Flags) -> LesionMeasures:
    """Measure a lesion.

    Args:
        volume: the image as it came.
        inside: where it is, on the grid of the image.

    Raises:
        EnhancedPixels: ``E460``, the image was changed to be looked at.
        ImageError: ``E245`` lengths are not true in the patient, or colour; ``E242`` the mask is empty.
    """
    volume.require_measurable()
    if volume.is_colour or volume.geometry.calibration is not Calibration.PATIENT:
        raise ImageError("E245", found="colour" if volume.is_colour else volume.geometry.calibration.value)
    places = np.argwhere(inside)
    if not len(places):
        raise ImageError("E242", found="mask", expected="> 0")
    values = volume.array[inside].astype(np.float64)
    x, y, z = volume.geometry.to_patient([places.mean(axis=0)])[0]
    return LesionMeasures(
        axes=longest_axes(inside, volume.geometry.row_spacing_mm, volume.geometry.column_spacing_mm),
        volume_mm3=len(places) * volume.geometry.voxel_volume_mm3,
        mean=float(values.mean()),
        deviation=float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        low=float(values.min()),
        high=float(values.max()),
        voxels=len(places),
        centre_mm=(float(x), float(y), float(z)),
    )


def longest_axes(inside: Flags, row_spacing_mm: float, column_spacing_mm: float) -> Axes:
    """Return the long axis over all slices of a mask, and the short axis in the slice where it lies.

    Lengths run from border to border: half way between the last voxel within and the first one without.

    Raises:
        ImageError: ``E242``, the mask is empty.
    """
    best = Axes(0.0, 0.0, -1, np.zeros((2, 2)))
    scale = np.array([column_spacing_mm, row_spacing_mm])
    for index in np.flatnonzero(inside.any(axis=(1, 2))):
        polygons = outlines_of(inside[index])
        points = _corners(np.concatenate(polygons) * scale)
        difference = points[:, None] - points[None]
        lengths = np.hypot(difference[..., 0], difference[..., 1])
        first, second = np.unravel_index(int(lengths.argmax()), lengths.shape)
        length = float(lengths[first, second])
        if length > best.long_mm + 1e-9:
            along = difference[first, second] / length
            across = points @ np.array([-along[1], along[0]])
            best = Axes(length, float(np.ptp(across)), int(index), points[[first, second]] / scale)
    if best.slice_index < 0:
        raise ImageError("E242", found="mask", expected="> 0")
    return best


def outlines_of(plane: Flags) -> tuple[Points, ...]:
    """Return the closed outlines (n, 2) of a plane of a mask as column and row, the largest first."""
    return outline(plane.astype(np.float32), 0.5, 0.0)


def _corners(points: Points) -> Points:
    """Return the corners of the convex hull, the points themselves where they lie on a line."""
    try:
        return np.asarray(points[ConvexHull(points).vertices], dtype=np.float64)
    except QhullError:
        return points
