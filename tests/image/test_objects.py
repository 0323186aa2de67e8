"""Objects with rules of their own: RT Dose, NM tomography, stacks, per-frame values, padding, VOI LUTs, RLE planes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_voi_lut
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless

from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis, Window
from hounsfield.image.display import to_display
from hounsfield.image.phantoms import (
    BodyPhantom,
    HeadPhantom,
    HeartPhantom,
    pose_geometry,
    write_ct,
    write_enhanced_ct,
    write_enhanced_mr,
    write_head,
    write_heart,
    write_secondary_capture,
)
from tests.image.helpers import PYDICOM_FILES, assemble_files, change, codes, only_volume

BODY = BodyPhantom(pose_geometry((6, 30, 34), (14.0, 4.0, 4.0)))
HEAD = HeadPhantom(pose_geometry((4, 40, 44), (25.0, 5.0, 4.0)))


def _edit(path: Path, edit: Callable[[Dataset], None]) -> Path:
    change(path, edit)
    return path


def test_dose_grid_lies_by_its_frame_offsets() -> None:
    path = PYDICOM_FILES / "rtdose.dcm"
    dataset = pydicom.dcmread(path)
    volume = only_volume([path])
    offsets = [float(value) for value in dataset.GridFrameOffsetVector]
    assert volume.slice_axis is SliceAxis.SPACE
    assert volume.geometry.slice_spacing_mm == pytest.approx(offsets[1] - offsets[0])
    np.testing.assert_allclose(volume.geometry.origin_mm, [float(value) for value in dataset.ImagePositionPatient])
    last = volume.geometry.to_patient([[len(offsets) - 1, 0, 0]])[0]
    assert last[2] == pytest.approx(float(dataset.ImagePositionPatient[2]) + offsets[-1])
    expected = dataset.pixel_array * float(dataset.DoseGridScaling)
    np.testing.assert_allclose(volume.array, expected, rtol=1e-6)


def test_nuclear_tomography_lies_by_its_detector(tmp_path: Path) -> None:
    path = write_heart(tmp_path, HeartPhantom(frames=5, rows=32))

    def edit(dataset: Dataset) -> None:
        detector = Dataset()
        detector.ImagePositionPatient, detector.ImageOrientationPatient = [10, 20, 30], [1, 0, 0, 0, 1, 0]
        dataset.Modality, dataset.ImageType = "NM", ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.20"
        dataset.DetectorInformationSequence = [detector]
        dataset.PixelSpacing, dataset.SpacingBetweenSlices = [2, 2], "4"

    volume = only_volume([_edit(path, edit)])
    assert volume.slice_axis is SliceAxis.SPACE
    assert volume.geometry.spacing_mm == (4.0, 2.0, 2.0)
    np.testing.assert_allclose(volume.geometry.to_patient([[4, 0, 0]])[0], [10, 20, 46])


def test_stacks_of_an_enhanced_object_become_volumes(tmp_path: Path) -> None:
    path = write_enhanced_mr(tmp_path, HEAD)

    def edit(dataset: Dataset) -> None:
        for frame in dataset.PerFrameFunctionalGroupsSequence[:2]:
            frame.FrameContentSequence[0].StackID = "2"

    assembly = assemble_files([_edit(path, edit)])
    assert [volume.geometry.shape[0] for volume in assembly.volumes] == [2, 2]
    assert codes(assembly.issues) == {"Q309": Severity.NOTE}
    assert assembly.issues[0].facts == {"count": 2, "attribute": "StackID"}
    indices = {volume.source_of(slice_index)[1] for volume in assembly.volumes for slice_index in range(2)}  # type: ignore[index]
    assert indices == {0, 1, 2, 3}


def test_rescale_of_each_frame_counts(tmp_path: Path) -> None:
    path = write_enhanced_ct(tmp_path, BODY)
    plain = only_volume([path]).array

    def edit(dataset: Dataset) -> None:
        del dataset.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence
        for number, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
            value = Dataset()
            value.RescaleSlope, value.RescaleType = str(1 + number), "HU"
            value.RescaleIntercept = str(-1024 * (1 + number))
            frame.PixelValueTransformationSequence = [value]

    volume = only_volume([_edit(path, edit)])
    assert volume.array.dtype == np.float32
    for slice_index in range(6):
        _, frame_index = volume.source_of(slice_index) or (None, -1)
        np.testing.assert_allclose(volume.array[slice_index], plain[slice_index] * (1.0 + frame_index))


def test_time_points_of_an_enhanced_object_become_volumes(tmp_path: Path) -> None:
    path = write_enhanced_mr(tmp_path, HEAD)

    def edit(dataset: Dataset) -> None:
        frames = list(dataset.PerFrameFunctionalGroupsSequence)
        later = [pydicom.dataset.Dataset(frame) for frame in pydicom.dcmread(path).PerFrameFunctionalGroupsSequence]
        for time, group in ((1, frames), (2, later)):
            for frame in group:
                frame.FrameContentSequence[0].TemporalPositionIndex = time
        dataset.PerFrameFunctionalGroupsSequence = Sequence([*frames, *later])
        dataset.NumberOfFrames = 8
        dataset.PixelData = dataset.PixelData + (np.frombuffer(dataset.PixelData, "<u2") // 2).tobytes()

    assembly = assemble_files([_edit(path, edit)])
    assert len(assembly.volumes) == 2
    assert codes(assembly.issues) == {"Q309": Severity.NOTE}
    first, second = (volume.array for volume in assembly.volumes)
    np.testing.assert_array_equal(first // 2, second)


def test_objects_of_one_series_join_in_one_volume(tmp_path: Path) -> None:
    """A legacy series whose halves were converted to two multi-frame objects."""
    whole = only_volume([write_enhanced_ct(tmp_path / "whole", BODY)])
    paths = [write_enhanced_ct(tmp_path / name, BODY) for name in ("a", "b")]
    for number, path in enumerate(paths):

        def edit(dataset: Dataset, number: int = number) -> None:
            kept = slice(3 * number, 3 * number + 3)
            size = dataset.Rows * dataset.Columns * 2
            dataset.PerFrameFunctionalGroupsSequence = list(dataset.PerFrameFunctionalGroupsSequence)[kept]
            dataset.PixelData = dataset.PixelData[kept.start * size : kept.stop * size]
            dataset.NumberOfFrames = 3
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number + 1}"

        change(path, edit)
    volume = only_volume(paths)
    np.testing.assert_array_equal(volume.array, whole.array)
    assert [volume.source_of(index)[1] for index in range(6)] == [2, 1, 0, 2, 1, 0]  # type: ignore[index]
    assert [volume.source_of(index)[0].sop_instance_uid for index in (0, 5)] == ["1.2.3.2", "1.2.3.1"]  # type: ignore[index]


@pytest.mark.parametrize(("limit", "expected"), [(None, (-1000.0, -1000.0)), (30, (-1000.0, -994.0))])
def test_padding_range(tmp_path: Path, limit: int | None, expected: tuple[float, float]) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.add_new("PixelPaddingValue", "US", 24)
        if limit is not None:
            dataset.add_new("PixelPaddingRangeLimit", "US", limit)

    paths = [_edit(path, edit) for path in write_ct(tmp_path, BODY)]
    assert only_volume(paths).presentation.padding == expected


def test_signed_padding_written_as_unsigned(tmp_path: Path) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.PixelRepresentation, dataset.BitsStored, dataset.HighBit = 1, 16, 15
        dataset.add_new("PixelPaddingValue", "US", 63536)

    paths = [_edit(path, edit) for path in write_ct(tmp_path, BODY)]
    assert only_volume(paths).presentation.padding == (-3024.0, -3024.0)


def test_window_of_the_middle_slice_is_shown(tmp_path: Path) -> None:
    paths = sorted(write_head(tmp_path, HEAD))
    for index, path in enumerate(paths):
        change(path, lambda dataset, index=index: setattr(dataset, "WindowCenter", str(100 + index)))
    assert only_volume(paths).presentation.window == Window(102.0, 900.0, "LINEAR")


@pytest.mark.parametrize(
    "values",
    [{"WindowWidth": "0"}, {"WindowWidth": "-4"}, {"WindowWidth": "0.5"}, {"VOILUTFunction": "CUBIC"}],
)
def test_impossible_windows_are_left_out(tmp_path: Path, values: dict[str, str]) -> None:
    def edit(dataset: Dataset) -> None:
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    paths = [_edit(path, edit) for path in write_head(tmp_path, HEAD)]
    assert only_volume(paths).presentation.window is None


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_windows_show_what_pydicom_shows(tmp_path: Path, function: str) -> None:
    paths = [
        _edit(path, lambda dataset: setattr(dataset, "VOILUTFunction", function)) for path in write_head(tmp_path, HEAD)
    ]
    volume = only_volume(paths)
    shown = to_display(volume).array
    for index, instance in enumerate(volume.instances):
        dataset = pydicom.dcmread(instance.path)
        expected = apply_voi_lut(dataset.pixel_array, dataset) / 4095
        np.testing.assert_allclose(shown[index], expected, atol=1e-5)


def test_voi_lut_shows_what_pydicom_shows(tmp_path: Path) -> None:
    table = (np.linspace(0, 1, 700) ** 2 * 1023).astype(np.uint16)

    def edit(dataset: Dataset) -> None:
        item = Dataset()
        item.add_new("LUTDescriptor", "US", [700, 20, 10])
        item.add_new("LUTData", "OW", table.tobytes())
        dataset.VOILUTSequence = [item]
        del dataset.WindowCenter, dataset.WindowWidth

    paths = [_edit(path, edit) for path in write_head(tmp_path, HEAD)]
    volume = only_volume(paths)
    shown = to_display(volume).array
    for index, instance in enumerate(volume.instances):
        dataset = pydicom.dcmread(instance.path)
        np.testing.assert_allclose(shown[index], apply_voi_lut(dataset.pixel_array, dataset) / 1023, atol=2e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_rle_planes_come_back(tmp_path: Path, dtype: type) -> None:
    """Encoded by pydicom's own encoder, decoded by ours."""
    pixels = np.random.default_rng(3).integers(0, np.iinfo(dtype).max, (20, 31, 3)).astype(dtype)
    pixels[5:9] = 7
    path = write_secondary_capture(tmp_path, pixels)
    expected = only_volume([path]).array
    dataset = pydicom.dcmread(path)
    dataset.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    dataset.save_as(path)
    np.testing.assert_array_equal(only_volume([path]).array, expected)
    np.testing.assert_array_equal(expected[:, 0], pixels.transpose(2, 0, 1))


