"""Compiled loops over the corners of a hull: the boxes that lie on its faces, and the least ellipsoid about it."""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled, compiled_reordered

Points = npt.NDArray[np.float64]


@compiled_reordered
def box_sides(corners: Points, axes: Points, sides: Points) -> None:
    """Write how far the corners reach along each axis of each box.

    Args:
        corners: (3, point), one row an axis of the image.
        axes: (box, 3, 3) unit vectors, one a row.
        sides: (box, 3) is written.
    """
    across, down, along = corners[0], corners[1], corners[2]
    for box in range(axes.shape[0]):
        for axis in range(3):
            first, second, third = axes[box, axis, 0], axes[box, axis, 1], axes[box, axis, 2]
            low = high = first * across[0] + second * down[0] + third * along[0]
            for point in range(across.size):
                reach = first * across[point] + second * down[point] + third * along[point]
                low = min(low, reach)
                high = max(high, reach)
            sides[box, axis] = high - low


@compiled
def weigh_corners(lifted: Points, inverse: Points, weights: Points, tolerance: float, rounds: int) -> None:
    """Change the weights of points until the ellipsoid they span holds all of them (Khachiyan 1996; away steps).

    The inverse of the weighted scatter is kept up by rank-one updates (Todd and Yildirim 2007).

    Args:
        lifted: (point, 4), each with a 1 behind it.
        inverse: (4, 4) of the scatter with the weights given; changed.
        weights: (point,), positive; changed.
        tolerance: on how far a point may lie outside.
        rounds: at most.
    """
    width = lifted.shape[1]
    reach = np.empty(lifted.shape[0])
    for point in range(reach.size):
        reach[point] = lifted[point] @ inverse @ lifted[point]
    for _ in range(rounds):
        place, step = _next_step(reach, weights, width, tolerance)
        if step == 0:
            return
        weights *= 1 - step
        weights[place] = max(0.0, weights[place] + step)
        along = inverse @ lifted[place]
        share = step / (1 - step + step * reach[place])
        for row in range(width):
            for column in range(width):
                inverse[row, column] = (inverse[row, column] - share * along[row] * along[column]) / (1 - step)
        for point in range(reach.size):
            part = 0.0
            for column in range(width):
                part += lifted[point, column] * along[column]
            reach[point] = (reach[point] - share * part * part) / (1 - step)


@compiled
def _next_step(
    reach: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], width: int, tolerance: float
) -> tuple[int, float]:
    """Return the point whose weight changes and the step: 0 where all points lie inside within the tolerance."""
    far, near = 0, -1
    for point in range(reach.size):
        if reach[point] > reach[far]:
            far = point
        if weights[point] > 0 and (near < 0 or reach[point] < reach[near]):
            near = point
    grow, shrink = reach[far] / width - 1, 1 - reach[near] / width
    if max(grow, shrink) <= tolerance:
        return far, 0.0
    place = far if grow > shrink else near
    step = (reach[place] - width) / (width * (reach[place] - 1))
    return place, step if place == far else max(step, -weights[near] / (1 - weights[near]))
