"""Stored, modality and display values against pydicom, for every file that pydicom installs or that lies in shared."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume
from hounsfield.errors import HounsfieldError, ImageError, Undecodable
from hounsfield.image import decode
from hounsfield.image.assemble import Assembly
from hounsfield.image.display import to_display
from hounsfield.image.limits import PixelLimits
from tests.conftest import SHARED_DATA
from tests.image.helpers import PYDICOM_FILES, assemble_files, series_of

SHARED_FILES = sorted((SHARED_DATA / "dicom").rglob("*.dcm")) if SHARED_DATA.is_dir() else []
ALL_FILES = [*sorted(path for path in PYDICOM_FILES.glob("*.dcm")), *SHARED_FILES]


def _name(path: Path) -> str:
    return path.name


def _oracle(path: Path) -> tuple[pydicom.Dataset, np.ndarray] | None:
    """Return what pydicom decodes, None where it cannot or the object is none of ours."""
    dataset = pydicom.dcmread(path, force=True)
    if "Rows" not in dataset or dataset.get("Modality") in ("SEG", "SM"):
        return None
    if str(dataset.get("SOPClassUID")).startswith("1.2.840.10008.5.1.4.1.1.66"):
        return None
    try:
        array = dataset.pixel_array
    except Exception:  # noqa: BLE001 (whatever pydicom cannot decode is no oracle)
        return None
    frames = array if int(dataset.get("NumberOfFrames") or 1) > 1 else array[np.newaxis]
    return dataset, frames


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", ALL_FILES, ids=_name)
def test_every_file_is_what_pydicom_gives_or_a_typed_refusal(path: Path) -> None:
    oracle = _oracle(path)
    found = _assemble_or_refuse(path)
    if isinstance(found, ImageError):
        assert oracle is None
        assert found.code.startswith("E3")
        assert found.text() != found.code
        assert found.text("zh") != found.code
        return
    assembly = found
    assert all(issue.text() != issue.code for issue in assembly.issues)
    if oracle is not None:
        _assert_same_samples(*oracle, assembly.volumes[0])
        _assert_same_display(*oracle, assembly.volumes[0])


def _assemble_or_refuse(path: Path) -> Assembly | ImageError:
    try:
        return assemble_files([path])
    except ImageError as error:
        return error


def _assert_same_samples(dataset: pydicom.Dataset, frames: np.ndarray, volume: Volume) -> None:
    if volume.is_colour:
        _assert_same_colour(dataset, frames, volume.array)
        return
    if volume.quantity in (Quantity.SUV_BW, Quantity.ACTIVITY):
        # Scaled by one more factor; the tests of the PET module say by which.
        expected = np.asarray(apply_modality_lut(frames, dataset), dtype=np.float64)
        expected *= float(volume.array.max()) / float(expected.max())
    elif "SharedFunctionalGroupsSequence" in dataset:
        expected = _enhanced(dataset, frames)
    else:
        factor = float(dataset.get("DoseGridScaling", 1))
        expected = np.asarray(apply_modality_lut(frames, dataset), dtype=np.float64) * factor
    sources = [frame for _, frame in (volume.source_of(index) or (None, 0) for index in range(len(expected)))]
    np.testing.assert_allclose(volume.array, expected[sources], rtol=3e-6, atol=1e-6)


def _assert_same_colour(dataset: pydicom.Dataset, frames: np.ndarray, found: np.ndarray) -> None:
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        frames = pydicom.pixels.apply_color_lut(frames, dataset)
        if frames.dtype != found.dtype:
            frames = frames >> 8 if (frames > 255).any() else frames
    np.testing.assert_array_equal(found, np.moveaxis(frames, -1, 0))


def _enhanced(dataset: pydicom.Dataset, frames: np.ndarray) -> np.ndarray:
    shared = dataset.SharedFunctionalGroupsSequence[0]
    out = frames.astype(np.float64)
    for index, own in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        for group in (own, shared):
            if "PixelValueTransformationSequence" in group:
                item = group.PixelValueTransformationSequence[0]
                out[index] = out[index] * float(item.RescaleSlope) + float(item.RescaleIntercept)
                break
    return out


def _assert_same_display(dataset: pydicom.Dataset, frames: np.ndarray, volume: Volume) -> None:
    has_voi = "WindowWidth" in dataset or "VOILUTSequence" in dataset
    if not has_voi or volume.is_colour or len(frames) > 1 or volume.presentation.padding is not None:
        return
    if volume.quantity is Quantity.SUV_BW:
        return
    modality = apply_modality_lut(frames, dataset)
    # As in this house a window goes before a VOI LUT.
    shown = np.asarray(apply_voi_lut(modality, dataset, prefer_lut="WindowWidth" not in dataset), dtype=np.float64)
    low, high = _range(dataset, shown)
    expected = (shown - low) / (high - low)
    expected = 1 - expected if dataset.PhotometricInterpretation == "MONOCHROME1" else expected
    np.testing.assert_allclose(to_display(volume).array, expected, atol=2e-3)


def _range(dataset: pydicom.Dataset, shown: np.ndarray) -> tuple[float, float]:
    """Return the output range of pydicom's VOI transform: that of the window's output or of the LUT's entries."""
    if "WindowWidth" not in dataset:
        return 0.0, float(2 ** int(dataset.VOILUTSequence[0].LUTDescriptor[2]) - 1)
    if "ModalityLUTSequence" in dataset:
        return 0.0, float(2 ** int(dataset.ModalityLUTSequence[0].LUTDescriptor[2]) - 1)
    bits, is_signed = int(dataset.BitsStored), int(dataset.PixelRepresentation) == 1
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    return low * slope + intercept, high * slope + intercept


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "twin"),
    [("JPGLosslessP14SV1_1s_1f_8b.dcm", None), ("bad_sequence.dcm", None), ("JPEG-LL.dcm", None)],
)
def test_lossless_jpeg_is_read_without_gpl_plugins(shared_data: Path, name: str, twin: str | None) -> None:
    import imagecodecs
    from pydicom.encaps import generate_frames

    path = shared_data / "dicom" / "pydicom_data" / name
    dataset = pydicom.dcmread(path)
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    volume = assemble_files([path]).volumes[0]
    # libjpeg-turbo decodes for us, jpegsof3 is another decoder of the same stream.
    expected = imagecodecs.jpegsof3_decode(frame).astype(np.int32)
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    np.testing.assert_array_equal(volume.array[0], expected * slope + intercept)


