"""The bytes of a file, a few at a time: as they lie there, or inflated within bounds."""

import os
import zlib
from collections.abc import Iterator
from typing import Protocol

from hounsfield.archive.limits import Limits
from hounsfield.errors import Refused

CHUNK_BYTES = 32 * 1024


class Window(Protocol):
    """Bytes that are read forward, with small steps back, and never held as a whole."""

    @property
    def size(self) -> int:
        """Number of bytes."""

    def at(self, offset: int, count: int) -> bytes:
        """Return up to ``count`` bytes from ``offset``; fewer at the end."""


class FileWindow:
    """The bytes of an open file, by its descriptor."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._chunk = b""
        self._start = 0

    @property
    def size(self) -> int:
        """Number of bytes when the file was opened."""
        return self._size

    def at(self, offset: int, count: int) -> bytes:
        """Return up to ``count`` bytes from ``offset``; fewer at the end."""
        start = offset - self._start
        if start < 0 or start + count > len(self._chunk):
            self._chunk = os.pread(self._descriptor, max(count, CHUNK_BYTES), offset)
            self._start, start = offset, 0
        return self._chunk[start : start + count]


class InflatedWindow:
    """The inflated content of a deflated data set (PS3.5 annex A.5: a raw RFC 1951 stream, maybe padded).

    Only one chunk is held; a step back behind it inflates again from the start.
    """

    def __init__(self, source: Window, start: int, limits: Limits) -> None:
        self._source = source
        self._offset = start
        self._limits = limits
        self._size = 0
        self._chunk = b""
        self._start = 0
        self._chunks: Iterator[bytes] = iter(())

    @property
    def size(self) -> int:
        """Number of inflated bytes, known once ``measure`` has run."""
        return self._size

    def measure(self) -> "InflatedWindow":
        """Inflate the whole stream once, keeping nothing, to know its size.

        Raises:
            Refused: ``E119`` for a broken or cut stream, ``E120`` for one that inflates beyond the limits.
        """
        packed_bytes = self._source.size - self._offset
        by_ratio = max(self._limits.inflation_floor_bytes, self._limits.max_inflation_ratio * packed_bytes)
        limit = min(by_ratio, self._limits.max_file_bytes)
        self._size = 0
        for chunk in self._inflate():
            self._size += len(chunk)
            if self._size > limit:
                raise Refused("E120", packed_bytes=packed_bytes, limit_bytes=limit)
        return self

    def at(self, offset: int, count: int) -> bytes:
        """Return up to ``count`` bytes from ``offset``; fewer at the end."""
        if offset < self._start:
            self._chunks, self._chunk, self._start = self._inflate(), b"", 0
        elif not self._chunk:
            self._chunks = self._inflate()
        while offset + count > self._start + len(self._chunk):
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            held = self._chunk[max(offset - self._start, 0) :]
            self._start += len(self._chunk) - len(held)
            self._chunk = held + chunk
        start = offset - self._start
        return self._chunk[start : start + count]

    def _inflate(self) -> Iterator[bytes]:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        position = self._offset
        while not stream.eof:
            packed = stream.unconsumed_tail
            if not packed:
                packed = self._source.at(position, CHUNK_BYTES)
                position += len(packed)
            try:
                chunk = stream.decompress(packed, CHUNK_BYTES)
            except zlib.error as error:
                raise Refused("E119", offset=position) from error
            if not packed and not chunk and not stream.eof:
                raise Refused("E119", offset=position)
            if chunk:
                yield chunk
