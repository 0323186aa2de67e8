"""The whole of a run on targets, one function an arrow: data → plan → weights → package → report."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from hounsfield.cases.guard import Examination
from hounsfield.cases.seen import SEEN_FILE, seen_json
from hounsfield.cases.targets import AUTO, TargetTable, read_targets
from hounsfield.cases.task import LearningTask
from hounsfield.core.quality import QualityIssue
from hounsfield.train.conclude import conclude, learn
from hounsfield.train.events import Talk, TrainEvent
from hounsfield.train.fingerprint import Fingerprint
from hounsfield.train.gather import choose_parts, gather_parts
from hounsfield.train.ledger import Ledger
from hounsfield.train.memory import MemoryEstimate
from hounsfield.train.multi_scale import memory_at_sizes
from hounsfield.train.options import TrainOptions, TrainResult
from hounsfield.train.outline import draft_plan, look_over, with_range
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
from hounsfield.train.targets.parts import TargetParts, Values, target_parts, values_of
from hounsfield.train.targets.plan import TargetPlan, make_target_plan
from hounsfield.train.targets.statement import TargetFacts
from hounsfield.train.targets.way import Targets
from hounsfield.train.transfer.start import Start


@dataclass(frozen=True)
class Asked:
    """What a run is asked for: the data, and what options and recipe say of it."""

    data: Path
    options: TrainOptions
    recipe: Recipe


PlanT = TypeVar("PlanT", bound=TargetPlan)


@dataclass(frozen=True)
class TargetTask:
    """A run that is set up: everything but the weights.

    Attributes:
        targets: the data set.
        examination: what was found in it.
        plan: what the run obeys.
        parts: prepared images with their targets.
        facts: what the manifest states beside the plan.
        start: weights to start from, None for chance.
    """

    targets: TargetTable
    examination: Examination
    plan: TargetPlan
    parts: TargetParts
    facts: TargetFacts
    start: Start | None = None


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
    outcome = learn(Targets(task.plan, task.parts, task.start), ledger, talk, is_resumed=asked.options.resume)
    talk(TrainEvent("ui.train.measuring"))
    packed = pack_targets(task.plan, task.parts, task.facts, outcome.weights, output)
    issues, digest = task.examination.issues, task.parts.digest
    story = Story(task.plan, packed.manifest, outcome.progress, packed.assessments, issues, digest)
    return conclude(story, packed.weights_digest, ledger, output)


@dataclass(frozen=True)
class TargetOutline:
    """A run before its images are prepared.

    Attributes:
        targets: the data set.
        examination: what was found in it.
        issues: the same, and strata with too few cases.
        fingerprint: the facts that the plan was chosen by.
        plan: what the run obeys; centre and scale of the network's input may still be open.
        chosen: indices of the cases of each part.
        start: weights to start from, None for chance.
    """

    targets: TargetTable
    examination: Examination
    issues: tuple[QualityIssue, ...]
    fingerprint: Fingerprint
    plan: TargetPlan
    chosen: dict[str, tuple[int, ...]]
    start: Start | None = None

    @property
    def memory(self) -> MemoryEstimate:
        """What the run is estimated to hold."""
        count = sum(map(len, self.chosen.values()))
        return memory_at_sizes(self.plan, count)


def outline_targets(
    asked: Asked, found: TargetTable, threads: int, talk: Talk, earlier: TargetPlan | None = None
) -> TargetOutline:
    """Examine, plan and split a data set of targets; nothing is prepared yet.

    Raises:
        DatasetError: the data cannot be learned from; ``E856``, a target never varies.
        SettingsError: an option or the recipe is wrong.
    """
    table, options, recipe = found.table, asked.options, asked.recipe
    facts = {"cases": len(table), "task": found.task.value, "targets": ", ".join(found.names[:20]), "data": table.name}
    talk(TrainEvent("ui.train.read.targets", facts))
    seen = look_over(table, options, talk)

    def make(wanted: TrainOptions, formed: Recipe) -> TargetPlan:
        return make_target_plan(wanted, formed, seen.fingerprint, found, threads)

    draft, start = draft_plan(make, seen, options, recipe, talk, earlier)
    chosen = choose_parts(table, seen.examination, draft.split)
    plan = with_scale(draft, values_of(found, chosen)["training"])
    return TargetOutline(found, seen.examination, seen.issues, seen.fingerprint, plan, chosen, start)


def set_up_targets(asked: Asked, found: TargetTable, ledger: Ledger, talk: Talk) -> TargetTask:
    """Examine, plan, split and prepare a data set of targets.

    Raises:
        DatasetError: the data cannot be learned from; ``E856``, a target never varies.
        SettingsError: an option or the recipe is wrong.
        HounsfieldError: ``E835`` too little memory, ``E836`` the run to go on with obeys another plan.
    """
    options, recipe = asked.options, asked.recipe
    earlier = ledger.read_plan(TargetPlan) if options.resume else None
    outline = outline_targets(asked, found, choose_threads(options, ledger), talk, earlier)
    table, examination, draft = found.table, outline.examination, outline.plan
    estimate = outline.memory
    tell_memory(estimate, talk)
    prepared = gather_parts(table, examination, outline.chosen, draft, recipe.model.input.quantity, talk)
    parts = target_parts(prepared, found, outline.chosen)
    tell_parts(parts.sizes, len(table), talk)
    plan = with_range(draft, recipe, prepared)
    command = command_of(asked.data, options, plan)
    enter_run(ledger, plan, parts.digest, command, estimate, is_resumed=options.resume)
    seen = {part: [examination.digests[index] for index in own] for part, own in outline.chosen.items()}
    ledger.write_file(SEEN_FILE, seen_json(seen))
    facts = TargetFacts(recipe, table.name, parts.sizes, command)
    return TargetTask(found, examination, plan, parts, facts, outline.start)


def with_scale(plan: PlanT, training: Values) -> PlanT:
    """Return the plan with mean and deviation of the number in the training part."""
    if plan.task is not LearningTask.REGRESSION:
        return plan
    values = training[:, 0]
    centre, scale = float(np.nanmean(values)), float(np.nanstd(values))
    return plan.model_copy(update={"target_centre": float(f"{centre:.9g}"), "target_scale": float(f"{scale:.9g}")})
