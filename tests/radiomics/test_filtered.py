"""Features of filtered images: which voxels count, what they are called, and what of them is standardised."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import HounsfieldError, SettingsError
from hounsfield.radiomics import Discretisation, RadiomicsSettings, extract, settings_from
from hounsfield.radiomics.cut import cut_region, cut_surrounded
from hounsfield.radiomics.filters import (
    FilterSettings,
    GaborFilter,
    LaplacianOfGaussianFilter,
    LawsFilter,
    MeanFilter,
    SimoncelliFilter,
    WaveletFilter,
    respond,
)
from hounsfield.radiomics.settings import Binning, Family
from tests.radiomics.phantoms import volume_and_mask

FILTERS: tuple[FilterSettings, ...] = (
    MeanFilter(size=7),
    LaplacianOfGaussianFilter(sigma_mm=2),
    LawsFilter(energy_distance=3),
    GaborFilter(sigma_mm=1.5, wavelength_mm=4, angle_step_degrees=90),
    WaveletFilter(level=2),
    SimoncelliFilter(),
)
STATISTICS = RadiomicsSettings(rounds=False, families=(Family.INTENSITY_STATISTICS,))
EVEN = (1.0, 1.0, 1.0)


def case(
    spacing_mm: tuple[float, float, float] = EVEN, quantity: Quantity = Quantity.ARBITRARY
) -> tuple[Volume, Mask, npt.NDArray[np.bool_]]:
    samples = np.random.default_rng(0).normal(40, 20, (22, 34, 36))
    inside = np.zeros(samples.shape, dtype=bool)
    inside[9:13, 14:20, 2:9] = np.random.default_rng(1).random((4, 6, 7)) < 0.9
    return *volume_and_mask(samples, inside, spacing_mm, quantity), inside


@pytest.mark.parametrize("one", FILTERS, ids=lambda one: one.name)
def test_the_map_is_that_of_the_whole_image_and_the_voxels_those_of_the_image_itself(one: FilterSettings) -> None:
    volume, mask, inside = case()
    found = extract(volume, mask, replace(STATISTICS, range=(20, 60), filters=(one,)))
    kept = inside & (volume.array >= 20) & (volume.array <= 60)
    values = respond(volume.array, EVEN, one)[kept]
    assert found.intensity_voxel_count == kept.sum()
    assert found.value(f"{one.name}_stat_mean") == pytest.approx(values.mean(), rel=1e-7, abs=1e-9)
    assert found.value(f"{one.name}_stat_min") == pytest.approx(values.min(), rel=1e-7, abs=1e-7)
    assert found.value(f"{one.name}_stat_energy") == pytest.approx((values**2).sum(), rel=1e-7)


def test_the_image_is_filtered_on_its_new_grid() -> None:
    volume, mask, _ = case((2.0, 1.0, 1.0))
    settings = replace(STATISTICS, spacing_mm=EVEN, interpolation="cubic", filters=(MeanFilter(size=3),))
    region, around = cut_surrounded(volume, mask, settings)
    first, second, third = around.starts
    shape = region.samples.shape
    part = around.samples[first : first + shape[0], second : second + shape[1], third : third + shape[2]]
    assert np.array_equal(part, region.samples)
    plain = cut_region(volume, mask, replace(settings, filters=()))
    assert plain.samples == pytest.approx(region.samples, abs=1e-9)
    assert np.array_equal(plain.intensity, region.intensity)
    found = extract(volume, mask, settings)
    wide = respond(around.samples, EVEN, settings.filters[0])
    inner = wide[first : first + shape[0], second : second + shape[1], third : third + shape[2]]
    assert found.value("mean_3_3D_stat_max") == pytest.approx(inner[region.intensity].max())


def test_filters_leave_the_features_of_the_image_as_they_are() -> None:
    volume, mask, _ = case((1.5, 0.9, 0.9))
    settings = RadiomicsSettings(spacing_mm=EVEN, rounds=False)
    alone = extract(volume, mask, settings)
    beside = extract(volume, mask, replace(settings, filters=FILTERS))
    assert beside.features[0].tag == alone.features[0].tag
    for one, other in zip(alone.features, beside.features, strict=False):
        assert other.tag == one.tag
        assert other.value == pytest.approx(one.value, rel=1e-6, nan_ok=True)
    assert len(beside.features) == len(alone.features) + 18 * len(FILTERS)


def test_features_of_a_map_are_called_by_their_filter_and_have_no_unit() -> None:
    volume, mask, _ = case(quantity=Quantity.HOUNSFIELD)
    found = extract(volume, mask, replace(STATISTICS, filters=(MeanFilter(),)))
    tags = {feature.tag: feature for feature in found.features}
    assert len(tags) == 36
    own, filtered = tags["stat_mean"], tags["mean_5_3D_stat_mean"]
    assert (own.filter, filtered.filter) == ("", "mean_5_3D")
    assert own.ibsi_id == filtered.ibsi_id
    assert (own.unit, filtered.unit) == ("[hnsf'U]", "[arb'U]")


def test_textures_of_a_map_are_of_its_own_levels() -> None:
    volume, mask, inside = case()
    families = (Family.INTENSITY_HISTOGRAM, Family.INTENSITY_VOLUME_HISTOGRAM, Family.GLCM)
    one = MeanFilter(size=3)
    settings = replace(
        STATISTICS,
        range=(0, 80),
        filters=(one,),
        filtered_families=families,
        filtered_discretisation=Discretisation(number=8),
    )
    found = extract(volume, mask, settings)
    smooth = respond(volume.array, EVEN, one)
    kept = inside & (volume.array >= 0) & (volume.array <= 80)
    wanted = extract(
        *volume_and_mask(smooth, kept),
        replace(
            STATISTICS,
            families=families,
            discretisation=Discretisation(number=8),
            volume_discretisation=Discretisation(number=1000),
        ),
    )
    for feature in wanted.features:
        if feature.family != "glcm":  # whose box is that of the voxels that count
            assert found.value(f"{one.name}_{feature.tag}") == pytest.approx(feature.value, rel=1e-9, nan_ok=True)
    assert found.value(f"{one.name}_cm_contrast_3D_comb") == pytest.approx(wanted.value("cm_contrast_3D_comb"))


def test_only_standardised_ways_are_compliant() -> None:
    volume, mask, _ = case((2.0, 1.0, 1.0), Quantity.HOUNSFIELD)

    def compliance(*filters: FilterSettings, **changes: object) -> set[bool]:
        settings = replace(STATISTICS, filters=filters, **changes)  # type: ignore[arg-type]
        return {feature.is_compliant for feature in extract(volume, mask, settings).features if feature.filter}

    assert compliance(MeanFilter(dimensions=2)) == {True}
    assert compliance(MeanFilter()) == {False}  # the slices lie further apart than the rows
    assert compliance(MeanFilter(), spacing_mm=EVEN) == {True}
    assert compliance(SimoncelliFilter(riesz=(1, 0, 0)), spacing_mm=EVEN) == {False}
    histogram = {"spacing_mm": EVEN, "filtered_families": (Family.INTENSITY_HISTOGRAM,)}
    assert compliance(MeanFilter(), **histogram) == {True}
    wide = Discretisation(binning=Binning.FIXED_WIDTH, width=5)
    assert compliance(MeanFilter(), **histogram, filtered_discretisation=wide, range=(0, 100)) == {False}


def test_what_is_no_number_is_refused_where_a_filter_reaches_it() -> None:
    volume, mask, _ = case()
    samples = volume.array.copy()
    samples[11, 30, 30] = np.nan
    spoiled = volume.with_array(samples)
    near, far = replace(STATISTICS, filters=(MeanFilter(size=3),)), replace(STATISTICS, filters=(SimoncelliFilter(),))
    assert extract(spoiled, mask, near).value("mean_3_3D_stat_mean") > 0
    with pytest.raises(HounsfieldError) as caught:
        extract(spoiled, mask, far)
    assert (caught.value.code, caught.value.facts["found"]) == ("E980", 1)
    assert "simoncelli" in caught.value.text("zh")


def test_filters_come_of_a_document() -> None:
    document = {
        "name": "mine",
        "filters": [
            {"kind": "mean", "size": 3},
            {"kind": "laws", "kernels": "L5S5", "dimensions": 2, "boundary": "zero"},
            {"kind": "simoncelli", "level": 2},
        ],
        "filtered_families": ["intensity-statistics", "glcm"],
    }
    settings = settings_from(document, "mine.toml")
    assert [type(one) for one in settings.filters] == [MeanFilter, LawsFilter, SimoncelliFilter]
    assert settings.filters[0] == MeanFilter(size=3)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"filters": [{"kind": "blur"}]}, "kind"),
        ({"filters": [{"kind": "mean", "sigma": 3}]}, "sigma"),
        ({"filters": [{"kind": "mean"}, {"kind": "mean"}]}, "same"),
        ({"filtered_families": ["morphology"]}, "morphology"),
        ({"filtered_families": ["local-intensity"]}, "local-intensity"),
        ({"filtered_discretisation": {"binning": "none"}}, "bins"),
    ],
)
def test_documents_that_mean_nothing_are_refused(changes: dict[str, object], found: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_from({"name": "mine", **changes}, "mine.toml")
    assert caught.value.code == "E961"
    assert found in caught.value.text()
