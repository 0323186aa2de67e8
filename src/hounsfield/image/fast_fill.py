"""Single-frame objects of grey samples written straight from their files into the slots of a volume, in threads.

Nothing here parses a header: where the pixels lie is known from the walk (``Frame.pixels``). What does not fit, or
turns out not to be what it seemed, is left to ``fill``, which asks pydicom.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from hounsfield.compiled import in_threads, spans
from hounsfield.errors import Undecodable
from hounsfield.image.codecs import FrameCodec, frame_codec
from hounsfield.image.codestream import codestream_size
from hounsfield.image.frame import Frame
from hounsfield.image.guard import refusing
from hounsfield.image.isolated import decode_codestream, is_isolated
from hounsfield.image.limits import PixelLimits
from hounsfield.image.native import NativeCells, NativeReading, native_cells, reading_of

Samples = npt.NDArray[Any]

NATIVE = frozenset((str(ImplicitVRLittleEndian), str(ExplicitVRLittleEndian)))
_GREY = ("MONOCHROME1", "MONOCHROME2")
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
_TABLE_BYTES = 8


class Ahead(Protocol):
    """Reads pixels before they are asked for."""

    def take(self, cells: NativeCells) -> NativeReading | None:
        """Return the reading of just these cells, None where there is none; any other is given up."""


class NotPlainError(Exception):
    """A frame is not what the fast way takes; the careful way decides what it is."""


@dataclass(frozen=True)
class Scale:
    """What stored values of a stack become: whole numbers plus one intercept, or floats frame by frame.

    Attributes:
        intercept: the whole intercept that all frames share, None for floats.
        factors: one factor a frame, empty when all are 1.
    """

    intercept: int | None
    factors: tuple[float, ...] = ()

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples."""
        return np.dtype(np.float32 if self.intercept is None else np.int16)


def is_fast(frames: Sequence[Frame]) -> bool:
    """Tell whether all frames are single objects of 16-bit grey cells, native or in a codec that takes one frame."""
    head = frames[0].layout
    is_plain = head.bits_allocated == 16 and head.samples == 1 and not head.is_float and not head.shift
    if not is_plain or head.photometric not in _GREY or any(frame.pixels is None for frame in frames):
        return False
    layouts = {frame.layout for frame in frames}
    is_known = head.transfer_syntax_uid in NATIVE or frame_codec(head) is not None
    return len(layouts) == 1 and is_known and all(frame.transform.lookup_table is None for frame in frames)


def fill_fast(
    frames: Sequence[Frame], scale: Scale, limits: PixelLimits, ahead: Ahead | None = None
) -> tuple[Samples, int, int]:
    """Fill a volume.

    Args:
        frames: one a slice, as ``is_fast`` takes them.
        scale: what the stored values become.
        limits: bounds on a file.
        ahead: what may have been read already.

    Returns:
        (slice, row, column) int16 for whole numbers, modulo 2^16 where they do not fit, or float32; and the lowest and
        highest whole number, zeros for floats.

    Raises:
        Undecodable: ``E302`` for a file that is cut short, ``E308`` and ``E313`` by a codec.
        NotPlainError: a frame needs the careful way.
    """
    head = frames[0].layout
    codec = None if head.transfer_syntax_uid in NATIVE else frame_codec(head)
    filler = _Filler(frames, scale, codec, limits)
    cells = native_cells(frames, scale.intercept, scale.factors) if codec is None else None
    reading = ahead.take(cells) if ahead and cells else None
    if reading is None and cells is not None:
        reading = reading_of(cells)
    if reading is not None:
        failed, low, high = reading.finish()
        if failed is not None:
            filler.explain(failed)
        return reading.array, low, high
    array: Samples = np.empty((len(frames), head.rows, head.columns), dtype=scale.dtype)
    parts = [(start, stop, array) for start, stop in spans(len(frames), 8 if codec else 2)]
    ranges = in_threads(filler.run, parts)
    return array, min(low for low, _ in ranges), max(high for _, high in ranges)


