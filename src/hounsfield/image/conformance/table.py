"""What PS3.3 demands of the common image objects. The tables are data; this module looks them up."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Requirement:
    """An attribute that a module demands.

    Attributes:
        path: keywords of the sequences it lies in, then its own.
        type: ``1``, ``1C``, ``2`` or ``2C`` (PS3.5 section 7.4).
        clause: where PS3.3 says so.
    """

    path: tuple[str, ...]
    type: str
    clause: str


@dataclass(frozen=True)
class Enumerated:
    """The values that an attribute may have.

    Attributes:
        keyword: of the attribute.
        place: which of its values, from 1; 0 for all.
        values: what is allowed, as text.
        clause: where PS3.3 says so.
    """

    keyword: str
    place: int
    values: tuple[str, ...]
    clause: str


@dataclass(frozen=True)
class Conditional:
    """A condition that the header answers: the attribute is demanded when it holds.

    Attributes:
        requirement: what is then demanded.
        when: values that other attributes must have, by keyword; empty holds always.
        lifted_by: attributes that take its place.
    """

    requirement: Requirement
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lifted_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class ObjectTable:
    """Everything that one SOP Class demands."""

    requirements: tuple[Requirement, ...]
    enumerated: tuple[Enumerated, ...]
    conditional: tuple[Conditional, ...]


@cache
def object_table(sop_class_uid: str) -> ObjectTable | None:
    """Return what a SOP Class demands, None for a class that the tables do not hold."""
    attributes, values = _table("conformance.json"), _table("conformance_values.json")
    modules = attributes["classes"].get(sop_class_uid)
    if modules is None:
        return None
    groups = {name for name, classes in values["groups"].items() if sop_class_uid in classes}

    def counts(row: Mapping[str, Any]) -> bool:
        return "classes" not in row or bool(groups & set(row["classes"]))

    found: dict[tuple[str, ...], Requirement] = {}
    for module in modules:
        for path, kind in attributes["modules"][module]:
            one = Requirement(tuple(path.split(">")), kind, f"PS3.3 {values['clauses'][module]}")
            kept = found.setdefault(one.path, one)
            if kind < kept.type:  # a module may ask for more than another: the stronger type counts
                found[one.path] = one
    return ObjectTable(
        tuple(found.values()),
        tuple(
            Enumerated(row["keyword"], row["value"], tuple(row["values"]), f"PS3.3 {row['clause']}")
            for row in values["enumerated"]
            if counts(row)
        ),
        tuple(_conditional(row) for row in values["conditional"] if counts(row)),
    )


def _conditional(row: Mapping[str, Any]) -> Conditional:
    requirement = Requirement((row["keyword"],), row["type"], f"PS3.3 {row['clause']}")
    when = {keyword: tuple(values) for keyword, values in row.get("when", {}).items()}
    return Conditional(requirement, when, tuple(row.get("lifted_by", ())))


def edition() -> str:
    """Return which tables are held against the headers."""
    return f"{_table('conformance.json')['edition']}; PS3.5"


@cache
def _table(name: str) -> Any:
    return json.loads(files("hounsfield.image").joinpath(f"data/{name}").read_text(encoding="utf-8"))
