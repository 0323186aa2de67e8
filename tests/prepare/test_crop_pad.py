"""Cropping and padding: samples stay where they lie in the patient, and come back where none were lost."""

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import PrepareError
from hounsfield.prepare.crop import Crop
from hounsfield.prepare.pad import Pad
from hounsfield.prepare.sequence import apply_steps, invert_trace
from tests.prepare.volumes import to_sitk, volume_of


def noise(shape=(6, 9, 8), dtype=np.int16, quantity=Quantity.HOUNSFIELD):
    return volume_of(np.random.default_rng(0).integers(1, 120, shape).astype(dtype), quantity)


def test_crop_by_index_is_that_of_simpleitk():
    source = noise()
    found, trace = apply_steps([Crop(slices=[1, 5], rows=[2, 9], columns=[0, 3])], source)
    expected = SimpleITK.RegionOfInterest(to_sitk(source), size=(3, 7, 4), index=(0, 2, 1))
    np.testing.assert_array_equal(found.array, SimpleITK.GetArrayFromImage(expected))
    np.testing.assert_allclose(found.geometry.origin_mm, expected.GetOrigin(), atol=1e-9)
    assert found.array.dtype == np.int16
    assert trace.steps[0].parameters["drawn"]["cut_fraction"] == pytest.approx(1 - 84 / 432)


def test_pad_is_that_of_simpleitk():
    source = noise()
    found, _ = apply_steps([Pad(slices=9, rows=9, columns=11, value=-7.0)], source)
    expected = SimpleITK.ConstantPad(to_sitk(source), (1, 0, 1), (2, 0, 2), -7.0)
    np.testing.assert_array_equal(found.array, SimpleITK.GetArrayFromImage(expected))
    np.testing.assert_allclose(found.geometry.origin_mm, expected.GetOrigin(), atol=1e-9)


def test_a_margin_in_millimetres_is_whole_samples_on_every_side():
    found, _ = apply_steps([Pad(margin_mm=1.4)], noise())
    assert found.geometry.shape == (6 + 2, 9 + 4, 8 + 8)
    assert found.array[0].max() == -1000
    assert apply_steps([Pad(margin_mm=1.4)], noise((1, 9, 8)))[0].geometry.shape[0] == 1


def test_a_box_in_millimetres_holds_the_voxels_in_it():
    geometry = VolumeGeometry((5, 7, 9), (2.0, 1.0, 0.5), (10.0, 20.0, 30.0))
    volume = Volume(np.zeros(geometry.shape, np.int16), geometry, Quantity.HOUNSFIELD)
    found, _ = apply_steps([Crop(low_mm=[11.0, 22.0, 36.5], high_mm=[13.2, 25.0, 31.9])], volume)
    points = geometry.to_patient(np.argwhere(np.ones(geometry.shape)))
    inside = points[((points >= [11.0, 22.0, 31.9]) & (points <= [13.2, 25.0, 36.5])).all(axis=1)]
    assert found.array.size == len(inside)
    np.testing.assert_allclose(found.geometry.to_patient([[0, 0, 0]])[0], inside.min(axis=0))
    wider, _ = apply_steps([Crop(low_mm=[11.0, 22.0, 31.9], high_mm=[13.2, 25.0, 36.5], margin_mm=1.0)], volume)
    assert wider.geometry.shape == (5, 6, 9)


def test_an_oblique_box_in_millimetres_loses_none_of_its_voxels():
    volume = noise((12, 40, 44))
    middle = volume.geometry.to_patient([[6, 20, 22]])[0]
    found, _ = apply_steps([Crop(low_mm=(middle - 4).tolist(), high_mm=(middle + 4).tolist())], volume)
    points = volume.geometry.to_patient(np.argwhere(np.ones(volume.geometry.shape)))
    inside = points[(np.abs(points - middle) <= 4).all(axis=1)]
    indices = found.geometry.to_index(inside)
    assert (indices > -1e-6).all()
    assert (indices < np.asarray(found.geometry.shape) - 1 + 1e-6).all()
    assert found.array.size < volume.array.size / 2


def test_the_foreground_is_what_lies_above_a_level():
    array = np.full((8, 20, 20), -1000, np.int16)
    array[2:5, 4:11, 7:9] = 30
    volume = volume_of(array, Quantity.HOUNSFIELD, spacing_mm=(2.0, 1.0, 1.0))
    found, trace = apply_steps([Crop(above=-500.0)], volume)
    assert found.geometry.shape == (3, 7, 2)
    assert (found.array == 30).all()
    wider, _ = apply_steps([Crop(above=-500.0, margin_mm=2.0)], volume)
    assert wider.geometry.shape == (5, 11, 6)
    back = invert_trace(trace, found)
    np.testing.assert_array_equal(back.array, array)
    assert back.geometry == volume.geometry


