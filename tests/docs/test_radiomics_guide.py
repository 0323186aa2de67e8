"""The guide names every setting of an extraction, every family and every named set, and nothing that is not there."""

import re
from dataclasses import fields

from hounsfield.radiomics import RadiomicsSettings
from hounsfield.radiomics.settings import NAMED, Binning, Family
from tests.docs.pages import REPOSITORY

GUIDE = (REPOSITORY / "docs" / "guides" / "radiomics.md").read_text(encoding="utf-8")


def test_every_key_is_a_row_and_every_row_a_key() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE)
    assert rows == [field.name for field in fields(RadiomicsSettings)]


def test_every_family_and_binning_is_named() -> None:
    for word in (*Family, *Binning):
        assert f"`{word}`" in GUIDE


def test_every_named_set_is_named_or_lies_between_two_that_are() -> None:
    spans = re.findall(r"`(ibsi2?)-(\w+)` to\s+`\1-(\w+)`", GUIDE)
    for name in NAMED:
        kind, _, rest = name.partition("-")
        assert f"`{name}`" in GUIDE or any(one == kind and low <= rest <= high for one, low, high in spans), name
