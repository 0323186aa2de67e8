"""Apical views: half ellipses and boxes of known volume, turned and shifted, and borders that are none."""

import numpy as np
import pytest

from hounsfield.clinical.facts import Contour
from hounsfield.clinical.heart.apical import apical_view, apical_volume, volumes_of_contours
from hounsfield.errors import SettingsError


def half_ellipse(radius_mm, height_mm, turn_degrees=0.0, shift=(0.0, 0.0), count=181):
    """Border of half an ellipse, ring at the origin: its solid of revolution holds 2/3 pi a^2 h."""
    angle = np.linspace(0, np.pi, count)
    points = np.stack([radius_mm * np.cos(angle), height_mm * np.sin(angle)], axis=1)
    turn = np.radians(turn_degrees)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return [(float(x), float(y)) for x, y in points @ matrix.T + shift]


@pytest.mark.parametrize("turn", [0.0, 37.0, 180.0, 265.0])
@pytest.mark.parametrize(("radius", "height"), [(20.0, 80.0), (28.0, 70.0)])
def test_discs_and_area_length_of_half_an_ellipse(radius, height, turn):
    view = apical_view(half_ellipse(radius, height, turn, (13.0, -40.0)))
    exact = 2 / 3 * np.pi * radius**2 * height / 1000
    found = apical_volume(view)
    assert view.length_mm == pytest.approx(height, rel=1e-6)
    assert len(view.diameters_mm) == 20
    assert found.volume_ml == pytest.approx(exact, rel=0.005)
    assert found.area_length_ml == pytest.approx(exact, rel=0.005)
    assert not found.is_biplane


def test_a_cylinder_with_a_low_cone_is_the_sum_of_its_discs():
    """19 of 20 discs are those of the vector of the reference sheet (a = b = 4 cm, 100.53 ml in 8 cm)."""
    view = apical_view([(-20.0, 0.0), (-20.0, 77.4), (0.0, 80.0), (20.0, 77.4), (20.0, 0.0)])
    assert view.length_mm == pytest.approx(80.0)
    assert view.diameters_mm == pytest.approx([40.0] * 19 + [40 * 2 / 2.6])
    assert view.area_mm2 == pytest.approx(40 * 77.4 + 20 * 2.6)
    cone = np.pi / 4 * (40 * 2 / 2.6) ** 2 * 4 / 1000
    assert apical_volume(view).volume_ml == pytest.approx(100.53 * 19 / 20 + cone, abs=0.01)


def test_two_views_of_an_elliptic_ventricle():
    first, second = apical_view(half_ellipse(20, 80)), apical_view(half_ellipse(26, 80))
    found = apical_volume(first, second)
    assert found.volume_ml == pytest.approx(2 / 3 * np.pi * 20 * 26 * 80 / 1000, rel=0.005)
    assert found.is_biplane
    assert not found.is_foreshortened


@pytest.mark.parametrize(("height", "is_doubted"), [(73.0, False), (71.0, True)])
def test_axes_that_differ_by_more_than_a_tenth_are_doubted(height, is_doubted):
    found = apical_volume(apical_view(half_ellipse(20, 80)), apical_view(half_ellipse(20, height)))
    assert found.is_foreshortened is is_doubted


def test_direction_of_drawing_does_not_matter():
    points = half_ellipse(20, 80, 30)
    first, second = apical_view(points), apical_view(points[::-1])
    assert first.diameters_mm == pytest.approx(second.diameters_mm)
    assert first.area_mm2 == pytest.approx(second.area_mm2)


def test_phases_and_views_are_sorted_out():
    shapes = {("four-chamber", "diastole"): 24, ("two-chamber", "diastole"): 22, ("two-chamber", "systole"): 16}
    contours = [Contour(view=v, phase=p, points_mm=half_ellipse(a, 80)) for (v, p), a in shapes.items()]
    found = volumes_of_contours(contours)
    assert found["diastole"].is_biplane
    assert not found["systole"].is_biplane
    assert found["diastole"].volume_ml == pytest.approx(2 / 3 * np.pi * 24 * 22 * 80 / 1000, rel=0.005)
    assert volumes_of_contours([]) == {}


@pytest.mark.parametrize(
    "points",
    [
        [(0.0, 0.0)] * 6,
        [(0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (0.0, 3.0), (0.0, 4.0)],
        [(0.0, 0.0), (1.0, 1.0)],
        [(0.0, 0.0), (float("nan"), 1.0), (1.0, 2.0), (2.0, 1.0), (3.0, 0.0)],
    ],
)
def test_a_border_without_area_is_refused(points):
    with pytest.raises(SettingsError) as caught:
        apical_view(points)
    assert caught.value.code == "E223"
