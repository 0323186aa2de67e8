"""Plain words of every feature and family, in English and Simplified Chinese; the table is data."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from hounsfield.radiomics.catalogue import ENDINGS


@dataclass(frozen=True)
class FeatureWords:
    """What a feature says, in a sentence.

    Attributes:
        name_zh: its Simplified Chinese name; the English one is that of the manual.
        en: in English.
        zh: in Simplified Chinese.
    """

    name_zh: str
    en: str
    zh: str


@cache
def _document() -> dict[str, Any]:
    text = files("hounsfield.radiomics.data").joinpath("words.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def feature_words(tag: str) -> FeatureWords:
    """Return the words of a feature by its tag, with or without the ending of its aggregation.

    Raises:
        KeyError: no feature has this tag.

    Example:
        >>> feature_words("stat_mean").en
        'Average intensity.'
    """
    table = _document()["features"]
    for ending in sorted(ENDINGS.values(), key=len, reverse=True):
        if tag.endswith(ending) and (bare := tag.removesuffix(ending)) in table:
            return FeatureWords(**table[bare])
    raise KeyError(tag)


def family_words(family: str) -> tuple[str, str]:
    """Return the name of a family in English and Simplified Chinese.

    Raises:
        KeyError: there is no such family.
    """
    entry = _document()["families"][family]
    return entry["en"], entry["zh"]
