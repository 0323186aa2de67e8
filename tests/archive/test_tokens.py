import pytest
from pydicom.datadict import dictionary_VR

from hounsfield.archive.tokens import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_BIG,
    IMPLICIT_LITTLE,
    KNOWN_VRS,
    read_token,
    tag_text,
)
from hounsfield.header_walk import sequence_tags
from tests.archive.samples import element, implicit, item


def test_short_and_long_forms():
    assert read_token(element(0x10, 0x20, "LO", b"P1"), EXPLICIT_LITTLE) == (0x00100020, b"LO", 2, 8)
    assert read_token(element(0x7FE0, 0x10, "OW", b"12"), EXPLICIT_LITTLE) == (0x7FE00010, b"OW", 2, 12)
    assert read_token(implicit(0x10, 0x20, b"P1"), IMPLICIT_LITTLE) == (0x00100020, b"", 2, 8)


def test_big_endian():
    assert read_token(bytes.fromhex("00280010 5553 0002 0040"), EXPLICIT_BIG) == (0x00280010, b"US", 2, 8)
    assert read_token(bytes.fromhex("00280010 00000002 0040"), IMPLICIT_BIG) == (0x00280010, b"", 2, 8)
    assert EXPLICIT_LITTLE.is_little_endian
    assert not EXPLICIT_BIG.is_little_endian


def test_items_have_no_vr_in_any_encoding():
    assert read_token(item(b"12"), EXPLICIT_LITTLE) == (0xFFFEE000, b"", 2, 8)


@pytest.mark.parametrize("raw", [b"", b"\x10\x00\x20\x00LO", element(0x7FE0, 0x10, "OW")[:11]])
def test_too_few_bytes_make_no_token(raw):
    assert read_token(raw, EXPLICIT_LITTLE) is None


def test_an_unknown_pair_of_capitals_has_a_short_length_and_other_bytes_are_an_implicit_element():
    assert read_token(b"\x09\x00\x10\x00ZZ\x04\x00abcd", EXPLICIT_LITTLE) == (0x00090010, b"ZZ", 4, 8)
    assert read_token(b"\x09\x00\x10\x00\x04\x00\x00\x00abcd", EXPLICIT_LITTLE) == (0x00090010, b"", 4, 8)


def test_the_vrs_are_those_of_pydicom():
    from pydicom.valuerep import STANDARD_VR

    assert {vr.decode() for vr in KNOWN_VRS} == {str(vr.value) for vr in STANDARD_VR}


def test_sequences_are_those_of_the_dictionary():
    assert 0x00081115 in sequence_tags()
    assert 0x00100010 not in sequence_tags()
    assert all(dictionary_VR(tag) == "SQ" for tag in list(sequence_tags())[:200])


def test_tags_print_as_in_the_standard():
    assert tag_text(0x7FE00010) == "(7FE0,0010)"
