"""Surface measures against scikit-image's marching cubes, and solids against formulas."""

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.optimize import minimize
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation
from skimage.measure import marching_cubes, mesh_surface_area

from hounsfield.radiomics.mesh import measure_mesh, outer_points
from hounsfield.radiomics.solids import Hull, box, ellipsoid, least_ellipsoid_axes
from tests.radiomics.phantoms import ball

Spacing = tuple[float, float, float]


def peer_mesh(inside: np.ndarray, spacing: Spacing) -> tuple[np.ndarray, np.ndarray]:
    points, faces, _, _ = marching_cubes(np.pad(inside, 1).astype(float), 0.5, spacing=spacing, method="lorensen")
    return points, faces


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.7, 0.95])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.7, 1.3)])
def test_area_and_volume_are_those_of_the_mesh_of_scikit_image(share: float, spacing: Spacing) -> None:
    inside = np.random.default_rng(int(share * 100)).random((7, 8, 9)) < share
    points, faces = peer_mesh(inside, spacing)
    corners = points[faces]
    volume = abs(np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6)
    found = measure_mesh(inside, spacing)
    assert found.area_mm2 == pytest.approx(mesh_surface_area(points, faces), rel=1e-6)
    assert found.volume_mm3 == pytest.approx(volume, rel=1e-5)


def test_a_single_voxel_is_an_octahedron() -> None:
    found = measure_mesh(np.ones((1, 1, 1), dtype=bool), (2.0, 2.0, 2.0))
    assert found.volume_mm3 == pytest.approx(4 / 3)
    assert found.area_mm2 == pytest.approx(4 * np.sqrt(3))


def test_an_image_full_of_region_is_a_box_with_its_edges_cut_off() -> None:
    found = measure_mesh(np.ones((20, 20, 20), dtype=bool), (1.0, 1.0, 1.0))
    assert 7900 < found.volume_mm3 < 8000
    assert 2300 < found.area_mm2 < 2400


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.8, 0.8)])
def test_the_hull_is_that_of_all_vertices_of_the_mesh(spacing: Spacing) -> None:
    inside = np.random.default_rng(5).random((6, 9, 8)) < 0.2
    peer = ConvexHull(peer_mesh(inside, spacing)[0].astype(np.float64))
    hull = Hull(outer_points(inside, spacing))
    assert hull.solid.volume_mm3 == pytest.approx(peer.volume, rel=1e-6)
    assert hull.solid.area_mm2 == pytest.approx(peer.area, rel=1e-6)
    assert hull.diameter_mm == pytest.approx(pdist(peer.points).max(), rel=1e-6)


def test_the_diameter_of_many_corners_is_taken_in_parts() -> None:
    points = np.random.default_rng(2).normal(size=(5000, 3))
    points /= np.linalg.norm(points, axis=1)[:, None]
    hull = Hull(points)
    assert len(hull.corners) > 3000
    assert hull.diameter_mm == pytest.approx(pdist(points).max(), rel=1e-9)


def test_a_ball_is_a_ball() -> None:
    found = measure_mesh(ball(12.0, (1.0, 1.0, 1.0)), (1.0, 1.0, 1.0))
    assert found.volume_mm3 == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.02)
    assert found.area_mm2 == pytest.approx(4 * np.pi * 12**2, rel=0.09)  # cut in steps, so larger


def true_area(a: float, b: float, c: float) -> float:
    def element(polar: float, turn: float) -> float:
        along = (b * c * np.sin(polar) * np.cos(turn)) ** 2 + (a * c * np.sin(polar) * np.sin(turn)) ** 2
        return float(np.sin(polar) * np.sqrt(along + (a * b * np.cos(polar)) ** 2))

    return float(dblquad(element, 0, 2 * np.pi, 0, np.pi)[0])


