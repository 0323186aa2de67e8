"""Resampling onto another grid: what SimpleITK and scipy read there, for grids turned in any way."""

import numpy as np
import pytest
import SimpleITK
from pydantic import ValidationError
from scipy import ndimage

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import PrepareError
from hounsfield.image.phantoms import Pose, pose_geometry
from hounsfield.prepare.grid import grid_record
from hounsfield.prepare.orient import Orient
from hounsfield.prepare.resample_to import ResampleTo, resample_to
from hounsfield.prepare.sequence import apply_steps, invert_trace
from tests.prepare.volumes import to_sitk

SOURCE = VolumeGeometry((14, 30, 26), (2.5, 0.8, 0.6), (-8.0, -12.0, -16.0))
TARGETS = {
    "oblique": pose_geometry((20, 24, 28), (1.1, 1.3, 0.7), Pose("coronal", (12.0, -20.0, 31.0), (0.5, -0.7, 1.2))),
    "parallel": VolumeGeometry((9, 40, 31), (3.1, 0.5, 0.7), (-9.3, -11.1, -15.2)),
    "sagittal": pose_geometry((16, 16, 16), (1.0, 1.0, 1.0), Pose("sagittal")),
    "one slice": pose_geometry((1, 32, 32), (1.0, 0.9, 0.9), Pose("axial", (40.0, 0.0, 0.0))),
}
SITK = {
    "linear": SimpleITK.sitkLinear,
    "cubic": SimpleITK.sitkBSpline3,
    "nearest": SimpleITK.sitkNearestNeighbor,
}


def noise(dtype=np.int16):
    smooth = ndimage.gaussian_filter(np.random.default_rng(1).normal(0, 1, SOURCE.shape), 1.2)
    return Volume((smooth / np.abs(smooth).max() * 100).astype(dtype), SOURCE, Quantity.ARBITRARY)


def by_simpleitk(volume, target, interpolator, default=0.0):
    grid = to_sitk(Volume(np.zeros(target.shape, np.float32), target, volume.quantity))
    found = SimpleITK.Resample(to_sitk(volume), grid, SimpleITK.Transform(), interpolator, default)
    return SimpleITK.GetArrayFromImage(found)


def places(volume, target):
    points = target.to_patient(np.argwhere(np.ones(target.shape, dtype=bool)))
    return volume.geometry.to_index(points)


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32, np.float64, np.int32])
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_linear_is_that_of_simpleitk(target, dtype):
    volume = noise().with_array(np.abs(noise().array).astype(dtype))
    found = resample_to(volume, target, outside=-3.0)
    expected = by_simpleitk(volume, target, SimpleITK.sitkLinear, -3.0)
    assert found.array.dtype == np.float32
    assert found.geometry == target
    assert (expected != -3.0).mean() > 0.02
    assert (expected == -3.0).any()
    np.testing.assert_allclose(found.array, expected, atol=1e-3)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_cubic_is_the_spline_of_simpleitk_and_scipy(target):
    volume = noise(np.float32)
    found = resample_to(volume, target, "cubic", outside=0.0)
    at = places(volume, target)
    inside = ((at >= 0) & (at <= np.asarray(SOURCE.shape) - 1)).all(axis=1).reshape(target.shape)
    assert inside.any()
    expected = by_simpleitk(volume, target, SimpleITK.sitkBSpline3)
    np.testing.assert_allclose(found.array[inside], expected[inside], atol=2e-3)
    by_scipy = ndimage.map_coordinates(volume.array.astype(np.float64), at.T, order=3, mode="mirror")
    np.testing.assert_allclose(found.array[inside], by_scipy.reshape(target.shape)[inside], atol=2e-3)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_labels_are_taken_from_the_nearest_sample(target):
    labels = noise().with_array((noise().array > 10).astype(np.uint8) * 7, quantity=Quantity.LABEL)
    found = resample_to(labels, target, "cubic")
    assert found.array.dtype == np.uint8
    assert set(np.unique(found.array)) <= {0, 7}
    # Places within rounding of the middle between two samples may go either way.
    at = places(labels, target)
    clear = (np.abs(np.abs(at - np.floor(at)) - 0.5) > 1e-6).all(axis=1).reshape(target.shape)
    expected = by_simpleitk(labels, target, SimpleITK.sitkNearestNeighbor)
    assert clear.mean() > 0.5
    np.testing.assert_array_equal(found.array[clear], expected[clear])


