"""Chambers: labels of a short-axis stack made plausible, and what fills them."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hounsfield.core.geometry import Calibration, VolumeGeometry

RIGHT, MUSCLE, LEFT = 1, 2, 3
"""Labels of the right ventricle, the muscle and the cavity of the left ventricle."""

Labels = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

_FACES = ndimage.generate_binary_structure(3, 1)


@dataclass(frozen=True)
class Chambers:
    """Labels of one phase of a short-axis stack.

    Attributes:
        labels: (slice, row, column), 0 background, 1 right ventricle, 2 muscle, 3 cavity of the left ventricle.
        geometry: the grid; volumes are known only where its spacing is.
    """

    labels: Labels
    geometry: VolumeGeometry

    @property
    def is_calibrated(self) -> bool:
        """Whether lengths are true in the patient."""
        return self.geometry.calibration is Calibration.PATIENT

    def voxels(self, label: int) -> int:
        """Return how many samples carry a label."""
        return int(np.count_nonzero(self.labels == label))

    def volume_ml(self, label: int) -> float | None:
        """Return the volume by discs: the area of each slice times the distance of slices; None without spacing."""
        return self.voxels(label) * self.geometry.voxel_volume_mm3 / 1000.0 if self.is_calibrated else None


def repaired(chambers: Chambers) -> Chambers:
    """Return the chambers as a heart can have them.

    The left ventricle, cavity and muscle together, is one piece, the largest; so is the right one. A hole of a cavity
    in its slice is filled, and what lies wholly within the ring of the muscle is cavity. Slices in which the cavity of
    the left ventricle was missed between two that have it keep what they have: nothing is invented.
    """
    labels = chambers.labels.copy()
    left = largest_part(labels >= MUSCLE)
    labels[(labels >= MUSCLE) & ~left] = 0
    for plane in labels:
        inside = ndimage.binary_fill_holes(plane >= MUSCLE) & (plane < MUSCLE)
        plane[inside] = LEFT
        cavity = _largest_in_plane(plane == LEFT)
        filled = ndimage.binary_fill_holes(cavity)
        plane[(plane == LEFT) & ~cavity] = MUSCLE
        plane[filled] = LEFT
    right = largest_part(labels == RIGHT)
    labels[(labels == RIGHT) & ~right] = 0
    for plane in labels:
        plane[ndimage.binary_fill_holes(plane == RIGHT) & (plane == 0)] = RIGHT
    return replace(chambers, labels=labels)


def largest_part(flags: Flags) -> Flags:
    """Return the largest piece of flags that hang together over faces; all of them where none is set."""
    numbered, count = ndimage.label(flags, _FACES)
    if count < 2:
        return flags
    sizes = np.bincount(numbered.ravel())
    sizes[0] = 0
    return np.asarray(numbered == sizes.argmax())


def _largest_in_plane(flags: Flags) -> Flags:
    return np.asarray(largest_part(flags[None])[0])


def is_apex_last(chambers: Chambers) -> bool:
    """Whether the apex lies at the last slice: there the left ventricle, cavity and muscle, is narrower."""
    areas = np.count_nonzero(chambers.labels >= MUSCLE, axis=(1, 2))
    held = np.flatnonzero(areas)
    if len(held) < 2:
        return True
    half = len(held) // 2
    return bool(areas[held[:half]].sum() >= areas[held[-half:]].sum())
