"""Kernel of the bilateral filter: whole rows are weighed against shifted rows, so that it runs in vector registers."""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled_reordered
from hounsfield.prepare.nlm_kernels import weights_of

Floats = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]

_ONE, _ZERO = np.float32(1.0), np.float32(0.0)


@compiled_reordered
def weigh(values: Floats, totals: Floats, weights: Floats, rows: tuple[Floats, Floats], nearness: np.float32) -> None:
    """Add a shifted row's weighted difference from the row, and the weights; ``weights`` holds the likeness."""
    here, there = rows
    for c in range(weights.size):
        weight = nearness * weights[c]
        values[c] += weight * (there[c] - here[c])
        totals[c] += weight


@compiled_reordered
def mean_of_near_and_alike(tile: Floats, offsets: Counts, nearness: Floats, scale: np.float32, out: Floats) -> None:
    """Fill a part of an image with the mean of the samples around each, weighted by place and by value.

    Differences are averaged, not samples, so that an offset of the samples costs no digits.

    Args:
        tile: (slice, row, column), larger than ``out`` by a margin on every side.
        offsets: (neighbour, axis), none beyond the margin, without the sample itself.
        nearness: weight of each neighbour for its place; that of the sample itself is 1.
        scale: 1 / (2 s^2) for the standard deviation s of values that are alike.
        out: (slice, row, column).
    """
    margin_s, margin_r = (tile.shape[0] - out.shape[0]) // 2, (tile.shape[1] - out.shape[1]) // 2
    margin_c, width = (tile.shape[2] - out.shape[2]) // 2, out.shape[2]
    values, totals = np.empty(width, np.float32), np.empty(width, np.float32)
    weights = np.empty(width, np.float32)
    for s in range(out.shape[0]):
        for r in range(out.shape[1]):
            here = tile[s + margin_s, r + margin_r, margin_c : margin_c + width]
            values[:] = _ZERO
            totals[:] = _ONE
            for k in range(nearness.size):
                first = margin_c + offsets[k, 2]
                there = tile[s + margin_s + offsets[k, 0], r + margin_r + offsets[k, 1], first : first + width]
                for c in range(width):
                    difference = there[c] - here[c]
                    weights[c] = difference * difference
                weights_of(weights, _ZERO, scale)
                weigh(values, totals, weights, (here, there), nearness[k])
            for c in range(width):
                out[s, r, c] = here[c] + values[c] / totals[c]
