"""Region growing against SimpleITK, thresholds against drawn lesions."""

import numpy as np
import pytest
import SimpleITK

from hounsfield.clinical.tumour import growing


def noisy(shape=(6, 20, 22), noise=4.0):
    samples = np.random.default_rng(2).normal(40, noise, shape).astype(np.float32)
    samples[:, 5:14, 6:16] += 60.0
    return samples


@pytest.mark.parametrize("multiplier", [1.5, 2.5, 3.5])
@pytest.mark.parametrize("rounds", [0, 1, 4])
@pytest.mark.parametrize("radius", [1, 2])
def test_growing_is_the_confidence_connected_filter_of_itk(multiplier, rounds, radius):
    samples, seed = noisy(), (3, 9, 10)
    theirs = SimpleITK.GetArrayFromImage(
        SimpleITK.ConfidenceConnected(SimpleITK.GetImageFromArray(samples), [seed[::-1]], rounds, multiplier, radius, 1)
    )
    np.testing.assert_array_equal(growing.confidence_grow(samples, seed, radius, multiplier, rounds), theirs > 0)


def test_an_image_without_noise_grows_over_its_plateau_alone():
    samples = np.zeros((3, 8, 8), np.float32)
    samples[1, 2:6, 2:6] = 5.0
    found = growing.confidence_grow(samples, (1, 3, 3), 1)
    assert found.sum() >= 16
    np.testing.assert_array_equal(growing.confidence_grow(samples, (1, 3, 4), 0), samples == 5.0)


def test_the_least_interval_takes_in_what_lies_near():
    samples = np.full((1, 5, 5), 10.0, np.float32)
    samples[0, :, 3:] = 11.0
    assert growing.confidence_grow(samples, (0, 2, 1), 0).sum() == 15
    assert growing.confidence_grow(samples, (0, 2, 1), 0, least=1.5).sum() == 25


def test_climbing_ends_at_the_hill_it_stands_on():
    rows, columns = np.mgrid[0:20, 0:30]
    hills = 5 * np.exp(-((rows - 5) ** 2 + (columns - 6) ** 2) / 8) + 9 * np.exp(
        -((rows - 14) ** 2 + (columns - 22) ** 2) / 8
    )
    samples = hills[None].astype(np.float32)
    assert growing.climb(samples, (0, 7, 8)) == (0, 5, 6)
    assert growing.climb(samples, (0, 12, 20)) == (0, 14, 22)
    assert growing.climb(np.zeros((1, 3, 3), np.float32), (0, 1, 1)) == (0, 1, 1)


@pytest.mark.parametrize("fraction", [0.3, 0.41, 0.5, 0.7])
def test_a_fraction_of_the_maximum_cuts_a_gaussian_where_it_should(fraction):
    axis = np.arange(41) - 20.0
    squared = axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2
    samples = (8.0 * np.exp(-squared / (2 * 36))).astype(np.float32)
    found = growing.of_maximum(samples, (22, 19, 21), fraction)
    np.testing.assert_array_equal(found, squared <= -2 * 36 * np.log(fraction) + 1e-4)


def test_of_two_lesions_only_that_of_the_seed_is_taken():
    samples = np.zeros((1, 10, 20), np.float32)
    samples[0, 3:6, 3:6], samples[0, 3:6, 12:16] = 4.0, 10.0
    np.testing.assert_array_equal(growing.of_maximum(samples, (0, 4, 4), 0.41)[0, :, :10], samples[0, :, :10] > 0)
    assert not growing.of_maximum(samples, (0, 4, 4), 0.41)[0, :, 10:].any()


@pytest.mark.parametrize("contrast", [60.0, -60.0])
def test_a_blurred_border_is_brought_to_half_height(contrast):
    from scipy.ndimage import gaussian_filter

    rows, columns = np.mgrid[:40, :40]
    truth = ((rows - 20) ** 2 + (columns - 19) ** 2 <= 100)[None]
    samples = gaussian_filter(np.where(truth, contrast, 0.0), (0, 1.2, 1.2)).astype(np.float32)
    short = ((rows - 20) ** 2 + (columns - 19) ** 2 <= 81)[None]
    assert abs(int(growing.refined(samples, short).sum()) - int(truth.sum())) < 12
    assert growing.refined(samples, np.zeros_like(short)).sum() == 0


def test_a_thin_bridge_is_cut_and_holes_are_filled():
    flags = np.zeros((1, 20, 30), bool)
    flags[0, 4:16, 3:14], flags[0, 4:16, 18:28], flags[0, 9, 14:18], flags[0, 9, 8] = True, True, True, False
    kept = growing.tidied(flags, (0, 9, 5))
    assert kept[0, 9, 8]
    assert not kept[0, :, 15:].any()
    assert growing.tidied(flags, (0, 9, 22))[0, 9, 22]


def test_what_opening_would_wipe_out_stays():
    flags = np.zeros((1, 9, 9), bool)
    flags[0, 4, 2:7] = True
    np.testing.assert_array_equal(growing.tidied(flags, (0, 4, 4)), flags)


def test_a_seed_outside_finds_no_component_and_the_nearest_voxel():
    flags = np.zeros((1, 9, 9), bool)
    flags[0, 2, 2] = True
    assert not growing.component_at(flags, (0, 5, 5)).any()
    assert growing.nearest(flags, (0, 5, 5)) == (0, 2, 2)
    assert growing.nearest(np.zeros_like(flags), (0, 5, 5)) == (0, 5, 5)
