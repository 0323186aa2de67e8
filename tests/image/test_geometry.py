"""Grids of assembled series against SimpleITK, highdicom and the phantoms' own formulas."""

import itertools
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK

from hounsfield.core.geometry import Calibration, VolumeGeometry
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis
from hounsfield.image.assemble import assemble
from hounsfield.image.phantoms import (
    BodyPhantom,
    HeadPhantom,
    Pose,
    pose_geometry,
    write_ct,
    write_enhanced_ct,
    write_enhanced_mr,
    write_head,
)
from hounsfield.image.phantoms.ct import INSERTS
from tests.image.helpers import assemble_files, change, codes, digest, file_series, only_volume

MAGNIFICATION = "EstimatedRadiographicMagnificationFactor"
POSES = {
    "axial": Pose(),
    "coronal": Pose("coronal"),
    "sagittal": Pose("sagittal"),
    "oblique": Pose("axial", (12.0, -20.0, 31.0), (5.0, -3.0, 8.0)),
    "oblique sagittal": Pose("sagittal", (-7.0, 14.0, 9.0)),
    "head down": Pose("axial", (180.0, 0.0, 0.0)),
}


def body(pose: Pose) -> BodyPhantom:
    """Return a body phantom with non-square pixels and three different lengths."""
    return BodyPhantom(pose_geometry((30, 70, 64), (3.0, 2.0, 2.3), pose))


def assert_same_grid(found: VolumeGeometry, expected: VolumeGeometry, tolerance_mm: float = 1e-4) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.index_to_patient, expected.index_to_patient, atol=tolerance_mm)


@pytest.mark.parametrize("pose", POSES.values(), ids=POSES.keys())
def test_ct_stack_lies_where_it_was_drawn(tmp_path: Path, pose: Pose) -> None:
    phantom = body(pose)
    volume = only_volume(write_ct(tmp_path, phantom))
    assert_same_grid(volume.geometry, phantom.geometry)
    np.testing.assert_array_equal(volume.array, phantom.hounsfield())
    assert volume.quantity is Quantity.HOUNSFIELD
    assert volume.array.dtype == np.int16
    assert volume.slice_axis is SliceAxis.SPACE
    assert volume.geometry.frame_of_reference_uid == phantom.geometry.frame_of_reference_uid


@pytest.mark.parametrize("pose", POSES.values(), ids=POSES.keys())
def test_markers_are_on_their_sides(tmp_path: Path, pose: Pose) -> None:
    volume = only_volume(write_ct(tmp_path, body(pose)))
    for name, insert in INSERTS.items():
        index = np.rint(volume.geometry.to_index([insert.center_mm])[0]).astype(int)
        assert volume.array[tuple(index)] == insert.hounsfield, name


def test_volumes_of_inserts_are_the_formula(tmp_path: Path) -> None:
    phantom = BodyPhantom(pose_geometry((60, 120, 120), (1.2, 1.1, 1.3)))
    volume = only_volume(write_ct(tmp_path, phantom))
    for name, expected_ml in phantom.truth_ml().items():
        count = np.count_nonzero(volume.array == phantom.inserts[name].hounsfield)
        assert count * volume.geometry.voxel_volume_mm3 / 1000 == pytest.approx(expected_ml, rel=0.03)


@pytest.mark.parametrize("pose", POSES.values(), ids=POSES.keys())
def test_ct_stack_has_the_grid_of_simpleitk(tmp_path: Path, pose: Pose) -> None:
    paths = write_ct(tmp_path, body(pose))
    volume = only_volume(paths)
    ordered = [str(instance.path) for instance in volume.instances]
    image = SimpleITK.ReadImage(ordered)
    for index in itertools.product((0, 29), (0, 69), (0, 63)):
        expected = image.TransformIndexToPhysicalPoint([int(index[2]), int(index[1]), int(index[0])])
        np.testing.assert_allclose(volume.geometry.to_patient([index])[0], expected, atol=1e-4)
    np.testing.assert_array_equal(volume.array, SimpleITK.GetArrayFromImage(image))


