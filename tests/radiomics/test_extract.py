"""Extraction as a whole: small regions, what is asked for, units, compliance and settings."""

import math
from dataclasses import replace

import numpy as np
import pytest

from hounsfield.core.quantities import Quantity
from hounsfield.errors import SettingsError
from hounsfield.radiomics import (
    Discretisation,
    FeatureSet,
    RadiomicsSettings,
    extract,
    named_settings,
    settings_from,
    spatial,
)
from hounsfield.radiomics.catalogue import ENDINGS, catalogue
from hounsfield.radiomics.discretise import discretise, volume_steps
from hounsfield.radiomics.region import Region
from hounsfield.radiomics.settings import NAMED, PLANAR, SPATIAL, Binning, Family
from tests.radiomics.phantoms import ball, digital_phantom, volume_and_mask

EVERYTHING = RadiomicsSettings(rounds=False, aggregations=(*PLANAR, *SPATIAL))


def values_of(found: FeatureSet) -> dict[str, float]:
    return {feature.tag: feature.value for feature in found.features}


def test_the_catalogue_has_the_174_features_of_the_manual() -> None:
    counts = {family: len(features) for family, features in catalogue().items()}
    assert counts == {
        "morphology": 29, "local-intensity": 2, "intensity-statistics": 18, "intensity-histogram": 23,
        "intensity-volume-histogram": 7, "glcm": 25, "glrlm": 16, "glszm": 16, "gldzm": 16, "ngtdm": 5, "ngldm": 17,
    }  # fmt: skip
    assert tuple(catalogue()) == tuple(Family)
    everything = [facts for features in catalogue().values() for facts in features]
    assert len({facts.tag for facts in everything}) == 174
    assert sum(not facts.is_standardised for facts in everything) == 5


def test_every_feature_is_there_once_for_each_way_of_merging() -> None:
    found = extract(*digital_phantom(), EVERYTHING)
    directed, undirected = 25 + 16, 16 + 16 + 5 + 17
    assert len(found.features) == 29 + 2 + 18 + 23 + 7 + 6 * directed + 3 * undirected
    assert len(values_of(found)) == len(found.features)
    assert {feature.aggregation for feature in found.features} == set(ENDINGS)


@pytest.mark.parametrize("family", Family)
def test_one_family_alone_has_the_values_it_has_among_all(family: Family) -> None:
    whole = values_of(extract(*digital_phantom(), EVERYTHING))
    alone = extract(*digital_phantom(), replace(EVERYTHING, families=(family,)))
    assert {feature.family for feature in alone.features} == {family}
    for tag, value in values_of(alone).items():
        assert whole[tag] == pytest.approx(value, nan_ok=True)


def test_one_voxel_has_the_values_that_the_manual_gives_it() -> None:
    inside = np.zeros((5, 5, 5))
    inside[2, 2, 2] = 1
    found = values_of(extract(*volume_and_mask(np.full((5, 5, 5), 40.0), inside, (2.0, 2.0, 2.0)), EVERYTHING))
    assert found["stat_mean"] == 40
    assert found["stat_var"] == 0
    assert found["morph_vol_approx"] == 8
    assert found["morph_volume"] == pytest.approx(4 / 3)
    assert found["morph_diam"] == pytest.approx(2)
    assert math.isnan(found["morph_moran_i"])
    assert math.isnan(found["cm_contrast_3D_comb"])  # no pairs
    assert math.isnan(found["ngt_coarseness_3D"])
    assert found["szm_lze_3D"] == 1
    assert found["rlm_sre_3D_comb"] == 1
    assert found["ngl_dc_energy_3D"] == 1


def test_one_intensity_has_no_texture() -> None:
    inside = ball(5.0, (1.0, 1.0, 1.0))
    found = values_of(extract(*volume_and_mask(np.full(inside.shape, -3.5), inside), EVERYTHING))
    assert found["cm_joint_max_3D_comb"] == 1
    assert found["cm_contrast_3D_comb"] == 0
    assert found["cm_corr_3D_comb"] == 1
    assert found["ngt_coarseness_3D"] == 1e6
    assert found["ngt_contrast_3D"] == 0
    assert found["szm_zs_var_3D"] == 0
    assert found["ih_entropy"] == 0
    assert (found["stat_skew"], found["stat_kurt"]) == (0, 0)


