"""Denoising and deblurring steps against scipy, scikit-image and phantoms whose truth is known."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.restoration import estimate_sigma

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import NotInvertible, PrepareError
from hounsfield.prepare.bilateral import Bilateral
from hounsfield.prepare.deblur import RichardsonLucy
from hounsfield.prepare.denoise import Gaussian, Median, NonLocalMeans, noise_sigma
from hounsfield.prepare.sequence import apply_steps
from hounsfield.prepare.variation import TotalVariation
from hounsfield.prepare.wavelet import Wavelet

CHANCE = np.random.default_rng(4)
GEOMETRY = VolumeGeometry((4, 96, 96), (3.0, 0.5, 1.0))


def truth() -> np.ndarray:
    r, c = np.mgrid[:96, :96]
    disc = ((r - 40) ** 2 + (c - 50) ** 2 < 500) * 200.0 + (c > 70) * 80.0 + 20.0 * np.sin(r / 15)
    return np.stack([disc, disc * 0.9, disc * 0.8, disc * 0.7]).astype(np.float32)


def volume_of(array: np.ndarray) -> Volume:
    return Volume(array, GEOMETRY, Quantity.ARBITRARY, slice_axis=SliceAxis.SPACE)


def psnr(found: np.ndarray) -> float:
    return float(10 * np.log10(280.0**2 / np.mean((found - truth()) ** 2)))


@pytest.mark.parametrize("sigma", [2.0, 8.0, 25.0])
def test_the_noise_is_found_within_a_tenth(sigma: float):
    noisy = truth() + np.random.default_rng(7).normal(0, sigma, GEOMETRY.shape).astype(np.float32)
    found = noise_sigma(volume_of(noisy))
    assert abs(found - sigma) < 0.1 * sigma
    assert abs(found - estimate_sigma(noisy[0])) < 0.15 * sigma


@pytest.mark.parametrize(
    ("step", "gain_db"),
    [
        (Gaussian(sigma_mm=0.8, is_planar=True), 4.0),
        (Median(size=3), 4.0),
        (NonLocalMeans(), 8.0),
        (NonLocalMeans(is_planar=False), 6.0),
        (Bilateral(sigma_mm=1.0), 6.0),
        (Bilateral(sigma_mm=1.5, is_planar=False), 6.0),
        (Wavelet(), 5.0),
        (Wavelet(rule="visu", wavelet="haar", shifts=3), 4.0),
        (TotalVariation(), 8.0),
        (TotalVariation(is_planar=False), 8.0),
    ],
    ids=str,
)
def test_noise_falls_against_the_truth(step: object, gain_db: float):
    noisy = truth() + np.random.default_rng(5).normal(0, 20, GEOMETRY.shape).astype(np.float32)
    after, trace = apply_steps((step,), volume_of(noisy))
    assert psnr(after.array) > psnr(noisy) + gain_db
    assert after.enhanced_by == (step.name,)
    assert after.geometry == GEOMETRY
    with pytest.raises(NotInvertible):
        step.invert(after, trace.steps[0].parameters)


def test_gaussian_and_median_are_those_of_scipy():
    array = truth() + CHANCE.normal(0, 20, GEOMETRY.shape).astype(np.float32)
    blurred, _ = apply_steps((Gaussian(sigma_mm=1.5),), volume_of(array))
    assert np.allclose(blurred.array, ndimage.gaussian_filter(array, (0.5, 3.0, 1.5), mode="mirror"), atol=1e-3)
    middle, _ = apply_steps((Median(size=5),), volume_of(array.astype(np.int16)))
    expected = np.stack([ndimage.median_filter(plane, 5, mode="mirror") for plane in array.astype(np.int16)])
    assert np.array_equal(middle.array, expected)


def test_a_known_blur_is_taken_back():
    blurred = ndimage.gaussian_filter(truth(), (0, 4.0, 2.0), mode="mirror").astype(np.float32) - 500
    after, _ = apply_steps((RichardsonLucy(sigma_mm=2.0, iterations=30),), volume_of(blurred))
    assert psnr(after.array + 500) > psnr(blurred + 500) + 1.5
    flat, _ = apply_steps((RichardsonLucy(sigma_mm=1.0),), volume_of(np.full(GEOMETRY.shape, -7.0, np.float32)))
    assert np.allclose(flat.array, -7.0)


def test_samples_without_value_stay_without_value():
    array = truth()
    array[0, 3, 4] = np.nan
    steps = (Gaussian(sigma_mm=1.0), Median(), NonLocalMeans(sigma=5.0))
    for step in (*steps, Bilateral(sigma=5.0), Wavelet(sigma=5.0), TotalVariation(sigma=5.0)):
        after, _ = apply_steps((step,), volume_of(array))
        assert np.isnan(after.array[0, 3, 4])
        assert np.isfinite(after.array).sum() == array.size - 1
    with pytest.raises(PrepareError, match="E405"):
        apply_steps((RichardsonLucy(sigma_mm=1.0),), volume_of(array))
    with pytest.raises(PrepareError, match="E405"):
        apply_steps((Median(),), volume_of(np.full(GEOMETRY.shape, np.nan, np.float32)))


def test_colour_and_quiet_volumes():
    colour = Volume(np.stack([truth()] * 3), GEOMETRY, Quantity.DISPLAY, slice_axis=SliceAxis.SPACE)
    one, _ = apply_steps((Median(),), volume_of(truth()))
    three, _ = apply_steps((Median(),), colour)
    assert np.array_equal(three.array[2], one.array)
    flat = volume_of(np.full(GEOMETRY.shape, 3.0, np.float32))
    for step in (NonLocalMeans(), Bilateral(), Wavelet(), TotalVariation()):
        assert np.array_equal(apply_steps((step,), flat)[0].array, flat.array)
