"""Fidelity of pictures against scikit-image and against noise of known deviation."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import metrics

from hounsfield.metrics.fidelity import (
    edge_strength,
    gradient_correlation_score,
    noise_deviation,
    psnr_score,
    ssim_score,
)


def pictures(noise=0.05, shape=(70, 53)):
    r, c = np.mgrid[: shape[0], : shape[1]]
    truth = 0.5 + 0.3 * np.sin(r / 6) * np.cos(c / 9) + 0.2 * (r > 30)
    return truth, truth + np.random.default_rng(4).normal(0, noise, shape)


@pytest.mark.parametrize("noise", [0.005, 0.05, 0.4])
@pytest.mark.parametrize("data_range", [1.0, 2.5])
def test_psnr_and_ssim_are_those_of_scikit_image(noise, data_range):
    truth, noisy = pictures(noise)
    assert psnr_score(truth, noisy, data_range) == pytest.approx(
        metrics.peak_signal_noise_ratio(truth, noisy, data_range=data_range)
    )
    assert ssim_score(truth, noisy, data_range) == pytest.approx(
        metrics.structural_similarity(
            truth, noisy, data_range=data_range, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        ),
        abs=1e-9,
    )


def test_a_picture_is_like_itself():
    truth, _ = pictures()
    assert psnr_score(truth, truth, 1.0) == np.inf
    assert ssim_score(truth, truth, 1.0) == pytest.approx(1)
    assert gradient_correlation_score(truth, truth) == pytest.approx(1)
    assert gradient_correlation_score(truth, 3 * truth + 7) == pytest.approx(1)


def test_what_is_not_defined_is_nan():
    small = np.zeros((6, 40))
    assert np.isnan(ssim_score(small, small, 1.0))
    assert np.isnan(gradient_correlation_score(small, small))
    assert np.isnan(noise_deviation(np.zeros((2, 2))))


@pytest.mark.parametrize("deviation", [0.01, 0.1, 3.0])
def test_noise_of_known_deviation_is_found(deviation):
    ramp = np.add.outer(np.arange(200) * 0.3, np.arange(180) * -0.2)
    noisy = ramp + np.random.default_rng(1).normal(0, deviation, ramp.shape)
    assert noise_deviation(noisy) == pytest.approx(deviation, rel=0.03)


def test_blur_weakens_edges_and_a_slope_is_its_own_strength():
    truth, noisy = pictures(0.0)
    assert edge_strength(gaussian_filter(truth, 2)) < 0.5 * edge_strength(truth)
    assert edge_strength(np.add.outer(np.arange(40.0) * 3, np.arange(40.0) * 4)) == pytest.approx(5)
    assert gradient_correlation_score(truth, gaussian_filter(truth, 2)) < 1
    assert noisy.shape == truth.shape
