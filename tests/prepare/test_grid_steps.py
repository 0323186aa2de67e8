"""Steps that move samples: grid and samples together, against SimpleITK through patient space."""

import numpy as np
import pytest

from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef
from hounsfield.core.volume import SliceAxis
from hounsfield.errors import PrepareError
from hounsfield.prepare.foreground import CropForeground
from hounsfield.prepare.grid import grid_record, one_slice, recorded_grid
from hounsfield.prepare.resize import Resize
from hounsfield.prepare.square import CentreCropSquare, PadSquare
from hounsfield.prepare.turn import Flip, Rotate90
from tests.prepare.volumes import resampled_by_sitk, smooth, volume_of

CHANCE = np.random.default_rng(0)


def done(step, volume):
    drawn = step.draw(volume, CHANCE)
    return step.apply(volume, drawn), drawn


EXACT = [
    CentreCropSquare(),
    PadSquare(),
    Flip(axis="rows"),
    Flip(axis="columns"),
    Flip(axis="rows", probability=0.0),
    *(Rotate90(turns=turns) for turns in range(4)),
]


@pytest.mark.parametrize("step", EXACT, ids=repr)
def test_samples_lie_where_the_grid_says(step):
    """Resampling the source at the places of the new grid gives the new samples: samples and grid moved together."""
    volume = smooth()
    after, _ = done(step, volume)
    np.testing.assert_allclose(after.array, resampled_by_sitk(volume, after.geometry, nearest=True), atol=1e-6)


@pytest.mark.parametrize("step", [*EXACT, CropForeground(), Resize(rows=64, columns=20)], ids=repr)
def test_going_back_gives_the_source_grid_to_the_bit(step):
    volume = smooth()
    after, drawn = done(step, volume)
    back = step.invert(after, drawn)
    assert back.geometry == volume.geometry
    assert back.array.shape == volume.array.shape


@pytest.mark.parametrize("step", [PadSquare(value=7.0), Flip(axis="rows"), Flip(axis="columns"), Rotate90(turns=3)])
def test_going_back_gives_the_samples_where_none_were_lost(step):
    volume = smooth()
    after, drawn = done(step, volume)
    np.testing.assert_array_equal(step.invert(after, drawn).array, volume.array)


@pytest.mark.parametrize(("rows", "columns"), [(82, 60), (100, 77), (41, 90)])
def test_enlarging_lies_where_the_grid_says(rows, columns):
    volume = smooth()
    after, _ = done(Resize(rows=rows, columns=columns), volume)
    np.testing.assert_allclose(after.array, resampled_by_sitk(volume, after.geometry), atol=1e-5)


def test_shrinking_keeps_the_centre_of_mass_in_the_patient():
    rows, columns = np.mgrid[:200, :160]
    blob = np.exp(-((rows - 71.3) ** 2 + (columns - 102.9) ** 2) / 200)
    volume = volume_of(blob[None].astype(np.float32))

    def centre_mm(found):
        indices = np.stack(np.meshgrid(*map(np.arange, found.array.shape), indexing="ij"), axis=-1).reshape(-1, 3)
        weights = found.array.reshape(-1).astype(np.float64)
        return (found.geometry.to_patient(indices) * weights[:, None]).sum(axis=0) / weights.sum()

    after, _ = done(Resize(rows=33, columns=28), volume)
    np.testing.assert_allclose(centre_mm(after), centre_mm(volume), atol=0.02)


def test_resizing_keeps_the_outer_faces():
    volume = smooth(rows=50, columns=40)
    after, _ = done(Resize(rows=20, columns=64), volume)
    for corner in ([-0.5, -0.5, -0.5], [0.5, 1, 1]):
        here = [volume.geometry.shape[axis] * (corner[axis] > 0) - 0.5 for axis in (1, 2)]
        there = [after.geometry.shape[axis] * (corner[axis] > 0) - 0.5 for axis in (1, 2)]
        np.testing.assert_allclose(
            volume.geometry.to_patient([[0, *here]]), after.geometry.to_patient([[0, *there]]), atol=1e-9
        )


