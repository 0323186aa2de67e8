"""Noise estimates against noise that was added, white and shared by neighbours."""

import numpy as np
import pytest
from scipy import ndimage

from hounsfield.prepare.grain import noise_at_distances


def body() -> np.ndarray:
    """Return a dark background and a body with fine stripes in one half."""
    r, c = np.mgrid[:200, :180]
    inside = ((r - 100) / 85) ** 2 + ((c - 90) / 75) ** 2 < 1
    return np.where(inside, 600 + 100 * np.sin(r / 20) + 150 * np.sin(c * 1.3) * (r < 90), 0.0)


def noise(grain: float) -> np.ndarray:
    values = np.random.default_rng(6).normal(0, 1, (200, 180))
    values = ndimage.gaussian_filter(values, grain, mode="wrap") if grain else values
    return values / values.std()


@pytest.mark.parametrize("sigma", [5.0, 20.0, 60.0])
def test_white_noise_is_the_same_at_all_distances(sigma: float):
    near, *wide = noise_at_distances((body() + sigma * noise(0))[None])
    assert near == pytest.approx(sigma, rel=0.05)
    assert wide == pytest.approx([sigma] * 2, rel=0.15)  # the body itself adds a little


@pytest.mark.parametrize("grain", [0.5, 0.7, 1.0])
def test_shared_noise_hides_near_and_shows_wide(grain: float):
    near, middle, wide = noise_at_distances((body() + 20 * noise(grain))[None])
    assert wide == pytest.approx(20, rel=0.15)
    assert near < middle < wide * 1.05
    point = np.zeros((41, 41))
    point[20, 20] = 1
    spread = ndimage.gaussian_filter(point, grain)
    difference = np.diff(np.diff(spread, 2, axis=0), 2, axis=1)
    expected = 20 * np.linalg.norm(difference) / np.linalg.norm(spread) / 6
    assert near == pytest.approx(expected, rel=0.1)


def test_a_background_without_noise_does_not_count():
    """MR images are often cut out of their background; two thirds of this one are empty."""
    empty = np.zeros((1, 400, 300), np.float32)
    empty[0, 100:300, 60:240] = np.where(body() > 0, body() + 20 * noise(0), 0)
    assert noise_at_distances(empty)[0] == pytest.approx(20, rel=0.1)


def test_what_has_no_noise_has_none():
    assert noise_at_distances(np.full((2, 40, 40), 7.0)) == (0.0, 0.0, 0.0)
    assert noise_at_distances(np.zeros((1, 5, 5))) == (0.0, 0.0, 0.0)


def test_slices_and_samples_without_value_are_taken():
    stack = np.stack([body() + 20 * noise(0)] * 40).astype(np.float32)
    stack[:, 50:60, 50:60] = np.nan
    assert noise_at_distances(stack)[0] == pytest.approx(20, rel=0.1)
