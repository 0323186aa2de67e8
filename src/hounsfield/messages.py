"""The catalogue of sentences: one stable code, English and Simplified Chinese.

The sentences are data (``hounsfield/locale/*.json``, one file a room). A key such as ``E301`` or ``Q310`` holds a text
and a next step in each language; a key that starts with ``ui.`` holds a label. Machine fields are never translated.
"""

import json
import string
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")


@cache
def catalogue() -> dict[str, dict[str, dict[str, str]]]:
    """Return every entry of the catalogue, labels as entries with a text alone.

    Raises:
        ValueError: two files define the same key.
    """
    entries: dict[str, dict[str, dict[str, str]]] = {}
    for resource in sorted(Path(__file__).with_name("locale").glob("*.json")):
        for key, languages in json.loads(resource.read_text(encoding="utf-8")).items():
            if key in entries:
                raise ValueError(f"{resource.name} defines {key} a second time")
            entries[key] = {
                language: {"text": value} if isinstance(value, str) else value for language, value in languages.items()
            }
    return entries


class _Facts(string.Formatter):
    """Fill ``{name}`` fields by name alone: no attributes, no indices, no missing-key failure."""

    def get_field(self, field_name: str, args: object, kwargs: Mapping[str, object]) -> tuple[object, str]:
        return kwargs.get(field_name, "?"), field_name


def sentence(code: str, facts: Mapping[str, object] | None = None, language: Language = "en") -> str:
    """Return the text of a code in a language with its facts filled in.

    A code that the catalogue lacks is returned as itself, so a report never fails for want of words.
    """
    return _fill(code, "text", facts or {}, language) or code


def next_step(code: str, facts: Mapping[str, object] | None = None, language: Language = "en") -> str:
    """Return the one next action that belongs to a code, or an empty string."""
    return _fill(code, "next", facts or {}, language)


def label(key: str, language: Language = "en") -> str:
    """Return the label ``ui.<key>`` in a language."""
    return sentence(f"ui.{key}", None, language)


def _fill(code: str, part: str, facts: Mapping[str, object], language: Language) -> str:
    template = catalogue().get(code, {}).get(language, {}).get(part, "")
    return _Facts().vformat(template, (), facts)