@pytest.mark.parametrize("axes", [(3.0, 3.0, 3.0), (3.0, 2.9, 2.8), (3.0, 3.0, 2.96), (3.0, 2.96, 2.96)])
def test_the_area_of_a_round_ellipsoid_is_the_integral_over_it(axes: Spacing) -> None:
    found = ellipsoid(axes)
    assert found.area_mm2 == pytest.approx(true_area(*axes), rel=5e-3)
    assert found.volume_mm3 == pytest.approx(4 / 3 * np.pi * np.prod(axes))
    assert found == ellipsoid(axes[::-1])


def test_the_manuals_series_is_known_to_fall_short_for_a_long_ellipsoid() -> None:
    short = ellipsoid((5.0, 3.0, 2.0)).area_mm2 / true_area(5.0, 3.0, 2.0)
    assert short == pytest.approx(0.970, abs=0.001)


@pytest.mark.parametrize("axes", [(4.0, 4.0, 1.5), (4.0, 1.5, 1.5)])
def test_equal_axes_are_the_limit_of_unlike_ones(axes: Spacing) -> None:
    nearly = (axes[0], axes[1] * (1 - 1e-7), axes[2] * (1 - 2e-7))
    assert ellipsoid(axes).area_mm2 == pytest.approx(ellipsoid(nearly).area_mm2, rel=1e-4)


def test_a_flat_ellipsoid_has_no_measures() -> None:
    assert np.isnan(ellipsoid((3.0, 2.0, 0.0)).volume_mm3)


def corners_of(sides: Spacing) -> np.ndarray:
    return np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * np.array(sides) / 2


@pytest.mark.parametrize("seed", range(4))
def test_a_turned_box_is_found_again(seed: int) -> None:
    sides = (7.0, 4.0, 2.0)
    hull = Hull(corners_of(sides) @ Rotation.random(random_state=seed).as_matrix().T)
    assert hull.oriented_box.volume_mm3 == pytest.approx(56.0, rel=1e-6)
    assert hull.oriented_box.area_mm2 == pytest.approx(box(np.array(sides)).area_mm2, rel=1e-6)
    assert hull.bounding_box.volume_mm3 >= hull.oriented_box.volume_mm3


def test_the_least_ellipsoid_about_a_box_touches_its_corners() -> None:
    # by symmetry its semi-axes are sqrt(3) times the half sides
    turned = corners_of((6.0, 4.0, 2.0)) @ Rotation.random(random_state=9).as_matrix().T
    assert sorted(least_ellipsoid_axes(turned)) == pytest.approx(np.sqrt(3) * np.array([1.0, 2.0, 3.0]), rel=1e-3)


def test_the_least_ellipsoid_holds_all_points_and_is_no_larger_than_a_ball() -> None:
    points = np.random.default_rng(3).normal(size=(200, 3)) * (3, 2, 1)
    hull = Hull(points)
    reach = np.linalg.norm(points - points.mean(0), axis=1).max()
    assert hull.solid.volume_mm3 < hull.least_ellipsoid.volume_mm3 < 4 / 3 * np.pi * reach**3


@pytest.mark.parametrize("seed", range(5))
def test_no_turned_box_that_a_search_finds_is_smaller(seed: int) -> None:
    chance = np.random.default_rng(seed)
    inside = np.zeros((14, 30, 30), dtype=bool)
    for centre in chance.uniform((3, 8, 8), (11, 22, 22), (3, 3)):
        index = np.indices(inside.shape) - centre[:, None, None, None]
        inside |= (index[0] / 3) ** 2 + (index[1] / 6) ** 2 + (index[2] / 7) ** 2 < 1
    hull = Hull(outer_points(inside, (3.0, 0.977, 0.977)))

    def volume(turn: np.ndarray) -> float:
        return float(np.ptp(hull.corners @ Rotation.from_rotvec(turn).as_matrix(), axis=0).prod())

    turns = Rotation.random(150, random_state=seed).as_rotvec()
    starts = sorted(turns, key=volume)[:3]
    least = min(minimize(volume, start, method="Nelder-Mead", options={"maxiter": 150}).fun for start in starts)
    assert hull.oriented_box.volume_mm3 <= least * (1 + 5e-3)
