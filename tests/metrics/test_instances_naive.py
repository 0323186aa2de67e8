"""Objects: F1 at an overlap of a half against the best assignment, in bounded memory, and discs that touch."""

import tracemalloc

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from hounsfield.metrics.instances import ObjectCounts, match_objects
from hounsfield.model.instances import decode_instances, with_borders


def assigned(found: np.ndarray, drawn: np.ndarray, least: float = 0.5) -> ObjectCounts:
    """Return the counts of the assignment of as many pairs as can be made (Hungarian method), over sets of samples."""
    first = [set(np.flatnonzero(found == number).tolist()) for number in np.unique(found) if number]
    second = [set(np.flatnonzero(drawn == number).tolist()) for number in np.unique(drawn) if number]
    is_pair = np.array([[len(one & other) / len(one | other) > least for other in second] for one in first])
    is_pair = is_pair.reshape(len(first), len(second))
    rows, columns = linear_sum_assignment(is_pair, maximize=True)
    return ObjectCounts(int(is_pair[rows, columns].sum()), len(first), len(second))


def discs(centres: list[tuple[float, float]], radius: float, shape: tuple[int, int] = (48, 64)) -> np.ndarray:
    """Return numbered discs (1, row, column); where two would cover a sample the nearer one has it."""
    rows, columns = np.indices(shape)
    distances = np.stack([np.hypot(rows - row, columns - column) for row, column in centres])
    return np.where(distances.min(0) <= radius, distances.argmin(0) + 1, 0)[None].astype(np.int32)


@pytest.mark.parametrize("seed", range(6))
def test_counts_are_those_of_the_best_assignment(seed: int) -> None:
    chance = np.random.default_rng(seed)
    centres = [
        (row + chance.uniform(-2, 2), column + chance.uniform(-2, 2)) for row in (8, 24, 40) for column in (9, 31, 53)
    ]
    drawn = discs(centres, 7)
    moved = [
        (row + chance.normal(0, 2), column + chance.normal(0, 2)) for row, column in centres if chance.random() < 0.8
    ]
    found = discs(moved, chance.uniform(5, 8))
    expected = assigned(found, drawn)
    assert match_objects(found, drawn) == expected
    precision, recall = expected.matched / expected.found, expected.matched / expected.drawn
    harmonic = 2 * precision * recall / (precision + recall) if expected.matched else 0.0
    assert match_objects(found, drawn).f1_score == pytest.approx(harmonic)


@pytest.mark.parametrize("seed", range(3))
def test_volumes_are_matched_as_pictures_are(seed: int) -> None:
    chance = np.random.default_rng(seed)
    drawn = np.kron(chance.integers(0, 6, (2, 3, 4)), np.ones((3, 3, 2), dtype=np.int64))
    found = np.roll(drawn, chance.integers(0, 2, 3), (0, 1, 2))
    assert match_objects(found, drawn) == assigned(found, drawn)


def test_an_intersection_over_union_by_hand() -> None:
    drawn, found = np.zeros((1, 10, 10), np.int32), np.zeros((1, 10, 10), np.int32)
    drawn[0, :6, :5], found[0, 2:8, :5] = 4, 9  # 20 common of 40: exactly a half
    assert match_objects(found, drawn) == ObjectCounts(0, 1, 1)
    found[0, 1, 0] = 9  # 21 of 40
    assert match_objects(found, drawn) == ObjectCounts(1, 1, 1)
    assert match_objects(found, drawn, 0.6) == ObjectCounts(0, 1, 1)


def test_merging_two_objects_and_splitting_one_cost_what_they_must() -> None:
    drawn = discs([(24, 16), (24, 40)], 9)
    assert match_objects((drawn > 0).astype(np.int32), drawn) == ObjectCounts(0, 1, 2)
    halves = np.where((drawn == 1) & (np.arange(64) < 16), 3, drawn)
    found = match_objects(halves, drawn)
    assert (found.matched, found.found, found.drawn) == (2, 3, 2)
    assert found.f1_score == pytest.approx(0.8)


def test_thousands_of_objects_take_the_memory_of_their_image() -> None:
    """A slide has thousands of nuclei; a table of every pair of them would take hundreds of megabytes."""
    drawn = np.kron(np.arange(1, 70 * 70 + 1).reshape(70, 70), np.ones((3, 3), dtype=np.int64))
    found = np.where(np.arange(drawn.shape[1]) % 6 == 0, 0, drawn)
    tracemalloc.start()
    try:
        counts = match_objects(found, drawn)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert counts == ObjectCounts(4900, 4900, 4900)
    assert peak < 20 * drawn.nbytes


@pytest.mark.parametrize("apart", [11, 12, 13, 14, 17])
def test_touching_discs_are_decoded_one_by_one(apart: int) -> None:
    """Discs of radius 7 that overlap, touch or stand apart: each comes back with nearly all its samples."""
    drawn = discs([(24, 20), (24, 20 + apart), (24 - apart, 20)], 7)
    found = decode_instances(with_borders(drawn))
    counts = match_objects(found, drawn, 0.9)
    assert counts == ObjectCounts(3, 3, 3)
    assert np.array_equal(found > 0, drawn > 0)


@pytest.mark.parametrize(("at", "number"), [((2, 4, 4), 1), ((2, 4, 20), 2)])
def test_decoding_keeps_objects_of_a_stack_together_over_slices(at: tuple[int, int, int], number: int) -> None:
    objects = np.zeros((5, 12, 26), dtype=np.int32)
    objects[1:4, 1:9, 1:11], objects[1:4, 1:9, 14:25] = 7, 3
    found = decode_instances(with_borders(objects))
    assert found[at] == number
    assert match_objects(found, objects, 0.9) == ObjectCounts(2, 2, 2)
    assert set(np.unique(found[:, at[1], at[2]])) == {0, number}
