"""Write the page of medical rules from their files: ``python docs/reference/rules.py``."""

from pathlib import Path

from hounsfield.clinical.rules.source import Row, Rule, Vector, rule, rule_names

HEAD = """# Rules

What `hounsfield.clinical.rules` calculates by, written from the files of `src/hounsfield/clinical/data/rules`. Each has
its edition, its citation and a certainty: *verified* was read in the source, *secondary source* in a text that retells
it, *computed* follows by arithmetic, and *from memory* must be checked against the source before anybody relies on it.
Rows say so where they differ from their rule. Nothing here is an order, and nothing here is a medical device.

| rule | title | edition | certainty |
|---|---|---|---|
"""


def page() -> str:
    """Return the page as Markdown: all rules in one table, then each with its own."""
    rules = [rule(name) for name in rule_names()]
    index = "".join(
        f"| [{one.name}](#{anchor(one.name)}) | {cell(one.title)} | {one.edition} | {one.certainty} |\n"
        for one in rules
    )
    return HEAD + index + "".join(section(one) for one in rules)


def anchor(name: str) -> str:
    """Return the anchor of a heading."""
    return name.replace(".", "")


def section(one: Rule) -> str:
    """Return all that is said of a rule."""
    lines = ["", f"## {one.name}", "", f"{one.title} ({one.title_zh}), {one.edition}. {one.citation}."]
    lines += [f"Read in: {one.read_in}."] if one.read_in else []
    lines += [f"Certainty: {one.certainty}."]
    lines += ["", f"Limits: {one.limits_en}"] if one.limits_en else []
    lines += ["", "Functions: " + ", ".join(f"`{name}`" for name in one.functions) + "."] if one.functions else []
    lines += ["", "| row | values | words | certainty | note |", "|---|---|---|---|---|"]
    lines += [line(row) for row in one.rows]
    if one.vectors:
        lines += ["", "| known answer of | inputs | result | within |", "|---|---|---|---|"]
        lines += [answer(vector) for vector in one.vectors]
    return "\n".join([*lines, ""])


def line(row: Row) -> str:
    """Return the line of one row."""
    values = ", ".join(f"{name} {written(value)}" for name, value in row.values.items())
    return f"| {row.key} | {cell(values)} | {cell(row.en)} | {row.certainty or ''} | {cell(row.note)} |"


def answer(vector: Vector) -> str:
    """Return the line of one known answer."""
    inputs = ", ".join(f"{name} {written(value)}" for name, value in vector.inputs.items())
    return f"| `{vector.function}` | {cell(inputs)} | {cell(written(vector.result))} | {vector.tolerance:g} |"


def written(value: object) -> str:
    """Return a value as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.10g}" if isinstance(value, float) else "none" if value is None else str(value)


def cell(text: str) -> str:
    """Return a text that cannot break a table."""
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    Path(__file__).with_name("rules.md").write_text(page(), encoding="utf-8")
