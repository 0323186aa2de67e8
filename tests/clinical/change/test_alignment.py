"""Alignments against scipy and closed forms, where a way leads over several examinations, and what is told of many."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from hounsfield.clinical.change.alignment import IDENTITY, Alignment, Displacements, rigid_alignment
from hounsfield.clinical.change.lesion import Examination, Lesion
from hounsfield.clinical.change.prior import Compared, _told, _trend, _way
from hounsfield.clinical.change.registration import Registering, coarsened
from hounsfield.clinical.change.trust import AlignmentQuality, Registration
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from tests.clinical.change import moved

GRID = VolumeGeometry((6, 7, 8), (5.0, 4.0, 3.0), (-10.0, -12.0, -14.0))
GOOD = AlignmentQuality(1.1, 1.3, 0.9, 1.0, 0.0, 0.8)
BAD = AlignmentQuality(1.1, 1.0, 0.9, 1.0, 0.0, 0.8)
POINTS = np.random.default_rng(8).uniform(-8, 6, (50, 3))


def field(seed=0, scale=0.5):
    return np.random.default_rng(seed).normal(0, scale, (*GRID.shape, 3)).astype(np.float32)


def test_displacements_between_nodes_are_those_of_scipy():
    vectors = field()
    axes = [np.arange(count) for count in GRID.shape]
    peer = RegularGridInterpolator(axes, vectors)
    inside = GRID.to_patient(np.random.default_rng(1).uniform(0, 5, (40, 3)))
    assert np.allclose(Displacements(GRID, vectors).at(inside), peer(GRID.to_index(inside)), atol=1e-5)


def test_displacements_stay_constant_beyond_the_border():
    vectors = field(2)
    beyond = GRID.to_patient([(-4, -9, -3), (50, 60, 70)])
    assert np.allclose(Displacements(GRID, vectors).at(beyond), vectors[[0, -1], [0, -1], [0, -1]], atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_the_inverse_of_smooth_deformations_on_top_of_motions(seed):
    matrix = np.array(rigid_alignment(moved.turn(10 * seed, (1, 2, 3)), (3.0, -seed, 4.0)).matrix)
    bent = Alignment(tuple(map(tuple, matrix)), Displacements(GRID, field(seed, 0.3)))
    assert np.abs(bent.to_later(bent.to_earlier(POINTS)) - POINTS).max() < 5e-3
    assert np.abs(bent.to_earlier(bent.to_later(POINTS)) - POINTS).max() < 5e-3


@pytest.mark.parametrize("degrees", [0.0, 1.0, 45.0, 90.0, 179.0])
def test_the_angle_of_a_turn(degrees):
    made = rigid_alignment(moved.turn(degrees, (3, -1, 2)), (9, 9, 9))
    assert made.rotation_degrees == pytest.approx(degrees, abs=1e-4)
    assert np.allclose(made.jacobian(), 1)
    assert not made.is_deformable


def test_the_rigid_part_is_the_motion_without_the_deformation():
    bent = Alignment(IDENTITY.matrix, Displacements(GRID, field()))
    assert bent.is_deformable
    assert not bent.rigid().is_deformable
    assert np.array_equal(bent.rigid().to_earlier(POINTS), POINTS)


@pytest.mark.parametrize(
    ("spacing", "asked", "shape"),
    [
        ((1.0, 1.0, 1.0), 2.0, (6, 8, 10)),
        ((5.0, 1.0, 1.0), 2.0, (12, 8, 10)),
        ((3.0, 3.0, 3.0), 2.0, (12, 16, 20)),
    ],
)
def test_only_axes_finer_than_asked_are_coarsened(spacing, asked, shape):
    volume = Volume(np.ones((12, 16, 20), np.float32), VolumeGeometry((12, 16, 20), spacing), Quantity.HOUNSFIELD)
    made = coarsened(volume, asked)
    assert made.geometry.shape == shape
    assert np.allclose(made.array, 1)


def test_the_settings_are_recorded_whole():
    told = Registering(seed=3).parameters()
    assert told["seed"] == 3
    assert set(told) >= {"spacing_mm", "stiffness_mm", "bins", "sampled", "rigid_steps", "bending_steps", "hounsfield"}


def compared(date, shift=(0.0, 0.0, 0.0), quality=GOOD, volume=100.0):
    centre = tuple(float(one) for one in np.asarray(shift))
    examination = Examination(date, (Lesion(date, centre, volume),), GRID)
    return Compared(examination, Registration(rigid_alignment(np.eye(3), shift), quality), (), None)


def test_the_way_from_prior_to_prior_leads_through_the_current_one():
    first, second = compared("20240101", (10, 0, 0)), compared("20240601", (0, 7, 0))
    onward = _way(first.registration, second.registration)
    assert np.allclose(onward(np.zeros((1, 3))), [[-10, 7, 0]])
    assert np.allclose(_way(second.registration, None)(np.zeros((1, 3))), [[0, -7, 0]])


@pytest.mark.parametrize(("count", "expected"), [(0, []), (1, [0]), (2, [0, 1]), (3, [0, 2]), (7, [0, 6])])
def test_of_many_priors_the_first_and_the_latest_are_told(count, expected):
    many = [compared(f"2024010{k}") for k in range(count)]
    assert list(_told(many)) == [many[k] for k in expected]


def test_the_trend_follows_one_lesion_through_moved_examinations():
    many = [compared("20240101", (60, 0, 0)), compared("20240601", (0, 40, 0), volume=130.0)]
    now = Examination("20241201", (Lesion("now", (0.0, 0.0, 0.0), 200.0),), GRID)
    (chart,) = _trend(many, now)
    assert "1 lesions in 3 examinations" in chart.description.en
    assert chart.png.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("priors", "date"),
    [
        ([], "20241201"),
        ([compared("20240101", quality=BAD)], "20241201"),
        ([compared("")], "20241201"),
        ([compared("20240101")], ""),
    ],
)
def test_no_trend_without_a_dated_and_trusted_prior(priors, date):
    assert _trend(priors, Examination(date, (), GRID)) == ()


def test_conclusions_begin_with_the_verdict_on_the_registration():
    change = SimpleNamespace(conclusions=("said",))
    one = compared("20240101")
    told = Compared(one.examination, one.registration, (change, change), None).conclusions
    assert told[0].result == "trusted"
    assert told[1:] == ("said", "said")
