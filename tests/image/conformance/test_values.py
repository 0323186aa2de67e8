"""Whether a value is written as its VR demands, beside pydicom's own validators and by PS3.5 itself."""

import random
from datetime import date

import pytest
from pydicom import config
from pydicom.valuerep import validate_value

from hounsfield.image.conformance.element import Element
from hounsfield.image.conformance.values import multiplicity_fault, parts_of, value_fault

TAGS = {"AE": 0x00020016, "AS": 0x00101010, "CS": 0x00080060, "DA": 0x00080020, "DS": 0x00180050, "DT": 0x0008002A,
        "IS": 0x00200013, "LO": 0x00080070, "PN": 0x00100010, "SH": 0x00200010, "TM": 0x00080030,
        "UI": 0x00080018, "LT": 0x00104000, "ST": 0x00080081}  # fmt: skip
ALPHABET = "0123456789.+-eEABDMYWz _:/^="


def element(vr: str, value: bytes, encodings=("iso8859",)) -> Element:
    return Element(TAGS.get(vr, 0x00280010), "X", vr, True, value, len(value), encodings=encodings)


@pytest.mark.parametrize(
    ("vr", "value", "kind"),
    [
        ("CS", b"ORIGINAL\\PRIMARY ", None), ("CS", b"original", "character"), ("CS", b"A" * 17, "long"),
        ("DA", b"19991231", None), ("DA", b"1999.12.31", "character"), ("DA", b"19991331", "form"),
        ("TM", b"235959.123456", None), ("TM", b"23:59:59", "character"), ("TM", b"256000", "form"),
        ("UI", b"1.2.840.0.1\0", None), ("UI", b"1.02.3", "form"), ("UI", b"1.2.x", "character"),
        ("UI", b"1." * 32 + b"1", "long"), ("UI", b"1..2", "form"), ("UI", b"1.2.", "form"),
        ("DS", b" 1.5e-3 ", None), ("DS", b"1,5", "character"), ("DS", b"0.12345678901234567", "long"),
        ("IS", b"-2147483648", None), ("IS", b"2147483648", "form"), ("IS", b"1.5", "character"),
        ("AS", b"045Y", None), ("AS", b"45Y ", "age"), ("AS", b"Y045", "form"),
        ("SH", b"x" * 16, None), ("SH", b"x" * 17, "long"), ("LO", b"a\x07b", "character"),
        ("PN", b"A" * 64 + b"=" + b"B" * 64, None), ("PN", b"A" * 65, "long"), ("PN", b"a=b=c=d", "form"),
        ("LT", b"first\r\nsecond\\third", None), ("US", b"\1\0\2", "size"), ("FD", b"\0" * 16, None),
        ("OB", b"x", None),
    ],
)  # fmt: skip
def test_a_value_is_judged_by_its_vr(vr, value, kind):
    fault = value_fault(element(vr, value))
    assert (fault.kind if fault else None) == kind


def _is_date(text: str) -> bool:
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except (ValueError, OverflowError):
        return False
    return True


@pytest.mark.parametrize("vr", ["AS", "CS", "DA", "DS", "IS", "TM", "UI", "SH", "LO"])
def test_pydicom_judges_the_same(vr):
    draw = random.Random(vr)
    alphabets = {"UI": "0123.", "DA": "012", "TM": "0123.", "IS": "0123-", "DS": "0123.-e", "AS": "01Y", "CS": "A_ a"}
    disagreements = []
    for _ in range(400):
        letters = alphabets.get(vr, ALPHABET) if draw.random() < 0.8 else ALPHABET
        text = "".join(draw.choice(letters) for _ in range(draw.choice((1, 3, 4, 6, 8, 12, 17, 70))))
        # Blanks at the end are padding; pydicom takes ranges of dates and ACR-NEMA's dots too, and bounds no integer.
        text = text.rstrip(" ")[: 9 if vr == "IS" else None]
        if not text or (vr in ("DA", "TM") and ("-" in text or ":" in text)) or (vr == "DA" and "." in text):
            continue
        try:
            validate_value(vr, text, config.RAISE)
            is_sound = True
        except (ValueError, OverflowError):
            is_sound = False
        # Nor does it bound day and month.
        is_sound &= vr != "DA" or _is_date(text)
        if is_sound != (value_fault(element(vr, text.encode())) is None):
            disagreements.append(text)
    assert disagreements == []


def test_characters_are_counted_not_bytes():
    name = "王小明" * 20
    assert value_fault(element("LO", name.encode(), ("utf8",))) is None
    assert value_fault(element("LO", name.encode(), ("iso8859",))).kind in ("long", "character")


def test_a_backslash_inside_a_character_separates_nothing():
    text = "誠表"  # the second byte of the last character is 0x5C in this code
    raw = text.encode("shift_jis")
    assert b"\\" in raw
    assert parts_of(element("LO", raw, ("shift_jis",))) == (text,)


def test_no_fact_holds_the_value():
    for vr, value in (("LO", b"Mueller^Anna\x07"), ("UI", b"1.2.secret"), ("SH", b"Mueller" * 5)):
        facts = str(value_fault(element(vr, value)).facts)
        assert "Mueller" not in facts
        assert "secret" not in facts


@pytest.mark.parametrize(
    ("count", "allowed", "is_sound"),
    [
        (1, "1", True), (2, "1", False), (2, "2-n", True), (1, "2-n", False), (6, "3-3n", True), (5, "3-3n", False),
        (2, "1-2", True), (3, "1-2", False), (3, "1 or 3", True), (2, "1 or 3", False), (40, "1-n", True),
    ],
)  # fmt: skip
def test_multiplicity(count, allowed, is_sound):
    text = element("DS", b"\\".join([b"1"] * count))
    number = element("US", b"\1\0" * count)
    for one in (text, number):
        fault = multiplicity_fault(one, allowed)
        assert (fault is None) == is_sound
        assert fault is None or fault.facts == {"count": count, "allowed": allowed}


def test_what_is_empty_or_private_has_no_form():
    assert value_fault(element("CS", b"  ")) is None
    assert multiplicity_fault(element("CS", b""), "2") is None
    assert value_fault(Element(0x00091001, "", "CS", True, b"lower", 5)) is None
