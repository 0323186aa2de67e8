"""Repair against planted faults, formulas and scipy."""

import numpy as np
import pytest
from scipy.ndimage import zoom

from hounsfield.core.quantities import Quantity
from hounsfield.errors import PrepareError
from hounsfield.image.phantoms import ChestPhantom
from hounsfield.prepare.sequence import apply_steps, build_steps
from tests.prepare.volumes import smooth, volume_of


def repaired(array, **item):
    return apply_steps(build_steps([item]), volume_of(array, Quantity.HOUNSFIELD))


def film():
    return ChestPhantom(rows=140, columns=150).pixels()[None]


def test_dead_lines_are_found_and_replaced_and_no_others():
    clean = film()
    broken = clean.copy()
    broken[0, 40], broken[0, :, 77], broken[0, :, 101] = 0, 4095, broken[0, :, 101] + 300
    after, trace = repaired(broken, step="dead-lines")
    assert trace.steps[0].parameters["drawn"] == {"rows": [[40]], "columns": [[77, 101]]}
    assert after.array.dtype == clean.dtype
    assert np.abs(after.array.astype(int) - clean).mean() < np.abs(broken.astype(int) - clean).mean() / 50
    untouched = np.ones(clean.shape, bool)
    untouched[0, 40] = untouched[0, :, [77, 101]] = False
    np.testing.assert_array_equal(after.array[untouched], clean[untouched])
    assert after.enhanced_by == ("dead-lines",)


@pytest.mark.parametrize("array", [film(), smooth().array, np.zeros((1, 20, 20)), np.zeros((1, 3, 3))])
def test_a_sound_picture_has_no_dead_lines(array):
    after, trace = repaired(array, step="dead-lines")
    drawn = trace.steps[0].parameters["drawn"]
    assert not any(map(len, drawn["rows"] + drawn["columns"]))
    np.testing.assert_array_equal(after.array, array)


def test_an_edge_is_no_dead_line():
    step = np.random.default_rng(0).normal(0, 1, (1, 50, 60))
    step[..., 30:] += 500
    step[:, 20:] += 300
    drawn = repaired(step, step="dead-lines")[1].steps[0].parameters["drawn"]
    assert drawn == {"rows": [[]], "columns": [[]]}


def test_missing_slices_of_a_ramp_come_back():
    ramp = np.arange(7, dtype=np.int16)[:, None, None] * 10 + np.arange(12, dtype=np.int16).reshape(1, 3, 4)
    broken = ramp.copy()
    broken[[2, 3, 5]] = -1000
    after = repaired(broken, step="missing-slices", slices=[5, 2, 3])[0]
    np.testing.assert_array_equal(after.array, ramp)
    assert after.array.dtype == np.int16
    ends = repaired(broken, step="missing-slices", slices=[0, 2, 3, 5, 6])[0].array
    np.testing.assert_array_equal(ends[[0, 6]], ramp[[1, 4]])


def test_missing_slices_are_those_of_scipy():
    known = smooth(slices=4).array.astype(np.float64)
    stack = np.zeros((7, *known.shape[1:]))
    stack[::2] = known
    after = repaired(stack, step="missing-slices", slices=[1, 3, 5])[0]
    np.testing.assert_allclose(after.array, zoom(known, (7 / 4, 1, 1), order=1), atol=1e-12)


@pytest.mark.parametrize("slices", [[7], [0, 1]])
def test_slices_that_are_not_there_are_refused(slices):
    with pytest.raises(PrepareError, match="E468"):
        repaired(np.zeros((2, 4, 4)), step="missing-slices", slices=slices)


def test_a_hole_in_a_harmonic_surface_comes_back():
    r, c = np.mgrid[:40, :50].astype(float)
    surface = 3 * r - 2 * c + 0.5 * (r * r - c * c) + r * c
    broken = surface.copy()
    broken[10:25, 12:30] = np.nan
    broken[30, 40] = np.inf
    after, trace = repaired(broken[None], step="inpaint")
    np.testing.assert_allclose(after.array[0], surface, atol=1e-3)
    assert trace.steps[0].parameters["drawn"] == {"filled": [15 * 18 + 1]}
    assert after.quantity is Quantity.HOUNSFIELD
    assert after.enhanced_by == ("inpaint",)


def test_a_hole_is_bounded_by_its_rim_and_may_touch_the_edge():
    array = np.random.default_rng(2).uniform(10, 20, (2, 30, 30))
    array[:, :8, :8] = -1024
    after = repaired(array, step="inpaint", value=-1024.0)[0].array
    assert after[:, :8, :8].min() >= 10
    assert after[:, :8, :8].max() <= 20
    np.testing.assert_array_equal(after[:, 8:], array[:, 8:].astype(np.float32))


def test_a_slice_that_is_all_hole_is_refused():
    with pytest.raises(PrepareError, match="E405"):
        repaired(np.full((1, 5, 5), np.nan), step="inpaint")
