"""Airways: drawn tubes against their own voxels, limits of roundness, size and length, and leaks into the lung."""

from itertools import product

import numpy as np
import pytest

from hounsfield.clinical.chest_ct.airways import LARGEST_ML, LEAST_LENGTH_MM, LUMEN_HU, TRACHEA_MM2, find_airways

SPACING = (2.0, 1.0, 1.0)
SHAPE = (30, 60, 60)
MIDDLE = (30.0, 30.0)


def grid(shape=SHAPE, spacing=SPACING):
    return np.meshgrid(*(np.arange(n) * s for n, s in zip(shape, spacing, strict=True)), indexing="ij", sparse=True)


def tube(centre=MIDDLE, radius=8.0, first=0, last=SHAPE[0], stretch=1.0, slant=0.0):
    """Return the voxels of a tube along the slices from the first to before the last; slant moves its column."""
    z, y, x = grid()
    inside = (y - centre[0]) ** 2 + ((x - centre[1] - slant * z) / stretch) ** 2 <= radius**2
    return (
        np.broadcast_to(inside, SHAPE)
        & (np.arange(SHAPE[0]) >= first)[:, None, None]
        & ((np.arange(SHAPE[0]) < last)[:, None, None])
    )


def drawn(*parts):
    """Return tissue with parts of other values in it, in their order."""
    blocks = np.full(SHAPE, 30.0, np.float32)
    for mask, value in parts:
        blocks[mask] = value
    return blocks


def found(blocks, *, is_head_last=True, spacing=SPACING):
    return find_airways(blocks, blocks < -400, spacing, is_head_last=is_head_last)


@pytest.mark.parametrize("radius", [5.0, 8.0, 11.0, 14.0])
def test_a_tube_is_found_with_its_voxels_and_its_volume(radius) -> None:
    mask = tube(radius=radius)
    airways = found(drawn((mask, -1000)))
    assert airways.is_assessed
    assert not airways.is_leaking
    assert (airways.mask == mask).all()
    assert airways.volume_ml == pytest.approx(mask.sum() * 2.0 / 1000)
    assert airways.volume_ml == pytest.approx(np.pi * radius**2 * 60 / 1000, rel=0.04)


@pytest.mark.parametrize(
    ("spacing", "factor"), [((2.0, 1.0, 1.0), 1.0), ((2.4, 1.1, 1.1), 1.452), ((1.5, 0.8, 0.8), 0.48)]
)
def test_the_volume_is_in_millilitres_of_the_patient(spacing, factor) -> None:
    mask = tube()
    assert found(drawn((mask, -1000)), spacing=spacing).volume_ml == pytest.approx(mask.sum() * 2 * factor / 1000)


@pytest.mark.parametrize("radius", [2.0, 3.0, 3.5, 4.5, 14.5, 15.5, 18.0])
def test_only_a_cross_section_of_a_trachea_counts(radius) -> None:
    mask = tube(radius=radius)
    area = float(mask[0].sum())
    assert found(drawn((mask, -1000))).is_assessed is (TRACHEA_MM2[0] <= area <= TRACHEA_MM2[1])


@pytest.mark.parametrize(("stretch", "is_found"), [(1.0, True), (1.8, True), (3.0, False), (4.0, False)])
def test_a_slit_is_no_trachea(stretch, is_found) -> None:
    mask = tube(radius=5.0, stretch=stretch)
    assert TRACHEA_MM2[0] < mask[0].sum() < TRACHEA_MM2[1]  # its size is not what refuses it
    assert found(drawn((mask, -1000))).is_assessed is is_found


def test_a_ring_of_air_is_no_trachea() -> None:
    ring = tube(radius=10.0) & ~tube(radius=5.0)
    assert not found(drawn((ring, -1000))).is_assessed
    assert found(drawn((tube(radius=10.0), -1000))).is_assessed


def test_a_cross_of_air_fills_too_little_of_its_box() -> None:
    _z, y, x = grid()
    plus = np.broadcast_to(((abs(y - 30) <= 1) & (abs(x - 30) <= 9)) | ((abs(x - 30) <= 1) & (abs(y - 30) <= 9)), SHAPE)
    assert TRACHEA_MM2[0] < plus[0].sum() < 0.55 * 19**2
    assert not found(drawn((plus, -1000))).is_assessed


@pytest.mark.parametrize("slices", range(7, 14))
def test_a_chain_shorter_than_the_least_length_is_no_trachea(slices) -> None:
    blocks = drawn((tube(first=SHAPE[0] - slices), -1000))
    assert found(blocks).is_assessed is (slices * SPACING[0] >= LEAST_LENGTH_MM)


@pytest.mark.parametrize("gap", [0, 1])
def test_a_gap_breaks_the_chain(gap) -> None:
    """Seven slices, a gap and eight more: together long enough, neither of them alone."""
    parts = [(tube(first=23), -1000), (tube(first=15, last=23 - gap), -1000)]
    assert found(drawn(*parts)).is_assessed is (gap == 0)


@pytest.mark.parametrize("slant", [0.0, 0.3, -0.3])
def test_a_trachea_may_be_slanted(slant) -> None:
    mask = tube(centre=(30, 30 - 30 * slant), radius=7.0, slant=slant)
    airways = found(drawn((mask, -1000)))
    assert airways.is_assessed
    assert (airways.mask == mask).all()


