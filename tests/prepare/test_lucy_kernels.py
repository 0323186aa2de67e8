"""Richardson-Lucy with any PSF against sums written out, and its kernels against numpy."""

import numpy as np
import pytest
from scipy import ndimage, signal

from hounsfield.prepare import lucy_kernels as kernels
from hounsfield.prepare.lucy import SUPPORT_FRACTION, deconvolve
from hounsfield.prepare.psf import psf_of

CHANCE = np.random.default_rng(4)


def written_out(data, psf, iterations):
    """Return the estimate by direct convolution in double precision, on the image and what it sees around it."""
    psf = psf.astype(float) / psf.sum()
    flipped = psf[::-1, ::-1, ::-1]
    weights = signal.convolve(np.ones(data.shape), flipped, mode="full", method="direct")
    is_seen = weights > SUPPORT_FRACTION
    estimate = np.where(is_seen, data.mean(dtype=float), 0.0)
    for _ in range(iterations):
        quotient = data / np.maximum(signal.convolve(estimate, psf, mode="valid", method="direct"), 1e-12)
        correction = signal.convolve(quotient, flipped, mode="full", method="direct")
        estimate = estimate * np.where(is_seen, correction / np.where(is_seen, weights, 1), 0)
    return estimate[tuple(slice(k // 2, k // 2 + n) for n, k in zip(data.shape, psf.shape, strict=True))]


@pytest.mark.parametrize("blur", ["disk", "motion"])
def test_any_psf_is_the_sum_written_out(blur):
    psf = psf_of(blur, (2.5, 4.0), 35.0)[None]
    data = CHANCE.random((3, 20, 23)).astype(np.float32) + 0.5
    np.testing.assert_allclose(deconvolve(data, psf, 4), written_out(data, psf, 4), rtol=2e-3)


def test_a_psf_that_is_not_symmetric_and_has_depth():
    psf = CHANCE.random((3, 5, 3)).astype(np.float32)
    data = CHANCE.random((6, 14, 13)).astype(np.float32) + 0.5
    np.testing.assert_allclose(deconvolve(data, psf, 3), written_out(data, psf, 3), rtol=2e-3)


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float64])
def test_whole_samples_are_taken_and_not_written_on(dtype):
    data = (CHANCE.random((2, 12, 15)) * 100 + 1).astype(dtype)
    before = data.copy()
    found = deconvolve(data, psf_of("disk", (1.5, 1.5))[None], 3)
    assert found.dtype == np.float32
    assert np.array_equal(data, before)
    np.testing.assert_allclose(found, deconvolve(data.astype(np.float32), psf_of("disk", (1.5, 1.5))[None], 3))


def test_threads_do_not_change_the_result_of_any_psf():
    data = CHANCE.random((7, 20, 23)).astype(np.float32)
    psf = psf_of("disk", (2.0, 2.0))[None]
    one, two = (deconvolve(data, psf, 3, 0.01, threads) for threads in (1, 2))
    np.testing.assert_allclose(one, two, rtol=1e-5)


def test_total_variation_calms_any_psf_too():
    truth = np.full((1, 40, 44), 20.0)
    truth[:, 12:26, 10:30] = 100
    psf = psf_of("disk", (2.0, 2.0))[None]
    blurred = ndimage.convolve(truth, psf.astype(float), mode="nearest")
    data = CHANCE.poisson(blurred).astype(np.float32)
    errors = [float(((deconvolve(data, psf, 40, weight) - truth) ** 2).mean()) for weight in (0.0, 0.02)]
    assert errors[1] < 0.8 * errors[0]


def test_division_and_multiplication_are_numpys():
    data, blurred = (CHANCE.random((4, 5, 6)).astype(np.float32) for _ in range(2))
    blurred[0, 0, 0] = 0
    out = np.full(data.shape, -1, np.float32)
    kernels.divide(data, blurred, out, 1, 3)
    np.testing.assert_allclose(out[1:3], data[1:3] / blurred[1:3], rtol=1e-6)
    assert (out[[0, 3]] == -1).all()
    kernels.divide(data, blurred, out, 0, 1)
    assert np.isfinite(out[0]).all()
    estimate, correction = data.copy(), CHANCE.normal(size=data.shape).astype(np.float32)
    kernels.multiply(estimate, correction, blurred, 0, 4)
    np.testing.assert_allclose(estimate, data * np.maximum(correction, 0) * blurred, rtol=1e-5, atol=1e-7)
