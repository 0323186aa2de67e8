"""What is fit for a store and what is not: planted lengths, disguises, identifiers, and columns against pydicom."""

import hashlib
import io
import json
import random
import struct
import zlib

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from hounsfield.archive.query.attributes import INSTANCE_ATTRIBUTES, SERIES_ATTRIBUTES, STUDY_ATTRIBUTES
from hounsfield.archive.store.blobs import Incoming
from hounsfield.archive.store.examine import Arrival, examine
from tests.archive.samples import ITEM_END, SEQUENCE_END, UNDEFINED, ct_dataset, element, encode, item, part10, uid


@pytest.fixture
def judge(tmp_path):
    """Return a function that gives the arrival of some bytes."""

    def judged(content: bytes) -> Arrival:
        path = tmp_path / "object"
        path.write_bytes(content)
        return examine(Incoming(path, hashlib.sha256(content).hexdigest(), len(content)))

    return judged


def code_of(arrival: Arrival) -> str:
    return arrival.fault.code if arrival.fault else ""


PIXELS = element(0x7FE0, 0x10, "OW", bytes(8))


def ct_bytes(extra: bytes = b"", pixels: bytes = PIXELS, extra_end: bytes = b"") -> bytes:
    """Return a CT of two by two pixels written by hand, with elements planted before its image group and at its end."""
    head = element(8, 0x16, "UI", uid("1.2.840.10008.5.1.4.1.1.2")) + element(8, 0x18, "UI", uid("1.2.3"))
    head += element(8, 0x60, "CS", b"CT") + extra
    head += element(0x20, 0x0D, "UI", uid("1.2.4")) + element(0x20, 0x0E, "UI", uid("1.2.5"))
    numbers = ((2, 1), (0x10, 2), (0x11, 2), (0x100, 16), (0x101, 16), (0x102, 15), (0x103, 0))
    image = b"".join(element(0x28, number, "US", struct.pack("<H", value)) for number, value in numbers[:1])
    image += element(0x28, 4, "CS", b"MONOCHROME2 ")
    image += b"".join(element(0x28, number, "US", struct.pack("<H", value)) for number, value in numbers[1:])
    return part10(head + image + pixels + extra_end)


def test_the_object_that_faults_are_planted_in_is_fit(judge):
    assert code_of(judge(ct_bytes())) == ""


CODE = element(8, 0x100, "SH", b"T1")
SOUND = {
    "a sequence": element(8, 0x1140, "SQ", item(CODE)),
    "an open sequence": element(8, 0x1140, "SQ", item(CODE + ITEM_END, UNDEFINED) + SEQUENCE_END, UNDEFINED),
    "a sequence in a sequence": element(8, 0x1140, "SQ", item(element(8, 0x1140, "SQ", item(CODE)))),
    "an empty sequence": element(8, 0x1140, "SQ"),
    "a private element": element(9, 0x10, "LO", b"ACME") + element(9, 0x1001, "UN", b"abcd"),
    "an empty text": element(8, 0x1030, "LO"),
}


@pytest.mark.parametrize("extra", SOUND.values(), ids=SOUND.keys())
def test_sound_structures_are_fit(judge, extra):
    assert code_of(judge(ct_bytes(extra))) == ""


FALSE_LENGTHS = {
    "a text longer than the file": element(8, 0x1030, "LO", b"ab", 60000),
    "bytes longer than the file": element(9, 0x1001, "OB", b"ab", 1 << 30),
    "bytes of four gigabytes less two": element(9, 0x1001, "OB", b"ab", 0xFFFFFFFE),
    "a sequence longer than the file": element(8, 0x1140, "SQ", item(CODE), 1 << 20),
    "an item longer than its sequence": element(8, 0x1140, "SQ", item(CODE, len(CODE) + 2)),
    "an item far longer than its sequence": element(8, 0x1140, "SQ", item(CODE, 1 << 20)),
    "an element longer than its item": element(8, 0x1140, "SQ", item(element(8, 0x100, "SH", b"T1", 4))),
    "an element longer than its inner item": element(
        8, 0x1140, "SQ", item(element(8, 0x1140, "SQ", item(element(8, 0x100, "SH", b"T1", 40))))
    ),
    "an inner sequence longer than its item": element(8, 0x1140, "SQ", item(element(8, 0x1140, "SQ", item(CODE), 200))),
}


@pytest.mark.parametrize("extra", FALSE_LENGTHS.values(), ids=FALSE_LENGTHS.keys())
def test_a_length_beyond_its_parent_is_found(judge, extra):
    arrival = judge(ct_bytes(extra))
    assert arrival.fault is not None
    assert arrival.packed_json == b""


