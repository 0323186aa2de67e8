"""Codecs that take one grey frame at a time and release the interpreter's lock, so that frames decode in threads."""

from itertools import pairwise
from typing import Any, Protocol

import imagecodecs
import numpy as np
import numpy.typing as npt
from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from hounsfield.image.codestream import sample_format
from hounsfield.image.layout import PixelLayout

Cells = npt.NDArray[np.uint16]


class FrameCodec(Protocol):
    """Decodes frames of 16-bit grey cells."""

    name: str

    def is_as_declared(self, encoded: bytes, layout: PixelLayout) -> bool:
        """Tell whether a frame's own header agrees with the object's on depth and sign."""
        ...

    def decode_into(self, encoded: bytes, layout: PixelLayout, cells: Cells) -> None:
        """Decode a frame into its cells, 1-D; bits above Bits Stored are left to the caller.

        Raises:
            ValueError: the frame is broken, or of another size.
        """
        ...


class RunLength:
    """RLE Lossless (PS3.5 annex G), by a kernel of our own that writes into the cells."""

    name = "hounsfield"

    def is_as_declared(self, encoded: bytes, layout: PixelLayout) -> bool:
        """Take frames of two segments; a frame does not say more of itself."""
        return len(encoded) > 64 and encoded[:4] == b"\2\0\0\0"

    def decode_into(self, encoded: bytes, layout: PixelLayout, cells: Cells) -> None:
        """Unpack the two byte planes, the most significant one first."""
        from hounsfield.image.fill_kernels import unpack_plane

        raw = np.frombuffer(encoded, dtype=np.uint8)
        header = np.frombuffer(encoded[:64], dtype="<u4")
        bounds = [int(header[1]), int(header[2]), len(encoded)]
        if bounds != sorted(bounds) or bounds[0] < 64:
            raise ValueError("segments")
        target = cells.view(np.uint8)
        for plane, (start, stop) in enumerate(pairwise(bounds)):
            if unpack_plane(raw, start, stop, target, 1 - plane, 2) != cells.size:
                raise ValueError("plane")


class _Imagecodecs:
    """What the codecs of imagecodecs share: the result is checked for its size before it is taken."""

    name = "imagecodecs"

    def is_as_declared(self, encoded: bytes, layout: PixelLayout) -> bool:
        """Compare precision and sign of the codestream with the header."""
        return sample_format(encoded) == (layout.bits_stored, layout.is_signed and self._has_sign)

    _has_sign = False

    def decode_into(self, encoded: bytes, layout: PixelLayout, cells: Cells) -> None:
        """Decode with the reader of the format."""
        frame = np.asarray(self._read(encoded))
        if frame.shape != (layout.rows, layout.columns) or frame.dtype.kind not in "iu":
            raise ValueError("size")
        # A depth of 8 bits or less comes in bytes; signed ones widen with their sign.
        cells[:] = (
            frame.reshape(-1).astype(np.int16 if frame.dtype.kind == "i" else np.uint16, copy=False).view(np.uint16)
        )

    def _read(self, encoded: bytes) -> Any:
        raise NotImplementedError


class Jpeg2000(_Imagecodecs):
    """JPEG 2000 by OpenJPEG."""

    _has_sign = True

    def _read(self, encoded: bytes) -> Any:
        return imagecodecs.jpeg2k_decode(encoded)


class JpegLs(_Imagecodecs):
    """JPEG-LS by CharLS; its samples carry no sign of their own."""

    def _read(self, encoded: bytes) -> Any:
        return imagecodecs.jpegls_decode(encoded)


class LosslessJpeg(_Imagecodecs):
    """Lossless JPEG by libjpeg-turbo; its samples carry no sign of their own."""

    def _read(self, encoded: bytes) -> Any:
        return imagecodecs.jpeg8_decode(encoded)


_CODECS: dict[str, tuple[FrameCodec, bool]] = {
    str(RLELossless): (RunLength(), True),
    str(JPEG2000): (Jpeg2000(), bool(imagecodecs.JPEG2K.available)),
    str(JPEG2000Lossless): (Jpeg2000(), bool(imagecodecs.JPEG2K.available)),
    str(JPEGLSLossless): (JpegLs(), bool(imagecodecs.JPEGLS.available)),
    str(JPEGLSNearLossless): (JpegLs(), bool(imagecodecs.JPEGLS.available)),
    str(JPEGLossless): (LosslessJpeg(), bool(imagecodecs.JPEG8.available)),
    str(JPEGLosslessSV1): (LosslessJpeg(), bool(imagecodecs.JPEG8.available)),
}


def frame_codec(layout: PixelLayout) -> FrameCodec | None:
    """Return the codec of a layout's transfer syntax, None where none is usable here."""
    codec, is_available = _CODECS.get(layout.transfer_syntax_uid, (None, False))
    return codec if is_available else None
