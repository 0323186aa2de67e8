"""Sets of images compared: against scikit-learn and trees, and blind to what does not change how they lie."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial import cKDTree
from sklearn.metrics.pairwise import polynomial_kernel

from hounsfield.metrics.copying import copying
from hounsfield.metrics.synthesis import frechet_distance, kernel_distance, kernel_distance_interval, manifolds

Points = npt.NDArray[np.float64]


def points(count: int, seed: int, size: int = 5, shift: float = 0.0) -> Points:
    return np.random.default_rng(seed).normal(shift, 1, (count, size))


def turn(seed: int, size: int = 5) -> Points:
    return np.asarray(np.linalg.qr(points(size, seed, size))[0])


@pytest.mark.parametrize("scale", [0.1, 3.0])
def test_the_frechet_distance_grows_with_the_square_of_the_unit(scale: float) -> None:
    real, made = points(80, 0), points(90, 1, shift=0.7)
    assert frechet_distance(scale * real, scale * made) == pytest.approx(scale**2 * frechet_distance(real, made))


def test_the_frechet_distance_of_normals_along_their_axes_is_that_of_deviations() -> None:
    """Of diagonal covariances it is the sum of (m1 - m2)² + (s1 - s2)²; crosses of four points have such exactly."""
    first, second = np.array([1.0, 2.0, 0.5]), np.array([2.0, 2.0, 3.0])
    real, made = (np.vstack([np.diag(one), -np.diag(one)]) for one in (first, second))
    deviations = [one * np.sqrt(2 / 5) for one in (first, second)]  # 2 of 6 points, ddof 1
    shift = np.array([3.0, 0.0, -1.0])
    expected = float((shift**2).sum() + ((deviations[0] - deviations[1]) ** 2).sum())
    assert frechet_distance(real, made + shift) == pytest.approx(expected)


def test_the_kernel_distance_is_that_of_scikit_learn_s_kernel() -> None:
    real, made = points(40, 2), points(30, 3, shift=0.5)
    within = []
    for one in (real, made):
        kernel = polynomial_kernel(one, degree=3, coef0=1)
        np.fill_diagonal(kernel, 0)
        within.append(kernel.sum() / (len(one) * (len(one) - 1)))
    across = polynomial_kernel(real, made, degree=3, coef0=1).mean()
    assert kernel_distance(real, made) == pytest.approx(sum(within) - 2 * across)


def test_the_kernel_distance_is_blind_to_a_common_turn_and_to_its_order() -> None:
    real, made, around = points(60, 4), points(50, 5, shift=0.4), turn(6)
    plain = kernel_distance(real, made)
    assert kernel_distance(real @ around, made @ around) == pytest.approx(plain)
    assert kernel_distance(made, real) == pytest.approx(plain)
    assert kernel_distance(real, made) > kernel_distance(real, points(50, 5))


def test_the_interval_of_the_kernel_distance_narrows_with_more_images() -> None:
    widths = []
    for count in (100, 1600):
        found = [kernel_distance_interval(points(count, s), points(count, 50 + s, shift=0.5)) for s in range(6)]
        widths.append(np.mean([one.high - one.low for one in found]))
        assert all(one.low <= one.value <= one.high for one in found)
    assert widths[1] < widths[0] / 2


def test_precision_and_recall_change_places_with_the_sets() -> None:
    real, made = points(90, 7), points(70, 8, shift=0.6)
    one, other = manifolds(real, made), manifolds(made, real)
    assert (one.precision, one.recall) == (other.recall, other.precision)
    assert 0 < one.precision < 1


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e7])
def test_how_sets_overlap_does_not_hang_on_where_they_lie(offset: float) -> None:
    real, made = points(90, 9), points(70, 10, shift=0.6)
    first, second = manifolds(real, made), manifolds(3 * real @ turn(11) + offset, 3 * made @ turn(11) + offset)
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(second, name) == pytest.approx(getattr(first, name), abs=1e-9)


def test_every_image_is_compared_where_they_are_many() -> None:
    known, unseen, made = points(1500, 12, 3), points(300, 13, 3), points(3000, 14, 3)
    found = copying(known, unseen, made)
    distances, nearest = cKDTree(known).query(made)
    assert found.distances == pytest.approx(distances, abs=1e-9)
    assert np.array_equal(found.nearest, nearest)
    eleven, _ = cKDTree(known).query(unseen, k=11)
    assert found.held_out_relative == pytest.approx(eleven[:, 0] / eleven[:, 1:].mean(axis=1))
    to_unseen, _ = cKDTree(unseen).query(made)
    assert found.drawn_share == pytest.approx((distances <= to_unseen).mean())
    assert found.expected_share == pytest.approx(1500 / 1800)


@pytest.mark.parametrize("offset", [1e3, 1e7])
def test_copies_are_as_near_wherever_the_features_lie(offset: float) -> None:
    """A feature such as a volume in mm³ is far from 0: squares of it have no digits left for small distances."""
    known, unseen = points(200, 15), points(100, 16)
    made = known[:60] + 0.001
    near, far = copying(known, unseen, made), copying(known + offset, unseen + offset, made + offset)
    assert near.distances == pytest.approx(np.full(60, 0.001 * np.sqrt(5)), rel=1e-6)
    assert far.distances == pytest.approx(near.distances, rel=1e-4)
    assert np.array_equal(far.nearest, np.arange(60))
    assert far.relative_p == near.relative_p
    assert near.is_copying


def test_what_is_judged_does_not_hang_on_unit_turn_or_order() -> None:
    known, unseen, made = points(120, 17), points(80, 18), points(70, 19)
    plain = copying(known, unseen, made)
    turned = copying(*(0.01 * one @ turn(20) for one in (known, unseen, made)))
    assert turned.relative == pytest.approx(plain.relative)
    assert (turned.nearer_p, turned.relative_p, turned.drawn_p) == (plain.nearer_p, plain.relative_p, plain.drawn_p)
    order = np.random.default_rng(21).permutation(70)
    mixed = copying(known, unseen, made[order])
    assert mixed.distances == pytest.approx(plain.distances[order])
    assert (mixed.relative_p, mixed.drawn_share) == (plain.relative_p, plain.drawn_share)
    assert not plain.is_copying


def test_the_closest_are_asked_for_by_number_and_come_in_order() -> None:
    known = points(100, 22)
    made = points(40, 23)
    made[[30, 4, 17]] = known[[9, 8, 7]] + np.array([[1e-3], [1e-2], [5e-2]])
    found = copying(known, points(50, 24), made)
    assert found.closest(3) == ((30, 9), (4, 8), (17, 7))
    assert found.closest(0) == ()
    assert len(found.closest(1000)) == 40
