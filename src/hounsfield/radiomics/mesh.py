"""Surface of a binary region by marching cubes at level one half: its area, the volume in it and its outermost points.

The mesh is never built. Its vertices lie half way between two voxels, so a cube of eight voxels has one of 256 shapes;
area and enclosed volume are sums over how often each shape comes up (Lorensen and Cline 1987; IBSI 3.1.1, 3.1.3).
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Spacing = tuple[float, float, float]

CORNERS: Final = np.array(
    [(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0)], dtype=np.float64
)
"""(slice, row, column) of each corner of a cube."""
EDGES: Final = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))
"""Corners at the ends of each edge."""
FACES: Final = ((4, 5, 6, 7), (3, 2, 6, 7), (1, 2, 6, 5))
"""Corners round each face that does not hold corner 0: of the next slice, row and column."""


@dataclass(frozen=True)
class MeshMeasures:
    """Area and enclosed volume of a surface.

    Attributes:
        area_mm2: sum of the triangles.
        volume_mm3: what they enclose.
    """

    area_mm2: float
    volume_mm3: float


def measure_mesh(inside: npt.NDArray[np.bool_], spacing_mm: Spacing) -> MeshMeasures:
    """Measure the surface of a region.

    Args:
        inside: (slice, row, column).
        spacing_mm: of slices, rows and columns.
    """
    from hounsfield.radiomics.mesh_kernels import count_cases

    counts = np.zeros(256, dtype=np.int64)
    count_cases(np.pad(inside, 1).view(np.uint8), counts)
    sides = np.array(spacing_mm)
    corners = _triangles() * sides
    crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.bincount(_cases(), np.linalg.norm(crossed, axis=1) / 2, 256)
    return MeshMeasures(float(counts @ areas), float(counts @ _fractions()) * float(sides.prod()))


def outer_points(inside: npt.NDArray[np.bool_], spacing_mm: Spacing) -> Points:
    """Return vertices of the surface (point, 3) in mm, from the centre of the first voxel: all that its hull needs.

    Args:
        inside: (slice, row, column).
        spacing_mm: of slices, rows and columns.
    """
    from hounsfield.radiomics.hull_kernels import outer_corners
    from hounsfield.radiomics.mesh_kernels import write_extremes

    ends = np.empty((*inside.shape[:2], 2), dtype=np.int32)
    write_extremes(np.ascontiguousarray(inside).view(np.uint8), ends)
    corners = np.empty((4 * (2 * ends.shape[0] + 1) * (2 * ends.shape[1] + 1), 3), dtype=np.int32)
    count = outer_corners(ends, corners)
    return np.asarray(corners[:count] * (np.array(spacing_mm) / 2))


@cache
def _table() -> tuple[tuple[int, ...], ...]:
    text = files("hounsfield.radiomics.data").joinpath("marching_cubes.json").read_text(encoding="utf-8")
    return tuple(tuple(row) for row in json.loads(text)["triangles"])


@cache
def _cases() -> npt.NDArray[np.int64]:
    """Return the case of each triangle."""
    return np.repeat(np.arange(256), [len(row) // 3 for row in _table()])


@cache
def _triangles() -> Points:
    """Return the corners (triangle, 3, 3) of the triangles of all cases, in a cube of side 1."""
    middles = np.array([(CORNERS[one] + CORNERS[other]) / 2 for one, other in EDGES])
    return np.asarray(middles[np.array([edge for row in _table() for edge in row])].reshape(-1, 3, 3))


@cache
def _fractions() -> Points:
    """Return the part of a cube that each case encloses.

    By the divergence theorem seen from corner 0: the triangles, and the enclosed parts of the three faces that do not
    hold this corner.
    """
    corners = _triangles()
    own = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    surface = np.bincount(_cases(), own, 256)
    # The table turns its triangles one way round in all cases; case 1 cuts off the corner that all is seen from.
    turned = -1.0 if surface[1] < 0 else 1.0
    return np.array([turned * surface[case] + _face_parts(case) / 3 for case in range(256)])


def _face_parts(case: int) -> float:
    return sum(_face_part(case, face) for face in FACES)


def _face_part(case: int, face: tuple[int, int, int, int]) -> float:
    """Return the enclosed part of a face; where two opposite corners are inside, the table says whether they join."""
    is_in = [bool(case >> corner & 1) for corner in face]
    count = sum(is_in)
    if count != 2:
        return (0.0, 1 / 8, 0.0, 7 / 8, 1.0)[count]
    if is_in[0] != is_in[2]:
        return 0.5
    return 0.75 if _joins(case, face) else 0.25


def _joins(case: int, face: tuple[int, int, int, int]) -> bool:
    """Tell whether the inside corners of a face are joined: the lines of the surface then cut off the outside ones."""
    row = _table()[case]
    used = {frozenset(pair) for index in range(0, len(row), 3) for pair in _sides(row[index : index + 3])}
    edges = {frozenset(ends): number for number, ends in enumerate(EDGES)}
    outside = next(index for index in range(4) if not case >> face[index] & 1)
    beside = [edges[frozenset((face[outside], face[(outside + turn) % 4]))] for turn in (1, 3)]
    return frozenset(beside) in used


def _sides(corners: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    return ((corners[0], corners[1]), (corners[1], corners[2]), (corners[2], corners[0]))
