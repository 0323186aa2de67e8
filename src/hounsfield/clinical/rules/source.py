"""Rules as data: the table of a guideline is a file with edition, citation and certainty; code only looks it up."""

import json
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hounsfield.core.conclusion import Certainty, RuleSource, Wording
from hounsfield.errors import SettingsError

Value = float | str | bool | None
_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
_NAME = r"^[a-z0-9]+([.-][a-z0-9]+)*$"


class Row(BaseModel):
    """One row of the table of a rule.

    Attributes:
        key: its name in the table.
        values: numbers and words of the row by the name of their column, units in the name.
        certainty: how sure this row is, where it differs from the whole rule.
        en: the words for people in English, fields in braces; empty where the row has none.
        zh: the same in Simplified Chinese.
        note: what a reader of the table should know, such as a choice of ours where the source is silent.
    """

    model_config = _STRICT

    key: str = Field(min_length=1, max_length=64)
    values: dict[str, Value] = {}
    certainty: Certainty | None = None
    en: str = ""
    zh: str = ""
    note: str = ""

    def number(self, column: str) -> float:
        """Return a number of the row.

        Raises:
            TypeError: the column holds no number.
        """
        value = self.values[column]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{self.key}: {column} is {value!r}, not a number")
        return float(value)

    def text(self, column: str) -> str:
        """Return the words of a column; empty where it has none."""
        value = self.values.get(column)
        return "" if value is None else str(value)

    def wording(self, **facts: object) -> Wording:
        """Return the words for people with their facts filled in, numbers as they are given."""
        return Wording(self.en.format(**facts), self.zh.format(**facts))


class Vector(BaseModel):
    """Known answers of a function: what goes in, what must come out, and how near."""

    model_config = _STRICT

    function: str
    inputs: dict[str, Value]
    result: Value
    tolerance: float = Field(0.0, ge=0)
    certainty: Certainty = Certainty.COMPUTED


class Rule(BaseModel):
    """A rule: its source, its table, its words, and the answers it must give.

    Attributes:
        name: stable machine name, the name of the file.
        title: its name for people.
        title_zh: the same in Simplified Chinese.
        edition: edition or year.
        citation: who says so, as one would cite it.
        certainty: how sure the transcription is, where a row does not say otherwise.
        read_in: what was actually read where that is not the citation itself.
        functions: public functions of ``hounsfield.clinical.rules`` that use this table.
        limits_en: what the rule does not hold for, in English.
        limits_zh: the same in Simplified Chinese.
        rows: the table.
        vectors: known answers.
    """

    model_config = _STRICT

    name: str = Field(pattern=_NAME)
    title: str = Field(min_length=1)
    title_zh: str = Field(min_length=1)
    edition: str = Field(min_length=1)
    citation: str = Field(min_length=1)
    certainty: Certainty
    read_in: str = ""
    functions: tuple[str, ...] = ()
    limits_en: str = ""
    limits_zh: str = ""
    rows: tuple[Row, ...] = Field(min_length=1)
    vectors: tuple[Vector, ...] = ()

    def row(self, key: str) -> Row:
        """Return a row by its key.

        Raises:
            KeyError: the table has no such row.
        """
        for row in self.rows:
            if row.key == key:
                return row
        raise KeyError(f"{self.name}: {key}")

    def number(self, key: str, column: str = "value") -> float:
        """Return one number of the table."""
        return self.row(key).number(column)

    def certainty_of(self, *keys: str) -> Certainty:
        """Return how sure the rule is with these rows: the least sure of them counts, without any the rule's own."""
        order = (Certainty.VERIFIED, Certainty.COMPUTED, Certainty.SECONDARY, Certainty.MEMORY)
        return max((self.row(key).certainty or self.certainty for key in keys), key=order.index, default=self.certainty)

    def source(self, *keys: str) -> RuleSource:
        """Return the source of the rule, as sure as the rows that were used."""
        return RuleSource(self.name, self.title, self.edition, self.citation, self.certainty_of(*keys))


def rule_names() -> tuple[str, ...]:
    """Return the names of all rules, sorted."""
    return tuple(sorted(path.name.removesuffix(".json") for path in _folder().iterdir() if path.name.endswith(".json")))


@cache
def rule(name: str) -> Rule:
    """Return a rule with its table.

    Raises:
        SettingsError: ``E200`` there is no such rule, ``E201`` its file does not keep to the form.
    """
    if name not in rule_names():
        raise SettingsError("E200", found=name, expected=", ".join(rule_names()))
    return read_rule(_folder().joinpath(f"{name}.json"))


def rule_source(name: str, *keys: str) -> RuleSource:
    """Return where a rule comes from.

    Args:
        name: of the rule, such as ``lung-rads-2022``.
        *keys: rows that were used; the source is then as sure as the least sure of them.

    Raises:
        SettingsError: ``E200`` there is no such rule.
        KeyError: the rule has no such row.
    """
    return rule(name).source(*keys)


def read_rule(path: Traversable) -> Rule:
    """Read the file of a rule.

    Raises:
        SettingsError: ``E201`` it does not keep to the form, has a row twice, or another name than its file.
    """
    try:
        found = Rule.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(str(part) for part in wrong["loc"])
        raise SettingsError("E201", found=path.name, reason=f"{where}: {wrong['msg']}") from error
    except ValueError as error:
        raise SettingsError("E201", found=path.name, reason=str(error)) from error
    keys = [row.key for row in found.rows]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise SettingsError("E201", found=path.name, reason=f"rows: {', '.join(twice)}")
    if path.name != f"{found.name}.json":
        raise SettingsError("E201", found=path.name, reason=f"name: {found.name}")
    return found


def _folder() -> Traversable:
    return files("hounsfield.clinical").joinpath("data/rules")