@pytest.mark.parametrize("pose", POSES.values(), ids=POSES.keys())
def test_ct_stack_has_the_affine_of_highdicom(tmp_path: Path, pose: Pose) -> None:
    paths = write_ct(tmp_path, body(pose))
    volume = only_volume(paths)
    peer = highdicom.get_volume_from_series([pydicom.dcmread(path) for path in paths])
    # highdicom may run the slices the other way round; both describe the same points.
    start = peer.affine @ np.array([0, 0, 0, 1.0])
    index = volume.geometry.to_index([start[:3]])[0]
    np.testing.assert_allclose(index[1:], 0, atol=1e-4)
    step = volume.geometry.to_index([(peer.affine @ np.array([1, 0, 0, 1.0]))[:3]])[0] - index
    assert abs(abs(step[0]) - 1) < 1e-4
    flipped = peer.array if step[0] > 0 else peer.array[::-1]
    np.testing.assert_array_equal(volume.array, flipped)


@pytest.mark.parametrize("pose", [POSES["axial"], POSES["oblique"]], ids=["axial", "oblique"])
def test_enhanced_ct_is_the_classic_series(tmp_path: Path, pose: Pose) -> None:
    phantom = body(pose)
    enhanced = only_volume([write_enhanced_ct(tmp_path / "enhanced", phantom)])
    classic = only_volume(write_ct(tmp_path / "classic", phantom))
    assert_same_grid(enhanced.geometry, classic.geometry)
    np.testing.assert_array_equal(enhanced.array, classic.array)
    assert enhanced.quantity is Quantity.HOUNSFIELD
    assert enhanced.presentation.window == classic.presentation.window
    assert enhanced.source_of(0) == (enhanced.instances[0], 29)
    assert enhanced.source_of(29) == (enhanced.instances[0], 0)


def test_enhanced_mr_is_the_classic_series(tmp_path: Path) -> None:
    phantom = HeadPhantom(pose_geometry((6, 80, 72), (12.0, 2.6, 2.4), POSES["oblique"]))
    enhanced = only_volume([write_enhanced_mr(tmp_path / "enhanced", phantom)])
    classic = only_volume(write_head(tmp_path / "classic", phantom))
    assert_same_grid(enhanced.geometry, classic.geometry)
    np.testing.assert_array_equal(enhanced.array, classic.array)


def test_enhanced_ct_has_the_geometry_of_highdicom(tmp_path: Path) -> None:
    path = write_enhanced_ct(tmp_path, body(POSES["oblique"]))
    volume = only_volume([path])
    peer = highdicom.imread(path).get_volume(apply_modality_transform=True)
    order = np.sign(volume.geometry.to_index([(peer.affine @ [1, 0, 0, 1.0])[:3]])[0][0] - 0.5)
    array = peer.array if np.allclose(peer.affine[:3, 3], volume.geometry.origin_mm, atol=1e-3) else peer.array[::-1]
    assert abs(order) == 1
    np.testing.assert_array_equal(volume.array, array)


def test_order_of_files_does_not_matter(tmp_path: Path) -> None:
    paths = list(write_ct(tmp_path, body(POSES["oblique"])))
    generator = np.random.default_rng(5)
    digests = {digest(only_volume([paths[i] for i in generator.permutation(len(paths))])) for _ in range(6)}
    assert digests == {digest(only_volume(paths))}


def test_names_and_instance_numbers_do_not_matter(tmp_path: Path) -> None:
    paths = write_ct(tmp_path, body(POSES["axial"]))
    before = digest(only_volume(paths))
    for number, path in enumerate(paths):
        change(path, lambda dataset, number=number: setattr(dataset, "InstanceNumber", (number * 11) % 30))
    assert digest(only_volume(paths)) == before


def test_first_pixel_spacing_is_between_rows(tmp_path: Path) -> None:
    volume = only_volume(write_ct(tmp_path, body(POSES["axial"])))
    assert (volume.geometry.row_spacing_mm, volume.geometry.column_spacing_mm) == (2.0, 2.3)
    dataset = pydicom.dcmread(volume.instances[0].path)
    assert [float(value) for value in dataset.PixelSpacing] == [2.0, 2.3]


def test_slice_thickness_is_not_the_step(tmp_path: Path) -> None:
    paths = write_ct(tmp_path, body(POSES["axial"]))
    for path in paths:
        change(path, lambda dataset: setattr(dataset, "SliceThickness", "9"))
    assembly = assemble_files(paths)
    assert assembly.volumes[0].geometry.slice_spacing_mm == pytest.approx(3.0)
    assert assembly.issues == ()


