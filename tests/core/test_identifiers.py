"""UIDs against pydicom's own rules."""

import pytest
from pydicom.uid import UID, generate_uid

from hounsfield.core.identifiers import derived_uid, has_uid_characters, is_valid_uid, new_uid


@pytest.mark.parametrize(
    "text",
    [
        "1.2.840.10008.1.2",
        "2.25.0",
        "0",
        "1." + "9" * 62,
        "1." + "9" * 63,
        "1.02",
        "1..2",
        "",
        "1.2.",
        ".1",
        "1.2.a",
        "../../etc/passwd",
        "1.2.840\n",
        "１.２",
    ],
)
def test_validity_agrees_with_pydicom(text):
    assert is_valid_uid(text) == bool(UID(text, validation_mode=0).is_valid and text.isascii() and "\n" not in text)


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("1.02", True),
        ("1" * 64, True),
        ("1" * 65, False),
        ("", False),
        ("1.2\n", False),
        ("1.2/3", False),
        ("１.2", False),
    ],
)
def test_characters_of_a_uid_are_digits_and_dots(text, truth):
    assert has_uid_characters(text) is truth


def test_generated_uids_of_pydicom_are_valid():
    assert all(is_valid_uid(generate_uid()) for _ in range(50))


def test_new_uids_are_valid_and_differ():
    made = {new_uid() for _ in range(100)}
    assert len(made) == 100
    assert all(UID(uid).is_valid for uid in made)


def test_derived_uids_repeat_and_keep_parts_apart():
    assert derived_uid("a", b"b") == derived_uid("a", "b")
    assert derived_uid("ab", "c") != derived_uid("a", "bc")
    assert UID(derived_uid("a")).is_valid
    assert derived_uid("a").startswith("2.25.")


def test_derived_uid_is_a_version_8_uuid():
    import uuid

    made = uuid.UUID(int=int(derived_uid("study").removeprefix("2.25.")))
    assert made.version == 8
    assert made.variant == uuid.RFC_4122
