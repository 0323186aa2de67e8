"""The pre-scan on data sets planted byte by byte."""

import struct

import pytest
from pydicom.uid import ExplicitVRBigEndian

from hounsfield.archive.limits import DEFAULT_LIMITS, Limits
from hounsfield.archive.scan import PixelElement, Wanted
from hounsfield.archive.tokens import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from hounsfield.archive.walker import Walker
from hounsfield.errors import Refused
from tests.archive.samples import ITEM_END, SEQUENCE_END, UNDEFINED, ct_dataset, element, encode, implicit, item
from tests.archive.test_window import Held

ROWS = element(0x28, 0x10, "US", b"\x02\x00")
PATIENT = element(0x10, 0x20, "LO", b"P1")
PIXELS = element(0x7FE0, 0x10, "OW", b"12345678")
WANTED = Wanted(
    frozenset({0x00100020, 0x00280010}),
    nested=frozenset({(0x00082218, 0x00080104)}),
    every=frozenset({0x00041500}),
    presence=frozenset({0x0040A730}),
)


def walk(dataset, encoding=EXPLICIT_LITTLE, limits=DEFAULT_LIMITS):
    return Walker(Held(dataset), encoding, WANTED, limits).walk(0)


def refusal(dataset, encoding=EXPLICIT_LITTLE, limits=DEFAULT_LIMITS):
    with pytest.raises(Refused) as found:
        walk(dataset, encoding, limits)
    return found.value


def sequence(content, number=0x1115, length=None):
    return element(0x08, number, "SQ", content, length)


def test_values_are_brought_back_and_pixels_only_measured():
    scan = walk(PATIENT + ROWS + PIXELS)
    assert scan.values == {0x00100020: b"P1", 0x00280010: b"\x02\x00"}
    assert scan.pixels == PixelElement(0x7FE00010, 8)
    assert scan.elements == 4
    assert scan.end == len(PATIENT + ROWS + PIXELS)
    assert not scan.oddities


@pytest.mark.parametrize(
    "content",
    [
        sequence(item(PATIENT) + item(ROWS)),
        sequence(item(PATIENT + ITEM_END, UNDEFINED) + item(ROWS) + SEQUENCE_END, length=UNDEFINED),
        sequence(item(sequence(item(PATIENT)), UNDEFINED) + ITEM_END),
        sequence(b""),
        sequence(SEQUENCE_END, length=UNDEFINED),
        sequence(item(b"") + item(b"")),
        element(0x09, 0x10, "UN", item(implicit(0x10, 0x20, b"P1")) + SEQUENCE_END, UNDEFINED),
        element(0x09, 0x10, "UN", item(PATIENT) + SEQUENCE_END, UNDEFINED),
        element(0x08, 0x1115, "UN", item(implicit(0x10, 0x20, b"P1"))),
        element(0x09, 0x10, "OB", item(b"1234") + SEQUENCE_END, UNDEFINED),
    ],
)
def test_sequences_in_every_form_are_passed_and_their_content_is_not_the_data_set_s(content):
    scan = walk(content + ROWS)
    assert scan.values == {0x00280010: b"\x02\x00"}


def test_nested_and_repeated_values_and_presence():
    region = sequence(item(element(0x08, 0x104, "LO", b"Chest ")), 0x2218)
    files = element(
        0x04, 0x1220, "SQ", item(element(0x04, 0x1500, "CS", b"A ")) + item(element(0x04, 0x1500, "CS", b"B "))
    )
    scan = walk(files + region + element(0x40, 0xA730, "SQ"))
    assert scan.nested == {(0x00082218, 0x00080104): b"Chest "}
    assert scan.every == (b"A ", b"B ")
    assert scan.seen == {0x0040A730}


def test_an_implicit_sequence_of_known_length_is_known_by_the_dictionary():
    scan = walk(
        implicit(0x08, 0x1115, item(implicit(0x10, 0x20, b"P2"))) + implicit(0x10, 0x20, b"P1"), IMPLICIT_LITTLE
    )
    assert scan.values == {0x00100020: b"P1"}
    assert scan.elements == 7


def test_a_big_endian_data_set():
    dataset = encode(ct_dataset(rows=3, columns=5), ExplicitVRBigEndian)
    scan = Walker(Held(dataset), EXPLICIT_BIG, WANTED, Limits()).walk(dataset.index(b"\0\x08\0\x16"))
    assert scan.values[0x00280010] == b"\0\x03"


def test_fragments_are_counted_without_the_offset_table():
    content = item(b"") + item(b"1234") + item(b"56") + SEQUENCE_END
    scan = walk(ROWS + element(0x7FE0, 0x10, "OB", content, UNDEFINED))
    assert scan.pixels == PixelElement(0x7FE00010, 6, 2)
    assert walk(element(0x7FE0, 0x10, "OB", item(b"") + SEQUENCE_END, UNDEFINED)).pixels.fragments == 0


