"""Distances between the surfaces of two masks, from every point of each to the nearest point of the other."""

import itertools
import json
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import in_threads, spans
from hounsfield.errors import DatasetError
from hounsfield.metrics.masks import MaskPair, as_spacing

Floats = npt.NDArray[np.float64]
Rows = tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]
Spacing = tuple[float, float, float]

_NEAR_ROWS = 512
"""Rows around a point to look through before the tree is asked: a circle of 12 rows where spacing is equal."""
_PARTS = 8
"""Parts to split work into for each thread, since the surface lies in some of them only."""


class Surface(StrEnum):
    """What a surface is made of.

    Attributes:
        VOXELS: the centres of the voxels of the mask that have a neighbour across a face outside of it; the border of
            the grid counts as outside. Each weighs the same. As MONAI and medpy.
        ELEMENTS: the corners between voxels of which some are in the mask and some are not, each with the area of the
            triangles that marching cubes draws there (in a plane: the length of the lines). As DeepMind's
            surface-distance (Nikolov et al. 2021, J Med Internet Res 23:e26151).
    """

    VOXELS = "voxels"
    ELEMENTS = "elements"


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances between two surfaces in millimetres.

    Attributes:
        surface: what the surfaces are made of.
        first_to_second_mm: (point,) from each point of the first surface to the nearest of the second.
        second_to_first_mm: (point,) the other way.
        first_sizes: (point,) what each point of the first surface stands for: mm2 for elements (mm in a plane), else 1.
        second_sizes: the same of the second surface.
    """

    surface: Surface
    first_to_second_mm: Floats = field(repr=False)
    second_to_first_mm: Floats = field(repr=False)
    first_sizes: Floats = field(repr=False)
    second_sizes: Floats = field(repr=False)


def surface_distances(
    pair: MaskPair, spacing_mm: tuple[float, ...], surface: Surface = Surface.VOXELS, threads: int = 2
) -> SurfaceDistances:
    """Measure the exact Euclidean distances between the surfaces of two masks.

    Args:
        pair: the masks.
        spacing_mm: distance of slices, rows and columns, or of rows and columns of masks in a plane.
        surface: what the surfaces are made of.
        threads: threads to use.

    Raises:
        DatasetError: ``E824``, a mask is empty: it has no surface to measure to.
        SettingsError: ``E823``, the spacing is not one positive number for each axis.
    """
    if not pair.first_voxels or not pair.second_voxels:
        raise DatasetError("E824", found=f"{pair.first_voxels}, {pair.second_voxels}")
    spacing = as_spacing(spacing_mm, pair.is_planar)
    masks = (pair.first_words, pair.first_extents), (pair.second_words, pair.second_extents)
    rows = pair.first_words.shape[1]
    if surface is Surface.VOXELS:
        surfaces = [_voxels(*mask, pair.is_planar, threads) for mask in masks]
        sizes = [np.ones(columns.size) for columns, _ in surfaces]
    else:
        rows += 1
        found = [_elements(*mask, pair.is_planar, threads) for mask in masks]
        surfaces = [(columns, starts) for columns, starts, _ in found]
        table = _contour_lengths(spacing) if pair.is_planar else _element_areas(spacing)
        sizes = [table[codes] for _, _, codes in found]
    first, second = surfaces
    there, back = _distances(first, second, rows, spacing, threads), _distances(second, first, rows, spacing, threads)
    return SurfaceDistances(surface, there, back, sizes[0], sizes[1])


def _voxels(words: npt.NDArray[np.uint64], extents: npt.NDArray[np.int32], is_planar: bool, threads: int) -> Rows:
    """Return the columns of the surface voxels, ascending in each row, and where each row starts."""
    from hounsfield.metrics.surface_kernels import count_surface, fill_surface

    counts = np.empty(words.shape[:2], np.int64)
    parts = spans(words.shape[0], threads * _PARTS)
    in_threads(count_surface, [(words, extents, is_planar, counts, *part) for part in parts], threads)
    starts = _starts(counts)
    columns = np.empty(starts[-1], np.int32)
    in_threads(fill_surface, [(words, extents, is_planar, starts, columns, part) for part in parts], threads)
    return columns, starts


def _elements(
    words: npt.NDArray[np.uint64], extents: npt.NDArray[np.int32], is_planar: bool, threads: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Return the columns of the surface elements, where each row of corners starts, and the neighbourhoods."""
    from hounsfield.metrics.surface_kernels import count_elements, fill_elements

    counts = np.empty((1 if is_planar else words.shape[0] + 1, words.shape[1] + 1), np.int64)
    parts = spans(counts.shape[0], threads * _PARTS)
    in_threads(count_elements, [(words, extents, is_planar, counts, *part) for part in parts], threads)
    starts = _starts(counts)
    found = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.int32)
    parts = spans(counts.size, threads * _PARTS)
    in_threads(fill_elements, [(words, extents, is_planar, starts, found, part) for part in parts], threads)
    return found[0], starts, found[1]


