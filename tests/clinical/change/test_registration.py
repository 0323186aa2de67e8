"""Registration against motions that were planted: rigid and smooth, by formulas; the verdict against planted faults."""

import builtins
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK
from scipy.spatial.transform import Rotation

from hounsfield.clinical.change.alignment import IDENTITY, Alignment, Displacements, rigid_alignment
from hounsfield.clinical.change.registration import Registering, register_rigid, require_registrable
from hounsfield.clinical.change.trust import (
    AlignmentQuality,
    Registration,
    align,
    landmark_errors_mm,
    moved_samples,
    normalised_information,
    quality_of,
    resampled,
)
from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.errors import ImageError, SettingsError
from tests.clinical.change import moved

SMALL = VolumeGeometry((26, 32, 32), (6.0, 6.0, 6.0), (-93.0, -93.0, -75.0), frame_of_reference_uid="1.2.3")
QUICK = Registering(rigid_steps=60, bending_steps=25, threads=1)
TURNED = moved.rigid(6, (1, 2, 3), (7, -5, 9))
GOOD = AlignmentQuality(1.1, 1.3, 0.9, 1.0, 0.0, 0.8)


@pytest.fixture(scope="module")
def earlier():
    return moved.drawn(SMALL)


@pytest.fixture(scope="module")
def breathed(earlier):
    return align(earlier, moved.drawn(SMALL, moved.breath, seed=1), QUICK)


@pytest.fixture(scope="module")
def turned(earlier):
    return register_rigid(earlier, moved.drawn(SMALL, TURNED, seed=1), QUICK)


def errors(alignment, truth):
    points = moved.inside(SMALL)
    return landmark_errors_mm(alignment, points, truth(points))


def test_a_rigid_motion_is_found_within_a_voxel(turned):
    found = errors(turned, TURNED)
    assert found.mean() < 1.0  # a sixth of a voxel; asked is one
    assert found.max() < 3.0
    assert turned.rotation_degrees == pytest.approx(6, abs=1.0)
    assert not turned.is_deformable


def test_motionless_volumes_stay_where_they_are(earlier):
    found = register_rigid(earlier, moved.drawn(SMALL, seed=4), QUICK)
    assert errors(found, lambda points: points).max() < 1.0


def test_a_smooth_deformation_is_found_within_a_voxel_and_better_than_rigid(breathed):
    assert breathed.alignment.is_deformable
    bent, stiff = errors(breathed.alignment, moved.breath), errors(breathed.alignment.rigid(), moved.breath)
    assert bent.mean() < 2.5  # of voxels of 6 mm
    assert bent.mean() < 0.8 * stiff.mean()


def test_the_verdict_on_a_good_registration(breathed):
    quality = breathed.quality
    assert quality.is_trusted, quality
    assert quality.similarity_after > quality.similarity_before + 0.02
    assert quality.folded == 0
    assert 0.3 < quality.least_jacobian < 1
    said = breathed.conclusion("20260101")
    assert said.result == "trusted"
    assert "20260101" in said.wording.en
    assert "变形" in said.wording.zh
    assert {fact.name for fact in said.inputs} >= {"similarity_after", "inverse_error_mm", "folded_fraction"}


def test_there_and_back_is_where_it_began(breathed):
    points = moved.inside(SMALL)
    home = breathed.alignment.to_later(breathed.alignment.to_earlier(points))
    assert np.abs(home - points).max() < 0.01


def test_the_resampled_prior_looks_like_the_current_one(earlier, breathed):
    later = moved.drawn(SMALL, moved.breath, noise=0)
    made = resampled(moved.drawn(SMALL, noise=0), later, breathed.alignment)
    before = np.abs(earlier.array - later.array).mean()
    assert np.abs(made.array - later.array).mean() < 0.6 * before
    assert made.geometry == later.geometry
    with pytest.raises(ImageError, match="E460"):
        made.require_measurable()


def test_a_rigid_alignment_is_the_matrix_of_scipy():
    turn, shift = Rotation.from_rotvec([0.1, -0.2, 0.3]), np.array([3.0, -4.0, 5.0])
    alignment = rigid_alignment(turn.as_matrix(), shift)
    points = np.random.default_rng(1).uniform(-50, 50, (40, 3))
    assert np.allclose(alignment.to_earlier(points), turn.apply(points) + shift)
    assert np.allclose(alignment.to_later(alignment.to_earlier(points)), points)
    assert alignment.rotation_degrees == pytest.approx(np.degrees(turn.magnitude()))
    assert alignment.shift_mm((0, 0, 0)) == pytest.approx(np.linalg.norm(shift))


def bent(scale, shape=(9, 10, 11)):
    """Displacements linear in place: x grows by a share of x, so the Jacobian is known."""
    grid = VolumeGeometry(shape, (3.0, 2.0, 4.0), (-10.0, 5.0, 2.0))
    points = moved.places(grid)
    return Alignment(IDENTITY.matrix, Displacements(grid, (points * scale).reshape(*shape, 3).astype(np.float32)))


