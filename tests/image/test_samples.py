"""Stored samples of every depth, sign and colour model against GDCM (SimpleITK), DCMTK and the formulas of PS3.3."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.dataset import Dataset

from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.errors import Undecodable
from hounsfield.image.checks import check_volume
from hounsfield.image.display import to_display
from hounsfield.image.phantoms import write_secondary_capture
from tests.image.helpers import assemble_files, change, codes, only_volume

Tool = Callable[[str, str], Path]
ROWS, COLUMNS = 19, 26


def _write(folder: Path, pixels: np.ndarray, bits_stored: int | None = None, **values: Any) -> Path:
    """Write a grey capture whose cells hold ``pixels`` as they are, and set header values."""
    path = write_secondary_capture(folder, np.zeros(pixels.shape, np.uint8))

    def edit(dataset: Dataset) -> None:
        dataset.BitsAllocated = 8 * pixels.dtype.itemsize
        dataset.BitsStored = bits_stored or dataset.BitsAllocated
        dataset.HighBit = dataset.BitsStored - 1
        dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
        raw = pixels.tobytes()
        dataset.PixelData = raw + b"\0" * (len(raw) % 2)
        dataset["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    change(path, edit)
    return path


def _itk(path: Path) -> np.ndarray:
    return np.asarray(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))))


def _random(dtype: type, bits: int | None = None, seed: int = 0) -> np.ndarray:
    kind = np.dtype(dtype)
    bits = bits or 8 * kind.itemsize
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if kind.kind == "i" else (0, 1 << bits)
    values = np.random.default_rng(seed).integers(low, high, (ROWS, COLUMNS), dtype=np.int64)
    values[0, :2] = low, high - 1
    return values.astype(kind)


@pytest.mark.parametrize(
    ("dtype", "bits"),
    [
        (np.uint8, 8),
        (np.uint8, 7),
        (np.int8, 8),
        (np.uint16, 16),
        (np.uint16, 12),
        (np.uint16, 10),
        (np.uint16, 9),
        (np.int16, 16),
        (np.int16, 12),
        (np.int16, 13),
        (np.uint32, 32),
        (np.int32, 32),
    ],
)
def test_depths_are_what_gdcm_reads(tmp_path: Path, dtype: type, bits: int) -> None:
    pixels = _random(dtype, bits)
    path = _write(tmp_path, pixels, bits)
    volume = only_volume([path])
    np.testing.assert_array_equal(volume.array[0], pixels)
    if bits != 7:  # GDCM takes no 7 bits
        np.testing.assert_array_equal(volume.array, _itk(path))


@pytest.mark.parametrize("bits", [8, 12, 14])
def test_bits_above_the_stored_ones_do_not_count(tmp_path: Path, bits: int) -> None:
    """Old scanners kept overlays there (PS3.5 8.1.2); a graticule must not become bone."""
    pixels = _random(np.uint16, bits)
    overlay = (np.random.default_rng(5).integers(0, 2, pixels.shape) << bits).astype(np.uint16)
    path = _write(tmp_path, pixels | overlay, bits)
    np.testing.assert_array_equal(only_volume([path]).array[0], pixels)
    np.testing.assert_array_equal(_itk(path)[0], pixels)


@pytest.mark.parametrize("bits", [10, 12, 15])
def test_signed_values_without_sign_extension(tmp_path: Path, bits: int) -> None:
    """Only the stored bits are two's complement; what lies above them may be zero (PS3.5 8.1.1)."""
    pixels = _random(np.int16, bits)
    cells = pixels.view(np.uint16) & np.uint16((1 << bits) - 1)
    path = _write(tmp_path, cells, bits, PixelRepresentation=1)
    np.testing.assert_array_equal(only_volume([path]).array[0], pixels)
    np.testing.assert_array_equal(_itk(path)[0], pixels)


@pytest.mark.parametrize(("dtype", "bits", "high_bit"), [(np.uint16, 12, 15), (np.uint16, 10, 12), (np.int16, 12, 15)])
def test_values_in_the_upper_bits_of_their_cells(
    tmp_path: Path, debian_tool: Tool, dtype: type, bits: int, high_bit: int
) -> None:
    """High Bit above Bits Stored - 1, as in ACR-NEMA and PS3.5 before 2014; the bits below hold rubbish."""
    pixels = _random(dtype, bits)
    shift = high_bit + 1 - bits
    rubbish = np.random.default_rng(2).integers(0, 1 << shift, pixels.shape).astype(np.uint16)
    path = _write(tmp_path, (pixels.view(np.uint16) << shift) | rubbish, bits, HighBit=high_bit)
    change(path, lambda dataset: setattr(dataset, "PixelRepresentation", int(pixels.dtype.kind == "i")))
    offset = 1 << (bits - 1) if pixels.dtype.kind == "i" else 0
    np.testing.assert_array_equal(_dcmtk(debian_tool, path, bits), pixels.astype(int) + offset)
    np.testing.assert_array_equal(only_volume([path]).array[0], pixels)