@dataclass(frozen=True)
class _Filler:
    frames: Sequence[Frame]
    scale: Scale
    codec: FrameCodec | None
    limits: PixelLimits

    def run(self, start: int, stop: int, out: Samples) -> tuple[int, int]:
        """Fill some slices and return the range of their values."""
        from hounsfield.image.fill_kernels import settle, to_float

        layout = self.frames[start].layout
        cells = np.empty(layout.rows * layout.columns, dtype=np.uint16)
        lowest, highest = 1 << 30, -(1 << 30)
        for index in range(start, stop):
            frame = self.frames[index]
            slot = out[index].reshape(-1)
            if self.scale.intercept is None:
                self._bring(frame, cells)
                factor = self.scale.factors[index] if self.scale.factors else 1.0
                scale = (float(frame.transform.slope), float(frame.transform.intercept), float(factor))
                to_float(cells, layout.bits_stored, layout.is_signed, scale, slot)
                lowest, highest = min(lowest, 0), max(highest, 0)
                continue
            stored = slot.view(np.uint16)
            self._bring(frame, stored)
            low, high = settle(stored, layout.bits_stored, layout.is_signed, self.scale.intercept)
            lowest, highest = min(lowest, low), max(highest, high)
        return lowest, highest

    def explain(self, index: int) -> None:
        """Read a frame once more that could not be read, and say why.

        Raises:
            Undecodable: ``E300``, ``E302``.
            NotPlainError: it can be read now.
        """
        layout = self.frames[index].layout
        self._bring(self.frames[index], np.empty(layout.rows * layout.columns, dtype=np.uint16))
        raise NotPlainError

    def _bring(self, frame: Frame, cells: npt.NDArray[np.uint16]) -> None:
        """Bring the stored cells of a frame from its file."""
        if frame.pixels is None:
            raise NotPlainError
        with refusing("E300", frame.uid):
            descriptor = os.open(frame.instance.path, _FLAGS)
            try:
                size = os.fstat(descriptor).st_size
                self.limits.require_file(size, frame.uid)
                if self.codec is None:
                    _read_exactly(descriptor, frame, cells.data.cast("B"))
                    return
                encoded = os.pread(descriptor, size - frame.pixels.offset, frame.pixels.offset)
            finally:
                os.close(descriptor)
        self._decode(frame, only_frame(encoded), cells)

    def _decode(self, frame: Frame, encoded: bytes, cells: npt.NDArray[np.uint16]) -> None:
        layout = frame.layout
        declared = codestream_size(encoded)
        if declared is not None and declared != (layout.rows, layout.columns):
            raise Undecodable("E313", uid=frame.uid, found=declared, expected=(layout.rows, layout.columns))
        if self.codec is None or not self.codec.is_as_declared(encoded, layout):
            raise NotPlainError
        if is_isolated(layout, self.limits):
            decode_codestream(encoded, layout, cells, frame.uid, self.limits)
            return
        with refusing("E308", frame.uid, codec=self.codec.name):
            self.codec.decode_into(encoded, layout, cells)


def _read_exactly(descriptor: int, frame: Frame, target: memoryview) -> None:
    offset = frame.pixels.offset if frame.pixels else 0
    done = 0
    while done < len(target):
        count = os.preadv(descriptor, [target[done:]], offset + done)
        if count <= 0:
            raise Undecodable("E302", uid=frame.uid, found=f"{done} bytes", expected=f"{len(target)} bytes")
        done += count


def only_frame(encoded: bytes) -> bytes:
    """Return the one frame of encapsulated pixel data (PS3.5 annex A.4): all fragments after the offset table.

    Raises:
        NotPlainError: the items are not those of a whole, closed value.
    """
    parts: list[bytes] = []
    position, is_table = 0, True
    while position + _TABLE_BYTES <= len(encoded):
        tag = encoded[position : position + 4]
        length = int.from_bytes(encoded[position + 4 : position + 8], "little")
        position += 8
        if tag == b"\xfe\xff\xdd\xe0":
            if not parts:
                raise NotPlainError
            return parts[0] if len(parts) == 1 else b"".join(parts)
        if tag != b"\xfe\xff\x00\xe0" or position + length > len(encoded):
            raise NotPlainError
        if not is_table:
            parts.append(encoded[position : position + length])
        is_table = False
        position += length
    raise NotPlainError
