"""Point spread functions: sums, moments and shapes that are known."""

import numpy as np
import pytest
from scipy import ndimage

from hounsfield.prepare.psf import psf_of

BLURS = ("gaussian", "disk", "motion")


def moments(psf):
    """Return the centre from the middle sample, and the covariance, in rows and columns."""
    places = np.indices(psf.shape).reshape(2, -1) - np.array(psf.shape)[:, None] // 2
    weights = psf.ravel().astype(float)
    centre = places @ weights
    return centre, (places * weights) @ places.T - np.outer(centre, centre)


@pytest.mark.parametrize("blur", BLURS)
@pytest.mark.parametrize("widths", [(0.3, 0.4), (1.0, 1.0), (2.7, 4.2), (9.0, 3.0)])
@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, -135.0])
def test_a_psf_is_a_mean_around_its_middle(blur, widths, angle):
    psf = psf_of(blur, widths, angle)
    assert psf.dtype == np.float32
    assert all(size % 2 for size in psf.shape)
    assert psf.min() >= 0
    assert psf.sum() == pytest.approx(1, abs=1e-5)
    assert moments(psf)[0] == pytest.approx([0, 0], abs=1e-5)
    np.testing.assert_allclose(psf, psf[::-1, ::-1], atol=1e-7)


@pytest.mark.parametrize("sigmas", [(1.5, 1.5), (2.0, 0.8)])
def test_the_gaussian_is_scipys(sigmas):
    impulse = np.zeros((41, 41))
    impulse[20, 20] = 1
    psf = psf_of("gaussian", sigmas)
    half = np.array(psf.shape) // 2
    expected = ndimage.gaussian_filter(impulse, sigmas)
    window = tuple(slice(20 - n, 21 + n) for n in half)
    np.testing.assert_allclose(psf, expected[window], atol=1e-6)


@pytest.mark.parametrize("radii", [(3.0, 3.0), (6.0, 2.5)])
def test_a_disk_has_the_spread_of_a_disk(radii):
    # An ellipse has a quarter of its squared radius for variance, and each sample's square adds a twelfth.
    covariance = moments(psf_of("disk", radii))[1]
    assert covariance[0, 0] == pytest.approx(radii[0] ** 2 / 4 + 1 / 12, rel=0.03)
    assert covariance[1, 1] == pytest.approx(radii[1] ** 2 / 4 + 1 / 12, rel=0.03)
    assert covariance[0, 1] == pytest.approx(0, abs=1e-3)
    psf = psf_of("disk", radii)
    middle = psf[tuple(n // 2 for n in psf.shape)]
    assert middle == pytest.approx(1 / (np.pi * radii[0] * radii[1]), rel=0.01)


@pytest.mark.parametrize("length", [5.0, 9.0, 15.0])
def test_a_motion_along_columns_is_a_mean_of_neighbours(length):
    psf = psf_of("motion", (length, length))
    np.testing.assert_allclose(psf, np.full((1, int(length)), 1 / length), atol=1e-6)
    np.testing.assert_allclose(psf_of("motion", (length, length), 90.0), psf.T, atol=1e-6)


@pytest.mark.parametrize("angle", [20.0, 45.0, 110.0, -60.0])
def test_a_motion_lies_along_its_angle(angle):
    covariance = moments(psf_of("motion", (12.0, 12.0), angle))[1]
    values, vectors = np.linalg.eigh(covariance)
    along = vectors[:, 1]
    turn = np.radians(angle)
    assert abs(along @ [np.sin(turn), np.cos(turn)]) == pytest.approx(1, abs=0.01)
    assert values[1] == pytest.approx(12**2 / 12, rel=0.1)
    assert values[0] < 0.15


def test_what_is_narrower_than_a_sample_is_no_blur():
    for blur in ("disk", "motion"):
        psf = psf_of(blur, (1e-3, 1e-3))
        assert psf.max() == pytest.approx(1)
