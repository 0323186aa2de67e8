"""Metrics of edges against values worked out by hand, and against blurs whose width is known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.spatial.distance import cdist
from scipy.special import erf, ndtri

from hounsfield.metrics.edges import RISE_PER_SIGMA, edge_profile, figure_of_merit_score, rise_distance_mm


def line(shape=(20, 30), column=12):
    edges = np.zeros(shape, bool)
    edges[:, column] = True
    return edges


def slanted(angle_degrees, sigma_mm, spacing_mm=(1.0, 1.0), shape=(60, 70)):
    """Return a straight edge of height 100 at an angle, through the middle, after a Gaussian of known width."""
    r, c = np.indices(shape)
    turn = np.radians(angle_degrees)
    across = (r - shape[0] / 2) * spacing_mm[0] * np.sin(turn) + (c - shape[1] / 2) * spacing_mm[1] * np.cos(turn)
    return 50 * (1 + erf(across / (np.sqrt(2) * sigma_mm)))


def test_the_same_edges_score_one():
    assert figure_of_merit_score(line(), line()) == 1
    assert figure_of_merit_score(np.zeros((4, 4), bool), np.zeros((4, 4), bool)) == 1


@pytest.mark.parametrize(("offset", "score"), [(1, 0.9), (2, 1 / (1 + 4 / 9)), (3, 0.5), (6, 0.2)])
def test_a_line_beside_the_true_one_scores_what_the_formula_says(offset, score):
    assert figure_of_merit_score(line(), line(column=12 + offset)) == pytest.approx(score)
    assert figure_of_merit_score(line(), line(column=12 - offset)) == pytest.approx(score)


def test_missed_and_doubled_edges_lower_the_score():
    half = line()
    half[::2] = False
    assert figure_of_merit_score(line(), half) == pytest.approx(0.5)
    assert figure_of_merit_score(line(), line() | line(column=13)) == pytest.approx((1 + 0.9) / 2)
    assert figure_of_merit_score(line(), np.zeros((20, 30), bool)) == 0
    assert figure_of_merit_score(np.zeros((20, 30), bool), line()) == 0


@pytest.mark.parametrize("scale", [1 / 9, 0.5])
def test_the_score_is_the_sum_over_all_pairs(scale):
    chance = np.random.default_rng(0)
    reference, found = (chance.random((12, 15, 9)) > 0.97 for _ in range(2))
    nearest = cdist(np.argwhere(found), np.argwhere(reference)).min(axis=1)
    expected = (1 / (1 + scale * nearest**2)).sum() / max(reference.sum(), found.sum())
    assert figure_of_merit_score(reference, found, scale) == pytest.approx(expected)


def test_edges_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="against a reference"):
        figure_of_merit_score(line(), line((20, 31)))


def test_the_width_of_a_gaussian_is_the_normal_quantile():
    assert pytest.approx(2 * ndtri(0.9), abs=1e-12) == RISE_PER_SIGMA


@pytest.mark.parametrize(("sigma_mm", "spacing_mm"), [(0.6, 0.1), (1.5, 0.2), (1.5, 0.4), (4.0, 0.2), (4.0, 1.0)])
def test_a_blurred_step_rises_over_its_width(sigma_mm, spacing_mm):
    places = np.arange(-30, 30, spacing_mm)
    profile = gaussian_filter1d((places >= 0) * 80.0 - 1000, sigma_mm / spacing_mm, mode="nearest", truncate=6)
    assert rise_distance_mm(places, profile) == pytest.approx(RISE_PER_SIGMA * sigma_mm, rel=0.02)
    assert rise_distance_mm(places, -profile) == pytest.approx(RISE_PER_SIGMA * sigma_mm, rel=0.02)


@pytest.mark.parametrize("fractions", [(0.1, 0.9), (0.2, 0.8), (0.25, 0.5)])
def test_a_ramp_rises_over_its_share(fractions):
    places = np.linspace(0, 100, 1001)
    ramp = np.clip((places - 30) / 40, 0, 1)
    assert rise_distance_mm(places, ramp, fractions) == pytest.approx(40 * (fractions[1] - fractions[0]), rel=1e-6)


def test_places_need_not_be_even():
    places = np.sort(np.random.default_rng(1).uniform(-20, 20, 4000))
    profile = 50 * (1 + erf(places / (np.sqrt(2) * 2.0)))
    assert rise_distance_mm(places, profile) == pytest.approx(RISE_PER_SIGMA * 2.0, rel=0.01)


@pytest.mark.parametrize(
    "profile", [[3.0] * 8, [1.0], [], [0, np.nan, 1, 1], [5, 9, 9, 5.0], [0.0, 1.0, np.inf]], ids=str
)
def test_a_profile_without_an_edge_has_no_width(profile):
    assert np.isnan(rise_distance_mm(np.arange(len(profile)), profile))


@pytest.mark.parametrize("angle_degrees", [0, 5, 33, 90, 135, 187, 270])
@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0), (0.5, 0.9)])
def test_the_profile_of_an_edge_at_any_angle_has_its_width(angle_degrees, spacing_mm):
    places, profile = edge_profile(slanted(angle_degrees, 2.0, spacing_mm), spacing_mm)
    assert (np.diff(places) > 0).all()
    assert profile[0] < 1
    assert profile[-1] > 99
    assert np.abs(profile - 50 * (1 + erf(places / (np.sqrt(2) * 2.0)))).max() < 6  # 0.3 mm beside it
    assert rise_distance_mm(places, profile) == pytest.approx(RISE_PER_SIGMA * 2.0, rel=0.03)


def test_noise_and_a_second_blur_are_borne():
    picture = gaussian_filter(slanted(20, 1.0), 2.0, mode="nearest")
    noisy = picture + np.random.default_rng(3).normal(0, 4, picture.shape)
    places, profile = edge_profile(noisy, (1.0, 1.0), bins_per_mm=2)
    assert rise_distance_mm(places, profile) == pytest.approx(RISE_PER_SIGMA * np.hypot(1, 2), rel=0.1)


def test_a_flat_picture_has_no_profile():
    places, profile = edge_profile(np.full((9, 9), 4.0), (1.0, 1.0))
    assert places.size == profile.size == 0
    assert np.isnan(rise_distance_mm(places, profile))
