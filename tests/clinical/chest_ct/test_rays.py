"""Rays from the middle of balls, tubes and plates against their formulas, and the wall."""

import numpy as np
import pytest

from hounsfield.clinical.chest_ct.rays import COUNT, cast_rays, directions

SIZE, MIDDLE, REACH = 61, 30.0, 24.0


def cube():
    return np.meshgrid(*[np.arange(SIZE) - MIDDLE] * 3, indexing="ij")


def cast(depth, allowed=None, start=(MIDDLE,) * 3, core=900.0):
    contrast = (core * np.clip(depth + 0.5, 0, 1)).astype(np.float32)
    allowed = np.ones(contrast.shape, bool) if allowed is None else allowed
    return cast_rays(contrast, allowed, start, core, REACH, 2.0)


def test_directions_are_units_with_their_opposites_and_spread_evenly() -> None:
    found = directions()
    assert found.shape == (COUNT, 3)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1.0)
    assert (found[: COUNT // 2] == -found[COUNT // 2 :]).all()
    assert found.T @ found / COUNT == pytest.approx(np.eye(3) / 3, abs=0.01)
    nearest = np.sort(found @ found.T, axis=1)[:, -2]
    assert np.degrees(np.arccos(nearest)).min() > 8  # even points would lie some 17 degrees apart


@pytest.mark.parametrize("radius", [4.0, 7.5, 12.0])
@pytest.mark.parametrize("core", [250.0, 900.0])
def test_rays_end_at_the_border_of_a_ball(radius, core) -> None:
    rays = cast(radius - np.sqrt(sum(line**2 for line in cube())), core=core)
    assert np.abs(rays.lengths - radius).max() <= 0.75
    assert not rays.is_open.any()
    assert not rays.is_walled.any()
    assert rays.through == 0.0
    assert rays.drop == pytest.approx(1.0, abs=0.02)


def test_rays_from_beside_the_middle_end_where_the_sphere_is() -> None:
    shift, radius = 3.0, 9.0
    rays = cast(radius - np.sqrt(sum(line**2 for line in cube())), start=(MIDDLE + shift, MIDDLE, MIDDLE))
    along = directions()[:, 0] * shift
    truth = -along + np.sqrt(along**2 + radius**2 - shift**2)
    assert np.abs(rays.lengths - truth).max() <= 0.8


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("radius", [4.0, 7.0])
def test_a_tube_is_open_at_both_ends(axis, radius) -> None:
    """The share of a sphere of the ray's reach that lies in an endless tube around its axis."""
    across = [line for k, line in enumerate(cube()) if k != axis]
    rays = cast(radius - np.hypot(*across))
    share = 1 - np.sqrt(1 - (radius / REACH) ** 2)
    assert rays.is_open.mean() == pytest.approx(share, abs=0.02)
    assert rays.through == rays.is_open.mean()
    closed = ~rays.is_open
    truth = radius / np.linalg.norm(np.delete(directions(), axis, axis=1), axis=1)
    assert rays.lengths[closed] == pytest.approx(truth[closed], abs=1.6)


def test_a_tube_that_ends_in_the_middle_is_open_to_one_side() -> None:
    z, y, x = cube()
    rays = cast(np.where(z >= -4, 5.0 - np.hypot(y, x), -1.0))
    assert rays.is_open.any()
    assert rays.through == 0.0


@pytest.mark.parametrize("half", [3.0, 6.0])
def test_a_plate_is_open_all_round(half) -> None:
    rays = cast(half - np.abs(cube()[0]))
    assert rays.is_open.mean() == pytest.approx(half / REACH, abs=0.03)  # Archimedes: a zone is 2h / 2R


@pytest.mark.parametrize("end", [4, 8, 12])
def test_rays_that_leave_the_lung_are_walled(end) -> None:
    z, y, x = cube()
    radius = 12.5
    rays = cast(radius - np.sqrt(z**2 + y**2 + x**2), allowed=z < end)
    share = (1 - (end - 0.5) / radius) / 2  # the cap of the sphere beyond the wall
    assert rays.is_walled.mean() == pytest.approx(share, abs=0.04)
    assert not rays.is_open.any()
    walled = directions()[rays.is_walled]
    assert rays.lengths[rays.is_walled] * walled[:, 0] == pytest.approx(end - 0.25, abs=0.3)


def test_nothing_dense_ends_at_once() -> None:
    rays = cast(np.full((SIZE,) * 3, -1.0))
    assert (rays.lengths == 0.5).all()
    assert not rays.is_open.any()
