"""Habitats: planted parts are found, in number and place, and numbered by their intensity."""

import numpy as np
import pytest
from scipy import ndimage

from hounsfield.errors import ImageError
from hounsfield.radiomics import RadiomicsSettings
from hounsfield.radiomics.cut import cut_region
from hounsfield.radiomics.habitats import find_habitats
from hounsfield.radiomics.region import Region
from tests.radiomics.phantoms import volume_and_mask

LEVELS = (400.0, 0.0, 200.0, 600.0)


def striped(count: int, noise: float = 8.0) -> tuple[Region, np.ndarray[tuple[int, ...], np.dtype[np.intp]]]:
    """A block of as many slabs, each with its own intensity, and the slab of each voxel."""
    side = 8 * count
    slabs = np.broadcast_to(np.arange(side) // 8, (8, 10, side))
    samples = np.array(LEVELS)[slabs] + np.random.default_rng(0).normal(0, noise, slabs.shape)
    case = volume_and_mask(samples, np.ones(slabs.shape))
    return cut_region(*case, RadiomicsSettings(rounds=False)), slabs


@pytest.mark.parametrize("count", [2, 3, 4])
def test_slabs_are_found_and_numbered_by_their_intensity(count: int) -> None:
    region, slabs = striped(count)
    found = find_habitats(region, counts=(count,))
    assert found.count == count
    ranks = np.argsort(np.argsort(LEVELS[:count]))
    inner = np.ones(slabs.shape, dtype=bool)
    inner[:, :, [place for edge in range(8, 8 * count, 8) for place in (edge - 1, edge)]] = False
    assert np.mean(found.labels[inner] == ranks[slabs[inner]] + 1) > 0.97


def test_the_number_of_parts_is_the_best_separated_one() -> None:
    region, _ = striped(2)
    found = find_habitats(region)
    assert set(found.separations) == {2, 3, 4, 5}
    assert found.count == max(found.separations, key=lambda count: found.separations[count])


def test_the_same_seed_finds_the_same_parts() -> None:
    region, _ = striped(3, noise=60)
    one, other = find_habitats(region, seed=3), find_habitats(region, seed=3)
    assert np.array_equal(one.labels, other.labels)
    assert one.separations == other.separations


def test_a_map_tells_apart_what_intensity_does_not() -> None:
    chance = np.random.default_rng(2)
    samples = chance.normal(0, 1, (8, 10, 16)) * np.where(np.arange(16) < 8, 1, 40)
    region = cut_region(*volume_and_mask(samples, np.ones(samples.shape)), RadiomicsSettings(rounds=False))
    spread = np.log(ndimage.uniform_filter(samples**2, 5))
    found = find_habitats(region, [spread, spread, spread, spread], counts=(2,))
    halves = np.broadcast_to(np.arange(16) < 8, samples.shape)
    share = np.mean((found.labels == 1) == halves)
    assert max(share, 1 - share) > 0.8
    plain = np.mean((find_habitats(region, counts=(2,)).labels == 1) == halves)
    assert max(plain, 1 - plain) < max(share, 1 - share)


def test_only_the_region_has_parts() -> None:
    samples = np.random.default_rng(1).normal(0, 1, (8, 9, 10))
    inside = np.zeros(samples.shape)
    inside[2:6, 2:7, 2:8] = 1
    region = cut_region(*volume_and_mask(samples, inside), RadiomicsSettings(rounds=False, range=(-1.5, None)))
    found = find_habitats(region)
    assert np.array_equal(found.labels > 0, region.intensity)
    assert set(np.unique(found.labels)) == set(range(found.count + 1))


def test_a_region_of_one_intensity_has_no_parts() -> None:
    region = cut_region(*volume_and_mask(np.full((6, 6, 6), 3.0), np.ones((6, 6, 6))), RadiomicsSettings())
    with pytest.raises(ImageError) as caught:
        find_habitats(region)
    assert (caught.value.code, caught.value.facts["found"]) == ("E985", 1)
    assert caught.value.text("zh") != caught.value.text("en")