@pytest.mark.filterwarnings("ignore")
def test_twelve_bit_jpeg_is_close_to_the_uncompressed_image(shared_data: Path) -> None:
    lossy = assemble_files([PYDICOM_FILES / "JPEG-lossy.dcm"])
    exact = assemble_files([shared_data / "dicom" / "pydicom_data" / "JPEG-LL.dcm"]).volumes[0].array
    difference = lossy.volumes[0].array.astype(float) - exact
    assert np.corrcoef(lossy.volumes[0].array.ravel(), exact.ravel())[0, 1] > 0.97
    assert np.abs(difference).mean() < 3.0
    assert "Q316" in {issue.code for issue in lossy.issues}


@pytest.mark.filterwarnings("ignore")
def test_the_same_image_in_other_encodings_gives_the_same_samples(shared_data: Path) -> None:
    folder = shared_data / "dicom" / "pydicom_data"
    plain = assemble_files([folder / "emri_small.dcm"]).volumes[0].array
    for name in ("RLE", "big_endian", "jpeg_2k_lossless", "jpeg_ls_lossless"):
        other = assemble_files([folder / f"emri_small_{name}.dcm"]).volumes[0].array
        np.testing.assert_array_equal(other, plain)
    small = assemble_files([PYDICOM_FILES / "MR_small.dcm"]).volumes[0].array
    for name in ("RLE", "expb", "implicit", "jp2klossless", "jpeg_ls_lossless", "bigendian"):
        other = assemble_files([PYDICOM_FILES / f"MR_small_{name}.dcm"]).volumes[0].array
        np.testing.assert_array_equal(other, small)


def test_types_are_the_smallest_that_are_exact() -> None:
    assert assemble_files([PYDICOM_FILES / "CT_small.dcm"]).volumes[0].array.dtype == np.int16
    assert assemble_files([PYDICOM_FILES / "MR_small.dcm"]).volumes[0].array.dtype == np.int16
    assert assemble_files([PYDICOM_FILES / "SC_rgb_small_odd.dcm"]).volumes[0].array.dtype == np.uint8
    assert assemble_files([PYDICOM_FILES / "rtdose.dcm"]).volumes[0].array.dtype == np.float32