@pytest.mark.parametrize(("step", "is_found"), [(8.0, True), (20.0, False)])
def test_a_chain_does_not_jump(step, is_found) -> None:
    """Seven slices at one place and eight more at another."""
    blocks = drawn((tube((30, 22), 6.0, first=23), -1000), (tube((30, 22 + step), 6.0, first=15, last=23), -1000))
    assert found(blocks).is_assessed is is_found


@pytest.mark.parametrize("beside", [(30.0, 10.0), (30.0, 50.0)])
def test_of_two_tubes_that_nearer_the_middle_is_the_trachea(beside) -> None:
    middle, other = tube(radius=6.0), tube(beside, 6.0)
    airways = found(drawn((other, -1000), (middle, -1000)))
    assert (airways.mask == middle).all()


@pytest.mark.parametrize(("is_drawn_last", "is_head_last"), list(product([True, False], repeat=2)))
def test_the_trachea_is_looked_for_in_the_half_of_the_head(is_drawn_last, is_head_last) -> None:
    mask = tube(first=15) if is_drawn_last else tube(last=15)
    assert found(drawn((mask, -1000)), is_head_last=is_head_last).is_assessed is (is_drawn_last is is_head_last)


@pytest.mark.parametrize("count", [20, 21, 22, 23])
@pytest.mark.parametrize("kept", [9, 10, 11])
def test_a_stack_that_is_turned_over_has_the_same_airways(count, kept) -> None:
    blocks = np.full((count, 60, 60), 30.0, np.float32)
    blocks[count - kept :, tube()[0]] = -1000
    upright = found(blocks)
    turned = found(np.ascontiguousarray(blocks[::-1]), is_head_last=False)
    assert upright.is_assessed is (kept >= 10)
    assert turned.is_assessed is upright.is_assessed
    assert (turned.mask[::-1] == upright.mask).all()


def test_the_tree_goes_on_below_the_half_of_the_head() -> None:
    trachea = tube(first=12)
    branches = tube((30, 22), 5.0, last=13) | tube((30, 38), 5.0, last=13)
    airways = found(drawn((trachea | branches, -1000)))
    assert (airways.mask == (trachea | branches)).all()


def test_air_that_does_not_touch_the_tree_is_left_out() -> None:
    bulla = np.zeros(SHAPE, bool)
    bulla[2:8, 5:15, 5:15] = True
    airways = found(drawn((tube(), -1000), (bulla, -990)))
    assert (airways.mask == tube()).all()


# leaks: a trachea whose wall is open to a lung of more than 120 ml on blocks of 3 mm

WIDE = (3.0, 3.0, 3.0)


def leaking(lung_hu, lumen_hu=-1000.0):
    """Return blocks, and the voxels of the tube alone."""
    lumen = np.zeros((24, 40, 60), bool)
    y, x = np.mgrid[:40, :60]
    lumen[:, ((y - 20) ** 2 + (x - 30) ** 2) * 9 <= 9.5**2] = True
    lung = np.zeros_like(lumen)
    lung[:10, 5:35, 31:58] = True
    blocks = np.where(lung, np.float32(lung_hu), np.float32(30.0))
    blocks[lumen] = lumen_hu
    assert lung.sum() * 27 / 1000 > LARGEST_ML > lumen.sum() * 27 / 1000
    return blocks, lumen


@pytest.mark.parametrize("lung_hu", [-800, -860, -899, -901, -929, -931, -949, -951, -969])
def test_a_tighter_limit_stops_a_leak(lung_hu) -> None:
    blocks, lumen = leaking(lung_hu)
    airways = found(blocks, spacing=WIDE)
    assert lung_hu >= min(LUMEN_HU)
    assert airways.is_assessed
    assert not airways.is_leaking
    assert (airways.mask == lumen).all()


@pytest.mark.parametrize("lung_hu", [-971, -985, -1000])
def test_a_leak_at_every_limit_is_not_assessed(lung_hu) -> None:
    airways = found(leaking(lung_hu)[0], spacing=WIDE)
    assert airways.is_leaking
    assert not airways.is_assessed
    assert not airways.mask.any()
    assert airways.mask.shape == (24, 40, 60)
    assert airways.volume_ml == 0.0


@pytest.mark.parametrize(("lumen_hu", "is_assessed"), [(-935, True), (-925, False)])
def test_a_lumen_that_no_tighter_limit_keeps_is_a_leak(lumen_hu, is_assessed) -> None:
    """The lung at -910 leaks at -900; at -930 a lumen of -925 is gone as well."""
    airways = found(leaking(-910, lumen_hu)[0], spacing=WIDE)
    assert airways.is_assessed is is_assessed
    assert airways.is_leaking is not is_assessed


@pytest.mark.parametrize("value", [-890, -500, 30])
def test_no_dark_lumen_is_no_trachea_and_no_leak(value) -> None:
    airways = found(drawn((tube(), value)))
    assert not airways.is_assessed
    assert not airways.is_leaking
    assert not airways.mask.any()


def test_only_air_within_the_body_counts() -> None:
    blocks = drawn((tube(), -1000))
    airways = find_airways(blocks, np.zeros(SHAPE, bool), SPACING, is_head_last=True)
    assert not airways.is_assessed
