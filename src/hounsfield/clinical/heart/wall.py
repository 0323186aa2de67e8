"""Wall: thickness of the muscle over the 16 short-axis segments of the American Heart Association.

Cerqueira 2002 (Circulation 105:539): the long axis is cut into thirds; six segments of 60 degrees at the base and in
the middle, four of 90 degrees at the apex. The septum lies where the right ventricle touches the muscle: its middle,
between the two insertions, is the middle between segments 2 and 3, and of segment 14.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hounsfield.clinical.heart.chambers import LEFT, MUSCLE, RIGHT, Chambers, Labels, is_apex_last
from hounsfield.core.geometry import VolumeGeometry

RAYS = 360
STEP_SAMPLES = 0.2
"""Distance of the places along a ray, in parts of the smaller spacing."""

LEAST_CAVITY_SAMPLES = 12
LEAST_RING_SHARE = 0.9
"""Slices whose muscle does not go round for so much of the circle (outflow tract, atrium, apex) are not measured."""

LEAST_CONTACT_RAYS = 20
"""So many of 360 rays must pass from the muscle into the right ventricle before the septum is known."""

REACH_MM = 4.0
"""The right ventricle counts as touching when it begins within this distance beyond the muscle."""

_SIX, _APICAL = np.array([3, 4, 5, 6, 1, 2]), np.array([14, 15, 16, 13])
"""Segments in the order in which they are met, beginning within the septum."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Septum:
    """Where the septum lies as seen from the middle of the cavity, angles in radians of (row, column) in mm.

    Attributes:
        middle: direction of the middle of the septum.
        turn: +1 or -1, the sense of rotation that leads from the anterior insertion over the septum.
    """

    middle: float
    turn: int


@dataclass(frozen=True)
class WallMeasures:
    """Thickness of the wall.

    Attributes:
        thickness_mm: mean of each of segments 1 to 16, None where it was not measured.
        slices: slices that were measured.
    """

    thickness_mm: tuple[float | None, ...]
    slices: tuple[int, ...]

    @property
    def is_assessed(self) -> bool:
        """Whether any segment was measured."""
        return any(value is not None for value in self.thickness_mm)


NOT_MEASURED = WallMeasures((None,) * 16, ())


