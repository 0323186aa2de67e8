"""Each planted fault of a series yields exactly its issue."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from hounsfield.core.quality import Severity
from hounsfield.errors import InconsistentSeries, Undecodable, UnsupportedModality
from hounsfield.image.assemble import Assembly, assemble
from hounsfield.image.phantoms import BodyPhantom, pose_geometry, write_ct
from tests.image.helpers import PYDICOM_FILES, assemble_files, change, codes, instance_of, series_of

REJECT, WARN, NOTE = Severity.REJECT, Severity.WARN, Severity.NOTE


@pytest.fixture
def stack(tmp_path: Path) -> list[Path]:
    """Return the files of a CT series in the order of their positions."""
    paths = write_ct(tmp_path, BodyPhantom(pose_geometry((12, 40, 44), (5.0, 3.0, 3.0))))
    return sorted(paths, key=lambda path: float(pydicom.dcmread(path).ImagePositionPatient[2]))


def _set(**values: object) -> Callable[[Dataset], None]:
    def edit(dataset: Dataset) -> None:
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return edit


def _moved(offset_mm: tuple[float, float, float]) -> Callable[[Dataset], None]:
    def edit(dataset: Dataset) -> None:
        position = [float(value) + step for value, step in zip(dataset.ImagePositionPatient, offset_mm, strict=True)]
        dataset.ImagePositionPatient = [f"{value:.6f}" for value in position]

    return edit


def _copy(path: Path, name: str, edit: Callable[[Dataset], None]) -> Path:
    dataset = pydicom.dcmread(path)
    edit(dataset)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    target = path.with_name(name)
    dataset.save_as(target)
    return target


def _sizes(assembly: Assembly) -> list[int]:
    return [volume.geometry.shape[0] for volume in assembly.volumes]


def test_a_sound_series_has_no_issue(stack: list[Path]) -> None:
    assert assemble_files(stack).issues == ()


def test_one_missing_slice(stack: list[Path]) -> None:
    assembly = assemble_files(stack[:5] + stack[6:])
    assert codes(assembly.issues) == {"Q300": REJECT}
    assert assembly.issues[0].facts == {"count": 1, "gaps": 1, "median_mm": 5.0}
    assert assembly.volumes[0].geometry.slice_spacing_mm == pytest.approx(5.0)


def test_several_missing_slices(stack: list[Path]) -> None:
    assembly = assemble_files([stack[0], *stack[3:7], *stack[9:]])
    assert assembly.issues[0].facts["count"] == 4
    assert assembly.issues[0].facts["gaps"] == 2


def test_every_other_slice_missing_at_one_end(stack: list[Path]) -> None:
    assembly = assemble_files([*stack[:4], stack[5], stack[7], stack[9], stack[11]])
    assert codes(assembly.issues) == {"Q300": REJECT}
    assert assembly.issues[0].facts["count"] == 4


def test_same_file_twice(stack: list[Path], tmp_path: Path) -> None:
    again = tmp_path / "again.dcm"
    again.write_bytes(stack[3].read_bytes())
    assembly = assemble_files([*stack, again])
    assert codes(assembly.issues) == {"Q301": WARN}
    assert _sizes(assembly) == [12]


def test_duplicate_position(stack: list[Path]) -> None:
    assembly = assemble_files([*stack, _copy(stack[3], "again.dcm", lambda dataset: None)])
    assert codes(assembly.issues) == {"Q301": WARN}
    assert assembly.issues[0].facts == {"count": 1}
    assert _sizes(assembly) == [12]


@pytest.mark.parametrize(("offset_mm", "severity"), [(0.02, WARN), (0.2, WARN), (0.6, REJECT), (1.7, REJECT)])
def test_uneven_steps(stack: list[Path], offset_mm: float, severity: Severity) -> None:
    change(stack[6], _moved((0.0, 0.0, offset_mm)))
    assert codes(assemble_files(stack).issues) == {"Q302": severity}


def test_rounded_positions_are_no_fault(stack: list[Path]) -> None:
    change(stack[6], _moved((0.0, 0.0, 0.004)))
    assert assemble_files(stack).issues == ()


@pytest.mark.parametrize("angle", [0.5, 8.0, 30.0])
def test_gantry_tilt_is_never_ignored(stack: list[Path], angle: float) -> None:
    for index, path in enumerate(stack):
        change(path, _moved((0.0, index * 5.0 * float(np.tan(np.radians(angle))), 0.0)))
    with pytest.raises(InconsistentSeries) as caught:
        assemble_files(stack)
    assert caught.value.code == "E311"
    assert caught.value.facts["angle_degrees"] == pytest.approx(angle, abs=0.02)


def test_declared_tilt_without_a_trace_of_it(stack: list[Path]) -> None:
    for path in stack:
        change(path, _set(GantryDetectorTilt="12"))
    assert codes(assemble_files(stack).issues) == {"Q319": WARN}


def test_sideways_slice(stack: list[Path]) -> None:
    change(stack[6], _moved((6.0, 0.0, 0.0)))
    assert codes(assemble_files(stack).issues) == {"Q323": REJECT}


def test_localiser_is_separated(stack: list[Path]) -> None:
    scout = _copy(
        stack[0],
        "scout.dcm",
        _set(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], ImageOrientationPatient=[1, 0, 0, 0, 0, -1]),
    )
    assembly = assemble_files([scout, *stack])
    assert codes(assembly.issues) == {"Q324": NOTE}
    assert _sizes(assembly) == [12, 1]


def test_mixed_orientations(stack: list[Path]) -> None:
    for index, path in enumerate(stack[:4]):
        change(path, _set(ImageOrientationPatient=[1, 0, 0, 0, 0, -1], ImagePositionPatient=[0, index * 5, 0]))
    assembly = assemble_files(stack)
    assert codes(assembly.issues) == {"Q304": WARN}
    assert _sizes(assembly) == [8, 4]


def test_mixed_frames_of_reference(stack: list[Path]) -> None:
    for path in stack[:6]:
        change(path, _set(FrameOfReferenceUID="1.2.3.4"))
    assembly = assemble_files(stack)
    assert codes(assembly.issues) == {"Q305": WARN}
    assert _sizes(assembly) == [6, 6]


def test_mixed_pixel_spacing(stack: list[Path]) -> None:
    for path in stack[:6]:
        change(path, _set(PixelSpacing=["2", "2"]))
    assert codes(assemble_files(stack).issues) == {"Q306": WARN}


def test_mixed_sizes(stack: list[Path]) -> None:
    for path in stack[:6]:
        change(path, _set(Rows=20, PixelData=b"\1\0" * (20 * 44)))
    assembly = assemble_files(stack)
    assert codes(assembly.issues) == {"Q307": WARN}
    assert {volume.geometry.shape for volume in assembly.volumes} == {(6, 40, 44), (6, 20, 44)}


def test_mixed_series(stack: list[Path]) -> None:
    for path in stack[:6]:
        change(path, _set(SeriesInstanceUID="1.2.3.4.5"))
    assert codes(assemble_files(stack).issues) == {"Q308": REJECT}


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("EchoTime", "80"),
        ("TemporalPositionIdentifier", 2),
        ("AcquisitionNumber", 2),
        ("DiffusionBValue", 1000.0),
        ("ImageType", ["ORIGINAL", "PRIMARY", "OTHER", "PHASE"]),
    ],
)
def test_two_images_at_each_position_become_two_volumes(stack: list[Path], keyword: str, value: object) -> None:
    for path in stack:
        change(path, _set(EchoTime="20", TemporalPositionIdentifier=1, AcquisitionNumber=1))
    twins = [_copy(path, f"twin_{path.name}", _set(**{keyword: value})) for path in stack]
    assembly = assemble_files([*twins, *stack])
    assert codes(assembly.issues) == {"Q309": NOTE}
    assert assembly.issues[0].facts == {"count": 2, "attribute": keyword}
    assert _sizes(assembly) == [12, 12]
    np.testing.assert_array_equal(assembly.volumes[0].array, assembly.volumes[1].array)


def test_times_that_differ_from_slice_to_slice_rank_the_images(stack: list[Path]) -> None:
    copies = []
    for index, path in enumerate(stack):
        change(path, _set(AcquisitionTime=f"1000{index:02d}"))
        copies.append(_copy(path, f"later_{path.name}", _set(AcquisitionTime=f"1010{index:02d}")))
    assembly = assemble_files([*copies, *stack])
    assert _sizes(assembly) == [12, 12]
    assert codes(assembly.issues) == {"Q309": NOTE}
    first = [pydicom.dcmread(instance.path).AcquisitionTime for instance in assembly.volumes[0].instances]
    assert all(time.startswith("1000") for time in first)


def test_one_position_through_time_is_one_volume(stack: list[Path]) -> None:
    phases = [_copy(stack[0], f"phase{i}.dcm", _set(TriggerTime=str(i * 40))) for i in range(8)]
    assembly = assemble_files(phases[::-1])
    volume = assembly.volumes[0]
    assert volume.geometry.shape[0] == 8
    assert volume.slice_axis == "time"
    np.testing.assert_allclose(volume.frame_times_seconds, np.arange(8) * 0.04)
    assert assembly.issues == ()


def test_images_without_positions(stack: list[Path]) -> None:
    for path in stack:
        change(path, lambda dataset: delattr(dataset, "ImagePositionPatient"))
    assembly = assemble_files(stack)
    assert codes(assembly.issues) == {"Q320": WARN}
    assert _sizes(assembly) == [1] * 12


def test_missing_pixel_spacing(stack: list[Path]) -> None:
    for path in stack:
        change(path, lambda dataset: delattr(dataset, "PixelSpacing"))
    assert codes(assemble_files(stack).issues) == {"Q310": WARN}


def test_lossy_compression_is_noted(stack: list[Path]) -> None:
    for path in stack:
        change(path, _set(LossyImageCompression="01", LossyImageCompressionRatio="12"))
    assembly = assemble_files(stack)
    assert codes(assembly.issues) == {"Q316": NOTE}
    assert "12" in str(assembly.issues[0].facts["method"])


def test_padding_is_noted(stack: list[Path]) -> None:
    for path in stack:
        change(path, lambda dataset: dataset.add_new("PixelPaddingValue", "US", 24))
    assembly = assemble_files(stack)
    assert codes(assembly.issues) == {"Q317": NOTE}
    assert assembly.volumes[0].presentation.padding == (-1000.0, -1000.0)


@pytest.mark.parametrize(
    ("values", "quantity", "code"),
    [
        ({"RescaleType": "HU"}, "HOUNSFIELD", None),
        ({"RescaleType": ""}, "HOUNSFIELD", None),
        ({"RescaleType": "US"}, "ARBITRARY", "Q322"),
        ({"RescaleType": "", "ImageType": ["DERIVED", "SECONDARY", "MPR"]}, "HOUNSFIELD", "Q321"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "RescaleType": ""}, "ARBITRARY", None),
    ],
)
def test_hounsfield_units_are_not_taken_for_granted(
    stack: list[Path], values: dict[str, object], quantity: str, code: str | None
) -> None:
    for path in stack:
        change(path, _set(**values))
    assembly = assemble_files(stack)
    assert assembly.volumes[0].quantity.name == quantity
    assert set(codes(assembly.issues)) == ({code} if code else set())


def test_broken_slice_refuses_the_volume(stack: list[Path]) -> None:
    raw = stack[4].read_bytes()
    stack[4].write_bytes(raw[: len(raw) // 2])
    with pytest.raises(Undecodable):
        assemble_files(stack)


def test_one_bad_stack_beside_a_good_one_becomes_an_issue(stack: list[Path]) -> None:
    tilted = []
    for index, path in enumerate(stack[:6]):
        copy = _copy(path, f"tilt_{path.name}", _moved((0.0, index * 2.0, 0.0)))
        change(copy, _set(FrameOfReferenceUID="1.2.3.4"))
        tilted.append(copy)
    assembly = assemble_files([*stack, *tilted])
    found = codes(assembly.issues)
    assert found == {"Q305": WARN, "E311": REJECT}
    assert _sizes(assembly) == [12]
    assert [issue.code for issue in assembly.issues_of(0)] == ["Q305"]


def test_report_among_images_is_noted(stack: list[Path]) -> None:
    series = series_of([*stack, PYDICOM_FILES / "test-SR.dcm"])
    assembly = assemble(series)
    assert codes(assembly.issues) == {"E305": NOTE}
    assert _sizes(assembly) == [12]


def test_empty_series_is_refused(stack: list[Path]) -> None:
    from dataclasses import replace

    with pytest.raises(UnsupportedModality) as caught:
        assemble(replace(series_of(stack), instances=()))
    assert caught.value.code == "E315"


def test_dicom_and_other_files_are_not_mixed(stack: list[Path]) -> None:
    from dataclasses import replace

    series = series_of(stack)
    picture = replace(instance_of(stack[0]), media_type="image/png")
    with pytest.raises(UnsupportedModality) as caught:
        assemble(replace(series, instances=(*series.instances, picture)))
    assert caught.value.code == "E316"


def test_text_is_not_dicom(tmp_path: Path) -> None:
    path = tmp_path / "letter.dcm"
    path.write_text("Dear colleague, please find enclosed nothing of interest. " * 20, encoding="utf-8")
    with pytest.raises((Undecodable, UnsupportedModality)):
        assemble_files([path])