def test_rle_of_signed_twelve_bits(tmp_path: Path) -> None:
    values = np.random.default_rng(4).integers(-2048, 2048, (34, 30)).astype(np.int16)

    def edit(dataset: Dataset) -> None:
        dataset.Rows, dataset.Columns, dataset.PixelRepresentation = 34, 30, 1
        dataset.RescaleIntercept = "0"
        dataset.PixelData = values.tobytes()
        dataset.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)

    volume = only_volume([_edit(write_ct(tmp_path, BODY)[0], edit)])
    np.testing.assert_array_equal(volume.array[0], values)


def test_values_beyond_sixteen_bits_keep_their_type(tmp_path: Path) -> None:
    values = np.full((30, 34), 65000, dtype=np.uint16)
    values[0, 0] = 3

    def edit(dataset: Dataset, intercept: str) -> None:
        dataset.BitsStored, dataset.HighBit, dataset.RescaleIntercept = 16, 15, intercept
        dataset.PixelData = values.tobytes()

    path = write_ct(tmp_path, BODY)[0]
    for intercept, dtype in (("0", np.uint16), ("-1024", np.int32), ("-32768", np.int16)):
        change(path, lambda dataset, intercept=intercept: edit(dataset, intercept))
        array = only_volume([path]).array
        assert array.dtype == dtype
        np.testing.assert_array_equal(array[0], values.astype(np.int64) + int(intercept))


