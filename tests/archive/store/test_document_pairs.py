"""DICOM JSON against pydicom's own for data sets made by chance, character sets of the standard, and hostile bytes."""

import io
import json
import math
import random
import struct

import pydicom
import pytest
from pydicom.charset import python_encoding
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

from hounsfield.archive.store.document_values import MAX_TEXT_BYTES, convert_value
from hounsfield.archive.tokens import EXPLICIT_BIG, EXPLICIT_LITTLE
from tests.archive.samples import ITEM_END, SEQUENCE_END, UNDEFINED, ct_dataset, element, encode, implicit, item, part10
from tests.archive.store.test_document import document_of_bytes

SYNTAXES = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "big": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}
# One attribute of the data dictionary for each value representation, so that implicit VR finds it again.
ATTRIBUTES = {
    "AE": "StationAETitle",
    "AS": "PatientAge",
    "AT": "FrameIncrementPointer",
    "CS": "ImageType",
    "DA": "SeriesDate",
    "DS": "ImagePositionPatient",
    "DT": "AcquisitionDateTime",
    "FD": "DiffusionBValue",
    "FL": "ExaminedBodyThickness",
    "IS": "InstanceNumber",
    "LO": "OtherPatientIDs",
    "LT": "AdditionalPatientHistory",
    "OB": "EncapsulatedDocument",
    "OF": "VectorGridData",
    "PN": "OperatorsName",
    "SH": "StationName",
    "SL": "ReferencePixelX0",
    "SS": "TagAngleSecondAxis",
    "ST": "InstitutionAddress",
    "TM": "SeriesTime",
    "UC": "LongCodeValue",
    "UI": "ReferencedSOPInstanceUID",
    "UL": "SimpleFrameList",
    "UR": "RetrieveURL",
    "US": "AcquisitionMatrix",
    "UT": "TextValue",
}


def words(chance: random.Random) -> str:
    return "".join(chance.choice("abcXYZ 019._-") for _ in range(chance.randint(1, 12))).strip() or "a"


def several(chance: random.Random, make) -> list:
    return [make() for _ in range(chance.randint(1, 4))]


def value_of(vr: str, chance: random.Random) -> object:
    """Return a valid value of a VR, made by chance."""
    edges = {"US": (0, 65535), "SS": (-32768, 32767), "UL": (0, 4294967295), "SL": (-(1 << 31), (1 << 31) - 1)}
    if vr in edges:
        low, high = edges[vr]
        pick = lambda: chance.choice([low, high, 0, chance.randint(low, high)])  # noqa: E731
        return pick() if vr in ("SS", "SL") else several(chance, pick)
    made = {
        "AT": lambda: several(chance, lambda: Tag(chance.getrandbits(16), chance.getrandbits(16))),
        "FD": lambda: chance.choice([0.0, -1.5, 1e300, 5e-324, math.pi, chance.random()]),
        "FL": lambda: struct.unpack("<f", struct.pack("<f", chance.uniform(-1e6, 1e6)))[0],
        "IS": lambda: chance.choice([0, -1, 2147483647, -2147483648, chance.randint(-999, 999)]),
        "DS": lambda: [f"{chance.uniform(-1e3, 1e3):.6g}" for _ in range(3)],
        "DA": lambda: f"{chance.randint(1900, 2030):04d}{chance.randint(1, 12):02d}{chance.randint(1, 28):02d}",
        "TM": lambda: chance.choice(["12", "1230", "123059", "123059.25"]),
        "DT": lambda: chance.choice(["2026", "20261128080000.5", "20261128080000+0100"]),
        "AS": lambda: chance.choice(["034Y", "006M", "001D"]),
        "OB": lambda: chance.randbytes(2 * chance.randint(1, 8)),
        "OF": lambda: struct.pack("<2f", chance.random(), chance.random()),
        "UI": generate_uid,
        "PN": lambda: several(chance, lambda: chance.choice(["A^B", "A^B^C^D^E", "A^B=C^D", "A^B==E", "=C^D=E"])),
        "CS": lambda: several(chance, lambda: chance.choice(["ORIGINAL", "PRIMARY", "A_1", "X"])),
        "LO": lambda: several(chance, lambda: words(chance)),
        "LT": lambda: words(chance) + "\\" + words(chance) + "\r\nz",
        "ST": lambda: words(chance) + "\\b",
        "UT": lambda: words(chance) * 30,
        "UR": lambda: "https://example.org/a?b=c%20d",
        "AE": lambda: "CT_1",
        "SH": lambda: words(chance),
        "UC": lambda: words(chance),
    }
    return made[vr]()


