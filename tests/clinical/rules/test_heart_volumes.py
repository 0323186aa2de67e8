"""Volumes, mass and flow of the heart against vectors of clinical.md section 2 and bodies of known volume."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from hounsfield.clinical.rules import heart_flow as flow
from hounsfield.clinical.rules import heart_volumes as volumes
from hounsfield.errors import SettingsError


def ellipse_discs(width_mm: float, count: int = 20) -> list[float]:
    """Diameters at the middle of each disc of an ellipsoid of revolution."""
    middle = (np.arange(count) + 0.5) / count * 2 - 1
    return [float(value) for value in width_mm * np.sqrt(1 - middle**2)]


VECTORS: list[tuple[Callable[..., float], tuple[object, ...], float, float]] = [
    (volumes.simpson_biplane, ([40.0] * 20, [40.0] * 20, 80.0), 100.53, 0.005),
    (volumes.simpson_single_plane, (ellipse_discs(40.0), 80.0), 67.10, 0.005),
    (volumes.area_length, (math.pi / 4 * 40 * 80, 80.0), 67.02, 0.005),
    (volumes.area_length_biplane, (math.pi / 4 * 40 * 80, math.pi / 4 * 40 * 80, 80.0), 67.02, 0.005),
    (volumes.teichholz, (50.0,), 118.2, 0.05),
    (volumes.teichholz, (32.0,), 41.0, 0.05),
    (volumes.ejection_fraction, (118.2, 41.0), 65.3, 0.05),
    (volumes.fractional_shortening, (50.0, 32.0), 36.0, 1e-9),
    (volumes.devereux_mass, (10.0, 50.0, 10.0), 182.0, 0.05),
    (volumes.relative_wall_thickness, (10.0, 50.0), 0.4, 1e-12),
    (volumes.myocardial_mass, (100.0,), 105.0, 1e-9),
    (volumes.body_surface_area, (70.0, 170.0), 0.007184 * math.exp(0.425 * math.log(70) + 0.725 * math.log(170)), 1e-9),
    (volumes.indexed, (90.0, 1.8), 50.0, 1e-9),
    (volumes.stroke_volume, (120.0, 50.0), 70.0, 1e-12),
    (volumes.cardiac_output, (70.0, 60.0), 4.2, 1e-12),
    (volumes.doppler_stroke_volume, (20.0, 20.0), 62.83, 0.005),
    (flow.valve_area_by_continuity, (20.0, 20.0, 80.0), 0.785, 0.0005),
    (flow.velocity_index, (20.0, 80.0), 0.25, 1e-12),
    (flow.gradient, (4.0,), 64.0, 1e-12),
    (flow.right_ventricular_pressure, (2.8, 5.0), 36.36, 1e-9),
    (flow.mitral_area_by_half_time, (220.0,), 1.0, 1e-12),
    (flow.regurgitant_orifice, (10.0, 0.4, 5.0), 2 * math.pi * 0.08, 1e-12),
    (flow.regurgitant_volume, (0.4, 150.0), 60.0, 1e-9),
    (flow.regurgitant_fraction, (50.0, 100.0), 50.0, 1e-12),
    (flow.filling_ratio, (90.0, 6.0), 15.0, 1e-12),
]


@pytest.mark.parametrize(("function", "inputs", "expected", "tolerance"), VECTORS)
def test_formula_gives_the_published_answer(
    function: Callable[..., float], inputs: tuple[object, ...], expected: float, tolerance: float
) -> None:
    assert function(*inputs) == pytest.approx(expected, abs=tolerance)


def test_teichholz_of_the_published_diameters_gives_the_published_fraction() -> None:
    fraction = volumes.ejection_fraction(volumes.teichholz(50.0), volumes.teichholz(32.0))
    assert fraction == pytest.approx(65.4, abs=0.05)


@pytest.mark.parametrize("width", [30.0, 45.0, 60.0])
def test_discs_come_to_the_exact_ellipsoid_as_they_grow_many(width: float) -> None:
    exact = math.pi / 6 * width**2 * 90.0 / 1000
    errors = [abs(volumes.simpson_single_plane(ellipse_discs(width, n), 90.0) - exact) for n in (5, 20, 80)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] / exact < 0.002


def test_biplane_of_an_ellipsoid_with_three_axes_is_its_volume() -> None:
    found = volumes.simpson_biplane(ellipse_discs(40.0, 200), ellipse_discs(50.0, 200), 90.0)
    assert found == pytest.approx(math.pi / 6 * 40 * 50 * 90 / 1000, rel=1e-4)


def test_only_long_axes_more_than_a_tenth_apart_are_foreshortened() -> None:
    assert not volumes.has_foreshortening(90.0, 100.0)
    assert volumes.has_foreshortening(89.0, 100.0)
    assert volumes.has_foreshortening(100.0, 89.0)


IMPOSSIBLE: list[tuple[Callable[..., float], tuple[object, ...]]] = [
    (volumes.simpson_biplane, ([], [], 80.0)),
    (volumes.simpson_biplane, ([40.0], [40.0, 40.0], 80.0)),
    (volumes.simpson_biplane, ([40.0], [-40.0], 80.0)),
    (volumes.simpson_single_plane, ([40.0], 0.0)),
    (volumes.area_length, (100.0, 0.0)),
    (volumes.teichholz, (float("nan"),)),
    (volumes.ejection_fraction, (0.0, 0.0)),
    (volumes.ejection_fraction, (100.0, -1.0)),
    (volumes.body_surface_area, (0.0, 170.0)),
    (volumes.indexed, (50.0, 0.0)),
    (volumes.devereux_mass, (10.0, float("inf"), 10.0)),
    (volumes.relative_wall_thickness, (10.0, 0.0)),
    (flow.velocity_index, (20.0, 0.0)),
    (flow.mitral_area_by_half_time, (0.0,)),
    (flow.regurgitant_orifice, (10.0, 0.4, 0.0)),
    (flow.regurgitant_fraction, (10.0, 0.0)),
    (flow.filling_ratio, (80.0, 0.0)),
]


@pytest.mark.parametrize(("function", "inputs"), IMPOSSIBLE)
def test_what_no_heart_can_have_is_refused(function: Callable[..., float], inputs: tuple[object, ...]) -> None:
    with pytest.raises(SettingsError) as refused:
        function(*inputs)
    assert refused.value.code == "E220"
