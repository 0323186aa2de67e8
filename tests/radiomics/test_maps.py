"""Voxel-wise maps against cropping by hand: every value is that of the features of what the kernel holds."""

import itertools

import numpy as np
import pytest

from hounsfield.core.quantities import Quantity
from hounsfield.errors import HounsfieldError
from hounsfield.radiomics import extract, settings_from
from hounsfield.radiomics.catalogue import ENDINGS, catalogue
from hounsfield.radiomics.cut import cut_region, grid_of
from hounsfield.radiomics.discretise import discretise
from hounsfield.radiomics.map_tags import MAPPED, wanted_maps
from hounsfield.radiomics.maps import FeatureMaps, MapOptions, feature_maps, plan_maps
from hounsfield.radiomics.settings import Family
from hounsfield.radiomics.statistics import histogram_features, intensity_features
from hounsfield.radiomics.texture import TextureRegion
from hounsfield.radiomics.texture_features import texture_features
from tests.radiomics.phantoms import digital_phantom, volume_and_mask

WAYS = ("3D, averaged", "3D, merged", "3D", "2D, averaged", "2D, slice-merged", "2D")
LEVELS = {"rounds": False, "discretisation": {"binning": "fixed-bin-number", "number": 9}, "range": [5, 90]}


def case(seed: int = 3, shape: tuple[int, int, int] = (4, 6, 5)):
    """Noise in a region with holes; some samples lie outside the range, so the two masks differ."""
    chance = np.random.default_rng(seed)
    return volume_and_mask(chance.integers(0, 100, shape), chance.random(shape) < 0.8, (2.0, 1.0, 0.5))


def tags_of(families=MAPPED, ways=WAYS) -> list[str]:
    found = []
    for family in families:
        plain = family in MAPPED[:2]
        mine = ("",) if plain else [way for way in ways if (", " in way) == (family in ("glcm", "glrlm"))]
        found += [facts.tag + ENDINGS[way] for way in mine for facts in catalogue()[family]]
    return found


def by_hand(volume, mask, settings, radius: int, is_planar: bool) -> list[dict[str, float]]:
    """Crop the region to the kernel of each voxel, and take the features of what is left."""
    region = cut_region(volume, mask, settings)
    levels = discretise(region, settings.discretisation)
    grid = np.zeros(region.intensity.shape, dtype=np.int32)
    grid[region.intensity] = levels.values
    found = []
    for place in np.argwhere(region.intensity):
        reach = (0 if is_planar else radius, radius, radius)
        box = tuple(slice(max(0, at - far), at + far + 1) for at, far in zip(place, reach, strict=True))
        held = region.intensity[box]
        told = dict(intensity_features(region.samples[box][held]))
        told |= histogram_features(grid[box][held], levels.count)
        textures = texture_features(TextureRegion(grid[box], region.morphological[box], levels.count), WAYS, MAPPED)
        for (family, way), vector in textures.items():
            if way.startswith("2") == is_planar:
                facts = catalogue()[Family(family)]
                told |= {one.tag + ENDINGS[way]: value for one, value in zip(facts, vector, strict=True)}
        found.append(told)
    return found


@pytest.fixture(scope="module")
def everything() -> dict[int, FeatureMaps]:
    volume, mask = case()
    settings = settings_from(LEVELS, "test")
    return {radius: feature_maps(volume, mask, tags_of(), settings, MapOptions(radius, threads=2)) for radius in (1, 2)}


@pytest.mark.parametrize(("radius", "is_planar"), list(itertools.product((1, 2), (False, True))))
def test_every_map_is_what_cropping_to_the_kernel_gives(everything, radius: int, is_planar: bool) -> None:
    expected = by_hand(*case(), settings_from(LEVELS, "test"), radius, is_planar)
    wrong = []
    found = [one for one in everything[radius].maps if one.tag in expected[0]]
    if is_planar:  # statistics of these settings take kernels of three dimensions
        found = [one for one in found if one.aggregation]
    for one in found:
        values = np.array([told[one.tag] for told in expected])
        if not np.allclose(one.values, values, rtol=2e-5, atol=2e-5, equal_nan=True):
            wrong.append(f"{one.tag}: {np.nanmax(np.abs(one.values - values)):.3g}")
    assert not wrong, "\n".join(wrong)
    assert len(found) == (41 if not is_planar else 0) + 2 * (25 + 16) + 16 + 16 + 5 + 17


def test_maps_that_differ_by_voxel_are_compared(everything) -> None:
    for one in everything[1].maps:
        if not one.tag.startswith("ngl_dc_perc"):  # 1 by its definition
            assert np.unique(one.values[np.isfinite(one.values)]).size > 1, one.tag


