"""Cycle: the phases of a heartbeat, which of them are end-diastole and end-systole, and what lies between."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hounsfield.clinical.heart.chambers import LEFT, MUSCLE, Chambers
from hounsfield.clinical.heart.wall import WallMeasures, measure_wall
from hounsfield.clinical.rules import ejection_fraction, myocardial_mass

LEAST_COMPARED = 8
"""From so many phases on, one that stands out from both its neighbours is not taken for an end of the cycle."""

OUTLYING_SHARE = 0.35
"""Of the way from the smallest to the largest cavity: so far from the median of three, a phase stands out."""


@dataclass(frozen=True)
class Cycle:
    """The phases of one heartbeat in their order.

    Attributes:
        phases: chambers of each.
        diastole: index of end-diastole, where the left ventricle is largest.
        systole: index of end-systole, where it is smallest.
    """

    phases: tuple[Chambers, ...]
    diastole: int
    systole: int

    @property
    def is_moving(self) -> bool:
        """Whether there are two phases to compare."""
        return self.diastole != self.systole

    def volumes_ml(self, label: int) -> tuple[float | None, float | None]:
        """Return the volumes at end-diastole and end-systole; None without spacing."""
        return self.phases[self.diastole].volume_ml(label), self.phases[self.systole].volume_ml(label)

    def ejection_percent(self, label: int) -> float | None:
        """Return the ejection fraction, in which the spacing cancels; None where it cannot be had."""
        first, last = (self.phases[index].voxels(label) for index in (self.diastole, self.systole))
        return ejection_fraction(first, last) if self.is_moving and first else None

    def stroke_ml(self, label: int) -> float | None:
        """Return the stroke volume."""
        first, last = self.volumes_ml(label)
        return None if first is None or last is None or not self.is_moving else first - last

    def mass_g(self) -> float | None:
        """Return the mass of the muscle of the left ventricle at end-diastole, at 1.05 g/ml."""
        volume = self.phases[self.diastole].volume_ml(MUSCLE)
        return None if volume is None else myocardial_mass(volume)

    def walls(self) -> tuple[WallMeasures, WallMeasures]:
        """Return the thickness of the wall at end-diastole and end-systole."""
        return measure_wall(self.phases[self.diastole]), measure_wall(self.phases[self.systole])

    def has_seen(self, label: int) -> bool:
        """Whether a label was found at end-diastole and end-systole."""
        return all(self.phases[index].voxels(label) for index in (self.diastole, self.systole))


def cycle_of(phases: Sequence[Chambers]) -> Cycle:
    """Return the cycle of phases: end-diastole where the cavity is largest, end-systole where it is smallest."""
    sizes = np.array([phase.voxels(LEFT) for phase in phases], dtype=np.float64)
    is_sound = np.ones(len(sizes), dtype=bool)
    if len(sizes) >= LEAST_COMPARED:
        middle = np.median([np.roll(sizes, 1), sizes, np.roll(sizes, -1)], axis=0)
        is_sound = np.abs(sizes - middle) <= OUTLYING_SHARE * np.ptp(middle)
    diastole = int(np.where(is_sound, sizes, -np.inf).argmax())
    systole = int(np.where(is_sound, sizes, np.inf).argmin())
    return Cycle(tuple(phases), diastole, systole)


def thickening_percent(diastole: WallMeasures, systole: WallMeasures) -> tuple[float | None, ...]:
    """Return how much thicker each segment becomes, in percent of its thickness at end-diastole."""
    pairs = zip(diastole.thickness_mm, systole.thickness_mm, strict=True)
    return tuple(None if not first or last is None else (last - first) / first * 100.0 for first, last in pairs)