def test_grey_pictures_and_radiographs_mean_what_they_are(tmp_path: Path) -> None:
    grey = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64).astype(np.uint8)
    capture = only_volume([write_secondary_capture(tmp_path, grey)])
    assert capture.quantity is Quantity.DISPLAY
    np.testing.assert_array_equal(capture.array[0], grey)
    head = only_volume(write_head(tmp_path / "head", HEAD))
    assert head.quantity is Quantity.ARBITRARY


def test_raw_radiograph_is_named(tmp_path: Path) -> None:
    from hounsfield.image.phantoms import ChestPhantom, write_chest

    path = write_chest(tmp_path, ChestPhantom(rows=60, columns=60))
    change(path, lambda dataset: setattr(dataset, "PresentationIntentType", "FOR PROCESSING"))
    assert codes(assemble_files([path]).issues) == {"Q332": Severity.WARN}


def test_photometric_interpretations_become_rgb() -> None:
    """One picture, written by dcmtk in six colour models, is the same within JPEG's loss."""
    plain = only_volume([PYDICOM_FILES / "SC_rgb_small_odd.dcm"]).array
    assert plain.shape[0] == 3
    for name in ("SC_rgb_dcmtk_+eb+cy+n1", "SC_rgb_dcmtk_+eb+cy+s4", "SC_rgb_dcmtk_+eb+cr", "SC_rgb_jpeg_dcmtk"):
        path = PYDICOM_FILES / f"{name}.dcm"
        if not path.exists():
            continue
        array = only_volume([path]).array.astype(int)
        assert array.shape == (3, 1, 100, 100)
        # The first band of the picture is pure red.
        assert array[0, 0, 2:8, 2:98].mean() > 240
        assert array[1:, 0, 2:8, 2:98].mean() < 20
