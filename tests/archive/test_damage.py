"""F6 and T5: files cut short anywhere, and headers that promise what is not there, never pass as whole."""

import struct

import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from hounsfield.archive.entries import Entry
from hounsfield.archive.limits import DEFAULT_LIMITS, GIB, Limits
from hounsfield.archive.record import read_record
from hounsfield.core.quality import Severity
from hounsfield.errors import Refused
from tests.archive.samples import PYDICOM_DATA, ct_dataset, element, encode, implicit, part10, write_ct

SAMPLES = [
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_padded.dcm",
    "JPEG2000.dcm",
    "JPEG-lossy.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_small_odd.dcm",
    "image_dfl.dcm",
    "liver_1frame.dcm",
    "reportsi.dcm",
    "test-SR.dcm",
    "rtstruct.dcm",
    "examples_palette.dcm",
    "examples_ybr_color.dcm",
    "waveform_ecg.dcm",
]

HARMLESS_CUTS = {
    "CT_small.dcm": range(39068, 39076),  # before or in the header of padding, (FFFC,FFFC), that follows the pixels
    "MR_small_padded.dcm": range(9820, 9828),
    "image_dfl.dcm": range(4629, 4637),  # a checksum after the end of the deflated stream
    "waveform_ecg.dcm": range(291074, 291075),  # before the last element, when the waveform is whole
}


def read(path, limits=DEFAULT_LIMITS):
    return read_record(Entry(path.name, path), limits)


def is_held_back(path):
    """Tell whether a file is refused, or taken with an issue that rejects it."""
    try:
        record = read(path)
        return record.header is None or any(remark.severity is Severity.REJECT for remark in record.remarks)
    except Refused:
        return True


def refused(path, limits=DEFAULT_LIMITS):
    with pytest.raises(Refused) as refusal:
        read(path, limits)
    return refusal.value


def element_ends(path):
    """Return where the top-level data elements of a file end, as pydicom sees them."""
    with path.open("rb") as file:
        dataset = pydicom.dcmread(file, defer_size=None)
        ends = [item.file_tell for item in (dataset.get_item(element.tag) for element in dataset) if item.file_tell]
    return [end for end in ends if end]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_cut_every_so_often_is_never_taken_as_whole(tmp_path, name):
    content = (PYDICOM_DATA / "test_files" / name).read_bytes()
    path = tmp_path / "cut"
    without_harm = HARMLESS_CUTS.get(name, range(0))
    step = max(len(content) // 60, 1) if len(content) < 240_000 else 4096
    cuts = {*range(1, len(content), step), *range(len(content) - 20, len(content)), *range(1, 400, 3)}
    path.write_bytes(content)
    assert not is_held_back(path)
    taken = []
    for cut in sorted(cuts):
        if cut not in without_harm:
            path.write_bytes(content[:cut])
            if not is_held_back(path):
                taken.append(cut)
    assert not taken


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "test-SR.dcm"])
def test_a_file_cut_between_two_elements_is_never_taken_as_whole(tmp_path, name):
    source = PYDICOM_DATA / "test_files" / name
    content = source.read_bytes()
    starts = element_ends(source)
    assert len(starts) > 20
    path = tmp_path / "cut"
    padding = content.find(b"\xfc\xff\xfc\xff")
    for value_start in starts[1:]:
        for header in (8, 12):
            if 0 < padding <= value_start - header < padding + 8:
                continue
            path.write_bytes(content[: value_start - header])
            assert is_held_back(path), value_start


@pytest.mark.parametrize(("name", "offset"), [("MR_truncated.dcm", 1488), ("rtplan_truncated.dcm", 1410)])
def test_pydicom_s_truncated_files(name, offset):
    error = refused(PYDICOM_DATA / "test_files" / name)
    assert (error.code, error.facts["offset"]) == ("E111", offset)


# ---- lengths and dimensions