def test_an_icon_is_not_the_image():
    icon = sequence(item(ROWS + element(0x7FE0, 0x10, "OW", b"12")), 0x0200)
    assert walk(icon).pixels is None


# ---- what is refused


@pytest.mark.parametrize(
    "dataset",
    [
        PATIENT[:-1],
        PATIENT[:5],
        PATIENT + ROWS[:-1],
        PATIENT + PIXELS[:-1],
        element(0x7FE0, 0x10, "OW", b"123", 4_294_967_294),
        sequence(item(PATIENT))[:-1],
        sequence(item(PATIENT) + item(ROWS), length=UNDEFINED),
        sequence(item(PATIENT, UNDEFINED), length=UNDEFINED),
        element(0x7FE0, 0x10, "OB", item(b"") + item(b"1234"), UNDEFINED),
        element(0x7FE0, 0x10, "OB", item(b"") + item(b"1234", 400), UNDEFINED),
        element(0x7FE0, 0x10, "OB", item(b"")[:6], UNDEFINED),
    ],
)
def test_a_file_cut_short(dataset):
    assert refusal(dataset).code == "E111"


@pytest.mark.parametrize("depth", [32, 33, 100, 5000])
def test_nesting(depth):
    content = PATIENT
    for _ in range(depth):
        content = sequence(item(content, UNDEFINED) + ITEM_END + SEQUENCE_END, length=UNDEFINED)
    if depth <= 32:
        assert walk(content + ROWS).values == {0x00280010: b"\x02\x00"}
    else:
        found = refusal(content)
        assert (found.code, found.facts) == ("E112", {"limit": 32})


def test_nesting_of_known_lengths_counts_too():
    content = b""
    for _ in range(33):
        content = sequence(item(content))
    assert refusal(content).code == "E112"


def test_too_many_elements():
    assert refusal(ROWS * 50, limits=Limits(max_elements=40)).code == "E113"
    assert refusal(sequence(item(b"") * 50), limits=Limits(max_elements=40)).code == "E113"


@pytest.mark.parametrize(
    "dataset",
    [
        ROWS + b"not at all a data element, much too long a tail",
        sequence(PATIENT + item(b"")),
        element(0x10, 0x20, "LO", b"P1") + b"\xff" * 40,
        struct.pack("<HH", 0x28, 0x10) + b"\x01\x02\x03\x7f" + b"1234",
        item(PATIENT),
    ],
)
def test_bytes_that_are_no_data_element(dataset):
    assert refusal(dataset).code == "E114"


@pytest.mark.parametrize(
    "dataset",
    [
        sequence(item(element(0x10, 0x20, "LO", b"P1", 200))) + bytes(400),
        sequence(item(PATIENT, 200)) + bytes(400),
        sequence(item(PATIENT + b"\x10\x00")) + ROWS,
    ],
)
def test_an_element_longer_than_its_parent(dataset):
    assert refusal(dataset).code == "E115"


def test_a_guess_that_fails_is_only_bytes():
    scan = walk(element(0x08, 0x1115, "UN", item(b"what?!", 400)) + ROWS)
    assert scan.values == {0x00280010: b"\x02\x00"}
    assert scan.oddities == ("unreadable UN value",)


# ---- what is followed


@pytest.mark.parametrize(
    ("dataset", "oddity"),
    [
        (PATIENT + ITEM_END + ROWS, "stray delimiter"),
        (PATIENT + SEQUENCE_END + ROWS, "stray delimiter"),
        (sequence(item(PATIENT + SEQUENCE_END, UNDEFINED), length=UNDEFINED) + ROWS, "stray delimiter"),
        (sequence(item(PATIENT) + SEQUENCE_END) + ROWS, None),
        (implicit(0x09, 0x10, b"1234") + ROWS, "implicit element"),
        (sequence(item(sequence(item(PATIENT), length=UNDEFINED))) + ROWS, "unclosed sequence"),
    ],
)
def test_sloppy_but_safe(dataset, oddity):
    scan = walk(dataset)
    assert scan.values[0x00280010] == b"\x02\x00"
    assert scan.oddities == ((oddity,) if oddity else ())


@pytest.mark.parametrize(
    ("tail", "is_padding"),
    [(bytes(3), True), (bytes(512), True), (b"PK\x03\x04" * 9, False), (b"ab", False), (b"\xff" * 64, False)],
)
def test_what_follows_the_pixels(tail, is_padding):
    scan = walk(ROWS + PIXELS + tail)
    assert scan.pixels == PixelElement(0x7FE00010, 8)
    assert scan.end == len(ROWS + PIXELS)
    assert scan.is_followed_by_zeros is is_padding


def test_an_element_after_the_pixels_may_not_be_cut_either():
    padding = element(0xFFFC, 0xFFFC, "OB", bytes(100))
    assert not walk(PIXELS + padding).oddities
    assert refusal(PIXELS + padding[:-1]).code == "E111"
