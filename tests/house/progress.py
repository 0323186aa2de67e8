"""Which rooms of the main path are still to come: a measure of the whole waits for them, and says so."""

from collections.abc import Sequence
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "hounsfield"

MAIN_PATH = "cases clinical cli core demo evaluate finding image metrics model pipeline prepare report settings train"
VERBS = (
    "analyse",
    "audit",
    "backup",
    "check",
    "compare",
    "convert",
    "crossvalidate",
    "data",
    "demo",
    "evaluate",
    "features",
    "generate",
    "index",
    "info",
    "maps",
    "models",
    "plan",
    "prepare",
    "pretrain",
    "quarantine",
    "radiomics",
    "restore",
    "segment",
    "serve",
    "similar",
    "synthesise",
    "train",
    "tune",
    "user",
    "verify",
)

MODULES = dict.fromkeys(("backup", "restore", "verify"), "keeping")
"""Verbs that share a module."""


def still_to_come(package: Path = PACKAGE) -> list[str]:
    """Return the rooms and verbs that have no code yet; an empty list once the main path is whole."""
    rooms = [room for room in MAIN_PATH.split() if not _has_code(package / room)]
    return rooms + [f"verb {verb}" for verb in VERBS if not _has_code(package / "cli" / MODULES.get(verb, verb))]


def _has_code(path: Path) -> bool:
    return path.with_suffix(".py").is_file() or any(path.rglob("*.py"))


def accept(complaints: Sequence[str], package: Path = PACKAGE) -> None:
    """Fail on complaints; while rooms are still to come, skip instead and name both."""
    if complaints and (missing := still_to_come(package)):
        pytest.skip(f"still to come: {', '.join(missing)}; until then: {'; '.join(complaints)}")
    assert not complaints, "\n" + "\n".join(complaints)