def _dcmtk(tool: Tool, path: Path, bits: int) -> np.ndarray:
    """Return the samples of a grey image as DCMTK's renderer writes them without a window, from 0 to 2^bits - 1."""
    found = subprocess.run(
        [tool("dcm2pnm", "dcmtk"), "-W", "+opn", str(bits), path],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    lines = [line for line in found.stdout.splitlines() if not line.startswith("#")]
    columns, rows = (int(value) for value in lines[1].split())
    return np.array(" ".join(lines[3:]).split(), dtype=int).reshape(rows, columns)


def test_high_bit_below_the_stored_bits_is_ignored(tmp_path: Path) -> None:
    """Some writers leave 11 there whatever the depth; the samples lie at the bottom all the same."""
    pixels = _random(np.uint16)
    path = _write(tmp_path, pixels, 16, HighBit=11)
    np.testing.assert_array_equal(only_volume([path]).array[0], pixels)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_pixels_are_kept(tmp_path: Path, dtype: type) -> None:
    pixels = np.random.default_rng(8).normal(0, 1e5, (ROWS, COLUMNS)).astype(dtype)
    path = _write(tmp_path, _random(np.uint16))

    def edit(dataset: Dataset) -> None:
        del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
        dataset.BitsAllocated = 8 * pixels.dtype.itemsize
        setattr(dataset, "FloatPixelData" if dtype is np.float32 else "DoubleFloatPixelData", pixels.tobytes())
        dataset.RescaleSlope, dataset.RescaleIntercept = "2", "-1"

    change(path, edit)
    volume = only_volume([path])
    assert volume.array.dtype == dtype
    np.testing.assert_allclose(volume.array[0], pixels * dtype(2) - dtype(1), rtol=1e-6)
    assert volume.quantity is Quantity.ARBITRARY


def test_one_bit_a_pixel_is_packed_from_the_lowest(tmp_path: Path) -> None:
    pixels = np.random.default_rng(9).integers(0, 2, (ROWS, COLUMNS)).astype(np.uint8)
    path = _write(tmp_path, pixels)

    def edit(dataset: Dataset) -> None:
        dataset.BitsAllocated = dataset.BitsStored = 1
        dataset.HighBit = 0
        raw = np.packbits(pixels.ravel(), bitorder="little").tobytes()
        dataset.PixelData = raw + b"\0" * (len(raw) % 2)

    change(path, edit)
    volume = only_volume([path])
    np.testing.assert_array_equal(volume.array[0], pixels)
    assert codes(check_volume(volume))["Q326"] is Severity.REJECT


def _rgb(seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (ROWS + 1, COLUMNS, 3), dtype=np.uint8)


def _to_ybr(rgb: np.ndarray) -> np.ndarray:
    """PS3.3 C.7.6.3.1.2, YBR_FULL, by hand."""
    red, green, blue = (rgb[..., channel].astype(float) for channel in range(3))
    luma = 0.2990 * red + 0.5870 * green + 0.1140 * blue
    blueness = -0.1687 * red - 0.3313 * green + 0.5000 * blue + 128
    redness = 0.5000 * red - 0.4187 * green - 0.0813 * blue + 128
    return np.clip(np.rint(np.stack([luma, blueness, redness], axis=-1)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("compressed", [False, True], ids=["native", "RLE"])
@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("model", ["RGB", "YBR_FULL"])
def test_planar_configurations_and_colour_models(
    tmp_path: Path, debian_tool: Tool, model: str, planar: int, compressed: bool
) -> None:
    rgb = _rgb()
    stored = _to_ybr(rgb) if model == "YBR_FULL" else rgb
    path = write_secondary_capture(tmp_path, rgb)

    def edit(dataset: Dataset) -> None:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = model, planar
        dataset.PixelData = (stored.transpose(2, 0, 1) if planar else stored).tobytes()

    change(path, edit)
    if compressed:
        subprocess.run([debian_tool("dcmcrle", "dcmtk"), path, path.with_name("rle.dcm")], check=True)
        path = path.with_name("rle.dcm")
    volume = only_volume([path])
    # Two roundings, of which one is ours: at most two grey levels apart.
    difference = np.abs(volume.array[:, 0].transpose(1, 2, 0).astype(int) - rgb)
    assert difference.max() <= (0 if model == "RGB" else 2)


def test_four_two_two_shares_its_colour(tmp_path: Path) -> None:
    """Native YBR_FULL_422 holds Y Y Cb Cr for two neighbours (PS3.3 C.7.6.3.1.2)."""
    rgb = np.repeat(_rgb()[:, ::2], 2, axis=1)
    ybr = _to_ybr(rgb)
    cells = np.stack([ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]], axis=-1)
    path = write_secondary_capture(tmp_path, rgb)

    def edit(dataset: Dataset) -> None:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "YBR_FULL_422", 0
        dataset.PixelData = cells.tobytes()

    change(path, edit)
    found = only_volume([path]).array[:, 0].transpose(1, 2, 0).astype(int)
    assert np.abs(found - rgb).max() <= 2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("planar", [0, 1])
def test_deep_colour_keeps_its_bits(tmp_path: Path, dtype: type, planar: int) -> None:
    pixels = np.random.default_rng(4).integers(0, np.iinfo(dtype).max + 1, (ROWS, COLUMNS, 3)).astype(dtype)
    path = write_secondary_capture(tmp_path, pixels)

    def edit(dataset: Dataset) -> None:
        raw = (pixels.transpose(2, 0, 1) if planar else pixels).tobytes()
        dataset.PlanarConfiguration, dataset.PixelData = planar, raw + b"\0" * (len(raw) % 2)

    change(path, edit)
    volume = only_volume([path])
    np.testing.assert_array_equal(volume.array[:, 0], pixels.transpose(2, 0, 1))
    shown = to_display(volume, keep_colour=True).array
    np.testing.assert_allclose(shown, volume.array / np.iinfo(dtype).max, atol=1e-6)


def _palette(path: Path, index: np.ndarray, table: np.ndarray, first: int = 0, bits: int = 16, frames: int = 1) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "PALETTE COLOR"
        dataset.pop("PlanarConfiguration", None)
        dataset.Rows, dataset.Columns = index.shape[-2:]
        dataset.BitsAllocated = 8 * index.dtype.itemsize
        dataset.BitsStored, dataset.HighBit = dataset.BitsAllocated, dataset.BitsAllocated - 1
        if frames > 1:
            dataset.NumberOfFrames = frames
        for name, channel in zip(("Red", "Green", "Blue"), table.T, strict=True):
            count = len(channel) if len(channel) < 65536 else 0
            keyword = f"{name}PaletteColorLookupTable"
            dataset.add_new(f"{keyword}Descriptor", "US", [count, first, bits])
            dataset.add_new(f"{keyword}Data", "OW", channel.astype(f"<u{bits // 8}").tobytes())
        raw = index.tobytes()
        dataset.PixelData = raw + b"\0" * (len(raw) % 2)

    change(path, edit)


@pytest.mark.parametrize("first", [0, 40])
@pytest.mark.parametrize("spread", [False, True], ids=["8 bits in 16", "16 bits"])
def test_palette_is_looked_up_and_clamped(tmp_path: Path, first: int, spread: bool) -> None:
    table = np.random.default_rng(11).integers(0, 256, (100, 3))
    table[:3] = (0, 0, 0), (255, 0, 0), (1, 2, 3)
    stored = table * 257 if spread else table << 8
    index = np.arange(200, dtype=np.uint8).reshape(10, 20)
    path = write_secondary_capture(tmp_path, np.zeros((10, 20), np.uint8))
    _palette(path, index, stored, first)
    expected = table[np.clip(index.astype(int) - first, 0, 99)]
    volume = only_volume([path])
    assert volume.array.dtype == np.uint8
    np.testing.assert_array_equal(volume.array[:, 0].transpose(1, 2, 0), expected)


def test_frames_of_a_deep_palette_share_one_depth(tmp_path: Path) -> None:
    """A first frame that is black, or happens to use rounded colours only, must not cut the depth of the others."""
    table = np.random.default_rng(12).integers(0, 65536, (16, 3))
    table[0], table[1] = 0, 0x2B2B
    index = np.zeros((3, 8, 10), np.uint8)
    index[1] = 1
    index[2] = np.arange(80).reshape(8, 10) % 16
    path = write_secondary_capture(tmp_path, np.zeros((8, 10), np.uint8))
    _palette(path, index, table, frames=3)
    volume = only_volume([path])
    assert volume.array.dtype == np.uint16
    np.testing.assert_array_equal(volume.array.transpose(1, 2, 3, 0), table[index])


@pytest.mark.parametrize("encoding", ["+te", "+tb", "+ti"], ids=["little", "big", "implicit"])
def test_tables_of_words_in_every_byte_order(tmp_path: Path, debian_tool: Tool, encoding: str) -> None:
    """Palette, modality and VOI tables of the VR OW are swapped with the data set; DCMTK does the swapping."""
    index = np.arange(120, dtype=np.uint8).reshape(10, 12)
    colour = write_secondary_capture(tmp_path / "colour", np.zeros((10, 12), np.uint8))
    _palette(colour, index, np.arange(360).reshape(120, 3) * 17)
    grey = _write(tmp_path / "grey", _random(np.uint16, 8))
    change(grey, _with_tables)
    for path in (colour, grey):
        converted = path.with_name("converted.dcm")
        subprocess.run([debian_tool("dcmconv", "dcmtk"), encoding, path, converted], check=True)
        plain, other = only_volume([path]), only_volume([converted])
        np.testing.assert_array_equal(other.array, plain.array)
        np.testing.assert_array_equal(to_display(other).array, to_display(plain).array)
    expected = (np.arange(256) * 5 + 3)[pydicom.dcmread(grey).pixel_array]
    np.testing.assert_array_equal(only_volume([grey]).array[0], expected)


def _with_tables(dataset: Dataset) -> None:
    modality, voi = Dataset(), Dataset()
    modality.add_new("LUTDescriptor", "US", [256, 0, 16])
    modality.add_new("LUTData", "OW", (np.arange(256) * 5 + 3).astype("<u2").tobytes())
    modality.ModalityLUTType = "US"
    voi.add_new("LUTDescriptor", "US", [1300, 0, 12])
    voi.add_new("LUTData", "OW", (np.arange(1300) * 3).astype("<u2").tobytes())
    dataset.ModalityLUTSequence, dataset.VOILUTSequence = [modality], [voi]


@pytest.mark.parametrize("encoding", ["+te", "+tb"])
def test_bytes_in_words_in_both_byte_orders(tmp_path: Path, debian_tool: Tool, encoding: str) -> None:
    """8-bit samples of the VR OW lie swapped in pairs in big endian files."""
    pixels = _random(np.uint8)
    path = _write(tmp_path, pixels)
    change(path, lambda dataset: setattr(dataset["PixelData"], "VR", "OW"))
    converted = tmp_path / "converted.dcm"
    subprocess.run([debian_tool("dcmconv", "dcmtk"), encoding, path, converted], check=True)
    np.testing.assert_array_equal(only_volume([converted]).array[0], pixels)


@pytest.mark.parametrize(
    ("keyword", "value"), [("BitsAllocated", 24), ("BitsStored", 20), ("SamplesPerPixel", 2), ("Columns", 0)]
)
def test_layouts_that_no_image_has(tmp_path: Path, keyword: str, value: int) -> None:
    path = _write(tmp_path, _random(np.uint16))
    change(path, lambda dataset: setattr(dataset, keyword, value))
    with pytest.raises(Undecodable) as caught:
        assemble_files([path])
    assert caught.value.code == "E309"
    assert caught.value.facts["found"]


@pytest.mark.parametrize("keyword", ["SamplesPerPixel", "PhotometricInterpretation", "HighBit"])
def test_grey_is_what_an_incomplete_header_means(tmp_path: Path, keyword: str) -> None:
    pixels = _random(np.uint16, 12)
    path = _write(tmp_path, pixels, 12)
    change(path, lambda dataset: delattr(dataset, keyword))
    np.testing.assert_array_equal(only_volume([path]).array[0], pixels)


def test_a_sign_is_not_guessed(tmp_path: Path) -> None:
    """Without Pixel Representation -1000 and 64536 are the same bits; no value is better than a wrong one."""
    path = _write(tmp_path, _random(np.int16))
    change(path, lambda dataset: delattr(dataset, "PixelRepresentation"))
    with pytest.raises(Undecodable):
        assemble_files([path])


@pytest.mark.parametrize("frames", [0, 1, None])
def test_number_of_frames_of_a_single_image(tmp_path: Path, frames: int | None) -> None:
    pixels = _random(np.uint16)
    path = _write(tmp_path, pixels)
    change(path, lambda dataset: setattr(dataset, "NumberOfFrames", frames))
    volume = only_volume([path])
    np.testing.assert_array_equal(volume.array[0], pixels)
    assert volume.frame_indices == ()


def test_swapped_pixels_of_old_ge_archives(tmp_path: Path, debian_tool: Tool) -> None:
    """GE's private syntax: an implicit little endian header before big endian samples."""
    pixels = _random(np.int16)
    path = _write(tmp_path, pixels)
    converted = tmp_path / "ge.dcm"
    subprocess.run([debian_tool("dcmconv", "dcmtk"), "+tg", path, converted], check=True)
    assert str(pydicom.dcmread(converted).file_meta.TransferSyntaxUID) == "1.2.840.113619.5.2"
    with pytest.raises(Undecodable) as caught:
        assemble_files([converted])
    assert caught.value.code == "E304"