@pytest.mark.parametrize("extra", [FALSE_LENGTHS["a text longer than the file"]])
def test_a_fault_after_the_identifiers_and_before_them(judge, extra):
    """What was read before the fault is no reason to trust the object."""
    assert judge(ct_bytes(extra)).fault is not None
    assert judge(ct_bytes(extra_end=element(0xFFFA, 0x10, "LO", b"ab", 60000))).fault is not None


@pytest.mark.parametrize(
    ("size", "is_fit"), [(8, True), (10, True), (6, False), (2, False), (0, False), (7, False), (1 << 20, True)]
)
def test_pixel_bytes_are_those_that_the_header_declares(judge, size, is_fit):
    """Two by two pixels of sixteen bits are eight bytes; fewer is a cut image."""
    arrival = judge(ct_bytes(pixels=element(0x7FE0, 0x10, "OW", bytes(size))))
    assert (arrival.fault is None) == is_fit


def test_an_object_cut_anywhere_is_unfit(judge):
    content = ct_bytes(SOUND["a sequence in a sequence"])
    fit = [size for size in range(1, len(content)) if judge(content[:size]).fault is None]
    assert fit == []


PREAMBLES = [
    (b"MZ", "E122"),
    (b"\x7fELF\x02\x01", "E122"),
    (b"\xfe\xed\xfa\xce", "E122"),
    (b"\xfe\xed\xfa\xcf", "E122"),
    (b"\xce\xfa\xed\xfe", "E122"),
    (b"\xcf\xfa\xed\xfe", "E122"),
    (b"#!/usr/bin/env python\n", "E122"),
    (b"PK\x03\x04", "E174"),
    (b"PK\x05\x06", "E174"),
    (b"%PDF-1.4", "E174"),
    (b"\xca\xfe\xba\xbe", "E174"),
    # Preambles that are no disguise: those of the standard (a TIFF of a slide, PS3.10 section 7.1) and near misses.
    (b"", ""),
    (b"II*\0", ""),
    (b"MM\0*", ""),
    (b"M", ""),
    (b"PK", ""),
    (b" MZ", ""),
    (b"# comment", ""),
    (b"%PD", ""),
    (b"\x7fEL", ""),
]


@pytest.mark.parametrize(("magic", "code"), PREAMBLES)
def test_disguises_in_the_preamble(judge, magic, code):
    content = magic + ct_bytes()[len(magic) :]
    assert pydicom.dcmread(io.BytesIO(content)).SOPInstanceUID == "1.2.3"  # every one of them is readable DICOM
    assert code_of(judge(content)) == code


@pytest.mark.parametrize(
    ("value", "is_fit"),
    [
        ("1.2.3", True),
        ("1." + "2" * 62, True),
        ("1." + "2" * 63, False),
        ("1.02.3", True),  # leading zeros are against the standard and common
        ("", False),
        ("1.2.x", False),
        ("1.2/../3", False),
        ("1.2 3", False),
        ("1.2.3\n4", False),
        ("１.２", False),
        ("-1.2", False),
    ],
)
@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
def test_identifiers_have_the_form_of_one(judge, keyword, value, is_fit):
    if keyword == "SOPInstanceUID" and not value:
        pytest.skip("taken from the file meta information instead: see the next test")
    tags = {"StudyInstanceUID": (0x20, 0x0D), "SeriesInstanceUID": (0x20, 0x0E), "SOPInstanceUID": (8, 0x18)}
    before = {"StudyInstanceUID": "1.2.4", "SeriesInstanceUID": "1.2.5", "SOPInstanceUID": "1.2.3"}[keyword]
    raw = value.encode()
    raw += b"\0" * (len(raw) % 2)
    planted = element(*tags[keyword], "UI", raw)
    content = ct_bytes().replace(element(*tags[keyword], "UI", uid(before)), planted, 1)
    arrival = judge(content)
    assert (arrival.fault is None) == is_fit
    place = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID").index(keyword) + 1
    assert arrival.uids[place] == (value if is_fit else "")
    others = [uid_of for number, uid_of in enumerate(arrival.uids) if number != place]
    assert all(others)  # those that are whole are told nevertheless


def test_an_instance_without_its_uid_is_known_by_that_of_the_file_meta_information(judge):
    content = ct_bytes().replace(element(8, 0x18, "UI", uid("1.2.3")), b"", 1)
    assert judge(content).uids[1] == "1.2.3.4"  # Media Storage SOP Instance UID (PS3.10 section 7.1)