def test_each_codec_says_what_it_decodes() -> None:
    assert [codec.name for codec in decode.CODECS] == ["threads", "imagecodecs", "imagecodecs", "pydicom"]
    path = PYDICOM_FILES / "JPEG2000.dcm"
    series = series_of([path])
    assert series.instances[0].transfer_syntax_uid == "1.2.840.10008.1.2.4.91"


def test_unknown_transfer_syntax_is_refused(tmp_path: Path) -> None:
    raw = (PYDICOM_FILES / "JPEG2000.dcm").read_bytes()
    path = tmp_path / "unknown.dcm"
    path.write_bytes(raw.replace(b"1.2.840.10008.1.2.4.91", b"1.2.840.10008.1.2.4.99", 1))
    with pytest.raises(Undecodable) as caught:
        assemble_files([path])
    assert caught.value.code == "E304"


def test_half_a_file_is_refused(tmp_path: Path) -> None:
    raw = (PYDICOM_FILES / "CT_small.dcm").read_bytes()
    path = tmp_path / "half.dcm"
    path.write_bytes(raw[: len(raw) * 2 // 3])
    with pytest.raises(Undecodable) as caught:
        assemble_files([path])
    assert caught.value.code in ("E301", "E302")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["MR_small_jp2klossless.dcm", "MR_small_RLE.dcm", "MR_small_jpeg_ls_lossless.dcm"])
@pytest.mark.parametrize("share", [0.55, 0.8, 0.97])
def test_compressed_file_cut_short_is_refused(tmp_path: Path, name: str, share: float) -> None:
    raw = (PYDICOM_FILES / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(HounsfieldError):
        assemble_files([path])


@pytest.mark.filterwarnings("ignore")
def test_truncated_file_of_pydicom_is_refused() -> None:
    with pytest.raises(Undecodable) as caught:
        assemble_files([PYDICOM_FILES / "MR_truncated.dcm"])
    assert caught.value.code == "E302"


def test_declared_gigabytes_are_refused_before_decoding(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(PYDICOM_FILES / "CT_small.dcm")
    dataset.Rows = dataset.Columns = 65535
    path = tmp_path / "huge.dcm"
    dataset.save_as(path)
    with pytest.raises(Undecodable) as caught:
        assemble_files([path])
    assert caught.value.code == "E303"
    assert caught.value.facts["found"] == 65535 * 65535 * 2


def test_frames_of_another_size_than_the_header_are_refused(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(PYDICOM_FILES / "MR_small_jp2klossless.dcm")
    dataset.Rows = dataset.Columns = 512
    path = tmp_path / "other.dcm"
    dataset.save_as(path)
    with pytest.raises(Undecodable) as caught:
        assemble_files([path])
    assert caught.value.code == "E313"
    assert caught.value.facts["found"] == (64, 64)


def test_impossible_layouts_are_refused(tmp_path: Path) -> None:
    for keyword, value in (("Rows", 0), ("BitsAllocated", 12), ("SamplesPerPixel", 4), ("NumberOfFrames", 10**7)):
        dataset = pydicom.dcmread(PYDICOM_FILES / "CT_small.dcm")
        setattr(dataset, keyword, value)
        path = tmp_path / f"{keyword}.dcm"
        dataset.save_as(path)
        with pytest.raises(Undecodable) as caught:
            assemble_files([path])
        assert caught.value.code in ("E309", "E303")


def test_inflating_files_are_bounded(tmp_path: Path) -> None:
    from hounsfield.image.assemble import assemble

    path = PYDICOM_FILES / "image_dfl.dcm"
    assert assemble_files([path]).volumes[0].array.shape == (1, 512, 512)
    with pytest.raises(Undecodable) as caught:
        assemble(series_of([path]), PixelLimits(max_file_bytes=100_000))
    assert caught.value.code == "E303"


def test_objects_without_pixels_say_what_they_are() -> None:
    for name, kind in (("rtplan.dcm", "RT Plan"), ("test-SR.dcm", "SR"), ("waveform_ecg.dcm", "ECG")):
        with pytest.raises(HounsfieldError) as caught:
            assemble_files([PYDICOM_FILES / name])
        assert caught.value.code == "E305"
        assert kind in str(caught.value)
