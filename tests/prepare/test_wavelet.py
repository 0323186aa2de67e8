"""Wavelet shrinkage against scikit-image, and what cycle spinning and small images ask for."""

import numpy as np
import pytest
from skimage.restoration import cycle_spin, denoise_wavelet

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis
from hounsfield.prepare.sequence import apply_steps
from hounsfield.prepare.wavelet import Shrinkage, Wavelet, levels_for, shrink
from tests.prepare.volumes import volume_of

NAMES = {"bayes": "BayesShrink", "visu": "VisuShrink"}


def noisy(shape=(67, 80), sigma=20.0):
    grids = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    ball = (sum((grid - n / 2) ** 2 for grid, n in zip(grids, shape, strict=True)) < 300) * 200.0
    return (ball + grids[-1] + np.random.default_rng(6).normal(0, sigma, shape)).astype(np.float32)


@pytest.mark.parametrize("rule", ["bayes", "visu"])
@pytest.mark.parametrize("wavelet", ["haar", "db2", "sym4"])
@pytest.mark.parametrize("shape", [(67, 80), (64, 64), (24, 33, 40)])
def test_it_is_the_one_of_scikit_image(rule, wavelet, shape):
    image = noisy(shape)
    levels = levels_for(shape, wavelet)
    found = shrink(image, Shrinkage(wavelet, levels, 20.0, rule))
    theirs = denoise_wavelet(image, 20.0, wavelet, wavelet_levels=levels, method=NAMES[rule], rescale_sigma=False)
    assert found.dtype == np.float32
    assert np.abs(found - theirs).max() < 2e-3


def test_levels_are_those_of_scikit_image():
    image = noisy((512, 300))
    found = shrink(image, Shrinkage("db2", levels_for(image.shape, "db2"), 20.0))
    assert np.abs(found - denoise_wavelet(image, 20.0, "db2", rescale_sigma=False)).max() < 2e-3


def test_cycle_spinning_is_that_of_scikit_image():
    image, levels = noisy((40, 48)), 2
    settings = {"wavelet": "haar", "wavelet_levels": levels, "sigma": 20.0, "rescale_sigma": False}
    theirs = cycle_spin(image, denoise_wavelet, 2, func_kw=settings, workers=1)
    assert np.abs(shrink(image, Shrinkage("haar", levels, 20.0, shifts=2)) - theirs).max() < 2e-3


def test_cycle_spinning_comes_closer_to_the_truth():
    truth, errors = noisy(sigma=0.0), []
    for shifts in (0, 3):
        found = shrink(noisy(), Shrinkage("haar", 3, 20.0, "visu", shifts))
        errors.append(float(np.mean((found - truth) ** 2)))
    assert errors[1] < 0.7 * errors[0]


def test_a_band_of_noise_alone_goes_to_zero():
    noise = np.random.default_rng(0).normal(0, 5, (64, 64)).astype(np.float32)
    left = shrink(noise, Shrinkage("haar", 3, 8.0))
    assert left.std() < 0.15 * noise.std()


def test_space_and_slices():
    volume = volume_of(noisy((16, 40, 40)), Quantity.ARBITRARY)
    volume = volume.with_array(volume.array, slice_axis=SliceAxis.SPACE)
    planar, _ = apply_steps((Wavelet(sigma=20.0),), volume)
    whole, trace = apply_steps((Wavelet(sigma=20.0, is_planar=False),), volume)
    assert not trace.steps[0].parameters["drawn"]["is_planar"]
    expected = shrink(volume.array[3], Shrinkage("sym4", levels_for((40, 40), "sym4"), 20.0, shifts=1))
    assert np.array_equal(planar.array[3], expected)
    assert not np.allclose(whole.array[3], planar.array[3])
    in_time = volume.with_array(volume.array, slice_axis=SliceAxis.TIME)
    assert np.array_equal(apply_steps((Wavelet(sigma=20.0, is_planar=False),), in_time)[0].array, planar.array)


def test_few_slices_are_worked_on_one_by_one_and_tiny_images_left_alone():
    volume = volume_of(noisy((3, 40, 40)), Quantity.ARBITRARY)
    volume = volume.with_array(volume.array, slice_axis=SliceAxis.SPACE)
    _, trace = apply_steps((Wavelet(sigma=20.0, is_planar=False),), volume)
    assert trace.steps[0].parameters["drawn"]["is_planar"]
    tiny = volume_of(noisy((1, 6, 6)), Quantity.ARBITRARY)
    assert levels_for((6, 6), "sym4") == 0
    assert np.array_equal(apply_steps((Wavelet(sigma=20.0),), tiny)[0].array, tiny.array)
