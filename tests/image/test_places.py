"""What a millimetre is worth: projections, ultrasound regions, reconstructions; and stacks with faults of their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from hounsfield.core.geometry import Calibration
from hounsfield.core.quality import Severity
from hounsfield.core.volume import SliceAxis
from hounsfield.errors import InconsistentSeries
from hounsfield.image.assemble import Assembly
from hounsfield.image.phantoms import (
    BodyPhantom,
    ChestPhantom,
    HeadPhantom,
    HeartPhantom,
    Pose,
    pose_geometry,
    write_chest,
    write_ct,
    write_enhanced_ct,
    write_head,
    write_heart,
    write_secondary_capture,
)
from tests.image.helpers import assemble_files, change, codes, digest, only_volume

REJECT, WARN, NOTE = Severity.REJECT, Severity.WARN, Severity.NOTE
MAGNIFICATION = "EstimatedRadiographicMagnificationFactor"


def _set(path: Path, **values: Any) -> Path:
    def edit(dataset: Dataset) -> None:
        for keyword, value in values.items():
            if value is None:
                dataset.pop(keyword, None)
            else:
                setattr(dataset, keyword, value)

    change(path, edit)
    return path


def _projection(folder: Path, modality: str, **values: Any) -> Any:
    path = write_chest(folder, ChestPhantom(rows=64, columns=72, width_mm=36.0))
    bare: dict[str, Any] = {"ImagerPixelSpacing": None, MAGNIFICATION: None}
    return only_volume([_set(path, Modality=modality, **{**bare, **values})]).geometry


@pytest.mark.parametrize("modality", ["DX", "CR", "MG", "XA", "RF", "PX", "IO"])
@pytest.mark.parametrize(
    ("values", "spacing", "calibration"),
    [
        ({"ImagerPixelSpacing": ["0.2", "0.1"]}, (0.2, 0.1), Calibration.DETECTOR),
        ({"ImagerPixelSpacing": ["0.2", "0.1"], MAGNIFICATION: "1.25"}, (0.16, 0.08), Calibration.PATIENT),
        ({"ImagerPixelSpacing": ["0.2", "0.1"], MAGNIFICATION: "0.5"}, (0.2, 0.1), Calibration.DETECTOR),
        ({"ImagerPixelSpacing": ["0.2", "0.1"], MAGNIFICATION: "0"}, (0.2, 0.1), Calibration.DETECTOR),
        (
            {"PixelSpacing": ["0.15", "0.15"], "PixelSpacingCalibrationType": "GEOMETRY"},
            (0.15, 0.15),
            Calibration.PATIENT,
        ),
        ({"PixelSpacing": ["0.15", "0.15"]}, (0.15, 0.15), Calibration.DETECTOR),
        ({"PixelSpacing": ["0", "0"], "ImagerPixelSpacing": ["0.2", "0.2"]}, (0.2, 0.2), Calibration.DETECTOR),
        ({"NominalScannedPixelSpacing": ["0.3", "0.3"]}, (0.3, 0.3), Calibration.DETECTOR),
    ],
)
def test_projections_of_every_modality(
    tmp_path: Path, modality: str, values: dict[str, Any], spacing: tuple[float, float], calibration: Calibration
) -> None:
    """PS3.3 10.7.1.1 and 10.7.1.3: the detector's spacing is the patient's only once it is corrected."""
    geometry = _projection(tmp_path, modality, **values)
    np.testing.assert_allclose((geometry.row_spacing_mm, geometry.column_spacing_mm), spacing)
    assert geometry.calibration is calibration


@pytest.mark.parametrize("modality", ["MG", "XA"])
def test_reconstructions_of_projections_lie_in_the_patient(tmp_path: Path, modality: str) -> None:
    """Planes of tomosynthesis and of rotational angiography have true spacing (PS3.3 C.7.6.16.2.1)."""
    phantom = BodyPhantom(pose_geometry((5, 24, 22), (1.0, 6.0, 7.0)))
    path = write_enhanced_ct(tmp_path, phantom)
    sop_class = {"MG": "1.2.840.10008.5.1.4.1.1.13.1.3", "XA": "1.2.840.10008.5.1.4.1.1.13.1.1"}[modality]
    volume = only_volume([_set(path, Modality=modality, SOPClassUID=sop_class)])
    assert volume.geometry.calibration is Calibration.PATIENT
    np.testing.assert_allclose(volume.geometry.spacing_mm, (1.0, 6.0, 7.0), atol=1e-9)
    assert volume.slice_axis is SliceAxis.SPACE


def _region(kind: int = 1, units: tuple[int, int] = (3, 3), deltas: tuple[float, float] = (0.02, 0.03)) -> Dataset:
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = kind, 1, 0
    region.PhysicalUnitsXDirection, region.PhysicalUnitsYDirection = units
    region.PhysicalDeltaX, region.PhysicalDeltaY = deltas
    return region


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ([_region()], (0.3, 0.2)),
        ([_region(deltas=(-0.02, 0.03))], (0.3, 0.2)),
        ([_region(), _region()], (0.3, 0.2)),
        # A spectrum (3) in seconds and cm/s beside the picture tells nothing of lengths.
        ([_region(), _region(3, (4, 7), (0.001, 0.5))], (0.3, 0.2)),
        ([_region(2, (4, 3), (0.01, 0.02)), _region()], (0.3, 0.2)),
        # Two pictures of different depth share no scale; a picture in pixels has none.
        ([_region(), _region(deltas=(0.05, 0.05))], None),
        ([_region(units=(0, 0))], None),
        ([_region(units=(3, 4))], None),
        ([_region(deltas=(0.0, 0.0))], None),
        ([], None),
    ],
)
def test_regions_of_ultrasound(tmp_path: Path, regions: list[Dataset], expected: tuple[float, float] | None) -> None:
    """PS3.3 C.8.5.5: physical deltas in centimetres, x along the row."""
    path = write_heart(tmp_path, HeartPhantom(frames=2, rows=40))
    assembly = assemble_files([_set(path, SequenceOfUltrasoundRegions=regions)])
    geometry = assembly.volumes[0].geometry
    if expected is None:
        assert geometry.calibration is Calibration.NONE
        assert codes(assembly.issues) == {"Q310": NOTE}
    else:
        assert geometry.calibration is Calibration.PATIENT
        np.testing.assert_allclose(geometry.spacing_mm[1:], expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"FrameTime": "40"}, [0, 0.04, 0.08, 0.12]),
        ({"FrameTime": None, "FrameTimeVector": ["0", "30", "50", "20"]}, [0, 0.03, 0.08, 0.1]),
        ({"FrameTime": None, "CineRate": "50"}, [0, 0.02, 0.04, 0.06]),
        ({"FrameTime": None, "RecommendedDisplayFrameRate": "10"}, [0, 0.1, 0.2, 0.3]),
        ({"FrameTime": "0", "CineRate": "20"}, [0, 0.05, 0.1, 0.15]),
        ({"FrameTime": None}, []),
    ],
)
def test_times_of_a_cine(tmp_path: Path, values: dict[str, Any], expected: list[float]) -> None:
    path = write_heart(tmp_path, HeartPhantom(frames=4, rows=40))
    volume = only_volume([_set(path, **values)])
    np.testing.assert_allclose(volume.frame_times_seconds, expected, atol=1e-12)
    assert volume.slice_axis is SliceAxis.TIME


def test_capture_with_an_aspect_but_no_spacing(tmp_path: Path) -> None:
    path = write_secondary_capture(tmp_path)
    geometry = only_volume([_set(path, PixelAspectRatio=[4, 3])]).geometry
    assert geometry.row_spacing_mm / geometry.column_spacing_mm == pytest.approx(4 / 3)
    assert geometry.calibration is Calibration.NONE


@pytest.mark.parametrize(
    "cosines", [[0, 0, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0], [2, 0, 0, 0, 1, 0], [1, 0, 0, 0, 1], [1, 0, 0, 0.1, 1, 0]]
)
def test_orientations_that_are_none_leave_slices_unplaced(tmp_path: Path, cosines: list[float]) -> None:
    paths = write_ct(tmp_path, BodyPhantom(pose_geometry((3, 20, 22), (5.0, 7.0, 7.0))))
    for path in paths:
        _set(path, ImageOrientationPatient=cosines)
    assembly = assemble_files(paths)
    assert len(assembly.volumes) == 3
    assert codes(assembly.issues) == {"Q320": WARN}


@pytest.fixture
def stack(tmp_path: Path) -> list[Path]:
    """Return an oblique series of ten slices, 4 mm apart, in the order of their positions."""
    geometry = pose_geometry((10, 24, 26), (4.0, 5.0, 5.0), Pose("axial", (20.0, -10.0, 35.0)))
    paths = write_ct(tmp_path, BodyPhantom(geometry))
    normal = np.asarray(geometry.direction)[:, 0]
    return sorted(paths, key=lambda path: float(np.dot(_position(path), normal)))


def _position(path: Path) -> list[float]:
    return [float(value) for value in pydicom.dcmread(path, stop_before_pixels=True).ImagePositionPatient]


def _shift(path: Path, along: int, distance_mm: float) -> None:
    """Move a slice along its own row (0), column (1) or normal (2)."""
    dataset = pydicom.dcmread(path)
    row, column = np.reshape([float(value) for value in dataset.ImageOrientationPatient], (2, 3))
    axis = (row, column, np.cross(row, column))[along]
    _set(path, ImagePositionPatient=[f"{value:.9f}" for value in np.array(_position(path)) + distance_mm * axis])


def _issues(assembly: Assembly) -> dict[str, Severity]:
    return codes(assembly.issues)


@pytest.mark.parametrize(
    ("distance_mm", "expected"),
    [
        (0.0099, {}),
        (0.0103, {"Q302": WARN}),
        (0.19, {"Q302": WARN}),
        (0.21, {"Q302": REJECT}),
        (-0.0099, {}),
        (-0.0103, {"Q302": WARN}),
    ],
)
def test_last_step_at_its_borders(stack: list[Path], distance_mm: float, expected: dict[str, Severity]) -> None:
    """0.01 mm warns and 5 % of 4 mm rejects (section 6.7 of the fact sheet)."""
    _shift(stack[-1], 2, distance_mm)
    assert _issues(assemble_files(stack)) == expected


@pytest.mark.parametrize(
    ("removed", "count", "gaps"),
    [([1], 1, 1), ([8], 1, 1), ([4, 5], 2, 1), ([2, 7], 2, 2), ([1, 3, 5], 3, 3), ([2, 3, 4, 5, 6], 5, 1)],
)
def test_missing_slices_are_counted_in_any_orientation(
    stack: list[Path], removed: list[int], count: int, gaps: int
) -> None:
    assembly = assemble_files([path for index, path in enumerate(stack) if index not in removed])
    assert _issues(assembly) == {"Q300": REJECT}
    assert assembly.issues[0].facts == {"count": count, "gaps": gaps, "median_mm": 4.0}


def test_ends_cut_off_cannot_be_seen(stack: list[Path]) -> None:
    assembly = assemble_files(stack[2:-3])
    assert assembly.issues == ()
    assert assembly.volumes[0].geometry.shape[0] == 5


@pytest.mark.parametrize("along", [0, 1])
@pytest.mark.parametrize(("distance_mm", "expected"), [(2.4, {}), (2.6, {"Q323": REJECT})])
def test_slice_beside_its_stack(
    stack: list[Path], along: int, distance_mm: float, expected: dict[str, Severity]
) -> None:
    """Half a pixel of 5 mm is the border."""
    _shift(stack[4], along, distance_mm)
    assert _issues(assemble_files(stack)) == expected


@pytest.mark.parametrize("along", [0, 1])
@pytest.mark.parametrize("drift_mm", [0.2, 1.0, -0.5])
def test_drift_of_a_stack_is_a_tilt(stack: list[Path], along: int, drift_mm: float) -> None:
    for index, path in enumerate(stack):
        _shift(path, along, drift_mm * index)
    with pytest.raises(InconsistentSeries) as caught:
        assemble_files(stack)
    assert caught.value.code == "E311"
    expected = np.degrees(np.arctan(abs(drift_mm) / 4.0))
    assert caught.value.facts["angle_degrees"] == pytest.approx(expected, abs=0.02)


def test_drift_below_a_twentieth_of_a_pixel_is_rounding(stack: list[Path]) -> None:
    for index, path in enumerate(stack):
        _shift(path, 0, 0.24 * index / 9)
    assert assemble_files(stack).issues == ()


@pytest.mark.parametrize(("turn", "is_split"), [(0.0005, False), (0.0015, True)])
def test_orientation_tolerance_of_a_stack(stack: list[Path], turn: float, is_split: bool) -> None:
    """Cosines may differ by 1e-3 (section 6.7)."""
    dataset = pydicom.dcmread(stack[5])
    row, column = np.reshape([float(value) for value in dataset.ImageOrientationPatient], (2, 3))
    turned = np.cos(turn) * row + np.sin(turn) * column, np.cos(turn) * column - np.sin(turn) * row
    largest = np.abs(np.concatenate(turned) - np.concatenate([row, column])).max()
    assert (largest > 1e-3) == is_split
    _set(stack[5], ImageOrientationPatient=[f"{value:.10f}" for value in np.concatenate(turned)])
    found = _issues(assemble_files(stack))
    assert found.get("Q304") == (WARN if is_split else None)


@pytest.mark.parametrize(("spacing", "is_split"), [("5.004", False), ("5.006", True)])
def test_spacing_tolerance_of_a_stack(stack: list[Path], spacing: str, is_split: bool) -> None:
    _set(stack[9], PixelSpacing=[spacing, "5"])
    assert ("Q306" in _issues(assemble_files(stack))) == is_split


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_a_faulty_series_says_the_same(stack: list[Path], tmp_path: Path, seed: int) -> None:
    """Gaps, a localiser and a duplicate at once: issues and volumes do not depend on the order of the files."""
    scout = _copy(stack[3], tmp_path / "scout.dcm", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    twin = _copy(stack[6], tmp_path / "twin.dcm")
    files = [*stack[:2], *stack[3:], scout, twin]
    expected = assemble_files(files)
    order = np.random.default_rng(seed).permutation(len(files))
    found = assemble_files([files[index] for index in order])
    assert found.issues == expected.issues
    assert [digest(volume) for volume in found.volumes] == [digest(volume) for volume in expected.volumes]
    assert _issues(found) == {"Q324": NOTE, "Q301": WARN, "Q300": REJECT}


def _copy(path: Path, target: Path, **values: Any) -> Path:
    dataset = pydicom.dcmread(path)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{len(target.name)}"
    dataset.save_as(target)
    return target


def _series(folder: Path, edits: list[Callable[[Dataset, int], None]], slices: int = 4) -> list[Path]:
    """Write one head series for each edit, all of one Series Instance UID; samples tell them apart."""
    paths = []
    for number, edit in enumerate(edits):
        phantom = HeadPhantom(pose_geometry((slices, 30, 32), (25.0, 6.0, 6.0)))
        for index, path in enumerate(write_head(folder / str(number), phantom)):

            def apply(dataset: Dataset, index: int = index, number: int = number, edit: Any = edit) -> None:
                dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = (
                    f"1.2.9.{number + 1}.{index + 1}"
                )
                dataset.PixelData = (np.frombuffer(dataset.PixelData, "<u2") // (number + 1)).tobytes()
                edit(dataset, index)

            change(path, apply)
            paths.append(path)
    return paths


def _marked(keyword: str, values: list[Any]) -> list[Callable[[Dataset, int], None]]:
    return [lambda dataset, index, value=value: setattr(dataset, keyword, value) for value in values]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("DiffusionBValue", [0.0, 500.0, 1000.0]),
        ("EchoTime", ["9.5", "20", "100"]),
        ("EchoNumbers", [1, 2, 10]),
        ("InversionTime", ["50", "400", "2500"]),
        ("FlipAngle", ["5", "15", "90"]),
        ("TemporalPositionIdentifier", [1, 2, 10]),
        ("AcquisitionNumber", [2, 9, 10]),
        ("SequenceName", ["*ep_b0", "*ep_b1000#1", "*ep_b1000#2"]),
        ("ImageType", [["DERIVED", "PRIMARY", "IN"], ["DERIVED", "PRIMARY", "OUT"], ["DERIVED", "PRIMARY", "WATER"]]),
    ],
)
def test_three_volumes_of_one_series_come_apart_in_order(tmp_path: Path, keyword: str, values: list[Any]) -> None:
    """Numbers sort as numbers: 9.5 before 20 before 100."""
    paths = _series(tmp_path, _marked(keyword, values))
    order = np.random.default_rng(8).permutation(len(paths))
    assembly = assemble_files([paths[index] for index in order])
    assert [volume.geometry.shape[0] for volume in assembly.volumes] == [4, 4, 4]
    first = assembly.volumes[0].array.astype(int)
    for number, volume in enumerate(assembly.volumes):
        np.testing.assert_array_equal(volume.array, first // (number + 1))
    assert assembly.issues[0].facts == {"count": 3, "attribute": keyword}
    assert _issues(assembly) == {"Q309": NOTE}


def test_echoes_of_every_time_point_come_apart(tmp_path: Path) -> None:
    """Two echoes at two times: four volumes."""
    edits = []
    for echo in ("10", "40"):
        for time in (1, 2):

            def edit(dataset: Dataset, index: int, echo: str = echo, time: int = time) -> None:
                dataset.EchoTime, dataset.TemporalPositionIdentifier = echo, time

            edits.append(edit)
    assembly = assemble_files(_series(tmp_path, edits))
    first = assembly.volumes[0].array.astype(int)
    assert len(assembly.volumes) == 4
    for number, volume in enumerate(assembly.volumes):
        np.testing.assert_array_equal(volume.array, first // (number + 1))


@pytest.mark.parametrize("keyword", ["TriggerTime", "AcquisitionTime"])
def test_phases_whose_times_differ_from_slice_to_slice(tmp_path: Path, keyword: str) -> None:
    """Gated cine: every slice has trigger times of its own, only their rank tells the phase."""

    def at(phase: int) -> Callable[[Dataset, int], None]:
        def edit(dataset: Dataset, index: int) -> None:
            value = f"10{index:02d}{10 * phase:02d}" if keyword == "AcquisitionTime" else f"{40 * phase + 3 * index}"
            setattr(dataset, keyword, value)

        return edit

    assembly = assemble_files(_series(tmp_path, [at(0), at(1), at(2)]))
    first = assembly.volumes[0].array.astype(int)
    assert [volume.geometry.shape[0] for volume in assembly.volumes] == [4, 4, 4]
    for number, volume in enumerate(assembly.volumes):
        np.testing.assert_array_equal(volume.array, first // (number + 1))


def test_time_point_with_a_slice_less_is_the_smaller_volume(tmp_path: Path) -> None:
    paths = _series(tmp_path, _marked("TemporalPositionIdentifier", [1, 2]))
    assembly = assemble_files([*paths[:-2], paths[-1]])
    assert [volume.geometry.shape[0] for volume in assembly.volumes] == [4, 3]
    assert [issue.code for issue in assembly.issues_of(1)] == ["Q309", "Q300"]
    assert [issue.code for issue in assembly.issues_of(0)] == ["Q309"]


@pytest.mark.parametrize(
    ("step_mm", "decimals", "severity"),
    [(0.625, 3, None), (0.625, 1, REJECT), (1.25, 1, WARN), (3.75, 1, WARN)],
)
def test_rounded_positions_give_the_true_step(
    tmp_path: Path, step_mm: float, decimals: int, severity: Severity | None
) -> None:
    """Scanners of the nineties wrote one decimal; the mean over the stack forgets the rounding."""
    paths = write_ct(tmp_path, BodyPhantom(pose_geometry((33, 16, 18), (step_mm, 9.0, 8.0))))
    for path in paths:
        _set(path, ImagePositionPatient=[f"{value:.{decimals}f}" for value in _position(path)])
    assembly = assemble_files(paths)
    assert _issues(assembly) == ({"Q302": severity} if severity else {})
    assert assembly.volumes[0].geometry.slice_spacing_mm == pytest.approx(step_mm, rel=0.003)


def test_ultrasound_volume_lies_in_its_own_frame(tmp_path: Path) -> None:
    """Enhanced US Volume keeps planes in the volume's frame: slices in space, but of no known side."""
    phantom = BodyPhantom(pose_geometry((6, 24, 22), (2.0, 3.0, 4.0), Pose("axial", (10.0, 5.0, -20.0))))
    path = write_enhanced_ct(tmp_path, phantom)
    before = only_volume([path])

    def edit(dataset: Dataset) -> None:
        dataset.Modality = "US"
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.6.2"
        (shared,) = dataset.SharedFunctionalGroupsSequence
        plane = Dataset()
        plane.ImageOrientationVolume = shared.PlaneOrientationSequence[0].ImageOrientationPatient
        shared.PlaneOrientationVolumeSequence = [plane]
        del shared.PlaneOrientationSequence
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            place = Dataset()
            place.ImagePositionVolume = frame.PlanePositionSequence[0].ImagePositionPatient
            frame.PlanePositionVolumeSequence = [place]
            del frame.PlanePositionSequence

    change(path, edit)
    assembly = assemble_files([path])
    (volume,) = assembly.volumes
    assert volume.slice_axis is SliceAxis.SPACE
    np.testing.assert_array_equal(volume.array, before.array)
    np.testing.assert_allclose(volume.geometry.spacing_mm, (2.0, 3.0, 4.0))
    assert _issues(assembly) == {"Q331": WARN}
