"""Resampling weights against skimage, SimpleITK, integral images and analytic means."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import block_reduce
from skimage.transform import resize as skimage_resize

from hounsfield.prepare.weights import band, matrix, resample, resample_nearest


def integral_average(line, target):
    """Average a piecewise constant line over equal parts through its integral: no weights involved."""
    edges = np.linspace(0, len(line), target + 1)
    integral = np.interp(edges, np.arange(len(line) + 1), np.concatenate([[0], np.cumsum(line, dtype=np.float64)]))
    return np.diff(integral) / np.diff(edges)


@pytest.mark.parametrize(("source", "factor"), [(24, 2), (30, 3), (40, 5), (28, 28)])
def test_whole_factors_are_block_means(source, factor):
    image = np.random.default_rng(1).random((source, source)).astype(np.float32)
    expected = block_reduce(image.astype(np.float64), (factor, factor), np.mean)
    np.testing.assert_allclose(resample(image, source // factor, source // factor), expected, rtol=1e-6)


@given(st.integers(2, 300), st.data())
def test_area_average_is_the_integral_over_the_part(source, data):
    target = data.draw(st.integers(1, source - 1))
    line = np.random.default_rng(source).normal(size=source)
    np.testing.assert_allclose(matrix(source, target) @ line, integral_average(line, target), atol=1e-12)


@given(st.integers(1, 200), st.integers(1, 200))
def test_weights_are_positive_and_sum_to_one(source, target):
    taps = band(source, target)
    np.testing.assert_allclose(taps.weights.sum(axis=1), 1, rtol=1e-12)
    assert (taps.weights >= 0).all()
    assert taps.indices.min() >= 0
    assert taps.indices.max() < source


@given(st.integers(1, 60), st.integers(1, 60), st.floats(-1000, 1000, width=32))
def test_a_constant_stays_the_same_constant(source, target, value):
    image = np.full((source, source), value, dtype=np.float32)
    np.testing.assert_allclose(resample(image, target, target), value, rtol=1e-6)


@given(st.integers(2, 120), st.data())
def test_shrinking_keeps_the_mean(source, data):
    target = data.draw(st.integers(1, source))
    image = np.random.default_rng(source).random((source, source))
    assert resample(image, target, target).mean(dtype=np.float64) == pytest.approx(image.mean(), rel=1e-6)


@pytest.mark.parametrize(("rows", "columns"), [(57, 64), (100, 31), (224, 224)])
def test_enlarging_is_skimage_bilinear(rows, columns):
    image = np.random.default_rng(2).random((28, 31))
    expected = skimage_resize(image, (rows, columns), order=1, mode="edge", anti_aliasing=False)
    np.testing.assert_allclose(resample(image, rows, columns), expected, atol=1e-6)


@pytest.mark.torch
def test_enlarging_is_torch_bilinear():
    import torch

    image = np.random.default_rng(3).random((28, 31))
    tensor = torch.nn.functional.interpolate(
        torch.from_numpy(image)[None, None], size=(224, 100), mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(resample(image, 224, 100), tensor[0, 0].numpy(), atol=1e-6)


def test_a_ramp_stays_the_same_ramp_in_place():
    ramp = np.broadcast_to(np.arange(100) + 0.5, (10, 100))
    np.testing.assert_allclose(resample(ramp, 10, 25)[0], (np.arange(25) + 0.5) * 4, rtol=1e-6)


def test_one_axis_may_shrink_while_the_other_grows():
    image = np.random.default_rng(4).random((40, 20))
    expected = matrix(40, 10) @ image @ matrix(20, 50).T
    np.testing.assert_allclose(resample(image, 10, 50), expected, atol=1e-6)


def test_the_same_size_changes_nothing_but_the_type():
    image = np.arange(12, dtype=np.uint16).reshape(3, 4)
    out = resample(image, 3, 4)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, image)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.float64, bool])
def test_every_type_of_sample_is_taken(kind):
    image = (np.random.default_rng(5).random((9, 9)) * 100).astype(kind)
    np.testing.assert_allclose(resample(image, 3, 3), block_reduce(image.astype(float), (3, 3), np.mean), rtol=1e-6)


def test_a_stack_is_its_slices_one_by_one_to_the_byte():
    stack = np.random.default_rng(6).random((2, 3, 37, 41)).astype(np.float32)
    out = resample(stack, 20, 60)
    assert out.shape == (2, 3, 20, 60)
    assert out[1, 2].tobytes() == resample(stack[1, 2], 20, 60).tobytes()


def test_views_and_copies_give_the_same_bytes():
    image = np.random.default_rng(7).random((60, 80)).astype(np.float32)
    assert resample(np.asfortranarray(image), 13, 17).tobytes() == resample(image, 13, 17).tobytes()
    assert resample(image[::-1][::-1], 13, 17).tobytes() == resample(image, 13, 17).tobytes()


def test_nearest_keeps_labels_and_their_type():
    labels = np.array([[1, 1, 5], [1, 9, 5]], dtype=np.uint8)
    out = resample_nearest(labels, 4, 6)
    assert out.dtype == np.uint8
    np.testing.assert_array_equal(out, np.repeat(np.repeat(labels, 2, axis=0), 2, axis=1))
    np.testing.assert_array_equal(resample_nearest(out, 2, 3), labels)


def test_a_large_film_is_quick():
    image = np.random.default_rng(8).random((2000, 2000)).astype(np.float32)
    resample(image, 224, 224)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        resample(image, 224, 224)
        times.append(time.perf_counter() - start)
    # 10 to 20 ms on a quiet core; the limit leaves room for a busy machine
    assert min(times) < 0.3
