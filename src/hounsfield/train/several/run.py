"""The whole of a run of several heads, one function an arrow: data → plan → weights → package → report."""

from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from hounsfield.cases.guard import Examination
from hounsfield.cases.heads import AskedHead
from hounsfield.cases.several import SeveralTable, read_several
from hounsfield.cases.targets import AUTO
from hounsfield.cases.task import LearningTask
from hounsfield.cases.views import AskedView
from hounsfield.core.quality import QualityIssue
from hounsfield.train.conclude import conclude, learn
from hounsfield.train.events import Talk, TrainEvent
from hounsfield.train.fingerprint import Fingerprint
from hounsfield.train.fitting import Fit, fitted
from hounsfield.train.gather import choose_parts, gather_parts
from hounsfield.train.ledger import Ledger
from hounsfield.train.memory import FLOAT_BYTES, MemoryEstimate, estimate_memory, estimate_of
from hounsfield.train.options import TrainOptions, TrainResult
from hounsfield.train.outline import look_over, with_range
from hounsfield.train.page import Story
from hounsfield.train.recipe import Recipe
from hounsfield.train.setup import choose_threads, command_of, enter_run, tell_memory, tell_parts
from hounsfield.train.several.objective import scale_of
from hounsfield.train.several.packing import pack_several, rehearse_several
from hounsfield.train.several.parts import SeveralParts, Values, several_parts, several_values
from hounsfield.train.several.plan import HeadPlan, SeveralPlan, make_several_plan
from hounsfield.train.several.series import gather_series
from hounsfield.train.several.statement import SeveralFacts
from hounsfield.train.several.way import Several, build_several
from hounsfield.train.targets.run import Asked


@dataclass(frozen=True)
class SeveralTask:
    """A run that is set up: everything but the weights.

    Attributes:
        examination: what was found in the data set.
        plan: what the run obeys.
        parts: prepared images with the targets of each head.
        facts: what the manifest states beside the plan.
    """

    examination: Examination
    plan: SeveralPlan
    parts: SeveralParts
    facts: SeveralFacts


@dataclass(frozen=True)
class SeveralOutline:
    """A run before its images are prepared.

    Attributes:
        several: the data set.
        examination: what was found in it.
        issues: the same, and strata with too few cases.
        fingerprint: the facts that the plan was chosen by.
        plan: what the run obeys; centre and scale of the network's input may still be open.
        chosen: indices of the cases of each part.
    """

    several: SeveralTable
    examination: Examination
    issues: tuple[QualityIssue, ...]
    fingerprint: Fingerprint
    plan: SeveralPlan
    chosen: dict[str, tuple[int, ...]]

    @property
    def memory(self) -> MemoryEstimate:
        """What the run is estimated to hold."""
        plan, count = self.plan, sum(map(len, self.chosen.values()))
        if plan.fusion is None:
            return estimate_memory(plan.network, count, plan.learning.batch_size)
        sides = (plan.channels, plan.network.rows, plan.network.columns)
        images_bytes = count * prod(sides) * FLOAT_BYTES
        return estimate_of(lambda: build_several(plan).classifier, sides, images_bytes, plan.learning.batch_size)


def is_several(options: TrainOptions, recipe: Recipe) -> bool:
    """Tell whether several heads are asked for: by the option, or by the recipe."""
    asked = options.task if options.task != AUTO else recipe.task
    return asked == LearningTask.SEVERAL or (asked == AUTO and bool(recipe.heads or recipe.series))


def find_several(asked: Asked) -> SeveralTable:
    """Return the heads and targets of a data set as the recipe asks for them.

    Raises:
        DatasetError: as ``read_several``.
    """
    heads = tuple(
        AskedHead(head.name, head.columns, LearningTask(head.task) if head.task else None, head.classes, head.unit,
                  head.weight)
        for head in asked.recipe.heads
    )  # fmt: skip
    series = tuple(AskedView(one.name, one.column, one.required) for one in asked.recipe.series)
    return read_several(asked.data, heads, asked.recipe.targets, series)


