"""Stored values of one object, frame by frame; each codec says what it decodes and whether it can here."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, Protocol

import imagecodecs
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import (
    UID,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    RLELossless,
)

from hounsfield.compiled import in_threads
from hounsfield.errors import Undecodable
from hounsfield.image.codecs import frame_codec
from hounsfield.image.codestream import codestream_size
from hounsfield.image.guard import refusing
from hounsfield.image.layout import FLOAT_KEYWORDS, PixelLayout
from hounsfield.image.palette import Palette

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


class Threaded:
    """Frames of 16-bit grey cells, several at a time, by the codecs of ``image.codecs``."""

    name = "threads"
    _AT_A_TIME = 16

    def can_decode(self, layout: PixelLayout) -> bool:
        """Take objects of several such frames; one alone gains nothing."""
        is_grey = layout.samples == 1 and layout.bits_allocated == 16 and layout.photometric != "PALETTE COLOR"
        return layout.frames > 1 and is_grey and frame_codec(layout) is not None

    def decode(self, dataset: Dataset, layout: PixelLayout) -> Iterator[Samples]:
        """Yield each frame; an object of which a frame contradicts the header is left to the other codecs."""
        codec = frame_codec(layout)
        encoded = list(encoded_frames(dataset, layout))
        if codec is None or not all(codec.is_as_declared(frame, layout) for frame in encoded):
            other = next(other for other in CODECS if other is not self and other.can_decode(layout))
            yield from other.decode(dataset, layout)
            return
        for start in range(0, len(encoded), self._AT_A_TIME):
            batch = encoded[start : start + self._AT_A_TIME]
            cells = np.empty((len(batch), layout.rows, layout.columns), dtype=np.uint16)
            calls = [(frame, layout, cells[index].reshape(-1)) for index, frame in enumerate(batch)]
            in_threads(codec.decode_into, calls)
            yield from (_signed(frame, layout) for frame in cells)


class ImagecodecsRle:
    """RLE by the PackBits decoder of imagecodecs: pylibjpeg's panics, past any ``except Exception``, on broken data."""

    name = "imagecodecs"

    def can_decode(self, layout: PixelLayout) -> bool:
        """Take RLE of whole bytes; bit-packed frames are left to pydicom."""
        is_rle = layout.transfer_syntax_uid == RLELossless and layout.bits_allocated >= 8
        return is_rle and bool(imagecodecs.PACKBITS.available)

    def decode(self, dataset: Dataset, layout: PixelLayout) -> Iterator[Samples]:
        """Yield each frame, its byte planes put together (PS3.5 annex G)."""
        for encoded in encoded_frames(dataset, layout):
            frame = _signed(_read_rle(encoded, layout), layout)
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
        # What old and research data leave out; pydicom would refuse it.
        if "SamplesPerPixel" not in dataset:
            dataset.SamplesPerPixel = layout.samples
        if "PhotometricInterpretation" not in dataset:
            dataset.PhotometricInterpretation = layout.photometric
        for frame, _ in decoder.iter_array(dataset):
            yield frame


CODECS: tuple[Codec, ...] = (Threaded(), ImagecodecsRle(), ImagecodecsJpeg(), Pydicom())


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
    with refusing("E300", uid):
        _require_pixels(dataset, layout, uid)
    expected, count = (layout.rows, layout.columns), 0
    with refusing("E308", uid, codec=codec.name):
        palette = Palette(dataset) if layout.photometric == "PALETTE COLOR" else None
        for frame in _unshifted(codec, dataset, layout):
            decoded = frame if palette is None else palette.apply(frame)
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


def _read_rle(encoded: bytes, layout: PixelLayout) -> Samples:
    """Return unsigned samples of one RLE frame: a header of 16 numbers, then a segment for every byte plane.

    Raises:
        ValueError: the segments are not those of the layout, or too short.
    """
    width, size = layout.dtype.itemsize, layout.rows * layout.columns
    header = np.frombuffer(encoded[:64], dtype="<u4")
    count = int(header[0])
    bounds = [*(int(offset) for offset in header[1 : 1 + count]), len(encoded)]
    if count != width * layout.samples or bounds != sorted(bounds):
        raise ValueError("segments")
    planes = np.empty((layout.samples, size, width), dtype=np.uint8)
    for segment, (start, end) in enumerate(pairwise(bounds)):
        plane = np.frombuffer(imagecodecs.packbits_decode(encoded[start:end], out=2 * size + 128), dtype=np.uint8)
        # The most significant byte comes first; a padding byte may follow the last one.
        planes[segment // width, :, width - 1 - segment % width] = plane[:size]
    samples: Samples = planes.view(f"<u{width}").reshape(layout.samples, layout.rows, layout.columns)
    return samples[0] if layout.samples == 1 else np.moveaxis(samples, 0, -1)


def _is_ybr(layout: PixelLayout) -> bool:
    return layout.samples == 3 and layout.photometric.startswith("YBR_FULL")


def _signed(frame: Samples, layout: PixelLayout) -> Samples:
    """Keep the stored bits of codec output, as two's complement where the header says so."""
    shift = 8 * layout.dtype.itemsize - layout.bits_stored
    if not layout.is_signed:
        return frame & ((1 << layout.bits_stored) - 1) if shift else frame
    return (frame << shift).view(layout.dtype) >> shift


def _unshifted(codec: Codec, dataset: Dataset, layout: PixelLayout) -> Iterator[Samples]:
    """Yield frames whose samples were moved down to the lowest bit of their cells."""
    if not layout.shift:
        yield from codec.decode(dataset, layout)
        return
    wide = replace(layout, bits_stored=layout.bits_stored + layout.shift)
    dataset.BitsStored, dataset.HighBit = wide.bits_stored, wide.bits_stored - 1
    for frame in codec.decode(dataset, wide):
        yield frame >> layout.shift
