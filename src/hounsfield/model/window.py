"""Sliding window: a network that sees a patch at a time answers for a whole image, in bounded memory.

Patches overlap, and each answer counts by a Gaussian about the centre of its patch, since a network knows least at its
edge (Isensee 2021, methods, "inference"). Patches are taken slice by slice from the first to the last; as soon as no
further patch can reach a slice, its probabilities are handed out and their memory is used again.
"""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import in_order

Floats = npt.NDArray[np.float32]
Triple = tuple[int, int, int]
Run = Callable[[Floats], Floats]
"""Takes one patch (channel, slice, row, column) and returns its probabilities (label, slice, row, column)."""

WIDTH_FRACTION = 1 / 8
"""Deviation of the Gaussian as a part of each side, as in nnU-Net."""


def window_starts(size: int, patch: int, overlap_fraction: float) -> tuple[int, ...]:
    """Return where patches start along one axis: evenly spread, the last one at the end.

    >>> window_starts(10, 4, 0.5)
    (0, 2, 4, 6)
    >>> window_starts(3, 4, 0.5)
    (0,)
    """
    last = max(0, size - patch)
    step = max(1.0, patch * (1 - overlap_fraction))
    count = int(np.ceil(last / step)) + 1
    return tuple(sorted({round(float(place)) for place in np.linspace(0, last, count)}))


def patch_weights(patch: Triple) -> Floats:
    """Return the weight (slice, row, column) of each sample of a patch: a Gaussian, 1 at most, never 0."""
    weights = np.ones((1, 1, 1), dtype=np.float64)
    for axis, side in enumerate(patch):
        places = np.arange(side) - (side - 1) / 2
        one = np.exp(-0.5 * (places / max(side * WIDTH_FRACTION, 1e-3)) ** 2) if side > 1 else np.ones(1)
        shape = [1, 1, 1]
        shape[axis] = side
        weights = weights * one.reshape(shape)
    return np.maximum(weights, 1e-4 * float(weights.max())).astype(np.float32)


def slide(
    image: Floats, patch: Triple, overlap_fraction: float, label_count: int, run: Run, threads: int = 1
) -> Iterator[tuple[int, Floats]]:
    """Run a network over an image and give (first slice, probabilities (label, slice, row, column)) from top to bottom.

    At any time the probabilities of as many slices as a patch has are held, whatever the number of slices.

    Args:
        image: (channel, slice, row, column); where it is smaller than the patch it is continued with 0.
        patch: (slice, row, column).
        overlap_fraction: part of a patch that the next one covers again.
        label_count: labels that ``run`` returns.
        run: the network; with several threads it is called from each of them.
        threads: patches at a time. Answers are summed in the order of the patches, so the sum does not depend on it.
    """
    sides = image.shape[1:]
    missing = [max(0, wanted - side) for wanted, side in zip(patch, sides, strict=True)]
    padded = np.pad(image, [(0, 0), *((0, more) for more in missing)]) if any(missing) else image
    rows, columns = padded.shape[2:]
    across = [window_starts(rows, patch[1], overlap_fraction), window_starts(columns, patch[2], overlap_fraction)]
    down = window_starts(padded.shape[1], patch[0], overlap_fraction)
    weights = patch_weights(patch)
    total = np.zeros((label_count, patch[0], rows, columns), dtype=np.float32)
    weight = np.zeros((patch[0], rows, columns), dtype=np.float32)

    def answer(at: tuple[int, ...]) -> Floats:
        first, row, column = at
        seen = padded[:, first : first + patch[0], row : row + patch[1], column : column + patch[2]]
        return np.asarray(run(np.ascontiguousarray(seen)) * weights, dtype=np.float32)

    answers = in_order(answer, product(down, *across), threads)
    for start, following in zip(down, (*down[1:], padded.shape[1]), strict=True):
        for row, column in product(*across):
            place = (slice(row, row + patch[1]), slice(column, column + patch[2]))
            total[:, :, place[0], place[1]] += next(answers)
            weight[:, place[0], place[1]] += weights
        done = following - start
        kept = min(done, sides[0] - start)
        if kept > 0:
            yield start, (total[:, :kept] / weight[:kept])[..., : sides[1], : sides[2]]
        _move_up(total, weight, done)


def _move_up(total: Floats, weight: Floats, done: int) -> None:
    """Drop the slices that are finished, and make room for as many new ones below."""
    depth = weight.shape[0]
    total[:, : depth - done] = total[:, done:].copy()
    weight[: depth - done] = weight[done:].copy()
    total[:, depth - done :] = 0
    weight[depth - done :] = 0
