"""Blind deblurring on phantoms that a known Gaussian blurred: the estimate, its limits, and what it refuses."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hounsfield.errors import NotInvertible, PrepareError
from hounsfield.metrics.edges import RISE_PER_SIGMA, edge_profile, rise_distance_mm
from hounsfield.metrics.fidelity import psnr_score
from hounsfield.prepare.blind import LARGEST_SPREAD, BlindDeblur, require_estimate
from hounsfield.prepare.blur_width import LEAST_EDGES, LIMITS, BlurWidth, blur_width
from hounsfield.prepare.sequence import apply_steps, replay_trace
from tests.prepare.volumes import volume_of

SHAPE, FINENESS = (160, 176), 4


def ellipses(sigma_mm, spacing_mm=(1.0, 1.0), seed=0):
    """Return ellipses drawn four times as fine, blurred, and read at the middle of each sample."""
    chance = np.random.default_rng(seed)
    r, c = np.mgrid[: SHAPE[0] * FINENESS, : SHAPE[1] * FINENESS] / FINENESS
    r, c = r * spacing_mm[0], c * spacing_mm[1]
    picture = np.zeros(r.shape)
    for _ in range(7):
        half = chance.uniform(15, 40, 2)
        middle = [chance.uniform(20, size * spacing - 20) for size, spacing in zip(SHAPE, spacing_mm, strict=True)]
        is_inside = ((r - middle[0]) / half[0]) ** 2 + ((c - middle[1]) / half[1]) ** 2 < 1
        picture = np.where(is_inside, chance.uniform(0, 200), picture)
    widths = [sigma_mm / spacing * FINENESS for spacing in spacing_mm]
    return gaussian_filter(picture, widths, mode="mirror")[FINENESS // 2 :: FINENESS, FINENESS // 2 :: FINENESS]


def noisy(picture, noise):
    return picture + np.random.default_rng(5).normal(0, noise, picture.shape)


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0), (0.6, 1.0)])
@pytest.mark.parametrize("sigma_mm", [0.6, 1.0, 1.5, 2.0, 3.0, 4.0])
@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_the_width_is_found_within_a_twentieth(spacing_mm, sigma_mm, noise):
    picture = noisy(ellipses(sigma_mm, spacing_mm, seed=1), noise)
    width = blur_width(picture[None], spacing_mm, noise)
    assert width.sigma_mm == pytest.approx(sigma_mm, rel=0.05)
    assert width.spread < 0.1


@pytest.mark.parametrize("seed", [0, 2])
@pytest.mark.parametrize("sigma_mm", [0.8, 1.5, 2.5, 4.0])
@pytest.mark.parametrize("noise", [5.0, 10.0, 20.0])
def test_with_more_noise_it_is_near_and_not_too_wide_or_refused(seed, sigma_mm, noise):
    picture = noisy(ellipses(sigma_mm, seed=seed), noise)
    width = blur_width(picture[None], (1.0, 1.0), noise)
    is_taken = True
    try:
        require_estimate(width, 1.0)
    except PrepareError:
        is_taken = False
    assert is_taken or noise > 5
    assert not is_taken or 0.8 * sigma_mm < width.sigma_mm < 1.05 * sigma_mm


def test_the_width_follows_the_unit_and_not_the_contrast():
    picture = ellipses(1.5)
    one = blur_width(picture[None], (1.0, 1.0), 0.0)
    assert blur_width(-7 * picture[None] + 1000, (1.0, 1.0), 0.0).sigma_mm == pytest.approx(one.sigma_mm, rel=1e-3)
    assert blur_width(picture[None], (0.5, 0.5), 0.0).sigma_mm == pytest.approx(one.sigma_mm / 2, rel=1e-3)
    assert blur_width(picture.T[None], (1.0, 1.0), 0.0).sigma_mm == pytest.approx(one.sigma_mm, rel=1e-3)


def test_edges_become_steeper_and_the_picture_comes_closer_to_the_sharp_one():
    before = volume_of(noisy(ellipses(1.6), 0.5)[None].astype(np.float32), spacing_mm=(1, 1, 1))
    after, trace = apply_steps((BlindDeblur(iterations=20),), before)
    estimate = trace.steps[0].parameters["drawn"]["estimate"]
    assert estimate["sigma_mm"] == pytest.approx(1.6, rel=0.05)
    assert estimate["edges"] >= LEAST_EDGES
    sharp = ellipses(0.3)
    assert psnr_score(sharp, after.array[0], 200) > psnr_score(sharp, before.array[0], 200) + 2
    assert np.array_equal(replay_trace(trace, before).array, after.array)
    with pytest.raises(NotInvertible):
        BlindDeblur().invert(after, {})


def test_the_rise_of_a_straight_edge_agrees_with_the_estimate_and_falls():
    r, c = np.mgrid[:180, :120]
    edge = gaussian_filter(((r * 0.3 + c) > 85) * 100.0, 2.0, mode="nearest")
    edge = noisy(edge, 0.3).astype(np.float32)
    width = blur_width(edge[None], (1.0, 1.0), 0.3)
    rise = rise_distance_mm(*edge_profile(edge, (1.0, 1.0)))
    assert width.sigma_mm == pytest.approx(rise / RISE_PER_SIGMA, rel=0.06)
    after, _ = apply_steps((BlindDeblur(iterations=20),), volume_of(edge[None], spacing_mm=(1, 1, 1)))
    assert rise_distance_mm(*edge_profile(after.array[0], (1.0, 1.0))) < 0.75 * rise


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        (np.full(SHAPE, 7.0), "E422"),
        (np.random.default_rng(0).normal(0, 10, SHAPE), "E422"),
        (noisy(ellipses(2.5), 60.0), "E422"),
        (ellipses(0.2), "E421"),
        (np.zeros((9, 9)), "E422"),
    ],
    ids=["flat", "noise alone", "drowned", "sharp", "tiny"],
)
def test_what_cannot_be_told_is_refused(picture, code):
    volume = volume_of(picture[None].astype(np.float32), spacing_mm=(1, 1, 1))
    with pytest.raises(PrepareError) as refusal:
        apply_steps((BlindDeblur(),), volume)
    assert refusal.value.code in ({code} if code == "E421" else {"E422", "E423"})
    assert refusal.value.text("zh") != refusal.value.text("en")
    assert "?" not in refusal.value.text("en")


def test_edges_that_do_not_agree_are_refused():
    left, right = ellipses(0.7, seed=1)[:, :88], ellipses(3.0, seed=1)[:, 88:] * 4
    assert blur_width(np.hstack([left, right])[None], (1.0, 1.0), 0.0).edges > 0
    with pytest.raises(PrepareError, match="E423"):
        require_estimate(BlurWidth(1.5, 2 * LARGEST_SPREAD, 200), 1.0)


@pytest.mark.parametrize("samples", [LIMITS[0] * 0.99, LIMITS[1] * 1.01])
def test_the_limits_are_told_in_samples_of_the_coarser_axis(samples):
    require_estimate(BlurWidth(np.mean(LIMITS) * 0.4, 0.01, 100), 0.4)
    with pytest.raises(PrepareError, match="E421"):
        require_estimate(BlurWidth(samples * 0.4, 0.01, 100), 0.4)


def test_samples_without_value_are_refused():
    hole = ellipses(1.5)[None].astype(np.float32)
    hole[0, 4, 4] = np.nan
    with pytest.raises(PrepareError, match="E405"):
        apply_steps((BlindDeblur(),), volume_of(hole))
