"""Contrast-to-noise and the rise of a ball's edge: closed values, and what scipy's error function says."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import erf

from hounsfield.metrics.contrast import contrast_to_noise_score, radial_rise_mm

RISE_PER_SIGMA = 2 * 1.2815515655446004
"""Between the 10 % and the 90 % quantile of a normal distribution."""


def test_contrast_to_noise_is_a_quotient():
    assert contrast_to_noise_score([5.0, 7.0], [1.0, 3.0]) == pytest.approx(4.0)
    assert contrast_to_noise_score([-5.0, -7.0], [1.0, 3.0]) == pytest.approx(8.0)
    assert math.isinf(contrast_to_noise_score([5.0], [1.0, 1.0]))
    for target, background in (([], [1.0]), ([1.0], []), ([1.0], [1.0, 1.0])):
        assert math.isnan(contrast_to_noise_score(target, background))


def test_contrast_to_noise_of_known_noise():
    chance = np.random.default_rng(0)
    target, background = chance.normal(50, 20, 40_000), chance.normal(0, 20, 40_000)
    assert contrast_to_noise_score(target, background) == pytest.approx(2.5, rel=0.02)
    assert contrast_to_noise_score(3 * target + 7, 3 * background + 7) == pytest.approx(
        contrast_to_noise_score(target, background)
    )


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("height", [100.0, -40.0])
def test_the_rise_of_an_error_function(sigma, height):
    away = np.linspace(0, 40, 4001)
    values = height * (1 - erf((away - 20) / (sigma * np.sqrt(2)))) / 2 + 300
    found = radial_rise_mm(away, values, 20.0, 8.0)
    assert found == pytest.approx(RISE_PER_SIGMA * sigma, rel=0.03)


@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.0])
def test_the_rise_of_a_ball_on_a_grid_with_noise(sigma):
    spacing = (1.4, 0.9, 0.8)
    places = np.meshgrid(
        *[(np.arange(count) - count / 2) * mm for count, mm in zip((44, 68, 76), spacing, strict=True)]
    )
    away = np.sqrt(sum(place**2 for place in np.meshgrid(*[np.unique(axis) for axis in places], indexing="ij")))
    widths = [sigma / mm for mm in spacing]
    # The edge is as soft as the mean over a sample is, so that the steps of the grid are no part of it.
    ball = gaussian_filter(np.clip((15.0 - away) / 0.9 + 0.5, 0, 1), widths)
    noisy = 500 * ball + np.random.default_rng(1).normal(0, 15, ball.shape)
    found = radial_rise_mm(away, noisy, 15.0, 8.0)
    assert found == pytest.approx(RISE_PER_SIGMA * math.hypot(sigma, 0.26), rel=0.08)


def test_no_edge_has_no_rise():
    away = np.linspace(0, 40, 401)
    assert math.isnan(radial_rise_mm(away, np.ones(401), 20.0, 5.0))
    assert math.isnan(radial_rise_mm(away, away, 90.0, 5.0))
    assert math.isnan(radial_rise_mm(np.empty(0), np.empty(0), 20.0, 5.0))
