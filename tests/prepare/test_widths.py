"""Widths in millimetres on grids whose samples lie unevenly far apart."""

from dataclasses import replace

import numpy as np
import pytest

from hounsfield.core.volume import SliceAxis
from hounsfield.prepare.widths import is_within_slices, widths_of
from tests.prepare.volumes import smooth

SPACE = replace(smooth(slices=4), slice_axis=SliceAxis.SPACE)  # spacings 2.5, 0.7 and 0.4 mm


def test_a_width_reaches_as_far_along_every_axis():
    widths = np.array(widths_of(SPACE, 1.4, is_planar=False))
    assert widths * SPACE.geometry.spacing_mm == pytest.approx([1.4] * 3)


@pytest.mark.parametrize("axis", [SliceAxis.SINGLE, SliceAxis.TIME])
def test_slices_that_are_no_places_are_worked_on_alone(axis):
    volume = replace(SPACE, slice_axis=axis)
    assert is_within_slices(volume, is_planar=False)
    assert widths_of(volume, 1.4, is_planar=False) == widths_of(SPACE, 1.4, is_planar=True)


def test_planar_leaves_the_slices_alone():
    assert is_within_slices(SPACE, is_planar=True)
    assert not is_within_slices(SPACE, is_planar=False)
    assert widths_of(SPACE, 1.4, is_planar=True)[0] == 0
    assert widths_of(SPACE, 1.4, is_planar=True)[1:] == widths_of(SPACE, 1.4, is_planar=False)[1:]
