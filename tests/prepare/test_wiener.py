"""Wiener deconvolution against scikit-image, and phantoms that known PSFs blurred."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import restoration

from hounsfield.core.quantities import Quantity
from hounsfield.metrics.fidelity import psnr_score
from hounsfield.prepare.psf import psf_of
from hounsfield.prepare.sequence import apply_steps
from hounsfield.prepare.wiener import CAUTION, LARGEST_RATIO, LEAST_RATIO, Wiener, continued, wiener_filter
from tests.prepare.volumes import volume_of

CHANCE = np.random.default_rng(12)


def truth(shape=(96, 108)):
    r, c = np.mgrid[: shape[0], : shape[1]]
    bars = (np.sin(c**1.5 / 40) > 0) * 60.0 * (r > 60)
    return 20 + ((r - 32) ** 2 + (c - 40) ** 2 < 300) * 100.0 + bars + 10 * np.sin(r / 19)


def blurred(psf, noise=0.0):
    picture = ndimage.convolve(truth(), psf.astype(float), mode="mirror")
    return (picture + CHANCE.normal(0, noise, picture.shape)).astype(np.float32)


@pytest.mark.parametrize("penalty", ["energy", "laplacian"])
@pytest.mark.parametrize("blur", ["gaussian", "disk", "motion"])
def test_it_is_the_one_of_scikit_image(penalty, blur):
    # Its images repeat. One of a length that the transform takes, that repeats by itself, is not continued any more
    # far from its ends, so the middle is the same.
    psf = psf_of(blur, (2.0, 2.0), 30.0)
    image = np.tile(truth((40, 48)), (3, 3))
    image = ndimage.convolve(image, psf.astype(float), mode="wrap")
    impulse = np.zeros((1, 1)) if penalty == "laplacian" else np.ones((1, 1))
    regular = {"reg": impulse} if penalty == "energy" else {}
    theirs = restoration.wiener(image, psf.astype(float), 0.05, clip=False, **regular)
    found = wiener_filter(image[None], psf, 0.05, penalty)[0]
    middle = (slice(40, 80), slice(48, 96))
    assert np.abs(found - theirs)[middle].max() < 0.02 * np.ptp(theirs)


@pytest.mark.parametrize(
    ("blur", "width", "angle", "gain_db"),
    [("gaussian", 1.5, 0.0, 2.0), ("disk", 3.0, 0.0, 3.5), ("motion", 9.0, 0.0, 4.0), ("motion", 9.0, 40.0, 4.0)],
)
def test_a_known_blur_is_divided_out(blur, width, angle, gain_db):
    psf = psf_of(blur, (width, width), angle)
    before = blurred(psf, 0.5)
    settings = {"width_mm": width, "blur": blur, "angle_degrees": angle, "noise_to_signal": 3e-3, "penalty": "energy"}
    after, _ = apply_steps((Wiener(**settings),), volume_of(before[None], spacing_mm=(1, 1, 1)))
    assert psnr_score(truth(), after.array[0], 160) > psnr_score(truth(), before, 160) + gain_db


@pytest.mark.parametrize(("blur", "width"), [("gaussian", 1.5), ("disk", 3.0), ("motion", 9.0)])
@pytest.mark.parametrize("noise", [0.5, 4.0])
def test_the_estimated_ratio_is_near_the_true_one_and_restores(blur, width, noise):
    psf = psf_of(blur, (width, width))
    before = blurred(psf, noise)
    volume = volume_of(before[None], Quantity.HOUNSFIELD, spacing_mm=(1, 1, 1))
    after, trace = apply_steps((Wiener(width_mm=width, blur=blur),), volume)
    ratio = trace.steps[0].parameters["drawn"]["ratio"]
    if noise > 1:  # below that the detail counts as noise too
        assert ratio == pytest.approx(CAUTION * noise**2 / blurred(psf).var(), rel=0.3)
    assert psnr_score(truth(), after.array[0], 160) > psnr_score(truth(), before, 160) + 0.7
    assert after.quantity is Quantity.HOUNSFIELD


@pytest.mark.parametrize("ratio", [1e-3, 0.3])
def test_the_level_stays(ratio):
    flat = volume_of(np.full((2, 30, 31), -1000, np.int16), Quantity.HOUNSFIELD)
    after, _ = apply_steps((Wiener(width_mm=1.0, noise_to_signal=ratio),), flat)
    np.testing.assert_allclose(after.array, -1000, atol=1e-2)
    image = volume_of(blurred(psf_of("gaussian", (1.0, 1.0)))[None], Quantity.ARBITRARY)
    after, _ = apply_steps((Wiener(width_mm=0.5, noise_to_signal=ratio),), image)
    assert after.array.mean() == pytest.approx(image.array.mean(), abs=1)


def test_the_ratio_is_bounded():
    flat = volume_of(np.full((1, 20, 20), 3.0, np.float32))
    assert Wiener(width_mm=1.0).draw(flat, CHANCE)["ratio"] == LARGEST_RATIO
    ramp = volume_of(np.add.outer(np.arange(30.0), np.arange(30.0))[None])
    assert Wiener(width_mm=1.0).draw(ramp, CHANCE)["ratio"] == LEAST_RATIO


@pytest.mark.parametrize("shape", [(30, 40), (37, 40), (30, 53), (90, 121)])
def test_a_continued_plane_meets_itself_without_a_step(shape):
    plane = ndimage.gaussian_filter(CHANCE.normal(size=(30, 40)), 3).astype(np.float32)
    whole = continued(plane, shape)
    assert whole.shape == shape
    assert np.array_equal(whole[:30, :40], plane)
    largest = max(np.abs(np.diff(plane, axis=axis)).max() for axis in (0, 1))
    for axis in (0, 1):
        if shape[axis] > 1.2 * plane.shape[axis]:
            step = np.abs(whole.take(0, axis) - whole.take(-1, axis)).max()
            assert step <= 1.5 * largest


def test_no_border_rings():
    # A slope jumps where it meets itself: scikit-image, for which the image repeats, rings all along its border.
    psf = psf_of("gaussian", (1.5, 1.5))
    slope = np.add.outer(np.arange(60.0), np.arange(70.0)).astype(np.float32)
    seen = ndimage.gaussian_filter(slope, 1.5, mode="mirror")
    found = wiener_filter(seen[None], psf, 1e-3, "laplacian")[0]
    theirs = restoration.wiener(seen.astype(float), psf.astype(float), 1e-3, clip=False)
    assert np.abs(theirs - slope).max() > 30
    assert np.abs(found - slope).max() < 3
    assert np.abs(found - slope)[8:-8, 8:-8].max() < 0.3


def test_spacing_slices_and_threads():
    psf = psf_of("gaussian", (2.0, 1.0))
    planes = np.stack([blurred(psf, 1.0) for _ in range(3)])
    step = Wiener(width_mm=1.0, noise_to_signal=0.01)
    volume = volume_of(planes, spacing_mm=(4.0, 0.5, 1.0))
    assert step.draw(volume, CHANCE)["widths"] == [2.0, 1.0]
    after, _ = apply_steps((step,), volume)
    one, _ = apply_steps((step,), volume_of(planes[1:2], spacing_mm=(4.0, 0.5, 1.0)))
    np.testing.assert_allclose(after.array[1], one.array[0], atol=0.1)
    found = [wiener_filter(planes, psf, 0.01, threads=threads).tobytes() for threads in (1, 2)]
    assert found[0] == found[1]
