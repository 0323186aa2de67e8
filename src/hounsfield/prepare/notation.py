"""Steps as people write them: ``resize:rows=64,columns=64;clahe:clip=0.01``, or a JSON or TOML file."""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hounsfield.core.trace import Trace
from hounsfield.errors import PrepareError

GRAMMAR = "step:setting=value,setting=value;step"
MAXIMUM_BYTES = 1 << 20
_COMMA = re.compile(r",(?![^\[]*\])")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def parse_steps(text: str) -> list[dict[str, Any]]:
    """Return the specification that a line of steps stands for; ``build_steps`` checks names and settings.

    Steps are parted by ``;``, a step and its settings by ``:``, settings by ``,``. A value is a JSON value (``0.01``,
    ``true``, ``[1, 2]``), or else text.

    Raises:
        PrepareError: ``E461``, the line does not keep the grammar.

    Example:
        >>> parse_steps("grey; clahe:clip=0.02,tiles=4")
        [{'step': 'grey'}, {'step': 'clahe', 'clip': 0.02, 'tiles': 4}]
    """
    steps = [_step(part.strip()) for part in text.split(";") if part.strip()]
    if not steps:
        raise PrepareError("E461", found=text[:80], expected=GRAMMAR)
    return steps


def read_steps(path: Path) -> list[dict[str, Any]]:
    """Read a specification from JSON (a list of steps) or TOML (an array of tables ``steps``).

    Raises:
        PrepareError: ``E461``, the file cannot be read, or holds no steps.
    """
    found = _read(path)
    steps = found.get("steps") if isinstance(found, Mapping) else found
    if not isinstance(steps, list) or not steps or not all(isinstance(step, dict) for step in steps):
        raise PrepareError("E461", found=path.name, expected='[{"step": "clahe", "clip": 0.01}]')
    return steps


def read_trace(path: Path) -> Trace:
    """Read a trace that ``Trace.to_json`` wrote.

    Raises:
        PrepareError: ``E462``, the file is no trace.
    """
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            raise PrepareError("E462", found=path.name)
        return Trace.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise PrepareError("E462", found=path.name) from error


def _step(text: str) -> dict[str, Any]:
    name, colon, rest = text.partition(":")
    step: dict[str, Any] = {"step": _name(name, text)}
    for setting in _COMMA.split(rest) if colon else ():
        key, equals, value = setting.partition("=")
        key = _name(key, text)
        if not equals or key in step:
            raise PrepareError("E461", found=text[:80], expected=GRAMMAR)
        step[key] = _value(value.strip())
    return step


def _name(text: str, whole: str) -> str:
    if not _NAME.fullmatch(text.strip()):
        raise PrepareError("E461", found=whole[:80], expected=GRAMMAR)
    return text.strip()


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            raise PrepareError("E461", found=path.name, expected=f"at most {MAXIMUM_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise PrepareError("E461", found=path.name, expected="JSON or TOML") from error
