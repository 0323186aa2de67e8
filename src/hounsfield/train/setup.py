"""Set-up of a run: everything that is settled before the first step of learning, and said before it."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hounsfield.cases.description import few_cases
from hounsfield.cases.guard import Examination, examine
from hounsfield.cases.layouts import read_cases
from hounsfield.cases.table import CaseTable
from hounsfield.core.quality import Severity
from hounsfield.errors import DatasetError, HounsfieldError, SettingsError
from hounsfield.machine import available_memory
from hounsfield.train.checkpoint import clear_checkpoints
from hounsfield.train.events import Talk, TrainEvent, issue_event
from hounsfield.train.fingerprint import take_fingerprint
from hounsfield.train.gather import choose_parts, gather_parts
from hounsfield.train.ledger import Ledger, usable_cores
from hounsfield.train.memory import MemoryEstimate, check_memory, estimate_memory
from hounsfield.train.options import TrainOptions
from hounsfield.train.parts import Parts
from hounsfield.train.plan import Plan, differences
from hounsfield.train.planner import make_plan
from hounsfield.train.recipe import Recipe


@dataclass(frozen=True)
class Task:
    """A run that is set up: everything but the weights.

    Attributes:
        table: the data set.
        examination: what was found in it.
        recipe: what was asked for.
        plan: what the run obeys.
        parts: prepared images.
        ledger: the run folder.
        command: the command line that makes this model.
    """

    table: CaseTable
    examination: Examination
    recipe: Recipe
    plan: Plan
    parts: Parts
    ledger: Ledger
    command: str


def choose_threads(options: TrainOptions, ledger: Ledger) -> int:
    """Return the threads asked for, those of the run that goes on, or one for each core."""
    earlier = ledger.read_plan(Plan) if options.resume else None
    return options.threads or (earlier.threads if earlier else usable_cores())


def set_up(data: Path, options: TrainOptions, recipe: Recipe, ledger: Ledger, talk: Talk) -> Task:
    """Read, examine, plan, split and prepare a data set.

    Raises:
        DatasetError: the data cannot be learned from; ``E871``, something would spoil a result and that was to refuse.
        SettingsError: an option or the recipe is wrong.
        HounsfieldError: ``E835`` too little memory, ``E836`` the run to go on with obeys another plan.
    """
    table = _read(data, options, recipe, talk)
    examination = examine(table, progress=lambda done, total: talk(TrainEvent("ui.train.examining", {}, done, total)))
    _tell_issues(table, examination, options, talk)
    readable = sorted(set(range(len(table))) - set(examination.unreadable))
    fingerprint = take_fingerprint(table, readable)
    _check_classes(recipe, table)
    draft = make_plan(options, recipe, fingerprint, table.class_names, choose_threads(options, ledger))
    for reason in draft.reasons:
        talk(TrainEvent(reason.key, reason.facts))
    chosen = choose_parts(table, examination, draft.split)
    memory = _check_size(draft, sum(map(len, chosen.values())), talk)
    parts = gather_parts(table, examination, chosen, draft, recipe.model.input.quantity, talk)
    _tell_parts(parts, len(table), talk)
    plan = _with_range(draft, recipe, parts)
    task = Task(table, examination, recipe, plan, parts, ledger, options.command or _command(data, options, plan))
    _enter(task, options, memory)
    return task


def _read(data: Path, options: TrainOptions, recipe: Recipe, talk: Talk) -> CaseTable:
    names = options.class_names or tuple(entry.name for entry in recipe.classes)
    table = read_cases(data, names or None)
    if table.layout == "manifest" and data.is_dir():
        table = replace(table, name=data.name)
    facts = {"cases": len(table), "classes": ", ".join(table.class_names), "data": table.name}
    talk(TrainEvent("ui.train.read", facts))
    return table


def _tell_issues(table: CaseTable, examination: Examination, options: TrainOptions, talk: Talk) -> None:
    """Say what was found in the data, and refuse them where that was asked for.

    Raises:
        DatasetError: ``E871``.
    """
    issues = (*examination.issues, *few_cases(table, examination))
    for issue in issues:
        talk(issue_event(issue))
    spoiling = [issue.code for issue in issues if issue.severity is not Severity.NOTE]
    if options.strict and spoiling:
        raise DatasetError("E871", data=table.name, found=", ".join(dict.fromkeys(spoiling)))


def _check_classes(recipe: Recipe, table: CaseTable) -> None:
    """Refuse a recipe that speaks of classes the data have not.

    Raises:
        SettingsError: ``E830``.
    """
    told = (recipe.decoys.as_class, *recipe.decoys.spared) if recipe.decoys else ()
    strange = [name for name in told if name not in table.class_names]
    if strange:
        raise SettingsError("E830", found=f"decoys: {strange[0]}")


def _check_size(plan: Plan, case_count: int, talk: Talk) -> MemoryEstimate:
    estimate = estimate_memory(plan.network, case_count, plan.learning.batch_size)
    available = available_memory()
    facts = {"needed_mb": -(-estimate.total_bytes // 2**20), "images_mb": -(-estimate.images_bytes // 2**20)}
    talk(TrainEvent("ui.train.memory", {**facts, "available_mb": (available or 0) // 2**20}))
    check_memory(estimate, available)
    return estimate


def _tell_parts(parts: Parts, case_count: int, talk: Talk) -> None:
    counts = {
        "training": len(parts.training),
        "tuning": len(parts.tuning),
        "test": len(parts.test) if parts.test else 0,
    }
    talk(TrainEvent("ui.train.parts", {**counts, "left_out": case_count - sum(counts.values())}))


def _with_range(draft: Plan, recipe: Recipe, parts: Parts) -> Plan:
    """Return the plan with the centre and scale of the training images, where the network does not standardise each."""
    if draft.network.standardise or {"centre", "scale"} & set(recipe.network):
        return draft
    images = parts.training.images
    centre, deviation = float(np.mean(images, dtype=np.float64)), float(np.std(images, dtype=np.float64))
    network = replace(draft.network, centre=round(centre, 6), scale=round(1 / max(deviation, 1e-3), 6))
    return draft.model_copy(update={"network": network})


def _enter(task: Task, options: TrainOptions, memory: MemoryEstimate) -> None:
    """Begin the run folder afresh, or make sure that the run in it is this one.

    Raises:
        HounsfieldError: ``E836``, naming what differs.
    """
    earlier = task.ledger.read_plan(Plan) if options.resume else None
    if earlier is not None:
        unlike = differences(task.plan, earlier)
        if unlike:
            raise HounsfieldError("E836", folder=task.ledger.folder.name, found=", ".join(unlike))
        return
    clear_checkpoints(task.ledger.checkpoints)
    task.ledger.write_plan(task.plan, task.parts.digest, memory, task.command)


def _command(data: Path, options: TrainOptions, plan: Plan) -> str:
    recipe = f" --recipe {options.recipe}" if options.recipe else ""
    return f"hounsfield train {data} -o {plan.name}.model{recipe} --seed {plan.seed}"
