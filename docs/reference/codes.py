"""Write the page of codes from the message catalogue: ``python docs/reference/codes.py``."""

import re
from pathlib import Path

from hounsfield.messages import catalogue

HEAD = """# Codes

Each code keeps its meaning for ever. `E` is an error, `Q` an issue of quality that travels with a result. Fields in
braces are filled with what was found. The same sentences in Chinese stand in `src/hounsfield/locale/`.

| code | what it says | next step |
|---|---|---|
"""


def page() -> str:
    """Return the page as Markdown."""
    codes = {code: entry["en"] for code, entry in catalogue().items() if re.fullmatch(r"[EQ]\d{3}", code)}
    rows = (
        f"| {code} | {cell(entry['text'])} | {cell(entry.get('next', ''))} |" for code, entry in sorted(codes.items())
    )
    return HEAD + "\n".join(rows) + "\n"


def cell(text: str) -> str:
    """Return a text that cannot break a table."""
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    Path(__file__).with_name("codes.md").write_text(page(), encoding="utf-8")
