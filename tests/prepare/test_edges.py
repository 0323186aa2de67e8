"""The gradient that Sobel and Canny share, against scikit-image, SimpleITK and slopes that are known."""

import numpy as np
import pytest
import SimpleITK
from skimage.filters import sobel_h, sobel_v

from hounsfield.prepare.edges import Sobel, gradient
from hounsfield.prepare.sequence import apply_steps
from tests.prepare.volumes import volume_of

CHANCE = np.random.default_rng(8)


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0), (0.5, 2.0), (3.0, 0.7)])
def test_a_slope_has_its_rise_a_millimetre_on_any_grid(spacing_mm):
    r, c = np.mgrid[:20, :30]
    plane = 3.0 * r * spacing_mm[0] - 4.0 * c * spacing_mm[1]
    down, across = gradient(plane, *spacing_mm)
    np.testing.assert_allclose(down[1:-1, 1:-1], 3)
    np.testing.assert_allclose(across[1:-1, 1:-1], -4)
    shown, _ = apply_steps((Sobel(),), volume_of(plane[None], spacing_mm=(1.0, *spacing_mm)))
    np.testing.assert_allclose(shown.array[0, 1:-1, 1:-1], 5, rtol=1e-6)


def test_it_is_the_one_of_scikit_image():
    image = CHANCE.normal(size=(33, 41))
    down, across = gradient(image, 1.0, 1.0)
    # Its kernel sums to 1 on either side of the middle, two samples apart.
    np.testing.assert_allclose(2 * down, sobel_h(image), atol=1e-12)
    np.testing.assert_allclose(2 * across, sobel_v(image), atol=1e-12)


def test_it_is_the_one_of_simpleitk_away_from_the_border():
    image = CHANCE.normal(size=(33, 41)).astype(np.float64)
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.SobelEdgeDetection(SimpleITK.GetImageFromArray(image)))
    found = np.hypot(*gradient(image, 1.0, 1.0))
    np.testing.assert_allclose(8 * found[2:-2, 2:-2], theirs[2:-2, 2:-2], rtol=1e-6)


def test_turning_the_picture_turns_the_gradient():
    image = CHANCE.normal(size=(21, 21))
    down, across = gradient(image, 0.8, 0.5)
    turned_down, turned_across = gradient(image.T, 0.5, 0.8)
    np.testing.assert_allclose(turned_down, across.T)
    np.testing.assert_allclose(turned_across, down.T)


def test_a_level_and_a_factor_count_as_they_should():
    image = CHANCE.normal(size=(21, 25))
    plain, changed = gradient(image, 1.0, 1.0), gradient(7 - 3 * image, 1.0, 1.0)
    for one, other in zip(plain, changed, strict=True):
        np.testing.assert_allclose(other, -3 * one, atol=1e-12)
