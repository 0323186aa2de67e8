"""Compiled calls of the operating system read the bytes that ``os`` reads, and nothing that is no regular file."""

import os
from pathlib import Path

import numpy as np
import pytest

from hounsfield.file_kernels import (
    STATX_BYTES,
    Names,
    close_file,
    is_usable,
    open_file,
    pack_names,
    read_at,
    read_from,
    size_of,
)

pytestmark = pytest.mark.skipif(not is_usable(), reason="the C library of this platform lacks the calls")


def packed(*paths: Path) -> Names:
    names = pack_names([str(path) for path in paths])
    assert names is not None
    return names


def test_parts_of_files_are_read(tmp_path: Path):
    contents = [os.urandom(size) for size in (1, 100, 70_000)]
    paths = [tmp_path / f"größe {len(content)}" for content in contents]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    names = packed(*paths)
    for index, content in enumerate(contents):
        for offset in (0, 1, 99, 60_000):
            out = np.full(5000, 7, dtype=np.uint8)
            count = read_at(names, index, offset, out)
            expected = content[offset : offset + 5000]
            assert count == len(expected)
            assert out[:count].tobytes() == expected
            assert (out[count:] == 7).all()


def test_a_file_that_is_not_there_or_may_not_be_read_gives_minus_one(tmp_path: Path):
    assert read_at(packed(tmp_path / "none"), 0, 0, np.empty(4, dtype=np.uint8)) == -1
    assert read_at(packed(tmp_path), 0, 0, np.empty(4, dtype=np.uint8)) == -1  # a folder opens, and reads not


def test_only_regular_files_have_a_size(tmp_path: Path):
    regular, pipe = tmp_path / "regular", tmp_path / "pipe"
    regular.write_bytes(bytes(12_345))
    os.mkfifo(pipe)
    names = packed(regular, tmp_path, Path("/dev/null"), pipe)
    scratch = np.zeros(STATX_BYTES, dtype=np.uint8)
    sizes = []
    for index in range(4):
        descriptor = open_file(names, index)
        assert descriptor >= 0
        sizes.append(size_of(descriptor, scratch))
        close_file(descriptor)
    assert sizes == [12_345, -1, -1, -1]


def test_a_file_beyond_four_gigabytes_has_its_size_and_its_end(tmp_path: Path):
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as stream:
        stream.seek(5 << 30)
        stream.write(b"end")
    descriptor = open_file(packed(sparse), 0)
    out = np.zeros(8, dtype=np.uint8)
    assert size_of(descriptor, np.zeros(STATX_BYTES, dtype=np.uint8)) == (5 << 30) + 3
    assert read_from(descriptor, 5 << 30, out) == 3
    assert out[:3].tobytes() == b"end"
    close_file(descriptor)


def test_descriptors_are_closed(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"1234")
    names, out = packed(path), np.empty(4, dtype=np.uint8)
    read_at(names, 0, 0, out)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(50):
        read_at(names, 0, 0, out)
        read_at(packed(tmp_path), 0, 0, out)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_name_with_a_zero_is_left_to_python():
    assert pack_names(["a\0b"]) is None


def test_no_names():
    names = pack_names([])
    assert names is None or names.starts.size == 0
