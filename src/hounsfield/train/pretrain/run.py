"""The whole of a pretraining: images → plan → trunk → a file of weights that ``--from`` takes."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from safetensors.torch import save as save_tensors
from torch import Tensor

from hounsfield.cases.guard import Examination, examine
from hounsfield.cases.names import TEST
from hounsfield.cases.splits import split_cases
from hounsfield.cases.table import CaseTable
from hounsfield.cases.unlabelled import NAME, read_images, without_labels
from hounsfield.errors import DatasetError
from hounsfield.model.networks.build import build_network
from hounsfield.train.chance import settled
from hounsfield.train.checkpoint import write_synced
from hounsfield.train.conclude import learn
from hounsfield.train.events import Talk, TrainEvent, silent
from hounsfield.train.fingerprint import take_fingerprint
from hounsfield.train.gather import gather_parts
from hounsfield.train.ledger import Ledger
from hounsfield.train.memory import estimate_memory
from hounsfield.train.options import TrainOptions
from hounsfield.train.outline import with_range
from hounsfield.train.parts import Parts
from hounsfield.train.plan import SplitPlan
from hounsfield.train.pretrain.plan import PretrainPlan, make_pretrain_plan
from hounsfield.train.pretrain.way import Pretraining
from hounsfield.train.recipe import Recipe, recipe_of_options
from hounsfield.train.run import stopped_on_request
from hounsfield.train.setup import choose_threads, enter_run, tell_memory, tell_parts
from hounsfield.train.transfer.origin import ABOUT_KEY
from hounsfield.train.transfer.plan import OriginData
from hounsfield.train.transfer.start import Start, read_wish

LEAST_IMAGES = 16
TUNING = 0.1


@dataclass(frozen=True)
class PretrainResult:
    """What a pretraining wrote.

    Attributes:
        weights: the file of weights.
        run_folder: plan, log and checkpoints.
        digest: SHA-256 of the file.
        images: images that were learned from.
        held_back: images that were left out because they belong to a test part.
        loss: on the views of the tuning part.
        found: how often a view there finds its other one.
        epochs_run: epochs that were trained.
        seconds: time of the whole run.
    """

    weights: Path
    run_folder: Path
    digest: str
    images: int
    held_back: int
    loss: float
    found: float
    epochs_run: int
    seconds: float


@dataclass(frozen=True)
class _Task:
    plan: PretrainPlan
    parts: Parts
    table: CaseTable
    held_back: int
    start: Start | None


def pretrain(data: Path, output: Path, options: TrainOptions | None = None, talk: Talk = silent) -> PretrainResult:
    """Train the trunk of a network on images without their labels, and write its weights for ``--from``.

    Images of a test part, declared or drawn as ``train`` draws it, are left out, so that a model that starts from these
    weights can be tested on them. The run folder is ``<output>.run``.

    Args:
        data: a data set of classes, with or without labels, or any folder of images.
        output: the file to write (safetensors).
        options: as for ``train``, as far as they make sense without labels.
        talk: told of the issues of the data before training, and of progress.

    Raises:
        DatasetError: no images; ``E914``, too few.
        SettingsError: an option or the recipe is wrong.
        HounsfieldError: as ``train.run.train``.
    """
    wanted = options or TrainOptions()
    recipe = recipe_of_options(wanted)
    wanted = replace(wanted, name=wanted.name or output.name.split(".")[0])
    ledger = Ledger(output.with_name(f"{output.name}.run"))
    ledger.open()
    with stopped_on_request(ledger), settled(choose_threads(wanted, ledger)):
        task = _set_up(Path(data), wanted, recipe, ledger, talk)
        outcome = learn(Pretraining(task.plan, task.parts, task.start), ledger, talk, is_resumed=wanted.resume)
    raw = _file_of(task, recipe, outcome.weights)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_synced(output, raw)
    last = outcome.progress.history[-1]
    return PretrainResult(
        weights=output,
        run_folder=ledger.folder,
        digest=hashlib.sha256(raw).hexdigest(),
        images=len(task.parts.training),
        held_back=task.held_back,
        loss=last.tuning_loss,
        found=last.tuning["found"],
        epochs_run=len(outcome.progress.history),
        seconds=outcome.progress.seconds,
    )


def choose_images(table: CaseTable, examination: Examination, split: SplitPlan) -> dict[str, tuple[int, ...]]:
    """Return the readable images to learn from and to measure on; those of a test part, and their copies, are in none.

    Raises:
        DatasetError: ``E914``, too few are left.
    """
    groups, unreadable = examination.groups, set(examination.unreadable)
    held = {index for index, case in enumerate(table.cases) if case.split == TEST}
    if table.class_names != (NAME,):
        # the test part that train draws of the same data
        drawn = split_cases(table, groups, split.shares, split.seed, split.held_back)
        held |= {index for index, part in enumerate(drawn) if part == TEST}
    held_groups = {int(groups[index]) for index in held}
    kept = [index for index in range(len(table)) if int(groups[index]) not in held_groups and index not in unreadable]
    if len(kept) < LEAST_IMAGES:
        raise DatasetError("E914", found=len(kept), expected=LEAST_IMAGES)
    bare = without_labels(table).select(kept)
    pool = replace(bare, cases=tuple(replace(case, split=None) for case in bare.cases))
    own = [int(groups[index]) for index in kept]
    drawn = split_cases(pool, own, {"training": 1 - TUNING, "tuning": TUNING}, split.seed)
    chosen = {name: tuple(kept[at] for at, part in enumerate(drawn) if part == name) for name in ("training", "tuning")}
    if min(map(len, chosen.values())) < 2:
        raise DatasetError("E914", found=len(kept), expected=LEAST_IMAGES)
    return chosen


def _set_up(data: Path, options: TrainOptions, recipe: Recipe, ledger: Ledger, talk: Talk) -> _Task:
    table = read_images(data)
    talk(TrainEvent("ui.train.read.images", {"cases": len(table), "data": table.name}))
    examination = examine(table, progress=lambda done, total: talk(TrainEvent("ui.train.examining", {}, done, total)))
    split = recipe.split or SplitPlan()
    chosen = choose_images(table, examination, split)
    found = take_fingerprint(without_labels(table), sorted(index for part in chosen.values() for index in part))
    wish = read_wish(options, recipe)
    drawn = make_pretrain_plan(options, wish.formed(recipe, options), found, choose_threads(options, ledger))
    draft, start = wish.begin(drawn, drawn.network, lambda: build_network(drawn.network))
    for reason in draft.reasons:
        talk(TrainEvent(reason.key, reason.facts))
    count = sum(map(len, chosen.values()))
    # two views of each image are held at once
    estimate = estimate_memory(draft.network, count, 2 * draft.learning.batch_size)
    tell_memory(estimate, talk)
    parts = gather_parts(without_labels(table), examination, chosen, draft, recipe.model.input.quantity, talk)
    tell_parts(parts.sizes, len(table), talk)
    plan = with_range(draft, recipe, parts)
    command = options.command or f"hounsfield pretrain {data} -o {plan.name}.safetensors --seed {plan.seed}"
    enter_run(ledger, plan, parts.digest, command, estimate, is_resumed=options.resume)
    named = (
        None if start is None else Start({f"network.{name}": item for name, item in start.tensors.items()}, start.plan)
    )
    return _Task(plan, parts, table, len(table) - count - len(examination.unreadable), named)


def _file_of(task: _Task, recipe: Recipe, weights: dict[str, Tensor]) -> bytes:
    """Return the trunk as safetensors, with its form and where it comes from; the same weights give the same bytes."""
    prefix, last = "network.", _last_layer(task.plan)
    kept = {
        name.removeprefix(prefix): tensor.contiguous()
        for name, tensor in weights.items()
        if name.startswith(prefix) and not name.removeprefix(prefix).startswith(last)
    }
    stated = recipe.model.data.sources or ()
    sources = [OriginData(name=item.name, url=item.url, licence=item.licence, images=item.images) for item in stated]
    sources = sources or [OriginData(name=task.table.name, images=len(task.parts.training))]
    about = {
        "form": asdict(task.plan.network),
        "licence": recipe.model.licence,
        "data": [item.model_dump() for item in sources],
        "method": f"SimCLR, temperature {task.plan.temperature:g}, {task.plan.learning.epochs} epochs",
        "plan_digest": task.plan.digest(),
    }
    # one entry: the order of several is not the same from run to run
    return save_tensors(kept, {ABOUT_KEY: json.dumps(about, sort_keys=True)})


def _last_layer(plan: PretrainPlan) -> str:
    network = build_network(plan.network)
    return next(f"{name}." for name, module in network.named_modules() if module is network.last)
