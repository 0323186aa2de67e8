"""Write the page of preparing steps from their classes: ``python docs/reference/steps.py``."""

import inspect
import re
from dataclasses import MISSING, fields
from pathlib import Path

from hounsfield.prepare.registry import BUILT_IN
from hounsfield.prepare.step import Step

HEAD = """# Preparing steps

What `hounsfield prepare --steps "name:setting=value;name"` and `build_steps` take. A setting in bold must be given;
several values are written `[1, 2]`; what each means stands below. *Undone* says whether `invert_trace` leads back: to
the grid, where a step only moves samples. *Marked* steps change what samples look like; nothing measures a volume after
one ([decision 9](../decisions/0009-enhanced-pixels.md)), and files that are written carry the mark.

| step | what it does | settings | undone | marked |
|---|---|---|---|---|
"""


def page() -> str:
    """Return the page as Markdown: all steps in one table, then what each setting means."""
    steps = sorted(BUILT_IN.items())
    return HEAD + "".join(row(*step) for step in steps) + "".join(section(*step) for step in steps)


def row(name: str, kind: type[Step]) -> str:
    """Return the line of one step."""
    lead = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    what = re.sub(r"``([^`]*)``", r"`\1`", lead).replace("|", "\\|")
    is_undone = not inspect.cleandoc(kind.invert.__doc__ or "").startswith("Refuse")
    undone = ("the grid" if kind.is_geometric else "yes") if is_undone else "no"
    return f"| `{name}` | {what} | {settings(kind)} | {undone} | {'yes' if kind.changes_appearance else 'no'} |\n"


def settings(kind: type[Step]) -> str:
    """Return the settings of a step with their defaults; long ones by name alone."""
    listed = []
    for item in fields(kind):  # type: ignore[arg-type]
        is_needed = item.default is MISSING and item.default_factory is MISSING
        default = f"={item.default}" if isinstance(item.default, bool | int | float | str) else ""
        listed.append(f"`{item.name}{default}`" if not is_needed else f"**`{item.name}`**")
    return ", ".join(listed) or "–"


def section(name: str, kind: type[Step]) -> str:
    """Return all that is said of one step."""
    head, _, rest = inspect.cleandoc(kind.__doc__ or "").partition("\nAttributes:\n")
    lines = ["", f"## {name}", "", *literal(head.strip()).splitlines()]
    meanings = attributes(rest)
    found = [f"* `{item.name}`: {meanings.get(item.name, '')}" for item in fields(kind)]  # type: ignore[arg-type]
    return "\n".join([*lines, *(["", *found] if found else []), ""])


def attributes(text: str) -> dict[str, str]:
    """Return the meaning of each attribute of a docstring."""
    found: dict[str, str] = {}
    name = ""
    for line in re.split(r"\n\n?(?=\S)", text)[0].splitlines():
        start = re.match(r"    (\w+): (.*)", line)
        if start:
            name, found[start[1]] = start[1], literal(start[2])
        elif name and line.strip():
            found[name] += " " + literal(line.strip())
    return found


def literal(text: str) -> str:
    """Return a text of a docstring as Markdown."""
    return text.replace("``", "`")


if __name__ == "__main__":
    Path(__file__).with_name("steps.md").write_text(page(), encoding="utf-8")
