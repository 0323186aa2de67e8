"""What the compiled walk calls plain holds what pydicom reads there, byte by byte; the rest is left alone."""

import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from hounsfield.header_walk import HeaderStatus, Walked, walk_headers
from tests.header_walk.encoded import (
    EXPLICIT,
    IMPLICIT,
    PIXELS,
    PLAIN_TAGS,
    PRIVATE_TAGS,
    SEQUENCES,
    VRS,
    Encoder,
    element,
    meta,
    number_of,
    written,
)

TAGS = (0x00080005, *PLAIN_TAGS, *PRIVATE_TAGS, *SEQUENCES)
NESTED = tuple((sequence, tag) for sequence in SEQUENCES for tag in (0x00080060, 0x00100020, 0x00200032, 0x00091001))
COLUMNS = {tag: column for column, tag in enumerate(TAGS)}
SQ = ord("S") << 8 | ord("Q")
INSTANCE = 0x00200013


@dataclass
class Expected:
    """What pydicom finds: offset, length and bytes of each value, first nested values, and the pixels.

    Attributes:
        top: by tag, offset and bytes; None for a sequence of undefined length, 0 where pydicom keeps no offset.
        nested: by sequence and tag, the bytes of the first.
        pixels: offset and length.
    """

    top: dict[int, tuple[int, bytes | None]] = field(default_factory=dict)
    nested: dict[tuple[int, int], bytes] = field(default_factory=dict)
    pixels: tuple[int, int] | None = None


def expected_of(path: Path) -> Expected:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        found = Expected()
        for tag in list(dataset.keys()):
            raw = dataset.get_item(tag)
            if isinstance(raw, RawDataElement) and tag == PIXELS:
                found.pixels = (raw.value_tell, raw.length)
                continue
            if isinstance(raw, RawDataElement):
                found.top[int(tag)] = (raw.value_tell, raw.value or b"")
            else:  # converted by pydicom already: a sequence of undefined length, the character set, what is empty
                value = None if raw.is_undefined_length else b"ISO_IR 100" if raw.value else b""
                found.top[int(tag)] = (int(raw.file_tell or 0), value)
            if int(tag) in SEQUENCES:
                collect(dataset, int(tag), found.nested)
    return found


def collect(dataset: Dataset, tag: int, nested: dict[tuple[int, int], bytes]) -> None:
    """Note the first bytes of each tag under each sequence, in the order of the file."""
    for item in dataset[tag].value or ():
        for inner in list(item.keys()):
            raw = item.get_item(inner)
            if int(inner) in SEQUENCES:
                collect(item, int(inner), nested)
            else:  # what is no longer raw was empty
                value = raw.value if isinstance(raw, RawDataElement) else b""
                nested.setdefault((tag, int(inner)), value or b"")


def assert_equal(path: Path, walked: Walked, row: int) -> None:
    expected, content = expected_of(path), path.read_bytes()
    for tag, column in COLUMNS.items():
        assert walked.has(row, column) == (tag in expected.top), hex(tag)
        if tag not in expected.top:
            continue
        offset, value = expected.top[tag]
        start, length = int(walked.positions[row, column]), int(walked.lengths[row, column])
        if offset:
            assert start == offset, hex(tag)
        is_sequence = walked.vrs[row, column] == SQ
        if value is None or is_sequence:
            assert is_sequence
            assert tag in SEQUENCES
            assert value is None or length == len(value)
        else:
            assert walked.value(row, column) == value == content[start : start + length], hex(tag)
    for place, pair in enumerate(NESTED, len(TAGS)):
        assert walked.has(row, place) == (pair in expected.nested), pair
        assert walked.value(row, place) == expected.nested.get(pair, b""), pair
    found = (int(walked.pixel_offset[row]), int(walked.pixel_length[row])) if walked.pixel_tag[row] else None
    assert found == expected.pixels


