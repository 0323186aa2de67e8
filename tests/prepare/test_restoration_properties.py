"""What holds of repair, deconvolution and standard scales whatever the picture: sums kept, bounds kept, order kept."""

import numpy as np
import pytest
from scipy import ndimage

from hounsfield.core.quantities import Quantity
from hounsfield.prepare.lucy import deconvolve_gaussian, gaussian_taps
from hounsfield.prepare.nyul import learn_standard
from hounsfield.prepare.psf import psf_of
from hounsfield.prepare.sequence import apply_steps, build_steps
from hounsfield.prepare.variation import least_variation
from hounsfield.prepare.wavelet import Shrinkage, shrink
from hounsfield.prepare.wiener import wiener_filter
from tests.prepare.volumes import volume_of


def done(array, name, **settings):
    after, trace = apply_steps(build_steps([{"step": name, **settings}]), volume_of(array, Quantity.ARBITRARY))
    return after.array, trace.steps[0].parameters["drawn"]


def noise(shape=(2, 13, 17), seed=0, low=10.0, high=90.0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def holed(array, share=0.3, seed=1):
    return np.where(np.random.default_rng(seed).random(array.shape) < share, np.float32(np.nan), array)


def test_every_filled_sample_is_the_mean_of_those_beside_it():
    source = holed(noise())
    filled, _ = done(source, "inpaint")
    beside = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], float)
    for plane, hole in zip(filled.astype(np.float64), np.isnan(source), strict=True):
        count = ndimage.convolve(np.ones(plane.shape), beside, mode="constant")
        mean = ndimage.convolve(plane, beside, mode="constant") / count
        np.testing.assert_allclose(plane[hole], mean[hole], atol=1e-4)
    np.testing.assert_array_equal(filled[~np.isnan(source)], source[~np.isnan(source)])


@pytest.mark.parametrize("share", [0.02, 0.4, 0.9])
def test_filling_stays_between_the_known_samples_and_is_done_once(share):
    source = holed(noise((1, 21, 16)), share)
    filled, drawn = done(source, "inpaint")
    assert drawn == {"filled": [int(np.isnan(source).sum())]}
    assert np.nanmin(source) - 1e-4 <= filled.min()
    assert filled.max() <= np.nanmax(source) + 1e-4
    again, drawn = done(filled, "inpaint")
    assert drawn == {"filled": [0]}
    np.testing.assert_array_equal(again, filled)


def test_filling_is_linear_and_knows_no_direction():
    one, other = holed(noise(seed=2)), holed(noise(seed=3))  # the same holes
    joined = 2 * one - other
    expected = 2 * done(one, "inpaint")[0] - done(other, "inpaint")[0]
    np.testing.assert_allclose(done(joined, "inpaint")[0], expected, atol=1e-3)
    turned = np.ascontiguousarray(one.transpose(0, 2, 1)[:, ::-1])
    np.testing.assert_allclose(
        done(turned, "inpaint")[0][:, ::-1].transpose(0, 2, 1), done(one, "inpaint")[0], atol=1e-4
    )