def measure_wall(chambers: Chambers) -> WallMeasures:
    """Return the mean thickness of each segment over its slices and directions.

    Thickness is the length of muscle along rays from the middle of the cavity. Nothing is measured without spacing, nor
    where the right ventricle does not show which side the septum is.
    """
    if not chambers.is_calibrated:
        return NOT_MEASURED
    profiles = _all_profiles(chambers)
    rays = {index: _thickness(profile) for index, profile in profiles.items()}
    measured = {index: found for index, found in rays.items() if found is not None}
    septum = _septum([profiles[index] for index in measured], chambers.geometry)
    if septum is None or len(measured) < 3:
        return NOT_MEASURED
    ordered = sorted(measured, reverse=not is_apex_last(chambers))
    values: list[list[float]] = [[] for _ in range(16)]
    for place, index in enumerate(ordered):
        level = min(2, 3 * place // len(ordered))
        numbers = segment_numbers(septum, level)
        for number in set(numbers.tolist()):
            values[number - 1].append(float(np.nanmean(measured[index][numbers == number])))
    means = tuple(float(np.nanmean(found)) if np.isfinite(found).any() else None for found in values)
    return WallMeasures(means, tuple(sorted(ordered)))


def segment_numbers(septum: Septum, level: int) -> npt.NDArray[np.int64]:
    """Return the segment of each of the rays.

    Args:
        septum: where it lies.
        level: 0 base, 1 middle, 2 apex.
    """
    turned = np.degrees((_angles() - septum.middle) * septum.turn) % 360.0
    if level == 2:
        return np.asarray(_APICAL[(((turned + 45.0) % 360.0) // 90.0).astype(int)])
    return np.asarray(_SIX[(turned // 60.0).astype(int)] + 6 * level)


def find_septum(chambers: Chambers) -> Septum | None:
    """Return where the septum lies, None where the right ventricle touches the muscle nowhere.

    The insertion that lies further to the front and the head of the patient is the anterior one; in the DICOM patient
    system that is towards -y and +z. Where a grid has no place in the patient, its rows are taken to run down from
    there, as short-axis images are shown.
    """
    return _septum(list(_all_profiles(chambers).values()), chambers.geometry)


def _septum(profiles: Sequence["_Profile"], geometry: VolumeGeometry) -> Septum | None:
    contact = sum((_contact(profile) for profile in profiles), np.zeros(RAYS))
    if np.count_nonzero(contact) < LEAST_CONTACT_RAYS:
        return None
    angles = _angles()
    middle = float(np.angle((contact * np.exp(1j * angles)).sum()))
    up_row, up_column = _up(geometry)
    before = np.array([np.sin(middle - np.pi / 3), np.cos(middle - np.pi / 3)])
    after = np.array([np.sin(middle + np.pi / 3), np.cos(middle + np.pi / 3)])
    up = np.array([up_row, up_column])
    return Septum(middle, 1 if before @ up >= after @ up else -1)


def _up(geometry: VolumeGeometry) -> tuple[float, float]:
    """Return the direction of front and head on the slice, along rows downwards and columns rightwards."""
    direction = np.asarray(geometry.direction)
    towards = np.array([0.0, -1.0, 1.0])
    if np.array_equal(direction, np.asarray(VolumeGeometry((1, 1, 1)).direction)):
        return -1.0, 0.0  # nothing is known of the patient
    return float(direction[:, 1] @ towards), float(direction[:, 2] @ towards)


def _angles() -> Floats:
    return np.asarray(2 * np.pi * np.arange(RAYS) / RAYS)


@dataclass(frozen=True)
class _Profile:
    """How far each ray is in the muscle and in the right ventricle, (ray, place), and the distance of places in mm."""

    muscle: Floats
    right: Floats
    step_mm: float


def _all_profiles(chambers: Chambers) -> dict[int, _Profile]:
    found = {index: _profile(plane, chambers.geometry) for index, plane in enumerate(chambers.labels)}
    return {index: profile for index, profile in found.items() if profile is not None}


def _profile(plane: Labels, geometry: VolumeGeometry) -> _Profile | None:
    cavity = plane == LEFT
    if np.count_nonzero(cavity) < LEAST_CAVITY_SAMPLES:
        return None
    rows, columns = geometry.row_spacing_mm, geometry.column_spacing_mm
    step = STEP_SAMPLES * min(rows, columns)
    centre = ndimage.center_of_mass(cavity)
    held = np.argwhere(plane >= MUSCLE)
    reach = float(np.hypot(*(np.abs(held - centre) * (rows, columns)).T).max()) + REACH_MM + step
    along = np.arange(0.0, reach, step)
    angles = _angles()[:, None]
    places = np.stack([centre[0] + along * np.sin(angles) / rows, centre[1] + along * np.cos(angles) / columns])
    outer = _read(plane >= MUSCLE, places)
    return _Profile(np.clip(outer - _read(cavity, places), 0.0, 1.0), _read(plane == RIGHT, places), step)


def _read(flags: npt.NDArray[np.bool_], places: Floats) -> Floats:
    """Return whether places lie inside, the border being where the linear way between samples crosses one half."""
    values = ndimage.map_coordinates(flags.astype(np.float32), places, order=1, mode="constant")
    return np.asarray(values >= 0.5, dtype=np.float64)


def _thickness(profile: _Profile) -> Floats | None:
    """Return the thickness along each ray in mm, NaN where there is none; None where the muscle is no ring."""
    thickness = profile.muscle.sum(axis=1) * profile.step_mm
    if np.count_nonzero(thickness) < LEAST_RING_SHARE * RAYS:
        return None
    return np.where(thickness > 0, thickness, np.nan)


def _contact(profile: _Profile) -> Floats:
    """Return 1 for rays on which the right ventricle follows the muscle."""
    count = profile.muscle.shape[1]
    end = count - 1 - np.argmax(profile.muscle[:, ::-1] > 0, axis=1)
    places = np.arange(count)
    is_near = (places >= end[:, None]) & (places <= end[:, None] + np.ceil(REACH_MM / profile.step_mm))
    touched = (is_near & (profile.right > 0)).any(axis=1) & profile.muscle.any(axis=1)
    return np.asarray(touched, dtype=np.float64)
