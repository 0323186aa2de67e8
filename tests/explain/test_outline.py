"""Outlines: closed, in corner-origin pixels, with the area of what they go around."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path
from skimage.measure import find_contours

from hounsfield.explain.outline import MAXIMUM_POLYGONS, outline
from hounsfield.finding.measure import polygon_area as area


def disc(rows=80, columns=100, row=30.0, column=60.0, radius=12.0):
    """Return a cone that is 0.5 at ``radius`` around (row, column), in pixel centres."""
    r, c = np.mgrid[:rows, :columns] + 0.5
    return np.clip(1 - np.hypot(r - row, c - column) / (2 * radius), 0, 1).astype(np.float32)


def inside(polygons, rows, columns):
    """Return which pixel centres lie in any of the polygons, by matplotlib."""
    r, c = np.mgrid[:rows, :columns] + 0.5
    points = np.stack([c.ravel(), r.ravel()], axis=1)
    return np.any([Path(polygon).contains_points(points) for polygon in polygons], axis=0).reshape(rows, columns)


def test_a_disc_has_its_circle():
    (polygon,) = outline(disc())
    distance = np.hypot(polygon[:, 0] - 60, polygon[:, 1] - 30)
    np.testing.assert_allclose(distance, 12, atol=0.05)
    assert area(polygon) == pytest.approx(np.pi * 144, rel=0.01)


def test_points_are_column_row_from_the_corner_as_skimage_finds_them():
    (polygon,) = outline(disc())
    (expected,) = find_contours(disc(), 0.5)
    expected = expected[:, ::-1] + 0.5
    for point in polygon:
        assert np.hypot(*(expected - point).T).min() < 0.15


def test_outlines_are_closed_and_not_degenerate():
    for polygon in outline(disc()) + outline(np.eye(20, dtype=np.float32)):
        np.testing.assert_array_equal(polygon[0], polygon[-1])
        assert len(polygon) >= 4
        assert polygon.dtype == np.float64


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.2, 0.8))
def test_what_lies_inside_is_what_lies_above(seed, level):
    chance = np.random.default_rng(seed)
    heat = chance.random((14, 17)).astype(np.float32)
    found = inside(outline(heat, level, minimum_area_fraction=0.0) or (np.zeros((4, 2)),), 14, 17)
    above = heat > level
    assert found[above].all() or len(outline(heat, level, 0.0)) == MAXIMUM_POLYGONS


def test_parts_at_the_edge_are_closed_along_it():
    heat = np.zeros((20, 30), np.float32)
    heat[:5, :10] = 1
    (polygon,) = outline(heat)
    assert polygon.min() == 0
    assert area(polygon) == pytest.approx(5 * 10, rel=0.02)
    heat = np.zeros((20, 30), np.float32)
    heat[-4:, -6:] = 1
    (polygon,) = outline(heat)
    assert tuple(polygon.max(axis=0)) == (30.0, 20.0)
    assert area(polygon) == pytest.approx(4 * 6, rel=0.02)


def test_a_map_hot_everywhere_is_outlined_along_the_image():
    (polygon,) = outline(np.ones((20, 30), np.float32))
    assert area(polygon) == pytest.approx(600)


@pytest.mark.parametrize("value", [0.0, 0.2])
def test_a_map_hot_nowhere_has_no_outline(value):
    assert outline(np.full((20, 30), value, np.float32)) == ()


def test_specks_are_left_out_and_the_largest_comes_first():
    heat = np.zeros((100, 100), np.float32)
    heat[10:20, 10:20] = 1
    heat[40:70, 40:70] = 1
    heat[90, 90] = 1
    found = outline(heat)
    assert [round(area(polygon), -1) for polygon in found] == [900, 100]
    assert len(outline(heat, minimum_area_fraction=0.0)) == 3


def test_a_hole_is_not_outlined():
    heat = np.zeros((60, 60), np.float32)
    heat[10:50, 10:50] = 1
    heat[25:35, 25:35] = 0
    (polygon,) = outline(heat)
    assert area(polygon) == pytest.approx(1600, rel=0.02)


def test_the_number_of_outlines_is_bounded():
    heat = np.zeros((100, 100), np.float32)
    heat[::4, ::4] = 1
    assert len(outline(heat, minimum_area_fraction=0.0)) == MAXIMUM_POLYGONS


def test_values_that_are_not_finite_count_as_cold():
    heat = disc()
    heat[0, 0] = np.nan
    assert len(outline(heat)) == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_tiny_maps_are_taken(shape):
    (polygon,) = outline(np.ones(shape, np.float32))
    assert area(polygon) == pytest.approx(shape[0] * shape[1])


def test_the_area_is_the_shoelace_formula():
    triangle = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 3.0], [0.0, 0.0]])
    assert area(triangle) == 6
    assert area(triangle[::-1]) == 6
