"""How much one series may decode to; checked in Python integers before anything is allocated."""

from dataclasses import dataclass

from hounsfield.errors import Undecodable
from hounsfield.machine import available_memory

MEBIBYTE, GIBIBYTE = 1 << 20, 1 << 30
WATCHED_BYTES = 64 * MEBIBYTE
"""From this size on the machine is asked what it has left."""


@dataclass(frozen=True)
class PixelLimits:
    """Bounds on what a source may make us allocate.

    Attributes:
        max_pixel_bytes: decoded samples of one series, all volumes together.
        max_file_bytes: one file, and one inflated data set.
        max_frames: frames of one series.
        max_edge: rows or columns of one frame (DICOM holds them in 16 bits).
        isolated: decode compressed pixels in a process of their own, which may crash or hang without harm.
        decoding_seconds: time that such a process gets for a frame, beside what the size of the frame adds.
    """

    max_pixel_bytes: int = 2 * GIBIBYTE
    max_file_bytes: int = 4 * GIBIBYTE
    max_frames: int = 100_000
    max_edge: int = 65_535
    isolated: bool = False
    decoding_seconds: float = 10.0

    def require_samples(self, shape: tuple[int, ...], sample_bytes: int, uid: str | None = None) -> None:
        """Refuse an array that is empty or decodes to more than the limit.

        Args:
            shape: every length of the array.
            sample_bytes: bytes of one sample.
            uid: the object concerned.

        Raises:
            Undecodable: ``E309`` for a length below 1, ``E303`` above the limit, ``E339`` for more than the machine
                has left: the system would end the process without a word.

        Example:
            >>> PixelLimits(max_pixel_bytes=1000).require_samples((20, 30), 2)
            Traceback (most recent call last):
            ...
            hounsfield.errors.Undecodable: E303: The image would take 1200 bytes; the limit is 1000 bytes. Raise ...
        """
        total = int(sample_bytes)
        for length in shape:
            if int(length) < 1:
                raise Undecodable("E309", uid=uid, found=f"shape {shape}", expected="lengths of at least 1")
            total *= int(length)
        if total > self.max_pixel_bytes:
            raise Undecodable("E303", uid=uid, found=total, expected=self.max_pixel_bytes)
        available = available_memory() if total >= WATCHED_BYTES else None
        if available is not None and total > available:
            raise Undecodable("E339", uid=uid, found=-(-total // MEBIBYTE), expected=available // MEBIBYTE)

    def require_file(self, size_bytes: int, uid: str | None = None) -> None:
        """Refuse a file, or an inflated data set, above the limit.

        Raises:
            Undecodable: ``E303``.
        """
        if size_bytes > self.max_file_bytes:
            raise Undecodable("E303", uid=uid, found=size_bytes, expected=self.max_file_bytes)
