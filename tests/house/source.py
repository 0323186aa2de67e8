"""The source tree, parsed once, as the meter sees it."""

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef

_NOT_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


@dataclass(frozen=True)
class Source:
    """One module: its path below the package and its text."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    @property
    def room(self) -> str:
        """Return the first part of the path: ``core`` of ``core/volume.py``, ``errors`` of ``errors.py``."""
        return Path(self.name).parts[0].removesuffix(".py")

    @property
    def line_count(self) -> int:
        return len(self.text.splitlines())

    @cached_property
    def code_lines(self) -> frozenset[int]:
        """Return the numbers of the lines that hold code: no comment, no docstring, not blank."""
        lines: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type not in _NOT_CODE:
                lines.update(range(token.start[0], token.end[0] + 1))
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Module | ast.ClassDef | Function) and ast.get_docstring(node) is not None:
                docstring = node.body[0]
                lines.difference_update(range(docstring.lineno, (docstring.end_lineno or 0) + 1))
        return frozenset(lines)

    def functions(self) -> Iterator[Function]:
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node

    def function_length(self, function: Function) -> int:
        end = function.end_lineno or function.lineno
        return sum(function.lineno <= line <= end for line in self.code_lines)

    def at(self, node: ast.AST) -> str:
        return f"{self.name}:{getattr(node, 'lineno', 1)}"


def read(package: Path) -> list[Source]:
    """Return every module of a package, sorted by path."""
    return [
        Source(path.relative_to(package).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(package.rglob("*.py"))
    ]


def dotted(node: ast.AST) -> str:
    """Return ``a.b.c`` for a chain of names, or an empty string."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def import_time(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes that run when the module is imported: everything outside function bodies."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for field, value in ast.iter_fields(node):
            if isinstance(node, Function | ast.Lambda) and field == "body":
                continue
            children = value if isinstance(value, list) else [value]
            waiting.extend(child for child in children if isinstance(child, ast.AST))
