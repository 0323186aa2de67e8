"""Coded concepts by name: the table (``core/data/codes.json``) is data, this module only looks it up."""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from hounsfield.messages import Language

PRIVATE_SCHEME = "99HNSF"
"""Coding scheme designator of concepts that no standard vocabulary codes (PS3.3 section 8.2: '99' marks it local)."""


@dataclass(frozen=True)
class CodedConcept:
    """A code, its scheme and its meaning (PS3.3 section 8).

    Attributes:
        value: the code.
        scheme: coding scheme designator, such as ``SCT``, ``DCM``, ``RADLEX``, ``LN``.
        meaning: English meaning, at most 64 characters.
        meaning_zh: Simplified Chinese meaning for people; empty when none is known.
    """

    value: str
    scheme: str
    meaning: str
    meaning_zh: str = ""

    def text(self, language: Language = "en") -> str:
        """Return the meaning in a language, in English where there is no other."""
        return self.meaning_zh if language == "zh" and self.meaning_zh else self.meaning


@cache
def _table() -> dict[str, CodedConcept]:
    rows = json.loads(files("hounsfield.core").joinpath("data/codes.json").read_text(encoding="utf-8"))["concepts"]
    return {name: CodedConcept(**row) for name, row in rows.items()}


def concept(name: str) -> CodedConcept:
    """Return a concept of the table by its name, such as ``pneumonia``.

    Raises:
        KeyError: the table has no such name.
    """
    return _table()[name]


def concept_names() -> tuple[str, ...]:
    """Return the names of all concepts of the table, sorted."""
    return tuple(sorted(_table()))


def local_concept(name: str) -> CodedConcept:
    """Return a concept of the private scheme for a class name that no vocabulary codes.

    The code is the name in capitals, at most 16 characters as Code Value allows (PS3.3 Table 8.8-1). A name that this
    would shorten or change (``肺炎``, ``HER2+``) ends in digits of its SHA-256, so that two names never share a code.
    """
    code = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")
    if len(code) > 16 or not re.fullmatch(r"[A-Za-z0-9]+([ _-]+[A-Za-z0-9]+)*", name):
        digest = hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:6].upper()
        code = f"{code[:9].strip('_') or 'CLASS'}_{digest}"
    return CodedConcept(code, PRIVATE_SCHEME, name[:64] or code)


def concept_for(name: str) -> CodedConcept:
    """Return the table's concept of a class name, or one of the private scheme."""
    key = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return _table().get(key) or local_concept(name)