def test_a_gap_in_a_line_is_bridged_straight_and_an_end_goes_on_level():
    line = np.array([[[np.nan, np.nan, 4, np.nan, np.nan, np.nan, 12, np.nan]]], np.float32)
    np.testing.assert_allclose(done(line, "inpaint")[0][0, 0], [4, 4, 4, 6, 8, 10, 12, 12], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_missing_slices_lie_on_the_line_between_what_is_there(dtype):
    stack = noise((9, 3, 4), seed=4).astype(dtype)
    missing = [6, 0, 3, 4, 8, 3]  # in no order, and one twice
    kept = [1, 2, 5, 7]
    expected = np.apply_along_axis(lambda samples: np.interp(range(9), kept, samples), 0, stack[kept].astype(float))
    found, drawn = done(stack, "missing-slices", slices=missing)
    assert found.dtype == dtype
    assert drawn == {"slices": [0, 3, 4, 6, 8]}
    np.testing.assert_allclose(found, np.rint(expected) if dtype is np.int16 else expected, rtol=1e-6)


def test_dead_lines_are_found_whatever_the_gain_and_turn_with_the_picture():
    r, c = np.mgrid[:40, :36]
    plane = (50 + 20 * np.sin(r / 9) + 15 * np.cos(c / 7) + noise((40, 36), low=-1, high=1)).astype(np.float32)
    plane[12] += 40
    plane[:, 25] -= 40
    _, drawn = done(plane[None], "dead-lines")
    assert drawn == {"rows": [[12]], "columns": [[25]]}
    assert done(plane[None] * -3 + 500, "dead-lines")[1] == drawn
    mended, turned = done(plane.T[None].copy(), "dead-lines")
    assert turned == {"rows": [[25]], "columns": [[12]]}
    np.testing.assert_allclose(mended[0].T, done(plane[None], "dead-lines")[0][0], atol=1e-4)
    assert done(mended, "dead-lines")[1] == {"rows": [[]], "columns": [[]]}


@pytest.mark.parametrize("sigmas", [(0.0, 1.2, 0.7), (0.8, 1.0, 1.5)])
def test_richardson_and_lucy_keep_the_sum_and_no_sample_is_negative(sigmas):
    data = noise((5, 12, 15), low=0, high=50)
    taps = tuple(gaussian_taps(sigma) for sigma in sigmas)
    found = deconvolve_gaussian(data, taps, 6)
    assert found.min() >= 0
    assert found.sum(dtype=float) == pytest.approx(data.sum(dtype=float), rel=1e-4)
    np.testing.assert_allclose(deconvolve_gaussian(data * 4, taps, 6), 4 * found, rtol=1e-4, atol=1e-3)


def test_each_round_of_richardson_and_lucy_explains_the_picture_better():
    data, sigmas = noise((4, 12, 15), low=1, high=50), (0.6, 1.0, 1.5)
    taps = tuple(gaussian_taps(sigma) for sigma in sigmas)

    def misfit(iterations):
        """Return the divergence of Csiszar that the method makes smaller in every round (Shepp and Vardi 1982)."""
        seen = ndimage.gaussian_filter(deconvolve_gaussian(data, taps, iterations).astype(float), sigmas)
        return (data * np.log(data / seen) - data + seen).sum()

    found = [misfit(iterations) for iterations in (1, 2, 5, 12)]
    assert (np.diff(found) < 0).all()


def test_without_a_blur_there_is_nothing_to_undo():
    data, one = noise((2, 8, 9)), gaussian_taps(0)
    np.testing.assert_allclose(deconvolve_gaussian(data, (one, one, one), 3), data, rtol=1e-5)
    point = psf_of("disk", (0.0, 0.0))
    for ratio in (1e-4, 0.25):  # the formula with H = 1
        np.testing.assert_allclose(wiener_filter(data, point, ratio), data / (1 + ratio), rtol=1e-4)


@pytest.mark.parametrize("length", [2.0, 5.5, 9.0])
def test_a_motion_is_the_same_there_and_back_and_turns_by_quarters(length):
    for angle in (0.0, 30.0, 63.0):
        psf = psf_of("motion", (length, length), angle)
        np.testing.assert_allclose(psf_of("motion", (length, length), angle - 180), psf, atol=0.02)
        np.testing.assert_allclose(np.rot90(psf_of("motion", (length, length), angle + 90)), psf, atol=0.02)


def test_more_weight_leaves_less_variation_and_at_last_the_mean():
    data = noise((1, 14, 11))

    def variation(image):
        down, across = np.diff(image[0], axis=0)[:, :-1], np.diff(image[0], axis=1)[:-1]
        return np.hypot(down, across).sum(dtype=float)

    found = [least_variation(data, weight, (0, 1, 1), 300, threads=1) for weight in (0.01, 3.0, 10.0, 30.0, 1000.0)]
    variations = [variation(data), *map(variation, found)]
    assert variations == sorted(variations, reverse=True)
    np.testing.assert_allclose(found[0], data, atol=0.05)
    np.testing.assert_allclose(found[-1], data.mean(), atol=0.5)


@pytest.mark.parametrize("rule", ["bayes", "visu"])
@pytest.mark.parametrize("shape", [(17, 23), (40, 33)])
def test_shrinking_takes_energy_off_the_details_alone(rule, shape):
    data = noise(shape)
    np.testing.assert_allclose(shrink(data, Shrinkage("haar", 1, 1e-6, rule)), data, atol=1e-3)
    calmed = [shrink(data, Shrinkage("haar", 1, sigma, rule, shifts=1)).std() for sigma in (1.0, 10.0, 100.0)]
    assert data.std() > calmed[0] > calmed[1] >= calmed[2]
    even = data[: shape[0] // 2 * 2, : shape[1] // 2 * 2]
    blocks = even.reshape(shape[0] // 2, 2, shape[1] // 2, 2).mean(axis=(1, 3))
    flat = shrink(np.ascontiguousarray(even), Shrinkage("haar", 1, 1e4, rule))
    np.testing.assert_allclose(flat, blocks.repeat(2, axis=0).repeat(2, axis=1), rtol=1e-4)


def test_a_scan_on_the_standard_scale_has_its_landmarks_and_order_and_stays_there():
    scans = [volume_of(noise((2, 30, 31), seed) ** power, Quantity.ARBITRARY) for seed, power in ((5, 1.0), (6, 1.3))]
    standard = learn_standard(scans, percentiles=(1, 25, 50, 75, 99), above=0.0)
    for scan in scans:
        mapped, _ = apply_steps([standard], scan)
        found = np.percentile(mapped.array, standard.percentiles)
        np.testing.assert_allclose(found, standard.landmarks, atol=0.2)
        order = np.argsort(scan.array.ravel(), kind="stable")
        assert (np.diff(mapped.array.ravel()[order]) >= 0).all()


@pytest.mark.parametrize("bins", [64, 256])
def test_one_tile_keeps_the_order_of_the_samples_and_forgets_their_unit(bins):
    plane = noise((1, 25, 19), seed=7)
    shown, _ = done(plane, "clahe", tiles=1, clip=0.05, bins=bins)
    order = np.argsort(plane.ravel(), kind="stable")
    assert (np.diff(shown.ravel()[order]) >= 0).all()
    np.testing.assert_allclose(done(plane * 4 - 64, "clahe", tiles=1, clip=0.05, bins=bins)[0], shown, atol=2e-3)
    turned = done(np.ascontiguousarray(plane.transpose(0, 2, 1)), "clahe", tiles=1, clip=0.05, bins=bins)[0]
    np.testing.assert_array_equal(turned.transpose(0, 2, 1), shown)
