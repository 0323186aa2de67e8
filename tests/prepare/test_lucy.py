"""Richardson-Lucy against scipy's transforms on the mirrored image, scikit-image, and phantoms with known truth."""

import numpy as np
import pytest
from scipy import fft, ndimage
from skimage.metrics import peak_signal_noise_ratio
from skimage.restoration import richardson_lucy

from hounsfield.prepare.lucy import deconvolve, deconvolve_gaussian, gaussian_taps


def blocks(shape=(9, 40, 33)):
    """Return bright boxes on a dim ground."""
    truth = np.full(shape, 10.0, np.float32)
    truth[:, 10:22, 8:14] = 100
    truth[shape[0] // 2 :, 25:34, 18:30] = 60
    return truth


def taps_of(*sigmas):
    return tuple(gaussian_taps(sigma) for sigma in sigmas)


def unfolded(taps):
    return np.concatenate([taps[:0:-1], taps])


def mirrored_by_transforms(data, sigmas, iterations):
    """Return the estimate on the periodic image that mirroring makes, twice as long on each axis."""
    whole = np.pad(data.astype(float), [(0, n) for n in data.shape], mode="symmetric")
    impulse = np.zeros(whole.shape)
    impulse[0, 0, 0] = 1
    for axis, sigma in enumerate(sigmas):
        if sigma:
            impulse = ndimage.gaussian_filter1d(impulse, sigma, axis, mode="wrap")
    otf = fft.rfftn(impulse)
    estimate = np.full(whole.shape, data.mean(dtype=float))
    for _ in range(iterations):
        ratio = whole / fft.irfftn(fft.rfftn(estimate) * otf, whole.shape)
        estimate *= fft.irfftn(fft.rfftn(ratio) * otf, whole.shape)
    return estimate[tuple(slice(0, n) for n in data.shape)]


@pytest.mark.parametrize("sigmas", [(1.5, 1.2, 0.8), (0, 1.5, 1.0), (2.5, 0, 0)])
def test_the_gaussian_kind_is_the_one_of_transforms(sigmas):
    data = blocks() + np.random.default_rng(0).random((9, 40, 33), np.float32)
    found = deconvolve_gaussian(data, taps_of(*sigmas), 8)
    np.testing.assert_allclose(found, mirrored_by_transforms(data, sigmas, 8), rtol=2e-3)


def test_taps_are_scipys():
    impulse = np.zeros(41)
    impulse[20] = 1
    np.testing.assert_allclose(unfolded(gaussian_taps(2.2)), ndimage.gaussian_filter1d(impulse, 2.2)[11:30], atol=1e-7)


@pytest.mark.parametrize("kind", ["gaussian", "any"])
def test_the_middle_of_a_large_image_is_scikit_images(kind):
    data = ndimage.gaussian_filter(blocks((1, 90, 90)), (0, 1.5, 1.5)).astype(np.float32)
    line = unfolded(gaussian_taps(1.5))
    psf = line[None, :, None] * line
    made = deconvolve_gaussian(data, taps_of(0, 1.5, 1.5), 3) if kind == "gaussian" else deconvolve(data, psf, 3)
    # It starts from a half everywhere, which the first quotient cancels up to the scale.
    theirs = richardson_lucy(data[0].astype(float), psf[0].astype(float), num_iter=3, clip=False)
    middle = slice(37, 53)
    np.testing.assert_allclose(made[0, middle, middle], theirs[middle, middle], rtol=2e-3)


def test_an_uneven_psf_is_undone_the_right_way_round():
    psf = np.zeros((1, 1, 5), np.float32)
    psf[0, 0, 4] = 1  # moves the image two columns on
    data = ndimage.convolve(blocks(), psf, mode="nearest")
    np.testing.assert_allclose(deconvolve(data, psf, 2)[:, :, :-2], blocks()[:, :, :-2], rtol=1e-3)


def test_what_a_blur_took_comes_back():
    truth = blocks()
    data = ndimage.gaussian_filter(truth, 1.2)
    sigmas, line = (1.2, 1.2, 1.2), unfolded(gaussian_taps(1.2))
    before = peak_signal_noise_ratio(truth, data, data_range=90)
    for found in (
        deconvolve_gaussian(data, taps_of(*sigmas), 30),
        deconvolve(data, line[:, None, None] * line[None, :, None] * line, 30),
    ):
        assert peak_signal_noise_ratio(truth, found, data_range=90) > before + 3


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_flat_image_stays_flat(value):
    data = np.full((5, 12, 11), value, np.float32)
    line = unfolded(gaussian_taps(1.0))
    psf = line[:, None, None] * line[None, :, None] * line
    np.testing.assert_allclose(deconvolve_gaussian(data, taps_of(1, 1, 1), 5, 0.01), value, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(deconvolve(data, psf, 5), value, rtol=2e-2, atol=1e-6)


def test_total_variation_calms_the_noise_that_iterations_raise():
    truth = blocks()
    data = np.random.default_rng(1).poisson(ndimage.gaussian_filter(truth, 1.2)).astype(np.float32)
    plain, calm = (deconvolve_gaussian(data, taps_of(1.2, 1.2, 1.2), 30, weight) for weight in (0.0, 0.02))
    assert calm.min() >= 0
    figures = [peak_signal_noise_ratio(truth, image, data_range=90) for image in (plain, calm)]
    assert figures[1] > figures[0] + 0.5


def test_threads_do_not_change_the_result():
    data = blocks()
    found = [deconvolve_gaussian(data, taps_of(1, 1, 1), 4, 0.01, threads).tobytes() for threads in (1, 2)]
    assert found[0] == found[1]
