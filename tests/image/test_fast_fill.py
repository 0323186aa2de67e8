"""Frames written straight into their volume are those that pydicom gives, in every syntax, depth and sign."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.errors import Undecodable
from hounsfield.image import fast_fill, phantoms
from hounsfield.image.assemble import assemble
from hounsfield.image.codestream import sample_format
from hounsfield.image.decode import decode_frames
from hounsfield.image.fast_fill import NotPlainError, is_fast, only_frame
from hounsfield.image.layout import PixelLayout, read_layout
from hounsfield.image.limits import PixelLimits
from hounsfield.image.series_frames import FEWEST, read_series_frames
from tests.image.helpers import PYDICOM_FILES, instance_of, only_volume, series_of

SLICES = FEWEST + 1
ITEM = b"\xfe\xff\x00\xe0"
SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, JPEG2000Lossless, JPEGLSLossless)
DEPTHS = [(16, True, -1024), (16, False, -1024), (12, False, -1000), (12, True, 0), (16, False, 0), (10, False, 3)]


def write_series(folder: Path, syntax: str, bits: int, is_signed: bool, intercept: float) -> list[Path]:
    """Write slices of random samples over the whole range of a depth."""
    geometry = VolumeGeometry((SLICES, 48, 60), (2.0, 0.8, 0.6))
    phantoms.write_ct(folder, phantoms.BodyPhantom(geometry=geometry))
    chance = np.random.default_rng(bits)
    paths = sorted(folder.iterdir())
    for path in paths:
        dataset = pydicom.dcmread(path)
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if is_signed else (0, (1 << bits) - 1)
        samples = chance.integers(low, high + 1, (48, 60)).astype(np.int16 if is_signed else np.uint16)
        samples[3:9] = low
        samples[0, :2] = low, high
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits - 1, int(is_signed)
        dataset.RescaleIntercept = intercept
        dataset.PixelData = samples.tobytes()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        if syntax == ImplicitVRLittleEndian:
            dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        elif syntax != ExplicitVRLittleEndian:
            dataset.compress(syntax, generate_instance_uid=False)
        dataset.save_as(
            path, enforce_file_format=True, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True
        )
    return paths


def by_pydicom(paths: list[Path]) -> np.ndarray:
    datasets = sorted((pydicom.dcmread(path) for path in paths), key=lambda item: item.ImagePositionPatient[2])
    slope, intercept = float(datasets[0].RescaleSlope), float(datasets[0].RescaleIntercept)
    return np.stack([item.pixel_array.astype(np.float64) * slope + intercept for item in datasets])


def is_taken_fast(paths: list[Path]) -> bool:
    return is_fast(read_series_frames([instance_of(path) for path in paths], PixelLimits())[0])


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("bits", "is_signed", "intercept"), DEPTHS)
def test_the_samples_are_those_of_pydicom(tmp_path: Path, syntax: str, bits: int, is_signed: bool, intercept: int):
    paths = write_series(tmp_path, syntax, bits, is_signed, intercept)
    assert is_taken_fast(paths)
    expected = by_pydicom(paths)
    array = only_volume(paths).array
    assert array.dtype.kind in "iu"
    assert np.array_equal(array, expected)
    fits = expected.min() >= -32768 and expected.max() <= 32767
    assert (array.dtype == np.int16) is bool(fits)
    floats = assemble(series_of(paths), as_float=True).volumes[0].array
    assert floats.dtype == np.float32
    assert np.array_equal(floats, expected.astype(np.float32))


@pytest.mark.parametrize(("slope", "intercept"), [(0.5, -10.0), (2.0, 0.25), (1.0, 0.5), (0.99999, -1024.0)])
def test_a_slope_is_applied_in_double_precision(tmp_path: Path, slope: float, intercept: float):
    paths = write_series(tmp_path, ExplicitVRLittleEndian, 12, False, intercept)
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.RescaleSlope = slope
        dataset.save_as(path)
    array = only_volume(paths).array
    assert array.dtype == np.float32
    assert np.array_equal(array, by_pydicom(paths).astype(np.float32))


def test_garbage_above_the_stored_bits_is_dropped(tmp_path: Path):
    paths = write_series(tmp_path, ExplicitVRLittleEndian, 12, False, -1000)
    expected = only_volume(paths).array.copy()
    for path in paths:
        dataset = pydicom.dcmread(path)
        cells = np.frombuffer(dataset.PixelData, dtype=np.uint16) | 0x5000
        dataset.PixelData = cells.tobytes()
        dataset.save_as(path)
    assert np.array_equal(only_volume(paths).array, expected)


def test_each_slice_may_have_its_own_scale(tmp_path: Path):
    paths = write_series(tmp_path, ExplicitVRLittleEndian, 12, False, 0)
    for number, path in enumerate(paths):
        dataset = pydicom.dcmread(path)
        dataset.RescaleSlope = 1 + number / 4
        dataset.save_as(path)
    array = only_volume(paths).array
    datasets = sorted((pydicom.dcmread(path) for path in paths), key=lambda item: item.ImagePositionPatient[2])
    for one, dataset in zip(array, datasets, strict=True):
        assert np.array_equal(one, (dataset.pixel_array * float(dataset.RescaleSlope)).astype(np.float32))


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_a_damaged_frame_is_refused(tmp_path: Path, syntax: str):
    paths = write_series(tmp_path, syntax, 12, False, 0)
    dataset = pydicom.dcmread(paths[4])
    dataset.PixelData = encapsulate([b"\2\0\0\0" + b"\0" * 200 if syntax == RLELossless else b"\xff\xd8" + b"\0" * 90])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(paths[4])
    with pytest.raises(Undecodable):
        assemble(series_of(paths))


def test_a_frame_of_another_size_is_refused(tmp_path: Path):
    paths = write_series(tmp_path, JPEG2000Lossless, 12, False, 0)
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.Rows, dataset.Columns = 60, 48
        dataset.save_as(path)
    with pytest.raises(Undecodable, match="E313"):
        assemble(series_of(paths))


def test_several_fragments_are_one_frame(tmp_path: Path):
    paths = write_series(tmp_path, JPEG2000Lossless, 12, False, 0)
    expected = only_volume(paths).array.copy()
    for path in paths:
        dataset = pydicom.dcmread(path)
        whole = next(generate_frames(dataset.PixelData, number_of_frames=1))
        dataset.PixelData = encapsulate([whole], fragments_per_frame=3)
        dataset["PixelData"].is_undefined_length = True
        dataset.save_as(path)
    assert is_taken_fast(paths)
    assert np.array_equal(only_volume(paths).array, expected)


def test_a_depth_that_the_codestream_contradicts_is_left_to_pydicom(tmp_path: Path):
    paths = write_series(tmp_path, JPEG2000Lossless, 12, False, 0)
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.BitsStored, dataset.HighBit = 16, 15
        dataset.save_as(path)
    assert np.array_equal(only_volume(paths).array, by_pydicom(paths))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
def test_a_file_cut_after_the_headers_were_read_is_refused(tmp_path: Path, syntax: str):
    paths = write_series(tmp_path, syntax, 16, True, 0)
    series = series_of(paths)
    paths[2].write_bytes(paths[2].read_bytes()[:-400])
    with pytest.raises(Undecodable):
        assemble(series)


def test_a_file_that_went_away_after_the_headers_were_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    paths = write_series(tmp_path, ExplicitVRLittleEndian, 16, True, 0)
    whole = fast_fill.fill_fast

    def without_one(*arguments: object) -> object:
        paths[3].unlink(missing_ok=True)
        return whole(*arguments)

    monkeypatch.setattr("hounsfield.image.fill.fill_fast", without_one)
    with pytest.raises(Undecodable, match="E300"):
        assemble(series_of(paths))


@pytest.mark.parametrize("as_float", [False, True])
def test_without_the_calls_of_the_system_the_samples_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_float: bool
):
    paths = write_series(tmp_path, ExplicitVRLittleEndian, 12, True, -1024)
    one = assemble(series_of(paths), as_float=as_float).volumes[0].array
    monkeypatch.setattr("hounsfield.file_kernels.pack_names", lambda names: None)
    other = assemble(series_of(paths), as_float=as_float).volumes[0].array
    assert one.dtype == other.dtype
    assert np.array_equal(one, other)


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\xfe\xff\x00\xe0\0\0\0\0",
        b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0",
        b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
    ],
)
def test_fragments_that_are_not_closed_are_left_to_others(encoded: bytes):
    with pytest.raises(NotPlainError):
        only_frame(encoded)


def test_depth_and_sign_that_codestreams_declare():
    expected = {
        "JPEG2000.dcm": (16, True),
        "JPEGLSNearLossless_08.dcm": (8, False),
        "JPEGLSNearLossless_16.dcm": (16, False),
    }
    for name, wanted in expected.items():
        dataset = pydicom.dcmread(PYDICOM_FILES / name)
        frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
        assert sample_format(frame) == wanted, name
    assert sample_format(b"\xff\xd8\xff") is None
    assert sample_format(b"") is None


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
@pytest.mark.parametrize(("bits", "is_signed"), [(16, True), (12, False)])
def test_frames_of_one_object_decode_in_threads_as_pydicom_decodes_them(
    tmp_path: Path, syntax: str, bits: int, is_signed: bool
):
    paths = write_series(tmp_path, ExplicitVRLittleEndian, bits, is_signed, 0)
    dataset = pydicom.dcmread(paths[0])
    frames = np.stack([pydicom.dcmread(path).pixel_array for path in paths])
    dataset.NumberOfFrames, dataset.PixelData = len(frames), frames.tobytes()
    dataset.compress(syntax, generate_instance_uid=False)
    dataset.save_as(paths[0])
    stored = np.stack(list(decode_frames(pydicom.dcmread(paths[0]), layout_of(paths[0]), "1.2")))
    assert stored.dtype == (np.int16 if is_signed else np.uint16)
    assert np.array_equal(stored, frames)


def layout_of(path: Path) -> PixelLayout:
    dataset = pydicom.dcmread(path)
    return read_layout(dataset, str(dataset.file_meta.TransferSyntaxUID), "1.2", PixelLimits())
