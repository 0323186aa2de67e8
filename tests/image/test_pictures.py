"""Pictures, arrays and cine as other programs write them, against tifffile, imagecodecs, Pillow and PyAV."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from hounsfield.core.quality import Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import SliceAxis
from hounsfield.errors import HounsfieldError
from hounsfield.image.assemble import Assembly, assemble
from hounsfield.image.display import to_display
from hounsfield.image.limits import PixelLimits
from tests.image.helpers import codes, file_series

TIFF, PNG, JPEG, NPZ = "image/tiff", "image/png", "image/jpeg", "application/x-npz"
RAMP = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)


def read(path: Path, media_type: str, limits: PixelLimits = PixelLimits()) -> Assembly:  # noqa: B008 (frozen)
    return assemble(file_series(path, media_type), limits)


def refusal(path: Path, media_type: str) -> str:
    with pytest.raises(HounsfieldError) as caught:
        read(path, media_type)
    return caught.value.code


def _colours(dtype: type = np.uint8, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, (30, 44, 3)).astype(dtype)


@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "packbits", "zstd"])
@pytest.mark.parametrize("tile", [None, (32, 16)], ids=["strips", "tiles"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_layouts(tmp_path: Path, dtype: type, tile: tuple[int, int] | None, compression: str | None) -> None:
    pixels = (RAMP >> (8 if dtype is np.uint8 else 0)).astype(dtype)[:50, :61]
    path = tmp_path / "a.tif"
    predictor = compression in ("lzw", "deflate")
    tifffile.imwrite(path, pixels, tile=tile, compression=compression, predictor=predictor)
    volume = read(path, TIFF).volumes[0]
    assert volume.array.dtype == dtype
    np.testing.assert_array_equal(volume.array[0], pixels)
    assert volume.quantity is Quantity.DISPLAY


@pytest.mark.parametrize(("byteorder", "bigtiff"), [("<", False), (">", False), ("<", True)])
def test_tiff_byte_orders(tmp_path: Path, byteorder: Any, bigtiff: bool) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RAMP, byteorder=byteorder, bigtiff=bigtiff)
    array = read(tmp_path / "a.tif", TIFF).volumes[0].array
    assert array.dtype.isnative
    np.testing.assert_array_equal(array[0], RAMP)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero_is_turned_round(tmp_path: Path, dtype: type) -> None:
    """Film scanners write WhiteIsZero; tifffile keeps what is stored."""
    stored = (RAMP >> (8 if dtype is np.uint8 else 0)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite")
    volume = read(tmp_path / "a.tif", TIFF).volumes[0]
    np.testing.assert_array_equal(volume.array[0], np.iinfo(dtype).max - stored)
    assert to_display(volume).array[0, 0, 0] == 1.0


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.uint32, np.float32])
def test_measured_values_in_a_tiff_stay_what_they_are(tmp_path: Path, dtype: type) -> None:
    values = np.linspace(-120, 120, 4096).reshape(64, 64)
    pixels = (np.abs(values) * 3e7 if dtype is np.uint32 else values).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    volume = read(tmp_path / "a.tif", TIFF).volumes[0]
    assert volume.quantity is Quantity.ARBITRARY
    np.testing.assert_array_equal(volume.array[0], pixels)


def test_pages_of_signed_samples_are_one_volume(tmp_path: Path) -> None:
    """A CT stack from ImageJ: pages with air hold negative values, others do not."""
    stack = np.random.default_rng(2).integers(0, 900, (4, 40, 50)).astype(np.int16)
    stack[::2] -= 1000
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    (volume,) = read(tmp_path / "a.tif", TIFF).volumes
    np.testing.assert_array_equal(volume.array, stack)
    assert volume.slice_axis is SliceAxis.SPACE


def test_positive_integers_of_32_bits_are_no_picture(tmp_path: Path) -> None:
    """Counts up to 300 would be black as a share of 65535; their own range shows them."""
    counts = np.linspace(0, 300, 4096).astype(np.int32).reshape(64, 64)
    tifffile.imwrite(tmp_path / "a.tif", counts)
    volume = read(tmp_path / "a.tif", TIFF).volumes[0]
    assert volume.quantity is Quantity.ARBITRARY
    assert to_display(volume).array.max() == 1.0


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_of_a_tiff(tmp_path: Path, planar: Any) -> None:
    pixels = _colours()
    stored = pixels if planar == "contig" else pixels.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
    volume = read(tmp_path / "a.tif", TIFF).volumes[0]
    np.testing.assert_array_equal(volume.array[:, 0], pixels.transpose(2, 0, 1))


def test_palette_of_a_tiff(tmp_path: Path) -> None:
    index = np.arange(2000, dtype=np.uint8).reshape(40, 50)
    table = np.random.default_rng(3).integers(0, 256, (3, 256)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", index, photometric="palette", colormap=table * 257)
    volume = read(tmp_path / "a.tif", TIFF).volumes[0]
    np.testing.assert_array_equal(volume.array[:, 0], table[:, index])


@pytest.mark.parametrize("dtype", [np.float64, np.uint64, np.complex64])
def test_tiff_of_other_types_is_refused(tmp_path: Path, dtype: type) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RAMP.astype(dtype))
    assert refusal(tmp_path / "a.tif", TIFF) == "E318"


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_png_of_few_bits_spans_black_to_white(tmp_path: Path, bits: int) -> None:
    levels = np.arange(64 * 64).reshape(64, 64) % (1 << bits)
    picture = Image.fromarray((levels * (255 // ((1 << bits) - 1))).astype(np.uint8))
    (picture.convert("1", dither=Image.Dither.NONE) if bits == 1 else picture).save(tmp_path / "a.png", bits=bits)
    volume = read(tmp_path / "a.png", PNG).volumes[0]
    np.testing.assert_array_equal(volume.array[0], np.asarray(picture))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4], ids=["grey", "grey alpha", "colour", "colour alpha"])
def test_png_keeps_its_depth_whatever_its_channels(tmp_path: Path, channels: int, dtype: type) -> None:
    """Sixteen bits beside an alpha channel are sixteen bits."""
    top = np.iinfo(dtype).max
    grey = (RAMP >> (8 if dtype is np.uint8 else 0)).astype(dtype)
    colour = np.dstack([grey, grey.T, top - grey])
    alpha = np.full_like(grey, top)
    pixels = {1: grey, 2: np.dstack([grey, alpha]), 3: colour, 4: np.dstack([colour, alpha])}[channels]
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
    assembly = read(tmp_path / "a.png", PNG)
    volume = assembly.volumes[0]
    assert volume.array.dtype == dtype
    expected = grey[np.newaxis] if channels < 3 else colour.transpose(2, 0, 1)[:, np.newaxis]
    np.testing.assert_array_equal(volume.array, expected)
    assert ("Q327" in codes(assembly.issues)) == (channels in (2, 4))
    assert volume.quantity is Quantity.DISPLAY


def test_radiograph_in_deep_grey_colour_is_read_as_grey(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(np.dstack([RAMP] * 3)))
    np.testing.assert_array_equal(read(tmp_path / "a.png", PNG).volumes[0].array[0], RAMP)


@pytest.mark.parametrize("mode", ["P", "PA", "La", "RGBa"])
def test_transparent_palettes_and_premultiplied_modes(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(_colours()).quantize(32)
    if mode == "P":
        picture.info["transparency"] = 3
        picture.save(tmp_path / "a.png", transparency=3)
    else:
        picture.convert("RGBA" if mode != "La" else "LA").save(tmp_path / "a.png")
    assembly = read(tmp_path / "a.png", PNG)
    assert codes(assembly.issues)["Q327"] is Severity.NOTE
    assert assembly.volumes[0].array.shape[-2:] == (30, 44)
    rgb = np.asarray(picture.convert("L" if mode == "La" else "RGB"))
    expected = rgb[np.newaxis] if mode == "La" else rgb.transpose(2, 0, 1)[:, np.newaxis]
    np.testing.assert_array_equal(assembly.volumes[0].array, expected)


def _smooth() -> np.ndarray:
    row, column = np.mgrid[0:48, 0:64]
    return np.stack([row * 5, column * 3, 250 - row * 4], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_jpeg_colour_is_near_its_source(tmp_path: Path, progressive: bool, subsampling: int) -> None:
    pixels = _smooth()
    path = tmp_path / "a.jpg"
    Image.fromarray(pixels).save(path, quality=95, progressive=progressive, subsampling=subsampling)
    assembly = read(path, JPEG)
    found = assembly.volumes[0].array[:, 0].transpose(1, 2, 0).astype(int)
    np.testing.assert_allclose(found, pixels, atol=14)
    # Another decoder of the same file.
    np.testing.assert_allclose(found, imagecodecs.jpeg8_decode(path.read_bytes()).astype(int), atol=3)
    assert codes(assembly.issues)["Q316"] is Severity.NOTE


def test_cmyk_jpeg_is_no_negative(tmp_path: Path) -> None:
    """Adobe stores CMYK upside down."""
    pixels = _smooth()
    Image.fromarray(pixels).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    found = read(tmp_path / "a.jpg", JPEG).volumes[0].array[:, 0].transpose(1, 2, 0).astype(int)
    np.testing.assert_allclose(found, pixels, atol=20)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "tif"])
def test_eight_orientations_of_exif(tmp_path: Path, kind: str, orientation: int) -> None:
    """Where the first stored row and column lie (Exif 2.32, tag 274): as numpy turns the picture."""
    upright = np.zeros((32, 48), np.uint8)
    upright[:16, :24], upright[:16, 24:], upright[16:, :24] = 250, 160, 80
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    picture = Image.fromarray(np.ascontiguousarray(stored))
    exif = picture.getexif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{kind}"
    picture.save(path, exif=exif, **({"quality": 100} if kind == "jpg" else {}))  # type: ignore[arg-type]
    media_type = {"jpg": JPEG, "png": PNG, "tif": TIFF}[kind]
    found = read(path, media_type).volumes[0].array[0].astype(int)
    np.testing.assert_allclose(found, upright, atol=6 if kind == "jpg" else 0)


def test_animated_png_has_a_slice_a_frame(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((20, 30), level, np.uint8)) for level in (10, 120, 230)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    array = read(tmp_path / "a.png", PNG).volumes[0].array
    assert [int(page.mean()) for page in array] == [10, 120, 230]


@pytest.mark.parametrize("order", ["<", ">", "="])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "f4", "f8", "f2"])
def test_arrays_of_every_type_become_native(tmp_path: Path, dtype: str, order: str) -> None:
    array = np.arange(20 * 30).reshape(20, 30).astype(np.dtype(dtype))
    np.savez(tmp_path / "a.npz", array.astype(array.dtype.newbyteorder(order)))  # type: ignore[arg-type]
    volume = read(tmp_path / "a.npz", NPZ).volumes[0]
    assert volume.array.dtype.isnative
    np.testing.assert_array_equal(volume.array[0], array)
    assert volume.quantity is (Quantity.DISPLAY if dtype in ("u1", "u2") else Quantity.ARBITRARY)


@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_arrays_in_any_layout(tmp_path: Path, fortran: bool, packed: bool) -> None:
    array = np.arange(4 * 20 * 30, dtype=np.int16).reshape(4, 20, 30)
    save = np.savez_compressed if packed else np.savez
    save(tmp_path / "a.npz", volume=np.asfortranarray(array) if fortran else array, spacing=np.ones(3))
    volume = read(tmp_path / "a.npz", NPZ).volumes[0]
    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int16, np.uint8])
def test_colours_of_any_type_come_to_bytes_or_shares(tmp_path: Path, dtype: type) -> None:
    """Colours from 0 to 255 in a type that says nothing, as notebooks save them."""
    pixels = _colours()
    np.savez(tmp_path / "a.npz", image=pixels.astype(dtype))
    shown = to_display(read(tmp_path / "a.npz", NPZ).volumes[0], keep_colour=True).array
    np.testing.assert_allclose(shown[:, 0], pixels.transpose(2, 0, 1) / 255, atol=1e-6)


def test_colours_as_shares_and_stacks_of_colours(tmp_path: Path) -> None:
    shares = np.random.default_rng(4).random((5, 20, 30, 3)).astype(np.float32)
    np.savez(tmp_path / "a.npz", image=shares)
    volume = read(tmp_path / "a.npz", NPZ).volumes[0]
    np.testing.assert_array_equal(volume.array, shares.transpose(3, 0, 1, 2))
    np.testing.assert_allclose(to_display(volume, keep_colour=True).array, volume.array, atol=1e-7)


@pytest.mark.parametrize("bad", [-5.0, np.nan, 70000.0])
def test_colours_that_are_none_are_refused(tmp_path: Path, bad: float) -> None:
    pixels = _colours().astype(np.float64)
    pixels[3, 4, 1] = bad
    np.savez(tmp_path / "a.npz", image=pixels)
    assert refusal(tmp_path / "a.npz", NPZ) == "E320"


@pytest.mark.parametrize("array", [np.zeros(5), np.zeros((2, 2, 2, 2)), np.zeros((3, 4), "M8[s]"), np.array("text")])
def test_arrays_that_are_no_image_are_refused(tmp_path: Path, array: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", image=array)
    assert refusal(tmp_path / "a.npz", NPZ) == "E320"


def _film(path: Path, codec: str, pixel_format: str, frames: list[np.ndarray], rate: Fraction) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = frames[0].shape[1], frames[0].shape[0]
        stream.pix_fmt = pixel_format
        for pixels in frames:
            source = "gray" if pixels.ndim == 2 else "rgb24"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format=source)))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.avi", "mjpeg", "yuvj444p"),
        ("a.avi", "ffv1", "gray"),
        ("a.avi", "rawvideo", "bgr24"),
        ("a.mp4", "mpeg4", "yuv420p"),
        ("a.mp4", "libx264", "yuv420p"),
    ],
)
def test_cine_in_grey(tmp_path: Path, name: str, codec: str, pixel_format: str) -> None:
    """A disc that grows; codecs that reorder frames give them back in time."""
    row, column = np.mgrid[0:64, 0:96]
    frames = [np.where(np.hypot(row - 32, column - 48) < 6 + 3 * step, 210, 30).astype(np.uint8) for step in range(8)]
    _film(tmp_path / name, codec, pixel_format, frames, Fraction(20))
    volume = read(tmp_path / name, "video/mp4" if name.endswith("4") else "video/avi").volumes[0]
    assert not volume.is_colour
    assert volume.array.shape == (8, 64, 96)
    bright = [int((frame > 120).sum()) for frame in volume.array]
    np.testing.assert_allclose(bright, [int((frame > 120).sum()) for frame in frames], rtol=0.06)
    np.testing.assert_allclose(volume.frame_times_seconds, np.arange(8) / 20, atol=2e-3)


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"), [("a.avi", "mjpeg", "yuvj444p"), ("a.mp4", "libx264", "yuv444p")]
)
def test_cine_in_colour(tmp_path: Path, name: str, codec: str, pixel_format: str) -> None:
    """Colour Doppler: red towards the probe, blue away from it."""
    frames = []
    for step in range(4):
        pixels = np.full((48, 64, 3), 40, np.uint8)
        pixels[8:24, 8 + step : 30 + step] = (230, 20, 20)
        pixels[28:44, 20:50] = (20, 20, 230)
        frames.append(pixels)
    _film(tmp_path / name, codec, pixel_format, frames, Fraction(25))
    volume = read(tmp_path / name, "video/mp4" if name.endswith("4") else "video/avi").volumes[0]
    assert volume.array.shape == (3, 4, 48, 64)
    np.testing.assert_allclose(volume.array[:, 2, 12, 20].astype(int), (230, 20, 20), atol=25)
    np.testing.assert_allclose(volume.array[:, 2, 36, 35].astype(int), (20, 20, 230), atol=25)
    assert volume.slice_axis is SliceAxis.TIME


def test_one_frame_of_video_is_one_picture(tmp_path: Path) -> None:
    _film(
        tmp_path / "a.avi",
        "ffv1",
        "gray",
        [np.arange(64 * 96, dtype=np.uint16).reshape(64, 96).astype(np.uint8)],
        Fraction(5),
    )
    volume = read(tmp_path / "a.avi", "video/avi").volumes[0]
    assert volume.slice_axis is SliceAxis.SINGLE
    assert volume.frame_times_seconds == ()
    np.testing.assert_array_equal(volume.array[0].ravel()[:256], np.arange(256))
