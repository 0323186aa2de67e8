"""Every way in which slices, rows and columns can lie along the patient's axes, and oblique ones, to the voxel.

Each voxel holds its own number, so that a flip, a turn or an exchange of axes or spacings anywhere shows. Six
directions of slices, four turns of a slice, and a slice axis that runs along its normal or against it make 48.
"""

import itertools
import subprocess
from collections.abc import Callable
from pathlib import Path

import highdicom
import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK

from hounsfield.core.geometry import VolumeGeometry, geometry_from_affine
from hounsfield.core.volume import Volume
from hounsfield.image.assemble import assemble
from hounsfield.image.nifti_writer import write_nifti
from hounsfield.image.nrrd_writer import write_nrrd
from hounsfield.image.phantoms import BodyPhantom, write_ct
from hounsfield.image.phantoms.writer import PhantomIdentity
from hounsfield.opening import read_volumes
from tests.image.helpers import file_series, only_volume

Tool = Callable[[str, str], Path]
Points = np.ndarray
SHAPE, SPACING_MM, ORIGIN_MM = (3, 8, 11), (3.5, 2.25, 1.5), np.array([-31.25, 47.5, -12.75])
LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
TOLERANCE_MM = 1e-4


def _signed_permutations() -> list[Points]:
    """Return the 48 matrices whose columns are patient axes or their opposites."""
    found = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            found.append(np.eye(3)[:, order] * signs)
    return found


def _oblique(seed: int) -> Points:
    """Return random axes at right angles; every second set is left-handed."""
    axes, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
    return axes * (1.0, 1.0, np.linalg.det(axes) * (-1.0) ** seed)


AXES = [*_signed_permutations(), *(_oblique(seed) for seed in range(8))]
SAMPLES = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE) - 100


def _geometry(axes: Points) -> VolumeGeometry:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes * SPACING_MM, ORIGIN_MM
    return geometry_from_affine(affine, SHAPE, "1.2.3.4")


def _places(geometry: VolumeGeometry) -> Points:
    return geometry.to_patient(np.argwhere(np.ones(geometry.shape)))


def _assert_numbers(numbers: Points, places: Points, geometry: VolumeGeometry) -> None:
    """Each number lies at the place where it was written, within the tolerance."""
    order = np.argsort(numbers)
    np.testing.assert_array_equal(numbers[order], SAMPLES.reshape(-1))
    np.testing.assert_allclose(places[order], _places(geometry), atol=TOLERANCE_MM)


