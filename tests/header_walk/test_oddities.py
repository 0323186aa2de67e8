"""What is odd in a header gets its reason, and bounds are where they are said to be, to the byte."""

import struct
from pathlib import Path

import pytest

from hounsfield.header_walk import MAX_SEQUENCE_DEPTH, HeaderStatus, walk_headers
from tests.header_walk.encoded import (
    EXPLICIT,
    IMPLICIT,
    JPEG,
    PIXELS,
    SEQUENCES,
    UNDEFINED,
    element,
    meta,
    number_of,
    written,
)

MODALITY, PATIENT, INSTANCE = 0x00080060, 0x00100020, 0x00200013
TAGS = (MODALITY, PATIENT, INSTANCE)
NESTED = ((SEQUENCES[0], MODALITY),)


def status_of(folder: Path, content: bytes) -> HeaderStatus:
    return HeaderStatus(int(walk_headers(written(folder, [content]), TAGS, NESTED).status[0]))


@pytest.mark.parametrize("vr", ["XX", "ob", "\0\0", "S ", "QS"])
def test_a_vr_that_is_none_is_left_to_others(tmp_path: Path, vr: str):
    content = meta(EXPLICIT) + element(MODALITY, "CS", b"CT", True) + element(0x00091001, vr, b"11", True)
    assert status_of(tmp_path, content) is HeaderStatus.STRUCTURE


def fragments(is_closed: bool) -> bytes:
    item = number_of(0xFFFEE000) + struct.pack("<L", 4) + b"\xff\xd8\xff\xd9"
    end = number_of(0xFFFEE0DD) + bytes(4) if is_closed else b""
    return element(PIXELS, "OB", number_of(0xFFFEE000) + bytes(4) + item + end, True, UNDEFINED)


@pytest.mark.parametrize("is_closed", [True, False])
def test_fragments_are_named_and_not_looked_at(tmp_path: Path, is_closed: bool):
    content = meta(JPEG) + element(MODALITY, "CS", b"CT", True) + fragments(is_closed)
    walked = walk_headers(written(tmp_path, [content]), TAGS)
    assert walked.status[0] == HeaderStatus.PLAIN
    assert walked.transfer_syntax_uid(0) == JPEG
    assert (walked.pixel_tag[0], walked.pixel_length[0]) == (PIXELS, -1)
    assert content[int(walked.pixel_offset[0]) :].startswith(number_of(0xFFFEE000))