def _starts(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    starts = np.zeros(counts.size + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts


def _distances(source: Rows, target: Rows, rows: int, spacing: Spacing, threads: int) -> Floats:
    from hounsfield.metrics.surface_kernels import BEYOND, near_distances

    offsets, squares = _offsets(spacing)
    out = np.empty(source[0].size)
    # Parts with about the same number of points, not of rows: most rows have none.
    share = [int(source[0].size * part / (threads * _PARTS)) for part in range(threads * _PARTS + 1)]
    edges = np.unique(np.searchsorted(source[1], share))
    edges[-1] = source[1].size - 1
    calls = [
        (source, target, rows, offsets, (squares, spacing[2]), (out, int(start), int(stop)))
        for start, stop in itertools.pairwise(edges)
    ]
    in_threads(near_distances, calls, threads)
    far = np.flatnonzero(out == BEYOND)
    if far.size:
        out[far] = _far_distances(_points(source, rows, spacing, far), _points(target, rows, spacing), threads)
    return out


@cache
def _offsets(spacing: Spacing) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return slices and rows to go (offset, 2), nearest first, and their squared distances in mm2."""
    reach = np.sqrt(_NEAR_ROWS * spacing[0] * spacing[1] / np.pi)
    planes, lines = (np.arange(-(n := int(reach / step)), n + 1, dtype=np.int64) for step in spacing[:2])
    plane, line = (axis.ravel() for axis in np.meshgrid(planes, lines, indexing="ij"))
    squares = (plane * spacing[0]) ** 2 + (line * spacing[1]) ** 2
    order = np.argsort(squares, kind="stable")
    order = order[squares[order] <= reach * reach]
    return np.stack([plane, line], axis=1)[order], squares[order]


def _points(surface: Rows, rows: int, spacing: Spacing, chosen: npt.NDArray[np.intp] | None = None) -> Floats:
    """Return points (point, 3) in millimetres."""
    columns, starts = surface
    chosen = np.arange(columns.size) if chosen is None else chosen
    row = np.searchsorted(starts, chosen, side="right") - 1
    points = np.stack([row // rows, row % rows, columns[chosen]], axis=1)
    return points.astype(np.float64) * np.array(spacing, np.float64)


def _far_distances(points: Floats, targets: Floats, threads: int) -> Floats:
    from scipy.spatial import cKDTree

    distances, _ = cKDTree(targets).query(points, workers=threads)
    return np.asarray(distances, np.float64)


def _element_areas(spacing: Spacing) -> Floats:
    """Return the area in mm2 that a surface takes in each of the 256 neighbourhoods of 2 x 2 x 2 voxels."""
    faces = np.array([spacing[1] * spacing[2], spacing[0] * spacing[2], spacing[0] * spacing[1]]) / 8
    half = [sum(float(np.linalg.norm(np.array(normal) * faces)) for normal in code) for code in _element_normals()]
    return np.array(half + half[::-1])


@cache
def _element_normals() -> list[list[list[int]]]:
    text = files("hounsfield.metrics").joinpath("data/surface_elements.json").read_text(encoding="utf-8")
    codes: list[list[list[int]]] = json.loads(text)["codes"]
    return codes


def _contour_lengths(spacing: Spacing) -> Floats:
    """Return the length in mm that a contour takes in each of the 16 neighbourhoods of 2 x 2 pixels."""
    slanted = 0.5 * float(np.hypot(spacing[1], spacing[2]))
    half = [0.0, slanted, slanted, spacing[2], slanted, spacing[1], 2 * slanted, slanted]
    return np.array(half + half[::-1])
