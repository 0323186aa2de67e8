"""The mark of enhanced pixels in files: written with a volume, and found again by whoever reads it with Hounsfield.

Without it a file written after a smoothing step would be measured tomorrow (docs/decisions/0009-enhanced-pixels.md).
Each format has its own place: DICOM the Derivation Code Sequence (PS3.3 C.7.6.1.1.3) with codes of the private scheme
of the house; NIfTI a comment extension and, for software that drops extensions, ``descrip``; NRRD a key with its value.
"""

import json
import re
from collections.abc import Iterable

from pydicom import Dataset

from hounsfield.core.codes import PRIVATE_SCHEME, local_concept

KEY = "hounsfield_enhanced_by"
UNKNOWN = "unknown"
"""Stands for steps whose names cannot be read: a mark that is damaged is a mark still."""

MAXIMUM_STEPS = 64
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DESCRIPTION_CHARACTERS = 79


def mark_text(steps: tuple[str, ...]) -> str:
    """Return the names of steps as a JSON list, the value of ``KEY``."""
    return json.dumps(list(steps))


def read_mark(text: str) -> tuple[str, ...]:
    """Return the names of ``mark_text``; those that are no names of steps become ``UNKNOWN``."""
    try:
        found = json.loads(text[: MAXIMUM_STEPS * 80])
    except (ValueError, RecursionError):
        return (UNKNOWN,)
    if not isinstance(found, list):
        return (UNKNOWN,)
    return _names(found)


def mark_line(steps: tuple[str, ...]) -> str:
    """Return the mark as one line of at most 79 characters; what does not fit is cut off."""
    return f"{KEY}={','.join(steps)}"[:_DESCRIPTION_CHARACTERS]


def read_line(line: str) -> tuple[str, ...]:
    """Return the names of ``mark_line``, empty for any other line."""
    key, equals, names = line.strip("\0 ").partition("=")
    return _names(names.split(",")) if equals and key == KEY else ()


def mark_codes(steps: tuple[str, ...]) -> list[Dataset]:
    """Return the items of a Derivation Code Sequence that name the steps."""
    items = []
    for step in steps:
        concept = local_concept(step)
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator = concept.value, concept.scheme
        item.CodeMeaning = concept.meaning
        items.append(item)
    return items


def read_codes(items: Iterable[Dataset]) -> tuple[str, ...]:
    """Return the steps that a Derivation Code Sequence names in the scheme of the house; other codes do not count."""
    ours = [item for item in items if str(item.get("CodingSchemeDesignator") or "").strip() == PRIVATE_SCHEME]
    return _names([item.get("CodeMeaning") for item in ours])


def _names(found: Iterable[object]) -> tuple[str, ...]:
    names = [name.strip() if isinstance(name, str) else "" for name in found]
    return tuple(name if _NAME.fullmatch(name) else UNKNOWN for name in names)[:MAXIMUM_STEPS]