def test_labels_are_not_mixed_by_resizing():
    labels = np.zeros((1, 30, 30), dtype=np.uint8)
    labels[:, 10:20, 5:25] = 3
    after, _ = done(Resize(rows=45, columns=17), volume_of(labels, Quantity.LABEL))
    assert set(np.unique(after.array)) == {0, 3}
    assert after.array.dtype == np.uint8


def test_squares_are_square_and_centred():
    volume = smooth(rows=41, columns=30)
    assert done(CentreCropSquare(), volume)[0].geometry.shape == (2, 30, 30)
    padded, _ = done(PadSquare(value=-5.0), volume)
    assert padded.geometry.shape == (2, 41, 41)
    np.testing.assert_array_equal(padded.array[:, :, 5:35], volume.array)
    assert (padded.array[:, :, :5] == -5).all()
    assert (padded.array[:, :, 35:] == -5).all()


def test_a_square_of_a_thread_is_refused_before_memory_is_taken():
    thread = volume_of(np.zeros((1, 1, 60_000), np.float32))
    with pytest.raises(PrepareError) as caught:
        PadSquare().draw(thread, CHANCE)
    assert caught.value.code == "E407"


def test_colour_moves_with_its_channels():
    chance = np.random.default_rng(3)
    colour = volume_of(chance.random((3, 2, 20, 31)).astype(np.float32))
    for step in [*EXACT, Resize(rows=10, columns=12)]:
        after, _ = done(step, colour)
        for channel in range(3):
            grey = colour.with_array(colour.array[channel])
            np.testing.assert_array_equal(after.array[channel], done(step, grey)[0].array)


def test_a_quarter_turn_is_against_the_clock():
    image = volume_of(np.array([[[1.0, 2.0], [3.0, 4.0]]], dtype=np.float32))
    np.testing.assert_array_equal(done(Rotate90(turns=1), image)[0].array[0], [[2, 4], [1, 3]])
    turned = done(Rotate90(turns=1), smooth(rows=41, columns=30))[0]
    assert turned.geometry.row_spacing_mm == 0.4
    assert turned.geometry.column_spacing_mm == 0.7


def test_a_flip_by_chance_is_drawn_once_and_recorded():
    step, volume = Flip(axis="columns", probability=0.5), smooth()
    drawn = [step.draw(volume, np.random.default_rng(seed))["is_flipped"] for seed in range(200)]
    assert 70 < sum(drawn) < 130
    assert drawn == [step.draw(volume, np.random.default_rng(seed))["is_flipped"] for seed in range(200)]


@pytest.mark.parametrize("step", [CentreCropSquare(), PadSquare(), CropForeground(), Resize(rows=9, columns=8)])
def test_a_volume_of_another_size_is_refused_when_going_back(step):
    _, drawn = done(step, smooth())
    with pytest.raises(PrepareError) as caught:
        step.invert(smooth(rows=33, columns=35), drawn)
    assert caught.value.code == "E404"


def test_a_grid_is_recorded_to_the_bit():
    geometry = smooth().geometry
    assert recorded_grid(grid_record(geometry)) == geometry


def test_one_slice_of_a_stack_keeps_its_place_and_source():
    instances = tuple(InstanceRef(f"1.2.{n}", "1.2", None, "application/dicom", "0" * 64) for n in range(3))
    stack = smooth(slices=3).with_array(smooth(slices=3).array, instances=instances, slice_axis=SliceAxis.SPACE)
    single = one_slice(stack, 2)
    assert single.geometry.shape == (1, 41, 30)
    assert single.slice_axis is SliceAxis.SINGLE
    np.testing.assert_array_equal(single.array[0], stack.array[2])
    np.testing.assert_allclose(single.geometry.to_patient([[0, 5, 7]]), stack.geometry.to_patient([[2, 5, 7]]))
    assert single.source_of(0) == stack.source_of(2)


def test_one_slice_of_a_multiframe_object_keeps_its_frame():
    instance = InstanceRef("1.2.9", "1.2", None, "application/dicom", "0" * 64, number_of_frames=3)
    stack = smooth(slices=3).with_array(smooth(slices=3).array, instances=(instance,))
    assert one_slice(stack, 1).source_of(0) == (instance, 1)
