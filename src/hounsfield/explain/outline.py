"""Outline: closed polygons around what a map holds above a level, in the pixel coordinates of ``finding.Region``."""

from typing import cast

import contourpy
import numpy as np
import numpy.typing as npt

from hounsfield.finding.measure import polygon_area

Polygon = npt.NDArray[np.float64]

MINIMUM_AREA_FRACTION = 0.002
"""Outlines around less than this part of the image are specks."""

MAXIMUM_POLYGONS = 20


def outline(
    heat: npt.NDArray[np.float32], level: float = 0.5, minimum_area_fraction: float = MINIMUM_AREA_FRACTION
) -> tuple[Polygon, ...]:
    """Return closed outlines (n, 2) of column, row around the parts of a map (row, column) above a level.

    Coordinates have the upper left corner of the image at (0, 0), so the centre of the first pixel is (0.5, 0.5). The
    first point comes again as the last. Parts that reach the edge are closed along it. Holes are not outlined. Specks
    are left out; the largest outline comes first. Values between pixel centres are taken linearly.
    """
    rows, columns = heat.shape
    values = np.pad(np.nan_to_num(heat.astype(np.float64)), 1, mode="edge")
    generator = contourpy.contour_generator(
        _positions(columns), _positions(rows), values, fill_type=contourpy.FillType.OuterOffset
    )
    points, offsets = cast("tuple[list[Polygon], list[npt.NDArray[np.uint32]]]", generator.filled(level, np.inf))
    outer = [np.asarray(line[: offset[1]], dtype=np.float64) for line, offset in zip(points, offsets, strict=True)]
    kept = [polygon for polygon in outer if polygon_area(polygon) >= minimum_area_fraction * rows * columns]
    return tuple(sorted(kept, key=polygon_area, reverse=True)[:MAXIMUM_POLYGONS])


def _positions(count: int) -> npt.NDArray[np.float64]:
    """Return pixel centres with the two faces of the image as the outermost positions."""
    return np.concatenate([[0.0], np.arange(count) + 0.5, [float(count)]])
