"""Texture matrices against loops written out, on random regions with holes."""

import itertools

import numpy as np
import pytest
from scipy import ndimage

from hounsfield.radiomics.directions import half_directions
from hounsfield.radiomics.matrix_kernels import describe_pairs
from hounsfield.radiomics.run_formulas import describe_runs
from hounsfield.radiomics.texture import TextureRegion, counted, gathered
from hounsfield.radiomics.texture_features import DIRECTED, UNDIRECTED, texture_features
from hounsfield.radiomics.tone_formulas import describe_tones
from hounsfield.radiomics.tone_kernels import MOST_COARSE
from tests.radiomics.phantoms import noise_region

FAMILIES = ("glcm", "glrlm", "glszm", "gldzm", "ngtdm", "ngldm")
SEEDS = range(4)


def region_of(levels: np.ndarray, level_count: int = 4) -> TextureRegion:
    return TextureRegion(levels, levels > 0, level_count)


def at(levels: np.ndarray, place: tuple[int, ...]) -> int:
    inside = all(0 <= index < side for index, side in zip(place, levels.shape, strict=True))
    return int(levels[place]) if inside else 0


def shifted(place: tuple[int, ...], step: tuple[int, ...], times: int = 1) -> tuple[int, ...]:
    return tuple(index + times * part for index, part in zip(place, step, strict=True))


def places(levels: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(int(index) for index in place) for place in np.argwhere(levels > 0)]


def test_there_are_four_directions_in_a_slice_and_thirteen_in_a_volume() -> None:
    assert [len(half_directions(is_planar=is_planar)) for is_planar in (True, False)] == [4, 13]
    every = {step for one in half_directions(is_planar=False) for step in (one, shifted((0, 0, 0), one, -1))}
    assert every == set(itertools.product((-1, 0, 1), repeat=3)) - {(0, 0, 0)}


@pytest.mark.parametrize("seed", SEEDS)
def test_pairs_and_dependence_are_those_of_a_loop(seed: int) -> None:
    levels = noise_region(seed)
    found = region_of(levels).neighbours()
    pairs, dependence = np.zeros((13, 4, 4), dtype=int), np.zeros((4, 27), dtype=int)
    for place in places(levels):
        own, like = int(levels[place]), 0
        for index, step in enumerate(half_directions(is_planar=False)):
            there, back = at(levels, shifted(place, step)), at(levels, shifted(place, step, -1))
            pairs[index, own - 1, there - 1] += there > 0
            like += (there == own) + (back == own)
        dependence[own - 1, like] += 1
    assert np.array_equal(found.pairs, pairs)
    assert np.array_equal(found.dependence, dependence)
    assert found.voxel_count == (levels > 0).sum()


@pytest.mark.parametrize("seed", SEEDS)
def test_tones_are_those_of_a_loop(seed: int) -> None:
    levels = noise_region(seed)
    tones = np.zeros((4, 2))
    for place in places(levels):
        steps = [step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)]
        beside = [level for step in steps if (level := at(levels, shifted(place, step)))]
        if beside:
            tones[levels[place] - 1] += (1, abs(levels[place] - np.mean(beside)))
    assert region_of(levels).neighbours().tones == pytest.approx(tones)


@pytest.mark.parametrize("seed", SEEDS)
def test_runs_are_those_of_a_loop_and_hold_every_voxel_once(seed: int) -> None:
    levels = noise_region(seed, levels=2)
    found = region_of(levels, 2).neighbours().runs
    runs = np.zeros_like(found)
    for index, step in enumerate(half_directions(is_planar=False)):
        for place in places(levels):
            if at(levels, shifted(place, step, -1)) == levels[place]:
                continue
            length = next(n for n in itertools.count(1) if at(levels, shifted(place, step, n)) != levels[place])
            runs[index, levels[place] - 1, length - 1] += 1
    assert np.array_equal(found, runs)
    assert ((found * np.arange(1, found.shape[2] + 1)).sum(axis=(1, 2)) == (levels > 0).sum()).all()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_zones_are_the_connected_parts_of_each_level(seed: int, share: float) -> None:
    levels = noise_region(seed, levels=2) * (np.random.default_rng(seed).random((6, 7, 8)) <= share)
    inside = levels > 0
    depths = ndimage.distance_transform_cdt(np.pad(inside, 1), "taxicab")[1:-1, 1:-1, 1:-1]
    wanted = []
    for level in (1, 2):
        labels, count = ndimage.label(levels == level, np.ones((3, 3, 3)))
        for number in range(1, count + 1):
            zone = labels == number
            wanted.append((level, int(zone.sum()), int(depths[zone].min())))
    assert sorted(map(tuple, region_of(levels, 2).zones().tolist())) == sorted(wanted)


def test_zones_of_a_slice_do_not_see_the_next_slice() -> None:
    levels = noise_region(7, levels=2)
    for index, zones in enumerate(region_of(levels, 2).zones_by_slice()):
        own = region_of(levels[index : index + 1], 2).zones()
        assert sorted(map(tuple, zones.tolist())) == sorted(map(tuple, own.tolist()))


