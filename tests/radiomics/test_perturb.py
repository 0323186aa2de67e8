"""Changes of image and mask: drawn from a seed, undone by nothing but known beforehand, and as strong as they say."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Mask, Volume
from hounsfield.errors import ImageError
from hounsfield.radiomics import RadiomicsSettings, extract
from hounsfield.radiomics.perturb import (
    Perturbation,
    PerturbationSettings,
    grown,
    noise_deviation,
)
from hounsfield.radiomics.settings import Family
from tests.radiomics.phantoms import ball, volume_and_mask

SPACING = (2.0, 1.0, 1.0)


def case(slope: float = 1.0) -> tuple[Volume, Mask]:
    """An ellipsoid in a slope along the columns."""
    places = np.indices((14, 30, 34)).astype(float)
    inside = ((places[0] - 7) / 4) ** 2 + ((places[1] - 15) / 5) ** 2 + ((places[2] - 16) / 9) ** 2 <= 1
    return volume_and_mask(slope * places[2], inside, SPACING, Quantity.ARBITRARY)


def test_nothing_drawn_changes_nothing() -> None:
    volume, mask = case()
    there, inside = Perturbation().apply(volume, mask)
    assert np.array_equal(there.array, volume.array)
    assert np.array_equal(inside.array > 0, mask.array > 0)
    assert there.geometry == inside.geometry == volume.geometry


def test_a_shift_moves_image_and_mask_together() -> None:
    volume, mask = case()
    there, inside = Perturbation(shift_fractions=(0.0, 0.0, 0.4)).apply(volume, mask)
    assert there.array[7, 15, 8:24] == pytest.approx(volume.array[7, 15, 8:24] - 0.4, abs=1e-4)
    whole, _ = Perturbation(shift_fractions=(0.0, 0.0, 1.0)).apply(volume, mask)
    assert whole.array[7, 15, 8:24] == pytest.approx(volume.array[7, 15, 7:23], abs=1e-6)
    _, shifted = Perturbation(shift_fractions=(1.0, 0.0, 2.0)).apply(volume, mask)
    assert np.array_equal(shifted.array[1:, :, 2:], mask.array[:-1, :, :-2])
    assert abs(int(inside.array.sum()) - int(mask.array.sum())) < 0.1 * mask.array.sum()


def test_a_quarter_of_a_turn_swaps_the_axes_of_a_slice() -> None:
    volume, mask = case()
    there, inside = Perturbation(angle_degrees=90).apply(volume, mask)
    spans = [np.ptp(np.flatnonzero(array.any(axis=(0, 2)))) for array in (mask.array, inside.array)]
    assert spans == [10, 18]
    along = there.array[7, 10:20, 16]  # the slope now runs along the rows
    assert np.abs(np.diff(along)) == pytest.approx(1.0, abs=1e-6)
    assert np.ptp(there.array[7, 15, 12:20]) == pytest.approx(0, abs=1e-6)


def test_a_turn_keeps_lengths_on_pixels_that_are_not_square() -> None:
    inside = np.pad(ball(8.0, (1.0, 0.5, 1.0)), 6)
    volume, mask = volume_and_mask(inside.astype(float), inside, (1.0, 0.5, 1.0))
    _, turned = Perturbation(angle_degrees=37).apply(volume, mask)
    overlap = (turned.array > 0) & inside
    assert overlap.sum() > 0.97 * inside.sum()
    assert abs(int(turned.array.sum()) - int(inside.sum())) < 0.02 * inside.sum()


@pytest.mark.parametrize("fraction", [-0.3, -0.1, 0.15, 0.5])
def test_a_mask_gains_or_loses_the_volume_asked_for_at_its_edge(fraction: float) -> None:
    inside = np.pad(ball(7.0, SPACING), 5)
    found = grown(inside, SPACING, fraction)
    assert found.sum() == round(inside.sum() * (1 + fraction))
    small, large = (found, inside) if fraction < 0 else (inside, found)
    assert not (small & ~large).any()
    # and grows as far along the slices as along the rows, in millimetres
    if fraction == 0.5:
        reach = [np.ptp(np.flatnonzero(found.any(axis=axes))) * step for axes, step in (((1, 2), 2.0), ((0, 2), 1.0))]
        assert abs(reach[0] - reach[1]) <= 4


@pytest.mark.parametrize("deviation", [3.0, 20.0])
def test_the_noise_of_an_image_is_found_beside_its_structure(deviation: float) -> None:
    chance = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(chance.normal(0, 3000, (8, 64, 64)), 5)
    assert noise_deviation(smooth + chance.normal(0, deviation, smooth.shape)) == pytest.approx(deviation, rel=0.05)


def test_noise_as_strong_as_that_of_the_image_is_added() -> None:
    chance = np.random.default_rng(1)
    samples = chance.normal(100, 12, (10, 40, 40))
    volume, mask = volume_and_mask(samples, np.ones(samples.shape), SPACING)
    there, _ = Perturbation(noise_seed=5).apply(volume, mask)
    added = there.array - samples
    assert added.std() == pytest.approx(12, rel=0.05)
    assert np.corrcoef(added.ravel(), samples.ravel())[0, 1] == pytest.approx(0, abs=0.03)
    other, _ = Perturbation(noise_seed=6).apply(volume, mask)
    assert not np.array_equal(other.array, there.array)


def test_the_same_chance_draws_the_same_changes_within_their_limits() -> None:
    settings = PerturbationSettings(angle_degrees=7, shift_fraction=0.25, growth_fraction=0.1)
    drawn = [[Perturbation.drawn(settings, chance) for _ in range(40)] for chance in map(np.random.default_rng, (3, 3))]
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 40
    for one in drawn[0]:
        assert abs(one.angle_degrees) <= 7
        assert max(abs(shift) for shift in one.shift_fractions) <= 0.25
        assert abs(one.growth_fraction) <= 0.1
    assert min(one.angle_degrees for one in drawn[0]) < 0 < max(one.angle_degrees for one in drawn[0])
    quiet = Perturbation.drawn(replace(settings, adds_noise=False), np.random.default_rng(3))
    assert quiet == replace(drawn[0][0], noise_seed=None)


def test_the_changed_case_is_cut_about_its_region_and_stays_in_place() -> None:
    samples = np.random.default_rng(2).normal(0, 1, (60, 120, 120))
    inside = np.zeros(samples.shape)
    inside[40:44, 70:76, 80:86] = 2
    inside[10, 10, 10] = 1
    volume, mask = volume_and_mask(samples, inside, SPACING)
    there, region = Perturbation().apply(volume, mask, 2)
    assert there.array.shape == (4 + 2 * 15, 66, 66)
    place = there.geometry.to_patient(np.argwhere(region.array)[0])
    assert place == pytest.approx(volume.geometry.to_patient(np.argwhere(inside == 2)[0]))
    assert region.array.sum() == 4 * 6 * 6
    families = RadiomicsSettings(rounds=False, families=(Family.INTENSITY_STATISTICS, Family.LOCAL_INTENSITY))
    whole, cut = extract(volume, mask, families, label=2), extract(there, region, families)
    for one, other in zip(whole.features, cut.features, strict=True):
        assert other.value == pytest.approx(one.value)


def test_an_empty_mask_and_a_region_that_vanishes_are_refused() -> None:
    volume, mask = case()
    with pytest.raises(ImageError) as caught:
        Perturbation().apply(volume, mask, label=9)
    assert caught.value.code == "E963"
    with pytest.raises(ImageError) as caught:
        Perturbation(growth_fraction=-1.0).apply(volume, mask)
    assert caught.value.code == "E981"
    assert caught.value.text("zh") != caught.value.text("en")
