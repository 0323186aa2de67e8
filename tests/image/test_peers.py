"""Volumes beside those of dcm2niix, SimpleITK and highdicom, from the same files, in many poses."""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK
from highdicom.legacy import LegacyConvertedEnhancedCTImage, LegacyConvertedEnhancedMRImage
from pydicom.dataset import Dataset

from hounsfield.core.volume import Volume
from hounsfield.image.assemble import assemble
from hounsfield.image.nifti import to_nifti_affine
from hounsfield.image.phantoms import (
    BodyPhantom,
    HeadPhantom,
    PetPhantom,
    Pose,
    pose_geometry,
    write_ct,
    write_enhanced_ct,
    write_head,
    write_pet,
)
from tests.image.helpers import assemble_files, change, file_series, only_volume

Tool = Callable[[str, str], Path]
POSES = {
    "axial": Pose(),
    "axial off centre": Pose("axial", center_mm=(-110.5, 240.25, -777.125)),
    "prone": Pose("axial", (0.0, 0.0, 180.0)),
    "feet first": Pose("axial", (0.0, 180.0, 0.0)),
    "decubitus": Pose("axial", (0.0, 0.0, 90.0)),
    "oblique": Pose("axial", (17.0, -23.0, 40.0), (31.0, 12.0, -55.0)),
    "coronal": Pose("coronal"),
    "coronal, back to front": Pose("coronal", (0.0, 0.0, 180.0)),
    "oblique coronal": Pose("coronal", (11.0, 5.0, -8.0)),
    "sagittal": Pose("sagittal"),
    "sagittal, right to left": Pose("sagittal", (0.0, 180.0, 0.0)),
    "oblique sagittal": Pose("sagittal", (-6.0, 21.0, 44.0), (3.0, -4.0, 5.0)),
}


def _convert(tool: Tool, source: Path, target: Path) -> list[nib.Nifti1Image]:
    """Run dcm2niix on a folder."""
    target.mkdir()
    command = [tool("dcm2niix", "dcm2niix"), "-z", "n", "-b", "n", "-f", "%s_%e_%p", "-o", target, source]
    subprocess.run(command, check=True, capture_output=True)
    return [nib.Nifti1Image.from_filename(path) for path in sorted(target.glob("*.nii"))]


def _assert_same(volume: Volume, image: nib.Nifti1Image, tolerance_mm: float = 1e-4) -> None:
    """Both grids hold the same patient points with the same samples; a peer may turn its axes round."""
    ours, theirs = to_nifti_affine(volume.geometry), np.asarray(image.affine)
    turn = np.linalg.inv(theirs) @ ours
    assert np.abs(turn[:3, :3] - np.rint(turn[:3, :3])).max() < 1e-4
    signs = np.diag(np.rint(turn))[:3]
    assert set(np.abs(signs)) == {1.0}
    data = np.asarray(image.dataobj)
    corners = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)]).T
    lengths = np.array([*(np.array(data.shape[:3]) - 1), 1])[:, np.newaxis]
    exact = np.rint(turn)
    exact[:3, 3] = np.where(signs < 0, np.array(data.shape[:3]) - 1, 0)
    np.testing.assert_allclose(theirs @ exact @ (corners * lengths), ours @ (corners * lengths), atol=tolerance_mm)
    flipped = data[tuple(slice(None, None, int(sign)) for sign in signs)]
    np.testing.assert_array_equal(volume.array.transpose(2, 1, 0), flipped)


@pytest.mark.parametrize("pose", POSES.values(), ids=POSES.keys())
def test_ct_is_what_dcm2niix_converts(tmp_path: Path, debian_tool: Tool, pose: Pose) -> None:
    phantom = BodyPhantom(pose_geometry((9, 26, 23), (9.5, 5.25, 6.0), pose))
    paths = write_ct(tmp_path / "dicom", phantom)
    (image,) = _convert(debian_tool, tmp_path / "dicom", tmp_path / "nifti")
    volume = only_volume(paths)
    _assert_same(volume, image)
    # And the file that dcm2niix wrote holds, read by us, the same samples at the same points.
    (twin,) = assemble(file_series(next((tmp_path / "nifti").glob("*.nii")), "application/x-nifti")).volumes
    for index in np.random.default_rng(2).integers(0, volume.geometry.shape, (60, 3)):
        other = twin.geometry.to_index(volume.geometry.to_patient([index]))[0]
        np.testing.assert_allclose(other, np.rint(other), atol=1e-4)
        assert twin.array[tuple(np.rint(other).astype(int))] == volume.array[tuple(index)]


