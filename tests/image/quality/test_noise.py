"""Noise is measured within what was added, beside scikit-image, and apart from structure and padding."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data
from skimage.restoration import estimate_sigma

from hounsfield.image.quality.noise import noise_sigma, soft_tissue_noise
from tests.image.quality.scenes import blurred, body, with_noise

SIGMAS = [5.0, 10.0, 20.0, 40.0, 80.0]


@pytest.mark.parametrize("sigma", SIGMAS)
def test_white_noise_of_a_body_is_found(sigma):
    image = with_noise(blurred(body(), 0.6), sigma)
    found = noise_sigma([image])
    assert found == pytest.approx(sigma, rel=0.12)
    assert found == pytest.approx(estimate_sigma(image), rel=0.15)


@pytest.mark.parametrize("sigma", [4.0, 8.0, 16.0, 32.0])
@pytest.mark.parametrize("name", ["camera", "moon", "brick"])
def test_noise_added_to_a_photograph_is_found(name, sigma):
    """The photograph has a noise of its own; variances add."""
    clean = np.asarray(getattr(data, name)(), np.float32)[:512, :512]
    own = noise_sigma([blurred(clean, 1.0)]) or 0.0
    noisy = with_noise(blurred(clean, 1.0), sigma)
    assert noise_sigma([noisy]) == pytest.approx(np.hypot(sigma, own), rel=0.15)


@pytest.mark.parametrize("sigma", [*SIGMAS, 150.0, 250.0])
def test_noise_in_soft_tissue_is_found_in_hounsfield_units(sigma):
    planes = [with_noise(body(), sigma, seed) for seed in range(3)]
    assert soft_tissue_noise(planes, (1.0, 1.0)) == pytest.approx(sigma, rel=0.15)


@pytest.mark.parametrize("width", [0.8, 1.2])
def test_correlated_noise_of_a_smooth_kernel_is_found_in_soft_tissue_only(width):
    """A reconstruction kernel takes the finest noise away, and with it what the operator of white noise sees.

    Squares of 7 mm hold few independent samples of such noise, so their deviations are too small by some of it.
    """
    grain = gaussian_filter(np.random.default_rng(1).normal(0, 1, (256, 256)), width)
    grain *= 20 / grain.std()
    image = np.asarray(body() + grain, np.float32)
    assert soft_tissue_noise([image], (1.0, 1.0)) == pytest.approx(20, rel=0.3)
    assert noise_sigma([image]) < 0.6 * soft_tissue_noise([image], (1.0, 1.0))


def test_structure_without_noise_is_no_noise():
    rows, columns = np.mgrid[:256, :256].astype(np.float32)
    assert noise_sigma([3 * rows + 2 * columns]) < 0.01
    assert noise_sigma([np.asarray(100 * np.sin(rows / 25) * np.cos(columns / 25), np.float32)]) < 0.1


def test_a_black_background_does_not_hide_the_noise():
    image = with_noise(body(), 20.0)
    image[body() < 0] = -1000.0
    assert noise_sigma([image]) == pytest.approx(20, rel=0.15)


def test_padding_is_left_out():
    image = with_noise(np.full((256, 256), 100.0, np.float32), 10.0)
    image[:, :100] = -2000
    image[:, 100:110] = -1990
    assert noise_sigma([image], (-2000.0, -1980.0)) == pytest.approx(10, rel=0.1)


def test_nothing_is_measured_where_there_is_nothing():
    assert noise_sigma([]) is None
    assert noise_sigma([np.zeros((4, 4), np.float32)]) is None
    assert noise_sigma([np.zeros((64, 64), np.float32)]) is None
    assert soft_tissue_noise([], (1.0, 1.0)) is None
    assert soft_tissue_noise([np.full((64, 64), -1000.0, np.float32)], (1.0, 1.0)) is None