@pytest.mark.parametrize("method", ["linear", "cubic", "nearest"])
def test_the_own_grid_in_another_order_gives_the_samples(method):
    volume = noise(np.float32)
    for name in ("RAS", "coronal", "SAR"):
        turned, _ = apply_steps([Orient(to=name)], volume)
        np.testing.assert_allclose(resample_to(volume, turned.geometry, method).array, turned.array, atol=1e-3)


def test_a_ramp_in_the_patient_stays_a_ramp():
    points = SOURCE.to_patient(np.argwhere(np.ones(SOURCE.shape, dtype=bool)))
    weights = np.array([0.5, -2.0, 3.0])
    volume = Volume((points @ weights).reshape(SOURCE.shape), SOURCE, Quantity.ARBITRARY)
    target = TARGETS["oblique"]
    found = resample_to(volume, target, outside=np.nan).array
    at = places(volume, target)
    inside = ((at >= 0) & (at <= np.asarray(SOURCE.shape) - 1)).all(axis=1)
    expected = target.to_patient(np.argwhere(np.ones(target.shape, dtype=bool))) @ weights
    np.testing.assert_allclose(found.reshape(-1)[inside], expected[inside], atol=1e-3)
    assert np.isnan(found).any()


def test_outside_is_air_for_hounsfield_units():
    volume = noise().with_array(noise().array, quantity=Quantity.HOUNSFIELD)
    assert resample_to(volume, TARGETS["oblique"]).array.min() == -1000
    assert resample_to(noise(), TARGETS["oblique"], outside=-7.5).array.min() <= -7.5


def test_the_step_goes_there_and_back_and_says_so():
    volume = noise(np.float32)
    fine = pose_geometry((40, 60, 60), (0.9, 0.5, 0.4), Pose("axial", (5.0, 5.0, 5.0), (-0.5, -0.8, 0.2)))
    found, trace = apply_steps([ResampleTo(grid=grid_record(fine), method="cubic")], volume)
    back = invert_trace(trace, found)
    assert back.geometry == volume.geometry
    core = (slice(5, 9), slice(10, 20), slice(9, 17))
    assert np.abs(back.array - volume.array)[core].max() < 0.1 * np.abs(volume.array).max()
    with pytest.raises(PrepareError, match="E445"):
        invert_trace(trace, volume)


def test_colour_is_read_channel_by_channel():
    grey = noise(np.uint8)
    colour = grey.with_array(np.stack([grey.array, grey.array // 2, grey.array * 0]))
    found = resample_to(colour, TARGETS["oblique"])
    np.testing.assert_array_equal(found.array[0], resample_to(grey, TARGETS["oblique"]).array)


def test_slices_on_another_grid_name_no_single_source():
    instances = tuple(InstanceRef(f"1.2.{n}", "1.2", None, "application/dicom", "") for n in range(14))
    volume = noise().with_array(noise().array, instances=instances, slice_axis=SliceAxis.SPACE)
    shifted = VolumeGeometry((14, 30, 26), (2.5, 0.8, 0.6), (-8.0, -12.0, -14.9))
    found = resample_to(volume, shifted)
    assert [found.source_of(index) for index in range(14)] == [None] * 14
    assert set(found.instances) == set(instances)


def test_what_is_refused():
    volume = noise()
    cine = volume.with_array(volume.array, slice_axis=SliceAxis.TIME)
    with pytest.raises(PrepareError, match="E440"):
        resample_to(cine, SOURCE)
    with pytest.raises(PrepareError, match="E407"):
        resample_to(volume, VolumeGeometry((4096, 4096, 4096)))
    with pytest.raises(PrepareError, match="E441"):
        resample_to(volume, SOURCE, "nearest", outside=0.5)
    placed = Volume(volume.array, VolumeGeometry(SOURCE.shape, frame_of_reference_uid="1.2"), volume.quantity)
    with pytest.raises(PrepareError, match="E443"):
        resample_to(placed, VolumeGeometry((2, 2, 2), frame_of_reference_uid="1.3"))
    for grid in ({}, {"shape": [1, 2, 3]}, {**grid_record(SOURCE), "spacing_mm": [0, 1, 1]}):
        with pytest.raises(ValidationError):
            ResampleTo(grid=grid)
