"""Series of several volumes come apart into those that were written, as many as dcm2niix finds."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from hounsfield.core.volume import SliceAxis, Volume
from hounsfield.image.phantoms import HeadPhantom, Pose, pose_geometry, write_head
from hounsfield.image.phantoms.writer import PhantomIdentity
from tests.image.helpers import assemble_files, change
from tests.image.mixtures import (
    GEOMETRY,
    SHAPE,
    Edit,
    content,
    diffusion,
    item,
    sets,
    volume_of,
    write_classic,
    write_multi_frame,
)

Tool = Callable[[str, str], Path]
DIRECTIONS = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.6, 0.8])


def _ge(b_value: int) -> Edit:
    def edit(dataset, index):
        block = dataset.private_block(0x0043, "GEMS_PARM_01", create=True)
        block.add_new(0x39, "IS", [b_value, 8, 0, 0])

    return edit


def _times(number: int) -> Edit:
    return lambda dataset, index: setattr(dataset, "AcquisitionTime", f"1015{number * 3 + index // 2:02d}")


CLASSIC: dict[str, list[Edit]] = {
    "echoes": [sets(EchoNumbers=n, EchoTime=str(10 * n)) for n in (1, 2, 3)],
    "echo times alone": [sets(EchoTime=str(10 * n)) for n in (1, 2, 3)],
    "temporal positions": [sets(TemporalPositionIdentifier=n, NumberOfTemporalPositions=5) for n in range(1, 6)],
    "acquisition numbers": [sets(AcquisitionNumber=n) for n in range(1, 6)],
    "acquisition times": [_times(n) for n in range(4)],
    "instance numbers alone": [_ge(b) for b in (0, 1000, 2000)],
    "trigger times": [sets(TriggerTime=str(40.0 * n)) for n in range(6)],
    "b-values": [sets(DiffusionBValue=float(b)) for b in (0, 500, 1000)],
    "directions": [
        sets(DiffusionBValue=0.0),
        *(sets(DiffusionBValue=1000.0, DiffusionGradientOrientation=way) for way in DIRECTIONS),
    ],
    "averages of b-values": [sets(DiffusionBValue=float(b), AcquisitionNumber=n) for b in (0, 800) for n in (1, 2)],
    "sequence names": [sets(SequenceName=name) for name in ("*ep_b0", "*ep_b1000#1", "*ep_b1000#2", "*ep_b1000#3")],
    "magnitude and phase": [sets(ImageType=["ORIGINAL", "PRIMARY", kind, "ND"]) for kind in "MP"],
    "Dixon": [
        sets(ImageType=["DERIVED", "PRIMARY", "DIXON", kind]) for kind in ("WATER", "FAT", "IN_PHASE", "OPP_PHASE")
    ],
    "echoes in time": [
        sets(EchoNumbers=e, EchoTime=str(10 * e), TemporalPositionIdentifier=t) for t in (1, 2, 3) for e in (1, 2)
    ],
    "phase and magnitude of echoes": [
        sets(EchoNumbers=e, EchoTime=str(10 * e), ImageType=["ORIGINAL", "PRIMARY", kind, "ND"])
        for e in (1, 2)
        for kind in "MP"
    ],
    "inversion times": [sets(InversionTime=str(n)) for n in (100, 400, 1600)],
    "flip angles": [sets(FlipAngle=str(n)) for n in (5, 20)],
}


def _frame_type(kind: str, component: str) -> Edit:
    return sets(
        MRImageFrameTypeSequence=[
            item(FrameType=["ORIGINAL", "PRIMARY", kind, "NONE"], ComplexImageComponent=component)
        ]
    )


def _both(*edits: Edit) -> Edit:
    def edit(group, index):
        for part in edits:
            part(group, index)

    return edit


ENHANCED: dict[str, list[Edit]] = {
    "temporal positions": [content(TemporalPositionIndex=n) for n in (1, 2, 3)],
    "acquisition numbers": [content(FrameAcquisitionNumber=n) for n in (1, 2, 3)],
    "echoes": [sets(MREchoSequence=[item(EffectiveEchoTime=10.0 * n)]) for n in (1, 2, 3)],
    "b-values": [sets(MRDiffusionSequence=[diffusion(b)]) for b in (0.0, 500.0, 1000.0)],
    "directions": [
        sets(MRDiffusionSequence=[diffusion(0.0)]),
        *(sets(MRDiffusionSequence=[diffusion(1000.0, way)]) for way in DIRECTIONS),
    ],
    "magnitude and phase": [_frame_type("M", "MAGNITUDE"), _frame_type("P", "PHASE")],
    "echoes in time": [
        _both(sets(MREchoSequence=[item(EffectiveEchoTime=10.0 * e)]), content(TemporalPositionIndex=t))
        for t in (1, 2, 3)
        for e in (1, 2)
    ],
    "dimension index alone": [sets() for _ in range(3)],
    "flip angles": [sets(MRTimingAndRelatedParametersSequence=[item(FlipAngle=n)]) for n in (5.0, 20.0)],
    "inversion times": [sets(MRModifierSequence=[item(InversionTimes=[n])]) for n in (100.0, 400.0)],
}


def _assert_each_is_there(volumes: tuple[Volume, ...], count: int) -> None:
    """Every volume that was written came back once, with all its slices in their places."""
    found = sorted(volumes, key=lambda volume: int(volume.array.min()))
    assert [volume.geometry.shape for volume in found] == [SHAPE] * count
    for number, volume in enumerate(found):
        np.testing.assert_array_equal(volume.array, volume_of(number))
        np.testing.assert_allclose(volume.geometry.index_to_patient, GEOMETRY.index_to_patient, atol=1e-4)


@pytest.mark.parametrize("order", ["blocks", "slices"])
@pytest.mark.parametrize("name", CLASSIC)
def test_volumes_of_a_classic_series_come_apart(tmp_path: Path, name: str, order: str) -> None:
    folder = write_classic(tmp_path, name, CLASSIC[name], order)
    assembly = assemble_files(sorted(folder.rglob("*.dcm")))
    _assert_each_is_there(assembly.volumes, len(CLASSIC[name]))
    assert {issue.code for issue in assembly.issues} <= {"Q309"}


@pytest.mark.parametrize("order", ["volumes", "slices", "shuffled"])
@pytest.mark.parametrize("name", ENHANCED)
def test_volumes_of_an_enhanced_object_come_apart(tmp_path: Path, name: str, order: str) -> None:
    folder = write_multi_frame(tmp_path, name, ENHANCED[name], order, has_index=name.startswith("dimension"))
    assembly = assemble_files(folder.rglob("*.dcm"))
    _assert_each_is_there(assembly.volumes, len(ENHANCED[name]))
    assert {issue.code for issue in assembly.issues} <= {"Q309"}


def test_as_many_volumes_are_found_as_dcm2niix_finds(tmp_path: Path, debian_tool: Tool) -> None:
    """The volumes of each classic series have the shape and the samples of those of dcm2niix, in however many files.

    Of enhanced objects number and shape are compared: where anything but a b-value differs, dcm2niix of Debian 12
    stores the slices of these objects in the order of their frames.
    """
    written: dict[str, tuple[int, bool]] = {}
    for name, edits in CLASSIC.items():
        folder = write_classic(tmp_path / "in" / "classic" / name, f"classic {name}", edits)
        written[_series_of(folder)] = (len(edits), True)
    for name, edits in ENHANCED.items():
        folder = write_multi_frame(tmp_path / "in" / "enhanced" / name, f"enhanced {name}", edits, has_index=True)
        written[_series_of(folder)] = (len(edits), False)
    (tmp_path / "out").mkdir()
    _convert(debian_tool, tmp_path / "in", tmp_path / "out")
    for uid, (count, is_classic) in written.items():
        # Volumes of repeated b-values are written twice, once more as what dcm2niix takes for a diffusion map.
        once: dict[bytes, np.ndarray] = {}
        for path in (tmp_path / "out").glob(f"{uid}*.nii"):
            data = np.asarray(nib.Nifti1Image.from_filename(path).dataobj)
            parts = np.moveaxis(data.reshape(*data.shape[:3], -1), 3, 0)
            once |= {part.tobytes(): part[:, ::-1].transpose(2, 1, 0) for part in parts}
        assert [part.shape for part in once.values()] == [SHAPE] * count
        if is_classic:
            for number, part in enumerate(sorted(once.values(), key=lambda part: int(part.min()))):
                np.testing.assert_array_equal(part, volume_of(number))


def _convert(tool: Tool, source: Path, target: Path) -> None:
    command = [tool("dcm2niix", "dcm2niix"), "-z", "n", "-b", "n", "-f", "%j", "-o", target, source]
    subprocess.run(command, check=True, capture_output=True)


def _series_of(folder: Path) -> str:
    return str(pydicom.dcmread(next(folder.rglob("*.dcm")), stop_before_pixels=True).SeriesInstanceUID)


def test_images_of_one_place_without_a_clock_are_frames_in_their_order(tmp_path: Path) -> None:
    """Single images of a dynamic series that nothing but Instance Number orders are not thrown away."""
    folder = write_classic(tmp_path, "one place", [sets() for _ in range(5)])
    middle = [path for path in folder.rglob("*.dcm") if int(path.stem.split("_")[-1]) == 2]
    (volume,) = (assembly := assemble_files(middle)).volumes
    assert volume.slice_axis is SliceAxis.TIME
    assert volume.frame_times_seconds == ()
    np.testing.assert_array_equal(volume.array, [volume_of(number)[2] for number in range(5)])
    assert assembly.issues == ()


def test_images_with_one_number_at_one_place_are_still_left_out(tmp_path: Path) -> None:
    folder = write_classic(tmp_path, "twice", [sets(InstanceNumber=7), sets(InstanceNumber=7)])
    assembly = assemble_files(sorted(folder.rglob("*.dcm")))
    assert [volume.geometry.shape for volume in assembly.volumes] == [SHAPE]
    assert {issue.code for issue in assembly.issues} == {"Q301"}


def test_localisers_in_three_planes_are_apart_from_the_series_they_are_in(tmp_path: Path, debian_tool: Tool) -> None:
    folder = tmp_path / "in"
    write_head(folder / "series", HeadPhantom(GEOMETRY), PhantomIdentity("mixed"))
    for plane in ("axial", "coronal", "sagittal"):
        geometry = pose_geometry((1, 20, 22), (9.0, 10.0, 9.0), Pose(plane))
        (path,) = write_head(folder / plane, HeadPhantom(geometry), PhantomIdentity("mixed"))
        change(path, _localizer(plane))
    volumes = (assembly := assemble_files(sorted(folder.rglob("*.dcm")))).volumes
    assert sorted(volume.geometry.shape for volume in volumes) == [(1, 20, 22)] * 3 + [SHAPE]
    assert {issue.code for issue in assembly.issues} == {"Q324"}
    (tmp_path / "out").mkdir()
    _convert(debian_tool, folder, tmp_path / "out")
    shapes = sorted(nib.Nifti1Image.from_filename(path).shape for path in (tmp_path / "out").glob("*.nii"))
    assert shapes == sorted([SHAPE[::-1], *[(22, 20, 1)] * 3])


def _localizer(plane: str) -> Callable[[pydicom.Dataset], None]:
    def edit(dataset: pydicom.Dataset) -> None:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        uid = f"{dataset.SOPInstanceUID[:50]}.{len(plane)}"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid

    return edit
