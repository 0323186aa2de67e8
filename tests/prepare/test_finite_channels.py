"""Work channel by channel, beside samples without a value."""

import numpy as np
import pytest

from hounsfield.core.quantities import Quantity
from hounsfield.errors import PrepareError
from hounsfield.prepare.channels import each_channel, finite
from tests.prepare.volumes import volume_of


def holed(shape=(2, 5, 6)):
    array = np.random.default_rng(1).normal(100, 10, shape).astype(np.float32)
    array[0, 1, 2], array[1, 3, 3], array[0, 4, 4] = np.nan, np.inf, -np.inf
    return array


def test_what_is_not_finite_takes_the_lowest_value():
    array = holed()
    filled = finite(array)
    assert np.isfinite(filled).all()
    assert filled[0, 1, 2] == filled[1, 3, 3] == filled[0, 4, 4] == array[np.isfinite(array)].min()
    assert np.array_equal(filled[np.isfinite(array)], array[np.isfinite(array)])
    assert not finite(np.full((1, 2, 2), np.nan)).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float64])
def test_whole_samples_become_float32(dtype):
    array = np.arange(12).reshape(1, 3, 4).astype(dtype)
    assert finite(array).dtype == np.float32
    assert np.array_equal(finite(array), array)


def test_the_work_sees_filled_samples_and_holes_stay_holes():
    volume = volume_of(holed(), Quantity.HOUNSFIELD)
    seen = []

    def doubled(array):
        seen.append(array)
        return array * 2

    after = each_channel(volume, doubled)
    assert np.isfinite(seen[0]).all()
    is_finite = np.isfinite(volume.array)
    assert np.array_equal(after.array[is_finite], 2 * volume.array[is_finite])
    np.testing.assert_array_equal(after.array[~is_finite], volume.array[~is_finite])
    assert after.quantity is Quantity.HOUNSFIELD


def test_each_colour_is_worked_on_alone():
    colour = volume_of(np.stack([holed() * factor for factor in (1, 2, 3)]))
    after = each_channel(colour, lambda array: array + array.mean())
    for channel in range(3):
        one = each_channel(volume_of(colour.array[channel]), lambda array: array + array.mean())
        np.testing.assert_array_equal(after.array[channel], one.array)


def test_nothing_finite_is_refused():
    with pytest.raises(PrepareError, match="E405"):
        each_channel(volume_of(np.full((1, 3, 3), np.nan)), lambda array: array)