@pytest.mark.parametrize(
    ("scale", "jacobian"),
    [((0.2, 0, 0), 1.2), ((0.1, -0.3, 0.5), 1.1 * 0.7 * 1.5), ((-1.5, 0, 0), -0.5), ((0, 0, 0), 1.0)],
)
def test_jacobians_of_linear_deformations(scale, jacobian):
    assert np.allclose(bent(np.array(scale)).jacobian(), jacobian, atol=1e-4)


def test_jacobians_are_those_of_simple_itk():
    grid = VolumeGeometry((8, 9, 10), (3.0, 2.0, 4.0))
    field = np.random.default_rng(3).normal(0, 0.4, (*grid.shape, 3))
    image = SimpleITK.GetImageFromArray(field, isVector=True)
    image.SetSpacing((4.0, 2.0, 3.0))
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.DisplacementFieldJacobianDeterminant(image))
    ours = Alignment(IDENTITY.matrix, Displacements(grid, field.astype(np.float32))).jacobian()
    assert np.allclose(ours[1:-1, 1:-1, 1:-1], theirs[1:-1, 1:-1, 1:-1], atol=1e-4)


def test_moved_samples_are_those_of_simple_itk():
    volume = moved.drawn(VolumeGeometry((12, 14, 16), (9.0, 8.0, 7.0), (-50.0, -55.0, -50.0)), noise=0)
    target = VolumeGeometry((10, 9, 8), (7.0, 9.0, 11.0), (-75.0, -35.0, -30.0))
    matrix = moved.turn(20, (1, 1, 2))
    image = SimpleITK.GetImageFromArray(volume.array)
    image.SetSpacing(volume.geometry.spacing_mm[::-1])
    image.SetOrigin(volume.geometry.origin_mm)
    motion = SimpleITK.AffineTransform(matrix.ravel().tolist(), (4.0, -6.0, 2.0))
    grid = SimpleITK.Image(target.shape[::-1], SimpleITK.sitkFloat32)
    grid.SetSpacing(target.spacing_mm[::-1])
    grid.SetOrigin(target.origin_mm)
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.Resample(image, grid, motion, SimpleITK.sitkLinear, -1000.0))
    ours, inside = moved_samples(volume, target, rigid_alignment(matrix, (4.0, -6.0, 2.0)))
    assert np.allclose(ours, theirs, atol=0.1)
    assert 0.2 < inside.mean() < 1


def test_mutual_information_of_known_samples():
    values = np.random.default_rng(0).normal(size=20000)
    others = np.random.default_rng(1).normal(size=20000)
    assert normalised_information(values, values) == pytest.approx(2)
    assert normalised_information(values, -3 * values + 1) == pytest.approx(2, abs=0.01)
    assert normalised_information(values, others) == pytest.approx(1, abs=0.03)
    assert normalised_information(values, np.zeros(20000)) == pytest.approx(1)
    assert normalised_information(values[:1], others[:1]) == 1


@pytest.mark.parametrize(
    ("fault", "doubt"),
    [
        ({"similarity_after": 1.09}, "similarity"),
        ({"overlap": 0.24}, "overlap"),
        ({"inverse_error_mm": 5.1}, "inverse-error"),
        ({"inverse_error_mm": float("inf")}, "inverse-error"),
        ({"folded": 0.001}, "folding"),
    ],
)
def test_each_planted_fault_is_named(fault, doubt):
    quality = replace(GOOD, **fault)
    assert quality.doubts == (doubt,)
    said = Registration(IDENTITY, quality).conclusion("20260101")
    assert said.result == "not-trusted"
    assert "not compared" in said.wording.en
    assert Registration(IDENTITY, GOOD).conclusion("").result == "trusted"


def test_a_wrong_way_back_is_told(earlier, turned):
    later = moved.drawn(SMALL, TURNED, seed=1)
    inverse = np.linalg.inv(np.asarray(turned.matrix))
    home = rigid_alignment(inverse[:3, :3], inverse[:3, 3])
    astray = rigid_alignment(inverse[:3, :3], inverse[:3, 3] + (0, 0, 8))
    assert quality_of(earlier, later, turned, home).inverse_error_mm < 1e-6
    assert quality_of(earlier, later, turned, astray).inverse_error_mm == pytest.approx(8)
    assert "inverse-error" in quality_of(earlier, later, turned, astray).doubts
    assert "similarity" in quality_of(earlier, later, rigid_alignment(np.eye(3), (60, 0, 0)), home).doubts


@pytest.mark.parametrize(
    ("shape", "axis"), [((1, 32, 32), SliceAxis.SINGLE), ((7, 32, 32), SliceAxis.SPACE), ((16, 32, 32), SliceAxis.TIME)]
)
def test_what_is_no_volume_is_refused(shape, axis):
    volume = Volume(np.zeros(shape, np.float32), VolumeGeometry(shape), Quantity.HOUNSFIELD, slice_axis=axis)
    with pytest.raises(ImageError, match="E233"):
        require_registrable(volume)


def test_without_the_library_the_extra_is_named(earlier, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "SimpleITK":
            raise ImportError("No module named 'SimpleITK'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SettingsError, match=r"E231.*hounsfield\[registration\]"):
        register_rigid(earlier, earlier)
