"""What people read while a verb runs (standard error) and what it answers (standard output)."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer

from hounsfield.errors import HounsfieldError, SettingsError
from hounsfield.messages import Language, label

Progress = Callable[[int, int], None]


def printable(text: str) -> str:
    """Return a text without control characters, so that no file name or header can steer a terminal."""
    return "".join(letter if letter == "\n" or letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


class Talk:
    """Speaks to the person at the terminal in one language, and keeps quiet when asked to."""

    def __init__(self, as_json: bool = False, language: Language = "en", is_quiet: bool = False) -> None:
        self.as_json = as_json
        self.language: Language = language
        self.is_quiet = is_quiet

    def say(self, text: str) -> None:
        """Tell what is going on, on standard error."""
        if not self.is_quiet:
            typer.echo(printable(text), err=True)

    def answer(self, data: Mapping[str, Any], lines: Callable[[], Iterator[str]]) -> None:
        """Give the result on standard output: one JSON object with ``--json``, else readable lines.

        Either says what this software is not.
        """
        if self.as_json:
            write_json({**data, "disclaimer": data.get("disclaimer", label("research-only", "en"))})
            return
        notice, is_said = self.label("research-only"), False
        for line in lines():
            typer.echo(printable(line))
            is_said = is_said or line == notice
        if not is_said:
            typer.echo(notice)

    def label(self, key: str) -> str:
        """Return a label of the catalogue in the language of the talk."""
        return label(key, self.language)

    @contextmanager
    def progress(self, description: str) -> Iterator[Progress]:
        """Show a bar on standard error while work goes on; the callback takes (done, total)."""
        if self.is_quiet:
            yield lambda done, total: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
            bar = bars.add_task(description, total=None)
            yield lambda done, total: bars.update(bar, completed=done, total=total)


def write_json(data: Mapping[str, Any]) -> None:
    """Write one JSON object to standard output: UTF-8 whatever the terminal's locale says, and no NaN."""
    text = json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False)
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.flush()


def show_fault(error: HounsfieldError, as_json: bool, language: Language) -> int:
    """Show an error with its code, cause and next step, and return the exit code."""
    if as_json:
        write_json(
            {
                "error": {
                    "code": error.code,
                    "text": error.text(language),
                    "next": error.next_step(language),
                    "uid": error.uid,
                }
            }
        )
    heading = label("error", language)
    typer.echo(printable(f"{heading} {error.code}: {error.text(language)}"), err=True)
    typer.echo(printable(f"{label('next', language)}: {error.next_step(language)}"), err=True)
    return error.exit_code


def show_usage(error: Exception, as_json: bool, language: Language) -> int:
    """Show a mistake in the command's words, with its code and where to read on, and return the exit code."""
    formatted = getattr(error, "format_message", None)
    found = formatted() if callable(formatted) else str(error)
    command = getattr(getattr(error, "ctx", None), "command_path", "hounsfield")
    return show_fault(SettingsError("E703", found=found.rstrip("."), command=command), as_json, language)
