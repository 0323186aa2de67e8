"""Total variation denoising against scikit-image and cases whose minimum is known in closed form."""

import numpy as np
import pytest
from skimage.restoration import denoise_tv_chambolle

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis
from hounsfield.prepare.sequence import apply_steps
from hounsfield.prepare.variation import TotalVariation, least_variation
from tests.prepare.volumes import volume_of


def noisy(shape):
    grids = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    ball = (sum((grid - n / 2) ** 2 for grid, n in zip(grids, shape, strict=True)) < 100) * 200.0
    return (ball + np.random.default_rng(6).normal(0, 20, shape)).astype(np.float32)


def energy(image, data, weight, factors=(1, 1, 1)):
    steps = [
        factor * np.diff(image.astype(float), axis=axis, append=np.take(image, [-1], axis))
        for axis, factor in enumerate(factors)
    ]
    return float(((image.astype(float) - data) ** 2).sum() / 2 + weight * np.sqrt(sum(step**2 for step in steps)).sum())


@pytest.mark.parametrize(("shape", "factors"), [((1, 40, 37), (0, 1, 1)), ((10, 24, 22), (1, 1, 1))])
def test_it_is_the_minimum_that_scikit_image_finds(shape, factors):
    data = noisy(shape)
    found = least_variation(data, 20.0, factors, 600)
    theirs = denoise_tv_chambolle(data[0] if shape[0] == 1 else data, 20.0, eps=0, max_num_iter=3000)
    assert np.abs(found - theirs).max() < 0.5
    assert np.abs(found - theirs).mean() < 0.02
    assert energy(found, data, 20.0) <= energy(theirs.reshape(shape), data, 20.0) * (1 + 1e-5)


def test_few_iterations_come_close():
    data = noisy((1, 64, 64))
    best = energy(least_variation(data, 20.0, (0, 1, 1), 1000), data, 20.0)
    gaps = [energy(least_variation(data, 20.0, (0, 1, 1), count), data, 20.0) / best - 1 for count in (10, 50, 200)]
    assert gaps[0] > gaps[1] > gaps[2] > -1e-6
    assert gaps[1] < 0.02
    assert gaps[2] < 0.001


def test_a_step_loses_the_height_that_the_formula_says():
    # Two halves of n samples along one axis: each level moves by weight / n towards the other.
    data = np.zeros((1, 8, 40), np.float32)
    data[..., 20:] = 100
    found = least_variation(data, 60.0, (0, 1, 1), 500)
    np.testing.assert_allclose(found[..., :20], 3, atol=0.1)
    np.testing.assert_allclose(found[..., 20:], 97, atol=0.1)


def test_an_axis_with_wider_spacing_counts_less():
    data = np.zeros((1, 40, 8), np.float32)
    data[:, 20:] = 100
    found = least_variation(data, 60.0, (0, 0.5, 1), 500)
    np.testing.assert_allclose(found[:, 20:], 98.5, atol=0.1)


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float64])
def test_any_type_is_taken_and_the_mean_stays(dtype):
    data = (noisy((1, 30, 31)) / 2 + 60).clip(0, 255).astype(dtype)
    found = least_variation(data, 15.0, (0, 1, 1), 80)
    assert found.dtype == np.float32
    assert found.mean() == pytest.approx(data.mean(), rel=1e-4)
    assert found.min() >= data.min() - 0.1
    assert found.max() <= data.max() + 0.1


def test_threads_do_not_change_the_result():
    data = noisy((9, 30, 31))
    found = [least_variation(data, 20.0, (1, 1, 1), 20, threads).tobytes() for threads in (1, 2)]
    assert found[0] == found[1]


def test_slices_are_weighed_by_their_spacing_or_left_alone():
    volume = volume_of(noisy((5, 30, 30)), Quantity.ARBITRARY)  # spacings 2.5, 0.7, 0.4
    volume = volume.with_array(volume.array, slice_axis=SliceAxis.SPACE)
    planar, trace = apply_steps((TotalVariation(sigma=20.0),), volume)
    assert trace.steps[0].parameters["drawn"]["factors"] == [0.0, pytest.approx(0.4 / 0.7), 1.0]
    one = least_variation(volume.array[2:3], 20.0, (0, 0.4 / 0.7, 1), 50)
    assert np.array_equal(planar.array[2], one[0])
    whole, trace = apply_steps((TotalVariation(sigma=20.0, is_planar=False),), volume)
    assert trace.steps[0].parameters["drawn"]["factors"][0] == pytest.approx(0.16)
    assert not np.allclose(whole.array, planar.array)
