"""Set-up of a run: everything that is settled before the first step of learning, and said before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hounsfield.cases.guard import Examination
from hounsfield.cases.seen import SEEN_FILE, seen_json
from hounsfield.cases.table import CaseTable
from hounsfield.errors import HounsfieldError
from hounsfield.machine import available_memory
from hounsfield.prepare.sequence import build_steps
from hounsfield.train.events import Talk, TrainEvent, issue_event
from hounsfield.train.filling import Filler, fill, open_filler
from hounsfield.train.gather import Preparer, gather_parts
from hounsfield.train.ledger import Ledger, usable_cores
from hounsfield.train.memory import MemoryEstimate, check_memory, estimate_memory
from hounsfield.train.options import TrainOptions
from hounsfield.train.outline import Outline, outline_run, with_range
from hounsfield.train.parts import Parts, PartSizes
from hounsfield.train.plan import Plan, Reason, RunPlan, differences
from hounsfield.train.recipe import Recipe
from hounsfield.train.transfer.start import Start


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
        start: weights to start from, None for chance.
    """

    table: CaseTable
    examination: Examination
    recipe: Recipe
    plan: Plan
    parts: Parts
    ledger: Ledger
    command: str
    start: Start | None = None


def choose_threads(options: TrainOptions, ledger: Ledger) -> int:
    """Return the threads asked for, those of the run that goes on, or one for each core that no other process takes."""
    earlier = ledger.read_threads() if options.resume else None
    return options.threads or earlier or max(1, usable_cores() // ledger.ranks.count)


def set_up(data: Path, options: TrainOptions, recipe: Recipe, ledger: Ledger, talk: Talk) -> Task:
    """Read, examine, plan, split and prepare a data set.

    Raises:
        DatasetError: the data cannot be learned from; ``E871``, something would spoil a result and that was to refuse;
            ``E928``, the generator has seen images that are held back.
        SettingsError: an option or the recipe is wrong.
        HounsfieldError: ``E835`` too little memory, ``E836`` the run to go on with obeys another plan.
    """
    earlier = ledger.read_plan(Plan) if options.resume else None
    found = outline_run(data, options, recipe, choose_threads(options, ledger), talk, earlier)
    table, examination, draft, chosen = found.table, found.examination, found.plan, found.chosen
    filler = None
    if options.generator is not None:
        filler = open_filler(options.generator, draft.threads)
        draft = _with_filling(draft, found, filler, talk)
    case_count = sum(map(len, chosen.values())) + sum(draft.synthetic.counts if draft.synthetic else ())
    estimate = estimate_memory(draft.network, case_count, draft.learning.batch_size)
    tell_memory(estimate, talk)
    quantity = recipe.model.input.quantity
    parts = gather_parts(table, examination, chosen, draft, quantity, talk)
    tell_parts(parts.sizes, len(table), talk)
    plan = with_range(draft, recipe, parts)
    if filler is not None and plan.synthetic is not None:
        preparer = Preparer(build_steps(list(plan.prepare)), quantity, plan)
        parts = fill(parts, filler, plan.synthetic, plan.class_names, preparer.of)
    command = command_of(data, options, plan)
    enter_run(ledger, plan, parts.digest, command, estimate, is_resumed=options.resume)
    ledger.write_file(SEEN_FILE, seen_json({part: _digests(examination, own) for part, own in chosen.items()}))
    return Task(table, examination, recipe, plan, parts, ledger, command, found.start)


def _with_filling(plan: Plan, found: Outline, filler: Filler, talk: Talk) -> Plan:
    """Return the plan with the synthetic images that fill the rare classes of the training part, and say so.

    Raises:
        DatasetError: ``E927``, ``E928``.
    """
    digests = {part: _digests(found.examination, own) for part, own in found.chosen.items()}
    for issue in filler.check(digests):
        talk(issue_event(issue))
    own = found.table.labels[list(found.chosen["training"])]
    counts = np.bincount(own, minlength=len(plan.class_names)).tolist()
    wanted = filler.plan(plan.class_names, counts, plan.seed)
    rows = zip(plan.class_names, counts, wanted.counts, strict=True)
    said = ", ".join(f"{name} {real} + {made}" for name, real, made in rows)
    facts: dict[str, str | int | float] = {"classes": said, "model": wanted.generator}
    reason = Reason(choice="synthetic", key="ui.train.reason.synthetic", facts=facts)
    talk(TrainEvent(reason.key, reason.facts))
    return plan.model_copy(update={"synthetic": wanted, "reasons": (*plan.reasons, reason)})


def _digests(examination: Examination, indices: Sequence[int]) -> list[str]:
    return [examination.digests[index] for index in indices]


def tell_memory(estimate: MemoryEstimate, talk: Talk) -> None:
    """Say what a run needs, and refuse it where it does not fit.

    Raises:
        HounsfieldError: ``E835``.
    """
    available = available_memory()
    facts = {"needed_mb": -(-estimate.total_bytes // 2**20), "images_mb": -(-estimate.images_bytes // 2**20)}
    talk(TrainEvent("ui.train.memory", {**facts, "available_mb": (available or 0) // 2**20}))
    check_memory(estimate, available)


def tell_parts(sizes: PartSizes, case_count: int, talk: Talk) -> None:
    """Say how many cases each part has."""
    talk(TrainEvent("ui.train.parts", {**sizes._asdict(), "left_out": case_count - sum(sizes)}))


def enter_run(
    ledger: Ledger, plan: RunPlan, data_digest: str, command: str, memory: MemoryEstimate, *, is_resumed: bool
) -> None:
    """Begin the run folder afresh, or make sure that the run in it is this one.

    Raises:
        HounsfieldError: ``E836``, naming what differs.
    """
    earlier = ledger.read_plan(type(plan)) if is_resumed else None
    if earlier is not None:
        unlike = differences(plan, earlier)
        if unlike:
            raise HounsfieldError("E836", folder=ledger.folder.name, found=", ".join(unlike))
        return
    ledger.forget()
    ledger.write_plan(plan, data_digest, memory, command)


def command_of(data: Path, options: TrainOptions, plan: RunPlan) -> str:
    """Return the command line that makes a model: the one given, or the one that would do."""
    if options.command:
        return options.command
    recipe = f" --recipe {options.recipe}" if options.recipe else ""
    task = f" --task {options.task}" if options.task != "auto" else ""
    return f"hounsfield train {data} -o {plan.name}.model{recipe}{task} --seed {plan.seed}"
