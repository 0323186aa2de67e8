"""Imaging: the families of modalities whose images go wrong in the same ways, and how one is told of a data set."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from hounsfield.errors import SettingsError


class Imaging(StrEnum):
    """A family of modalities, as far as the artefacts of its images go."""

    ULTRASOUND = "ultrasound"
    MAGNETIC_RESONANCE = "magnetic-resonance"
    TOMOGRAPHY = "computed-tomography"
    RADIOGRAPH = "radiograph"
    MICROSCOPY = "microscopy"
    PHOTOGRAPH = "photograph"
    UNKNOWN = "unknown"


TERMS: dict[str, Imaging] = {
    **dict.fromkeys(("US", "IVUS", "BDUS"), Imaging.ULTRASOUND),
    "MR": Imaging.MAGNETIC_RESONANCE,
    "CT": Imaging.TOMOGRAPHY,
    **dict.fromkeys(("CR", "DX", "MG", "IO", "PX", "RG", "RF", "XA"), Imaging.RADIOGRAPH),
    **dict.fromkeys(("SM", "GM"), Imaging.MICROSCOPY),
    **dict.fromkeys(("ES", "OP", "XC", "DMS"), Imaging.PHOTOGRAPH),
}
"""Family of a defined term of Modality (DICOM PS3.3 C.7.3.1.1.1); others, such as PT, have no artefacts here."""

WORDS: dict[str, str] = {
    **dict.fromkeys(("ultrasound", "sonography"), "US"),
    **dict.fromkeys(("mri", "mr", "t1", "t1w", "t1c", "t1ce", "t2", "t2w", "flair", "adc", "dwi", "cinemri"), "MR"),
    **dict.fromkeys(("xray", "radiograph", "radiography"), "DX"),
    **dict.fromkeys(("microscopy", "histology"), "SM"),
    **dict.fromkeys(("photograph", "photo"), "XC"),
    "endoscopy": "ES",
    "fundus": "OP",
}
"""Term of a word that data sets use for a modality or a sequence."""


class Told(NamedTuple):
    """What a data set shows.

    Attributes:
        imaging: the family.
        terms: the defined terms it was told by, for people; empty where nothing tells.
        told_by: ``option``, ``recipe``, ``data`` or ``nothing``.
    """

    imaging: Imaging = Imaging.UNKNOWN
    terms: str = ""
    told_by: str = "nothing"


def term_of(text: str) -> str:
    """Return the defined term that a text such as ``MR``, ``T2-FLAIR`` or ``x-ray`` stands for, empty for none."""
    whole = text.strip()
    if whole.upper() in TERMS:
        return whole.upper()
    joined = re.sub(r"[^a-z0-9]+", "", whole.lower())
    for word in (joined, *re.split(r"[^a-z0-9]+", whole.lower())):
        if word in WORDS or word.upper() in TERMS:
            return WORDS.get(word, word.upper())
    return ""


def check_modality(asked: str | None) -> str | None:
    """Return the defined term of a modality that a person names, None for none.

    Raises:
        SettingsError: ``E910``, it is not known.
    """
    if asked is None:
        return None
    term = term_of(asked)
    if not term:
        raise SettingsError("E910", found=asked[:40], expected=", ".join(TERMS))
    return term


def tell_imaging(asked: str | None, stated: Iterable[str], seen: Iterable[str]) -> Told:
    """Return the family of a data set: as a person says, else as the recipe does, else as all that was seen agrees.

    Args:
        asked: what a person names.
        stated: modalities of the recipe's input contract.
        seen: modality of each image looked at, empty for one that has none.

    Raises:
        SettingsError: ``E910``, what the person names is not known.
    """
    sources = (("option", [check_modality(asked) or ""]), ("recipe", list(stated)), ("data", list(seen)))
    for told_by, names in sources:
        terms = sorted({term_of(name) for name in names if name})
        families = {TERMS[term] for term in terms if term}
        if len(families) == 1 and "" not in terms:
            return Told(families.pop(), ", ".join(terms), told_by)
        if families:
            break
    return Told()
