"""Distances of sets of images: against analytic answers, scipy's matrix root, sums by hand, and planted sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from sklearn.neighbors import NearestNeighbors

from hounsfield.metrics.synthesis import (
    BLOCKS,
    LEAST_BLOCK,
    frechet_distance,
    frechet_distance_interval,
    kernel_distance,
    kernel_distance_interval,
    manifolds,
)


def normal(count: int, size: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, scale, (count, size))


def whitened(count: int, size: int, seed: int) -> np.ndarray:
    """Return points whose mean is 0 and whose covariance is the identity, exactly."""
    points = normal(count, size, seed)
    points -= points.mean(0)
    return points @ np.linalg.inv(np.linalg.cholesky(np.cov(points, rowvar=False))).T


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (2.0, 1.0), (0.0, 3.0), (-1.5, 0.25)])
def test_frechet_distance_of_two_normals_is_the_closed_form(shift: float, scale: float) -> None:
    """Of N(0, I) and N(s, c² I) in d dimensions it is d s² + d (1 - c)²."""
    real = whitened(400, 6, 1)
    made = whitened(300, 6, 2) * scale + shift
    assert frechet_distance(real, made) == pytest.approx(6 * shift**2 + 6 * (1 - scale) ** 2, abs=1e-9)


def test_frechet_distance_is_that_of_the_matrix_root() -> None:
    mix = np.random.default_rng(3).normal(size=(8, 8))
    real, made = normal(60, 8, 4) @ mix, normal(70, 8, 5, 0.3) + 1
    one, other = np.cov(real, rowvar=False), np.cov(made, rowvar=False)
    shift = real.mean(0) - made.mean(0)
    expected = shift @ shift + np.trace(one + other - 2 * np.real(sqrtm(one @ other)))
    assert frechet_distance(real, made) == pytest.approx(float(expected), rel=1e-9)


def test_frechet_distance_stands_fewer_images_than_features() -> None:
    real, made = normal(5, 20, 6), normal(6, 20, 7, 1.0)
    expected = float(((real.mean(0) - made.mean(0)) ** 2).sum())
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(real, made) > expected
    assert np.isfinite(frechet_distance(real, np.zeros((4, 20))))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 7))
def test_distances_are_symmetric_and_blind_to_order(seed: int, size: int) -> None:
    real, made = normal(30, size, seed), normal(25, size, seed + 1, 0.5, 2)
    turned = made[::-1]
    for distance in (frechet_distance, kernel_distance):
        assert distance(real, made) == pytest.approx(distance(made, real), rel=1e-7, abs=1e-9)
        assert distance(real, made) == pytest.approx(distance(real, turned), rel=1e-7, abs=1e-9)


def test_frechet_distance_of_features_turned_together_stays() -> None:
    turn = np.linalg.qr(normal(5, 5, 8))[0]
    real, made = normal(50, 5, 9), normal(50, 5, 10, 1, 2)
    assert frechet_distance(real @ turn, made @ turn) == pytest.approx(frechet_distance(real, made), rel=1e-9)


def test_kernel_distance_is_the_sum_by_hand() -> None:
    real, made = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]), np.array([[0.0, 0.0], [3.0, 1.0]])

    def kernel(one: np.ndarray, other: np.ndarray) -> float:
        return float((one @ other / 2 + 1) ** 3)

    own = [kernel(real[i], real[j]) for i in range(3) for j in range(3) if i != j]
    theirs = [kernel(made[i], made[j]) for i in range(2) for j in range(2) if i != j]
    across = [kernel(one, other) for one in real for other in made]
    expected = sum(own) / 6 + sum(theirs) / 2 - 2 * sum(across) / 6
    assert kernel_distance(real, made) == pytest.approx(expected)


def test_kernel_distance_is_unbiased_where_the_plain_one_is_not() -> None:
    values = [kernel_distance(normal(12, 4, seed), normal(12, 4, 5000 + seed)) for seed in range(400)]
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 3 * error
    assert min(values) < 0


def test_interval_of_the_kernel_distance_holds_the_truth_and_tells_a_shift() -> None:
    """Of one-dimensional N(0,1) and N(1,1) the expected distance follows from the moments of the normal."""
    moments = {1: (0.0, 1.0), 2: (1.0, 2.0), 3: (0.0, 4.0)}
    expected = sum(weight * (moments[k][0] - moments[k][1]) ** 2 for k, weight in ((1, 3), (2, 3), (3, 1)))
    hits = 0
    for seed in range(60):
        real, made = normal(400, 1, seed), normal(400, 1, 900 + seed, 1.0)
        found = kernel_distance_interval(real, made, seed=seed)
        assert found.low < found.value < found.high
        assert found.low > 0
        hits += found.low <= expected <= found.high
    assert hits >= 50


def test_blocks_are_no_smaller_than_they_may_be() -> None:
    few = kernel_distance_interval(normal(2 * LEAST_BLOCK, 3, 1), normal(2 * LEAST_BLOCK, 3, 2))
    many = kernel_distance_interval(normal(400, 3, 1), normal(400, 3, 2), BLOCKS)
    assert many.high - many.low < few.high - few.low
    assert kernel_distance_interval(normal(40, 3, 1), normal(40, 3, 2)) == kernel_distance_interval(
        normal(40, 3, 1), normal(40, 3, 2)
    )


def test_a_set_covers_itself_and_nothing_far_away() -> None:
    real = normal(80, 3, 11)
    same = manifolds(real, real)
    assert (same.precision, same.recall, same.coverage) == (1.0, 1.0, 1.0)
    assert same.density >= 1
    far = manifolds(real, real + 100)
    assert (far.precision, far.recall, far.density, far.coverage) == (0, 0, 0, 0)


def test_a_generator_of_one_kind_is_precise_and_covers_half() -> None:
    kinds = np.concatenate([normal(100, 2, 12), normal(100, 2, 13, 50)])
    found = manifolds(kinds, normal(100, 2, 14))
    assert found.precision > 0.85
    assert found.recall <= 0.5
    assert 0.3 < found.coverage <= 0.5


def test_one_outlier_inflates_precision_and_not_density() -> None:
    real = np.concatenate([normal(100, 2, 15), [[40.0, 40.0]]])
    made = normal(100, 2, 16, 20)
    found = manifolds(real, made, neighbours=3)
    assert found.precision == 1.0
    assert found.density < 0.5
    assert found.coverage < 0.05


def test_precision_is_that_of_scikit_learns_neighbours() -> None:
    real, made = normal(50, 4, 17), normal(40, 4, 18, 0.8)
    reach = NearestNeighbors(n_neighbors=4).fit(real).kneighbors(real)[0][:, -1]
    distances = np.linalg.norm(real[:, None] - made[None], axis=2)
    expected = np.mean([(distances[:, index] <= reach).any() for index in range(40)])
    assert manifolds(real, made, neighbours=3).precision == pytest.approx(float(expected))


def test_interval_of_the_frechet_distance_has_the_spread_of_repeated_samples() -> None:
    """The half-width over Student's quantile is a standard error: it agrees with the deviation over fresh samples."""
    found = [frechet_distance_interval(normal(200, 2, seed), normal(200, 2, 700 + seed, 1.0)) for seed in range(80)]
    spread = float(np.std([item.value for item in found]))
    quantile = 2.262157  # of Student's t with nine degrees, 97.5 %
    assert np.median([(item.high - item.value) / quantile for item in found]) == pytest.approx(spread, rel=0.3)
    plain = frechet_distance(normal(200, 2, 0), normal(200, 2, 700, 1.0))
    assert found[0].value == plain
    assert all(0 <= item.low < item.value < item.high for item in found)