def train_several(asked: Asked, output: Path, ledger: Ledger, talk: Talk) -> TrainResult:
    """Train a model of several heads and write its package.

    Raises:
        DatasetError: the data cannot be learned from.
        SettingsError: an option or the recipe is wrong.
        HounsfieldError: as ``train.run.train``.
    """
    task = set_up_several(asked, find_several(asked), ledger, talk)
    rehearse_several(task.plan, task.facts)
    outcome = learn(Several(task.plan, task.parts), ledger, talk, is_resumed=asked.options.resume)
    talk(TrainEvent("ui.train.measuring"))
    packed = pack_several(task.plan, task.parts, task.facts, outcome.weights, output)
    issues, digest = task.examination.issues, task.parts.digest
    story = Story(task.plan, packed.manifest, outcome.progress, packed.assessments, issues, digest)
    return conclude(story, packed.weights_digest, ledger, output)


def outline_several(
    asked: Asked, found: SeveralTable, threads: int, talk: Talk, earlier: SeveralPlan | None = None
) -> SeveralOutline:
    """Examine, plan and split a data set of several heads; nothing is prepared yet.

    Raises:
        DatasetError: the data cannot be learned from; ``E856``, a target never varies.
        SettingsError: an option or the recipe is wrong.
    """
    table, options, recipe = found.table, asked.options, asked.recipe
    names = ", ".join(head.name for head in found.heads)
    facts = {"cases": len(table), "task": "several", "targets": names, "data": table.name}
    talk(TrainEvent("ui.train.read.targets", facts))
    seen = look_over(table, options, talk)
    fit = Fit(
        lambda wanted: make_several_plan(wanted, recipe, seen.fingerprint, found, threads),
        lambda plan: estimate_memory(plan.network, len(seen.readable), plan.learning.batch_size),
    )
    draft = fitted(fit, options, recipe, earlier)
    for reason in draft.reasons:
        talk(TrainEvent(reason.key, reason.facts))
    chosen = choose_parts(table, seen.examination, draft.split)
    plan = with_scales(draft, several_values(found, chosen)["training"])
    return SeveralOutline(found, seen.examination, seen.issues, seen.fingerprint, plan, chosen)


def set_up_several(asked: Asked, found: SeveralTable, ledger: Ledger, talk: Talk) -> SeveralTask:
    """Examine, plan, split and prepare a data set of several heads.

    Raises:
        DatasetError: the data cannot be learned from; ``E856``, a target never varies.
        SettingsError: an option or the recipe is wrong.
        HounsfieldError: ``E835`` too little memory, ``E836`` the run to go on with obeys another plan.
    """
    options, recipe = asked.options, asked.recipe
    earlier = ledger.read_plan(SeveralPlan) if options.resume else None
    outline = outline_several(asked, found, choose_threads(options, ledger), talk, earlier)
    table, examination, draft = found.table, outline.examination, outline.plan
    estimate = outline.memory
    tell_memory(estimate, talk)
    quantity = recipe.model.input.quantity
    if found.views:
        prepared = gather_series(found, examination, outline.chosen, draft, quantity, talk)
    else:
        prepared = gather_parts(table, examination, outline.chosen, draft, quantity, talk)
    parts = several_parts(prepared, found, outline.chosen)
    tell_parts(parts.sizes, len(table), talk)
    plan = with_range(draft, recipe, prepared)
    command = command_of(asked.data, options, plan)
    enter_run(ledger, plan, parts.digest, command, estimate, is_resumed=options.resume)
    return SeveralTask(examination, plan, parts, SeveralFacts(recipe, table.name, parts.sizes, command))


def with_scales(plan: SeveralPlan, training: tuple[Values, ...]) -> SeveralPlan:
    """Return the plan with what the training part says of each head: mean and deviation, and the loss of ignorance."""
    heads: list[HeadPlan] = []
    for head, values in zip(plan.heads, training, strict=True):
        told = head
        if head.task is LearningTask.REGRESSION:
            centre, scale = float(np.nanmean(values)), float(np.nanstd(values))
            told = head.model_copy(update={"centre": float(f"{centre:.9g}"), "scale": float(f"{scale:.9g}")})
        heads.append(told.model_copy(update={"loss_scale": scale_of(told, values)}))
    return plan.model_copy(update={"heads": tuple(heads)})
