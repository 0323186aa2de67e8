"""What features may not depend on: the way a region is turned, the scale of its intensities, the threads."""

from dataclasses import replace

import numpy as np
import pytest

from hounsfield.radiomics import Discretisation, RadiomicsSettings, extract
from hounsfield.radiomics.settings import PLANAR, SPATIAL, UNBINNED, Binning, Family
from tests.radiomics.phantoms import ball, noise_region, volume_and_mask

EVERYTHING = RadiomicsSettings(rounds=False, discretisation=Discretisation(number=8), aggregations=(*PLANAR, *SPATIAL))
TEXTURES = (Family.GLCM, Family.GLRLM, Family.GLSZM, Family.GLDZM, Family.NGTDM, Family.NGLDM)
Case = tuple[np.ndarray, np.ndarray, tuple[float, float, float]]


def case(seed: int) -> Case:
    levels = noise_region(seed, (7, 9, 8), 6)
    samples = levels * 10.0 + np.random.default_rng(seed).random(levels.shape)
    return samples, levels > 0, (2.0, 1.5, 1.5)


def values(one: Case, settings: RadiomicsSettings = EVERYTHING) -> dict[str, float]:
    samples, inside, spacing = one
    given = volume_and_mask(np.ascontiguousarray(samples), np.ascontiguousarray(inside), spacing)
    return {feature.tag: feature.value for feature in extract(*given, settings).features}


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1, 2)])
def test_a_mirror_image_has_the_same_features(axes: tuple[int, ...]) -> None:
    samples, inside, spacing = case(1)
    mirrored = values((np.flip(samples, axes), np.flip(inside, axes), spacing))
    assert mirrored == pytest.approx(values(case(1)), rel=1e-9, nan_ok=True)


def test_rows_and_columns_may_change_places() -> None:
    samples, inside, spacing = case(2)
    turned = values((samples.swapaxes(1, 2), inside.swapaxes(1, 2), spacing))
    assert turned == pytest.approx(values(case(2)), rel=1e-4, nan_ok=True)  # the least ellipsoid ends within 1e-4


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_features_of_the_volume_do_not_know_which_axis_is_which(order: tuple[int, int, int]) -> None:
    settings = replace(EVERYTHING, aggregations=SPATIAL)
    samples, inside, spacing = case(3)
    moved = tuple(spacing[axis] for axis in order)
    turned = values((samples.transpose(order), inside.transpose(order), moved), settings)
    assert turned == pytest.approx(values(case(3), settings), rel=1e-4, nan_ok=True)


@pytest.mark.parametrize(("factor", "offset"), [(3.0, 0.0), (1.0, 500.0), (0.25, -40.0)])
def test_bins_of_fixed_number_do_not_know_scale_and_offset(factor: float, offset: float) -> None:
    settings = replace(EVERYTHING, families=(*TEXTURES, Family.INTENSITY_HISTOGRAM))
    samples, inside, spacing = case(4)
    assert values((samples * factor + offset, inside, spacing), settings) == pytest.approx(
        values(case(4), settings), rel=1e-9, nan_ok=True
    )


def test_statistics_follow_scale_and_offset() -> None:
    settings = replace(EVERYTHING, families=(Family.INTENSITY_STATISTICS,))
    samples, inside, spacing = case(5)
    before, after = values(case(5), settings), values((samples * 4 - 7, inside, spacing), settings)
    assert after["stat_mean"] == pytest.approx(4 * before["stat_mean"] - 7)
    assert after["stat_median"] == pytest.approx(4 * before["stat_median"] - 7)
    assert after["stat_var"] == pytest.approx(16 * before["stat_var"])
    for tag in ("stat_iqr", "stat_range", "stat_mad", "stat_rmad", "stat_medad"):
        assert after[tag] == pytest.approx(4 * before[tag])
    for tag in ("stat_skew", "stat_kurt"):
        assert after[tag] == pytest.approx(before[tag])


def test_autocorrelation_does_not_know_scale_and_offset() -> None:
    settings = replace(EVERYTHING, families=(Family.MORPHOLOGY,))
    samples, inside, spacing = case(6)
    before, after = values(case(6), settings), values((samples * 9 + 1000, inside, spacing), settings)
    assert after["morph_moran_i"] == pytest.approx(before["morph_moran_i"], rel=1e-6)
    assert after["morph_geary_c"] == pytest.approx(before["morph_geary_c"], rel=1e-6)


@pytest.mark.parametrize("outside", [0.0, -5000.0, 1e6])
def test_only_peaks_see_what_lies_outside_the_mask(outside: float) -> None:
    samples, inside, spacing = case(7)
    families = tuple(family for family in Family if family is not Family.LOCAL_INTENSITY)
    settings = replace(EVERYTHING, families=families)
    changed = np.where(inside, samples, outside)
    assert values((changed, inside, spacing), settings) == pytest.approx(values(case(7), settings), nan_ok=True)
    peaks = replace(EVERYTHING, families=(Family.LOCAL_INTENSITY,))
    assert values((changed, inside, spacing), peaks) != pytest.approx(values(case(7), peaks))


def test_levels_given_as_they_are_need_no_bins() -> None:
    levels = noise_region(8, levels=5)
    by_level = values((levels, levels > 0, (1, 1, 1)), replace(EVERYTHING, discretisation=UNBINNED, families=TEXTURES))
    width = Discretisation(binning=Binning.FIXED_WIDTH, width=1.0)
    by_width = replace(EVERYTHING, discretisation=width, range=(1, None), families=TEXTURES)
    assert values((levels, levels > 0, (1, 1, 1)), by_width) == pytest.approx(by_level, nan_ok=True)


@pytest.mark.parametrize("radius", [6.0, 9.0])
def test_a_ball_is_as_round_as_its_voxels_allow(radius: float) -> None:
    inside = ball(radius, (1.0, 1.0, 1.0))
    settings = replace(EVERYTHING, families=(Family.MORPHOLOGY,))
    found = values((np.random.default_rng(0).normal(size=inside.shape), inside, (1.0, 1.0, 1.0)), settings)
    assert found["morph_pca_elongation"] == pytest.approx(1, abs=1e-9)
    assert found["morph_pca_flatness"] == pytest.approx(1, abs=1e-9)
    assert found["morph_diam"] == pytest.approx(2 * radius + 1, abs=0.5)
    assert found["morph_pca_maj_axis"] == pytest.approx(4 * radius / np.sqrt(5), rel=0.05)
    assert found["morph_comp_2"] == pytest.approx(found["morph_sphericity"] ** 3)
    assert found["morph_sph_dispr"] == pytest.approx(1 / found["morph_sphericity"])
    assert found["morph_asphericity"] == pytest.approx(found["morph_sph_dispr"] - 1)
    assert found["morph_comp_1"] == pytest.approx(np.sqrt(found["morph_comp_2"]) / (6 * np.pi), rel=1e-9)
    assert found["morph_vol_dens_mvee"] <= found["morph_vol_dens_conv_hull"] <= 1
    assert found["morph_vol_dens_aabb"] <= found["morph_vol_dens_ombb"] <= found["morph_vol_dens_conv_hull"]


def test_more_threads_give_the_same_features() -> None:
    samples, inside, spacing = case(9)
    given = volume_and_mask(samples, inside, spacing)
    one, two = (extract(*given, EVERYTHING, threads=threads) for threads in (1, 2))
    found = {feature.tag: feature.value for feature in two.features}
    assert found == pytest.approx({feature.tag: feature.value for feature in one.features}, rel=1e-12, nan_ok=True)
