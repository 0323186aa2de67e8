"""Stored values of one object, frame by frame; each codec says what it decodes and whether it can here."""

from collections.abc import Iterator
from typing import Any, Protocol

import imagecodecs
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, convert_color_space
from pydicom.uid import (
    UID,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
)

from hounsfield.errors import Undecodable
from hounsfield.image.codestream import codestream_size
from hounsfield.image.guard import refusing
from hounsfield.image.layout import FLOAT_KEYWORDS, PixelLayout

Samples = npt.NDArray[Any]


class Codec(Protocol):
    """Decodes the frames of some transfer syntaxes."""

    name: str

    def can_decode(self, layout: PixelLayout) -> bool:
        """Tell whether this codec takes such frames and is usable in this environment."""
        ...

    def decode(self, dataset: Dataset, layout: PixelLayout) -> Iterator[Samples]:
        """Yield each frame, (row, column) or (row, column, 3) with colour already RGB."""
        ...


class ImagecodecsJpeg:
    """JPEG 8 and 12 bit, and lossless JPEG of 2 to 16 bits, by libjpeg-turbo and jpegsof3."""

    name = "imagecodecs"

    def can_decode(self, layout: PixelLayout) -> bool:
        """Take the four JPEG syntaxes, but leave 8-bit colour with its colour transforms to pydicom."""
        syntax = layout.transfer_syntax_uid
        if syntax in (JPEGLossless, JPEGLosslessSV1):
            return bool(imagecodecs.JPEG8.available and imagecodecs.JPEGSOF3.available)
        is_grey = layout.samples == 1
        return is_grey and syntax in (JPEGBaseline8Bit, JPEGExtended12Bit) and bool(imagecodecs.JPEG8.available)

    def decode(self, dataset: Dataset, layout: PixelLayout) -> Iterator[Samples]:
        """Yield each frame; lossless frames keep their colour space, and YBR_FULL is then converted."""
        is_lossless = layout.transfer_syntax_uid in (JPEGLossless, JPEGLosslessSV1)
        reader = imagecodecs.jpegsof3_decode if is_lossless and layout.samples == 3 else imagecodecs.jpeg8_decode
        for encoded in encoded_frames(dataset, layout):
            frame = np.asarray(reader(encoded))
            frame = _signed(frame.astype(layout.dtype.str.replace("i", "u"), copy=False), layout)
            yield convert_color_space(frame, layout.photometric, "RGB") if _is_ybr(layout) else frame


class Pydicom:
    """Native, RLE, JPEG 2000, HTJ2K, JPEG-LS and 8-bit JPEG by pydicom and its plugins."""

    name = "pydicom"

    def can_decode(self, layout: PixelLayout) -> bool:
        """Ask pydicom whether one of its plugins is there."""
        try:
            return bool(get_decoder(UID(layout.transfer_syntax_uid)).is_available)
        except NotImplementedError:
            return False

    def decode(self, dataset: Dataset, layout: PixelLayout) -> Iterator[Samples]:
        """Yield each frame with sign, unused bits, planar configuration and colour space settled."""
        decoder = get_decoder(UID(layout.transfer_syntax_uid))
        for frame, _ in decoder.iter_array(dataset):
            yield frame


CODECS: tuple[Codec, ...] = (ImagecodecsJpeg(), Pydicom())


def decode_frames(dataset: Dataset, layout: PixelLayout, uid: str) -> Iterator[Samples]:
    """Yield the stored values of every frame of an object, in stored order.

    Frames are (row, column), or (row, column, 3) RGB for YBR, RGB and palette colour.

    Raises:
        Undecodable: ``E301`` without pixels, ``E302`` cut short, ``E304`` no codec, ``E308`` the codec failed,
            ``E313`` a frame of another size than the header says.
    """
    codec = next((codec for codec in CODECS if codec.can_decode(layout)), None)
    if codec is None:
        raise Undecodable("E304", uid=uid, found=UID(layout.transfer_syntax_uid).name)
    _require_pixels(dataset, layout, uid)
    expected, count = (layout.rows, layout.columns), 0
    with refusing("E308", uid, codec=codec.name):
        for frame in codec.decode(dataset, layout):
            decoded = _coloured(frame, dataset) if layout.photometric == "PALETTE COLOR" else frame
            if decoded.shape[:2] != expected:
                raise Undecodable("E313", uid=uid, found=decoded.shape[:2], expected=expected)
            count += 1
            yield decoded
            if count == layout.frames:
                break
    if count < layout.frames:
        raise Undecodable("E302", uid=uid, found=f"{count} frames", expected=f"{layout.frames} frames")


def encoded_frames(dataset: Dataset, layout: PixelLayout) -> Iterator[bytes]:
    """Yield the encapsulated frames of an object (PS3.5 annex A.4)."""
    offsets = None
    if "ExtendedOffsetTable" in dataset and "ExtendedOffsetTableLengths" in dataset:
        offsets = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
    yield from generate_frames(dataset.PixelData, number_of_frames=layout.frames, extended_offsets=offsets)


def _require_pixels(dataset: Dataset, layout: PixelLayout, uid: str) -> None:
    """Refuse missing or short pixel data before a codec sees it."""
    keyword = FLOAT_KEYWORDS[layout.bits_allocated] if layout.is_float else "PixelData"
    value = dataset.get(keyword)
    if not value:
        raise Undecodable("E301", uid=uid, found=f"no {keyword}", expected=f"{layout.native_bytes} bytes")
    if UID(layout.transfer_syntax_uid).is_encapsulated:
        _require_same_sizes(dataset, layout, uid)
    elif len(value) < layout.native_bytes:
        raise Undecodable("E302", uid=uid, found=f"{len(value)} bytes", expected=f"{layout.native_bytes} bytes")


def _require_same_sizes(dataset: Dataset, layout: PixelLayout, uid: str) -> None:
    """Compare what each compressed frame declares with the header: a codec allocates by the former."""
    expected = (layout.rows, layout.columns)
    with refusing("E308", uid, codec="encapsulation"):
        for encoded in encoded_frames(dataset, layout):
            found = codestream_size(encoded)
            if found is not None and found != expected:
                raise Undecodable("E313", uid=uid, found=found, expected=expected)


def _is_ybr(layout: PixelLayout) -> bool:
    return layout.samples == 3 and layout.photometric.startswith("YBR_FULL")


def _signed(frame: Samples, layout: PixelLayout) -> Samples:
    """Read unsigned codec output as two's complement of Bits Stored where the header says so."""
    if not layout.is_signed:
        return frame
    shift = 8 * layout.dtype.itemsize - layout.bits_stored
    return (frame << shift).view(layout.dtype) >> shift


def _coloured(frame: Samples, dataset: Dataset) -> Samples:
    """Apply the palette; entries of 16 bits that hold 8 (all of the public ones do) become 8-bit colours."""
    colours: Samples = apply_color_lut(frame, dataset)
    if colours.dtype.itemsize == 1:
        return colours
    high, low = colours >> 8, colours & 0xFF
    if not high.any():
        return low.astype(np.uint8)
    is_eight_bit = not low.any() or bool((low == high).all())
    return high.astype(np.uint8) if is_eight_bit else colours