ITEM = number_of(0xFFFEE000)
SEQUENCE = SEQUENCES[0]
FIRST = element(MODALITY, "CS", b"CT  ", True)
ODD = {
    "a tag twice": (FIRST + FIRST, "REPEATED"),
    "a value beyond the file": (FIRST + element(INSTANCE, "IS", b"17", True, 400), "CUT"),
    "an item beyond its sequence": (
        FIRST + element(SEQUENCE, "SQ", ITEM + struct.pack("<L", 90), True) + element(INSTANCE, "IS", b"1" * 200, True),
        "CUT",
    ),
    "a value beyond its item": (
        FIRST + element(SEQUENCE, "SQ", ITEM + struct.pack("<L", 10) + element(INSTANCE, "IS", b"17", True, 44), True),
        "CUT",
    ),
    "an open sequence without end": (FIRST + element(SEQUENCE, "SQ", b"", True, UNDEFINED), "CUT"),
    "no item in a sequence": (FIRST + element(SEQUENCE, "SQ", FIRST, True), "STRUCTURE"),
    "a delimiter among elements": (FIRST + number_of(0xFFFEE0DD) + bytes(4), "STRUCTURE"),
    "an item among elements": (FIRST + ITEM + bytes(4), "STRUCTURE"),
    "tag zero": (FIRST + element(0, "UL", bytes(4), True), "STRUCTURE"),
    "text of undefined length": (FIRST + element(0x00091001, "LO", b"", True)[:6] + b"\xff\xff", "CUT"),
    "bytes of undefined length": (FIRST + element(0x00091001, "OB", b"", True, UNDEFINED) + bytes(20), "STRUCTURE"),
    "items called unknown": (FIRST + element(SEQUENCE, "UN", ITEM + bytes(4), True), "STRUCTURE"),
    "no VR where one must be": (element(MODALITY, "CS", b"CT  ", False), "ENCODING"),
    "half a header at the end": (FIRST + number_of(INSTANCE), "STRUCTURE"),
    "pixels that end early": (FIRST + element(PIXELS, "OW", bytes(8), True, 20), "CUT"),
    "pixels and more": (FIRST + element(PIXELS, "OW", bytes(8), True) + bytes(6), "TAIL"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_gets_its_reason(tmp_path: Path, name: str):
    content, expected = ODD[name]
    assert status_of(tmp_path, meta(EXPLICIT) + content) is HeaderStatus[expected]


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"MZ", "PROGRAM"),
        (b"\x7fELF", "PROGRAM"),
        (b"#!/bin/sh", "PROGRAM"),
        (b"II*\0", "PLAIN"),  # a TIFF in the preamble is allowed by PS3.10 7.1
    ],
)
def test_a_preamble_that_would_run_is_told(tmp_path: Path, start: bytes, expected: str):
    content = meta(EXPLICIT) + FIRST
    assert status_of(tmp_path, start + content[len(start) :]) is HeaderStatus[expected]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (meta(EXPLICIT)[:132], "NO_DICOM"),
        (meta(EXPLICIT)[:128] + b"DICN" + meta(EXPLICIT)[132:] + FIRST, "NO_DICOM"),
        (meta("1.2.840.10008.1.2.2") + FIRST, "SYNTAX"),
        (meta("1.2.840.10008.1.2.1.99") + FIRST, "SYNTAX"),
        (meta(EXPLICIT + "2") + FIRST, "SYNTAX"),
        (meta(EXPLICIT, b"1.2.840.10008.1.3.10") + FIRST, "DIRECTORY"),
        (meta(EXPLICIT) + element(0x00020010, "UI", EXPLICIT.encode() + b"\0", True) + FIRST, "META"),
        (meta(IMPLICIT) + FIRST, "ENCODING"),
        (meta(EXPLICIT).replace(b"OB\0\0", b"ZZ\0\0", 1) + FIRST, "META"),
    ],
)
def test_what_stands_before_the_data_set_is_judged(tmp_path: Path, content: bytes, expected: str):
    assert status_of(tmp_path, content) is HeaderStatus[expected]


@pytest.mark.parametrize(("depth", "expected"), [(MAX_SEQUENCE_DEPTH, "PLAIN"), (MAX_SEQUENCE_DEPTH + 1, "DEPTH")])
@pytest.mark.parametrize("is_explicit", [True, False])
def test_nesting_is_followed_to_its_bound_and_no_further(tmp_path: Path, depth: int, expected: str, is_explicit: bool):
    inner = element(MODALITY, "CS", b"MR", is_explicit)
    for _ in range(depth):
        inner = element(SEQUENCE, "SQ", ITEM + struct.pack("<L", len(inner)) + inner, is_explicit)
    content = meta(EXPLICIT if is_explicit else IMPLICIT) + element(0x00080005, "CS", b"ISO_IR 100", is_explicit)
    files = written(tmp_path, [content + inner])
    walked = walk_headers(files, TAGS, NESTED)
    assert HeaderStatus(int(walked.status[0])).name == expected
    if expected == "PLAIN":
        assert walked.value(0, len(TAGS)) == b"MR"


@pytest.mark.parametrize("filler", [8192 - 900, 8192 - 300, 8192, 65_536 - 300, 65_536, 200_000])
@pytest.mark.parametrize("is_explicit", [True, False])
def test_values_at_the_edge_of_what_is_read_first_are_found(tmp_path: Path, filler: int, is_explicit: bool):
    contents = []
    for shift in range(0, 640, 40):
        head = element(0x00080005, "CS", b"ISO_IR 100", is_explicit)
        long = element(0x00091001, "OB", b"1" * (filler + shift), is_explicit)
        tail = element(PATIENT, "LO", b"9" * 20, is_explicit) + element(INSTANCE, "IS", b"17", is_explicit)
        contents.append(meta(EXPLICIT if is_explicit else IMPLICIT) + head + long + tail)
    files = written(tmp_path, contents)
    walked = walk_headers(files, TAGS)
    assert set(walked.status.tolist()) == {HeaderStatus.PLAIN}
    for row, content in enumerate(contents):
        assert walked.value(row, TAGS.index(PATIENT)) == b"9" * 20
        assert walked.positions[row, TAGS.index(INSTANCE)] == len(content) - 2
    assert walked.values(TAGS.index(INSTANCE)) == [b"17"] * len(contents)
