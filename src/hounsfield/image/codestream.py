"""Width and height that a compressed frame itself declares, read before a codec allocates by them."""

_J2K_START = b"\xff\x4f\xff\x51"
_JP2_START = b"\x00\x00\x00\x0cjP  "
_JPEG_START = b"\xff\xd8"
_FRAME_MARKERS = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7))
"""Start-of-frame markers of JPEG (ITU-T T.81 table B.1) and JPEG-LS (T.87, FF F7)."""
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))


def codestream_size(frame: bytes) -> tuple[int, int] | None:
    """Return (rows, columns) of a JPEG, JPEG-LS or JPEG 2000 frame, None for what is none of them or breaks off."""
    if frame[:2] == _JPEG_START:
        return _jpeg_size(frame)
    start = 0
    if frame[:8] == _JP2_START:
        start = frame.find(_J2K_START)
    if start < 0 or frame[start : start + 4] != _J2K_START:
        return None
    return _j2k_size(frame, start + 4)


def _j2k_size(frame: bytes, position: int) -> tuple[int, int] | None:
    """Read the SIZ segment (ITU-T T.800 A.5.1): reference grid less the image offset."""
    if len(frame) < position + 36:
        return None
    words = [int.from_bytes(frame[at : at + 4], "big") for at in range(position + 4, position + 20, 4)]
    width, height, left, top = words
    return height - top, width - left


def _jpeg_size(frame: bytes) -> tuple[int, int] | None:
    """Walk the marker segments to the start of frame (ITU-T T.81 B.2.2)."""
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
            return int.from_bytes(frame[position + 5 : position + 7], "big"), int.from_bytes(
                frame[position + 7 : position + 9], "big"
            )
        else:
            position += 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
    return None
