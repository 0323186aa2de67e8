"""DICOM unique identifiers: their form, and new ones under the UUID root."""

import hashlib
import re
import uuid
from typing import NewType

StudyInstanceUID = NewType("StudyInstanceUID", str)
SeriesInstanceUID = NewType("SeriesInstanceUID", str)
SOPInstanceUID = NewType("SOPInstanceUID", str)

_FORM = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*", re.ASCII)
_CHARACTERS = re.compile(r"[0-9.]{1,64}")
_UUID_ROOT = "2.25."


def is_valid_uid(text: str) -> bool:
    """Tell whether a text is a UID: at most 64 characters, components without leading zeros (PS3.5 section 9.1)."""
    return len(text) <= 64 and _FORM.fullmatch(text) is not None


def has_uid_characters(text: str) -> bool:
    """Tell whether a text is 1 to 64 digits and dots: safe to use as a UID, though perhaps not of its form.

    Leading zeros in components are common, and an object that has them is still told apart by them.
    """
    return _CHARACTERS.fullmatch(text) is not None


def new_uid() -> str:
    """Return a fresh UID under ``2.25.`` from a random UUID (PS3.5 annex B.2)."""
    return _UUID_ROOT + str(uuid.uuid4().int)


def derived_uid(*parts: str | bytes) -> str:
    """Return the same UID for the same parts, for objects that bring none (a picture, a NIfTI file).

    The UUID is version 8 (RFC 9562): the first 128 bits of the SHA-256 of the parts.
    """
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big") + raw)
    value = int.from_bytes(digest.digest()[:16], "big")
    value = value & ~(0xF << 76) | (0x8 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return _UUID_ROOT + str(value)
