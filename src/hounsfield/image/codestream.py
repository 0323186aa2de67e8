"""What a compressed frame declares of itself: width, height, depth and sign, read before a codec goes by them."""

_J2K_START = b"\xff\x4f\xff\x51"
_JP2_START = b"\x00\x00\x00\x0cjP  "
_JPEG_START = b"\xff\xd8"
_FRAME_MARKERS = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7))
"""Start-of-frame markers of JPEG (ITU-T T.81 table B.1) and JPEG-LS (T.87, FF F7)."""
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))


def codestream_size(frame: bytes) -> tuple[int, int] | None:
    """Return (rows, columns) of a JPEG, JPEG-LS or JPEG 2000 frame, None for what is none of them or breaks off."""
    if frame[:2] == _JPEG_START:
        start = _jpeg_frame_header(frame)
        return None if start is None else (_word(frame, start + 5), _word(frame, start + 7))
    segment = _j2k_segment(frame)
    return None if segment is None else _j2k_size(frame, segment)


def sample_format(frame: bytes) -> tuple[int, bool] | None:
    """Return (bits of a sample, whether it is signed) of a frame of one component, None for any other.

    JPEG and JPEG-LS have no signed samples; JPEG 2000 keeps both in Ssiz (ITU-T T.800 A.5.1, table A.11).
    """
    if frame[:2] == _JPEG_START:
        start = _jpeg_frame_header(frame)
        return (frame[start + 4], False) if start is not None and frame[start + 9 : start + 10] == b"\1" else None
    segment = _j2k_segment(frame)
    if segment is None or len(frame) < segment + 39 or _word(frame, segment + 36) != 1:
        return None
    return (frame[segment + 38] & 0x7F) + 1, frame[segment + 38] >> 7 == 1


def _word(frame: bytes, position: int) -> int:
    return int.from_bytes(frame[position : position + 2], "big")


def _j2k_segment(frame: bytes) -> int | None:
    """Return where the SIZ segment starts, behind its marker; None for what is no JPEG 2000."""
    start = frame.find(_J2K_START) if frame[:8] == _JP2_START else 0
    return start + 4 if start >= 0 and frame[start : start + 4] == _J2K_START else None


def _j2k_size(frame: bytes, position: int) -> tuple[int, int] | None:
    """Read the SIZ segment (ITU-T T.800 A.5.1): reference grid less the image offset."""
    if len(frame) < position + 36:
        return None
    words = [int.from_bytes(frame[at : at + 4], "big") for at in range(position + 4, position + 20, 4)]
    width, height, left, top = words
    return height - top, width - left


def _jpeg_frame_header(frame: bytes) -> int | None:
    """Walk the marker segments to the start of frame (ITU-T T.81 B.2.2) and return where its marker lies."""
    position = 2
    while position + 9 <= len(frame):
        if frame[position] != 0xFF:
            return None
        marker = frame[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker in _STANDALONE:
            position += 2
        elif marker in _FRAME_MARKERS:
            return position
        else:
            position += 2 + _word(frame, position + 2)
    return None