FULL = {
    "StudyDate": "20261128",
    "StudyTime": "080910.25",
    "AccessionNumber": "A-1",
    "ReferringPhysicianName": "Ref^Dr",
    "StudyDescription": "Thorax",
    "PatientName": "Müller^Jörg",
    "PatientID": "P-7",
    "PatientBirthDate": "19700102",
    "PatientSex": "F",
    "StudyID": "S1",
    "Modality": "CT",
    "Manufacturer": "ACME",
    "SeriesDescription": "Lunge",
    "BodyPartExamined": "CHEST",
    "SeriesNumber": 4,
    "PerformedProcedureStepStartDate": "20261127",
    "PerformedProcedureStepStartTime": "0700",
    "InstanceNumber": -3,
    "SpecificCharacterSet": "ISO_IR 100",
    "SOPInstanceUID": "1.2.3",
}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_columns_hold_what_pydicom_reads(judge, syntax):
    content = encode(ct_dataset(**FULL), syntax)
    arrival, original = judge(content), pydicom.dcmread(io.BytesIO(content))
    assert arrival.fault is None
    checked = 0
    for values, attributes in (
        (arrival.study, STUDY_ATTRIBUTES),
        (arrival.series, SERIES_ATTRIBUTES),
        (arrival.instance, INSTANCE_ATTRIBUTES),
    ):
        for attribute in attributes:
            if attribute.keyword in original:
                expected = original[attribute.keyword].value
                is_number = attribute.vr in ("IS", "US")
                assert values[attribute.column] == (int(expected) if is_number else str(expected)), attribute.keyword
                checked += 1
    assert checked >= len(FULL)
    assert arrival.instance["transfer_syntax_uid"] == syntax
    assert json.loads(zlib.decompress(arrival.packed_json))["00100010"]["Value"] == [{"Alphabetic": "Müller^Jörg"}]


@pytest.mark.parametrize(
    ("name", "column", "key"),
    [
        ("MÜLLER^Jörg", "MÜLLER^Jörg", "=muller^jorg="),
        ("Wang^XiaoDong=王^小東", "Wang^XiaoDong=王^小東", "=wang^xiaodong=王^小東="),
        ("=王^小東", "=王^小東", "==王^小東="),
        ("A^B==C", "A^B==C", "=a^b==c="),
        ("Straße^^^", "Straße^^^", "=strasse="),
        (None, "", ""),
    ],
)
def test_names_and_the_keys_by_which_they_are_found(judge, name, column, key):
    dataset = ct_dataset(SpecificCharacterSet="ISO_IR 192", SOPInstanceUID="1.2.3")
    dataset.PatientName = name
    study = judge(encode(dataset)).study
    assert (study["patient_name"], study["patient_name_key"]) == (column, key)


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), ("-7", -7), ("1.0", 1), ("abc", None), ("", None), ("9" * 12, int("9" * 12)), ("1e300", None)],
)
def test_a_number_that_is_none_or_too_large_leaves_its_column_empty(judge, text, number):
    content = ct_bytes().replace(
        element(0x20, 0x0E, "UI", uid("1.2.5")),
        element(0x20, 0x0E, "UI", uid("1.2.5")) + element(0x20, 0x13, "IS", text.encode() + b" " * (len(text) % 2)),
    )
    arrival = judge(content)
    assert arrival.fault is None
    assert arrival.instance["instance_number"] == number


@pytest.mark.parametrize("seed", range(150))
def test_hostile_bytes_never_raise_and_are_fit_or_told(judge, seed):
    chance = random.Random(seed)
    content = bytearray(ct_bytes(SOUND["an open sequence"] + SOUND["a sequence in a sequence"]))
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(content))
        content[place : place + chance.choice([0, 1, 4])] = chance.randbytes(chance.choice([0, 1, 2, 4]))
    arrival = judge(bytes(content))
    if arrival.fault is None:
        assert all(arrival.uids)
        assert json.loads(zlib.decompress(arrival.packed_json))
    else:
        assert arrival.fault.text("en")
        assert arrival.fault.text("zh")


def test_depth_is_bounded_before_anything_recurses(judge):
    raw = b""
    for _ in range(3000):
        raw = element(8, 0x1140, "SQ", item(raw)) if len(raw) < 60000 else raw
    assert judge(ct_bytes(element(8, 0x1140, "SQ", item(raw)))).fault is not None
    opened = element(8, 0x1140, "SQ", b"", UNDEFINED) + item(b"", UNDEFINED)
    assert judge(ct_bytes(opened * 5000)).fault is not None


def test_documents_hold_no_pixels(judge):
    dataset = ct_dataset(rows=64, columns=64, SOPInstanceUID="1.2.3", PixelData=bytes(8192))
    dataset.IconImageSequence = [Dataset()]
    dataset.IconImageSequence[0].PixelData = b"\1" * 16
    dataset.IconImageSequence[0]["PixelData"].VR = "OW"
    document = json.loads(zlib.decompress(judge(encode(dataset)).packed_json))
    assert document["7FE00010"]["BulkDataURI"] == "7FE00010"
    assert document["00880200"]["Value"][0]["7FE00010"]["BulkDataURI"] == "00880200/0/7FE00010"
