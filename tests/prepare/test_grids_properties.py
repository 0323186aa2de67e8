"""What holds of every step that moves samples: they compose, come back, stay linear, and lie where the grid says."""

import numpy as np
import pytest

from hounsfield.core.quantities import Quantity
from hounsfield.errors import PrepareError
from hounsfield.prepare.grid import turned
from hounsfield.prepare.resample_to import resample_to
from hounsfield.prepare.sequence import apply_steps, build_steps, invert_trace
from hounsfield.prepare.weights import resample
from tests.prepare.volumes import volume_of

SPACING = (2.5, 0.8, 0.5)
FLIP_ROWS, FLIP_COLUMNS = ({"step": "flip", "axis": axis} for axis in ("rows", "columns"))
MIXING = [
    {"step": "resize", "rows": 6, "columns": 19},
    {"step": "resample", "spacing_mm": 0.9},
    {"step": "resample", "spacing_mm": 1.7, "is_smoothed": True},
    {"step": "resample", "row_mm": 0.5, "method": "cubic"},
]
ORIENTATIONS = ("LPS", "RAS", "axial", "coronal", "sagittal", "SAR", "IPL")


def noise(shape=(3, 9, 14), seed=0, quantity=Quantity.ARBITRARY):
    array = np.random.default_rng(seed).normal(0, 100, shape).astype(np.float32)
    return volume_of(array, quantity, SPACING)


def done(volume, *items):
    return apply_steps(build_steps(items), volume)[0]


def same(one, other, atol=0.0):
    np.testing.assert_allclose(one.array, other.array, atol=atol)
    assert one.geometry.shape == other.geometry.shape
    np.testing.assert_allclose(one.geometry.index_to_patient, other.geometry.index_to_patient, atol=1e-9)


def rotate(turns):
    return {"step": "rotate90", "turns": turns}


@pytest.mark.parametrize("item", MIXING)
def test_interpolation_is_linear(item):
    one, other = noise(seed=1), noise(seed=2)
    joined = one.with_array(3 * one.array - 2 * other.array)
    expected = 3 * done(one, item).array - 2 * done(other, item).array
    np.testing.assert_allclose(done(joined, item).array, expected, atol=2e-3)


@pytest.mark.parametrize("item", MIXING)
@pytest.mark.parametrize("value", [-1024, 0, 3071])
def test_a_constant_stays_itself_on_any_grid(item, value):
    flat = volume_of(np.full((3, 9, 14), value, np.int16), Quantity.HOUNSFIELD, SPACING)
    after = done(flat, item)
    np.testing.assert_allclose(after.array, value, rtol=1e-6)
    assert after.quantity is Quantity.HOUNSFIELD
    assert after.geometry.calibration is flat.geometry.calibration


@pytest.mark.parametrize("item", MIXING)
@pytest.mark.parametrize("flip", [FLIP_ROWS, FLIP_COLUMNS])
def test_mirroring_first_or_last_is_the_same(item, flip):
    same(done(noise(), item, flip), done(noise(), flip, item), atol=2e-3)


@pytest.mark.parametrize("item", MIXING)
def test_a_grid_keeps_its_middle_and_its_directions(item):
    before, after = noise().geometry, done(noise(), item).geometry
    middles = [grid.to_patient([(np.array(grid.shape) - 1) / 2]) for grid in (before, after)]
    np.testing.assert_allclose(*middles, atol=1e-9)
    np.testing.assert_allclose(after.direction, before.direction)
    extents = [np.array(grid.shape) * grid.spacing_mm for grid in (before, after)]
    assert (np.abs(extents[1] - extents[0]) <= np.array(after.spacing_mm) / 2 + 1e-9).all()


@pytest.mark.parametrize("item", MIXING[:3])
def test_means_of_neighbours_stay_between_the_samples(item):
    source = noise()
    after = done(source, item).array
    assert source.array.min() - 1e-3 <= after.min() < after.max() <= source.array.max() + 1e-3