def test_depth_is_measured_in_the_morphological_mask() -> None:
    levels = np.ones((1, 5, 5), dtype=np.int32)
    levels[0, 2, 1] = 0  # taken out of the intensities, not of the shape
    levels[0, 2, 2] = 2
    whole = TextureRegion(levels, np.ones((1, 5, 5), dtype=bool), 2)
    depths = {int(level): int(depth) for level, _, depth in next(iter(whole.zones_by_slice()))}
    assert depths == {1: 1, 2: 3}


@pytest.mark.parametrize("seed", SEEDS)
def test_slices_of_a_flat_region_are_the_region(seed: int) -> None:
    levels = noise_region(seed, (1, 9, 9))
    found = texture_features(region_of(levels), (*DIRECTED, *UNDIRECTED), FAMILIES)
    for family in ("glszm", "gldzm", "ngtdm", "ngldm"):
        assert found[family, "2D"] == pytest.approx(found[family, "2.5D"], nan_ok=True)
    for family in ("glcm", "glrlm"):
        assert found[family, "2D, slice-merged"] == pytest.approx(found[family, "2.5D, merged"], nan_ok=True)
        assert found[family, "2D, averaged"] == pytest.approx(found[family, "2.5D, direction-merged"], nan_ok=True)
    assert found["ngtdm", "3D"] == pytest.approx(found["ngtdm", "2D"])


@pytest.mark.parametrize("turn", [(0, 1), (0, 2), (1, 2)])
def test_a_volume_turned_by_a_right_angle_has_the_same_features(turn: tuple[int, int]) -> None:
    levels = noise_region(3)
    names = ("3D, averaged", "3D, merged", "3D")
    found = texture_features(region_of(levels), names, FAMILIES)
    turned = texture_features(region_of(np.ascontiguousarray(np.rot90(levels, axes=turn))), names, FAMILIES)
    assert set(found) == set(turned)
    for key, vector in found.items():
        assert turned[key] == pytest.approx(vector, rel=1e-9), key


def test_only_what_is_asked_for_is_returned() -> None:
    found = texture_features(region_of(noise_region(0)), ("3D", "2D, averaged"), ("glrlm", "ngtdm"))
    assert set(found) == {("glrlm", "2D, averaged"), ("ngtdm", "3D")}


def test_pairs_of_a_region_of_one_level_are_all_alike() -> None:
    found = np.empty(25)
    describe_pairs(np.array([[5]]), 1, found)
    named = dict(zip(("maximum", "average", "variance", "entropy"), found[:4], strict=True))
    assert named == {"maximum": 1, "average": 1, "variance": 0, "entropy": 0}
    assert found[18] == 1  # correlation, as the manual sets it
    assert (found[23], found[24]) == (0, 0)


def test_no_pairs_have_no_features() -> None:
    found = np.zeros(25)
    describe_pairs(np.zeros((3, 3), dtype=np.int64), 3, found)
    assert np.isnan(found).all()


def test_information_correlations_are_those_of_entropies() -> None:
    counts = np.random.default_rng(0).integers(1, 9, (4, 4))
    found = np.empty(25)
    describe_pairs(counts, 4, found)
    joint = (counts + counts.T) / (2 * counts.sum())
    edge = joint.sum(0)
    own = -(edge * np.log2(edge)).sum()
    crossed = -(joint * np.log2(np.outer(edge, edge))).sum()
    entropy = -(joint * np.log2(joint)).sum()
    assert found[23] == pytest.approx((entropy - crossed) / own)
    assert found[24] == pytest.approx(np.sqrt(1 - np.exp(-2 * (2 * own - entropy))))
    mean = (edge * np.arange(1, 5)).sum()
    assert found[18] == pytest.approx(
        np.corrcoef(*np.repeat(np.indices((4, 4)).reshape(2, -1), (counts + counts.T).ravel(), axis=1))[0, 1]
    )
    assert found[1] == pytest.approx(mean)


def test_a_list_and_a_full_matrix_of_runs_have_the_same_features() -> None:
    chance = np.random.default_rng(8)
    levels, sizes = chance.integers(1, 5, 60), chance.integers(1, 7, 60)
    matrix = np.zeros((4, 6), dtype=np.int64)
    np.add.at(matrix, (levels - 1, sizes - 1), 1)
    one, other = counted(matrix, 200), gathered(levels, sizes, 200)
    assert describe_runs(one) == pytest.approx(describe_runs(other))
    assert describe_runs(one)[12] == 60 / 200


def test_an_empty_matrix_has_no_features() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert np.isnan(describe_runs(gathered(nothing, nothing, 3))).all()
    assert np.isnan(describe_tones(np.zeros((3, 2)))).all()


def test_one_level_is_as_coarse_as_can_be() -> None:
    assert describe_tones(np.array([[8.0, 0.0]])) == pytest.approx([MOST_COARSE, 0, 0, 0, 0])


def test_tones_of_two_levels_follow_the_formulas() -> None:
    tones = np.array([[3.0, 2.0], [0.0, 0.0], [1.0, 1.5]])
    first, third = 3 / 4, 1 / 4
    weighted = first * 2 + third * 1.5
    assert describe_tones(tones) == pytest.approx(
        [
            1 / weighted,
            (2 * first * third * 4 / 2) * (3.5 / 4),
            weighted / (2 * abs(first - 3 * third)) if first != 3 * third else 0.0,
            2 * 2 * (first * 2 + third * 1.5) / 1 / 4,
            2 * 4 / 3.5,
        ]
    )
