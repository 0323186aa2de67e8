"""The whole of a run on targets, one function an arrow: data → plan → weights → package → report."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hounsfield.cases.description import few_cases
from hounsfield.cases.guard import Examination, examine
from hounsfield.cases.targets import AUTO, TargetTable, read_targets
from hounsfield.cases.task import LearningTask
from hounsfield.train.conclude import conclude, learn
from hounsfield.train.events import Talk, TrainEvent
from hounsfield.train.fingerprint import take_fingerprint
from hounsfield.train.gather import choose_parts, gather_parts
from hounsfield.train.ledger import Ledger
from hounsfield.train.memory import estimate_memory
from hounsfield.train.options import TrainOptions, TrainResult
from hounsfield.train.outline import tell_issues, with_range
from hounsfield.train.page import Story
from hounsfield.train.recipe import Recipe
from hounsfield.train.setup import (
    choose_threads,
    command_of,
    enter_run,
    tell_memory,
    tell_parts,
)
from hounsfield.train.targets.packing import pack_targets, rehearse_targets
from hounsfield.train.targets.parts import TargetParts, target_parts
from hounsfield.train.targets.plan import TargetPlan, make_target_plan
from hounsfield.train.targets.statement import TargetFacts
from hounsfield.train.targets.way import Targets


@dataclass(frozen=True)
class Asked:
    """What a run is asked for: the data, and what options and recipe say of it."""

    data: Path
    options: TrainOptions
    recipe: Recipe


@dataclass(frozen=True)
class TargetTask:
    """A run that is set up: everything but the weights.

    Attributes:
        targets: the data set.
        examination: what was found in it.
        plan: what the run obeys.
        parts: prepared images with their targets.
        facts: what the manifest states beside the plan.
    """

    targets: TargetTable
    examination: Examination
    plan: TargetPlan
    parts: TargetParts
    facts: TargetFacts


def find_targets(asked: Asked) -> TargetTable | None:
    """Return the targets of a data set as options and recipe ask for them, None where classes are learned.

    Raises:
        DatasetError: as ``read_targets``.
    """
    options, recipe = asked.options, asked.recipe
    names = options.class_names or tuple(entry.name for entry in recipe.classes)
    found = read_targets(asked.data, options.task if options.task != AUTO else recipe.task, recipe.targets, names)
    if found is None or found.table.layout != "manifest" or not asked.data.is_dir():
        return found
    return replace(found, table=replace(found.table, name=asked.data.name))


def train_targets(asked: Asked, found: TargetTable, output: Path, ledger: Ledger, talk: Talk) -> TrainResult:
    """Train a model of targets and write its package.

    Raises:
        DatasetError: the data cannot be learned from.
        SettingsError: an option or the recipe is wrong.
        HounsfieldError: as ``train.run.train``.
    """
    task = set_up_targets(asked, found, ledger, talk)
    rehearse_targets(task.plan, task.facts)
    outcome = learn(Targets(task.plan, task.parts), ledger, talk, is_resumed=asked.options.resume)
    talk(TrainEvent("ui.train.measuring"))
    packed = pack_targets(task.plan, task.parts, task.facts, outcome.weights, output)
    issues, digest = task.examination.issues, task.parts.digest
    story = Story(task.plan, packed.manifest, outcome.progress, packed.assessments, issues, digest)
    return conclude(story, packed.weights_digest, ledger, output)


def set_up_targets(asked: Asked, found: TargetTable, ledger: Ledger, talk: Talk) -> TargetTask:
    """Examine, plan, split and prepare a data set of targets.

    Raises:
        DatasetError: the data cannot be learned from; ``E856``, a target never varies.
        SettingsError: an option or the recipe is wrong.
        HounsfieldError: ``E835`` too little memory, ``E836`` the run to go on with obeys another plan.
    """
    table, options, recipe = found.table, asked.options, asked.recipe
    facts = {"cases": len(table), "task": found.task.value, "targets": ", ".join(found.names[:20]), "data": table.name}
    talk(TrainEvent("ui.train.read.targets", facts))
    examination = examine(table, progress=lambda done, total: talk(TrainEvent("ui.train.examining", {}, done, total)))
    tell_issues(table.name, (*examination.issues, *few_cases(table, examination)), options, talk)
    readable = sorted(set(range(len(table))) - set(examination.unreadable))
    seen = take_fingerprint(table, readable)
    draft = make_target_plan(options, recipe, seen, found, choose_threads(options, ledger))
    for reason in draft.reasons:
        talk(TrainEvent(reason.key, reason.facts))
    chosen = choose_parts(table, examination, draft.split)
    estimate = estimate_memory(draft.network, sum(map(len, chosen.values())), draft.learning.batch_size)
    tell_memory(estimate, talk)
    prepared = gather_parts(table, examination, chosen, draft, recipe.model.input.quantity, talk)
    parts = target_parts(prepared, found, chosen)
    tell_parts(parts.sizes, len(table), talk)
    plan = _with_scale(with_range(draft, recipe, prepared), parts)
    command = command_of(asked.data, options, plan)
    enter_run(ledger, plan, parts.digest, command, estimate, is_resumed=options.resume)
    return TargetTask(found, examination, plan, parts, TargetFacts(recipe, table.name, parts.sizes, command))


def _with_scale(plan: TargetPlan, parts: TargetParts) -> TargetPlan:
    """Return the plan with mean and deviation of the number in the training part."""
    if plan.task is not LearningTask.REGRESSION:
        return plan
    values = parts.training.values[:, 0]
    centre, scale = float(np.nanmean(values)), float(np.nanstd(values))
    return plan.model_copy(update={"target_centre": float(f"{centre:.9g}"), "target_scale": float(f"{scale:.9g}")})