@pytest.mark.parametrize("place", [(0, 0, 0), (2, 3, 2), (3, 5, 4)])
def test_extract_on_the_cropped_mask_gives_the_same(place: tuple[int, int, int]) -> None:
    samples = np.random.default_rng(9).integers(1, 7, (4, 6, 5))
    volume, mask = volume_and_mask(samples, np.ones(samples.shape))
    settings = settings_from({"rounds": False, "discretisation": {"binning": "none"}}, "test")
    tags = [
        "stat_var",
        "stat_p90",
        "ih_entropy",
        "cm_joint_entr_3D_avg",
        "rlm_lre_3D_comb",
        "szm_glnu_3D",
        "dzm_zd_var_3D",
    ]
    maps = feature_maps(volume, mask, [*tags, "ngt_busyness_3D", "ngl_dc_entr_3D"], settings)
    inside = np.zeros(samples.shape, np.uint8)
    inside[tuple(slice(max(0, at - 1), at + 2) for at in place)] = 1
    found = extract(volume, volume_and_mask(samples, inside)[1], settings)
    for one in maps.maps:
        assert maps.boxed(one)[place] == pytest.approx(found.value(one.tag), rel=1e-5), one.tag


def test_a_kernel_as_large_as_the_region_gives_its_features_everywhere() -> None:
    volume, mask = digital_phantom()
    settings = settings_from({"rounds": False, "discretisation": {"binning": "none"}}, "test")
    tags = ["cm_joint_var_3D_avg", "szm_zsnu_3D", "dzm_sde_3D", "ngt_strength_3D", "ngl_hde_3D", "rlm_rl_var_3D_comb"]
    maps = feature_maps(volume, mask, [*tags, "stat_kurt", "ih_max_grad"], settings, MapOptions(radius=5))
    found = extract(volume, mask, settings)
    for one in maps.maps:
        assert one.values == pytest.approx(found.value(one.tag), rel=1e-5), one.tag


def test_a_map_lies_on_the_grid_of_the_settings_in_the_patient() -> None:
    """A ramp along x in the patient: the mean of a whole kernel is the ramp in its middle, on every grid."""
    z, y, x = np.indices((9, 11, 13))
    volume, mask = volume_and_mask(x * 3.0, (z > 1) & (z < 7) & (y > 1) & (y < 9) & (x > 1) & (x < 11), (2.0, 1.5, 1.0))
    for extra in ({}, {"spacing_mm": [1, 1, 1.3]}, {"spacing_mm": [1.1, 0.7]}):
        settings = settings_from({"rounds": False, **extra}, "test")
        maps = feature_maps(volume, mask, ["stat_mean"], settings)
        shown = maps.volume(maps.maps[0])
        assert shown.geometry == grid_of(volume.geometry, settings)
        assert (shown.geometry == volume.geometry) == (extra == {})
        places = np.argwhere(np.isfinite(shown.array))
        # a kernel that the edge of the region cuts is not centred
        inner = places[(places > places.min(0)).all(1) & (places < places.max(0)).all(1)]
        at = volume.geometry.to_index(shown.geometry.to_patient(inner))
        assert len(inner) > 50
        assert shown.array[tuple(inner.T)] == pytest.approx(at[:, 2] * 3.0, abs=1e-4)


def test_outside_the_region_nothing_is_said() -> None:
    volume, mask = case()
    settings = settings_from(LEVELS, "test")
    maps = feature_maps(volume, mask, ["stat_min"], settings)
    shown = maps.volume(maps.maps[0])
    inside = (mask.array > 0) & (volume.array >= 5) & (volume.array <= 90)
    assert (np.isfinite(shown.array) == inside).all()
    assert shown.array.dtype == np.float32
    assert np.nanmin(shown.array) == volume.array[inside].min()


def test_a_lone_voxel_has_statistics_and_no_pairs() -> None:
    inside = np.zeros((3, 3, 3))
    inside[1, 1, 1] = 1
    maps = feature_maps(*volume_and_mask(np.full((3, 3, 3), 7.0), inside), ["stat_mean", "cm_contrast", "ngt_contrast"])
    assert [one.tag for one in maps.maps] == ["stat_mean", "cm_contrast_3D_avg", "ngt_contrast_3D"]
    assert maps.maps[0].values == 7
    assert np.isnan(maps.maps[1].values).all()
    assert np.isnan(maps.maps[2].values).all()