def _from_nifti(image: nib.Nifti1Image) -> tuple[Points, Points]:
    """Return the samples of a NIfTI image and their places, LPS."""
    data = np.asarray(image.dataobj)
    places = np.argwhere(np.ones(data.shape)) @ image.affine[:3, :3].T + image.affine[:3, 3]
    return data.reshape(-1), places * LPS_TO_RAS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one CT series for each of the orientations."""
    root = tmp_path_factory.mktemp("orientations")
    for number, axes in enumerate(AXES):
        phantom, identity = BodyPhantom(_geometry(axes)), PhantomIdentity(f"way {number}")
        write_ct(root / f"{number:02d}", phantom, identity, SAMPLES)
    return root


@pytest.fixture(scope="module")
def volumes(folder: Path) -> list[Volume]:
    """Return our volume of each orientation."""
    return [only_volume(sorted((folder / f"{number:02d}").iterdir())) for number in range(len(AXES))]


def test_there_are_48_and_half_of_them_are_mirrored() -> None:
    assert len({axes.tobytes() for axes in AXES[:48]}) == 48
    assert sum(np.linalg.det(axes) > 0 for axes in AXES[:48]) == 24


def test_each_voxel_lies_where_it_was_drawn(volumes: list[Volume]) -> None:
    for axes, volume in zip(AXES, volumes, strict=True):
        geometry = _geometry(axes)
        _assert_numbers(volume.array.reshape(-1), _places(volume.geometry), geometry)
        assert volume.geometry.spacing_mm == pytest.approx(SPACING_MM, abs=1e-9)
        # Slices always follow the normal, so that a volume of ours is never mirrored.
        matrix = np.asarray(volume.geometry.direction)
        np.testing.assert_allclose(np.cross(matrix[:, 2], matrix[:, 1]), matrix[:, 0], atol=1e-6)


def test_marker_on_the_left_is_on_the_left(volumes: list[Volume]) -> None:
    """The voxel that was written furthest to the left (+x), to the back (+y) and to the head (+z) is found there."""
    for axes, volume in zip(AXES, volumes, strict=True):
        drawn = _places(_geometry(axes))
        found = _places(volume.geometry)
        for axis in range(3):
            number = SAMPLES.reshape(-1)[drawn[:, axis].argmax()]
            (index,) = np.flatnonzero(volume.array == number)
            assert found[index, axis] == pytest.approx(found[:, axis].max(), abs=TOLERANCE_MM)


def test_a_folder_of_all_is_taken_apart_into_its_series(folder: Path) -> None:
    opened = read_volumes(folder)
    assert len(opened.volumes) == len(AXES)
    assert opened.issues == ()
    assert {volume.geometry.shape for volume in opened.volumes} == {SHAPE}


def test_each_voxel_lies_where_dcm2niix_puts_it(
    tmp_path: Path, debian_tool: Tool, folder: Path, volumes: list[Volume]
) -> None:
    """dcm2niix turns stacks round as it likes: voxels and corners are compared at their places."""
    command = [debian_tool("dcm2niix", "dcm2niix"), "-z", "n", "-b", "n", "-f", "%j", "-o", tmp_path, folder]
    subprocess.run(command, check=True, capture_output=True)
    assert len(list(tmp_path.glob("*.nii"))) == len(AXES)
    for volume in volumes:
        uid = pydicom.dcmread(volume.instances[0].path, stop_before_pixels=True).SeriesInstanceUID
        _assert_same(*_from_nifti(nib.Nifti1Image.from_filename(tmp_path / f"{uid}.nii")), volume)


def _assert_same(numbers: Points, places: Points, volume: Volume) -> None:
    """Each number of a peer lies where ours does."""
    mine = volume.array.reshape(-1)
    np.testing.assert_array_equal(np.sort(numbers), np.sort(mine))
    apart = places[np.argsort(numbers)] - _places(volume.geometry)[np.argsort(mine)]
    assert np.abs(apart).max() < TOLERANCE_MM


def test_each_voxel_lies_where_highdicom_puts_it(folder: Path, volumes: list[Volume]) -> None:
    for number, volume in enumerate(volumes):
        paths = sorted((folder / f"{number:02d}").iterdir())
        peer = highdicom.get_volume_from_series([pydicom.dcmread(path) for path in paths])
        places = np.argwhere(np.ones(peer.spatial_shape)) @ peer.affine[:3, :3].T + peer.affine[:3, 3]
        _assert_same(peer.array.reshape(-1), places, volume)


def test_nifti_that_we_write_is_read_by_nibabel_at_the_same_places(tmp_path: Path, volumes: list[Volume]) -> None:
    for number, (axes, volume) in enumerate(zip(AXES, volumes, strict=True)):
        image = nib.Nifti1Image.from_filename(write_nifti(volume, tmp_path / f"{number}.nii"))
        _assert_numbers(*_from_nifti(image), _geometry(axes))
        np.testing.assert_allclose(image.header.get_qform(), image.header.get_sform(), atol=TOLERANCE_MM)


def test_nrrd_that_we_write_is_read_by_simpleitk_at_the_same_places(tmp_path: Path, volumes: list[Volume]) -> None:
    for number, (axes, volume) in enumerate(zip(AXES, volumes, strict=True)):
        image = SimpleITK.ReadImage(str(write_nrrd(volume, tmp_path / f"{number}.nrrd")))
        matrix = np.asarray(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
        places = np.argwhere(np.ones(image.GetSize())) @ matrix.T + image.GetOrigin()
        numbers = SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0).reshape(-1)
        _assert_numbers(numbers, places, _geometry(axes))


@pytest.mark.parametrize(
    ("sform", "qform"), [(1, 0), (0, 1), (2, 1), (1, 3), (4, 4)], ids=["s", "q", "s2 q1", "s1 q3", "both"]
)
def test_nifti_that_nibabel_writes_is_read_at_the_same_places(tmp_path: Path, sform: int, qform: int) -> None:
    """Arrays in any order of axes, left-handed ones too, with the place in sform, qform or both."""
    for number, axes in enumerate(AXES):
        geometry = _geometry(axes)
        affine = np.diag([*LPS_TO_RAS, 1.0]) @ geometry.index_to_patient
        image = nib.Nifti1Image(SAMPLES, None)
        image.header.set_zooms(SPACING_MM)
        if sform:
            image.set_sform(affine, code=sform)
        if qform:
            image.set_qform(affine, code=qform)
        path = tmp_path / f"{number}.nii"
        image.to_filename(path)
        (volume,) = assemble(file_series(path, "application/x-nifti")).volumes
        _assert_numbers(volume.array.reshape(-1), _places(volume.geometry), geometry)
