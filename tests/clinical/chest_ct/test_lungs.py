"""Lungs: ellipsoids against their formula, sides on turned grids, air that is no lung, bays against a rolling ball."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.ndimage import binary_closing

from hounsfield.clinical.chest_ct import lungs as module
from hounsfield.clinical.chest_ct.airways import Airways
from hounsfield.clinical.chest_ct.findings import emphysema_percent
from hounsfield.clinical.chest_ct.lungs import BALL_MM, SMALLEST_LUNG_ML, Lung, Lungs, find_lungs
from hounsfield.clinical.chest_ct.search import find_candidates
from hounsfield.core.finding import Laterality
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from tests.clinical.chest_ct.torso import (
    DIRECTIONS,
    LARGE,
    LEFT,
    LUNG,
    RIGHT,
    ROOM,
    SOFT,
    TRACHEA,
    Box,
    Ellipsoid,
    Torso,
    large,
)

COARSE = (3.0, 3.0, 3.0)
SIDES = {Laterality.RIGHT: RIGHT, Laterality.LEFT: LEFT}


@cache
def found(torso: Torso) -> Lungs:
    return find_lungs(torso.volume())


def by_side(lungs: Lungs) -> dict[Laterality, Lung]:
    result = {lung.side: lung for lung in lungs.lungs}
    assert len(result) == len(lungs.lungs)
    return result


@pytest.mark.parametrize(
    ("spacing", "factors"),
    [
        ((0.6, 2.6, 2.6), (3, 1, 1)),
        ((3.0, 0.7, 0.7), (1, 3, 3)),
        ((3.0, 3.0, 3.0), (1, 1, 1)),
    ],
)
def test_an_ellipsoid_has_its_volume_and_height_at_every_spacing(spacing, factors) -> None:
    torso = large(spacing_mm=spacing)
    lungs = found(torso)
    assert lungs.factors == factors
    assert lungs.spacing_mm == pytest.approx([s * f for s, f in zip(spacing, factors, strict=True)])
    parts = by_side(lungs)
    for side, drawn in zip((Laterality.RIGHT, Laterality.LEFT), LARGE, strict=True):
        assert lungs.volume_ml(parts[side]) == pytest.approx(drawn.volume_ml, rel=0.02)
    assert lungs.height_mm() == pytest.approx(2 * LARGE[0].half[2], abs=lungs.spacing_mm[0] + 1e-6)


def test_half_an_ellipsoid_that_the_scan_cuts_has_half_the_volume() -> None:
    torso = replace(large(spacing_mm=COARSE), size_mm=(60.0, 160.0, 220.0))  # from -30 to 30 mm of lungs of 60 mm
    share = 1.5 * (0.5 - 0.5**3 / 3)  # of a sphere between +- half its radius: 11/16
    parts = by_side(found(torso))
    for side, drawn in zip((Laterality.RIGHT, Laterality.LEFT), LARGE, strict=True):
        assert found(torso).volume_ml(parts[side]) == pytest.approx(drawn.volume_ml * share, rel=0.02)
    assert found(torso).height_mm() == pytest.approx(60.0)


@pytest.mark.parametrize("direction", sorted(DIRECTIONS))
def test_sides_are_those_of_the_patient_on_every_grid(direction) -> None:
    lungs = found(Torso(direction=direction, spacing_mm=COARSE))
    parts = by_side(lungs)
    assert set(parts) == set(SIDES)
    for side, drawn in SIDES.items():  # the right lung is drawn larger
        assert lungs.volume_ml(parts[side]) == pytest.approx(drawn.volume_ml, rel=0.02)


@pytest.mark.parametrize("direction", ["head last", "columns to the right", "rows to the left"])
@pytest.mark.parametrize("side", sorted(SIDES))
def test_a_lung_that_is_alone_keeps_its_side(direction, side) -> None:
    (lung,) = found(Torso((SIDES[side],), direction=direction, spacing_mm=COARSE)).lungs
    assert lung.side is side


def test_each_block_belongs_to_the_ellipsoid_it_was_drawn_from() -> None:
    torso = Torso()
    place = torso.patient()
    for side, drawn in SIDES.items():
        truth = drawn.holds(*place)
        lung = by_side(found(torso))[side]
        assert (lung.mask == truth).all()
        assert not (truth & ~lung.closed).any()
        assert np.count_nonzero(lung.closed & ~truth) < 0.02 * truth.sum()
    assert (found(torso).closed == np.logical_or(*(lung.closed for lung in found(torso).lungs))).all()


# what is no lung


@pytest.mark.parametrize("room", [-920, -1000, -3024])
def test_the_air_around_the_body_is_no_lung(room) -> None:
    torso = Torso(room=room, spacing_mm=COARSE)
    around = ~torso.body.holds(*torso.patient())
    assert around.any()
    for lung in found(torso).lungs:
        assert not (lung.closed & around).any()
    assert sum(map(found(torso).volume_ml, found(torso).lungs)) == pytest.approx(
        RIGHT.volume_ml + LEFT.volume_ml, rel=0.02
    )


OUTSIDE = {
    "a table": Box((0, 60, 0), (80, 1, 1e6), SOFT),
    "an arm at each side": Ellipsoid((90, 0, 0), (3, 25, 1e6), SOFT),
    "a bay of the skin": Ellipsoid((0, -57, 0), (14, 14, 1e6), ROOM),
}


@pytest.mark.parametrize("name", sorted(OUTSIDE))
def test_air_between_the_body_and_things_beside_it_is_no_lung(name) -> None:
    plain, changed = (found(Torso(one, spacing_mm=COARSE)) for one in ((RIGHT, LEFT), (RIGHT, LEFT, OUTSIDE[name])))
    for lung, other in zip(plain.lungs, changed.lungs, strict=True):
        assert lung.side is other.side
        assert (lung.mask == other.mask).all()


def test_a_cleft_as_large_as_a_lung_that_is_open_to_the_room_is_no_lung() -> None:
    """Air between an arm and the chest has tissue on both sides; the same air behind skin counts as lung."""
    cleft = Box((45, -30, 0), (25, 47, 1e6), ROOM)
    skin = Box((45, -34, 0), (30, 2, 1e6), SOFT)
    sides = [{lung.side for lung in found(Torso((RIGHT, *parts))).lungs} for parts in ((cleft,), (cleft, skin))]
    assert sides == [{Laterality.RIGHT}, {Laterality.RIGHT, Laterality.LEFT}]


def test_nothing_but_air_and_nothing_but_tissue_have_no_lungs() -> None:
    for torso in (Torso((), body=None), Torso((), room=SOFT)):
        assert found(torso).lungs == ()
        assert found(torso).height_mm() == 0.0


@pytest.mark.parametrize(("factor", "count"), [(0.9, 0), (1.1, 1)])
def test_less_air_than_the_smallest_lung_is_bowel(factor, count) -> None:
    half = (3 * SMALLEST_LUNG_ML * 1000 * factor / (4 * np.pi)) ** (1 / 3)
    lungs = found(Torso((Ellipsoid((-40, 0, 0), (half, half, half)),)))
    assert len(lungs.lungs) == count


@pytest.mark.parametrize(("value", "count"), [(-390, 0), (-410, 2), (-700, 2), (-990, 2)])
def test_lung_is_what_is_darker_than_its_limit(value, count) -> None:
    parts = (replace(RIGHT, value=value), replace(LEFT, value=value))
    assert len(found(Torso(parts, spacing_mm=COARSE)).lungs) == count


def test_the_trachea_is_in_neither_lung() -> None:
    torso = large(TRACHEA, spacing_mm=COARSE)
    drawn = np.broadcast_to(TRACHEA.holds(*torso.patient()), torso.geometry.shape)
    lungs = found(torso)
    assert lungs.airways.is_assessed
    assert (lungs.airways.mask == drawn).all()
    assert not (lungs.closed & drawn).any()
    for lung, bare in zip(lungs.lungs, found(large(spacing_mm=COARSE)).lungs, strict=True):
        assert lungs.volume_ml(lung) == pytest.approx(lungs.volume_ml(bare), rel=0.001)


@pytest.mark.parametrize("width", [6.0, 10.0])
def test_lungs_that_hold_together_are_parted_where_they_are_thinnest(width) -> None:
    bridge = Box((0, -20, 0), (20, width / 2, 10), LUNG)
    lungs = found(large(bridge, spacing_mm=COARSE))
    parts = by_side(lungs)
    assert set(parts) == set(SIDES)
    for side, drawn in zip((Laterality.RIGHT, Laterality.LEFT), LARGE, strict=True):
        assert lungs.volume_ml(parts[side]) == pytest.approx(drawn.volume_ml, rel=0.03)
    assert not (lungs.lungs[0].mask & lungs.lungs[1].mask).any()
    place = large(spacing_mm=COARSE).patient()
    for lung in lungs.lungs:  # each cut lies in the bridge
        x = np.broadcast_to(place[0], lung.mask.shape)[lung.mask]
        assert (x < 10).all() if lung.side is Laterality.RIGHT else (x > -10).all()


def test_one_lung_is_not_parted() -> None:
    alone = Ellipsoid((-20, 0, 0), (60, 55, 60))
    torso = replace(large(spacing_mm=COARSE), parts=(alone,))
    (lung,) = found(torso).lungs
    assert alone.volume_ml > 4 * SMALLEST_LUNG_ML
    assert found(torso).volume_ml(lung) == pytest.approx(alone.volume_ml, rel=0.02)


# what lies in a lung


@pytest.mark.parametrize(
    ("diameter", "sunk", "least"),
    [(10.0, 0.0, 0.75), (14.0, 0.0, 0.85), (20.0, 0.0, 0.9), (14.0, 0.25, 0.65), (20.0, 0.25, 0.75)],
)
def test_a_nodule_at_the_pleura_stays_in_the_closed_lung(diameter, sunk, least) -> None:
    """The ball leaves a rim at a round wall, the wider the smaller the nodule."""
    r = diameter / 2
    x = RIGHT.centre[0] - RIGHT.half[0] + r * (1 - 2 * sunk)  # this share of the diameter lies in the wall
    nodule = Ellipsoid((x, 0, 0), (r, r, r), 40)
    torso = Torso((RIGHT, LEFT, nodule))
    inside = np.asarray(nodule.holds(*torso.patient()) & RIGHT.holds(*torso.patient()))
    lung = by_side(found(torso))[Laterality.RIGHT]
    assert not (lung.mask & inside).any()
    assert (lung.closed & inside).sum() >= least * inside.sum()
    assert found(torso).side_at(tuple(torso.geometry.to_index([(x, 0, 0)])[0])) is lung


PLEURAL = [(-1, 0, 0), (0, 1, 0), (0, -1, 0.3), (-0.6, 0.6, 0.5), (-0.5, -0.6, -0.6), (0, 0.3, -1)]


@pytest.mark.parametrize(("diameter", "sunk"), [(6.0, 0.0), (6.0, 0.25), (8.0, 0.25), (10.0, 0.25)])
def test_a_small_nodule_at_the_pleura_is_searched_and_belongs_to_its_lung(diameter, sunk) -> None:
    """Its middle may lie in a block that the rolling ball leaves out."""
    parts, centres, outside = [], [], 0
    for way in PLEURAL:
        spot = np.array(way, float) / np.linalg.norm(np.array(way) / RIGHT.half)
        inward = -spot / np.square(RIGHT.half)
        centres.append(spot + inward / np.linalg.norm(inward) * diameter * (0.5 - sunk) + RIGHT.centre)
        parts.append(Ellipsoid(tuple(centres[-1]), (diameter / 2,) * 3, 40))
    torso = Torso((RIGHT, LEFT, *parts))
    volume, lungs = torso.volume(), find_lungs(torso.volume())
    right = by_side(lungs)[Laterality.RIGHT]
    places = np.array([one.index for one in find_candidates(volume, lungs)])
    for centre in centres:
        index = torso.geometry.to_index([centre])[0]
        assert lungs.lung_near(tuple(index)) is right
        near = places[np.argmin(np.linalg.norm((places - index) * torso.spacing_mm, axis=1))]
        assert np.linalg.norm((near - index) * torso.spacing_mm) <= max(diameter / 2, 2.5)
        assert lungs.lung_near(tuple(near)) is right
        outside += lungs.side_at(tuple(index)) is None
    assert outside > 0 or diameter > 6 or not sunk  # else this would hold without the neighbours


def test_a_block_from_the_lung_is_near_and_two_are_not() -> None:
    lungs = hand_made((1, 1, 1))
    assert [lungs.lung_near((1, 2, x)) for x in range(6)] == [lungs.lungs[k] for k in (0, 0, 0, 1, 1, 1)]
    lungs.lungs[0].closed[:], lungs.lungs[1].closed[:, :, 4] = False, False
    assert [lungs.lung_near((1, 2, x)) is None for x in range(6)] == [True] * 4 + [False] * 2


def test_small_lungs_that_touch_are_parted() -> None:
    parts = (RIGHT, LEFT, Box((0, -10, 0), (16, 4, 8), LUNG))
    assert RIGHT.volume_ml + LEFT.volume_ml < 600
    lungs = found(Torso(parts))
    assert set(by_side(lungs)) == set(SIDES)
    for side, drawn in SIDES.items():
        assert lungs.volume_ml(by_side(lungs)[side]) == pytest.approx(drawn.volume_ml, rel=0.04)


def test_the_heart_is_not_closed_into_the_lung() -> None:
    heart = Ellipsoid((-20, 0, 0), (18, 24, 24), 40)
    torso = Torso((RIGHT, LEFT, heart))
    assert found(torso).side_at(tuple(torso.geometry.to_index([(-32, 0, 0)])[0])) is None
    lung = by_side(found(torso))[Laterality.RIGHT]
    bay = np.asarray(heart.holds(*torso.patient()) & RIGHT.holds(*torso.patient()))
    assert 0 < (lung.closed & bay).sum() < 0.3 * bay.sum()


def test_a_vessel_counts_in_the_volume_and_not_in_the_aerated_part() -> None:
    vessel = Ellipsoid((-42, 0, 0), (4, 4, 25), 40)
    torso = Torso((RIGHT, LEFT, vessel))
    plain, changed = (by_side(found(one))[Laterality.RIGHT] for one in (Torso(), torso))
    drawn = np.asarray(vessel.holds(*torso.patient()))
    assert (plain.mask & ~changed.mask == drawn).all()
    assert (plain.closed == changed.closed).all()


@pytest.mark.parametrize("spacing", [(2.0, 1.0, 1.0), (1.8, 2.1, 2.1)])
@pytest.mark.parametrize(("width", "is_filled"), [(14.0, True), (20.0, True), (28.0, False), (36.0, False)])
def test_a_slot_is_filled_where_the_ball_does_not_fit(spacing, width, is_filled) -> None:
    """A ball of 12 mm rolls into a slot that is wider than 24 mm and not into one that is narrower."""
    size = (6.0, 60.0, 90.0)
    shape = tuple(round(extent / step) for extent, step in zip(size, spacing, strict=True))
    y, x = ((np.arange(n) + 0.5) * s for n, s in zip(shape[1:], spacing[1:], strict=True))
    slab = np.ones(shape, bool)
    slot = (np.abs(x - 45) < width / 2) & (y[:, None] < 40)
    slab[:, slot] = False
    slab[:, y < 10] = False
    closed = module._closed(slab, spacing)
    assert (closed >= slab).all()
    row, column = np.abs(y - 30).argmin(), np.abs(x - 45).argmin()
    assert closed[:, row, column].all() if is_filled else not closed[:, row, column].any()
    assert not closed[:, y < 10].any()


def test_closing_is_that_of_a_ball_by_scipy() -> None:
    mask = np.random.default_rng(3).random((30, 34, 36)) < 0.006
    reach = int(BALL_MM // 3)
    grid = np.mgrid[-reach : reach + 1, -reach : reach + 1, -reach : reach + 1] * 3.0
    ball = (grid**2).sum(axis=0) <= BALL_MM**2
    inner = np.zeros(mask.shape, bool)
    inner[6:-6, 6:-6, 6:-6] = mask[6:-6, 6:-6, 6:-6]
    truth = binary_closing(np.pad(inner, 6), ball)[6:-6, 6:-6, 6:-6]
    closed = module._closed(inner, (3.0, 3.0, 3.0))
    assert truth.sum() > 2 * inner.sum() > 0
    assert (closed == (truth | binary_closing(inner))).all()


# places and shares


def hand_made(factors=(1, 2, 3)) -> Lungs:
    first, second = np.zeros((2, 4, 5, 6), bool)
    first[:, :, :2], second[:, :, 4:] = True, True
    made = (Lung(Laterality.RIGHT, first, first), Lung(Laterality.LEFT, second, second))
    return Lungs(made, Airways(np.zeros((4, 5, 6), bool), is_assessed=False), factors, (2.0, 2.0, 3.0))


@pytest.mark.parametrize(
    ("index", "block", "side"),
    [
        ((0, 0, 0), (0, 0, 0), Laterality.RIGHT),
        ((3, 9, 5), (3, 4, 1), Laterality.RIGHT),
        ((3, 9, 6), (3, 4, 2), None),
        ((1, 3, 11.4), (1, 1, 3), None),
        ((1, 3, 11.6), (1, 1, 4), Laterality.LEFT),
        ((1, 3, 17), (1, 1, 5), Laterality.LEFT),
        ((99, 99, 99), (3, 4, 5), Laterality.LEFT),
        ((-5, -5, -5), (0, 0, 0), Laterality.RIGHT),
    ],
)
def test_an_index_lies_in_its_block(index, block, side) -> None:
    lungs = hand_made()
    assert lungs.block_of(index) == block
    lung = lungs.side_at(index)
    assert (lung.side if lung else None) is side


def test_volume_and_height_count_blocks() -> None:
    lungs = hand_made()
    for lung in lungs.lungs:
        assert lungs.volume_ml(lung) == pytest.approx(4 * 5 * 2 * 12 / 1000)
    assert lungs.height_mm() == 8.0
    lungs.lungs[0].closed[0], lungs.lungs[1].closed[[0, 3]] = False, False
    assert lungs.height_mm() == 6.0


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("factors", [(1, 1, 1), (2, 3, 2)])
def test_emphysema_is_exactly_the_share_that_was_planted(share, factors) -> None:
    blocks = (5, 10, 12)
    shape = tuple(n * f for n, f in zip(blocks, factors, strict=True))
    mask = np.zeros(blocks, bool)
    mask[1:4, 2:7, 3:7] = True
    inside = mask.repeat(factors[0], 0).repeat(factors[1], 1).repeat(factors[2], 2)
    array = np.full((shape[0] + factors[0] - 1, shape[1] + factors[1] - 1, shape[2]), -1000, np.int16)
    values = np.full(inside.sum(), -950, np.int16)  # the limit itself is not below the limit
    values[: round(share * values.size)] = -951
    array[: shape[0], : shape[1]][inside] = np.random.default_rng(0).permutation(values)
    volume = Volume(array, VolumeGeometry(array.shape), Quantity.HOUNSFIELD)
    lung = Lung(Laterality.LEFT, mask, np.ones(blocks, bool))
    lungs = Lungs((lung,), Airways(np.zeros(blocks, bool), is_assessed=False), factors, (1.0, 1.0, 1.0))
    assert emphysema_percent(volume, lungs, lung) == pytest.approx(100 * round(share * values.size) / values.size)


def test_a_lung_without_air_has_no_share() -> None:
    mask = np.zeros((2, 3, 4), bool)
    lung = Lung(Laterality.LEFT, mask, mask)
    lungs = Lungs((lung,), Airways(mask, is_assessed=False), (1, 1, 1), (1.0, 1.0, 1.0))
    volume = Volume(np.full((2, 3, 4), -1000, np.int16), VolumeGeometry((2, 3, 4)), Quantity.HOUNSFIELD)
    assert emphysema_percent(volume, lungs, lung) == 0.0


def test_a_planted_half_of_a_drawn_lung_is_found_in_that_lung_alone() -> None:
    torso = Torso()
    volume = torso.volume()
    x, y, _ = torso.patient()
    hollow = np.broadcast_to((x < 0) & (y < 0), volume.array.shape) & (volume.array == LUNG)
    array = volume.array.copy()
    array[hollow] = -985
    changed = volume.with_array(array)
    lungs = find_lungs(changed)
    parts = by_side(lungs)
    assert emphysema_percent(changed, lungs, parts[Laterality.RIGHT]) == pytest.approx(50.0, abs=0.5)
    assert emphysema_percent(changed, lungs, parts[Laterality.LEFT]) == 0.0