def test_threads_and_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hounsfield.radiomics.maps.CHUNK", 7)
    volume, mask = case()
    tags, told = ["cm_contrast", "dzm_ld_var_3D", "stat_median"][::2], []
    one, two = (feature_maps(volume, mask, tags, options=MapOptions(threads=count)) for count in (1, 3))
    for first, second in zip(one.maps, two.maps, strict=True):
        assert np.array_equal(first.values, second.values, equal_nan=True)
    plan_maps(volume, mask, tags).run(lambda done, total: told.append((done, total)))
    voxels = one.inside.sum()
    assert told[-1] == (2 * voxels, 2 * voxels)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_maps_of_filtered_images_are_maps_of_the_response() -> None:
    volume, mask = case(shape=(6, 8, 8))
    settings = settings_from({"rounds": False, "filters": [{"kind": "mean", "dimensions": 3, "size": 3}]}, "test")
    maps = feature_maps(volume, mask, ["mean_3_3D_stat_max", "stat_max"], settings)
    assert [one.tag for one in maps.maps] == ["mean_3_3D_stat_max", "stat_max"]
    assert (maps.maps[0].values <= maps.maps[1].values + 1e-4).all()
    found = extract(volume, mask, settings)
    assert maps.maps[0].values.max() == pytest.approx(found.value("mean_3_3D_stat_max"), rel=1e-6)


@pytest.mark.parametrize(
    ("tag", "settings", "expected"),
    [
        ("cm_contrast", {}, "cm_contrast_3D_avg"),
        ("cm_contrast", {"aggregations": ["3D, merged"]}, "cm_contrast_3D_comb"),
        ("cm_contrast", {"aggregations": ["2D, slice-merged", "2D"]}, "cm_contrast_2D_comb"),
        ("cm_contrast", {"aggregations": ["2.5D, merged"]}, "cm_contrast_2D_avg"),
        (" szm_sze ", {}, "szm_sze_3D"),
        ("szm_sze", {"aggregations": ["2D, averaged"]}, "szm_sze_2D"),
        ("cm_inv_diff_norm_2D_comb", {}, "cm_inv_diff_norm_2D_comb"),
    ],
)
def test_a_tag_without_its_ending_takes_the_way_of_the_settings(tag: str, settings: dict, expected: str) -> None:
    (one,) = wanted_maps([tag], settings_from(settings, "test"), case()[0])
    assert one.tag == expected
    assert one.is_planar == ("_2D" in expected)
    assert one.is_merged == expected.endswith("comb")


def test_one_slice_is_mapped_in_its_plane() -> None:
    volume, mask = volume_and_mask(np.arange(30).reshape(1, 5, 6), np.ones((1, 5, 6)))
    maps = feature_maps(volume, mask, ["stat_range", "cm_contrast"])
    assert maps.maps[1].tag == "cm_contrast_2D_avg"
    assert maps.boxed(maps.maps[0])[0, 2, 2] == 14


@pytest.mark.parametrize(
    "tag",
    ["morph_volume", "cm_contrast_2_5D_avg", "stat_mean_3D", "ngt_contrast_3D_avg", "cm_contrast_3D", "nothing", ""],
)
def test_what_has_no_map_is_refused(tag: str) -> None:
    with pytest.raises(HounsfieldError) as caught:
        wanted_maps(["stat_mean", tag], settings_from({}, "test"), case()[0])
    assert caught.value.code == "E990"


@pytest.mark.parametrize("radius", [0, -1, 11])
def test_a_radius_that_no_kernel_has_is_refused(radius: int) -> None:
    with pytest.raises(HounsfieldError) as caught:
        MapOptions(radius=radius)
    assert caught.value.code == "E992"


def test_memory_is_told_before_and_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_maps(*case(), ["cm_contrast", "stat_mean"])
    told = plan.estimate()
    assert told.voxels == int((case()[1].array > 0).sum())
    assert told.seconds > 0
    monkeypatch.setattr("hounsfield.radiomics.maps.available_memory", lambda: told.bytes - 1)
    with pytest.raises(HounsfieldError) as caught:
        plan.run()
    assert caught.value.code == "E991"
    monkeypatch.setattr("hounsfield.radiomics.maps.available_memory", lambda: told.bytes)
    assert len(plan.run().maps) == 2


def test_values_keep_their_unit() -> None:
    volume, mask = case()
    maps = feature_maps(volume.with_array(volume.array, quantity=Quantity.HOUNSFIELD), mask, ["stat_var", "ih_var"])
    assert [one.unit for one in maps.maps] == ["([hnsf'U])2", "1"]
