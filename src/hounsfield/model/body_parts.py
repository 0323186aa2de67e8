"""Body Part Examined: which regions a header term means. The table is data; this module only looks it up."""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType


def _read() -> Mapping[str, frozenset[str]]:
    table = json.loads(files("hounsfield.model").joinpath("data/body_parts.json").read_text(encoding="utf-8"))
    return MappingProxyType({region: frozenset(terms) for region, terms in table["regions"].items()})


REGIONS: Mapping[str, frozenset[str]] = _read()
"""Terms of each region: letters and digits in capitals."""


def regions_of(term: str) -> frozenset[str]:
    """Return the regions that a Body Part Examined value may mean; none when the table does not know the value.

    The value is looked up as a whole without blanks and signs (``C-SPINE`` is ``CSPINE``), then word by word.
    """
    whole = re.sub(r"[^A-Z0-9]", "", term.upper())
    found = _regions_with(whole)
    if found:
        return found
    words = re.findall(r"[A-Z0-9]+", term.upper())
    return frozenset[str]().union(*(_regions_with(word) for word in words))


def _regions_with(term: str) -> frozenset[str]:
    return frozenset(region for region, terms in REGIONS.items() if term in terms)
