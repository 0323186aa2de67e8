import pydicom
import pytest
from pydicom.charset import python_encoding

from hounsfield.archive.charset import _CODECS, decode_text, is_doubtful
from tests.archive.samples import PYDICOM_DATA

CHINESE = "王小东"


@pytest.mark.parametrize(
    ("raw", "character_set", "expected"),
    [
        (b"P1 ", b"", "P1"),
        (b"P1\0", b"ISO_IR 100", "P1"),
        ("Müller".encode("latin-1"), b"ISO_IR 100", "Müller"),
        (CHINESE.encode("gb18030"), b"GB18030", CHINESE),
        (CHINESE.encode("gbk"), b"GBK", CHINESE),
        (CHINESE.encode(), b"ISO_IR 192", CHINESE),
        ("Люкceмбypг".encode("iso8859_5"), b"ISO_IR 144", "Люкceмбypг"),
        ("Müller".encode("latin-1"), b"", "Müller"),
        ("Müller".encode("latin-1"), b"ISO_IR 192", "Müller"),
        ("Müller".encode("latin-1"), b"NO SUCH SET", "Müller"),
    ],
)
def test_text_is_decoded(raw, character_set, expected):
    assert decode_text(raw, character_set) == expected


def test_different_bytes_stay_different_where_the_character_set_is_unknown():
    patients = {decode_text(bytes([65, byte]), b"") for byte in range(0x81, 0xFF)}
    assert len(patients) == 0xFF - 0x81


@pytest.mark.parametrize(
    ("raw", "character_set"),
    [
        (CHINESE.encode("gbk"), b""),
        (CHINESE.encode("gbk"), b"ISO_IR 6"),
        (CHINESE.encode("gbk"), b"ISO_IR 100"),
        (CHINESE.encode("gbk"), b"ISO_IR 192"),
        (CHINESE.encode(), b""),
        (CHINESE.encode(), b"ISO_IR 100"),
        (b"\xff\xff\xff", b"GB18030"),
        (b"M\xfcller", b"NO SUCH SET"),
        (b"M\xfcller", b""),
    ],
)
def test_what_cannot_be_read_for_sure_is_flagged(raw, character_set):
    assert is_doubtful(raw, character_set)


@pytest.mark.parametrize(
    ("raw", "character_set"),
    [
        (b"Nemo^Nobody", b""),
        ("Müller^Jürgen".encode("latin-1"), b"ISO_IR 100"),
        ("Noël^Zoë".encode("latin-1"), b"ISO_IR 100"),
        (CHINESE.encode("gb18030"), b"GB18030"),
        (CHINESE.encode("gbk"), b"GBK"),
        (CHINESE.encode(), b"ISO_IR 192"),
        ("Люкceмбypг".encode("iso8859_5"), b"ISO_IR 144"),
        ("Διονυσιος".encode("iso8859_7"), b"ISO_IR 126"),
    ],
)
def test_what_reads_well_is_not_flagged(raw, character_set):
    assert not is_doubtful(raw, character_set)


@pytest.mark.parametrize("path", sorted((PYDICOM_DATA / "charset_files").glob("chr*.dcm")), ids=lambda path: path.stem)
def test_the_character_sets_of_the_test_files_are_not_flagged(path):
    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    declared = dataset.get("SpecificCharacterSet", "")
    declared = declared if isinstance(declared, str) else "\\".join(declared)
    name = dataset.get_item("PatientName")
    if name is not None:
        raw = name.value if isinstance(name.value, bytes) else name.value.original_string
        assert not is_doubtful(raw, declared.encode())


def test_the_codecs_decode_what_pydicom_s_decode():
    for term, codec in _CODECS.items():
        theirs = python_encoding.get(term)
        if theirs is None or term in ("", "ISO_IR 6", "ISO_IR 87", "ISO_IR 159", "ISO_IR 58"):
            continue
        assert "\u00e9".encode(codec, "ignore") == "\u00e9".encode(theirs, "ignore"), term


def test_spellings_found_in_files():
    for term in (b"ISO_IR 100", b"ISO IR 100", b"ISO-IR 100", b"iso_ir 100", b"ISO 2022 IR 100", b"ISO_IR_100"):
        assert decode_text(b"M\xfcller", term) == "Müller"
        assert not is_doubtful(b"M\xfcller", term), term
