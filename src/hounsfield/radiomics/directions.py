"""Directions between neighbouring voxels: 13 in a volume and 4 in a slice, the opposite ones left out (IBSI 3.6.1)."""

import itertools

import numpy as np
import numpy.typing as npt

Step = tuple[int, int, int]


def half_directions(*, is_planar: bool) -> tuple[Step, ...]:
    """Return one of each pair of opposite directions (slice, row, column) at Chebyshev distance 1."""
    steps = itertools.product((0,) if is_planar else (-1, 0, 1), (-1, 0, 1), (-1, 0, 1))
    return tuple(step for step in steps if step > (0, 0, 0))


def strides_of(steps: tuple[Step, ...], shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Return the distance in memory of each step in a contiguous array of a shape."""
    return np.array([(step[0] * shape[1] + step[1]) * shape[2] + step[2] for step in steps], dtype=np.int64)
