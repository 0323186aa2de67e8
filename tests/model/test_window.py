"""The sliding window: every sample is covered, blends add up, and memory does not grow with the volume."""

import time
import tracemalloc

import numpy as np
import pytest

from hounsfield.model.window import patch_weights, slide, window_starts


@pytest.mark.parametrize("size", [1, 5, 16, 17, 40, 255])
@pytest.mark.parametrize("patch", [1, 4, 16])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.9])
def test_windows_cover_everything_and_overlap_enough(size: int, patch: int, overlap: float) -> None:
    starts = window_starts(size, patch, overlap)
    assert starts[0] == 0
    assert starts[-1] == max(0, size - patch)
    steps = np.diff(starts)
    assert (steps > 0).all()
    assert (steps <= max(1, np.ceil(patch * (1 - overlap)))).all()


def test_weights_are_highest_in_the_middle_and_never_nothing() -> None:
    weights = patch_weights((4, 8, 16))
    assert weights.shape == (4, 8, 16)
    assert weights.max() == weights[1, 3, 7] == weights[2, 4, 8]
    assert weights.min() > 0
    assert np.array_equal(weights, weights[::-1, ::-1, ::-1])
    one = patch_weights((1, 1, 9))[0, 0]
    places = (np.arange(9) - 4) / (9 / 8)
    np.testing.assert_allclose(one, np.maximum(np.exp(-(places**2) / 2), 1e-4), rtol=1e-5)


def colours(patch: np.ndarray) -> np.ndarray:
    """Return probabilities that depend on each sample alone."""
    return np.stack([patch[0], 1 - patch[0]]).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 20, 33), (9, 20, 33), (3, 5, 7), (17, 8, 8)])
@pytest.mark.parametrize("patch", [(1, 8, 8), (4, 8, 16), (16, 16, 16)])
def test_what_depends_on_a_sample_alone_comes_out_as_it_is(
    shape: tuple[int, int, int], patch: tuple[int, int, int]
) -> None:
    image = np.random.default_rng(0).random((1, *shape), dtype=np.float32)
    parts = list(slide(image, patch, 0.5, 2, colours))
    found = np.concatenate([part for _, part in parts], axis=1)
    np.testing.assert_allclose(found, colours(image), atol=1e-5)
    starts = [start for start, _ in parts]
    assert starts == list(np.cumsum([0, *(part.shape[1] for _, part in parts)])[:-1])


def test_overlapping_answers_are_weighted_means() -> None:
    """Two patches that answer 0 and 1: in between the answer is the share of the second's weight."""
    answers = iter([0.0, 1.0])

    def run(patch: np.ndarray) -> np.ndarray:
        return np.full((1, *patch.shape[1:]), next(answers), dtype=np.float32)

    ((_, found),) = slide(np.zeros((1, 1, 8, 12), dtype=np.float32), (1, 8, 8), 0.5, 1, run)
    weights = patch_weights((1, 8, 8))[0, 0]
    expected = [0.0] * 4 + list(weights[:4] / (weights[:4] + weights[4:])) + [1.0] * 4
    np.testing.assert_allclose(found[0, 0, 0], expected, atol=1e-6)


def test_an_image_smaller_than_the_patch_is_continued_with_zeros() -> None:
    seen = []

    def run(patch: np.ndarray) -> np.ndarray:
        seen.append(patch)
        return np.ones((2, *patch.shape[1:]), dtype=np.float32)

    ((start, found),) = slide(np.ones((3, 2, 5, 6), dtype=np.float32), (4, 8, 8), 0.5, 2, run)
    assert (start, found.shape) == (0, (2, 2, 5, 6))
    assert seen[0].shape == (3, 4, 8, 8)
    assert seen[0].sum() == 3 * 2 * 5 * 6


def test_memory_does_not_grow_with_the_slices() -> None:
    def peak(slices: int) -> int:
        image = np.zeros((1, slices, 64, 64), dtype=np.float32)
        tracemalloc.start()
        for _ in slide(image, (4, 64, 64), 0.5, 8, lambda patch: np.repeat(patch, 8, axis=0)):
            pass
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(96) < 1.2 * peak(12)


@pytest.mark.parametrize("shape", [(1, 5, 40, 33), (2, 9, 12, 20)])
def test_threads_give_the_same_bytes_in_the_same_order(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).random(shape).astype(np.float32)

    def run(patch: np.ndarray) -> np.ndarray:
        time.sleep(0.002 * float(patch[0, 0, 0, 0]))  # answers come out of turn
        return np.stack([patch.mean(0), patch.max(0)])

    one = list(slide(image, (3, 16, 16), 0.5, 2, run))
    four = list(slide(image, (3, 16, 16), 0.5, 2, run, 4))
    assert [start for start, _ in one] == [start for start, _ in four]
    assert all(first.tobytes() == second.tobytes() for (_, first), (_, second) in zip(one, four, strict=True))
