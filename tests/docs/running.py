"""Run the blocks of one page in order, in one folder, and compare what they show with what the page says."""

import contextlib
import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.pages import Block

_COMPARISON = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_EXIT = re.compile(r"#\s*exit (\d+)\s*$")
_SECONDS = 240


class BlockError(Exception):
    """A block did not do what its page says."""


@dataclass
class PageRun:
    """The state that the blocks of a page share: names, folder, environment."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    names: dict[str, object] = field(default_factory=lambda: {"__name__": "__docs__"})

    def run(self, block: Block) -> None:
        """Run one block.

        Raises:
            BlockError: the block failed, or showed something else than the page.
        """
        if block.language == "python":
            self._run_python(block)
        elif block.language == "console":
            self._run_console(block)
        else:
            raise BlockError(f"{block.place}: only python and console blocks run, not {block.language!r}")

    def _run_python(self, block: Block) -> None:
        with contextlib.chdir(self.folder), _environment(self.environment):
            if ">>>" in block.text:
                self._run_doctest(block)
                return
            try:
                exec(compile(block.text, block.place, "exec"), self.names)
            except Exception as error:
                raise BlockError(f"{block.place}: {type(error).__name__}: {error}") from error

    def _run_doctest(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(block.text, {}, block.place, block.page, block.line)
        test.globs = self.names
        said: list[str] = []
        runner = doctest.DocTestRunner(optionflags=_COMPARISON, verbose=False)
        if runner.run(test, out=said.append, clear_globs=False).failed:
            raise BlockError("".join(said))

    def _run_console(self, block: Block) -> None:
        for command, expected in commands(block):
            wanted = _EXIT.search(command)
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=self.folder,
                env={**os.environ, "PATH": _path(), **self.environment},
                capture_output=True,
                text=True,
                encoding="utf-8",
                check=False,
                timeout=_SECONDS,
            )
            if done.returncode != (int(wanted[1]) if wanted else 0):
                raise BlockError(f"{block.place}: $ {command}\nexit {done.returncode}\n{done.stdout}{done.stderr}")
            if expected and not doctest.OutputChecker().check_output(expected, done.stdout, _COMPARISON):
                raise BlockError(f"{block.place}: $ {command}\nthe page says\n{expected}\nit shows\n{done.stdout}")


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with the output shown below it; a backslash continues a command."""
    command: str | None = None
    output: list[str] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            if command is not None:
                yield command, _joined(output)
            command, output = line[2:], []
        elif command is None:
            raise BlockError(f"{block.place}: a console block begins with a '$ ' line")
        elif command.endswith("\\"):
            command = f"{command}\n{line.removeprefix('> ')}"
        else:
            output.append(line)
    if command is not None:
        yield command, _joined(output)


def _joined(output: Iterable[str]) -> str:
    text = "\n".join(output).strip("\n")
    return f"{text}\n" if text else ""


def _path() -> str:
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