@pytest.mark.parametrize(("modality", "expected"), [("CT", "hounsfield"), ("PET", "suv_bw"), ("MR_T1", "arbitrary")])
def test_sarcoma_series_are_their_nifti_twins(shared_data: Path, modality: str, expected: str) -> None:
    """The same images as DICOM and as NIfTI, converted by others (IBSI): same grid, same values, SUV included."""
    folder = shared_data / "sarcoma"
    volume = only_volume(sorted((folder / "dicom" / "STS_004" / modality / "image").iterdir()))
    twin = assemble(file_series(folder / "nifti" / "STS_004" / f"{modality}_image.nii.gz", "application/x-nifti"))
    assert_same_grid(volume.geometry, twin.volumes[0].geometry)
    np.testing.assert_allclose(volume.array, twin.volumes[0].array, rtol=1e-6, atol=1e-6)
    assert volume.quantity is Quantity.named(expected)


def test_sarcoma_ct_has_the_grid_of_simpleitk(shared_data: Path) -> None:
    folder = shared_data / "sarcoma" / "dicom" / "STS_004" / "CT" / "image"
    volume = only_volume(sorted(folder.iterdir()))
    image = SimpleITK.ReadImage([str(instance.path) for instance in volume.instances])
    np.testing.assert_allclose(volume.geometry.origin_mm, image.GetOrigin(), atol=1e-4)
    np.testing.assert_allclose(volume.geometry.spacing_mm, image.GetSpacing()[::-1], atol=1e-4)
    np.testing.assert_array_equal(volume.array, SimpleITK.GetArrayFromImage(image))


def test_structure_sets_are_refused_by_name(shared_data: Path) -> None:
    from hounsfield.errors import UnsupportedModality

    for modality in ("CT", "PET", "MR_T1"):
        with pytest.raises(UnsupportedModality, match="RT Structure Set") as caught:
            assemble_files([shared_data / "sarcoma" / "dicom" / "STS_004" / modality / "mask" / "RS.dcm"])
        assert caught.value.code == "E305"


@pytest.mark.parametrize(
    ("changes", "spacing", "calibration"),
    [
        ({}, (0.5, 0.5), Calibration.PATIENT),
        ({MAGNIFICATION: None}, (0.55, 0.55), Calibration.DETECTOR),
        (
            {"PixelSpacing": ["0.4", "0.3"], "PixelSpacingCalibrationType": "FIDUCIAL"},
            (0.4, 0.3),
            Calibration.PATIENT,
        ),
        (
            {"PixelSpacing": ["0.55", "0.55"], MAGNIFICATION: None},
            (0.55, 0.55),
            "detector",
        ),
        ({"PixelSpacing": ["0.5", "0.5"], MAGNIFICATION: None}, (0.5, 0.5), "patient"),
        (
            {"ImagerPixelSpacing": None, "PixelSpacing": ["0.2", "0.2"]},
            (0.2, 0.2),
            Calibration.DETECTOR,
        ),
        ({"ImagerPixelSpacing": None, "PixelAspectRatio": [2, 1]}, (2.0, 1.0), Calibration.NONE),
    ],
)
def test_radiographs_say_what_a_millimetre_is_worth(
    tmp_path: Path, changes: dict[str, object], spacing: tuple[float, float], calibration: str
) -> None:
    from hounsfield.image.phantoms import ChestPhantom, write_chest

    path = write_chest(tmp_path, ChestPhantom(rows=80, columns=80, width_mm=44.0))

    def edit(dataset: pydicom.Dataset) -> None:
        for keyword, value in changes.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)

    change(path, edit)
    assembly = assemble_files([path])
    geometry = assembly.volumes[0].geometry
    assert geometry.calibration == calibration
    np.testing.assert_allclose((geometry.row_spacing_mm, geometry.column_spacing_mm), spacing, rtol=1e-6)
    assert ("Q310" in codes(assembly.issues)) == (calibration == Calibration.NONE)


def test_ultrasound_is_calibrated_by_its_region(tmp_path: Path) -> None:
    from hounsfield.image.phantoms import HeartPhantom, write_heart

    path = write_heart(tmp_path, HeartPhantom(frames=4))
    volume = only_volume([path])
    assert volume.geometry.spacing_mm[1:] == (0.8, 0.8)
    assert volume.geometry.calibration is Calibration.PATIENT
    assert volume.slice_axis is SliceAxis.TIME
    np.testing.assert_allclose(volume.frame_times_seconds, np.arange(4) * 0.033333, atol=1e-9)
    change(path, lambda dataset: delattr(dataset, "SequenceOfUltrasoundRegions"))
    assembly = assemble_files([path])
    assert assembly.volumes[0].geometry.calibration is Calibration.NONE
    assert codes(assembly.issues) == {"Q310": "note"}
