import io
import struct
import zlib
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, generate_uid

from hounsfield.core.study import InstanceRef
from hounsfield.errors import HounsfieldError, Undecodable
from hounsfield.image.assemble import assemble
from hounsfield.image.limits import PixelLimits
from hounsfield.image.png import parse_plain_png, read_plain_png
from hounsfield.image.radiograph import read_reduced
from hounsfield.prepare.weights import resample
from tests.image.helpers import file_series, series_of

SIZE = (181, 207)


def picture(bits: int = 16, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 1 << bits, SIZE)
    return ((noise + np.arange(SIZE[1]) * 7) % (1 << bits)).astype(np.uint16 if bits > 8 else np.uint8)


def write_dicom(path: Path, stored: np.ndarray, syntax: str = ExplicitVRLittleEndian, **changes: object) -> InstanceRef:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[path.name])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == RLELossless else syntax
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Modality, dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "CR", "MONOCHROME2", 1
    dataset.Rows, dataset.Columns = stored.shape
    bits = stored.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
    if syntax == RLELossless:
        dataset.compress(RLELossless)
    dataset.save_as(path)
    return series_of([path]).instances[0]


def expected_of(instance: InstanceRef, rows: int, columns: int) -> np.ndarray:
    """What the common reader and the preparing step give."""
    if instance.media_type == "image/png":
        volume = assemble(file_series(instance.path, "image/png")).volumes[0]
    else:
        volume = assemble(series_of([instance.path])).volumes[0]
    return resample(volume.array, rows, columns)[0]


def expect_same(instance: InstanceRef, rows: int = 56, columns: int = 47) -> None:
    found = read_reduced([instance], rows, columns)
    expected = expected_of(instance, rows, columns)
    np.testing.assert_allclose(found.array[0], expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    np.testing.assert_allclose(found.array[0], expected, atol=1e-4 * np.abs(expected).max())


CHANGES = [
    {},
    {"BitsStored": 12, "HighBit": 11},
    {"RescaleSlope": "0.25", "RescaleIntercept": "-1024"},
    {"PhotometricInterpretation": "MONOCHROME1"},
]


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless])
def test_dicom_as_the_common_reader(tmp_path, changes, syntax):
    bits = changes.get("BitsStored", 16)
    instance = write_dicom(tmp_path / "a.dcm", picture(bits).astype(np.uint16), syntax, **changes)
    expect_same(instance)
    assert read_reduced([instance], 9, 9).is_inverted.tolist() == ["PhotometricInterpretation" in changes]


def test_signed_and_eight_bit_dicom_as_the_common_reader(tmp_path):
    signed = (picture(12).astype(np.int32) - 2048).astype(np.int16)
    expect_same(write_dicom(tmp_path / "signed.dcm", signed, BitsStored=12, HighBit=11))
    expect_same(write_dicom(tmp_path / "bytes.dcm", picture(8)))


def test_bits_that_are_no_sample_are_left_out(tmp_path):
    clean, dirty = picture(12).astype(np.uint16), picture(12).astype(np.uint16) | 0x4000
    first = write_dicom(tmp_path / "clean.dcm", clean, BitsStored=12, HighBit=11)
    second = write_dicom(tmp_path / "dirty.dcm", dirty, BitsStored=12, HighBit=11)
    pair = read_reduced([first, second], 50, 50).array
    np.testing.assert_array_equal(pair[0], pair[1])


