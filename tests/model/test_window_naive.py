"""The sliding window against a plain sum of weighted tiles, on odd shapes, and what no window may change."""

import tracemalloc
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from hounsfield.model.window import patch_weights, slide, window_starts

Triple = tuple[int, int, int]

SHAPES: list[tuple[Triple, Triple]] = [
    ((1, 13, 21), (1, 8, 8)),
    ((1, 5, 31), (1, 8, 16)),
    ((5, 9, 7), (3, 5, 4)),
    ((11, 9, 10), (4, 8, 8)),
    ((2, 17, 6), (5, 8, 8)),
    ((3, 3, 3), (4, 16, 8)),
    ((9, 16, 16), (1, 16, 16)),
]
"""Images and patches: one slice, sides that no patch divides, patches larger than the image along one axis or all."""


def strange(patch: np.ndarray) -> np.ndarray:
    """Return what depends on the place within the patch and on its whole content, as a network's answer does."""
    places = np.arange(np.prod(patch.shape[1:]), dtype=np.float64).reshape(patch.shape[1:])
    first = np.cos(places) * patch.astype(np.float64).mean() + patch[0]
    return np.stack([first, first**2, -places / places.size]).astype(np.float32)


def naive(image: np.ndarray, patch: Triple, overlap: float, run: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the weighted mean of every tile that covers a sample, one sample after the other, in double precision."""
    sides = image.shape[1:]
    whole = np.zeros((image.shape[0], *(max(pair) for pair in zip(sides, patch, strict=True))), dtype=np.float32)
    whole[:, : sides[0], : sides[1], : sides[2]] = image
    starts = [window_starts(side, wanted, overlap) for side, wanted in zip(sides, patch, strict=True)]
    weights = patch_weights(patch).astype(np.float64)
    tiles = []
    for place in product(*starts):
        box = tuple(slice(start, start + side) for start, side in zip(place, patch, strict=True))
        tiles.append((place, run(np.ascontiguousarray(whole[(slice(None), *box)])).astype(np.float64)))
    found = np.empty((3, *sides))
    for sample in np.ndindex(*sides):
        above, below = np.zeros(3), 0.0
        for place, answer in tiles:
            inner = tuple(here - start for here, start in zip(sample, place, strict=True))
            if all(0 <= here < side for here, side in zip(inner, patch, strict=True)):
                above += answer[(slice(None), *inner)] * weights[inner]
                below += weights[inner]
        found[(slice(None), *sample)] = above / below
    return found


def whole_of(image: np.ndarray, patch: Triple, overlap: float, labels: int, run: Callable) -> np.ndarray:
    return np.concatenate([part.copy() for _, part in slide(image, patch, overlap, labels, run)], axis=1)


@pytest.mark.parametrize(("shape", "patch"), SHAPES)
@pytest.mark.parametrize("overlap", [0.0, 0.6])
def test_it_is_the_sum_of_weighted_tiles(shape: Triple, patch: Triple, overlap: float) -> None:
    image = np.random.default_rng(sum(shape)).normal(size=(2, *shape)).astype(np.float32)
    found = whole_of(image, patch, overlap, 3, strange)
    assert found.dtype == np.float32
    assert found.shape == (3, *shape)
    np.testing.assert_allclose(found, naive(image, patch, overlap, strange), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("shape", "patch"), SHAPES)
def test_a_constant_and_a_linear_field_come_back_unchanged(shape: Triple, patch: Triple) -> None:
    slices, rows, columns = np.indices(shape, dtype=np.float32)
    image = np.stack([np.full(shape, 0.375, dtype=np.float32), slices - 2 * rows + 0.5 * columns])
    found = whole_of(image, patch, 0.5, 2, np.copy)
    np.testing.assert_allclose(found, image, rtol=1e-5, atol=1e-5)


def test_probabilities_stay_probabilities() -> None:
    def run(patch: np.ndarray) -> np.ndarray:
        powers = np.exp(strange(patch))
        return powers / powers.sum(axis=0)

    image = np.random.default_rng(3).normal(size=(1, 10, 21, 19)).astype(np.float32)
    found = whole_of(image, (4, 8, 8), 0.5, 3, run)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    assert found.min() >= 0


@pytest.mark.parametrize(("shape", "patch"), SHAPES)
def test_each_tile_is_run_once_and_slices_are_handed_out_once(shape: Triple, patch: Triple) -> None:
    seen: list[bytes] = []

    def run(tile: np.ndarray) -> np.ndarray:
        assert tile.flags.c_contiguous
        assert tile.shape == (1, *patch)
        seen.append(tile.tobytes())
        return tile

    image = 1 + np.arange(np.prod(shape), dtype=np.float32).reshape(1, *shape)
    handed = [start + index for start, part in slide(image, patch, 0.5, 1, run) for index in range(part.shape[1])]
    assert handed == list(range(shape[0]))
    count = np.prod([len(window_starts(side, wanted, 0.5)) for side, wanted in zip(shape, patch, strict=True)])
    assert len(set(seen)) == len(seen) == count


def test_what_was_handed_out_is_not_written_over() -> None:
    """A caller that keeps the parts, as this list does, must not find later slices in them."""
    image = np.random.default_rng(1).random((1, 12, 8, 8), dtype=np.float32)
    kept = [part for _, part in slide(image, (4, 8, 8), 0.5, 1, np.copy)]
    np.testing.assert_allclose(np.concatenate(kept, axis=1), image, atol=1e-6)


def test_the_image_given_is_left_as_it_is() -> None:
    image = np.random.default_rng(2).random((1, 3, 9, 9), dtype=np.float32)
    before = image.copy()

    def greedy(patch: np.ndarray) -> np.ndarray:
        answer = patch.copy()
        patch[:] = 0  # a network may work in place on what it was given
        return answer

    np.testing.assert_allclose(whole_of(image, (1, 9, 9), 0.0, 1, greedy), before, atol=1e-6)


@pytest.mark.parametrize("labels", [2, 16])
def test_no_more_than_a_patch_of_slices_is_held(labels: int) -> None:
    """The bound counts what has to be there: the running sums of one patch's slices, their copy, and what is given."""
    rows, patch = 48, (4, 48, 48)
    image = np.zeros((1, 160, rows, rows), dtype=np.float32)
    tracemalloc.start()
    try:
        for _ in slide(image, patch, 0.5, labels, lambda tile: np.repeat(tile, labels, axis=0)):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    sums = labels * int(np.prod(patch)) * 4
    assert peak < 4 * sums + 2**20 < labels * image.nbytes