def test_labels_are_measured_apart_or_together() -> None:
    volume, mask = digital_phantom()
    both = replace(mask, array=np.where(np.arange(4)[:, None, None] < 2, 1, 3).astype(np.uint8) * mask.array)
    parts = [extract(volume, both, EVERYTHING, label=label).voxel_count for label in (1, 3)]
    assert parts == [39, 35]
    assert extract(volume, both, EVERYTHING).voxel_count == 74


def test_moving_the_region_in_its_image_changes_nothing() -> None:
    volume, mask = digital_phantom()
    wide = [np.pad(array, ((3, 2), (1, 4), (5, 1)), mode="constant") for array in (volume.array, mask.array)]
    settings = replace(EVERYTHING, families=tuple(family for family in Family if family != Family.LOCAL_INTENSITY))
    moved = extract(*volume_and_mask(*wide, (2.0, 2.0, 2.0)), settings)
    assert values_of(moved) == pytest.approx(values_of(extract(volume, mask, settings)), nan_ok=True)


def test_scaling_the_voxels_scales_lengths_areas_and_volumes() -> None:
    volume, mask = digital_phantom()
    double = volume_and_mask(volume.array, mask.array, (4.0, 4.0, 4.0))
    settings = RadiomicsSettings(families=(Family.MORPHOLOGY,), rounds=False)
    small, large = extract(volume, mask, settings), extract(*double, settings)
    powers = {"mm": 2, "mm2": 4, "mm3": 8, "mm-1": 0.5, "1": 1}
    for one, other in zip(small.features, large.features, strict=True):
        power = powers.get(one.unit, 8)
        if one.tag not in ("morph_moran_i", "morph_geary_c"):
            assert other.value == pytest.approx(power * one.value, rel=1e-6), one.tag


def test_units_follow_the_image() -> None:
    samples = np.random.default_rng(0).normal(50, 9, (3, 4, 5))
    for quantity, mean, energy, integrated in (
        (Quantity.HOUNSFIELD, "[hnsf'U]", "([hnsf'U])2", "[hnsf'U].mm3"),
        (Quantity.ARBITRARY, "[arb'U]", "([arb'U])2", "[arb'U].mm3"),
        (Quantity.DISPLAY, "1", "1", "mm3"),
    ):
        found = extract(*volume_and_mask(samples, np.ones(samples.shape), quantity=quantity))
        units = {feature.tag: feature.unit for feature in found.features}
        assert (units["stat_mean"], units["stat_energy"], units["morph_integ_int"]) == (mean, energy, integrated)
        assert (units["morph_volume"], units["cm_contrast_3D_comb"]) == ("mm3", "1")


@pytest.mark.parametrize(
    ("quantity", "limits", "is_compliant"),
    [
        (Quantity.HOUNSFIELD, None, True),
        (Quantity.ARBITRARY, (0, 300), True),
        (Quantity.ARBITRARY, (None, 300), False),
        (Quantity.ARBITRARY, None, False),
    ],
)
def test_bins_of_fixed_width_need_units_or_a_range(quantity: Quantity, limits: object, is_compliant: bool) -> None:
    settings = settings_from({"range": limits, "discretisation": {"binning": "fixed-bin-width", "width": 5}}, "a.toml")
    volume, mask = digital_phantom()
    found = {one.tag: one.is_compliant for one in extract(replace(volume, quantity=quantity), mask, settings).features}
    assert found["cm_contrast_3D_comb"] is is_compliant
    assert found["stat_mean"] is True
    assert found["morph_vol_dens_mvee"] is False


def region_of(values: list[float], low: float | None = None, high: float | None = None) -> Region:
    samples = np.array(values).reshape(1, 1, -1)
    inside = np.ones(samples.shape, dtype=bool)
    return Region(samples, inside, inside, (1.0, 1.0, 1.0), low, high)


def test_fixed_bins_follow_the_formulas_of_the_manual() -> None:
    region = region_of([0, 1, 24.9, 25, 99.9, 100])
    by_number = discretise(region, Discretisation(number=4))
    assert (by_number.values.tolist(), by_number.count) == ([1, 1, 1, 2, 4, 4], 4)
    by_width = discretise(region, Discretisation(binning=Binning.FIXED_WIDTH, width=25))
    assert (by_width.values.tolist(), by_width.count) == ([1, 1, 1, 2, 4, 5], 5)
    from_range = discretise(region_of([0, 30], low=-25), Discretisation(binning=Binning.FIXED_WIDTH, width=25))
    assert from_range.values.tolist() == [2, 3]