def test_what_was_cut_off_comes_back_as_background():
    source = noise()
    steps = [Crop(rows=[2, 5])]
    found, trace = apply_steps(steps, source)
    back = invert_trace(trace, found)
    np.testing.assert_array_equal(back.array[:, 2:5], source.array[:, 2:5])
    assert (back.array[:, :2] == -1000).all()
    assert (back.array[:, 5:] == -1000).all()
    heat = found.with_array(np.ones(found.array.shape, np.float32), quantity=Quantity.PROBABILITY)
    assert invert_trace(trace, heat, geometry_only=True).array[:, 0].max() == 0


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(1, 9)] * 3), st.tuples(*[st.integers(1, 14)] * 3), st.floats(0, 3))
def test_padding_is_undone_to_the_bit(shape, reach, margin_mm):
    source = noise(shape)
    for step in (Pad(slices=reach[0], rows=reach[1], columns=reach[2]), Pad(margin_mm=margin_mm, rows=reach[1])):
        found, trace = apply_steps([step], source)
        assert (np.asarray(found.geometry.shape) >= shape).all()
        back = invert_trace(trace, found)
        assert back.array.tobytes() == source.array.tobytes()
        assert back.geometry == source.geometry
        (value,) = found.geometry.to_patient([[0, 0, 0]]) - source.geometry.to_patient(
            [trace.steps[0].parameters["drawn"]["start"]]
        )
        np.testing.assert_allclose(value, 0, atol=1e-9)


def test_slices_keep_their_sources_where_they_have_one():
    instances = tuple(InstanceRef(f"1.2.{n}", "1.2", None, "application/dicom", "") for n in range(6))
    stack = noise().with_array(noise().array, instances=instances, slice_axis=SliceAxis.SPACE)
    found, trace = apply_steps([Crop(slices=[2, 4])], stack)
    assert [found.source_of(index)[0] for index in range(2)] == list(instances[2:4])
    back = invert_trace(trace, found)
    assert [back.source_of(index) for index in range(6)] == [None] * 6
    single, _ = apply_steps([Crop(slices=[5, 6])], stack)
    assert single.slice_axis is SliceAxis.SINGLE
    assert single.source_of(0) == (instances[5], 0)
    padded, _ = apply_steps([Crop(slices=[0, 5]), Pad(slices=6)], stack)
    assert [padded.source_of(index) for index in range(6)] == [None] * 6


def test_frames_of_one_object_stay_named():
    one = InstanceRef("1.2", "1", None, "application/dicom", "", number_of_frames=6)
    stack = noise().with_array(noise().array, instances=(one,), slice_axis=SliceAxis.SPACE)
    found, _ = apply_steps([Crop(slices=[2, 5]), Pad(slices=5)], stack)
    assert [found.source_of(index)[1] for index in range(5)] == [2, 2, 3, 4, 4]


def test_times_of_a_cine_follow_its_frames():
    cine = noise().with_array(noise().array, slice_axis=SliceAxis.TIME, frame_times_seconds=(0, 1, 2, 3, 4, 5))
    found, _ = apply_steps([Crop(slices=[2, 4], rows=[0, 3])], cine)
    assert found.frame_times_seconds == (2, 3)
    assert found.slice_axis is SliceAxis.TIME
    assert apply_steps([Pad(margin_mm=3.0)], cine)[0].geometry.shape[0] == 6
    with pytest.raises(PrepareError, match="E440"):
        apply_steps([Pad(slices=9)], cine)


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (Crop(rows=[5, 5]), "E442"),
        (Crop(rows=[50, 60]), "E442"),
        (Crop(above=1e6), "E442"),
        (Crop(low_mm=[900.0, 900.0, 900.0], high_mm=[901.0, 901.0, 901.0]), "E442"),
        (Pad(rows=12, value=1e6), "E441"),
        (Pad(rows=12, value=0.5), "E441"),
        (Pad(slices=4096, rows=4096, columns=4096), "E407"),
    ],
    ids=repr,
)
def test_what_cannot_be_done_is_refused(step, code):
    with pytest.raises(PrepareError) as caught:
        apply_steps([step], noise())
    assert caught.value.code == code


def test_settings_that_name_nothing_are_refused():
    for make in (Crop, Pad, lambda: Crop(low_mm=[0.0, 0.0, 0.0]), lambda: Crop(rows=[-1, 3])):
        with pytest.raises(ValidationError):
            make()


def test_another_volume_is_not_cut_by_a_record():
    drawn = Crop(rows=[0, 4]).draw(noise(), np.random.default_rng(0))
    with pytest.raises(PrepareError, match="E406"):
        Crop(rows=[0, 4]).apply(noise((5, 9, 8)), drawn)
    with pytest.raises(PrepareError, match="E404"):
        Crop(rows=[0, 4]).invert(noise(), drawn)