def test_three_bytes_that_declare_four_gigabytes(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(part10(element(0x10, 0x20, "LO", b"P1") + element(0x7FE0, 0x10, "OB", b"abc", 4_294_967_294)))
    error = refused(path)
    assert error.code == "E111"
    assert (error.facts["declared"], error.facts["available"]) == (4_294_967_294, 3)


def test_eight_gigabytes_of_pixels_are_refused_by_the_header(tmp_path):
    path = write_ct(tmp_path / "a", NumberOfFrames=1)
    dataset = ct_dataset()
    dataset.Rows = dataset.Columns = 65535
    path.write_bytes(encode(dataset))
    error = refused(path)
    assert (error.code, error.facts) == ("E117", {"found": 2 * 65535 * 65535, "limit": 2 * GIB})


@pytest.mark.parametrize(
    "changes",
    [
        {"Rows": 65535, "Columns": 65535, "NumberOfFrames": 2_147_483_647},
        {"SamplesPerPixel": 65535, "Rows": 60000, "Columns": 60000},
        {"BitsAllocated": 65535, "Rows": 60000, "Columns": 60000},
    ],
)
def test_products_do_not_wrap_around(tmp_path, changes):
    path = tmp_path / "a"
    path.write_bytes(encode(ct_dataset(), ExplicitVRLittleEndian))
    dataset = ct_dataset()
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    path.write_bytes(encode(dataset))
    assert refused(path).code == "E117"


@pytest.mark.parametrize(
    "transfer_syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_native_pixels_shorter_than_declared(tmp_path, transfer_syntax):
    dataset = ct_dataset()
    dataset.Rows = 9
    path = tmp_path / "a"
    path.write_bytes(encode(dataset, transfer_syntax))
    error = refused(path)
    assert (error.code, error.facts) == ("E118", {"found": 128, "expected": 144})


@pytest.mark.parametrize(("limit", "is_taken"), [(127, False), (128, True), (129, True)])
def test_the_pixel_limit_is_exact(tmp_path, limit, is_taken):
    path = write_ct(tmp_path / "a")
    if is_taken:
        assert read(path, Limits(max_pixel_bytes=limit)).header
    else:
        assert refused(path, Limits(max_pixel_bytes=limit)).code == "E117"


def test_a_file_above_the_file_limit(tmp_path):
    path = write_ct(tmp_path / "a")
    size = path.stat().st_size
    assert read(path, Limits(max_file_bytes=size)).header
    assert refused(path, Limits(max_file_bytes=size - 1)).code == "E110"


@pytest.mark.parametrize(
    ("transfer_syntax", "fragments", "frames", "code"),
    [
        (RLELossless, 3, 3, None),
        (RLELossless, 2, 3, "E121"),
        (JPEGLSLossless, 5, 3, None),
        (MPEG2MPML, 1, 300, None),
        (RLELossless, 0, 1, "E121"),
    ],
)
def test_frames_of_compressed_pixels(tmp_path, transfer_syntax, fragments, frames, code):
    dataset = ct_dataset(NumberOfFrames=frames)
    dataset.PixelData = encapsulate([b"1234"] * fragments) if fragments else b"\xfe\xff\x00\xe0" + bytes(4)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    path = tmp_path / "a"
    path.write_bytes(encode(dataset, transfer_syntax))
    if code is None:
        assert read(path).header.pixels.fragments == fragments
    else:
        assert refused(path).code == code


def test_one_bit_pixels_and_subsampled_colour_take_less(tmp_path):
    dataset = ct_dataset(rows=3, columns=3, NumberOfFrames=3, BitsAllocated=1, BitsStored=1, HighBit=0)
    dataset.PixelData = bytes(4)
    path = tmp_path / "a"
    path.write_bytes(encode(dataset))
    assert read(path).header.number_of_frames == 3
    dataset.PixelData = bytes(3)[:2]
    path.write_bytes(encode(dataset))
    assert refused(path).facts == {"found": 2, "expected": 4}
    assert read(PYDICOM_DATA / "test_files" / "SC_ybr_full_422_uncompressed.dcm").header.rows == 100


# ---- content


def test_an_image_without_pixels_is_rejected(tmp_path):
    remarks = read(write_ct(tmp_path / "a", PixelData=None)).remarks
    assert [(remark.code, remark.severity) for remark in remarks] == [("Q109", Severity.REJECT)]


def test_a_report_without_content_is_rejected(tmp_path):
    path = tmp_path / "a"
    content = element(8, 0x16, "UI", b"1.2.840.10008.5.1.4.1.1.88.33\0") + element(8, 0x60, "CS", b"SR")
    path.write_bytes(part10(content, sop_class="1.2.840.10008.5.1.4.1.1.88.33"))
    assert [remark.code for remark in read(path).remarks] == ["Q110"]


@pytest.mark.parametrize(
    ("tail", "codes"), [(bytes(512), []), (b"PK\x03\x04" + bytes(60), ["Q111"]), (b"<html>" * 9, ["Q111"])]
)
def test_bytes_after_the_data_set(tmp_path, tail, codes):
    path = tmp_path / "a"
    path.write_bytes(encode(ct_dataset()) + tail)
    assert [remark.code for remark in read(path).remarks] == codes


def test_a_program_in_the_preamble_is_refused_and_a_picture_is_not(tmp_path):
    content = encode(ct_dataset())
    path = tmp_path / "a"
    path.write_bytes(b"MZ" + content[2:])
    assert refused(path).code == "E122"
    path.write_bytes(b"II*\0" + content[4:])
    assert read(path).header


def test_a_hundred_nested_sequences(tmp_path):
    content = b""
    for _ in range(100):
        content = element(8, 0x1115, "SQ", implicit(0xFFFE, 0xE000, content))
    path = tmp_path / "a"
    path.write_bytes(part10(content))
    assert (refused(path).code, refused(path).facts) == ("E112", {"limit": 32})


def test_a_deflated_bomb(tmp_path):
    import zlib

    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    dataset = element(0x28, 0x10, "US", struct.pack("<H", 1)) + element(0x7FE0, 0x10, "OW", b"", 200 << 20)
    packed = stream.compress(dataset)
    for _ in range(200):
        packed += stream.compress(bytes(1 << 20))
    path = tmp_path / "a"
    path.write_bytes(part10(packed + stream.flush(), DeflatedExplicitVRLittleEndian))
    assert refused(path).code == "E120"


@pytest.mark.parametrize("error", [RecursionError, MemoryError])
def test_exhaustion_is_bad_input(tmp_path, monkeypatch, error):
    def exhaust(*_):
        raise error

    monkeypatch.setattr("hounsfield.archive.record.read_start", exhaust)
    refusal = refused(write_ct(tmp_path / "a"))
    assert (refusal.code, refusal.facts) == ("E123", {"found": error.__name__})