def by_chance(chance: random.Random, depth: int = 0) -> Dataset:
    """Return a data set with most value representations, and sequences of both kinds of length within one another."""
    dataset = Dataset()
    for vr, keyword in ATTRIBUTES.items():
        if chance.random() < 0.6:
            setattr(dataset, keyword, None if chance.random() < 0.1 else value_of(vr, chance))
    for keyword in ("ReferencedSeriesSequence", "SourceImageSequence", "PurposeOfReferenceCodeSequence"):
        if depth < 3 and chance.random() < 0.5:
            items = [by_chance(chance, depth + 1) for _ in range(chance.randint(0, 2))]
            for each in items:
                each.is_undefined_length_sequence_item = chance.random() < 0.5
            sequence = DataElement(keyword, "SQ", Sequence(items))
            sequence.is_undefined_length = chance.random() < 0.5
            dataset[keyword] = sequence
    return dataset


def json_of_pydicom(content: bytes) -> dict:
    return json.loads(pydicom.dcmread(io.BytesIO(content)).to_json(bulk_data_threshold=1 << 20))


def without_empty(value):
    """Return JSON of pydicom without its empty sequences and groups of names (PS3.18 F.2.5: empty has no Value)."""
    if isinstance(value, list):
        return [without_empty(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {key: without_empty(each) for key, each in value.items()}
    return {key: each for key, each in kept.items() if not ((key == "Value" and each == []) or each == "")}


@pytest.mark.parametrize("name", SYNTAXES)
@pytest.mark.parametrize("seed", range(6))
def test_data_sets_by_chance_read_as_pydicom_reads_them(seed, name, tmp_path):
    dataset = by_chance(random.Random(seed))
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
    if SYNTAXES[name] == ExplicitVRBigEndian and "VectorGridData" in dataset:
        del dataset.VectorGridData  # pydicom does not turn the bytes of OF
    content = encode(dataset, SYNTAXES[name])
    expected = json_of_pydicom(content)
    assert document_of_bytes(content, tmp_path) == without_empty(expected)
    assert len(expected) > 6


# ---- character sets

NAMES = [
    # The examples of PS3.5 annexes H, I, J and K, byte for byte.
    (
        r"\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        ("Yamada^Tarou", "山田^太郎", "やまだ^たろう"),
    ),
    (
        r"ISO 2022 IR 13\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
        ("ﾔﾏﾀﾞ^ﾀﾛｳ", "山田^太郎", "やまだ^たろう"),
    ),
    (
        r"\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        ("Hong^Gildong", "洪^吉洞", "홍^길동"),
    ),
    (
        "ISO_IR 192",
        b"Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1=",
        ("Wang^XiaoDong", "王^小東", None),
    ),
    ("GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", ("Wang^XiaoDong", "王^小东", None)),
    (
        r"\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
        ("Zhang^XiaoDong", "张^小东", None),
    ),
]


def test_names_of_the_standard_are_read_as_it_prints_them():
    for character_set, raw, groups in NAMES:
        expected = {
            name: group
            for name, group in zip(("Alphabetic", "Ideographic", "Phonetic"), groups, strict=True)
            if group is not None
        }
        assert convert_value("PN", raw, EXPLICIT_LITTLE, character_set.encode())["Value"] == [expected], character_set


TEXTS = {
    "ISO_IR 100": "Buc^Jérôme",
    "ISO_IR 101": "Wałęsa^Łucja",
    "ISO_IR 109": "Ĉapelo^Ĝis",
    "ISO_IR 110": "Āboliņš^Ģirts",
    "ISO_IR 126": "Διονυσιος",
    "ISO_IR 127": "قباني^لنزار",
    "ISO_IR 138": "שרון^דבורה",
    "ISO_IR 144": "Люксембург",
    "ISO_IR 148": "Çağrı^İpek",
    "ISO_IR 166": "สมชาย",
    "ISO_IR 203": "Œuvre^Šimon",
    "ISO_IR 13": "ﾔﾏﾀﾞ^ﾀﾛｳ",
    "ISO_IR 192": "王^小東 😀",
    "GB18030": "王^小东𠀀",
    "GBK": "昞^东",
}


@pytest.mark.parametrize(("character_set", "text"), TEXTS.items())
@pytest.mark.parametrize("vr", ["LO", "LT", "PN", "SH", "ST", "UC", "UT"])
def test_every_text_is_read_in_every_character_set(character_set, text, vr):
    raw = text.encode(python_encoding.get(character_set, "iso8859-15"))
    assert raw != text.encode("utf-8") or character_set == "ISO_IR 192"
    found = convert_value(vr, raw, EXPLICIT_LITTLE, character_set.encode())["Value"]
    assert found == [{"Alphabetic": text}] if vr == "PN" else [text]


@pytest.mark.parametrize("spelling", [b"ISO_IR 100 ", b"ISO-IR 100", b"ISO_IR_100", b"iso_ir 100", b"ISO IR 100\0"])
def test_spellings_of_a_character_set_that_files_bring(spelling):
    assert convert_value("LO", b"\xe9", EXPLICIT_LITTLE, spelling)["Value"] == ["é"]


def test_a_backslash_within_a_character_parts_no_values():
    """0x5C is the second byte of some characters of GBK and GB 18030 (PS3.5 section 6.1.2.3)."""
    raw = "昞\\b".encode("gbk")
    assert raw.count(b"\\") == 2
    assert convert_value("LO", raw, EXPLICIT_LITTLE, b"GB18030")["Value"] == ["昞", "b"]


@pytest.mark.parametrize("vr", ["AE", "AS", "CS", "DA", "DT", "TM", "UI", "IS", "DS"])
def test_values_of_the_default_repertoire_do_not_follow_the_character_set(vr):
    """PS3.5 section 6.1.2.3: Specific Character Set says nothing of these; wide digits are no number."""
    raw = "１２".encode()
    (found,) = convert_value(vr, raw, EXPLICIT_LITTLE, b"ISO_IR 192")["Value"]
    assert found == raw.decode("latin-1").strip()


def test_a_character_set_holds_from_its_place_on_and_within_items(tmp_path):
    """An item inherits the set of what surrounds it, and its own ends with it (PS3.3 C.12.1.1.2)."""
    inherits, own, dataset = Dataset(), Dataset(), ct_dataset(SpecificCharacterSet="ISO_IR 100")
    inherits.SeriesDescription = "é"
    own.SpecificCharacterSet = "ISO_IR 144"
    own.SeriesDescription = "Ж"
    dataset.ReferencedSeriesSequence = [inherits, own]
    dataset.PatientComments = "ü"
    document = document_of_bytes(encode(dataset), tmp_path)
    first, second = document["00081115"]["Value"]
    assert first["0008103E"]["Value"] == ["é"]
    assert second["0008103E"]["Value"] == ["Ж"]
    assert second["00080005"]["Value"] == ["ISO_IR 192"]
    assert document["00104000"]["Value"] == ["ü"]


@pytest.mark.parametrize(
    "character_set", [b"", b"ISO_IR 192", b"ISO_IR 87", b"KLINGON", b"\\\\\\", b"\xff", b"GB18030"]
)
@pytest.mark.parametrize("seed", range(5))
def test_any_bytes_in_any_character_set_are_text_that_json_and_utf_8_hold(seed, character_set):
    raw = random.Random(seed).randbytes(200) + b"\x1b$B\x1b$)C\x1b("
    for vr in ("PN", "LO", "UT", "CS", "DS", "IS", "UI"):
        made = convert_value(vr, raw, EXPLICIT_LITTLE, character_set)
        assert json.loads(json.dumps(made, ensure_ascii=False).encode().decode()) == made


@pytest.mark.parametrize(
    ("vr", "text", "value"),
    [
        ("DS", "1e400", "1e400"),
        ("DS", "-0", -0.0),
        ("DS", " +1.25E+2 ", 125.0),
        ("DS", "Infinity", "Infinity"),
        ("DS", "0x10", "0x10"),
        ("DS", "1,5", "1,5"),
        ("IS", "+7", 7),
        ("IS", "007", 7),
        ("IS", "1.0", 1.0),
        ("IS", "1e3", 1000.0),
        ("IS", "9" * 400, "9" * 400),
        ("IS", "--1", "--1"),
        ("IS", "1 2", "1 2"),
    ],
)
def test_numbers_written_as_text(vr, text, value):
    (found,) = convert_value(vr, text.encode(), EXPLICIT_LITTLE, b"")["Value"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("kind", ["h", "H", "i", "I", "q", "Q", "f", "d"])
def test_binary_numbers_are_those_of_struct_in_both_orders(kind):
    vr = {"h": "SS", "H": "US", "i": "SL", "I": "UL", "q": "SV", "Q": "UV", "f": "FL", "d": "FD"}[kind]
    chance = random.Random(ord(kind))
    raw = chance.randbytes(8 * struct.calcsize(kind)) + b"\x7f"  # one byte too many is left
    for order, encoding in (("<", EXPLICIT_LITTLE), (">", EXPLICIT_BIG)):
        values = [each[0] for each in struct.iter_unpack(order + kind, raw[:-1])]
        expected = [value if math.isfinite(value) else None for value in values]
        assert convert_value(vr, raw, encoding, b"") == {"vr": vr, "Value": expected}


# ---- hostile bytes

LAST = element(0x10, 0x20, "LO", b"P1")
SEQUENCES = {
    "an empty sequence": (element(8, 0x1140, "SQ"), {"vr": "SQ"}),
    "an empty open one": (element(8, 0x1140, "SQ", SEQUENCE_END, UNDEFINED), {"vr": "SQ"}),
    "an empty item": (element(8, 0x1140, "SQ", item()), {"vr": "SQ", "Value": [{}]}),
    "two open items": (
        element(8, 0x1140, "SQ", item(ITEM_END, UNDEFINED) + item(ITEM_END, UNDEFINED) + SEQUENCE_END, UNDEFINED),
        {"vr": "SQ", "Value": [{}, {}]},
    ),
    "an open item in a closed sequence": (
        element(8, 0x1140, "SQ", item(element(8, 0x60, "CS", b"CT") + ITEM_END, UNDEFINED)),
        {"vr": "SQ", "Value": [{"00080060": {"vr": "CS", "Value": ["CT"]}}]},
    ),
    "an item that is longer than its sequence": (
        element(8, 0x1140, "SQ", item(element(8, 0x60, "CS", b"CT"), 4000)),
        {"vr": "SQ", "Value": [{"00080060": {"vr": "CS", "Value": ["CT"]}}]},
    ),
    "an element that is longer than its item": (
        element(8, 0x1140, "SQ", item(element(8, 0x60, "CS", b"CT", 4000))),
        {"vr": "SQ", "Value": [{"00080060": {"vr": "CS"}}]},
    ),
    "no item within": (element(8, 0x1140, "SQ", b"\x41" * 16), {"vr": "SQ"}),
    "unknown bytes that are a sequence in implicit VR": (
        element(8, 0x1140, "UN", item(implicit(8, 0x60, b"CT")) + SEQUENCE_END, UNDEFINED),
        {"vr": "SQ", "Value": [{"00080060": {"vr": "CS", "Value": ["CT"]}}]},
    ),
}


@pytest.mark.parametrize(("raw", "expected"), SEQUENCES.values(), ids=SEQUENCES.keys())
def test_sequences_that_are_odd_end_where_they_say_and_hide_nothing_after(raw, expected, tmp_path):
    document = document_of_bytes(part10(raw + LAST), tmp_path)
    assert document == {"00081140": expected, "00100020": {"vr": "LO", "Value": ["P1"]}}


def test_group_lengths_and_padding_are_no_elements(tmp_path):
    raw = element(8, 0, "UL", struct.pack("<L", 99)) + LAST + element(0xFFFC, 0xFFFC, "OB", bytes(8))
    assert list(document_of_bytes(part10(raw), tmp_path)) == ["00100020"]


@pytest.mark.parametrize(("size", "is_bulk"), [(1024, False), (1026, True)])
def test_a_kilobyte_stands_in_the_document_and_more_is_referred_to(size, is_bulk, tmp_path):
    found = document_of_bytes(part10(element(0x42, 0x11, "OB", bytes(size))), tmp_path)["00420011"]
    assert ("BulkDataURI" in found, "InlineBinary" in found) == (is_bulk, not is_bulk)
    text = document_of_bytes(part10(element(0x10, 0x21B0, "UT", b"a" * size)), tmp_path)["001021B0"]
    assert text["Value"] == ["a" * size]


def test_a_text_above_a_megabyte_is_bulk_data(tmp_path):
    raw = element(0x40, 0xA160, "UT", b"a" * (MAX_TEXT_BYTES + 2)) + element(0x40, 0xA161, "FD", bytes(8))
    document = document_of_bytes(part10(raw), tmp_path)
    assert document["0040A160"] == {"vr": "UT", "BulkDataURI": "0040A160"}
    assert document["0040A161"] == {"vr": "FD", "Value": [0.0]}


def test_what_follows_compressed_pixels_is_found(tmp_path):
    fragments = item() + item(bytes(10)) + item(bytes(6)) + SEQUENCE_END
    raw = element(0x7FE0, 0x10, "OB", fragments, UNDEFINED) + element(0xFFFA, 0x4000, "LO", b"ab")
    document = document_of_bytes(part10(raw, "1.2.840.10008.1.2.4.90"), tmp_path)
    assert document["7FE00010"] == {"vr": "OB", "BulkDataURI": "7FE00010"}
    assert document["FFFA4000"] == {"vr": "LO", "Value": ["ab"]}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(40))
def test_a_byte_changed_anywhere_never_breaks_the_reader(seed, tmp_path):
    """The walk refuses most of these before; the document must hold nevertheless, and stay JSON."""
    chance = random.Random(seed)
    content = bytearray(encode(by_chance(random.Random(seed % 4))))
    for _ in range(chance.randint(1, 4)):
        content[chance.randrange(330, len(content))] = chance.getrandbits(8)
    document = document_of_bytes(bytes(content), tmp_path)
    assert json.loads(json.dumps(document, ensure_ascii=False, allow_nan=False).encode()) == document
