"""Closed planar contours of an RT Structure Set as pixels: inside by the even-odd rule at pixel centres."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.errors import DatasetError

PLANE_TOLERANCE_SLICES = 0.25
"""Distance of a point from the slice of its contour, in slices, up to which it lies in it."""

Bits = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]


def fill_polygons(polygons: Iterable[Points], shape: tuple[int, int]) -> Bits:
    """Return which pixel centres lie inside an odd number of polygons, so that a contour in another is a hole.

    Args:
        polygons: corners (n, 2) of each as row and column, pixel centres at whole numbers; each closes itself.
        shape: rows and columns.

    Every row of centres is cut with every edge (half open, so that a corner counts once); from each crossing on, the
    state of the pixels to the right of it turns round.
    """
    turns = np.zeros((shape[0], shape[1] + 1), dtype=np.int32)
    for corners in polygons:
        for (row_1, column_1), (row_2, column_2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            low, high = sorted((row_1, row_2))
            # rows with low <= row < high; an edge along a row crosses none
            rows = np.arange(max(0, int(np.ceil(low))), min(shape[0], int(np.ceil(high))))
            if not len(rows):
                continue
            columns = column_1 + (rows - row_1) * (column_2 - column_1) / (row_2 - row_1)
            first = np.clip(np.ceil(columns), 0, shape[1]).astype(np.int64)
            np.add.at(turns, (rows, first), 1)
    return np.asarray(np.cumsum(turns, axis=1)[:, :-1] % 2 == 1)


def rasterise(contours: Iterable[Points], grid: VolumeGeometry, name: str) -> Bits:
    """Return the pixels (slice, row, column) inside contours of points (n, 3) in LPS millimetres.

    Contours of slices that the grid does not have are left out.

    Raises:
        DatasetError: ``E886`` a contour that does not lie in a slice of the grid, or none that lies in it.
    """
    planes: dict[int, list[Points]] = {}
    outside = 0
    for points in contours:
        indices = grid.to_index(points)
        plane = int(np.round(indices[:, 0].mean()))
        if np.abs(indices[:, 0] - plane).max() > PLANE_TOLERANCE_SLICES:
            raise DatasetError("E886", path=name, found="a contour between or across slices")
        if 0 <= plane < grid.shape[0]:
            planes.setdefault(plane, []).append(indices[:, 1:])
        else:
            outside += 1
    if outside and not planes:
        raise DatasetError("E886", path=name, found=f"{outside} contours outside the series")
    inside = np.zeros(grid.shape, dtype=bool)
    for plane, polygons in planes.items():
        inside[plane] = fill_polygons(polygons, grid.shape[1:])
    return inside