@pytest.mark.parametrize("pose", [POSES["oblique"], POSES["sagittal"]], ids=["oblique", "sagittal"])
def test_mr_is_what_dcm2niix_converts(tmp_path: Path, debian_tool: Tool, pose: Pose) -> None:
    paths = write_head(tmp_path / "dicom", HeadPhantom(pose_geometry((5, 40, 37), (20.0, 5.0, 5.5), pose)))
    for index, path in enumerate(paths):
        change(path, lambda dataset, index=index: setattr(dataset, "InstanceNumber", 100 - index))
    (image,) = _convert(debian_tool, tmp_path / "dicom", tmp_path / "nifti")
    _assert_same(only_volume(paths), image)


def test_pet_is_what_dcm2niix_converts_but_for_the_uptake(tmp_path: Path, debian_tool: Tool) -> None:
    """dcm2niix keeps Bq/ml; one factor, that of the fact sheet's vector, lies between."""
    paths = write_pet(tmp_path / "dicom", PetPhantom(pose_geometry((6, 30, 32), (9.0, 5.0, 5.0))))
    (image,) = _convert(debian_tool, tmp_path / "dicom", tmp_path / "nifti")
    volume = only_volume(paths)
    factor = 2.763 / 10_000
    activity = volume.with_array(volume.array / np.float32(factor))
    data = np.asarray(image.dataobj)
    assert data.max() == pytest.approx(40_000, rel=1e-3)
    ratio = activity.array.transpose(2, 1, 0)[data[:, ::-1] > 0] / data[:, ::-1][data[:, ::-1] > 0]
    np.testing.assert_allclose(ratio, 1.0, rtol=1e-3)


