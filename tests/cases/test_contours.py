"""Contours as pixels: against analytic areas and matplotlib's point-in-path."""

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from hounsfield.cases.contours import fill_polygons, rasterise
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.errors import DatasetError

SQUARE = np.array([[0, 0], [0, 1], [1, 1], [1, 0]], dtype=float)


def circle(row: float, column: float, radius: float, points: int = 720) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([row + radius * np.sin(angles), column + radius * np.cos(angles)], axis=1)


def in_path(corners: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    centres = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 2)
    return Outline(np.vstack([corners, corners[:1]]), closed=True).contains_points(centres).reshape(shape)


@pytest.mark.parametrize("radius", [3.2, 10.4, 40.7])
def test_a_circle_has_the_pixels_whose_centres_it_holds(radius: float) -> None:
    rows, columns = np.mgrid[:101, :111]
    found = fill_polygons([circle(50.3, 55.1, radius, 20_000)], (101, 111))
    assert (found == ((rows - 50.3) ** 2 + (columns - 55.1) ** 2 < radius**2)).all()
    assert found.sum() == pytest.approx(np.pi * radius**2, rel=0.06)


def test_a_ring_has_a_hole_whatever_the_turn_of_its_contours() -> None:
    for inner in (circle(30.1, 30.2, 9.3), circle(30.1, 30.2, 9.3)[::-1]):
        found = fill_polygons([circle(30.1, 30.2, 20.3), inner], (61, 61))
        assert not found[30, 30]
        assert found.sum() == pytest.approx(np.pi * (20.3**2 - 9.3**2), rel=0.02)


@pytest.mark.parametrize("seed", range(12))
def test_polygons_of_any_shape_agree_with_matplotlib(seed: int) -> None:
    generator = np.random.default_rng(seed)
    angles = np.sort(generator.uniform(0, 2 * np.pi, 17))
    radii = generator.uniform(4, 30, 17)
    corners = np.stack([32.37 + radii * np.sin(angles), 33.61 + radii * np.cos(angles)], axis=1)
    assert (fill_polygons([corners], (64, 60)) == in_path(corners, (64, 60))).all()


def test_neighbours_that_share_an_edge_share_no_pixel_and_leave_none() -> None:
    left, right = SQUARE * [8, 4] + [2, 2], SQUARE * [8, 4] + [2, 6]
    one, other = fill_polygons([left], (12, 12)), fill_polygons([right], (12, 12))
    assert not (one & other).any()
    assert (one | other).sum() == 8 * 8


def test_what_reaches_beyond_the_picture_is_cut() -> None:
    found = fill_polygons([circle(0.1, 0.1, 9.5)], (5, 6))
    assert found.all()
    assert not fill_polygons([circle(-40, -40, 9.5)], (5, 6)).any()
    assert not fill_polygons([circle(2, 50, 9.5)], (5, 6)).any()


def test_points_and_lines_enclose_nothing() -> None:
    assert not fill_polygons([np.array([[2.0, 2.0]]), np.array([[1.0, 1.0], [4.0, 4.0]])], (6, 6)).any()


def test_contours_in_millimetres_fall_on_the_slices_of_a_tilted_grid() -> None:
    turn = np.radians(30)
    direction = ((0.0, 0.0, 1.0), (-np.sin(turn), np.cos(turn), 0.0), (np.cos(turn), np.sin(turn), 0.0))
    grid = VolumeGeometry((5, 40, 50), (4.0, 0.8, 0.5), (-30.0, 12.0, 100.0), direction)
    outline = circle(20.2, 24.9, 11.3)
    points = grid.to_patient(np.column_stack([np.full(len(outline), 3.0), outline]))
    found = rasterise([points], grid, "x")
    assert found.any(axis=(1, 2)).tolist() == [False, False, False, True, False]
    assert (found[3] == fill_polygons([outline], (40, 50))).all()
    volume_mm3 = found.sum() * grid.voxel_volume_mm3
    assert volume_mm3 == pytest.approx(np.pi * 11.3**2 * 0.8 * 0.5 * 4.0, rel=0.02)


def test_a_contour_between_slices_is_refused() -> None:
    grid = VolumeGeometry((5, 40, 50), (4.0, 1.0, 1.0))
    outline = circle(20, 25, 9)
    for plane in (np.full(len(outline), 1.5), np.linspace(1, 2, len(outline))):
        with pytest.raises(DatasetError) as caught:
            rasterise([grid.to_patient(np.column_stack([plane, outline]))], grid, "x")
        assert caught.value.code == "E886"


def test_contours_outside_are_left_out_unless_all_are() -> None:
    grid = VolumeGeometry((5, 40, 50))
    outline = circle(20, 25, 9)
    inside, above = (grid.to_patient(np.column_stack([np.full(len(outline), z), outline])) for z in (2.0, 9.0))
    assert rasterise([inside, above], grid, "x").any()
    with pytest.raises(DatasetError) as caught:
        rasterise([above], grid, "x")
    assert caught.value.code == "E886"


@pytest.mark.parametrize("seed", range(6))
def test_fill_does_not_depend_on_where_a_contour_begins_or_which_way_it_runs(seed: int) -> None:
    generator = np.random.default_rng(seed)
    corners = generator.uniform(2, 38, (9, 2))
    known = fill_polygons([corners], (40, 40))
    assert (fill_polygons([corners[::-1]], (40, 40)) == known).all()
    assert (fill_polygons([np.roll(corners, 4, axis=0)], (40, 40)) == known).all()


@pytest.mark.parametrize("seed", range(6))
def test_two_contours_are_the_exclusive_or_of_each(seed: int) -> None:
    generator = np.random.default_rng(seed)
    one, other = generator.uniform(2, 38, (2, 7, 2))
    both = fill_polygons([one, other], (40, 40))
    assert (both == (fill_polygons([one], (40, 40)) ^ fill_polygons([other], (40, 40)))).all()


def test_a_contour_drawn_twice_cancels_itself() -> None:
    outline = circle(20.2, 20.3, 9)
    assert not fill_polygons([outline, outline], (40, 40)).any()


def test_a_move_by_whole_pixels_moves_the_fill() -> None:
    outline = circle(15.3, 14.7, 8.1)
    moved = fill_polygons([np.add(outline, [7, 11])], (50, 50))
    assert (moved[7:, 11:] == fill_polygons([outline], (43, 39))).all()
