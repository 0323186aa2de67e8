"""Prompt: where a reader says that a lesion is, in image indices or in patient millimetres."""

import math
import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.errors import SettingsError

Index = tuple[int, int, int]
Span = tuple[slice, slice, slice]
MARGIN_MM = 6.0
"""What is looked at beyond a box: enough of its surroundings to tell the lesion from them."""
_NUMBER = r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?"
_PLACE = re.compile(rf"\s*({_NUMBER}(?:\s*,\s*{_NUMBER})*)\s*(mm)?\s*")


class Method(StrEnum):
    """How a lesion is found from a prompt."""

    GROW = "grow"
    WALKER = "walker"
    THRESHOLD = "threshold"


@dataclass(frozen=True)
class Place:
    """A point as it was given.

    Attributes:
        values: slice, row, column index from 0, or x, y, z.
        is_patient: whether they are x, y, z in LPS millimetres.
    """

    values: tuple[float, float, float]
    is_patient: bool = False

    def index(self, geometry: VolumeGeometry) -> Index:
        """Return the voxel the point lies in.

        Raises:
            SettingsError: ``E241``, it lies outside the image.
        """
        place = geometry.to_index([self.values])[0] if self.is_patient else np.asarray(self.values)
        found = tuple(math.floor(value + 0.5) for value in place)
        if not all(0 <= value < side for value, side in zip(found, geometry.shape, strict=True)):
            shown = ", ".join(f"{value:g}" for value in self.values)
            expected = " x ".join(str(side) for side in geometry.shape)
            raise SettingsError("E241", found=f"{shown}{' mm' if self.is_patient else ''}", expected=expected)
        return (found[0], found[1], found[2])


@dataclass(frozen=True)
class Prompt:
    """What is asked for.

    Attributes:
        method: how the lesion is found.
        clicks: points in the lesion; the first one must belong to it.
        outside: points that do not belong to it.
        box: two opposite corners of a box about it, both within.
        low: least value of a lesion, for thresholds.
        high: largest value of a lesion, for thresholds.
        fraction: of the maximum, where no value is given; 0.41 for PET.
        reach_mm: how far from the clicks a lesion may reach where there is no box.
    """

    method: Method
    clicks: tuple[Place, ...] = ()
    outside: tuple[Place, ...] = ()
    box: tuple[Place, Place] | None = None
    low: float | None = None
    high: float | None = None
    fraction: float | None = None
    reach_mm: float = 60.0

    def corners(self, geometry: VolumeGeometry) -> tuple[Index, Index] | None:
        """Return the first and the last voxel of the box, None without one."""
        if self.box is None:
            return None
        one, other = (corner.index(geometry) for corner in self.box)
        return _triple(np.minimum(one, other)), _triple(np.maximum(one, other))

    def seed(self, geometry: VolumeGeometry) -> Index:
        """Return the first click, or the middle of the box.

        Raises:
            SettingsError: ``E244``, there is neither; ``E241``, it lies outside the image.
        """
        if self.clicks:
            return self.clicks[0].index(geometry)
        corners = self.corners(geometry)
        if corners is None:
            raise SettingsError("E244", found=self.method.value, expected="--click / --box")
        return _triple((np.asarray(corners[0]) + corners[1]) // 2)

    def span(self, geometry: VolumeGeometry) -> Span:
        """Return the part of the image that is looked at."""
        spacing = np.asarray(geometry.spacing_mm)
        corners = self.corners(geometry)
        if corners is None:
            points = np.array([click.index(geometry) for click in self.clicks] or [self.seed(geometry)])
            margin = np.ceil(self.reach_mm / spacing)
        else:
            points = np.asarray(corners)
            margin = np.maximum(1, np.ceil(MARGIN_MM / spacing))
        low = np.maximum(0, points.min(axis=0) - margin).astype(int)
        high = np.minimum(geometry.shape, points.max(axis=0) + margin + 1).astype(int)
        first, second, third = (slice(int(start), int(stop)) for start, stop in zip(low, high, strict=True))
        return first, second, third


def parse_place(text: str) -> Place:
    """Return a point from ``slice,row,column`` (indices from 0) or ``x,y,zmm`` (patient millimetres, LPS).

    Raises:
        SettingsError: ``E240``, it is neither.

    Example:
        >>> parse_place("12, 100, 90"), parse_place("-30.5,4,110mm").is_patient
        (Place(values=(12.0, 100.0, 90.0), is_patient=False), True)
    """
    values, is_patient = _numbers(text, 3)
    return Place((values[0], values[1], values[2]), is_patient)


def parse_box(text: str) -> tuple[Place, Place]:
    """Return two opposite corners of a box from six numbers, in the order and units of ``parse_place``.

    Raises:
        SettingsError: ``E240``.
    """
    values, is_patient = _numbers(text, 6)
    return Place((values[0], values[1], values[2]), is_patient), Place((values[3], values[4], values[5]), is_patient)


def _numbers(text: str, count: int) -> tuple[list[float], bool]:
    found = _PLACE.fullmatch(text)
    values = [float(word) for word in found.group(1).split(",")] if found else []
    if found is None or len(values) != count or not all(math.isfinite(value) for value in values):
        raise SettingsError("E240", found=text[:64], expected=count)
    return values, found.group(2) is not None


def _triple(values: object) -> Index:
    one, two, three = (int(value) for value in np.asarray(values))
    return one, two, three
