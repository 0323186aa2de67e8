"""The random walker against scikit-image and against harmonic functions that can be written down."""

import numpy as np
import pytest
from skimage.segmentation import random_walker

from hounsfield.clinical.tumour import walker
from hounsfield.clinical.tumour.walker import WalkerSettings, walk
from hounsfield.errors import ImageError

EXACT = WalkerSettings(tolerance=1e-10)


@pytest.mark.parametrize("beta", [1.0, 90.0, 400.0])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 0.7)])
def test_probabilities_are_those_of_scikit_image(beta, spacing):
    generator = np.random.default_rng(3)
    samples = generator.normal(0, 0.2, (5, 11, 12)).astype(np.float32)
    samples[1:4, 3:8, 4:9] += 1.0
    inside, outside = np.zeros(samples.shape, bool), np.zeros(samples.shape, bool)
    inside[2, 5, 6], outside[:, 0] = True, True
    markers = inside + 2 * outside.astype(int)
    theirs = random_walker(
        samples.astype(np.float64), markers, beta=beta, mode="cg_j", tol=1e-10, spacing=spacing, return_full_prob=True
    )[0]
    np.testing.assert_allclose(walk(samples, inside, outside, spacing, WalkerSettings(beta, 1e-10)), theirs, atol=2e-4)


def test_without_edges_the_answer_is_linear_between_two_walls():
    samples = np.zeros((3, 9, 4), np.float32)
    inside, outside = np.zeros(samples.shape, bool), np.zeros(samples.shape, bool)
    inside[:, 0], outside[:, -1] = True, True
    found = walk(samples, inside, outside, (1.0, 1.0, 1.0), EXACT)
    np.testing.assert_allclose(found, np.broadcast_to(np.linspace(1, 0, 9)[None, :, None], samples.shape), atol=1e-6)


def test_an_edge_takes_the_whole_fall():
    samples = np.zeros((1, 10, 6), np.float32)
    samples[:, 5:] = 1.0
    inside, outside = np.zeros(samples.shape, bool), np.zeros(samples.shape, bool)
    inside[:, 0], outside[:, -1] = True, True
    found = walk(samples, inside, outside, (1.0, 1.0, 1.0), WalkerSettings(400.0, 1e-10))
    assert found[:, :5].min() > 0.99
    assert found[:, 5:].max() < 0.01


def test_seeds_keep_their_side():
    samples = np.random.default_rng(0).normal(size=(3, 6, 6)).astype(np.float32)
    inside, outside = np.zeros(samples.shape, bool), np.zeros(samples.shape, bool)
    inside[1, 2, 2], outside[0] = True, True
    found = walk(samples, inside, outside, (1.0, 1.0, 1.0))
    assert found[1, 2, 2] == 1.0
    assert not found[0].any()


@pytest.mark.parametrize(("free", "fits"), [(None, True), (10**9, True), (1000, False)])
def test_a_walk_that_does_not_fit_is_refused_before_it_begins(monkeypatch, free, fits):
    monkeypatch.setattr(walker, "available_memory", lambda: free)
    samples = np.zeros((2, 5, 5), np.float32)
    inside, outside = np.zeros(samples.shape, bool), np.zeros(samples.shape, bool)
    inside[0, 0, 0], outside[1, 4, 4] = True, True
    if fits:
        assert walk(samples, inside, outside, (1.0, 1.0, 1.0)).shape == samples.shape
        return
    with pytest.raises(ImageError) as told:
        walk(samples, inside, outside, (1.0, 1.0, 1.0))
    assert told.value.code == "E243"


def test_the_estimate_of_memory_covers_what_a_walk_takes():
    import tracemalloc

    samples = np.random.default_rng(0).normal(size=(12, 24, 24)).astype(np.float32)
    inside, outside = np.zeros(samples.shape, bool), np.zeros(samples.shape, bool)
    inside[6, 12, 12], outside[:, 0] = True, True
    tracemalloc.start()
    walk(samples, inside, outside, (1.0, 1.0, 1.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.3 * walker.walker_bytes(samples.shape) < peak < walker.walker_bytes(samples.shape)
