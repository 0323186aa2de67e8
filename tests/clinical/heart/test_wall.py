"""Thickness of the wall by segment: drawn walls, thinned sectors at known places, stacks turned and reversed."""

from dataclasses import replace

import numpy as np
import pytest

from hounsfield.clinical.heart.chambers import LEFT, MUSCLE, RIGHT, Chambers
from hounsfield.clinical.heart.wall import Septum, find_septum, measure_wall, segment_numbers
from hounsfield.core.geometry import Rows, VolumeGeometry
from tests.clinical.heart.drawn import DrawnHeart

UPRIGHT: Rows = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))


def tube(
    septum_degrees: float,
    thin: tuple[float, float] | None = None,
    spacing_mm: tuple[float, float, float] = (8.0, 1.5, 1.5),
) -> Chambers:
    """Six slices of a tube, cavity 20 mm, wall 10 mm, thinned to 5 mm in a sector given in degrees from the septum."""
    rows, columns = (round(110.0 / step) for step in spacing_mm[1:])
    y, x = np.mgrid[0:rows, 0:columns].astype(float)
    y, x = (y - (rows - 1) / 2) * spacing_mm[1], (x - (columns - 1) / 2) * spacing_mm[2]
    reach, angle = np.hypot(y, x), np.degrees(np.arctan2(y, x))
    outer = np.full_like(reach, 30.0)
    if thin is not None:
        middle, half = thin
        outer[np.abs((angle - septum_degrees - middle + 180) % 360 - 180) < half] = 25.0
    labels = np.zeros((6, rows, columns), np.uint8)
    along = y * np.sin(np.radians(septum_degrees)) + x * np.cos(np.radians(septum_degrees))
    across = -y * np.cos(np.radians(septum_degrees)) + x * np.sin(np.radians(septum_degrees))
    labels[:, ((along - 30) / 15) ** 2 + (across / 26) ** 2 <= 1] = RIGHT
    labels[:, reach <= outer] = MUSCLE
    labels[:, reach <= 20.0] = LEFT
    return Chambers(labels, VolumeGeometry(labels.shape, spacing_mm))


@pytest.mark.parametrize("spacing_mm", [(8.0, 0.6, 0.6), (8.0, 1.5, 1.0), (8.0, 3.0, 3.0)])
def test_an_even_wall_has_one_thickness(spacing_mm):
    found = measure_wall(tube(180.0, spacing_mm=spacing_mm))
    for value in found.thickness_mm:
        assert value == pytest.approx(10.0, abs=0.5)


@pytest.mark.parametrize("wall_mm", [6.0, 9.0, 14.0])
def test_the_base_of_a_drawn_heart_has_the_wall_that_was_drawn(wall_mm):
    found = measure_wall(DrawnHeart(wall_mm=wall_mm).chambers())
    for value in found.thickness_mm[:6]:
        assert value == pytest.approx(wall_mm, abs=0.5)


@pytest.mark.parametrize(
    ("middle", "segments"),
    [
        (-30.0, {2, 8}),
        (30.0, {3, 9}),
        (90.0, {4, 10, 15}),
        (150.0, {5, 11}),
        (210.0, {6, 12}),
        (270.0, {1, 7, 13}),
    ],
)
@pytest.mark.parametrize("septum", [180.0, 120.0, 235.0])
def test_a_thin_sector_is_found_in_its_segments(middle, segments, septum):
    """Down the rows is away from the front, so with the septum on the left its anterior half is the upper one."""
    turn = find_septum(tube(septum))
    assert turn is not None
    values = measure_wall(tube(septum, (middle * turn.turn, 28.0))).thickness_mm
    thin = {number for number, value in enumerate(values, 1) if value is not None and value < 7.3}
    assert thin == segments


@pytest.mark.parametrize("septum", [180.0, 120.0, 235.0])
def test_the_anterior_insertion_is_the_upper_one_on_an_image_without_a_place(septum):
    found = find_septum(tube(septum))
    assert found is not None
    assert np.degrees(found.middle) % 360 == pytest.approx(septum, abs=3)
    assert found.turn == -1  # rows grow downwards, so from up over the left the angle falls


def test_the_patient_says_where_the_front_is():
    """A stack of which rows run towards the front: what is up on the image is the back."""
    phase = tube(180.0)
    flipped: Rows = ((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0))
    standing: Rows = ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, -1.0, 0.0))
    for direction, turn in ((flipped, 1), (standing, -1)):
        geometry = replace(phase.geometry, direction=direction)
        found = find_septum(replace(phase, geometry=geometry))
        assert found is not None
        assert found.turn == turn


def test_base_and_apex_are_told_apart_whichever_comes_first():
    drawn = DrawnHeart()
    labels = drawn.labels()
    for index in range(1, 4):  # thicken the base: cavity shrinks, the muscle grows inwards
        plane = labels[index]
        y, x = np.mgrid[0 : plane.shape[0], 0 : plane.shape[1]]
        centre = np.argwhere(plane == LEFT).mean(axis=0)
        reach = np.hypot(y - centre[0], x - centre[1]) * 1.5
        plane[(plane == LEFT) & (reach > 18)] = MUSCLE
    geometry = VolumeGeometry(labels.shape, drawn.spacing_mm)
    forward = measure_wall(Chambers(labels, geometry)).thickness_mm
    backward = measure_wall(Chambers(labels[::-1].copy(), geometry)).thickness_mm
    assert forward == pytest.approx(backward, abs=1e-9)
    assert forward[0] is not None
    assert forward[6] is not None
    assert forward[0] > forward[6] + 3


def test_a_wall_that_does_not_go_round_is_not_measured():
    phase = tube(180.0)
    labels = phase.labels.copy()
    labels[:2, :, 45:][labels[:2, :, 45:] == MUSCLE] = 0
    assert measure_wall(replace(phase, labels=labels)).slices == (2, 3, 4, 5)


def test_without_a_right_ventricle_no_segment_is_named():
    phase = tube(180.0)
    labels = np.where(phase.labels == RIGHT, 0, phase.labels).astype(np.uint8)
    assert not measure_wall(replace(phase, labels=labels)).is_assessed


def test_every_direction_has_one_segment_of_its_level():
    septum = Septum(np.pi, -1)
    for level, numbers in ((0, range(1, 7)), (1, range(7, 13)), (2, range(13, 17))):
        found, counts = np.unique(segment_numbers(septum, level), return_counts=True)
        assert found.tolist() == list(numbers)
        assert counts == pytest.approx(360 / len(numbers), abs=1)
