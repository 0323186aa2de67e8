"""The region before any feature: grids, rounding, re-segmentation and what is refused."""

import numpy as np
import pytest

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import HounsfieldError
from hounsfield.radiomics import RadiomicsSettings, cut, extract, named_settings
from hounsfield.radiomics.cut import cut_region
from hounsfield.radiomics.regrid import regrid
from tests.radiomics.phantoms import volume_and_mask

PLAIN = RadiomicsSettings(rounds=False)


def refusal(
    volume: Volume, mask: Mask, settings: RadiomicsSettings = PLAIN, label: int | None = None
) -> HounsfieldError:
    with pytest.raises(HounsfieldError) as caught:
        extract(volume, mask, settings, label=label)
    return caught.value


def test_the_centres_of_both_grids_fall_together() -> None:
    change = regrid((60, 201, 204), (3.0, 0.977, 0.977), (2.0, 2.0, 2.0))
    assert change.shape == (90, 99, 100)
    for axis, (count, own) in enumerate(zip((60, 201, 204), (3.0, 0.977, 0.977), strict=True)):
        first = change.starts[axis] * own
        last = first + (change.shape[axis] - 1) * 2.0
        assert first + last == pytest.approx((count - 1) * own)


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_a_slope_stays_a_slope(interpolation: str) -> None:
    slope = np.indices((12, 14, 16)).sum(0).astype(np.float64)
    change = regrid(slope.shape, (1.0, 1.0, 1.0), (0.7, 1.3, 0.9))
    found = change.apply(slope, interpolation)
    places = [
        start + step * np.arange(side)
        for start, step, side in zip(change.starts, change.steps, change.shape, strict=True)
    ]
    wanted = places[0][:, None, None] + places[1][:, None] + places[2]
    inner = tuple(slice(5, -5) for _ in range(3))
    assert found[inner] == pytest.approx(wanted[inner], abs=1e-2 if interpolation == "cubic" else 1e-9)


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_a_cut_region_is_the_same_as_in_the_whole_image(interpolation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(0)
    inside = np.zeros((40, 90, 90), dtype=bool)
    inside[16:22, 40:49, 41:52] = chance.random((6, 9, 11)) < 0.9
    case = volume_and_mask(chance.normal(0, 100, inside.shape), inside, (2.5, 0.9, 0.9))
    settings = RadiomicsSettings(spacing_mm=(2, 1.1, 1.3), interpolation=interpolation)
    small = cut_region(*case, settings)
    monkeypatch.setattr(cut, "MARGIN", 1000)
    large = cut_region(*case, settings)
    assert small.values == pytest.approx(large.values, abs=1e-7)
    assert small.samples.size < inside.size / 2


def test_a_planar_grid_leaves_the_slices_where_they_are() -> None:
    inside = np.zeros((7, 20, 20))
    inside[2:5, 4:15, 5:13] = 1
    case = volume_and_mask(np.zeros(inside.shape), inside, (3.0, 1.0, 1.0))
    region = cut_region(*case, RadiomicsSettings(spacing_mm=(2, 2)))
    assert region.spacing_mm == (3.0, 2.0, 2.0)
    assert region.morphological.any(axis=(1, 2)).sum() == 3


@pytest.mark.parametrize(("rounds", "quantity", "is_whole"), [
    (None, Quantity.HOUNSFIELD, True),
    (None, Quantity.SUV_BW, False),
    (False, Quantity.HOUNSFIELD, False),
    (True, Quantity.SUV_BW, True),
])  # fmt: skip
def test_hounsfield_units_are_whole_numbers(rounds: bool | None, quantity: Quantity, is_whole: bool) -> None:
    samples = np.random.default_rng(1).normal(40, 10, (4, 5, 6))
    case = volume_and_mask(samples, np.ones(samples.shape), quantity=quantity)
    values = cut_region(*case, RadiomicsSettings(rounds=rounds)).values
    assert np.array_equal(values, np.rint(values)) is is_whole


def test_range_and_outliers_take_from_the_intensities_and_not_from_the_shape() -> None:
    samples = np.arange(100.0).reshape(1, 10, 10)
    samples[0, 0, 0] = 5000.0
    case = volume_and_mask(samples, np.ones(samples.shape))
    region = cut_region(*case, RadiomicsSettings(range=(10, None), outlier_deviations=3))
    assert region.morphological.sum() == 100
    assert sorted(region.values) == list(range(10, 100))
    assert (region.low, region.high) == (10, None)


def test_outliers_are_judged_before_the_range_cuts() -> None:
    samples = np.concatenate([np.zeros(90), np.full(10, 100.0)]).reshape(1, 10, 10)
    case = volume_and_mask(samples, np.ones(samples.shape))
    assert samples.mean() + 3 * samples.std() >= 100
    assert cut_region(*case, RadiomicsSettings(range=(0, 100), outlier_deviations=3)).values.size == 100


def test_an_empty_mask_and_an_absent_label_are_refused() -> None:
    volume, mask = volume_and_mask(np.zeros((3, 3, 3)), np.zeros((3, 3, 3)))
    assert refusal(volume, mask).code == "E963"
    _, mask = volume_and_mask(np.zeros((3, 3, 3)), np.ones((3, 3, 3)))
    error = refusal(volume, mask, label=7)
    assert error.code == "E963"
    assert "label 7" in error.text()
    assert error.text("zh") != error.text("en")


@pytest.mark.parametrize(
    "geometry",
    [
        VolumeGeometry((3, 3, 3), (1.0, 1.0, 1.1)),
        VolumeGeometry((3, 3, 3), origin_mm=(0.0, 0.5, 0.0)),
        VolumeGeometry((3, 3, 3), direction=((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))),
        VolumeGeometry((3, 3, 4)),
    ],
)
def test_another_grid_is_refused(geometry: VolumeGeometry) -> None:
    volume, _ = volume_and_mask(np.zeros((3, 3, 3)), np.ones((3, 3, 3)))
    mask = Mask(np.ones(geometry.shape, dtype=np.uint8), geometry, {})
    assert refusal(volume, mask).code == "E962"


def test_a_grid_that_differs_by_rounding_is_the_same_grid() -> None:
    volume, _ = volume_and_mask(np.arange(27.0).reshape(3, 3, 3), np.ones((3, 3, 3)))
    mask = Mask(np.ones((3, 3, 3), dtype=np.uint8), VolumeGeometry((3, 3, 3), (1.0, 1.0, 1.0001)), {})
    assert extract(volume, mask, PLAIN).voxel_count == 27


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_refused_in_the_region_and_ignored_outside(bad: float) -> None:
    samples = np.random.default_rng(2).normal(size=(4, 6, 6))
    inside = np.zeros(samples.shape)
    inside[1:3, 1:4, 1:4] = 1
    samples[3, 5, 5] = bad
    assert extract(*volume_and_mask(samples, inside), PLAIN).voxel_count == 18
    samples[2, 2, 2] = bad
    error = refusal(*volume_and_mask(samples, inside))
    assert (error.code, error.facts["found"]) == ("E965", 1)


def test_colour_and_enhanced_pixels_are_refused() -> None:
    volume, mask = volume_and_mask(np.zeros((2, 4, 4)), np.ones((2, 4, 4)))
    assert refusal(volume.with_array(np.zeros((3, 2, 4, 4))), mask).code == "E964"
    assert refusal(volume.with_array(volume.array, enhanced_by=("clahe",)), mask).code == "E460"


def test_a_region_lost_on_a_coarse_grid_or_to_the_range_is_refused() -> None:
    inside = np.zeros((9, 9, 9))
    inside[4, 4, 5] = 1
    case = volume_and_mask(np.full((9, 9, 9), 7.0), inside)
    assert refusal(*case, RadiomicsSettings(spacing_mm=(4, 4, 4))).code == "E968"
    assert refusal(*case, RadiomicsSettings(range=(8, 9))).code == "E968"


def test_a_grid_that_does_not_fit_in_memory_is_refused_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut, "available_memory", lambda: 2**20)
    case = volume_and_mask(np.zeros((40, 40, 40)), np.ones((40, 40, 40)))
    error = refusal(*case, RadiomicsSettings(spacing_mm=(0.1, 0.1, 0.1)))
    assert error.code == "E967"
    assert error.facts["expected"] == 1


def test_too_many_levels_are_refused_before_their_matrix_is_made() -> None:
    case = volume_and_mask(np.array([[[0.0, 1e6]]]), np.ones((1, 1, 2)))
    settings = named_settings("ibsi-digital-phantom")
    assert refusal(*case, settings).code == "E966"


@pytest.mark.parametrize("spacing", [0.7812499999999999, 0.664062, 0.1, 0.3, 1 / 3])
def test_the_grid_an_image_has_moves_no_sample(spacing: float) -> None:
    # (count - 1) * spacing / spacing is not always count - 1: a start of 1e-14 interpolated, and moved samples that lie
    # on the edge of a bin into the one below
    for count in range(1, 600):
        found = regrid((count, 1, 1), (spacing, 1.0, 1.0), (spacing, 1.0, 1.0))
        assert (found.shape[0], found.starts[0], found.steps[0]) == (count, 0.0, 1.0)