@pytest.mark.parametrize(("source", "target"), [(8, 3), (9, 4), (7, 3), (5, 13), (4, 12), (6, 6), (3, 1)])
def test_a_hole_is_seen_by_the_samples_that_touch_it_alone(source, target):
    for hole in range(source):
        line = np.zeros((1, 1, source), np.float32)
        line[0, 0, hole] = np.nan
        edges = np.arange(target + 1) * source / target
        if target < source:
            touches = (edges[:-1] < hole + 1) & (edges[1:] > hole)
        else:
            places = np.clip((edges[:-1] + edges[1:]) / 2 - 0.5, 0, source - 1)
            touches = np.abs(places - hole) < 1
        np.testing.assert_array_equal(np.isnan(resample(line, 1, target)[0, 0]), touches)
        upright = resample(np.ascontiguousarray(line.transpose(0, 2, 1)), target, 1)
        np.testing.assert_array_equal(np.isnan(upright[0, :, 0]), touches)


@pytest.mark.parametrize(("rows", "columns"), [(5, 7), (13, 30), (1, 1), (31, 44)])
def test_shrinking_is_the_area_mean_of_opencv(rows, columns):
    cv2 = pytest.importorskip("cv2")
    array = np.random.default_rng(5).uniform(0, 100, (1, 31, 44)).astype(np.float32)
    expected = cv2.resize(array[0], (columns, rows), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(resample(array, rows, columns)[0], expected, atol=1e-3)


def test_area_means_of_area_means_are_area_means():
    array = noise((2, 24, 36)).array
    in_two_steps = resample(resample(array, 12, 12), 4, 3)
    np.testing.assert_allclose(in_two_steps, resample(array, 4, 3), atol=1e-3)
    np.testing.assert_allclose(in_two_steps, array.reshape(2, 4, 6, 3, 12).mean(axis=(2, 4)), atol=1e-3)


@pytest.mark.parametrize("first", range(4))
@pytest.mark.parametrize("second", range(4))
def test_quarter_turns_add_up(first, second):
    same(done(noise(), rotate(first), rotate(second)), done(noise(), rotate((first + second) % 4)))


def test_flips_and_turns_are_the_eight_of_the_square():
    same(done(noise(), FLIP_ROWS, FLIP_ROWS), noise())
    same(done(noise(), FLIP_ROWS, FLIP_COLUMNS), done(noise(), rotate(2)))
    same(done(noise(), FLIP_ROWS, rotate(1)), done(noise(), rotate(3), FLIP_ROWS))
    transposed = done(noise(), rotate(1), FLIP_ROWS)
    np.testing.assert_array_equal(transposed.array, noise().array.transpose(0, 2, 1))
    assert transposed.geometry.spacing_mm == (2.5, 0.5, 0.8)
    found = [done(noise(), rotate(turns), *flips).array for turns in range(4) for flips in ((), (FLIP_ROWS,))]
    assert len({array.tobytes() for array in found}) == 8


@pytest.mark.parametrize("first", ORIENTATIONS)
@pytest.mark.parametrize("second", ORIENTATIONS)
def test_the_last_orientation_counts_alone(first, second):
    there = done(noise((2, 3, 5)), {"step": "orient", "to": first}, {"step": "orient", "to": second})
    same(there, done(noise((2, 3, 5)), {"step": "orient", "to": second}))
    assert sorted(there.geometry.shape) == [2, 3, 5]
    assert there.geometry.voxel_volume_mm3 == pytest.approx(noise().geometry.voxel_volume_mm3)


def test_a_crop_of_a_crop_is_the_crop_of_both():
    in_two = done(noise(), {"step": "crop", "rows": [2, 8], "columns": [3, 12]}, {"step": "crop", "rows": [1, 4]})
    same(in_two, done(noise(), {"step": "crop", "rows": [3, 6], "columns": [3, 12]}))
    np.testing.assert_array_equal(in_two.array, noise().array[:, 3:6, 3:12])


@pytest.mark.parametrize("named", [{"slices": [1, 2]}, {"rows": [0, 4], "columns": [5, 14]}, {"columns": [13, 20]}])
def test_a_crop_says_which_part_it_lost_and_where_the_rest_lay(named):
    source = noise(quantity=Quantity.HOUNSFIELD)
    after, trace = apply_steps(build_steps([{"step": "crop", **named}]), source)
    assert trace.steps[0].parameters["drawn"]["cut_fraction"] == pytest.approx(1 - after.array.size / source.array.size)
    back = invert_trace(trace, after)
    kept = back.array != -1000
    assert kept.sum() == after.array.size
    np.testing.assert_array_equal(back.array[kept], source.array[kept])
    assert back.geometry == source.geometry


def test_a_square_is_the_pad_of_that_side_and_the_crop_takes_it_off():
    for shape in ((1, 5, 8), (2, 9, 4), (1, 1, 6)):
        source, side = noise(shape), max(shape[1:])
        square = done(source, {"step": "pad-square", "value": -3.0})
        same(square, done(source, {"step": "pad", "rows": side, "columns": side, "value": -3.0}))
        r, c = (side - shape[1]) // 2, (side - shape[2]) // 2
        cut = {"step": "crop", "rows": [r, r + shape[1]], "columns": [c, c + shape[2]]}
        same(done(square, cut), source)


@pytest.mark.parametrize(("dtype", "value"), [(np.uint8, -1.0), (np.uint8, 256.0), (np.int16, 0.5), (np.bool_, 2.0)])
def test_a_square_is_not_filled_with_what_its_samples_cannot_hold(dtype, value):
    long = volume_of(np.ones((1, 3, 5), dtype))
    with pytest.raises(PrepareError, match="E441"):
        done(long, {"step": "pad-square", "value": value})
    square = volume_of(np.ones((1, 4, 4), dtype))  # which is not filled at all
    same(done(square, {"step": "pad-square", "value": value}), square)


@pytest.mark.parametrize("method", ["linear", "cubic", "nearest"])
@pytest.mark.parametrize("start", [(0, 2, 3), (-1, -2, 4), (2, 8, 13), (5, 0, 0)])
def test_a_grid_shifted_by_whole_samples_is_a_block(method, start):
    source = noise(quantity=Quantity.HOUNSFIELD)
    found = resample_to(source, source.geometry.cropped(start, (3, 5, 6)), method)
    wide = np.pad(source.array, 16, constant_values=-1000)
    places = tuple(slice(16 + first, 16 + first + count) for first, count in zip(start, (3, 5, 6), strict=True))
    np.testing.assert_allclose(found.array, wide[places], atol=2e-3)


@pytest.mark.parametrize("method", ["linear", "cubic"])
def test_a_turned_grid_is_read_as_the_turned_samples(method):
    source = noise((4, 6, 5))
    finer = done(source, {"step": "resample", "spacing_mm": 0.7, "method": method}).geometry
    plain = resample_to(source, finer, method).array
    order, is_reversed = (2, 0, 1), (True, False, True)
    expected = np.flip(plain.transpose(order), (0, 2))
    np.testing.assert_allclose(
        resample_to(source, turned(finer, order, is_reversed), method).array, expected, atol=2e-3
    )


@pytest.mark.parametrize(
    "item", [*MIXING, rotate(1), FLIP_ROWS, {"step": "pad-square"}, {"step": "orient", "to": "RAS"}]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.bool_])
def test_labels_keep_their_type_and_make_no_new_ones(item, dtype):
    array = (np.random.default_rng(3).integers(0, 2, (3, 9, 14)) * 7).astype(dtype)
    after = done(volume_of(array, Quantity.LABEL, SPACING), item)
    assert after.array.dtype == dtype
    assert set(np.unique(after.array)) == set(np.unique(array))
    assert after.quantity is Quantity.LABEL
