"""Orienting: all 48 orientations against nibabel and SimpleITK, to the bit, there and back."""

import itertools

import nibabel
import numpy as np
import pytest
import SimpleITK
from pydantic import ValidationError

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import InstanceRef
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import PrepareError
from hounsfield.prepare.orient import PLANES, Orient
from hounsfield.prepare.sequence import apply_steps, invert_trace
from tests.prepare.volumes import to_sitk

NAMES = [
    "".join(pair[sign] for pair, sign in zip(way, signs, strict=True))
    for way in itertools.permutations(["LR", "PA", "SI"])
    for signs in itertools.product((0, 1), repeat=3)
]
TILT = np.array([[0.98, -0.17, 0.104], [0.174, 0.985, 0.0], [-0.1025, 0.0181, 0.9946]])
TILT = np.linalg.qr(TILT)[0] * np.sign(np.diag(np.linalg.qr(TILT)[1]))


def scanned(name="LPS", tilt=TILT):
    """Return an oblique volume of three sizes and spacings whose columns, rows and slices lead to a name's letters."""
    axes = {"L": 0, "R": 0, "P": 1, "A": 1, "S": 2, "I": 2}
    matrix = np.zeros((3, 3))
    for axis, letter in enumerate(reversed(name)):
        matrix[axes[letter], axis] = 1.0 if letter in "LPS" else -1.0
    direction = tuple(tuple(float(value) for value in row) for row in tilt @ matrix)
    array = np.random.default_rng(0).integers(-900, 900, (4, 5, 6)).astype(np.int16)
    return Volume(array, VolumeGeometry((4, 5, 6), (3.0, 0.7, 0.5), (-11.0, 23.0, 5.0), direction), Quantity.HOUNSFIELD)


def oriented(volume, to):
    return apply_steps([Orient(to=to)], volume)


@pytest.mark.parametrize("name", NAMES)
def test_every_orientation_is_that_of_simpleitk(name):
    """From LPS to each of the 48, and from each of them to LPS."""
    for source, to in ((scanned("LPS"), name), (scanned(name), "LPS")):
        found, _ = oriented(source, to)
        expected = SimpleITK.DICOMOrient(to_sitk(source), to)
        np.testing.assert_array_equal(found.array, SimpleITK.GetArrayFromImage(expected))
        image = to_sitk(found)
        np.testing.assert_allclose(image.GetOrigin(), expected.GetOrigin(), atol=1e-9)
        np.testing.assert_allclose(image.GetSpacing(), expected.GetSpacing(), atol=1e-12)
        np.testing.assert_allclose(image.GetDirection(), expected.GetDirection(), atol=1e-9)
        assert found.array.dtype == source.array.dtype


@pytest.mark.parametrize("name", NAMES)
def test_ras_is_the_closest_canonical_of_nibabel(name):
    source = scanned(name)
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    reverse = np.eye(4)[[2, 1, 0, 3]]
    image = nibabel.Nifti1Image(source.array.T, flip @ source.geometry.index_to_patient @ reverse)
    expected = nibabel.as_closest_canonical(image)
    found, _ = oriented(source, "RAS")
    np.testing.assert_array_equal(found.array.T, np.asarray(expected.dataobj))
    np.testing.assert_allclose(flip @ found.geometry.index_to_patient @ reverse, expected.affine, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_going_back_is_exact(name):
    source = scanned()
    found, trace = oriented(source, name)
    back = invert_trace(trace, found)
    assert back.geometry == source.geometry
    assert back.array.tobytes() == source.array.tobytes()


def test_planes_are_as_pictures_are_hung():
    """The slices of each plane rise along the normal row x column, as DICOM stacks are sorted."""
    for plane, letters in PLANES.items():
        found, _ = oriented(scanned("RAI"), plane)
        same, _ = oriented(scanned("RAI"), letters.lower())
        assert found.geometry == same.geometry
        slices, rows, columns = np.asarray(found.geometry.direction).T
        assert np.cross(columns, rows) @ slices == pytest.approx(1.0)
    coronal, _ = oriented(scanned("LPS"), "coronal")
    assert coronal.geometry.shape == (5, 4, 6)


def test_exactly_between_two_axes_one_is_taken_and_undone():
    half = np.sqrt(0.5)
    source = scanned(tilt=np.array([[half, -half, 0.0], [half, half, 0.0], [0.0, 0.0, 1.0]]))
    found, trace = oriented(source, "RAS")
    assert sorted(found.geometry.shape) == [4, 5, 6]
    assert invert_trace(trace, found).geometry == source.geometry


def test_colour_turns_with_its_channels():
    grey = scanned()
    colour = grey.with_array(np.stack([grey.array, -grey.array, grey.array // 2]))
    found, trace = oriented(colour, "SAR")
    np.testing.assert_array_equal(found.array[1], -oriented(grey, "SAR")[0].array)
    np.testing.assert_array_equal(invert_trace(trace, found).array, colour.array)


def test_slices_keep_their_sources_or_have_none():
    instances = tuple(InstanceRef(f"1.2.{n}", "1.2", None, "application/dicom", "") for n in range(5))
    cube = scanned()
    array = np.zeros((5, 5, 5), np.int16)
    geometry = VolumeGeometry((5, 5, 5), (3.0, 0.7, 0.5))
    stack = cube.with_array(array, geometry=geometry, instances=instances, slice_axis=SliceAxis.SPACE)
    reversed_, _ = oriented(stack, "LPI")
    assert [reversed_.source_of(index)[0] for index in range(5)] == list(instances[::-1])
    turned, _ = oriented(stack, "coronal")
    assert [turned.source_of(index) for index in range(5)] == [None] * 5
    assert set(turned.instances) == set(instances)


def test_one_object_turned_has_no_frames():
    one = scanned().with_array(
        scanned().array, instances=(InstanceRef("1.2", "1", None, "application/dicom", "", number_of_frames=4),)
    )
    assert oriented(one, "LPI")[0].source_of(0) == (one.instances[0], 3)
    assert oriented(one, "coronal")[0].source_of(0) is None


def test_a_cine_keeps_its_time():
    cine = scanned().with_array(scanned().array, slice_axis=SliceAxis.TIME, frame_times_seconds=(0.0, 0.1, 0.2, 0.3))
    found, _ = oriented(cine, "RAS")
    assert found.slice_axis is SliceAxis.TIME
    assert found.frame_times_seconds == cine.frame_times_seconds
    for moved in ("LPI", "coronal"):
        with pytest.raises(PrepareError, match="E440"):
            oriented(cine, moved)


@pytest.mark.parametrize("name", ["", "LP", "LPSX", "LLS", "LPX", "oblique"])
def test_what_is_no_orientation_is_refused(name):
    with pytest.raises(ValidationError):
        Orient(to=name)


def test_another_volume_is_not_turned_back():
    source = scanned()
    step = Orient(to="coronal")
    drawn = step.draw(source, np.random.default_rng(0))
    with pytest.raises(PrepareError, match=r"E40[46]"):
        step.invert(source, drawn)
