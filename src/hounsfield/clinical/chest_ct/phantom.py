"""A chest for tests, training and demonstrations: body, lungs, trachea, branching vessels, nodules of known size."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from hounsfield.core.geometry import Triple, VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume

Floats = npt.NDArray[Any]

LUNG_HU = -860.0


@dataclass(frozen=True)
class Ball:
    """A nodule: an ellipsoid of one density, with a core of another where it has one.

    Attributes:
        centre_mm: x, y, z from the middle of the chest.
        diameters_mm: along x, y and z.
        hounsfield: of the nodule.
        core_mm: diameter of a solid core, 0 for none.
        core_hounsfield: of the core.
    """

    centre_mm: Triple
    diameters_mm: Triple
    hounsfield: float = 40.0
    core_mm: float = 0.0
    core_hounsfield: float = 40.0

    @property
    def volume_mm3(self) -> float:
        """The true volume."""
        return float(np.pi / 6 * np.prod(self.diameters_mm))


@dataclass(frozen=True)
class ChestCt:
    """A chest on a grid.

    Attributes:
        spacing_mm: of slices, rows and columns.
        size_mm: of the field along z, y and x.
        nodules: balls in the lungs.
        vessels: how many trees start at each hilum.
        blur_mm: standard deviation of the point spread in the plane; slices are means over their thickness.
        noise_hu: standard deviation of the noise.
        noise_mm: standard deviation of the blur that makes neighbouring noise alike; it keeps its strength.
        texture_hu: standard deviation of the density of the lungs, which varies over about 5 mm.
        walls: ribs that press on each lung, and fissures through it.
        seed: of vessels and noise.
    """

    spacing_mm: Triple = (1.5, 1.0, 1.0)
    size_mm: Triple = (200.0, 220.0, 300.0)
    nodules: tuple[Ball, ...] = ()
    vessels: int = 0
    blur_mm: float = 0.5
    noise_hu: float = 15.0
    noise_mm: float = 0.0
    texture_hu: float = 0.0
    walls: int = 0
    seed: int = 0

    @property
    def geometry(self) -> VolumeGeometry:
        """The grid, its middle at the origin."""
        counts = [round(size / step) for size, step in zip(self.size_mm, self.spacing_mm, strict=True)]
        start = [-(count - 1) / 2 * step for count, step in zip(counts, self.spacing_mm, strict=True)]
        return VolumeGeometry(
            (counts[0], counts[1], counts[2]),
            self.spacing_mm,
            (start[2], start[1], start[0]),
            frame_of_reference_uid="1.2.3",
        )

    def volume(self) -> Volume:
        """Return the chest in Hounsfield units, int16."""
        geometry = self.geometry
        x, y, z = (np.asarray(line, dtype=np.float32) for line in _lines(geometry))
        array = np.full(geometry.shape, -1000.0, dtype=np.float32)
        array[:, (x[None, :] / 138) ** 2 + (y[:, None] / 98) ** 2 <= 1] = 30.0
        for side in (-1, 1):
            array[_ellipsoid((x, y, z), (side * 66.0, 0.0, -8.0), (52.0, 74.0, 95.0))] = LUNG_HU
        array[:, (x[None, :]) ** 2 + (y[:, None] + 5) ** 2 <= 8.0**2] = -1000.0
        if self.walls:
            _draw_walls(array, (x, y, z), self.walls, np.random.default_rng(self.seed + 2))
        lung = array == LUNG_HU
        if self.texture_hu:
            array[lung] += np.maximum(self.texture_hu * self._grain(5.0, self.seed + 3)[lung], -100.0)
        if self.vessels:
            _draw_vessels(array, lung, (x, y, z), self.vessels, np.random.default_rng(self.seed))
        for nodule in self.nodules:
            add_ball(array, geometry, nodule)
        blur = (0.0, self.blur_mm / self.spacing_mm[1], self.blur_mm / self.spacing_mm[2])
        array = gaussian_filter(array, blur)
        if self.noise_hu:
            array += self.noise_hu * self._grain(self.noise_mm, self.seed + 1)
        return Volume(np.rint(array).astype(np.int16), geometry, Quantity.HOUNSFIELD)

    def _grain(self, blur_mm: float, seed: int) -> Floats:
        """Return noise of standard deviation 1 that is blurred in all directions."""
        grain = np.random.default_rng(seed).standard_normal(self.geometry.shape, dtype=np.float32)
        if blur_mm:
            grain = gaussian_filter(grain, [blur_mm / step for step in self.spacing_mm])
            grain /= grain.std()
        return grain


def add_ball(array: npt.NDArray[np.floating], geometry: VolumeGeometry, ball: Ball, finer: int = 5) -> None:
    """Add a nodule to samples, each voxel mixed by how much of it the nodule fills.

    Args:
        array: (slice, row, column), changed in place.
        geometry: its grid.
        ball: the nodule, its centre in patient coordinates.
        finer: parts that each side of a voxel is cut into; slices are cut twice as finely.
    """
    reach = max(ball.diameters_mm) / 2 + 2 * max(geometry.spacing_mm)
    centre = geometry.to_index([ball.centre_mm])[0]
    extent = np.ceil(reach / np.asarray(geometry.spacing_mm)).astype(int)
    start = np.maximum(np.rint(centre).astype(int) - extent, 0)
    stop = np.maximum(np.minimum(np.rint(centre).astype(int) + extent + 1, geometry.shape), start)
    parts = (2 * finer, finer, finer)
    fine = [
        np.arange(low * part, high * part) / part + (1 / part - 1) / 2
        for low, high, part in zip(start, stop, parts, strict=True)
    ]
    z, y, x = np.meshgrid(*(line.astype(np.float32) for line in fine), indexing="ij", sparse=True)
    along = np.asarray(geometry.direction) * np.asarray(geometry.spacing_mm)
    offset = np.asarray(geometry.to_patient([[0, 0, 0]])[0]) - np.asarray(ball.centre_mm)
    place = [along[k, 0] * z + along[k, 1] * y + along[k, 2] * x + offset[k] for k in range(3)]
    box = tuple(slice(int(low), int(high)) for low, high in zip(start, stop, strict=True))
    for sizes, value in ((ball.diameters_mm, ball.hounsfield), ((ball.core_mm,) * 3, ball.core_hounsfield)):
        if not all(sizes):
            continue
        inside = sum((p / (size / 2)) ** 2 for p, size in zip(place, sizes, strict=True)) <= 1
        counts = [int(high - low) for low, high in zip(start, stop, strict=True)]
        shape = [number for count, part in zip(counts, parts, strict=True) for number in (count, part)]
        share = np.asarray(inside).reshape(shape).mean(axis=(1, 3, 5))
        array[box] += share * (value - array[box])


def _lines(geometry: VolumeGeometry) -> tuple[Floats, ...]:
    origin, spacing, shape = geometry.origin_mm, geometry.spacing_mm, geometry.shape
    return tuple(origin[k] + np.arange(shape[2 - k]) * spacing[2 - k] for k in range(3))


def _ellipsoid(lines: tuple[Floats, Floats, Floats], centre: Triple, radii: Triple) -> npt.NDArray[np.bool_]:
    x, y, z = ((line - c) / r for line, c, r in zip(lines, centre, radii, strict=True))
    return np.asarray(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2 <= 1)


def _draw_vessels(
    array: Floats, lung: Floats, lines: tuple[Floats, Floats, Floats], trees: int, generator: np.random.Generator
) -> None:
    """Draw trees of tubes that fork, from each hilum outward; only in the lungs."""
    drawn = array.copy()
    for side in (-1.0, 1.0):
        for _ in range(trees):
            start = np.array([side * 28.0, generator.uniform(-15, 15), generator.uniform(-30, 20)])
            aim = np.array([side * generator.uniform(0.3, 1), generator.normal(0, 0.7), generator.normal(0, 0.8)])
            _branch(drawn, lines, (start, aim / np.linalg.norm(aim), generator.uniform(3.5, 6.0)), generator)
    np.copyto(array, drawn, where=lung)


def _draw_walls(
    array: Floats, lines: tuple[Floats, Floats, Floats], count: int, generator: np.random.Generator
) -> None:
    """Draw ribs and lumps of soft tissue that press on the lungs, and fissures, thin oblique sheets through them."""
    lung = array == LUNG_HU
    x, y, z = (
        line.reshape([-1 if k == axis else 1 for k in range(3)]) for line, axis in zip(lines, (2, 1, 0), strict=True)
    )
    for side in (-1.0, 1.0):
        for _ in range(count):
            aim = generator.normal(size=3)
            aim /= np.linalg.norm(aim / np.array([52.0, 74.0, 95.0]))
            middle = aim * generator.uniform(0.97, 1.08) + np.array([side * 66.0, 0.0, -8.0])
            centre = (float(middle[0]), float(middle[1]), float(middle[2]))
            radii = (generator.uniform(5, 14), generator.uniform(5, 25), generator.uniform(4, 10))
            array[_ellipsoid(lines, centre, radii) & lung] = 30.0
        tilt, where = generator.normal([0.0, 0.5, 1.0], 0.2), generator.uniform(-30, 30)
        sheet = np.abs(tilt[0] * (x - side * 66) + tilt[1] * y + tilt[2] * z - where) <= generator.uniform(0.4, 0.9)
        array[sheet & (array == LUNG_HU)] = generator.uniform(-700, -500)


Twig = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]


def _branch(array: Floats, lines: tuple[Floats, Floats, Floats], twig: Twig, generator: np.random.Generator) -> None:
    waiting = [twig]
    while waiting:
        start, aim, radius = waiting.pop()
        if radius < 0.6:
            continue
        length = generator.uniform(6, 14) * np.sqrt(radius)
        for part in np.arange(0.0, length, 0.5):
            place = start + aim * part
            low, high = [], []
            for k in range(3):
                low.append(int(np.searchsorted(lines[k], place[k] - radius - 1)))
                high.append(int(np.searchsorted(lines[k], place[k] + radius + 1)))
            box = (slice(low[2], high[2]), slice(low[1], high[1]), slice(low[0], high[0]))
            near = [lines[k][low[k] : high[k]] - place[k] for k in range(3)]
            far = near[2][:, None, None] ** 2 + near[1][None, :, None] ** 2 + near[0][None, None, :] ** 2
            fullness = np.clip(radius + 0.5 - np.sqrt(far), 0, 1)
            array[box] = np.maximum(array[box], LUNG_HU + 900 * fullness)
        for _ in range(2):
            turn = aim + generator.normal(0, 0.55, 3)
            waiting.append((start + aim * length, turn / np.linalg.norm(turn), radius * generator.uniform(0.55, 0.85)))