def test_echoes_are_separated_as_dcm2niix_separates_them(tmp_path: Path, debian_tool: Tool) -> None:
    paths = []
    for echo, time in ((1, "10"), (2, "90")):
        for path in write_head(
            tmp_path / "dicom" / str(echo), HeadPhantom(pose_geometry((4, 30, 32), (25.0, 6.0, 6.0)))
        ):

            def edit(dataset: Dataset, echo: int = echo, time: str = time) -> None:
                dataset.EchoNumbers, dataset.EchoTime = echo, time
                dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = (
                    f"{dataset.SOPInstanceUID}.{echo}"[-64:]
                )
                dataset.PixelData = (np.frombuffer(dataset.PixelData, "<u2") // echo).tobytes()
                dataset.InstanceNumber = dataset.InstanceNumber + 10 * echo

            change(path, edit)
            paths.append(path)
    images = _convert(debian_tool, tmp_path / "dicom", tmp_path / "nifti")
    volumes = assemble_files(paths).volumes
    assert len(images) == len(volumes) == 2
    by_peak = sorted(images, key=lambda image: -float(np.asarray(image.dataobj).max()))
    for volume, image in zip(sorted(volumes, key=lambda volume: -int(volume.array.max())), by_peak, strict=True):
        _assert_same(volume, image)


@pytest.mark.parametrize("modality", ["CT", "PET", "MR_T1"])
def test_sarcoma_series_differ_from_dcm2niix_by_its_rounding_alone(
    tmp_path: Path, debian_tool: Tool, shared_data: Path, modality: str
) -> None:
    """dcm2niix takes the step from the first two positions in single precision; ours spans the stack in double."""
    folder = shared_data / "sarcoma" / "dicom" / "STS_004" / modality / "image"
    (image,) = _convert(debian_tool, folder, tmp_path / "nifti")
    volume = only_volume(sorted(folder.iterdir()))
    headers = [pydicom.dcmread(instance.path, stop_before_pixels=True) for instance in volume.instances]
    positions = np.array([header.ImagePositionPatient for header in headers], dtype=np.float64)
    # Ours: every slice begins where its header says, to the rounding of double precision.
    starts = volume.geometry.to_patient([(index, 0, 0) for index in range(len(positions))])
    np.testing.assert_allclose(starts, positions, atol=1e-9)
    # Theirs: the difference of two single-precision numbers; with that step the two grids are the same.
    single = np.diff(positions[:2].astype(np.float32), axis=0)[0].astype(np.float64)
    step_mm = float(np.linalg.norm(single))
    assert np.linalg.norm(image.affine[:3, 2]) == pytest.approx(step_mm, abs=1e-7)
    spacing = (step_mm, *volume.geometry.spacing_mm[1:])
    as_theirs = replace(volume, geometry=replace(volume.geometry, spacing_mm=spacing))
    if volume.array.dtype.kind == "f":
        as_theirs = replace(as_theirs, array=np.asarray(image.dataobj).transpose(2, 1, 0)[:, ::-1])  # SUV, not Bq/ml
    _assert_same(as_theirs, image)
    # What that makes of the last slice: up to some thousandths of a millimetre.
    assert abs(step_mm - volume.geometry.slice_spacing_mm) * len(positions) < 5e-3


def _read_itk(paths: Sequence[Path], tmp_path: Path) -> SimpleITK.Image:
    """Let GDCM itself sort the files of the folder."""
    reader = SimpleITK.ImageSeriesReader()
    (uid,) = reader.GetGDCMSeriesIDs(str(paths[0].parent))
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(paths[0].parent), uid))
    return reader.Execute()


@pytest.mark.parametrize("name", ["axial", "prone", "feet first", "oblique", "coronal", "oblique sagittal"])
def test_order_of_slices_is_that_of_gdcm(tmp_path: Path, name: str) -> None:
    phantom = BodyPhantom(pose_geometry((7, 22, 20), (12.0, 6.0, 6.5), POSES[name]))
    paths = write_ct(tmp_path, phantom)
    image = _read_itk(paths, tmp_path)
    volume = only_volume(paths)
    np.testing.assert_array_equal(volume.array, SimpleITK.GetArrayFromImage(image))
    np.testing.assert_allclose(volume.geometry.origin_mm, image.GetOrigin(), atol=1e-4)
    np.testing.assert_allclose(volume.geometry.spacing_mm, image.GetSpacing()[::-1], atol=1e-4)
    theirs = np.asarray(image.GetDirection()).reshape(3, 3)[:, ::-1]
    np.testing.assert_allclose(volume.geometry.direction, theirs, atol=1e-6)


@pytest.mark.parametrize("name", ["axial", "oblique", "sagittal"])
def test_resampling_by_simpleitk_finds_the_inserts(tmp_path: Path, name: str) -> None:
    """A peer's image, sampled at the patient points of our voxels, holds our samples."""
    phantom = BodyPhantom(pose_geometry((12, 30, 28), (7.0, 5.0, 5.0), POSES[name]))
    paths = write_ct(tmp_path, phantom)
    image = _read_itk(paths, tmp_path)
    volume = only_volume(paths)
    generator = np.random.default_rng(3)
    for index in generator.integers(0, volume.geometry.shape, (200, 3)):
        point = volume.geometry.to_patient([index])[0]
        assert (
            image.EvaluateAtPhysicalPoint(point.tolist(), SimpleITK.sitkNearestNeighbor) == volume.array[tuple(index)]
        )


