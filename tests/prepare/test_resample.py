"""Resampled volumes lie where they lay, and read as SimpleITK and scipy read them."""

import numpy as np
import pytest
import SimpleITK
from pydantic import ValidationError
from scipy import ndimage

from hounsfield.core.geometry import VolumeGeometry, geometry_from_affine
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import PrepareError
from hounsfield.prepare.resample import Resample

GENERATOR = np.random.default_rng(0)


def oblique(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> VolumeGeometry:
    row, column = np.array([0.8, 0.6, 0.0]), np.array([-0.36, 0.48, 0.8])
    affine = np.eye(4)
    affine[:3, :3] = np.stack([np.cross(row, column), column, row], axis=1) * spacing
    affine[:3, 3] = (-20.0, 13.5, 7.25)
    return geometry_from_affine(affine, shape)


def noise(dtype: str = "int16", shape: tuple[int, int, int] = (14, 30, 26)) -> Volume:
    smooth = ndimage.gaussian_filter(np.random.default_rng(1).normal(0, 1, shape), 1.2)
    array = (smooth / np.abs(smooth).max() * 900).astype(dtype)
    return Volume(array, oblique(shape, (2.5, 0.8, 0.6)), Quantity.HOUNSFIELD)


def resampled(volume: Volume, **settings: object) -> Volume:
    step = Resample(**settings)  # type: ignore[arg-type]
    return step.apply(volume, step.draw(volume, GENERATOR))


def by_simpleitk(volume: Volume, target: VolumeGeometry, interpolator: int) -> np.ndarray:
    def directions(geometry: VolumeGeometry) -> list[float]:
        return np.asarray(geometry.direction)[:, ::-1].reshape(-1).tolist()

    image = SimpleITK.GetImageFromArray(volume.array.astype(np.float32))
    image.SetSpacing(volume.geometry.spacing_mm[::-1])
    image.SetOrigin(volume.geometry.origin_mm)
    image.SetDirection(directions(volume.geometry))
    resampler = SimpleITK.ResampleImageFilter()
    resampler.SetSize(target.shape[::-1])
    resampler.SetOutputSpacing(target.spacing_mm[::-1])
    resampler.SetOutputOrigin(target.origin_mm)
    resampler.SetOutputDirection(directions(target))
    resampler.SetInterpolator(interpolator)
    resampler.SetUseNearestNeighborExtrapolator(True)
    return SimpleITK.GetArrayFromImage(resampler.Execute(image))


def inside(volume: Volume, target: VolumeGeometry, margin: float) -> np.ndarray:
    points = target.to_patient(np.argwhere(np.ones(target.shape, dtype=bool)))
    at = volume.geometry.to_index(points)
    last = np.asarray(volume.geometry.shape) - 1
    return ((at >= margin) & (at <= last - margin)).all(axis=1).reshape(target.shape)


@pytest.mark.parametrize("dtype", ["int16", "uint8", "uint16", "float32", "float64", "int32"])
def test_trilinear_is_that_of_simpleitk(dtype: str):
    volume = noise(dtype) if dtype[0] != "u" else noise("int16")
    if dtype[0] == "u":
        volume = volume.with_array(np.abs(volume.array // 4).astype(dtype))
    found = resampled(volume, spacing_mm=1.0)
    assert found.array.dtype == np.float32
    expected = by_simpleitk(volume, found.geometry, SimpleITK.sitkLinear)
    mask = inside(volume, found.geometry, 0.0)
    assert mask.mean() > 0.8
    assert np.abs(found.array - expected)[mask].max() < 1e-3


def test_cubic_is_the_spline_of_simpleitk_and_scipy():
    volume = noise("float32")
    found = resampled(volume, spacing_mm=0.7, method="cubic")
    expected = by_simpleitk(volume, found.geometry, SimpleITK.sitkBSpline3)
    mask = inside(volume, found.geometry, 0.0)
    assert np.abs(found.array - expected)[mask].max() < 0.01
    points = found.geometry.to_patient(np.argwhere(mask))
    by_scipy = ndimage.map_coordinates(
        volume.array.astype(np.float64), volume.geometry.to_index(points).T, order=3, mode="mirror"
    )
    assert np.abs(found.array[mask] - by_scipy).max() < 0.01


@pytest.mark.parametrize("method", ["linear", "cubic"])
def test_a_linear_ramp_stays_exact(method: str):
    geometry = VolumeGeometry((9, 40, 50), (3.0, 0.8, 0.6), (-4.0, 5.0, 6.0))
    points = geometry.to_patient(np.argwhere(np.ones(geometry.shape, dtype=bool)))
    weights = np.array([0.5, -2.0, 3.0])
    volume = Volume((points @ weights).reshape(geometry.shape).astype(np.float32), geometry, Quantity.ARBITRARY)
    found = resampled(volume, spacing_mm=1.0, method=method)
    places = found.geometry.to_patient(np.argwhere(np.ones(found.geometry.shape, dtype=bool)))
    mask = inside(volume, found.geometry, 0.0 if method == "linear" else 3.0)
    error = np.abs(found.array - (places @ weights).reshape(found.geometry.shape))[mask]
    assert error.max() < (1e-3 if method == "linear" else 0.2)


def test_labels_keep_their_values_and_type():
    volume = noise()
    labels = volume.with_array((volume.array > 100).astype(np.uint8) * 7, quantity=Quantity.LABEL)
    found = resampled(labels, spacing_mm=1.1, method="cubic")
    assert found.array.dtype == np.uint8
    assert set(np.unique(found.array)) == {0, 7}
    expected = by_simpleitk(labels, found.geometry, SimpleITK.sitkNearestNeighbor)
    assert (found.array == expected).mean() > 0.999


def test_the_box_stays_where_it_is():
    volume = noise()
    found = resampled(volume, slice_mm=1.0, column_mm=1.2)
    assert found.geometry.spacing_mm == (1.0, 0.8, 1.2)
    assert found.geometry.shape == (35, 30, 13)
    middle = [[(count - 1) / 2 for count in shape] for shape in (volume.geometry.shape, found.geometry.shape)]
    before, after = volume.geometry.to_patient([middle[0]]), found.geometry.to_patient([middle[1]])
    assert np.allclose(before, after)
    assert found.geometry.direction == volume.geometry.direction


def test_the_same_spacing_changes_nothing():
    volume = noise()
    for method in ("linear", "cubic"):
        found = resampled(volume, slice_mm=2.5, row_mm=0.8, column_mm=0.6, method=method)
        assert np.abs(found.array - volume.array).max() < 1e-2


def test_going_back_gives_the_source_grid():
    volume = noise()
    step = Resample(spacing_mm=0.6)
    drawn = step.draw(volume, GENERATOR)
    back = step.invert(step.apply(volume, drawn), drawn)
    assert back.geometry == volume.geometry
    assert np.abs(back.array - volume.array).mean() < 40
    with pytest.raises(PrepareError, match="E404"):
        step.invert(volume, drawn)


def test_smoothing_keeps_the_mean_where_much_is_skipped():
    array = np.zeros((1, 64, 64), np.float32)
    array[:, ::4] = 100
    volume = Volume(array, VolumeGeometry((1, 64, 64)), Quantity.ARBITRARY)
    skipped = resampled(volume, row_mm=4.0, column_mm=4.0).array
    smoothed = resampled(volume, row_mm=4.0, column_mm=4.0, is_smoothed=True).array
    assert abs(smoothed.mean() - 25) < 1
    assert smoothed.std() < 10
    assert smoothed.shape == skipped.shape == (1, 16, 16)


def test_slices_made_of_several_name_no_single_source(tmp_path):
    instances = tuple(InstanceRef(f"1.2.{n}", "1.2", tmp_path, "application/dicom", "") for n in range(14))
    volume = Volume(noise().array, noise().geometry, Quantity.HOUNSFIELD, instances, slice_axis=SliceAxis.SPACE)
    found = resampled(volume, spacing_mm=1.0)
    assert found.instances == instances
    assert found.source_of(3) is None
    one = Volume(noise().array, noise().geometry, Quantity.HOUNSFIELD, instances[:1], slice_axis=SliceAxis.SPACE)
    frames = [source[1] for index in range(35) if (source := resampled(one, slice_mm=1.0).source_of(index))]
    assert frames == sorted(frames)
    assert (frames[0], frames[-1]) == (0, 13)


def test_colour_is_resampled_channel_by_channel():
    volume = noise("uint8")
    colour = volume.with_array(np.stack([volume.array, volume.array // 2, volume.array * 0]))
    found = resampled(colour, spacing_mm=1.0)
    assert found.array.shape[0] == 3
    assert np.array_equal(found.array[0], resampled(volume, spacing_mm=1.0).array)


def test_what_is_refused():
    with pytest.raises(ValidationError):
        Resample()
    with pytest.raises(ValidationError):
        Resample(spacing_mm=0.0)
    cine = Volume(noise().array, noise().geometry, Quantity.DISPLAY, slice_axis=SliceAxis.TIME)
    with pytest.raises(PrepareError, match="E420"):
        Resample(spacing_mm=1.0).draw(cine, GENERATOR)
    assert resampled(cine, row_mm=1.0, column_mm=1.0).geometry.shape[0] == 14
    with pytest.raises(PrepareError, match="E407"):
        Resample(spacing_mm=0.011).draw(noise(), GENERATOR)
