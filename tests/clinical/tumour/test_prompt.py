"""Prompts: what is a point, where it lies, and what is looked at."""

import numpy as np
import pytest

from hounsfield.clinical.tumour.prompt import Method, Place, Prompt, parse_box, parse_place
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.errors import SettingsError

GRID = VolumeGeometry((10, 40, 50), (5.0, 2.0, 1.0), (-25.0, 10.0, 300.0))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("1,2,3", Place((1, 2, 3))),
        (" 1 , 2.5,-3 ", Place((1, 2.5, -3))),
        ("-30,4.5,1e2mm", Place((-30, 4.5, 100), is_patient=True)),
        ("0,0,0 mm", Place((0, 0, 0), is_patient=True)),
    ],
)
def test_points_are_read(text, place):
    assert parse_place(text) == place


@pytest.mark.parametrize(
    "text", ["", "1,2", "1,2,3,4", "a,b,c", "1;2;3", "nan,1,2", "1e999,2,3", "1,2,3cm", "1,2,3mm mm"]
)
def test_what_is_no_point_is_refused(text):
    with pytest.raises(SettingsError) as told:
        parse_place(text)
    assert told.value.code == "E240"


def test_a_box_is_two_corners_in_either_order():
    box = parse_box("8,30,40, 2,10,20")
    assert Prompt(Method.WALKER, box=box).corners(GRID) == ((2, 10, 20), (8, 30, 40))
    with pytest.raises(SettingsError, match="E240"):
        parse_box("1,2,3")


@pytest.mark.parametrize(
    ("place", "index"),
    [
        (Place((3, 7, 9)), (3, 7, 9)),
        (Place((3.4, 6.6, 9.49)), (3, 7, 9)),
        (Place((-25, 10, 300), is_patient=True), (0, 0, 0)),
        (Place((-25 + 20, 10 + 2 * 7, 300 + 5 * 4), is_patient=True), (4, 7, 20)),
        (Place((-25 + 20.4, 10 + 2 * 7.4, 300 + 5 * 4.4), is_patient=True), (4, 7, 20)),
    ],
)
def test_a_point_is_the_voxel_it_lies_in(place, index):
    assert place.index(GRID) == index


def test_patient_points_follow_the_direction_of_a_turned_grid():
    turned = VolumeGeometry((10, 40, 50), (5.0, 2.0, 1.0), (-25.0, 10.0, 300.0), ((0, 0, -1), (0, -1, 0), (1, 0, 0)))
    assert Place((-25 - 20, 10 - 14, 320), is_patient=True).index(turned) == (4, 7, 20)


@pytest.mark.parametrize("values", [(10, 0, 0), (-1, 0, 0), (0, 40, 0), (0, 0, 50)])
def test_points_outside_are_refused(values):
    with pytest.raises(SettingsError) as told:
        Place(values).index(GRID)
    assert told.value.code == "E241"


def test_the_seed_is_the_first_click_or_the_middle_of_the_box():
    box = parse_box("2,10,20,8,30,40")
    assert Prompt(Method.GROW, (Place((1, 2, 3)), Place((4, 5, 6))), box=box).seed(GRID) == (1, 2, 3)
    assert Prompt(Method.GROW, box=box).seed(GRID) == (5, 20, 30)
    with pytest.raises(SettingsError, match="E244"):
        Prompt(Method.GROW).seed(GRID)


def test_what_is_looked_at_reaches_equally_far_in_millimetres():
    span = Prompt(Method.GROW, (Place((5, 20, 25)),), reach_mm=10.0).span(GRID)
    assert [(part.start, part.stop) for part in span] == [(3, 8), (15, 26), (15, 36)]
    wide = Prompt(Method.GROW, (Place((5, 20, 25)),), reach_mm=400.0).span(GRID)
    assert [(part.start, part.stop) for part in wide] == [(0, 10), (0, 40), (0, 50)]


def test_a_box_is_looked_at_with_a_margin():
    span = Prompt(Method.WALKER, box=parse_box("4,10,20,5,20,30")).span(GRID)
    assert [(part.start, part.stop) for part in span] == [(2, 8), (7, 24), (14, 37)]
    assert np.all([part.stop - part.start > 2 for part in span])