@pytest.mark.parametrize(("kind", "name"), [("CT", "axial"), ("MR", "oblique coronal")])
def test_legacy_conversion_of_highdicom_is_the_classic_series(tmp_path: Path, kind: str, name: str) -> None:
    """An Enhanced object that others made of a classic series: another layout of the groups than ours."""
    geometry = pose_geometry((6, 26, 30), (15.0, 5.0, 5.5), POSES[name])
    paths = write_ct(tmp_path, BodyPhantom(geometry)) if kind == "CT" else write_head(tmp_path, HeadPhantom(geometry))
    convert = LegacyConvertedEnhancedCTImage if kind == "CT" else LegacyConvertedEnhancedMRImage
    datasets = [pydicom.dcmread(path) for path in paths]
    for dataset in datasets:
        dataset.PositionReferenceIndicator = "XY"
    enhanced = convert(datasets, "1.2.3.4", 7, "1.2.3.4.5", 1)
    target = tmp_path / "legacy" / "a.dcm"
    target.parent.mkdir()
    enhanced.save_as(target)
    volume, classic = only_volume([target]), only_volume(paths)
    np.testing.assert_allclose(volume.geometry.index_to_patient, classic.geometry.index_to_patient, atol=1e-4)
    np.testing.assert_array_equal(volume.array, classic.array)
    assert volume.quantity is classic.quantity


@pytest.mark.parametrize("moved", ["measures", "orientation", "rescale", "window"])
def test_groups_may_be_shared_or_of_each_frame(tmp_path: Path, moved: str) -> None:
    """PS3.3 C.7.6.16: a macro lies in the shared group or in every frame's, and says the same."""
    keyword = {
        "measures": "PixelMeasuresSequence",
        "orientation": "PlaneOrientationSequence",
        "rescale": "PixelValueTransformationSequence",
        "window": "FrameVOILUTSequence",
    }[moved]
    path = write_enhanced_ct(tmp_path, BodyPhantom(pose_geometry((5, 24, 22), (15.0, 6.0, 7.0), POSES["oblique"])))
    before = only_volume([path])

    def edit(dataset: Dataset) -> None:
        (shared,) = dataset.SharedFunctionalGroupsSequence
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            setattr(frame, keyword, [Dataset(shared[keyword].value[0])])
        delattr(shared, keyword)

    change(path, edit)
    after = only_volume([path])
    assert after.geometry == before.geometry
    assert after.presentation == before.presentation
    np.testing.assert_array_equal(after.array, before.array)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_stored_order_of_frames_does_not_matter(tmp_path: Path, seed: int) -> None:
    path = write_enhanced_ct(tmp_path, BodyPhantom(pose_geometry((8, 24, 22), (10.0, 6.0, 7.0), POSES["oblique"])))
    before = only_volume([path])
    order = np.random.default_rng(seed).permutation(8)

    def edit(dataset: Dataset) -> None:
        pixels = np.frombuffer(dataset.PixelData, "<u2").reshape(8, 24, 22)
        frames = list(dataset.PerFrameFunctionalGroupsSequence)
        dataset.PixelData = pixels[order].tobytes()
        dataset.PerFrameFunctionalGroupsSequence = [frames[index] for index in order]

    change(path, edit)
    after = only_volume([path])
    assert after.geometry == before.geometry
    np.testing.assert_array_equal(after.array, before.array)
    assert after.frame_indices == tuple(int(np.flatnonzero(order == index)[0]) for index in before.frame_indices)


def test_frame_out_of_the_row_of_its_stack_is_named(tmp_path: Path) -> None:
    """In-stack position numbers do not sort; positions do, and a frame that was moved leaves a gap."""
    path = write_enhanced_ct(tmp_path, BodyPhantom(pose_geometry((8, 24, 22), (10.0, 6.0, 7.0))))

    def edit(dataset: Dataset) -> None:
        for number, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
            frame.FrameContentSequence[0].InStackPositionNumber = 1 + number * 3 % 8
        plane = dataset.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0]
        plane.ImagePositionPatient = [*plane.ImagePositionPatient[:2], float(plane.ImagePositionPatient[2]) + 20.0]

    change(path, edit)
    assembly = assemble_files([path])
    assert {issue.code: issue.facts for issue in assembly.issues} == {
        "Q300": {"count": 2, "gaps": 1, "median_mm": 10.0}
    }
