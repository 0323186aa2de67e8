"""Converted volumes lie where dcm2niix, highdicom, nibabel and SimpleITK say that they lie."""

import json
import shutil
import subprocess
from pathlib import Path

import highdicom
import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK

from hounsfield.cli import main
from hounsfield.converting import convert
from hounsfield.core.geometry import VolumeGeometry, geometry_from_affine
from hounsfield.errors import Refused, SettingsError
from hounsfield.image import phantoms
from hounsfield.opening import read_volumes
from tests.image.helpers import PYDICOM_FILES

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
TOLERANCE_MM = 1e-4

COSINES = {
    "axial": ((1, 0, 0), (0, 1, 0)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
    "oblique": ((0.8, 0.6, 0), (-0.36, 0.48, -0.8)),
}


def series(folder: Path, name: str = "axial") -> Path:
    row, column = (np.asarray(way, dtype=np.float64) for way in COSINES[name])
    matrix = np.stack([np.cross(row, column), column, row], axis=1) * (2.5, 0.8, 0.6)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = matrix, (-12.25, 31.5, -7.75)
    geometry = geometry_from_affine(affine, (9, 20, 28))
    phantoms.write_ct(folder, phantoms.BodyPhantom(geometry=geometry))
    return folder


def apart_mm(affine: np.ndarray, others: np.ndarray, shape: tuple[int, ...]) -> float:
    """Return how far the corners of two grids lie apart; the other may count its slices from the other end."""
    mine, theirs = corners(affine, shape), corners(others, shape)
    turned = theirs.reshape(2, 2, 2, 3)[::-1].reshape(-1, 3)
    return float(min(np.abs(mine - theirs).max(), np.abs(mine - turned).max()))


def corners(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    grid = np.stack(np.meshgrid(*[(0, size - 1) for size in shape], indexing="ij"), axis=-1).reshape(-1, 3)
    return grid @ affine[:3, :3].T + affine[:3, 3]


@pytest.mark.parametrize("name", COSINES)
def test_nifti_lies_where_dcm2niix_puts_it(tmp_path: Path, name: str):
    if not shutil.which("dcm2niix"):
        pytest.skip("Debian package dcm2niix is absent")
    folder = series(tmp_path / "dicom", name)
    convert(folder, tmp_path / "ours.nii.gz")
    (tmp_path / "theirs").mkdir()
    command = ["dcm2niix", "-z", "n", "-f", "x", "-o", str(tmp_path / "theirs"), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    ours, theirs = nib.load(tmp_path / "ours.nii.gz"), nib.load(next((tmp_path / "theirs").glob("*.nii")))
    assert ours.shape == theirs.shape
    # dcm2niix may turn an axis round: each voxel is compared at its own place.
    to_theirs = np.linalg.inv(theirs.affine) @ ours.affine
    assert np.allclose(np.abs(to_theirs[:3, :3]), np.eye(3), atol=1e-5)
    flips = [axis for axis in range(3) if to_theirs[axis, axis] < 0]
    assert np.array_equal(np.asarray(ours.dataobj), np.flip(np.asarray(theirs.dataobj), flips))
    turned = theirs.affine @ np.round(to_theirs)
    assert np.abs(corners(ours.affine, ours.shape) - corners(turned, ours.shape)).max() < TOLERANCE_MM


@pytest.mark.parametrize("name", COSINES)
def test_the_affine_is_that_of_highdicom(tmp_path: Path, name: str):
    folder = series(tmp_path / "dicom", name)
    found = convert(folder, tmp_path / "ours.nrrd").volumes[0]
    datasets = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    theirs = highdicom.get_volume_from_series(datasets)
    assert theirs.spatial_shape == found.geometry.shape
    assert apart_mm(found.geometry.index_to_patient, theirs.affine, found.geometry.shape) < TOLERANCE_MM


@pytest.mark.parametrize("name", COSINES)
@pytest.mark.parametrize("suffix", ["nii.gz", "nii", "nrrd"])
def test_samples_and_grid_come_back(tmp_path: Path, name: str, suffix: str):
    folder = series(tmp_path / "dicom", name)
    source = read_volumes(folder).volumes[0]
    convert(folder, tmp_path / f"out.{suffix}")
    back = read_volumes(tmp_path / f"out.{suffix}").volumes[0]
    places = source.geometry.to_patient(np.argwhere(np.ones(source.geometry.shape, dtype=bool)))
    index = np.rint(back.geometry.to_index(places)).astype(int)
    assert np.abs(back.geometry.to_patient(index) - places).max() < 1e-3
    assert np.array_equal(back.array[tuple(index.T)], source.array.reshape(-1))


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd"])
def test_simpleitk_reads_the_same_place(tmp_path: Path, suffix: str):
    folder = series(tmp_path / "dicom", "oblique")
    volume = convert(folder, tmp_path / f"out.{suffix}").volumes[0]
    image = SimpleITK.ReadImage(str(tmp_path / f"out.{suffix}"))
    array = SimpleITK.GetArrayFromImage(image)
    source = read_volumes(folder).volumes[0]
    for index in [(0, 0, 0), (8, 19, 27), (3, 4, 5)]:
        place = volume.geometry.to_patient([index])[0]
        found = image.TransformPhysicalPointToIndex(place.tolist())
        assert array[found[::-1]] == source.array[index]


@pytest.mark.parametrize("name", COSINES)
def test_a_dicom_folder_is_read_back_as_it_was(tmp_path: Path, name: str):
    folder = series(tmp_path / "dicom", name)
    source = read_volumes(folder).volumes[0]
    files = convert(folder, tmp_path / "out").volumes[0].files
    assert len(files) == 9
    back = read_volumes(tmp_path / "out").volumes[0]
    assert np.array_equal(back.array, source.array)
    assert np.abs(back.geometry.index_to_patient - source.geometry.index_to_patient).max() < TOLERANCE_MM
    assert back.quantity is source.quantity
    dataset = pydicom.dcmread(files[4])
    assert dataset.ImageType[:2] == ["DERIVED", "SECONDARY"]
    assert "not a medical device" in dataset.DerivationDescription
    referenced = dataset.SourceImageSequence[0].ReferencedSOPInstanceUID
    assert referenced in {pydicom.dcmread(path).SOPInstanceUID for path in folder.iterdir()}
    assert dataset.SeriesInstanceUID != pydicom.dcmread(next(folder.iterdir())).SeriesInstanceUID


@pytest.mark.parametrize("file", ["CT_small.dcm", "MR_small.dcm", "SC_rgb_small_odd.dcm", "examples_palette.dcm"])
def test_dciodvfy_finds_no_error_in_what_is_written(tmp_path: Path, file: str):
    if not shutil.which("dciodvfy"):
        pytest.skip("Debian package dicom3tools is absent")
    for path in convert(PYDICOM_FILES / file, tmp_path / "out").volumes[0].files:
        done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        errors = [line for line in done.stderr.splitlines() if line.startswith("Error")]
        assert not errors


def test_every_slice_of_a_real_series_begins_where_its_header_says(tmp_path: Path):
    folder = SHARED / "whole_body" / "example_ct_dicom"
    if not folder.is_dir():
        pytest.skip("../shared/data is absent")
    (volume,) = convert(folder, tmp_path / "out.nii.gz").volumes
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in folder.iterdir()]
    positions = np.array([header.ImagePositionPatient for header in headers], dtype=np.float64)
    ours = volume.geometry.to_patient([(index, 0, 0) for index in range(volume.geometry.shape[0])])
    apart = np.abs(positions[:, None] - ours[None]).max(axis=2)
    assert len(headers) == volume.geometry.shape[0]
    assert apart.min(axis=1).max() < 1e-3
    assert sorted(apart.argmin(axis=1)) == list(range(len(headers)))


@pytest.mark.parametrize("folder", ["sarcoma/dicom"])
def test_real_series_lie_where_highdicom_puts_them(tmp_path: Path, folder: str):
    if not (SHARED / folder).is_dir():
        pytest.skip("../shared/data is absent")
    found = convert(SHARED / folder, tmp_path / "out.nrrd").volumes
    compared = 0
    for volume in found:
        instances = volume.series.instances
        if not volume.series.is_dicom or len(instances) < 3 or volume.geometry.shape[0] != len(instances):
            continue
        try:
            theirs = highdicom.get_volume_from_series([pydicom.dcmread(instance.path) for instance in instances])
        except Exception:  # noqa: BLE001 (what highdicom does not take is no oracle)
            continue
        assert theirs.spatial_shape == volume.geometry.shape
        assert apart_mm(volume.geometry.index_to_patient, theirs.affine, volume.geometry.shape) < TOLERANCE_MM
        compared += 1
    assert found
    assert compared


def test_several_volumes_are_numbered(tmp_path: Path):
    series(tmp_path / "in")
    shutil.copy(PYDICOM_FILES / "MR_small.dcm", tmp_path / "in")
    found = convert(tmp_path / "in", tmp_path / "out.nii.gz")
    assert [volume.files[0].name for volume in found.volumes] == ["out-1.nii.gz", "out-2.nii.gz"]
    assert not (tmp_path / "out.nii.gz").exists()


def test_nothing_is_overwritten(tmp_path: Path):
    folder = series(tmp_path / "dicom")
    (tmp_path / "out.nii.gz").write_text("mine", encoding="utf-8")
    with pytest.raises(SettingsError, match="E340"):
        convert(folder, tmp_path / "out.nii.gz")
    assert (tmp_path / "out.nii.gz").read_text(encoding="utf-8") == "mine"
    with pytest.raises(SettingsError, match="E340"):
        convert(folder, folder)
    with pytest.raises(SettingsError, match="E343"):
        convert(folder, tmp_path / ".nrrd")


def test_what_cannot_be_read_is_told(tmp_path: Path):
    series(tmp_path / "in")
    cut = (PYDICOM_FILES / "MR_small.dcm").read_bytes()[:3000]
    (tmp_path / "in" / "cut.dcm").write_bytes(cut)
    found = convert(tmp_path / "in", tmp_path / "out.nrrd")
    assert [item.name for item in found.refused] == ["cut.dcm"]
    with pytest.raises(Refused):
        convert(tmp_path / "in" / "cut.dcm", tmp_path / "other.nrrd")


def test_the_verb(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    folder = series(tmp_path / "dicom")
    assert main(["convert", str(folder), str(tmp_path / "out.nii.gz"), "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    (volume,) = answer["volumes"]
    assert volume["shape"] == [9, 20, 28]
    expected = VolumeGeometry((1, 1, 1)).index_to_patient.shape
    assert np.asarray(volume["index_to_patient"]).shape == expected
    affine = nib.load(volume["files"][0]).affine
    assert np.allclose(np.linalg.norm(affine[:3, :3], axis=0), volume["spacing_mm"][::-1])
    assert main(["convert", str(folder), str(tmp_path / "dicom-out"), "--quiet"]) == 0
    assert "(9 files)" in capfd.readouterr().out
    assert main(["convert", str(folder), str(tmp_path / "out.nii.gz"), "--json"]) == 2
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "E340"
    (folder / "cut.dcm").write_bytes((PYDICOM_FILES / "MR_small.dcm").read_bytes()[:3000])
    assert main(["convert", str(folder), str(tmp_path / "again.nrrd"), "--quiet"]) == 4


def test_the_verb_in_chinese(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    assert main(["convert", str(tmp_path / "none"), str(tmp_path / "o.nrrd"), "--language", "zh"]) == 3
    assert any("\u4e00" <= letter <= "\u9fff" for letter in capfd.readouterr().err)
