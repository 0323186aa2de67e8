"""Plain grey PNG read without a picture library: chunks within the file, libdeflate, compiled filters."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt

from hounsfield.errors import Undecodable
from hounsfield.image.guard import refusing
from hounsfield.image.limits import PixelLimits

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = struct.Struct(">IIBBBBB")
_CHUNK = struct.Struct(">I4s")
_CRC_BYTES = 4
_MAX_RATIO = 1032
"""Bytes that one byte of deflate can become at most (RFC 1951: a match of 258 bytes in two bits)."""
_NOT_PLAIN = (b"eXIf", b"iTXt", b"zTXt", b"tEXt", b"acTL", b"PLTE")
"""Chunks that may turn the picture, or make it more than one grey picture."""


@dataclass(frozen=True)
class PlainPng:
    """A PNG of 8 or 16 bits of grey without interlace, whose sizes fit its file."""

    rows: int
    columns: int
    bits: int
    packed: bytes


def read_plain_png(path: Path, limits: PixelLimits) -> npt.NDArray[Any] | None:
    """Return (row, column) uint8 or uint16 samples, or None for a PNG that needs the common reader.

    Check sums of chunks are left to the check sum that the compressed stream itself carries.

    Raises:
        Undecodable: ``E370``, the file is too short for the picture it announces, or does not unpack to it; ``E303``
            beyond the limits.
    """
    from hounsfield.image.radiograph_kernels import unfilter, unfilter_words

    limits.require_file(path.stat().st_size)
    found = parse_plain_png(path.read_bytes())
    if found is None:
        return None
    step = found.bits // 8
    line = 1 + found.columns * step
    limits.require_samples((found.rows, line), 1)
    if found.rows * line > _MAX_RATIO * len(found.packed):
        raise Undecodable("E370", found=f"{len(found.packed)}", expected=f"{found.rows * line}")
    lines = np.empty((found.rows, line), np.uint8)
    with refusing("E370", expected=f"{lines.size}"):
        unpacked = imagecodecs.deflate_decode(found.packed, out=lines.reshape(-1).data)
    samples = np.empty((found.rows, found.columns), np.uint16 if step == 2 else np.uint8)
    is_whole = len(unpacked) == lines.size
    if not is_whole or not (unfilter_words(lines, samples) if step == 2 else unfilter(lines, step)):
        raise Undecodable("E370", found=f"{len(unpacked)}", expected=f"{lines.size}")
    if step == 1:
        samples[...] = lines[:, 1:]
    return samples


def parse_plain_png(data: bytes) -> PlainPng | None:
    """Walk the chunks, every length checked against the file; None where the file is no plain grey PNG."""
    start = len(_SIGNATURE) + _CHUNK.size
    if data[: len(_SIGNATURE)] != _SIGNATURE or data[12:16] != b"IHDR" or len(data) < start + _HEAD.size:
        return None
    columns, rows, bits, colour, packing, filtering, interlace = _HEAD.unpack_from(data, start)
    if (colour, packing, filtering, interlace) != (0, 0, 0, 0) or bits not in (8, 16) or not rows or not columns:
        return None
    parts: list[bytes] = []
    at = len(_SIGNATURE)
    while at + _CHUNK.size <= len(data):
        length, kind = _CHUNK.unpack_from(data, at)
        stop = at + _CHUNK.size + length
        if kind in _NOT_PLAIN or stop + _CRC_BYTES > len(data):
            return None
        if kind == b"IDAT":
            parts.append(data[at + _CHUNK.size : stop])
        elif kind == b"IEND":
            return PlainPng(rows, columns, bits, b"".join(parts)) if parts else None
        at = stop + _CRC_BYTES
    return None
