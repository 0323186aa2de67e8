"""The command line: one command, one module per verb; nothing heavy is imported before a verb runs."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hounsfield.errors import HounsfieldError

if TYPE_CHECKING:
    from hounsfield.messages import Language

INTERRUPTED = 130
"""What typer returns for Ctrl-C; ours is a run error like any other."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0 ok, 1 run error, 2 usage, 3 refused input, 4 partial."""
    import typer

    from hounsfield.cli.application import build
    from hounsfield.cli.talk import show_fault, show_usage

    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    if "--debug" not in words:
        _hush()
    try:
        code = build()(args=words, prog_name="hounsfield", standalone_mode=False)
    except typer.Exit as leave:
        return leave.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return show_fault(HounsfieldError("E705"), as_json, _language(words))
    except typer.TyperException as usage:
        return show_usage(usage, as_json, _language(words))
    except Exception as error:
        if "--debug" in words:
            raise
        return show_fault(_as_fault(error), as_json, _language(words))
    if code == INTERRUPTED:
        return show_fault(HounsfieldError("E705"), as_json, _language(words))
    return code if isinstance(code, int) else 0


def _hush() -> None:
    """Keep warnings of libraries off the terminal: they quote header values, and our issues say what matters."""
    import logging
    import warnings

    warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())


def _as_fault(error: Exception) -> HounsfieldError:
    """Give every failure a code, a cause and a next step."""
    if isinstance(error, HounsfieldError):
        return error
    if isinstance(error, MemoryError):
        return HounsfieldError("E704")
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in {
        "torch",
        "monai",
        "safetensors",
    }:
        return HounsfieldError("E707", found=error.name)
    if isinstance(error, OSError) and error.errno is not None:
        return HounsfieldError("E706", cause=error.strerror)
    return HounsfieldError("E799", found=type(error).__name__)


def _language(words: Sequence[str]) -> "Language":
    """Return the language of an error message, which is needed even when the flags themselves are wrong."""
    from hounsfield.settings import spoken_language

    asked = None
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--language":
            asked = following
        elif word.startswith("--language="):
            asked = word.partition("=")[2]
    return spoken_language(asked)
