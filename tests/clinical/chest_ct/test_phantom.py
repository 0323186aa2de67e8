"""The drawn chest against its own truth: volumes, densities, borders, blur, noise, vessels and places."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.ndimage import label
from scipy.special import erf

from hounsfield.clinical.chest_ct.phantom import LUNG_HU, Ball, ChestCt, add_ball
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity

SMALL = ChestCt((4.0, 2.0, 2.0), blur_mm=0.0, noise_hu=0.0)


def field(shape=(24, 26, 28), spacing=(1.0, 1.0, 1.0), **where):
    return np.zeros(shape, np.float32), VolumeGeometry(shape, spacing, **where)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 0.7, 0.7), (3.0, 1.0, 1.0), (0.5, 0.9, 0.9)])
@pytest.mark.parametrize("diameter", [4.0, 6.0, 10.0])
def test_a_ball_fills_four_thirds_pi_r_cubed(spacing, diameter) -> None:
    shape = tuple(round(22 / s) for s in spacing)
    array, geometry = field(shape, spacing)
    add_ball(array, geometry, Ball((11.3, 10.8, 11.1), (diameter,) * 3, 1.0))
    truth = 4 / 3 * np.pi * (diameter / 2) ** 3
    assert array.sum() * geometry.voxel_volume_mm3 == pytest.approx(truth, rel=0.015)
    assert (array > 0.5).sum() * geometry.voxel_volume_mm3 == pytest.approx(truth, rel=0.3)
    assert array.max() == pytest.approx(1.0) or diameter < 5
    assert array.min() == 0.0


@pytest.mark.parametrize(
    ("diameters", "truth"),
    [((6, 6, 6), 113.0973), ((10, 8, 6), 251.3274), ((20, 20, 20), 4188.790), ((4, 9, 5), 94.24778)],
)
def test_the_true_volume_is_that_of_an_ellipsoid(diameters, truth) -> None:
    assert Ball((0.0, 0.0, 0.0), diameters).volume_mm3 == pytest.approx(truth, rel=1e-5)


def test_each_voxel_is_the_share_that_the_ball_fills() -> None:
    array, geometry = field((12, 12, 12))
    ball = Ball((5.4, 6.2, 5.9), (7.0, 5.0, 6.0), 1.0)
    add_ball(array, geometry, ball)
    fine = (np.arange(12 * 16) + 0.5) / 16 - 0.5
    z, y, x = np.meshgrid(fine, fine, fine, indexing="ij", sparse=True)
    inside = ((x - 5.4) / 3.5) ** 2 + ((y - 6.2) / 2.5) ** 2 + ((z - 5.9) / 3.0) ** 2 <= 1
    truth = inside.reshape(12, 16, 12, 16, 12, 16).mean(axis=(1, 3, 5))
    assert array == pytest.approx(truth, abs=0.06)
    mixed = (truth > 0.02) & (truth < 0.98)
    assert mixed.sum() > 50
    assert np.abs((array - truth)[mixed].mean()) < 0.005


def test_centre_and_extents_are_those_asked_for() -> None:
    array, geometry = field((40, 40, 40), (0.8, 0.8, 0.8))
    ball = Ball((14.3, 16.1, 15.2), (12.0, 9.0, 6.0), 1.0)
    add_ball(array, geometry, ball)
    z, y, x = np.meshgrid(*(np.arange(40) * 0.8,) * 3, indexing="ij")
    for line, centre, diameter in zip((x, y, z), ball.centre_mm, ball.diameters_mm, strict=True):
        mean = (line * array).sum() / array.sum()
        assert mean == pytest.approx(centre, abs=0.02)
        variance = ((line - mean) ** 2 * array).sum() / array.sum()
        assert np.sqrt(5 * variance) * 2 == pytest.approx(diameter, rel=0.03)


def test_a_voxel_on_the_border_is_mixed_by_its_share() -> None:
    array, geometry = field((30, 30, 30))
    array[:] = -860.0
    add_ball(array, geometry, Ball((15.1, 15.0, 15.0), (20.0, 20.0, 20.0), 40.0))
    assert array[15, 15, 15] == pytest.approx(40.0)
    share = 0.6 - 2 / 12 / 20  # the surface crosses at 25.1 and bends away by (y^2 + z^2) / 2r
    assert array[15, 15, 25] == pytest.approx(-860 + 900 * share, abs=30)
    assert array[15, 15, 27] == -860.0


@pytest.mark.parametrize(("core", "core_hu"), [(6.0, 40.0), (4.0, -100.0)])
def test_a_core_takes_the_place_of_the_glass(core, core_hu) -> None:
    array, geometry = field((30, 30, 30))
    array[:] = -860.0
    ball = Ball((14.6, 15.3, 14.9), (14.0, 14.0, 14.0), -600.0, core, core_hu)
    add_ball(array, geometry, ball)
    solid = np.pi / 6 * core**3
    truth = solid * (core_hu + 860) + (ball.volume_mm3 - solid) * 260
    assert (array + 860.0).sum(dtype=np.float64) == pytest.approx(truth, rel=0.015)
    assert array[15, 15, 15] == pytest.approx(core_hu)
    assert array[15, 15, 15 + 5] == pytest.approx(-600.0)


TILTED = ((0.0, -0.6, 0.8), (0.0, 0.8, 0.6), (-1.0, 0.0, 0.0))


def test_a_turned_grid_holds_the_ball_where_the_patient_has_it() -> None:
    array, geometry = field((30, 32, 34), (1.5, 0.9, 0.8), origin_mm=(5.0, -7.0, 9.0), direction=TILTED)
    centre = geometry.to_patient([[14.0, 15.5, 17.2]])[0]
    ball = Ball(tuple(centre), (11.0, 8.0, 7.0), 1.0)
    add_ball(array, geometry, ball)
    assert array.sum() * geometry.voxel_volume_mm3 == pytest.approx(ball.volume_mm3, rel=0.015)
    where = np.argwhere(array > 0)
    weights = array[array > 0]
    points = geometry.to_patient(where)
    mean = (points * weights[:, None]).sum(axis=0) / weights.sum()
    assert mean == pytest.approx(centre, abs=0.03)
    spread = np.sqrt(5 * (((points - mean) ** 2) * weights[:, None]).sum(axis=0) / weights.sum()) * 2
    assert spread == pytest.approx(ball.diameters_mm, rel=0.06)


@pytest.mark.parametrize(
    "centre", [(-9.0, 10, 10), (10, -60, 10), (10, 10, 99), (-60, -60, 10), (99, -60, 99), (28.0, 10, 10)]
)
def test_a_ball_outside_the_picture_changes_nothing(centre) -> None:
    array, geometry = field((20, 20, 20))
    add_ball(array, geometry, Ball(tuple(float(c) for c in centre), (8.0, 8.0, 8.0), 1.0))
    assert not array.any()


@pytest.mark.parametrize("axis", range(3))
def test_a_ball_that_the_edge_halves_has_half_its_volume(axis) -> None:
    centre = [10.0, 10.0, 10.0]
    centre[axis] = -0.5
    array, geometry = field((20, 20, 20))
    ball = Ball(tuple(centre), (8.0, 8.0, 8.0), 1.0)
    add_ball(array, geometry, ball)
    assert array.sum() == pytest.approx(ball.volume_mm3 / 2, rel=0.02)


def test_the_grid_lies_around_the_origin() -> None:
    geometry = ChestCt((2.0, 1.0, 0.5), (100.0, 80.0, 60.0)).geometry
    assert geometry.shape == (50, 80, 120)
    ends = geometry.to_patient([[0, 0, 0], [49, 79, 119]])
    assert ends.sum(axis=0) == pytest.approx([0, 0, 0])
    assert ends[1] == pytest.approx([29.75, 39.5, 49.0])


def test_parts_of_the_chest_have_their_densities() -> None:
    volume = replace(SMALL, nodules=(Ball((60.0, 0.0, 0.0), (30.0, 30.0, 30.0), -600.0, 14.0),)).volume()
    assert (volume.quantity, volume.array.dtype) == (Quantity.HOUNSFIELD, np.int16)

    def at(x, y, z):
        return volume.array[tuple(np.rint(volume.geometry.to_index([(x, y, z)])[0]).astype(int))]

    table = {
        (66, 30, 0): -860,
        (-66, -30, 20): -860,
        (0, 60, 0): 30,
        (130, 0, 0): 30,
        (0, -5, 40): -1000,
        (149, 0, 0): -1000,
        (0, 105, 0): -1000,
        (60, 0, 0): 40,
        (60, 11, 0): -600,
    }
    assert {place: at(*place) for place in table} == table


def test_lungs_and_trachea_have_the_volumes_of_their_shapes() -> None:
    volume = ChestCt((2.0, 1.0, 1.0), (220.0, 220.0, 300.0), blur_mm=0.0, noise_hu=0.0).volume()
    voxel = volume.geometry.voxel_volume_mm3
    parts, count = label(volume.array == -860)
    assert count == 2
    for number in (1, 2):
        assert (parts == number).sum() * voxel == pytest.approx(4 / 3 * np.pi * 52 * 74 * 95, rel=0.005)
    trachea = (volume.array == -1000)[:, 95:115, 135:165]
    assert trachea.sum() * voxel == pytest.approx(np.pi * 8**2 * 220, rel=0.05)


@pytest.mark.parametrize("blur", [1.0, 2.0])
def test_a_blurred_border_is_an_error_function(blur) -> None:
    chest = ChestCt((5.0, 1.0, 1.0), (10.0, 220.0, 300.0), blur_mm=blur, noise_hu=0.0)
    profile = chest.volume().array[0, 110]
    x = np.arange(300) - 149.5
    near = (x > 130) & (x < 146)
    edge = 138 * np.sqrt(1 - (0.5 / 98) ** 2)
    last = np.floor(edge - 0.5) + 0.5 + 0.5  # the drawn border lies between the last voxel in and the first one out
    truth = -485 - 515 * erf((x - last) / (blur * np.sqrt(2)))
    assert profile[near] == pytest.approx(truth[near], abs=25)


def test_blur_stays_in_its_slice() -> None:
    nodule = Ball((66.0, 0.0, 0.0), (8.0, 8.0, 8.0))
    sharp, soft = (replace(SMALL, nodules=(nodule,), blur_mm=blur).volume().array for blur in (0.0, 3.0))
    changed = np.flatnonzero((sharp[:, 105:115, 100:114] > -850).any(axis=(1, 2)))
    spread = np.flatnonzero((soft[:, 105:115, 100:114] > -850).any(axis=(1, 2)))
    assert np.array_equal(changed, spread)


@pytest.mark.parametrize("noise", [10.0, 25.0])
def test_noise_has_its_spread_and_its_seed(noise) -> None:
    noisy = replace(SMALL, noise_hu=noise).volume().array
    added = noisy.astype(float) - SMALL.volume().array
    assert added.std() == pytest.approx(np.hypot(noise, np.sqrt(1 / 12)), rel=0.01)
    assert added.mean() == pytest.approx(0.0, abs=0.1)
    assert np.array_equal(noisy, replace(SMALL, noise_hu=noise).volume().array)
    assert not np.array_equal(noisy, replace(SMALL, noise_hu=noise, seed=1).volume().array)


@cache
def vessels(seed):
    return replace(SMALL, vessels=1, seed=seed).volume().array


@pytest.mark.parametrize("seed", range(2))
def test_vessels_are_drawn_in_the_lungs_and_nowhere_else(seed) -> None:
    plain, drawn = SMALL.volume().array, vessels(seed)
    changed = drawn != plain
    assert changed.sum() > 200
    assert set(np.unique(plain[changed])) == {LUNG_HU}
    assert (drawn[changed] > LUNG_HU).all()
    assert drawn[changed].max() == 40
    half = changed.shape[2] // 2
    assert changed[..., :half].any()
    assert changed[..., half:].any()


def test_the_seed_says_which_vessels_there_are() -> None:
    assert not np.array_equal(vessels(0), vessels(1))
    assert np.array_equal(vessels(0), vessels.__wrapped__(0))


def test_a_nodule_keeps_its_volume_in_the_chest() -> None:
    ball = Ball((66.0, 10.0, -8.0), (14.0, 12.0, 10.0))
    for blur in (0.0, 1.0):
        chest = ChestCt((2.0, 2.0, 2.0), (40.0, 220.0, 300.0), blur_mm=blur, noise_hu=0.0)
        filled = replace(chest, nodules=(ball,)).volume().array.astype(float) - chest.volume().array
        assert filled.sum() * 8.0 / 900 == pytest.approx(ball.volume_mm3, rel=0.015)


HARD = ChestCt((3.0, 2.0, 2.0), (120.0, 200.0, 280.0), blur_mm=0.0, noise_hu=0.0)


def lung_share(chest: ChestCt) -> float:
    return float((chest.volume().array == LUNG_HU).mean())


@pytest.mark.parametrize("blur_mm", [0.0, 2.0])
def test_noise_keeps_its_strength_when_it_is_alike_between_neighbours(blur_mm) -> None:
    plain = HARD.volume().array.astype(float)
    noise = replace(HARD, noise_hu=40.0, noise_mm=blur_mm).volume().array - plain
    assert noise.std() == pytest.approx(40.0, rel=0.01)
    alike = np.corrcoef(noise[:, :, 1:].ravel(), noise[:, :, :-1].ravel())[0, 1]
    expected = np.exp(-((2.0 / (2 * blur_mm)) ** 2)) if blur_mm else 0.0  # two blurred samples, a step apart
    assert alike == pytest.approx(expected, abs=0.03)


def test_texture_varies_the_lungs_alone() -> None:
    plain = HARD.volume().array
    varied = replace(HARD, texture_hu=30.0).volume().array.astype(float)
    lung = plain == LUNG_HU
    assert (varied[~lung] == plain[~lung]).all()
    assert varied[lung].std() == pytest.approx(30.0, rel=0.1)  # few grains: it need not be that of the whole field
    assert varied[lung].mean() == pytest.approx(LUNG_HU, abs=8.0)
    assert varied[lung].min() >= LUNG_HU - 100


def test_walls_press_on_the_lungs_and_fissures_run_through_them() -> None:
    plain, pressed = HARD.volume().array, replace(HARD, walls=10).volume().array
    changed = plain != pressed
    assert (plain[changed] == LUNG_HU).all()
    assert set(np.unique(pressed[changed] == 30)) == {True, False}  # lumps of tissue, and sheets of another density
    assert lung_share(replace(HARD, walls=30)) < lung_share(replace(HARD, walls=10)) < lung_share(HARD)
    assert (replace(HARD, walls=10).volume().array == pressed).all()


def test_vessels_are_drawn_over_texture_as_over_plain_lung() -> None:
    vessels = replace(HARD, vessels=3)
    drawn = vessels.volume().array > LUNG_HU + 400
    varied = replace(vessels, texture_hu=30.0).volume().array > LUNG_HU + 400
    assert (drawn == varied).mean() > 0.999
