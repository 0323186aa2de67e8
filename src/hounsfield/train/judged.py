"""Judged cases: what a model said of the cases it never saw, kept in its run folder and pooled over folds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

HELD_FILE = "held-out.json"
"""Name of the file in the run folder: the answers on the test part."""

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class JudgedClasses:
    """Cases with the class that each has and the one that it was called.

    Attributes:
        identifiers: name of each case.
        groups: (case,) what belongs together.
        labels: (case,) class of the reference.
        probabilities: (case, class) calibrated.
        called: (case,) class that was decided on.
        positive: the class that a decision between two is about; None where the largest probability decides.
    """

    identifiers: tuple[str, ...]
    groups: Integers
    labels: Integers
    probabilities: Floats
    called: Integers
    positive: int | None = None

    def __len__(self) -> int:
        """Return the number of cases."""
        return len(self.identifiers)

    def as_json(self) -> bytes:
        """Return the cases as the bytes of their file."""
        values = {
            "kind": "classes",
            "identifiers": list(self.identifiers),
            "groups": self.groups.tolist(),
            "labels": self.labels.tolist(),
            "probabilities": self.probabilities.tolist(),
            "called": self.called.tolist(),
            "positive": self.positive,
        }
        return (json.dumps(values, ensure_ascii=False) + "\n").encode()


@dataclass(frozen=True)
class JudgedMasks:
    """Cases with the figures that their masks reached, such as the Dice of each label; NaN where one is not defined."""

    identifiers: tuple[str, ...]
    groups: Integers
    figures: Mapping[str, Floats]

    def __len__(self) -> int:
        """Return the number of cases."""
        return len(self.identifiers)

    def as_json(self) -> bytes:
        """Return the cases as the bytes of their file; JSON has no NaN, so null stands for it."""
        figures = {
            name: [float(value) if np.isfinite(value) else None for value in values]
            for name, values in self.figures.items()
        }
        values = {
            "kind": "masks",
            "identifiers": list(self.identifiers),
            "groups": self.groups.tolist(),
            "figures": figures,
        }
        return (json.dumps(values, ensure_ascii=False) + "\n").encode()


Judged = JudgedClasses | JudgedMasks


def read_judged(run_folder: Path) -> Judged | None:
    """Return the answers of a run on its test part, or None where its folder holds none that can be read."""
    try:
        values = json.loads((run_folder / HELD_FILE).read_text(encoding="utf-8"))
        return _masks(values) if values["kind"] == "masks" else _classes(values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def pool_classes(parts: Sequence[JudgedClasses]) -> JudgedClasses:
    """Return the cases of all parts; each keeps the decision that its own model made of it."""
    return JudgedClasses(
        tuple(name for part in parts for name in part.identifiers),
        np.concatenate([part.groups for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.called for part in parts]),
        parts[0].positive,
    )


def pool_masks(parts: Sequence[JudgedMasks]) -> JudgedMasks:
    """Return the cases of all parts; a figure that a part lacks is not defined for its cases."""
    names = list(dict.fromkeys(name for part in parts for name in part.figures))
    figures = {
        name: np.concatenate([part.figures.get(name, np.full(len(part), np.nan)) for part in parts]) for name in names
    }
    identifiers = tuple(name for part in parts for name in part.identifiers)
    return JudgedMasks(identifiers, np.concatenate([part.groups for part in parts]), figures)


def _classes(values: Mapping[str, Any]) -> JudgedClasses:
    positive = values["positive"]
    return JudgedClasses(
        tuple(map(str, values["identifiers"])),
        np.array(values["groups"], dtype=np.int64),
        np.array(values["labels"], dtype=np.int64),
        np.array(values["probabilities"], dtype=np.float64),
        np.array(values["called"], dtype=np.int64),
        None if positive is None else int(positive),
    )


def _masks(values: Mapping[str, Any]) -> JudgedMasks:
    figures = {
        str(name): np.array([np.nan if value is None else value for value in row], dtype=np.float64)
        for name, row in values["figures"].items()
    }
    return JudgedMasks(tuple(map(str, values["identifiers"])), np.array(values["groups"], dtype=np.int64), figures)
