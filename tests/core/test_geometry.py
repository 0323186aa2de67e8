"""VolumeGeometry against SimpleITK, DICOM's own formula and exact arithmetic."""

import itertools

import numpy as np
import pytest

from hounsfield.core.geometry import Calibration, VolumeGeometry, geometry_from_affine
from hounsfield.errors import InconsistentSeries

SimpleITK = pytest.importorskip("SimpleITK")


def rotation(degrees_x: float, degrees_y: float, degrees_z: float) -> np.ndarray:
    cosines, sines = (
        np.cos(np.radians([degrees_x, degrees_y, degrees_z])),
        np.sin(np.radians([degrees_x, degrees_y, degrees_z])),
    )
    about_x = np.array([[1, 0, 0], [0, cosines[0], -sines[0]], [0, sines[0], cosines[0]]])
    about_y = np.array([[cosines[1], 0, sines[1]], [0, 1, 0], [-sines[1], 0, cosines[1]]])
    about_z = np.array([[cosines[2], -sines[2], 0], [sines[2], cosines[2], 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def oblique(shape=(4, 6, 5), spacing=(2.5, 0.7, 0.9), angles=(10, -20, 35)) -> VolumeGeometry:
    matrix = rotation(*angles)[:, ::-1]
    rows = tuple(tuple(float(value) for value in row) for row in matrix)
    return VolumeGeometry(shape, spacing, (-12.5, 31.0, 7.25), rows, "1.2.3")


def as_itk(geometry: VolumeGeometry):
    """The same grid in SimpleITK, whose index order is column, row, slice."""
    image = SimpleITK.Image([geometry.shape[2], geometry.shape[1], geometry.shape[0]], SimpleITK.sitkUInt8)
    image.SetSpacing([geometry.spacing_mm[2], geometry.spacing_mm[1], geometry.spacing_mm[0]])
    image.SetOrigin(list(geometry.origin_mm))
    image.SetDirection(np.asarray(geometry.direction)[:, ::-1].ravel().tolist())
    return image


def test_points_agree_with_simpleitk():
    geometry = oblique()
    image = as_itk(geometry)
    for index in [(0, 0, 0), (3, 5, 4), (1, 2, 3), (2, 0, 4)]:
        expected = image.TransformIndexToPhysicalPoint([index[2], index[1], index[0]])
        assert np.allclose(geometry.to_patient([index])[0], expected, atol=1e-9)


def test_inverse_agrees_with_simpleitk():
    geometry = oblique()
    point = (3.25, -7.5, 11.0)
    expected = as_itk(geometry).TransformPhysicalPointToContinuousIndex(point)[::-1]
    assert np.allclose(geometry.to_index([point])[0], expected, atol=1e-9)


def test_affine_is_the_formula_of_the_standard():
    """PS3.3 C.7.6.2.1.1 with non-square pixels: X and Y come from Image Orientation and swapped Pixel Spacing."""
    image_orientation = np.array([0.0, 1.0, 0.0, 0.0, 0.0, -1.0])
    row_spacing, column_spacing = 0.6, 0.9
    position = np.array([-10.0, -80.0, 60.0])
    normal = np.cross(image_orientation[:3], image_orientation[3:])
    matrix = np.stack([normal, image_orientation[3:], image_orientation[:3]], axis=1)
    geometry = VolumeGeometry(
        (2, 3, 4), (5.0, row_spacing, column_spacing), tuple(position), tuple(map(tuple, matrix.tolist()))
    )
    row, column = 2, 3
    expected = position + image_orientation[:3] * column_spacing * column + image_orientation[3:] * row_spacing * row
    assert np.allclose(geometry.to_patient([(0, row, column)])[0], expected)
    assert geometry.row_spacing_mm == row_spacing
    assert geometry.column_spacing_mm == column_spacing


def test_48_orientations_come_back_from_their_affine():
    count = 0
    for axes in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            matrix = np.zeros((3, 3))
            matrix[list(axes), [0, 1, 2]] = signs
            geometry = VolumeGeometry((2, 3, 4), (3.0, 0.5, 0.8), (1, 2, 3), tuple(map(tuple, matrix.tolist())))
            again = geometry_from_affine(geometry.index_to_patient, geometry.shape)
            assert again == geometry_from_affine(again.index_to_patient, again.shape)
            assert np.allclose(again.index_to_patient, geometry.index_to_patient, atol=1e-12)
            count += 1
    assert count == 48


def test_round_trip_is_exact_to_a_nanometre():
    geometry = oblique(angles=(33, 71, -128))
    indices = np.random.default_rng(1).uniform(-50, 50, (200, 3))
    assert np.abs(geometry.to_index(geometry.to_patient(indices)) - indices).max() < 1e-9


def test_resized_keeps_the_outer_faces():
    geometry = oblique(shape=(4, 6, 5))
    smaller = geometry.resized((2, 3, 10))
    for corner in itertools.product((0, 1), repeat=3):
        face = np.array(corner)
        before = geometry.to_patient([np.array(geometry.shape) * face - 0.5])[0]
        after = smaller.to_patient([np.array(smaller.shape) * face - 0.5])[0]
        assert np.allclose(before, after, atol=1e-9)
    assert smaller.spacing_mm == pytest.approx((5.0, 1.4, 0.45))


def test_resized_agrees_with_simpleitk_bin_shrink():
    geometry = oblique(shape=(4, 6, 8))
    shrunk = SimpleITK.BinShrink(as_itk(geometry), [2, 3, 4])
    ours = geometry.resized((1, 2, 4))
    assert np.allclose(shrunk.GetOrigin(), ours.origin_mm, atol=1e-9)
    assert np.allclose(shrunk.GetSpacing()[::-1], ours.spacing_mm)


def test_cropped_moves_the_origin_to_the_first_voxel():
    geometry = oblique()
    part = geometry.cropped((1, 2, -3), (2, 3, 9))
    assert np.allclose(part.origin_mm, geometry.to_patient([(1, 2, -3)])[0])
    assert part.shape == (2, 3, 9)
    assert part.spacing_mm == geometry.spacing_mm
    assert part.frame_of_reference_uid == "1.2.3"


def test_volume_of_a_voxel():
    assert oblique(spacing=(2.0, 0.5, 0.25)).voxel_volume_mm3 == 0.25


@pytest.mark.parametrize(
    "change",
    [
        {"spacing_mm": (0.0, 1.0, 1.0)},
        {"spacing_mm": (1.0, -1.0, 1.0)},
        {"spacing_mm": (1.0, float("nan"), 1.0)},
        {"origin_mm": (0.0, float("inf"), 0.0)},
        {"shape": (0, 4, 4)},
        {"direction": ((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))},
        {"direction": ((0.0, 0.0, 2.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))},
    ],
)
def test_singular_grids_are_refused(change):
    with pytest.raises(InconsistentSeries) as caught:
        VolumeGeometry(**{"shape": (2, 2, 2), **change})
    assert caught.value.code == "E310"


def test_a_tilted_stack_is_refused_with_its_angle():
    tilt = np.radians(15)
    direction = ((0.0, 0.0, 1.0), (float(np.sin(tilt)), 1.0, 0.0), (float(np.cos(tilt)), 0.0, 0.0))
    with pytest.raises(InconsistentSeries) as caught:
        VolumeGeometry((3, 4, 4), direction=direction)
    assert caught.value.code == "E311"
    assert caught.value.facts["angle_degrees"] == pytest.approx(15, abs=0.01)
    assert "15" in caught.value.text("zh")


def test_a_sheared_affine_is_refused():
    affine = np.eye(4)
    affine[0, 1] = 0.2
    with pytest.raises(InconsistentSeries) as caught:
        geometry_from_affine(affine, (2, 2, 2))
    assert caught.value.code == "E311"


def test_a_singular_affine_is_refused():
    with pytest.raises(InconsistentSeries) as caught:
        geometry_from_affine(np.zeros((4, 4)), (2, 2, 2))
    assert caught.value.code == "E310"


def test_calibration_travels():
    geometry = VolumeGeometry((1, 2, 2), calibration=Calibration.DETECTOR)
    assert geometry.resized((1, 1, 1)).calibration is Calibration.DETECTOR
    assert geometry.cropped((0, 0, 0), (1, 1, 1)).calibration is Calibration.DETECTOR
