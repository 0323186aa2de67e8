"""Blocks of an array and turned grids: what numpy's own indexing and padding give."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.errors import PrepareError
from hounsfield.prepare.block import cut_samples, require_holds
from hounsfield.prepare.grid import flipped, transposed, turned
from tests.prepare.volumes import OBLIQUE

STARTS = st.tuples(*[st.integers(-9, 9)] * 3)
SHAPES = st.tuples(*[st.integers(1, 9)] * 3)
GRID = VolumeGeometry((4, 5, 6), (3.0, 0.7, 0.5), (-11.0, 23.0, 5.0), OBLIQUE)


@settings(max_examples=200, deadline=None)
@given(STARTS, SHAPES, SHAPES, st.booleans())
def test_a_block_is_that_of_a_padded_array(start, shape, size, is_colour):
    """Also where block and array do not meet at all: then it is all background."""
    array = np.random.default_rng(0).integers(1, 99, (3, *size) if is_colour else size).astype(np.int16)
    wide = np.pad(array, [(0, 0)] * is_colour + [(20, 20)] * 3, constant_values=-5)
    places = [slice(20 + first, 20 + first + count) for first, count in zip(start, shape, strict=True)]
    found = cut_samples(array, start, shape, -5)
    np.testing.assert_array_equal(found, wide[(..., *places)])
    assert found.dtype == np.int16
    assert found.flags.c_contiguous


def test_a_block_shares_no_memory_it_could_spoil():
    array = np.zeros((4, 4, 4), np.float32)
    cut_samples(array, (0, 1, 0), (4, 2, 4), 0)[:] = 7
    cut_samples(array, (-1, 0, 0), (6, 4, 4), 0)[:] = 7
    assert not array.any()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
@pytest.mark.parametrize("signs", list(itertools.product((False, True), repeat=3)), ids=str)
def test_a_turned_grid_has_the_same_voxels(order, signs):
    """Each index of the turned grid is the patient point of the index that numpy's transpose and flip bring there."""
    found = turned(GRID, order, signs)
    indices = np.stack(np.meshgrid(*map(np.arange, GRID.shape), indexing="ij"), axis=-1)
    moved = np.flip(indices.transpose(*order, 3), [axis for axis in range(3) if signs[axis]])
    assert found.shape == moved.shape[:3]
    here = found.to_patient(np.argwhere(np.ones(found.shape, dtype=bool)))
    np.testing.assert_allclose(here, GRID.to_patient(moved.reshape(-1, 3)), atol=1e-9)


def test_flipping_and_exchanging_are_turns():
    assert flipped(GRID, 1) == turned(GRID, (0, 1, 2), (False, True, False))
    assert transposed(GRID).shape == (4, 6, 5)
    assert transposed(transposed(GRID)) == GRID


@pytest.mark.parametrize(
    ("dtype", "value", "is_held"),
    [
        ("int16", -1000, True),
        ("int16", -40000, False),
        ("uint8", -1, False),
        ("uint8", 255.0, True),
        ("uint16", 0.5, False),
        ("bool", 1, True),
        ("bool", 2, False),
        ("float32", 0.5, True),
        ("float16", -1000, True),
    ],
)
def test_a_value_is_held_or_refused(dtype, value, is_held):
    array = np.zeros(3, dtype)
    if is_held:
        require_holds(array, value, "pad")
        assert np.full(3, value, dtype)[0] == value
    else:
        with pytest.raises(PrepareError, match="E441"):
            require_holds(array, value, "pad")


def test_around_a_body_there_is_air():
    assert {quantity: quantity.background for quantity in Quantity if quantity.background} == {
        Quantity.HOUNSFIELD: -1000.0
    }