def test_opencv_averages_the_same(tmp_path):
    cv2 = pytest.importorskip("cv2")
    stored = picture()
    found = read_reduced([write_dicom(tmp_path / "a.dcm", stored)], 41, 60).array[0]
    expected = cv2.resize(stored.astype(np.float32), (60, 41), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_a_mean_known_without_a_computer(tmp_path):
    stored = np.repeat(np.repeat(np.arange(12, dtype=np.uint16).reshape(3, 4) * 100, 5, 0), 3, 1)
    found = read_reduced([write_dicom(tmp_path / "a.dcm", stored, RescaleSlope="2", RescaleIntercept="1")], 3, 4)
    np.testing.assert_allclose(found.array[0], np.arange(12).reshape(3, 4) * 200 + 1, rtol=1e-6)


def png_of(path: Path, data: bytes) -> InstanceRef:
    path.write_bytes(data)
    return file_series(path, "image/png").instances[0]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def filtered(samples: np.ndarray, kind: int) -> bytes:
    """Filter every line by one kind, written from the standard's definitions (ISO 15948, 9.2)."""
    step = samples.dtype.itemsize
    raw = np.ascontiguousarray(samples.astype(samples.dtype.newbyteorder(">"))).view(np.uint8).astype(np.int64)
    left, up, corner = np.zeros_like(raw), np.zeros_like(raw), np.zeros_like(raw)
    left[:, step:], up[1:], corner[1:, step:] = raw[:, :-step], raw[:-1], raw[:-1, :-step]
    guess = left + up - corner
    near = np.abs(np.stack([guess - left, guess - up, guess - corner])).argmin(0)
    paeth = np.choose(near, [left, up, corner])
    predicted = [0 * raw, left, up, (left + up) // 2, paeth][kind]
    lines = ((raw - predicted) % 256).astype(np.uint8)
    return np.concatenate([np.full((len(lines), 1), kind, np.uint8), lines], axis=1).tobytes()


def make_png(samples: np.ndarray, kind: int = 0, parts: int = 1, extra: bytes = b"") -> bytes:
    return wrap_png(samples, filtered(samples, kind), parts, extra)


def wrap_png(samples: np.ndarray, lines: bytes, parts: int = 1, extra: bytes = b"") -> bytes:
    rows, columns = samples.shape
    packed = zlib.compress(lines)
    edges = [len(packed) * part // parts for part in range(parts + 1)]
    body = b"".join(chunk(b"IDAT", packed[a:b]) for a, b in pairwise(edges))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, samples.dtype.itemsize * 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", range(5))
def test_every_filter_of_png(tmp_path, bits, kind):
    samples = picture(bits)
    instance = png_of(tmp_path / "a.png", make_png(samples, kind, parts=3))
    np.testing.assert_array_equal(read_plain_png(instance.path, PixelLimits()), samples)
    np.testing.assert_array_equal(np.asarray(Image.open(instance.path)).astype(samples.dtype), samples)
    expect_same(instance)


@pytest.mark.parametrize("bits", [8, 16])
def test_filters_that_change_from_line_to_line(tmp_path, bits):
    samples = picture(bits)
    line = 1 + samples.shape[1] * samples.dtype.itemsize
    every = [filtered(samples, kind) for kind in range(5)]
    chance = np.random.default_rng(bits)
    for turn in range(4):
        kinds = chance.integers(0, 5, len(samples)) if turn else np.arange(len(samples)) // 2 % 5
        lines = b"".join(every[kind][row * line : (row + 1) * line] for row, kind in enumerate(kinds))
        path = tmp_path / f"{turn}.png"
        path.write_bytes(wrap_png(samples, lines))
        np.testing.assert_array_equal(np.asarray(Image.open(path)).astype(samples.dtype), samples)
        np.testing.assert_array_equal(read_plain_png(path, PixelLimits()), samples)


def test_png_of_other_writers(tmp_path):
    samples = picture()
    Image.fromarray(samples).save(tmp_path / "pillow.png")
    np.testing.assert_array_equal(read_plain_png(tmp_path / "pillow.png", PixelLimits()), samples)
    Image.fromarray(picture(8)).save(tmp_path / "bytes.png")
    np.testing.assert_array_equal(read_plain_png(tmp_path / "bytes.png", PixelLimits()), picture(8))


def test_other_png_take_the_common_reader(tmp_path):
    palette = Image.fromarray(picture(8)).convert("RGB").quantize(16).convert("L").convert("1")
    palette.save(tmp_path / "bits.png")
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(picture(8)).save(turned, "PNG", exif=exif)
    instances = [
        file_series(tmp_path / "bits.png", "image/png").instances[0],
        png_of(tmp_path / "turned.png", turned.getvalue()),
    ]
    for instance in instances:
        assert read_plain_png(instance.path, PixelLimits()) is None
        expect_same(instance)


def test_a_bomb_is_refused_before_anything_is_allocated(tmp_path, monkeypatch):
    data = bytearray(make_png(picture(8)))
    data[16:24] = struct.pack(">II", 30_000, 30_000)
    instance = png_of(tmp_path / "bomb.png", bytes(data))
    monkeypatch.setattr(np, "empty", None)
    with pytest.raises(Undecodable, match="E370"):
        read_plain_png(instance.path, PixelLimits())
    with pytest.raises(Undecodable, match="E303"):
        read_plain_png(instance.path, PixelLimits(max_pixel_bytes=1000))


def test_a_stream_longer_or_shorter_than_the_picture_is_refused(tmp_path):
    for rows in (SIZE[0] - 3, SIZE[0] + 3):
        data = bytearray(make_png(picture(8)))
        data[20:24] = struct.pack(">I", rows)
        with pytest.raises(Undecodable, match="E370"):
            read_reduced([png_of(tmp_path / "a.png", bytes(data))], 20, 20)


def test_a_filter_that_does_not_exist_is_refused(tmp_path):
    raw = bytearray(filtered(picture(8), 0))
    raw[0] = 9
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", SIZE[1], SIZE[0], 8, 0, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(raw))) + chunk(b"IEND", b"")
    with pytest.raises(Undecodable, match="E370"):
        read_reduced([png_of(tmp_path / "a.png", data)], 20, 20)


def test_broken_files_end_in_a_refusal_or_a_picture(tmp_path):
    chance = np.random.default_rng(11)
    sources = [make_png(picture(8)[:40, :40], 4), (write_dicom(tmp_path / "a.dcm", picture()).path).read_bytes()]
    for turn in range(60):
        data = bytearray(sources[turn % 2])
        for _ in range(3):
            data[int(chance.integers(8, min(len(data), 400)))] = int(chance.integers(256))
        del data[int(chance.integers(len(data) // 2, len(data) + 1)) :]
        path = tmp_path / "broken"
        path.write_bytes(bytes(data))
        media, syntax = (("image/png", ""), ("application/dicom", ExplicitVRLittleEndian))[turn % 2]
        with suppress(HounsfieldError):
            assert read_reduced([InstanceRef("1.2", "", path, media, "", syntax)], 8, 8).array.shape == (1, 8, 8)


def test_chunks_beyond_the_file_are_not_followed():
    data = make_png(picture(8))
    assert parse_plain_png(data) is not None
    assert parse_plain_png(data[:-20]) is None
    assert parse_plain_png(data[:30]) is None
    longer = bytearray(data)
    longer[33:37] = struct.pack(">I", 0xFFFFFFFF)
    assert parse_plain_png(bytes(longer)) is None


def test_a_picture_smaller_than_wanted_and_colour_are_refused(tmp_path):
    with pytest.raises(Undecodable, match="E371"):
        read_reduced([write_dicom(tmp_path / "a.dcm", picture())], 224, 224)
    Image.fromarray(np.dstack([picture(8), picture(8, 2), picture(8, 3)])).save(tmp_path / "colour.png")
    with pytest.raises(Undecodable, match="E371"):
        read_reduced([file_series(tmp_path / "colour.png", "image/png").instances[0]], 20, 20)


def test_threads_do_not_matter(tmp_path):
    instances = [write_dicom(tmp_path / f"{place}.dcm", picture(seed=place)) for place in range(5)]
    one, two = (read_reduced(instances, 33, 44, threads=threads).array for threads in (1, 2))
    np.testing.assert_array_equal(one, two)
    pixels = pydicom.dcmread(instances[3].path).pixel_array
    assert one[3].mean() == pytest.approx(pixels.mean(), rel=1e-4)


def test_pictures_of_several_sizes_do_not_disturb_each_other(tmp_path):
    films = [picture()[:100, :90], picture(8)[:150], picture(seed=3), picture(8, 4)[:60, :60], picture(seed=5)[:70]]
    instances = [png_of(tmp_path / f"{place}.png", make_png(film, 2)) for place, film in enumerate(films)]
    together = read_reduced(instances, 30, 40, threads=1).array
    for place, instance in enumerate(instances):
        np.testing.assert_array_equal(together[place], read_reduced([instance], 30, 40).array[0])
    assert read_reduced([], 30, 40).array.shape == (0, 30, 40)


def many(folder: Path) -> list[InstanceRef]:
    """Write films of every kind that can and that cannot be reduced together."""
    signed = (picture(16, 5).astype(np.int32) - 32768).astype(np.int16)
    small = picture(16, 6)[:90, :101]
    return [
        *(write_dicom(folder / f"{index}", picture(16, index), **changes) for index, changes in enumerate(CHANGES)),
        write_dicom(folder / "signed", signed, BitsStored=13, HighBit=12),
        write_dicom(folder / "implicit", picture(16, 7), ImplicitVRLittleEndian),
        write_dicom(folder / "compressed", picture(16, 8), RLELossless),
        write_dicom(folder / "bytes", picture(8, 9)),
        write_dicom(folder / "small", small),
        write_dicom(folder / "last", picture(16, 10), InstanceNumber=4),
    ]


@pytest.mark.parametrize("threads", [1, 3])
def test_films_reduced_together_are_those_of_the_common_reader(tmp_path, threads):
    films = many(tmp_path)
    found = read_reduced(films, 56, 47, threads)
    for place, film in enumerate(films):
        expected = expected_of(film, 56, 47)
        np.testing.assert_allclose(found.array[place], expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
        alone = read_reduced([film], 56, 47)
        assert found.is_inverted[place] == alone.is_inverted[0]


@pytest.mark.parametrize("victim", [0, 4])
def test_one_bad_film_among_many_is_named(tmp_path, victim):
    films = many(tmp_path)
    films[victim].path.write_bytes(films[victim].path.read_bytes()[:-600])
    with pytest.raises(HounsfieldError) as caught:
        read_reduced(films, 56, 47)
    assert caught.value.uid == films[victim].sop_instance_uid
    films[victim].path.write_bytes(b"")
    with pytest.raises(HounsfieldError):
        read_reduced(films, 56, 47)