def test_levels_below_one_are_moved_up_where_nothing_is_binned() -> None:
    found = discretise(region_of([-5, 0, 2]), Discretisation(binning=Binning.NONE))
    assert (found.values.tolist(), found.count) == ([1, 6, 8], 8)


def test_the_volume_histogram_steps_over_the_range() -> None:
    places, steps = volume_steps(region_of([0, 5], low=-10, high=10), Discretisation(binning=Binning.NONE))
    assert (steps.first, steps.count, places.tolist()) == (-10, 21, [10, 15])
    places, steps = volume_steps(
        region_of([0, 4.9], low=0, high=10), Discretisation(binning=Binning.FIXED_WIDTH, width=2.5)
    )
    assert (steps.intensities.tolist(), places.tolist()) == ([1.25, 3.75, 6.25, 8.75], [0, 1])


@pytest.mark.parametrize(
    "document",
    [
        {"spacing": [1, 1, 1]},
        {"spacing_mm": [1, 0, 1]},
        {"range": [5, 1]},
        {"interpolation": "quintic"},
        {"aggregations": ["4D"]},
        {"families": []},
        {"families": ["colour"]},
        {"leaves_out": ["morph_colour"]},
        {"discretisation": {"binning": "fixed-bin-width", "number": 4}},
        {"discretisation": {"binning": "none", "width": 4}},
        {"discretisation": {"number": 0}},
        {"outlier_deviations": float("nan")},
        {"name": "Not A Name"},
        ["a list"],
    ],
)
def test_settings_that_cannot_be_are_refused_with_their_place(document: object) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_from(document, "mine.toml")
    assert caught.value.code == "E961"
    assert "mine.toml" in caught.value.text()


def test_settings_of_a_file_are_the_named_ones() -> None:
    document = {
        "name": "ibsi-b", "spacing_mm": [2, 2], "rounds": True, "range": [-500, 400], "aggregations": list(PLANAR),
        "discretisation": {"binning": "fixed-bin-number", "number": 32},
    }  # fmt: skip
    assert settings_from(document, "b.toml") == named_settings("ibsi-b")
    assert all(named_settings(name).name == name for name in NAMED)


def test_a_name_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(SettingsError) as caught:
        named_settings("ibsi-z")
    assert caught.value.code == "E960"
    assert "ibsi-digital-phantom" in caught.value.next_step()


def test_a_value_is_found_by_its_tag() -> None:
    found = extract(*digital_phantom(), named_settings("ibsi-digital-phantom"))
    assert found.value("stat_energy") == 567
    with pytest.raises(KeyError):
        found.value("stat_colour")


def test_what_is_left_out_is_not_worked_out_and_changes_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = values_of(extract(*digital_phantom(), EVERYTHING))
    spatial, boxes = ("morph_moran_i", "morph_geary_c"), ("morph_vol_dens_ombb", "morph_area_dens_ombb")
    monkeypatch.setattr("hounsfield.radiomics.morphology.autocorrelation", None)
    monkeypatch.setattr("hounsfield.radiomics.solids.Hull.oriented_box", None)
    left = values_of(extract(*digital_phantom(), replace(EVERYTHING, leaves_out=(*spatial, *boxes, "stat_mean"))))
    assert set(whole) - set(left) == {*spatial, *boxes, "stat_mean"}
    assert left == pytest.approx({tag: whole[tag] for tag in left}, nan_ok=True)


@pytest.mark.parametrize("seed", range(3))
def test_large_and_small_regions_have_the_same_autocorrelation(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(seed)
    samples, inside = chance.normal(0, 50, (14, 21, 18)), chance.random((14, 21, 18)) < 0.7
    exact = spatial.autocorrelation(samples, inside, (3.0, 0.7, 0.7))
    monkeypatch.setattr(spatial, "LARGE", 0)
    rough = spatial.autocorrelation(samples, inside, (3.0, 0.7, 0.7))
    assert rough.moran_i == pytest.approx(exact.moran_i, abs=1e-5)
    assert rough.geary_c == pytest.approx(exact.geary_c, abs=1e-5)
