"""The bilateral filter against scikit-image, OpenCV, and the formula written out in space."""

import numpy as np
import pytest
import SimpleITK
from skimage.restoration import denoise_bilateral

from hounsfield.core.quantities import Quantity
from hounsfield.prepare.bilateral import LARGEST_RADIUS, Bilateral, bilateral_filter, neighbourhood
from tests.prepare.volumes import volume_of


def noisy(shape=(1, 64, 57), offset=0.0):
    r, c = np.mgrid[: shape[1], : shape[2]]
    disc = ((r - 30) ** 2 + (c - 25) ** 2 < 300) * 200.0 + 20 * np.sin(r / 9)
    return (disc + np.random.default_rng(2).normal(0, 20, shape) + offset).astype(np.float32)


def filtered(volume, neighbours, range_sigma, threads=2):
    out = np.empty(volume.shape, np.float32)
    bilateral_filter(volume, neighbours, range_sigma, out, threads)
    return out


def square(radius, sigma):
    """Return a square neighbourhood, as scikit-image has it."""
    steps = np.stack(np.meshgrid([0], *[np.arange(-radius, radius + 1)] * 2, indexing="ij"), -1).reshape(-1, 3)
    steps = steps[(steps != 0).any(axis=1)]
    return steps.astype(np.int64), np.exp(-(steps**2).sum(axis=1) / (2 * sigma**2)).astype(np.float32)


def written_out(volume, sigmas, range_sigma, radii):
    """Return the weighted mean over an ellipsoid, in double precision, mirrored at the faces."""
    wide = np.pad(volume.astype(float), [(n, n) for n in radii], mode="reflect")
    total, weights = np.zeros(volume.shape), np.zeros(volume.shape)
    for step in np.ndindex(*(2 * n + 1 for n in radii)):
        offset = np.array(step) - radii
        if ((offset / np.maximum(radii, 1)) ** 2).sum() > 1 + 1e-9:
            continue
        there = wide[tuple(slice(at, at + n) for at, n in zip(step, volume.shape, strict=True))]
        near = ((offset / np.where(np.array(sigmas) > 0, sigmas, 1)) ** 2).sum()
        weight = np.exp(-near / 2 - (there - volume) ** 2 / (2 * range_sigma**2))
        total, weights = total + weight * there, weights + weight
    return total / weights


@pytest.mark.parametrize(("sigmas", "radii"), [((0, 1.5, 1.0), (0, 3, 2)), ((1.0, 2.0, 1.5), (2, 4, 3))])
def test_it_is_the_formula(sigmas, radii):
    volume = noisy((5, 33, 26))
    found = filtered(volume, neighbourhood(sigmas), 45.0)
    assert np.abs(found - written_out(volume, sigmas, 45.0, radii)).max() < 2e-3


def test_its_likeness_is_the_one_of_scikit_image():
    # scikit-image 0.26 lays its table of places out for one row and column too many, and its table of values is wrong
    # where a sample is negative: so all places weigh the same here, and every sample is positive.
    image = noisy(offset=100.0)
    theirs = denoise_bilateral(image[0], win_size=7, sigma_color=45.0, sigma_spatial=1e6, bins=100_000)
    found = filtered(image, square(3, 1e6), 45.0)[0]
    assert image.min() > 0
    assert np.abs(found - theirs)[3:-3, 3:-3].max() < 0.02


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_it_is_the_one_of_opencv(dtype):
    cv2 = pytest.importorskip("cv2")
    image = noisy().astype(dtype)
    theirs = cv2.bilateralFilter(image[0].astype(np.float32), 7, 45.0, 1.5, borderType=cv2.BORDER_REFLECT_101)
    found = filtered(image, neighbourhood((0, 1.5, 1.5)), 45.0)[0]
    assert np.abs(found - theirs).max() < 2e-3


def test_in_space_it_is_near_the_one_of_simpleitk():
    # It weighs a box of 2.5 sigma, and reads likeness from a table.
    volume = noisy((14, 40, 38))
    image = SimpleITK.GetImageFromArray(volume)
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.Bilateral(image, 1.2, 45.0, 1000))
    found = filtered(volume, neighbourhood((1.2, 1.2, 1.2)), 45.0)
    inside = (slice(4, -4),) * 3
    assert np.abs(found - theirs)[inside].mean() < 0.25 * np.abs(volume - theirs)[inside].mean()
    assert np.corrcoef((volume - found)[inside].ravel(), (volume - theirs)[inside].ravel())[0, 1] > 0.97


def test_an_offset_changes_nothing_but_itself():
    near = filtered(noisy(), neighbourhood((0, 1.5, 1.5)), 45.0)
    far = filtered(noisy(offset=20000.0), neighbourhood((0, 1.5, 1.5)), 45.0)
    assert np.abs(far - 20000 - near).max() < 0.02


def test_threads_and_tiles_do_not_change_the_result():
    volume = noisy((11, 70, 41))
    found = [filtered(volume, neighbourhood((1, 1.5, 1.5)), 45.0, threads).tobytes() for threads in (1, 2)]
    assert found[0] == found[1]


def test_the_neighbourhood_follows_the_spacing_and_is_bounded():
    step = Bilateral(sigma_mm=1.4, strength=3.0, sigma=10.0)
    volume = volume_of(noisy(), Quantity.ARBITRARY)
    drawn = step.draw(volume, np.random.default_rng(0))
    assert drawn == {"spatial_sigma": [0.0, pytest.approx(2.0), pytest.approx(3.5)], "range_sigma": 30.0}
    offsets, nearness = neighbourhood((0, 2.0, 3.5))
    assert np.abs(offsets).max(axis=0).tolist() == [0, 4, 7]
    assert (offsets != 0).any(axis=1).all()
    assert nearness.max() == pytest.approx(np.exp(-0.5 / 3.5**2), rel=1e-6)
    assert np.abs(neighbourhood((0, 90.0, 1.0))[0]).max() == LARGEST_RADIUS


def test_an_edge_above_the_noise_stays_where_a_gaussian_would_smear_it():
    step = np.where(np.arange(40) < 20, 0.0, 500.0)
    image = (step + np.random.default_rng(3).normal(0, 10, (1, 40, 40))).astype(np.float32)
    after = Bilateral(sigma_mm=2.0, sigma=10.0).apply(
        volume_of(image, spacing_mm=(1, 1, 1)), {"spatial_sigma": [0, 2.0, 2.0], "range_sigma": 25.0}
    )
    assert after.array[0, :, 19].mean() < 10
    assert after.array[0, :, 20].mean() > 490
    assert after.array[0, :, 5:15].std() < 4
