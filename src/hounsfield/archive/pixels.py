"""What the header promises about pixels against what the file holds, in Python integers and before any decoder."""

from hounsfield.archive.header import Header
from hounsfield.archive.limits import Limits
from hounsfield.errors import Refused

_VIDEO_PREFIX = "1.2.840.10008.1.2.4.10"
"""Transfer syntaxes of MPEG-2, MPEG-4 and HEVC (PS3.6 table A-1: ...4.100 to ...4.108): one stream, many frames."""

_COMPRESSED_PREFIXES = ("1.2.840.10008.1.2.4.", "1.2.840.10008.1.2.5")
"""Transfer syntaxes of JPEG and its kin, video, and RLE."""

_SUBSAMPLED = ("YBR_FULL_422", "YBR_PARTIAL_422")


def declared_bytes(header: Header) -> int:
    """Return the bytes that Rows, Columns, Number of Frames, Samples per Pixel and Bits Allocated stand for."""
    samples = header.rows * header.columns * header.number_of_frames * max(header.samples_per_pixel, 1)
    return (samples * header.bits_allocated + 7) // 8


def require_pixels(header: Header, limits: Limits) -> None:
    """Refuse an object whose pixel data cannot be what its header declares.

    Raises:
        Refused: ``E117`` above the pixel limit, ``E118`` shorter than declared, ``E121`` with frames missing.
    """
    if header.pixels is None:
        return
    expected = declared_bytes(header)
    if expected > limits.max_pixel_bytes:
        raise Refused("E117", uid=header.sop_instance_uid or None, found=expected, limit=limits.max_pixel_bytes)
    if header.pixels.fragments is None and _is_native(header.transfer_syntax_uid):
        _require_native(header, header.pixels.length, expected)
    elif header.pixels.fragments is not None:
        _require_fragments(header, header.pixels.fragments)


def _is_native(transfer_syntax_uid: str) -> bool:
    """Tell whether pixels are not compressed; for a compressed value without fragments there is no length to expect."""
    return not transfer_syntax_uid.startswith(_COMPRESSED_PREFIXES)


def _require_native(header: Header, found: int, expected: int) -> None:
    """Native data may be longer (padding), never shorter; 4:2:2 chrominance takes two thirds (PS3.3 C.7.6.3.1.2)."""
    if header.photometric_interpretation in _SUBSAMPLED and header.samples_per_pixel == 3:
        expected = expected * 2 // 3
    if found < expected:
        raise Refused("E118", uid=header.sop_instance_uid or None, found=found, expected=expected)


def _require_fragments(header: Header, found: int) -> None:
    """Each frame takes one fragment or more (PS3.5 annex A.4), except in a video stream."""
    is_video = header.transfer_syntax_uid.startswith(_VIDEO_PREFIX)
    expected = 1 if is_video else header.number_of_frames
    if found < expected:
        raise Refused("E121", uid=header.sop_instance_uid or None, found=found, expected=expected)
