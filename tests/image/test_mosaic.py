"""Siemens mosaics beside nibabel's own reading and dcm2niix's, and CSA headers that are damaged."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from nibabel.nicom.csareader import read as read_csa_peer
from nibabel.nicom.dicomwrappers import wrapper_from_file

from hounsfield.core.quality import Severity
from hounsfield.core.volume import SliceAxis
from hounsfield.errors import HounsfieldError, Undecodable, UnsupportedModality
from hounsfield.image.csa import MAXIMUM_ITEMS, MAXIMUM_TAGS, read_csa
from hounsfield.image.lazy import open_lazily
from hounsfield.image.nifti import to_nifti_affine
from hounsfield.image.phantoms import Pose, pose_geometry
from tests.image.helpers import assemble_files, change, codes, series_of
from tests.image.mosaics import Plan, csa_header, write_mosaic

Tool = Callable[[str, str], Path]
POSES = {
    "axial": Pose(),
    "coronal": Pose("coronal"),
    "oblique": Pose("axial", (12.0, -20.0, 31.0), (5.0, -3.0, 8.0)),
}
TAGS = {
    "NumberOfImagesInMosaic": ("US", ["7"]),
    "SliceNormalVector": ("FD", ["0.0", "0.6", "0.8"]),
    "Words": ("LO", ["one", "two words"]),
}


def made(pose: str = "oblique", count: int = 7) -> tuple[object, np.ndarray]:
    geometry = pose_geometry((count, 10, 14), (4.0, 2.5, 2.0), POSES[pose])
    return geometry, np.random.default_rng(count).integers(1, 4000, geometry.shape).astype(np.uint16)


@pytest.mark.parametrize("runs_back", [False, True], ids=["along", "against"])
@pytest.mark.parametrize(
    ("pose", "count"), [("axial", 4), ("coronal", 7), ("oblique", 7), ("oblique", 10), ("axial", 1)]
)
def test_slices_of_a_mosaic_lie_where_they_were_drawn(tmp_path: Path, pose: str, count: int, runs_back: bool) -> None:
    geometry, samples = made(pose, count)
    path = write_mosaic(tmp_path, geometry, samples, Plan(runs_back=runs_back))
    (volume,) = (assembly := assemble_files([path])).volumes
    assert assembly.issues == ()
    np.testing.assert_array_equal(volume.array, samples)
    np.testing.assert_allclose(volume.geometry.index_to_patient, geometry.index_to_patient, atol=1e-4)
    assert volume.slice_axis is (SliceAxis.SPACE if count > 1 else SliceAxis.SINGLE)
    assert {volume.source_of(index) for index in range(count)} == {(volume.instances[0], 0)}


@pytest.mark.parametrize("runs_back", [False, True], ids=["along", "against"])
@pytest.mark.parametrize("pose", POSES)
def test_mosaic_is_what_nibabel_reads(tmp_path: Path, pose: str, runs_back: bool) -> None:
    path = write_mosaic(tmp_path, *made(pose), Plan(runs_back=runs_back))
    peer = wrapper_from_file(path)
    assert peer.is_mosaic
    (volume,) = assemble_files([path]).volumes
    data = np.asarray(peer.get_data())
    # nibabel: (row, column, slice) to LPS, slices as stored; ours run along the normal of the orientation.
    theirs = peer.affine[:, [2, 0, 1, 3]]
    order = -1 if runs_back else 1
    np.testing.assert_array_equal(volume.array, np.moveaxis(data, 2, 0)[::order])
    turn = np.diag([order, 1.0, 1.0, 1.0])
    turn[0, 3] = volume.geometry.shape[0] - 1 if runs_back else 0
    np.testing.assert_allclose(volume.geometry.index_to_patient, theirs @ turn, atol=1e-4)


def _convert(tool: Tool, source: Path, target: Path) -> None:
    command = [tool("dcm2niix", "dcm2niix"), "-z", "n", "-b", "n", "-o", target, source]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize("runs_back", [False, True], ids=["along", "against"])
def test_mosaics_are_what_dcm2niix_converts(tmp_path: Path, debian_tool: Tool, runs_back: bool) -> None:
    for pose in POSES:
        write_mosaic(tmp_path / pose, *made(pose), Plan(runs_back=runs_back))
        (tmp_path / "out" / pose).mkdir(parents=True)
        command = [
            debian_tool("dcm2niix", "dcm2niix"),
            "-z",
            "n",
            "-b",
            "n",
            "-o",
            tmp_path / "out" / pose,
            tmp_path / pose,
        ]
        subprocess.run(command, check=True, capture_output=True)
        (name,) = (tmp_path / "out" / pose).glob("*.nii")
        image = nib.Nifti1Image.from_filename(name)
        (volume,) = assemble_files(list((tmp_path / pose).iterdir())).volumes
        ours, shape = to_nifti_affine(volume.geometry), np.array(image.shape)
        turn = np.linalg.inv(ours) @ image.affine
        signs = np.diag(np.rint(turn))[:3]
        start = np.where(signs < 0, shape - 1, 0)
        points = np.array([start, start + signs * (shape - 1)])
        ends = np.array([[0, 0, 0], shape - 1])
        np.testing.assert_allclose(
            points @ ours[:3, :3].T + ours[:3, 3], ends @ image.affine[:3, :3].T + image.affine[:3, 3], atol=1e-4
        )
        flipped = np.asarray(image.dataobj)[tuple(slice(None, None, int(sign)) for sign in signs)]
        np.testing.assert_array_equal(volume.array.transpose(2, 1, 0), flipped)


def test_mosaics_of_a_run_are_volumes_in_time(tmp_path: Path, debian_tool: Tool) -> None:
    geometry, samples = made()
    paths = [write_mosaic(tmp_path / "in", geometry, samples // (1 + time), Plan(time=time)) for time in range(5)]
    volumes = assemble_files(paths[::-1]).volumes
    assert len(volumes) == 5
    for time_index, volume in enumerate(volumes):
        np.testing.assert_array_equal(volume.array, samples // (1 + time_index))
    (tmp_path / "out").mkdir()
    _convert(debian_tool, tmp_path / "in", tmp_path / "out")
    (name,) = (tmp_path / "out").glob("*.nii")
    assert nib.Nifti1Image.from_filename(name).shape == (14, 10, 7, 5)


def test_mosaic_is_read_part_by_part(tmp_path: Path) -> None:
    geometry, samples = made()
    (lazy,) = open_lazily(series_of([write_mosaic(tmp_path, geometry, samples)]))
    np.testing.assert_array_equal(lazy.read(2, 5).array, samples[2:5])


def test_number_of_slices_of_newer_software_is_taken_and_its_direction_is_doubted(tmp_path: Path) -> None:
    geometry, samples = made()
    path = write_mosaic(tmp_path, geometry, samples, Plan(has_csa=False, has_count=True))
    assembly = assemble_files([path])
    assert codes(assembly.issues) == {"E331": Severity.WARN}
    np.testing.assert_array_equal(assembly.volumes[0].array, samples)


def _spoil(**changes: object) -> Callable[[pydicom.Dataset], None]:
    def edit(dataset: pydicom.Dataset) -> None:
        for keyword, value in changes.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)

    return edit


def _csa(raw: bytes) -> Callable[[pydicom.Dataset], None]:
    return lambda dataset: setattr(dataset[0x0029, 0x1010], "value", raw)


@pytest.mark.parametrize(
    "edit",
    [
        _csa(b"SV10"),
        _csa(csa_header({"Words": ("LO", ["one"])})),
        _csa(csa_header({**TAGS, "NumberOfImagesInMosaic": ("US", ["0"])})),
        _csa(csa_header({**TAGS, "NumberOfImagesInMosaic": ("US", ["2.5"])})),
        _csa(csa_header({**TAGS, "NumberOfImagesInMosaic": ("US", ["nan"])})),
        _csa(csa_header({**TAGS, "NumberOfImagesInMosaic": ("US", ["99999999"])})),
        _csa(csa_header({**TAGS, "NumberOfImagesInMosaic": ("US", ["17"])})),
        _csa(csa_header({**TAGS, "SliceNormalVector": ("FD", ["1", "0", "0"])})),
        _spoil(ImageOrientationPatient=None),
        _spoil(PixelSpacing=None),
        _spoil(SpacingBetweenSlices=None, SliceThickness=None),
    ],
)
def test_a_mosaic_that_cannot_be_taken_apart_is_refused(
    tmp_path: Path, edit: Callable[[pydicom.Dataset], None]
) -> None:
    path = write_mosaic(tmp_path, *made("axial"))
    change(path, edit)
    with pytest.raises(UnsupportedModality) as caught:
        assemble_files([path])
    assert caught.value.code == "E330"


# ---- the CSA header by itself


def test_csa_header_is_what_nibabel_reads() -> None:
    raw = csa_header(TAGS)
    found, peer = read_csa(raw, TAGS), read_csa_peer(raw)["tags"]
    assert found.numbers("NumberOfImagesInMosaic") == tuple(peer["NumberOfImagesInMosaic"]["items"]) == (7.0,)
    assert found.numbers("SliceNormalVector") == tuple(peer["SliceNormalVector"]["items"]) == (0.0, 0.6, 0.8)
    assert list(found.values["Words"]) == [item for item in peer["Words"]["items"] if item] == ["one", "two words"]
    assert found.numbers("Words") == found.numbers("Absent") == ()
    assert set(read_csa(raw, ["Words"]).values) == {"Words"}


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (8, 0),
        (8, MAXIMUM_TAGS + 1),
        (8, 4),
        (16 + 76, -1),
        (16 + 76, MAXIMUM_ITEMS + 1),
        (16 + 84 + 4, 1 << 30),
        (104, -5),
    ],
)
def test_counts_and_lengths_beyond_the_header_are_refused(offset: int, value: int) -> None:
    raw = bytearray(csa_header(TAGS))
    raw[offset : offset + 4] = value.to_bytes(4, "little", signed=True)
    with pytest.raises(Undecodable) as caught:
        read_csa(bytes(raw), TAGS, "1.2.3")
    assert (caught.value.code, caught.value.uid) == ("E329", "1.2.3")


def test_damaged_csa_headers_are_read_or_refused() -> None:
    """600 seeded mutations: bytes changed, cut off, doubled, or counts and lengths made extreme."""
    generator, refusals, reads = np.random.default_rng(29), list[str](), 0
    began = time.monotonic()
    for _ in range(600):
        raw = bytearray(csa_header(TAGS))
        for _ in range(generator.integers(1, 6)):
            place = int(generator.integers(0, len(raw)))
            kind = generator.integers(0, 4)
            if kind == 0:
                raw[place] = int(generator.integers(0, 256))
            elif kind == 1:
                raw = raw[: place + 1]
            elif kind == 2:
                raw[place:place] = raw[place : place + int(generator.integers(0, 200))]
            else:
                extreme = generator.choice([0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 0, 1025, 65535])
                raw[place : place + 4] = int(extreme).to_bytes(4, "little")
        try:
            found = read_csa(bytes(raw), TAGS)
        except HounsfieldError as error:
            refusals.append(error.code)
        else:
            reads += 1
            assert set(found.values) <= set(TAGS)
    assert set(refusals) == {"E329"}
    assert min(reads, len(refusals)) > 50
    assert time.monotonic() - began < 60  # a hang, not a speed


def test_damaged_mosaics_are_read_or_refused(tmp_path: Path) -> None:
    generator = np.random.default_rng(31)
    path = write_mosaic(tmp_path, *made("axial"))
    raw, refusals = bytes(pydicom.dcmread(path)[0x0029, 0x1010].value), []
    for _ in range(60):
        damaged = bytearray(raw)
        for _ in range(4):
            damaged[int(generator.integers(0, len(raw)))] = int(generator.integers(0, 256))
        change(path, _csa(bytes(damaged)))
        try:
            (volume,) = assemble_files([path]).volumes
        except HounsfieldError as error:
            refusals.append(error.code)
        else:
            assert volume.array.size <= 30 * 42
    assert set(refusals) <= {"E330"}


def test_mosaics_beside_plain_images_and_of_one_slice_are_not_taken_for_one_another(tmp_path: Path) -> None:
    """Headers of a series are compared with that of its first file; what a mosaic holds is not in what is compared."""
    geometry, samples = made("axial", 1)
    paths = [write_mosaic(tmp_path, geometry, samples, Plan(time=time)) for time in range(7)]
    larger, slices = made("coronal", 4)
    paths[3] = write_mosaic(tmp_path, larger, slices, Plan(time=3))
    assembly = assemble_files(paths)
    assert sorted(volume.geometry.shape[0] for volume in assembly.volumes) == [4, 6]
    (volume,) = (volume for volume in assembly.volumes if volume.geometry.shape[0] == 4)
    np.testing.assert_array_equal(volume.array, slices)
