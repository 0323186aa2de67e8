"""Ledger: the run folder beside the model, in which a run can be followed, resumed and repeated."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from hounsfield.errors import HounsfieldError
from hounsfield.train.checkpoint import clear_checkpoints, write_synced
from hounsfield.train.history import EpochRecord, history_csv
from hounsfield.train.memory import MemoryEstimate
from hounsfield.train.plan import RunPlan
from hounsfield.train.ranks import ALONE, Ranks
from hounsfield.train.statement import software_versions

PlanT = TypeVar("PlanT", bound=RunPlan)


@dataclass(frozen=True)
class Ledger:
    """The run folder.

    Attributes:
        folder: where it is.
        ranks: the processes of the run, of which the first one writes and the others only read.
    """

    folder: Path
    ranks: Ranks = ALONE

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.folder / "checkpoints"

    @property
    def page(self) -> Path:
        """The report."""
        return self.folder / "report.html"

    def open(self) -> None:
        """Make the folder.

        Raises:
            HounsfieldError: ``E841``, it cannot be made or written to.
        """
        try:
            if self.ranks.is_first:
                self.checkpoints.mkdir(parents=True, exist_ok=True)
            self._write("environment.json", _json(environment()))
        except OSError as error:
            raise HounsfieldError("E841", found=self.folder.name, reason=error.strerror or "") from error

    def write_plan(self, plan: RunPlan, data_digest: str, memory: MemoryEstimate, command: str) -> None:
        """Write what the run obeys and what it sees; with the data it is all that a repetition needs."""
        document = {**plan_facts(plan, memory), "data_digest": data_digest, "command": command}
        self._write("plan.json", _json(document))

    def read_plan(self, form: type[PlanT]) -> PlanT | None:
        """Return the plan of an earlier run in this folder, or None where there is none of this form."""
        try:
            document = json.loads((self.folder / "plan.json").read_text(encoding="utf-8"))
            return form.model_validate(document["plan"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def read_threads(self) -> int | None:
        """Return the threads of an earlier run in this folder, whatever it learned, or None."""
        try:
            found = json.loads((self.folder / "plan.json").read_text(encoding="utf-8"))["plan"]["threads"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if isinstance(found, int) and found > 0 else None

    def write_history(self, history: Sequence[EpochRecord]) -> None:
        """Write the epochs as CSV."""
        self._write("epochs.csv", history_csv(history).encode())

    def write_file(self, name: str, raw: bytes) -> Path:
        """Write a file of the folder and return its path."""
        self._write(name, raw)
        return self.folder / name

    def forget(self) -> None:
        """Remove every checkpoint of an earlier run."""
        if self.ranks.is_first:
            clear_checkpoints(self.checkpoints)

    def _write(self, name: str, raw: bytes) -> None:
        if self.ranks.is_first:
            write_synced(self.folder / name, raw)


def plan_facts(plan: RunPlan, memory: MemoryEstimate) -> dict[str, object]:
    """Return a plan as JSON values, with its digest, its reasons in each language and what it takes."""
    return {
        "plan": plan.model_dump(mode="json"),
        "plan_digest": plan.digest(),
        "reasons": [
            {"choice": reason.choice, "en": reason.text("en"), "zh": reason.text("zh")} for reason in plan.reasons
        ],
        "memory_estimate_bytes": {
            "images": memory.images_bytes,
            "weights": memory.weights_bytes,
            "batch": memory.batch_bytes,
            "total": memory.total_bytes,
        },
    }


def environment() -> dict[str, object]:
    """Return what a run computes on and with."""
    return {
        "software": software_versions(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "cores": usable_cores(),
        "torch": torch.__config__.show().splitlines(),
    }


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()
