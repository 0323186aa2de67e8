"""Spatial autocorrelation against the sum over all pairs, written out."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from hounsfield.radiomics.spatial import autocorrelation


def by_pairs(samples: np.ndarray, inside: np.ndarray, spacing: tuple[float, float, float]) -> tuple[float, float]:
    points, values = np.argwhere(inside) * np.array(spacing), samples[inside]
    weights = 1 / np.where(np.eye(len(points)), np.inf, squareform(pdist(points)))
    off = values - values.mean()
    moran = len(off) / weights.sum() * (weights * np.outer(off, off)).sum() / (off**2).sum()
    apart = (values[:, None] - values[None, :]) ** 2
    geary = (len(off) - 1) / (2 * weights.sum()) * (weights * apart).sum() / (off**2).sum()
    return float(moran), float(geary)


@pytest.mark.parametrize("shape", [(4, 5, 6), (1, 7, 8), (5, 5, 5), (3, 1, 1)])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_transform_gives_the_sum_over_all_pairs(shape: tuple[int, int, int], threads: int) -> None:
    chance = np.random.default_rng(sum(shape))
    samples, inside = chance.normal(100, 20, shape), chance.random(shape) < 0.8
    inside.flat[:2] = True
    found = autocorrelation(samples, inside, (2.5, 0.8, 0.7), threads)
    assert (found.moran_i, found.geary_c) == pytest.approx(by_pairs(samples, inside, (2.5, 0.8, 0.7)), rel=1e-9)


def test_samples_outside_the_region_do_not_count() -> None:
    chance = np.random.default_rng(1)
    samples, inside = chance.normal(size=(4, 4, 4)), chance.random((4, 4, 4)) < 0.5
    other = np.where(inside, samples, 1e6)
    assert autocorrelation(samples, inside, (1, 1, 1)) == autocorrelation(other, inside, (1, 1, 1))


def test_a_slope_is_alike_near_by_and_a_chequered_pattern_is_not() -> None:
    inside = np.ones((6, 6, 6), dtype=bool)
    index = np.indices(inside.shape)
    slope = autocorrelation(index[2].astype(float), inside, (1, 1, 1))
    chequered = autocorrelation((index.sum(0) % 2).astype(float), inside, (1, 1, 1))
    assert slope.moran_i > 0 > chequered.moran_i
    assert slope.geary_c < 1 < chequered.geary_c


@pytest.mark.parametrize("samples", [np.ones((3, 3, 3)), np.zeros((1, 1, 1))])
def test_without_spread_there_is_no_autocorrelation(samples: np.ndarray) -> None:
    found = autocorrelation(samples, np.ones(samples.shape, dtype=bool), (1, 1, 1))
    assert np.isnan(found.moran_i)
    assert np.isnan(found.geary_c)
