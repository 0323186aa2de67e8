"""Trunks with lungs of known size, drawn in patient coordinates without the package's own drawing."""

from dataclasses import dataclass, replace

import numpy as np

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume

LUNG, SOFT, ROOM = -860, 30, -1000

DIRECTIONS = {
    "head last": ((0, 0, 1), (0, 1, 0), (1, 0, 0)),
    "head first": ((0, 0, 1), (0, 1, 0), (-1, 0, 0)),
    "columns to the right": ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
    "prone": ((0, 0, -1), (0, -1, 0), (1, 0, 0)),
    "rows to the front": ((0, 0, 1), (0, -1, 0), (1, 0, 0)),
    "feet first, prone": ((0, 0, -1), (0, -1, 0), (-1, 0, 0)),
    "rows to the left": ((0, 1, 0), (0, 0, 1), (1, 0, 0)),
}


@dataclass(frozen=True)
class Ellipsoid:
    """Centre and half axes along x, y and z in millimetres, and what fills it."""

    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    value: int = LUNG

    @property
    def volume_ml(self) -> float:
        return 4 / 3 * np.pi * float(np.prod(self.half)) / 1000

    def holds(self, x, y, z):
        return sum(((p - c) / h) ** 2 for p, c, h in zip((x, y, z), self.centre, self.half, strict=True)) <= 1


@dataclass(frozen=True)
class Box(Ellipsoid):
    """The same with flat faces."""

    def holds(self, x, y, z):
        inside = [np.abs(p - c) <= h for p, c, h in zip((x, y, z), self.centre, self.half, strict=True)]
        return inside[0] & inside[1] & inside[2]


RIGHT = Ellipsoid((-42, 0, 0), (31, 42, 36))
LEFT = Ellipsoid((42, 0, 0), (28, 38, 36))
LARGE = (Ellipsoid((-46, 0, 0), (40, 55, 60)), Ellipsoid((46, 0, 0), (36, 52, 60)))
TRUNK = Ellipsoid((0, 0, 0), (104, 74, 1e6), SOFT)
TRACHEA = Ellipsoid((0, 0, 60), (8, 8, 1e6), ROOM)


@dataclass(frozen=True)
class Torso:
    """A trunk on a grid whose middle is the origin of the patient; parts are drawn in their order."""

    parts: tuple[Ellipsoid, ...] = (RIGHT, LEFT)
    size_mm: tuple[float, float, float] = (86.0, 124.0, 184.0)
    spacing_mm: tuple[float, float, float] = (2.0, 2.0, 2.0)
    direction: str = "head last"
    room: int = ROOM
    body: Ellipsoid | None = Ellipsoid((0, 0, 0), (86, 57, 1e6), SOFT)

    @property
    def geometry(self) -> VolumeGeometry:
        axes = np.asarray(DIRECTIONS[self.direction], float)
        size = np.abs(axes.T @ np.asarray(self.size_mm[::-1]))
        shape = tuple(round(extent / step) for extent, step in zip(size, self.spacing_mm, strict=True))
        found = VolumeGeometry(shape, self.spacing_mm, direction=tuple(map(tuple, axes.tolist())))
        middle = found.to_patient([[(n - 1) / 2 for n in shape]])[0]
        return replace(found, origin_mm=tuple((-middle).tolist()))

    def patient(self):
        """Return x, y and z of every voxel, each of a shape that spreads to the grid."""
        geometry = self.geometry
        steps = np.asarray(geometry.direction) * np.asarray(geometry.spacing_mm)
        index = np.meshgrid(*map(np.arange, geometry.shape), indexing="ij", sparse=True)
        return [geometry.origin_mm[k] + sum(steps[k, a] * index[a] for a in range(3) if steps[k, a]) for k in range(3)]

    def volume(self) -> Volume:
        geometry, place = self.geometry, self.patient()
        array = np.full(geometry.shape, self.room, np.int16)
        for part in (self.body, *self.parts) if self.body else self.parts:
            array[np.broadcast_to(part.holds(*place), geometry.shape)] = part.value
        return Volume(array, geometry, Quantity.HOUNSFIELD)


def large(*parts: Ellipsoid, spacing_mm=(2.0, 2.0, 2.0), **changes) -> Torso:
    """Return a trunk with lungs that are enough for the task, and what lies in them."""
    return Torso((*LARGE, *parts), (140.0, 160.0, 220.0), spacing_mm, body=TRUNK, **changes)
