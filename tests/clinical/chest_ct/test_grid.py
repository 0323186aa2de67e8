"""Grids: block means against numpy and scikit-image, trilinear samples against planes, masks against indexing."""

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator
from skimage.measure import block_reduce

from hounsfield.clinical.chest_ct.grid import AIR_HU, DENSEST_HU, around, block_means, read_at
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume

SHAPE = (14, 18, 22)


def random_hu(shape=SHAPE, dtype=np.int16):
    return np.random.default_rng(1).integers(-1000, 1500, shape).astype(dtype)


def of(array, spacing=(1.0, 1.0, 1.0)) -> Volume:
    return Volume(array, VolumeGeometry(array.shape, spacing), Quantity.HOUNSFIELD)


@pytest.mark.parametrize("factors", [(1, 1, 1), (2, 2, 2), (1, 3, 2), (7, 1, 11), (14, 18, 22)])
@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32])
def test_block_means_are_those_of_scikit_image(factors, dtype) -> None:
    array = random_hu(dtype=dtype)
    whole = tuple(n // f * f for n, f in zip(SHAPE, factors, strict=True))
    truth = block_reduce(array[: whole[0], : whole[1], : whole[2]].astype(np.float64), factors, np.mean)
    means = block_means(array, factors)
    assert means.dtype == np.float32
    assert means.shape == truth.shape
    assert means == pytest.approx(truth, abs=1e-3)


@pytest.mark.parametrize("factors", [(2, 2, 2), (3, 4, 5), (1, 2, 3)])
def test_the_mean_of_a_plane_is_its_value_in_the_middle_of_the_block(factors) -> None:
    z, y, x = np.meshgrid(*map(np.arange, SHAPE), indexing="ij")
    plane = (7 * z - 3 * y + 2 * x).astype(np.float32)
    means = block_means(plane, factors)
    middles = [np.arange(n) * f + (f - 1) / 2 for n, f in zip(means.shape, factors, strict=True)]
    z, y, x = np.meshgrid(*middles, indexing="ij")
    assert means == pytest.approx(7 * z - 3 * y + 2 * x, abs=1e-3)


def test_voxels_beyond_the_last_whole_block_are_left_out() -> None:
    array = np.zeros((5, 7, 8), np.int16)
    array[4], array[:, 6], array[:, :, 6:] = 999, 999, 999
    means = block_means(array, (2, 3, 3))
    assert means.shape == (2, 2, 2)
    assert not means.any()


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ((-3024, -3024), AIR_HU),
        ((-3024, 0), AIR_HU / 2),
        ((-1024, -1000), -1012),
        ((32767, 0), DENSEST_HU / 2),
        ((3071, 3071), DENSEST_HU),
        ((-32768, 32767), (AIR_HU + DENSEST_HU) / 2),
    ],
)
def test_padding_and_metal_are_held_within_the_scale(values, mean) -> None:
    array = np.array(values, np.int16).reshape(1, 1, 2)
    assert block_means(array, (1, 1, 2)) == pytest.approx(np.full((1, 1, 1), mean))


def test_block_means_leave_the_array_as_it_was() -> None:
    array = np.full((2, 2, 2), -3000, np.int16)
    block_means(array, (2, 2, 2))
    assert (array == -3000).all()


# samples around a place


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.7, 0.7), (0.6, 1.0, 0.8)])
@pytest.mark.parametrize("centre", [(6.0, 8.0, 11.0), (6.3, 8.75, 10.2)])
@pytest.mark.parametrize(("reach", "step"), [(2.0, 1.0), (1.5, 0.5), (1.0, 0.3)])
def test_a_plane_is_read_exactly(spacing, centre, reach, step) -> None:
    z, y, x = np.meshgrid(*map(np.arange, SHAPE), indexing="ij")
    cube, lines = around(of((9 * z - 4 * y + 5 * x).astype(np.int16), spacing), centre, reach, step)
    count = int(np.ceil(reach / step))
    assert cube.shape == (2 * count + 1,) * 3
    assert lines.shape == (3, 2 * count + 1)
    assert lines[:, count] == pytest.approx(centre)
    for line, size in zip(lines, spacing, strict=True):
        assert np.diff(line) * size == pytest.approx(step)
    z, y, x = np.meshgrid(*lines, indexing="ij")
    assert cube == pytest.approx(9 * z - 4 * y + 5 * x, abs=2e-3)


@pytest.mark.parametrize("centre", [(6.4, 8.1, 10.9), (3.0, 14.5, 4.25)])
def test_samples_are_those_of_another_trilinear_reader(centre) -> None:
    array = random_hu()
    cube, lines = around(of(array, (2.0, 1.0, 1.0)), centre, 2.0, 0.4)
    reader = RegularGridInterpolator(tuple(map(np.arange, SHAPE)), array.astype(np.float64))
    places = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)
    assert cube == pytest.approx(reader(places), abs=0.05)


@pytest.mark.parametrize("centre", [(0, 0, 0), (13, 17, 21), (0, 9, 21), (6, -1, 22), (-1, 8, 10)])
def test_beyond_the_edge_the_edge_goes_on(centre) -> None:
    array = random_hu()
    cube, lines = around(of(array), centre, 3.0, 1.0)
    wide = np.pad(array, 8, mode="edge")
    truth = wide[np.ix_(*(np.rint(line).astype(int) + 8 for line in lines))]
    assert cube == pytest.approx(truth, abs=0.05)


def test_samples_are_held_within_the_scale() -> None:
    array = np.full((5, 5, 5), -3024, np.int16)
    array[:, :, 3:] = 20000
    cube, _ = around(of(array), (2, 2, 2), 1.0, 1.0)
    assert (cube[:, :, :2] == AIR_HU).all()
    assert (cube[:, :, 2] == DENSEST_HU).all()


# masks


def test_a_mask_is_read_at_the_nearest_voxels() -> None:
    mask = np.random.default_rng(2).random(SHAPE) < 0.4
    lines = np.array([[1.4, 2.6, 3.0], [0.2, 7.4, 16.9], [4.51, 4.49, 20.0]])
    truth = mask[np.ix_([1, 3, 3], [0, 7, 17], [5, 4, 20])]
    read = read_at(mask, lines)
    assert read.dtype == bool
    assert (read == truth).all()


def test_a_mask_beyond_the_edge_is_that_of_the_edge() -> None:
    mask = np.random.default_rng(4).random(SHAPE) < 0.4
    lines = np.array([[-5.0, 99.0], [-0.6, 17.6], [-1.0, 21.6]])
    assert (read_at(mask, lines) == mask[np.ix_([0, 13], [0, 17], [0, 21])]).all()


def test_labels_are_read_as_flags() -> None:
    labels = np.zeros((3, 3, 3), np.int32)
    labels[1, 1, 1] = 7
    read = read_at(labels, np.tile(np.arange(3.0), (3, 1)))
    assert read.dtype == bool
    assert np.argwhere(read).tolist() == [[1, 1, 1]]


def test_lines_of_a_cube_read_the_mask_where_the_cube_was_read() -> None:
    array = random_hu()
    cube, lines = around(of(array), (7, 9, 11), 3.0, 1.0)
    assert (read_at(array > 300, lines) == (cube > 300)).all()
