"""The copying test: planted memorisers are caught, honest and merely smooth generators are not."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from hounsfield.metrics.copying import LEVEL, Copying, copying

SIZE = 12


def drawn(count: int, seed: int, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, (count, SIZE))


def judged(made: np.ndarray, seed: int = 0) -> Copying:
    return copying(drawn(300, seed), drawn(100, 1000 + seed), made, seed)


def test_a_memoriser_is_caught_and_its_pairs_are_named() -> None:
    training = drawn(300, 0)
    picked = np.random.default_rng(5).integers(0, 300, 80)
    found = judged(training[picked] + drawn(80, 6, 0.01))
    assert found.is_copying
    assert found.nearer_p < 1e-6
    assert found.relative_p < LEVEL / 2
    assert found.drawn_p < LEVEL / 2
    assert found.drawn_share == 1.0
    assert np.array_equal(found.nearest, picked)
    assert all(picked[made] == real for made, real in found.closest(10))


@pytest.mark.parametrize("share", [0.1, 0.2])
def test_a_generator_that_copies_now_and_then_is_caught(share: float) -> None:
    made = drawn(200, 7)
    copied = int(share * len(made))
    made[:copied] = drawn(300, 0)[:copied]
    found = judged(made)
    assert found.is_copying
    assert found.relative_p < LEVEL / 2
    assert {index for index, _ in found.closest(copied)} == set(range(copied))


def test_an_honest_generator_is_cleared_as_often_as_the_level_says() -> None:
    verdicts = [judged(drawn(120, 4000 + seed), seed).is_copying for seed in range(30)]
    assert sum(verdicts) <= 2


def test_copies_of_unseen_images_are_no_copies_of_training() -> None:
    found = judged(drawn(100, 1000))
    assert found.drawn_share == 0
    assert found.drawn_p == pytest.approx(1)
    assert found.relative_p > 0.2
    assert not found.is_copying


def test_a_smooth_generator_is_nearer_to_everything_and_does_not_copy() -> None:
    """Images with less spread lie near the centre: nearer to training than real ones are, and nearer to all others."""
    found = judged(drawn(120, 8, 0.3))
    assert found.nearer_p < 1e-6
    assert not found.is_copying
    assert found.drawn_p > LEVEL  # a few central images draw them all, which shuffling the parts allows for
    assert found.relative_p > LEVEL


def test_the_rank_test_is_scipys_and_distances_are_plain() -> None:
    training, unseen, made = drawn(30, 1), drawn(20, 2), drawn(25, 3)
    found = copying(training, unseen, made)
    direct = np.linalg.norm(made[:, None] - training[None], axis=2)
    assert found.distances == pytest.approx(direct.min(1))
    assert np.array_equal(found.nearest, direct.argmin(1))
    held = np.linalg.norm(unseen[:, None] - training[None], axis=2).min(1)
    assert found.held_out_distances == pytest.approx(held)
    assert found.nearer_p == pytest.approx(float(mannwhitneyu(direct.min(1), held, alternative="less").pvalue))
    ordered = np.sort(direct, axis=1)
    assert found.relative == pytest.approx(ordered[:, 0] / ordered[:, 1:11].mean(1))
    assert found.expected_share == pytest.approx(0.6)


def test_the_same_seed_gives_the_same_verdict_and_few_images_are_stood() -> None:
    made = drawn(10, 9)
    assert judged(made).drawn_p == judged(made).drawn_p
    small = copying(drawn(3, 1), drawn(2, 2), drawn(2, 3))
    assert 0 < small.drawn_p <= 1
    assert 0 < small.relative_p <= 1


def test_training_images_that_are_all_one_do_not_divide_by_zero() -> None:
    found = copying(np.zeros((20, 4)), drawn(20, 1)[:, :4], np.zeros((20, 4)))
    assert np.isfinite(found.relative).all()
