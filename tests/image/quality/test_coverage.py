"""Lungs and bodies that are cut, and those that are not."""

import numpy as np
import pytest

from hounsfield.image.quality.coverage import field_cut_percent, lung_cut_percent
from tests.image.quality.scenes import body, lungs, stack

WHOLE = [0.05, 0.5, 0.8, 1.0, 0.9, 0.6, 0.05]


def test_whole_lungs_end_at_almost_nothing():
    assert lung_cut_percent(lungs(WHOLE)) < 5


@pytest.mark.parametrize("at_start", [True, False])
def test_a_cut_lung_is_as_large_at_the_end_as_it_was_drawn(at_start):
    scales = [0.8, *WHOLE[3:]] if at_start else [*WHOLE[:4], 0.8]
    assert lung_cut_percent(lungs(scales)) == pytest.approx(100 * 0.8**2, abs=6)


def test_a_body_without_lungs_is_not_judged():
    assert lung_cut_percent(stack([body()] * 6)) is None


@pytest.mark.parametrize(("radius", "expected"), [(0.3, 0.0), (0.45, 0.0), (0.9, 100.0)])
def test_the_field_of_view(radius, expected):
    assert field_cut_percent(stack([body(radius=radius)] * 3)) == pytest.approx(expected, abs=1)


def test_a_body_at_one_side_cuts_a_part_of_the_rim():
    shifted = body(centre=(0.5, 0.85))
    rim = np.concatenate([shifted[1], shifted[-2], shifted[:, 1], shifted[:, -2]])
    assert field_cut_percent(stack([shifted] * 3)) == pytest.approx(100 * float((rim > -300).mean()), abs=0.1)
    assert 10 < field_cut_percent(stack([shifted] * 3)) < 30
