"""Sums along an axis and the grids they fill: against Pillow, scipy, numpy and polynomials that must come back."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from scipy.interpolate import BSpline

from hounsfield.prepare.regrid import regrid
from hounsfield.prepare.taps import SPLINE_REACH, cubic_basis, mirrored, take_nearest, taps_of

CHANCE = np.random.default_rng(11)


def read(line, taps):
    return (taps.weights.astype(np.float64) * np.asarray(line, np.float64)[taps.indices]).sum(axis=0)


def centres(source, target):
    """Return where the centres of ``target`` samples lie among those of ``source``, the outer faces being the same."""
    return (np.arange(target) + 0.5) * source / target - 0.5


@pytest.mark.parametrize("method", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("is_smoothed", [False, True])
@pytest.mark.parametrize(("source", "target"), [(1, 1), (1, 5), (2, 9), (9, 2), (31, 7), (7, 31), (50, 1)])
def test_sums_are_of_samples_of_the_line_and_weigh_one(method, is_smoothed, source, target):
    taps = taps_of(centres(source, target), source, method, is_smoothed)
    assert taps.target == target
    assert taps.indices.min() >= 0
    assert taps.indices.max() < source
    np.testing.assert_allclose(taps.weights.sum(axis=0), 1, atol=1e-6)
    assert taps.is_inside.all()
    assert taps.is_linear == (len(taps.weights) == 2)


@pytest.mark.parametrize(("method", "degree"), [("linear", 1), ("cubic", 3)])
def test_polynomials_up_to_its_degree_come_back(method, degree):
    places = np.linspace(20.0, 39.0, 57)  # as far from the ends as the inverse filter reaches
    taps = taps_of(places, 60, method)
    for power in range(degree + 1):
        line = ((np.arange(60) - 30) / 10) ** power
        np.testing.assert_allclose(read(line, taps), ((places - 30) / 10) ** power, atol=2e-5)


@pytest.mark.parametrize("method", ["linear", "cubic", "nearest"])
@pytest.mark.parametrize("source", [2, 5, 40])
def test_at_a_sample_the_sample_is_read(method, source):
    line = CHANCE.normal(size=source)
    np.testing.assert_allclose(read(line, taps_of(np.arange(source), source, method)), line, atol=2e-6)


def test_the_spline_of_a_short_line_is_the_mirrored_one_of_scipy():
    for source in (2, 3, 8, 2 * SPLINE_REACH + 1):
        line = CHANCE.normal(size=source)
        places = np.linspace(0, source - 1, 23)
        expected = ndimage.map_coordinates(line, [places], order=3, mode="mirror")
        np.testing.assert_allclose(read(line, taps_of(places, source, "cubic")), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("method", "theirs"), [("linear", Image.Resampling.BILINEAR), ("cubic", Image.Resampling.BICUBIC)]
)
@pytest.mark.parametrize(("source", "target"), [(40, 13), (64, 16), (17, 16), (9, 2)])
def test_widened_kernels_are_pillows(method, theirs, source, target):
    line = CHANCE.uniform(0, 100, source).astype(np.float32)
    expected = np.asarray(Image.fromarray(line[None]).resize((target, 1), theirs))[0]
    found = read(line, taps_of(centres(source, target), source, method, is_smoothed=True))
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_a_finer_grid_has_nothing_to_smooth():
    places = centres(12, 30)
    for method in ("linear", "cubic"):
        plain, smoothed = (taps_of(places, 12, method, is_smoothed) for is_smoothed in (False, True))
        np.testing.assert_array_equal(plain.indices, smoothed.indices)
        np.testing.assert_array_equal(plain.weights, smoothed.weights)


@pytest.mark.parametrize("reach", [0.0, 0.5, 2.0])
def test_places_count_as_inside_as_far_as_was_said(reach):
    places = np.linspace(-3, 12, 31)
    taps = taps_of(places, 10, "linear", reach=reach)
    np.testing.assert_array_equal(taps.is_inside, (places >= -reach) & (places <= 9 + reach))
    line = CHANCE.normal(size=10)
    np.testing.assert_allclose(read(line, taps), np.interp(places, np.arange(10), line), atol=1e-6)


@pytest.mark.parametrize("source", [1, 2, 3, 7])
def test_mirroring_is_numpys_reflection(source):
    line = np.arange(source)
    np.testing.assert_array_equal(line[mirrored(np.arange(-9, source + 9), source)], np.pad(line, 9, mode="reflect"))


def test_the_basis_is_the_cubic_b_spline():
    spline = BSpline.basis_element([-2.0, -1.0, 0.0, 1.0, 2.0], extrapolate=False)
    distances = np.linspace(-2.6, 2.6, 53)
    np.testing.assert_allclose(cubic_basis(distances), np.nan_to_num(spline(distances)), atol=1e-12)
    shifted = cubic_basis(np.linspace(0, 1, 9)[:, None] - np.arange(-2, 4))
    np.testing.assert_allclose(shifted.sum(axis=1), 1, atol=1e-12)


def axes_of(shape, targets, methods, is_smoothed=False):
    sizes = zip(shape, targets, methods, strict=True)
    return tuple(taps_of(centres(size, target), size, method, is_smoothed) for size, target, method in sizes)


@pytest.mark.parametrize("methods", [("linear",) * 3, ("cubic",) * 3, ("cubic", "linear", "nearest")])
@pytest.mark.parametrize(
    ("shape", "targets"), [((1, 1, 1), (2, 3, 4)), ((5, 9, 4), (7, 3, 11)), ((9, 1, 17), (2, 1, 5))]
)
@pytest.mark.parametrize("dtype", ["int16", "float32", "float64", ">u2"])
def test_a_grid_is_the_sum_along_each_axis_in_turn(methods, shape, targets, dtype):
    array = CHANCE.integers(0, 1000, shape).astype(dtype)
    axes = axes_of(shape, targets, methods, is_smoothed=True)
    expected = array.astype(np.float64)
    for axis, taps in enumerate(axes):
        matrix = np.zeros((targets[axis], shape[axis]))
        np.add.at(matrix, (np.arange(targets[axis]), taps.indices), taps.weights)
        expected = np.moveaxis(np.tensordot(matrix, expected, (1, axis)), 0, axis)
    found = regrid(array, axes)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-3)
    np.testing.assert_array_equal(found, regrid(array, axes, threads=3))


@pytest.mark.parametrize("is_nearest", [False, True])
def test_what_lies_outside_is_the_value_or_the_edge(is_nearest):
    array = CHANCE.integers(1, 9, (3, 4, 5)).astype(np.int16)
    method = "nearest" if is_nearest else "linear"
    axes = tuple(taps_of(np.arange(-2, size + 2), size, method) for size in array.shape)
    take = take_nearest if is_nearest else regrid
    np.testing.assert_array_equal(take(array, axes, -7), np.pad(array, 2, constant_values=-7))
    np.testing.assert_array_equal(take(array, axes, None), np.pad(array, 2, mode="edge"))
    assert take(array, axes, None).dtype == (np.int16 if is_nearest else np.float32)
