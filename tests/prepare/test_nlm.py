"""Non-local means against its definition written out, scikit-image's slow mode and a phantom with known truth."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio
from skimage.restoration import denoise_nl_means

from hounsfield.prepare.nlm import Likeness, non_local_means


def noisy(shape, sigma=20.0, seed=0):
    truth = np.broadcast_to(np.where(np.arange(shape[1]) < shape[1] // 2, 0.0, 100.0)[None, :, None], shape)
    return truth, (truth + np.random.default_rng(seed).normal(0, sigma, shape)).astype(np.float32)


def ours(volume, likeness, threads=0):
    out = np.empty(volume.shape, np.float32)
    non_local_means(volume, likeness, out, threads)
    return out


def by_definition(volume, likeness):
    """Return the weighted means as the formula says it: every sample, every partner, every sample of the patches."""
    (ps, pr), (qs, qr) = likeness.patch_radius, likeness.search_radius
    padded = np.pad(volume.astype(float), [(ps, ps), (pr, pr), (pr, pr)], mode="reflect")
    patches = np.lib.stride_tricks.sliding_window_view(padded, (2 * ps + 1, 2 * pr + 1, 2 * pr + 1))
    out = np.empty(volume.shape)
    for s, r, c in np.ndindex(volume.shape):
        around = tuple(slice(max(0, at - reach), at + reach + 1) for at, reach in ((s, qs), (r, qr), (c, qr)))
        distance = ((patches[around] - patches[s, r, c]) ** 2).mean(axis=(-3, -2, -1))
        weights = np.exp(-np.maximum(distance - 2 * likeness.sigma**2, 0) / likeness.h**2)
        out[s, r, c] = (weights * volume[around]).sum() / weights.sum()
    return out


@pytest.mark.parametrize(
    ("shape", "likeness"),
    [
        ((1, 40, 24), Likeness((0, 2), (0, 4), 16.0, 20.0)),
        ((3, 35, 9), Likeness((0, 1), (0, 6), 30.0)),
        ((10, 36, 7), Likeness((1, 1), (2, 2), 16.0, 20.0)),
        ((1, 5, 4), Likeness((0, 3), (0, 6), 16.0, 20.0)),
    ],
    ids=["slice", "slice by slice", "volume", "smaller than the search"],
)
def test_means_are_those_of_the_definition(shape, likeness):
    _, volume = noisy(shape)
    np.testing.assert_allclose(ours(volume, likeness), by_definition(volume, likeness), atol=2e-3)


def test_gaussian_patches_are_scikit_images_slow_mode():
    # Its exponential is a table lookup good to some per cent of a weight, and it drops weights below exp(-5).
    _, volume = noisy((1, 60, 50))
    theirs = denoise_nl_means(volume[0].astype(float), 5, 6, h=16, sigma=20, fast_mode=False, preserve_range=True)
    found = ours(volume, Likeness((0, 2), (0, 6), 16.0, 20.0, is_gaussian=True))[0]
    assert np.abs(found - theirs).max() < 0.4
    assert np.abs(found - theirs).mean() < 0.1


def test_noise_falls_and_the_edge_stays():
    truth, volume = noisy((1, 96, 96))
    found = ours(volume, Likeness((0, 2), (0, 6), 16.0, 20.0))
    before, after = (peak_signal_noise_ratio(truth, image, data_range=100) for image in (volume, found))
    assert after > before + 9
    assert found[0, 47].mean() < 15
    assert found[0, 48].mean() > 85


def test_neither_threads_nor_type_change_the_result():
    _, volume = noisy((9, 70, 12))
    likeness = Likeness((1, 1), (2, 2), 16.0, 20.0)
    assert ours(volume, likeness, 1).tobytes() == ours(volume, likeness, 3).tobytes()
    whole = volume.astype(np.int16)
    assert ours(whole, likeness).tobytes() == ours(whole.astype(np.float32), likeness).tobytes()
