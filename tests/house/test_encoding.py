"""Text is read and written as UTF-8 by name: a machine whose locale is another one has the same files."""

import ast

import pytest

from tests.house.test_dependencies import REPOSITORY

ARGUMENTS = {"read_text": 1, "write_text": 2}
"""How many arguments a call has once the encoding is given by place."""

FILES = sorted(
    path for room in ("src", "tests", "benchmarks", "starters") for path in (REPOSITORY / room).rglob("*.py")
)


def unnamed_encodings(text: str) -> list[int]:
    """Return the lines that read a file as text without naming its encoding."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    reads = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in ARGUMENTS]
    return [call.lineno for call in reads if not _is_named(call)]


def _is_named(call: ast.Call) -> bool:
    by_place = len(call.args) >= ARGUMENTS[call.func.attr]
    return by_place or any(word.arg == "encoding" for word in call.keywords)


def test_every_text_file_is_read_and_written_with_its_encoding_named() -> None:
    found = {str(path.relative_to(REPOSITORY)): unnamed_encodings(path.read_text(encoding="utf-8")) for path in FILES}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("p.read_text()", [1]),
        ("p.read_text(encoding='utf-8')", []),
        ("p.read_text('utf-8')", []),
        ("f.read()", []),
        ("p.write_text('a')", [1]),
    ],
)
def test_the_check_tells_named_from_unnamed(line: str, lines: list[int]) -> None:
    assert unnamed_encodings(line) == lines
