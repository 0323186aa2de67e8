import os
import zlib

import pytest

from hounsfield.archive.limits import MIB, Limits
from hounsfield.archive.window import CHUNK_BYTES, FileWindow, InflatedWindow
from hounsfield.errors import Refused


class Held:
    """Bytes in memory as a window."""

    def __init__(self, content):
        self.content = content
        self.size = len(content)

    def at(self, offset, count):
        return self.content[offset : offset + count]


def deflate(content):
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return stream.compress(content) + stream.flush()


CONTENT = os.urandom(3 * CHUNK_BYTES) + bytes(CHUNK_BYTES) + os.urandom(5)


def test_a_file_reads_the_same_at_every_offset(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    with path.open("rb") as file:
        window = FileWindow(file.fileno(), len(CONTENT))
        assert window.size == len(CONTENT)
        for offset in (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 17, len(CONTENT) - 3, 2, len(CONTENT), len(CONTENT) + 9):
            assert window.at(offset, 12) == CONTENT[offset : offset + 12]
        assert window.at(5, 2 * CHUNK_BYTES) == CONTENT[5 : 5 + 2 * CHUNK_BYTES]


def test_an_inflated_stream_reads_like_its_content_forward_and_back():
    window = InflatedWindow(Held(b"header" + deflate(CONTENT)), 6, Limits()).measure()
    assert window.size == len(CONTENT)
    for offset in (0, 5, CHUNK_BYTES - 3, 2 * CHUNK_BYTES, 7, len(CONTENT) - 3, len(CONTENT) + 5, 0):
        assert window.at(offset, 12) == CONTENT[offset : offset + 12]
    assert window.at(10, 2 * CHUNK_BYTES) == CONTENT[10 : 10 + 2 * CHUNK_BYTES]


def test_padding_after_the_stream_is_not_content():
    assert InflatedWindow(Held(deflate(b"abcd") + b"\0"), 0, Limits()).measure().size == 4


@pytest.mark.parametrize("cut", [1, 10, 100, 5000])
def test_a_cut_stream_is_refused(cut):
    with pytest.raises(Refused) as refusal:
        InflatedWindow(Held(deflate(CONTENT)[:-cut]), 0, Limits()).measure()
    assert refusal.value.code == "E119"


def test_a_broken_stream_is_refused():
    with pytest.raises(Refused) as refusal:
        InflatedWindow(Held(b"\xff" * 50), 0, Limits()).measure()
    assert refusal.value.code == "E119"


def test_a_bomb_is_refused_by_its_ratio():
    bomb = deflate(bytes(65 * MIB))
    assert len(bomb) * 100 < 65 * MIB
    with pytest.raises(Refused) as refusal:
        InflatedWindow(Held(bomb), 0, Limits()).measure()
    assert refusal.value.code == "E120"
    assert refusal.value.facts["limit_bytes"] == 64 * MIB


def test_black_images_below_the_floor_are_no_bombs():
    assert InflatedWindow(Held(deflate(bytes(8 * MIB))), 0, Limits()).measure().size == 8 * MIB


def test_the_file_limit_holds_for_inflated_bytes():
    with pytest.raises(Refused):
        InflatedWindow(Held(deflate(CONTENT)), 0, Limits(max_file_bytes=len(CONTENT) - 1)).measure()