@pytest.mark.parametrize("is_explicit", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_every_sound_data_set_is_plain_and_read_as_pydicom_reads_it(tmp_path: Path, seed: int, is_explicit: bool):
    encoder = Encoder(np.random.default_rng(seed), is_explicit)
    files = written(tmp_path, [encoder.file() for _ in range(60)])
    walked = walk_headers(files, TAGS, NESTED)
    assert [HeaderStatus(status).name for status in walked.status.tolist()] == ["PLAIN"] * len(files)
    for row, path in enumerate(files):
        assert_equal(path, walked, row)
    assert (walked.positions[:, len(TAGS) :] >= 0).any(axis=0).all(), "each nested pair must occur to be compared"
    assert len(set(walked.pixel_tag.tolist())) == 2


@pytest.mark.parametrize("is_explicit", [False, True])
def test_of_damaged_data_sets_only_those_are_plain_that_pydicom_reads_alike(tmp_path: Path, is_explicit: bool):
    chance = np.random.default_rng(11)
    encoder = Encoder(chance, is_explicit)
    head = (
        len(meta(EXPLICIT if is_explicit else IMPLICIT)) + 18
    )  # behind the character set, which pydicom keeps no bytes of
    contents = []
    for _ in range(90):
        content = bytearray(encoder.file())
        at = int(chance.integers(head, len(content)))
        kind = int(chance.integers(4))
        if kind == 0:
            del content[at:]
        elif kind == 1:
            content[at : at + 2] = bytes(chance.integers(0, 256, 2, dtype=np.uint8))
        elif kind == 2:
            content[at:at] = number_of(0xFFFEE00D) + bytes(4)
        else:
            del content[at : at + int(chance.integers(1, 9))]
        contents.append(bytes(content))
    files = written(tmp_path, contents)
    walked = walk_headers(files, TAGS, NESTED)
    plain = np.flatnonzero(walked.status == HeaderStatus.PLAIN)
    assert 10 < len(plain) < 80
    for row in plain.tolist():
        assert_equal(files[row], walked, row)


@pytest.mark.parametrize("name", ["first", "again"])
def test_other_values_of_headers_in_memory_are_those_of_pydicom_too(tmp_path: Path, name: str):
    encoder = Encoder(np.random.default_rng(21), is_explicit=True)
    files = written(tmp_path, [encoder.file() for _ in range(30)])
    tags = [tag for tag in TAGS if tag not in SEQUENCES]
    chosen = list(range(0, 30, 3))
    walked = walk_headers(files, tags) if name == "first" else walk_headers(files, [PIXELS - 1]).again(chosen, tags)
    assert walked is not None
    rows = chosen if name == "again" else list(range(30))
    assert len(walked) == len(rows)
    for row, file in enumerate(rows):
        expected = expected_of(files[file])
        for column, tag in enumerate(tags):
            assert walked.value(row, column) == (expected.top.get(tag, (0, b""))[1] or b"")
        assert (int(walked.pixel_offset[row]) or None) == (expected.pixels[0] if expected.pixels else None)


@pytest.mark.parametrize("size", [0, 2, 7, 300])
def test_every_vr_is_stepped_over_as_pydicom_steps_over_it(tmp_path: Path, size: int):
    after = element(INSTANCE, "IS", b"17", True)
    contents = [
        meta(EXPLICIT) + element(0x00080008, "CS", b"A\\", True) + element(0x00091001, vr, b"1" * size, True) + after
        for vr in VRS
    ]
    files = written(tmp_path, contents)
    walked = walk_headers(files, TAGS)
    assert set(walked.status.tolist()) == {HeaderStatus.PLAIN}
    for row, (path, vr) in enumerate(zip(files, VRS, strict=True)):
        raw = pydicom.dcmread(path).get_item(INSTANCE)
        assert walked.positions[row, COLUMNS[INSTANCE]] == raw.value_tell, vr
        assert walked.value(row, COLUMNS[INSTANCE]) == b"17"
        assert int(walked.vrs[row, COLUMNS[0x00091001]]).to_bytes(2, "big").decode() == vr
        assert walked.lengths[row, COLUMNS[0x00091001]] == size
