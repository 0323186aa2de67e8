"""Channels stacked for a network, and labels to its grid and back."""

import numpy as np
import pytest

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import PrepareError
from hounsfield.prepare.network_input import labels_to_network, labels_to_source, prepare_channels
from hounsfield.prepare.sequence import build_steps

GRID = VolumeGeometry((3, 8, 10), (4.0, 1.0, 1.0))


def volume(value: float, channels: int = 0) -> Volume:
    shape = (channels, *GRID.shape) if channels else GRID.shape
    ramp = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / np.prod(shape)
    return Volume((ramp + value).astype(np.float32), GRID, Quantity.ARBITRARY)


def test_channels_are_stacked_in_order_and_a_missing_one_is_zero() -> None:
    found = prepare_channels((volume(1), None, volume(5)), (), 3)
    assert found.images.shape == (3, *GRID.shape)
    assert found.images.dtype == np.float32
    assert found.images[0, 0, 0, 0] == 1
    assert not found.images[1].any()
    assert found.images[2, 0, 0, 0] == 5


def test_colour_and_grey_become_what_the_network_takes() -> None:
    grey, colour = volume(1), volume(0, channels=4)
    repeated = prepare_channels((grey,), (), 3).images
    assert np.array_equal(repeated[0], repeated[2])
    assert np.array_equal(prepare_channels((colour,), (), 3).images, colour.array[:3])
    luma = prepare_channels((colour,), (), 1).images[0]
    expected = np.tensordot([0.299, 0.587, 0.114], colour.array[:3].astype(np.float64), 1)
    np.testing.assert_allclose(luma, expected, atol=2e-3)


@pytest.mark.parametrize("volumes", [(), (None,), (volume(0), volume(1))])
def test_other_channels_than_the_networks_are_refused(volumes: tuple[Volume | None, ...]) -> None:
    with pytest.raises(PrepareError) as caught:
        prepare_channels(volumes, (), 1)
    assert caught.value.code == "E408"


def test_labels_go_to_a_finer_grid_and_come_back_whole() -> None:
    steps = build_steps([{"step": "resample", "row_mm": 0.5, "column_mm": 0.5}, {"step": "z-score"}])
    given = prepare_channels((volume(0),), steps, 1)
    labels = np.random.default_rng(0).integers(0, 4, GRID.shape).astype(np.uint8)
    there = labels_to_network(steps, labels, GRID)
    assert there.shape == given.images.shape[1:] == (3, 16, 20)
    assert there.dtype == np.uint8
    assert np.array_equal(there[:, ::2, ::2], labels)
    back = labels_to_source(given.trace, there, given.geometry)
    assert np.array_equal(back, labels)
    assert given.source == GRID


def test_samples_that_are_no_number_become_zero() -> None:
    array = np.ones(GRID.shape, dtype=np.float32)
    array[0, 0, 0] = np.nan
    found = prepare_channels((Volume(array, GRID, Quantity.ARBITRARY),), (), 1)
    assert found.images[0, 0, 0, 0] == 0
