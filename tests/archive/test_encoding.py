import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from hounsfield.archive.encoding import dataset_offset, read_start
from hounsfield.archive.header import WANTED
from hounsfield.archive.limits import Limits
from hounsfield.archive.tokens import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from hounsfield.archive.walker import Walker
from hounsfield.errors import Refused
from tests.archive.samples import ct_dataset, element, encode, implicit, part10, pydicom_files
from tests.archive.test_window import Held

EXPLICIT = element(8, 5, "CS", b"ISO_IR 100") + element(8, 0x60, "CS", b"CT") + element(0x28, 0x10, "US", b"\2\0")
IMPLICIT = implicit(8, 5, b"ISO_IR 100") + implicit(8, 0x60, b"CT") + implicit(0x28, 0x10, b"\2\0")


def start_of(content):
    window = Held(content)
    offset = dataset_offset(window)
    assert offset is not None
    return read_start(window, offset, Limits())


@pytest.mark.parametrize(
    ("transfer_syntax", "encoding"),
    [
        (ImplicitVRLittleEndian, IMPLICIT_LITTLE),
        (ExplicitVRLittleEndian, EXPLICIT_LITTLE),
        (ExplicitVRBigEndian, EXPLICIT_BIG),
        (DeflatedExplicitVRLittleEndian, EXPLICIT_LITTLE),
    ],
)
def test_what_pydicom_writes_is_read_as_declared(transfer_syntax, encoding):
    start = start_of(encode(ct_dataset(), transfer_syntax))
    assert start.encoding is encoding
    assert start.transfer_syntax_uid == transfer_syntax
    assert start.is_as_declared
    assert start.sop_class_uid == pydicom.uid.CTImageStorage


@pytest.mark.parametrize(
    ("dataset", "declared", "encoding"),
    [
        (IMPLICIT, ExplicitVRLittleEndian, IMPLICIT_LITTLE),
        (EXPLICIT, ImplicitVRLittleEndian, EXPLICIT_LITTLE),
        (IMPLICIT, JPEGBaseline8Bit, IMPLICIT_LITTLE),
        (EXPLICIT, ExplicitVRBigEndian, EXPLICIT_LITTLE),
    ],
)
def test_what_is_there_goes_before_what_is_declared(dataset, declared, encoding):
    start = start_of(part10(dataset, declared))
    assert start.encoding is encoding
    assert start.transfer_syntax_uid == declared
    assert not start.is_as_declared


@pytest.mark.parametrize("head", [b"", b"DICM"])
@pytest.mark.parametrize(
    ("dataset", "transfer_syntax"), [(EXPLICIT, ExplicitVRLittleEndian), (IMPLICIT, ImplicitVRLittleEndian)]
)
def test_data_sets_without_preamble_or_meta_information(head, dataset, transfer_syntax):
    start = start_of(head + dataset)
    assert start.offset == len(head)
    assert start.transfer_syntax_uid == transfer_syntax
    assert not start.meta


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"plain text, and quite a lot of it, on more than one line\n" * 9,
        bytes(400),
        b"\x08\x00\x05\x00CS\xff\xff" + b"a" * 40,
        b"\x08\x00\x05\x00" + b"\xff" * 40,
        EXPLICIT[:18] + b"\x01" * 40,
        element(0x10, 0x20, "LO", b"P1") + EXPLICIT,
    ],
)
def test_other_bytes_are_no_data_set(content):
    assert dataset_offset(Held(content)) is None


def test_a_wrong_group_length_does_not_matter():
    content = bytearray(part10(EXPLICIT))
    content[140:144] = b"\xff\xff\x00\x00"
    assert start_of(bytes(content)).encoding is EXPLICIT_LITTLE


def walk_all(content):
    start = start_of(content)
    return Walker(start.window, start.encoding, WANTED, Limits()).walk(start.offset)


def test_a_file_that_ends_in_or_after_its_meta_information():
    whole = part10(EXPLICIT)
    meta_end = len(whole) - len(EXPLICIT)
    for end in range(133, meta_end + 1):
        with pytest.raises(Refused) as refusal:
            walk_all(whole[:end])
        assert refusal.value.code in ("E111", "E116")


@pytest.mark.filterwarnings("ignore:Expected explicit VR")
@pytest.mark.parametrize("path", pydicom_files(), ids=lambda path: path.name)
def test_transfer_syntax_as_pydicom_reads_it(path):
    if path.name == "no_meta.dcm":  # a stray blank shifts all of it; dcmdump refuses it too
        assert dataset_offset(Held(path.read_bytes())) is None
        return
    start = start_of(path.read_bytes())
    dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True)
    declared = dataset.file_meta.get("TransferSyntaxUID")
    if declared is not None:
        assert start.transfer_syntax_uid == declared
    if start.meta and not start.is_as_declared and declared:
        assert path.name == "SC_rgb_jpeg.dcm"  # declares JPEG, is written implicitly
        return
    is_implicit, is_little_endian = dataset.original_encoding
    assert start.encoding.is_explicit is not is_implicit
    assert start.encoding.is_little_endian is is_little_endian
