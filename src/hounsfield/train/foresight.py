"""Foresight: the plan that ``train`` would obey, whatever is learned, and what it would take; nothing is learned."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hounsfield.cases.boxed_description import describe_boxes
from hounsfield.cases.table import CaseTable
from hounsfield.cases.targets import AUTO
from hounsfield.cases.task import LearningTask, task_of
from hounsfield.core.quality import QualityIssue
from hounsfield.errors import DatasetError
from hounsfield.machine import available_memory
from hounsfield.train.events import Talk, silent
from hounsfield.train.gather import gather_parts
from hounsfield.train.ledger import usable_cores
from hounsfield.train.memory import MemoryEstimate
from hounsfield.train.options import TrainOptions
from hounsfield.train.outline import Outline, has_open_range, outline_run, with_range
from hounsfield.train.plan import RunPlan
from hounsfield.train.recipe import Recipe, recipe_of_options
from hounsfield.train.segmentation.gather import gather_masked_parts
from hounsfield.train.segmentation.setup import MaskOutline, outline_masks, with_mask_range
from hounsfield.train.sequence.run import outline_sequences, prepare_sequences
from hounsfield.train.several.run import SeveralOutline, find_several, is_several, outline_several
from hounsfield.train.targets.run import Asked, TargetOutline, find_targets, outline_targets

MASKS = (LearningTask.SEGMENTATION, LearningTask.INSTANCES)
Counts = dict[str, int]
TableOutline = Outline | TargetOutline | SeveralOutline


@dataclass(frozen=True)
class Planned:
    """What a data set is and how it is shared out.

    Attributes:
        data_name: of the data set.
        layout: how it is laid out.
        case_count: of all its cases.
        task: what is learned.
        fingerprint: the facts that the plan was chosen by.
        counts: cases, or objects, of each class.
        parts: the same of each part.
        left_out: cases in no part: without label, unreadable, or a copy of one that is held back.
        issues: what was found in the data.
    """

    data_name: str
    layout: str
    case_count: int
    task: LearningTask
    fingerprint: Mapping[str, object]
    counts: Counts
    parts: dict[str, Counts]
    left_out: int
    issues: tuple[QualityIssue, ...]


@dataclass(frozen=True)
class Foresight:
    """A plan explained.

    Attributes:
        data: what the data set is.
        plan: the one that ``train`` would write.
        memory: what the run is estimated to hold.
        available_bytes: what the machine has left, None when that is unknown.
        cores: cores that this process may use.
    """

    data: Planned
    plan: RunPlan
    memory: MemoryEstimate
    available_bytes: int | None
    cores: int

    @property
    def fits(self) -> bool:
        """Whether the run fits into what the machine has left."""
        return self.available_bytes is None or self.memory.total_bytes <= self.available_bytes


def foresee(data: Path, options: TrainOptions | None = None, talk: Talk = silent) -> Foresight:
    """Return the plan that ``train`` with the same options would obey, and why, without learning anything.

    Args:
        data: what ``train`` takes.
        options: as for ``train``.
        talk: told of the issues of the data and of progress.

    Raises:
        DatasetError: the data cannot be learned from; ``E872``, their task is planned while it is trained.
        SettingsError: an option or the recipe is wrong.

    Example:
        >>> import numpy as np
        >>> images = np.random.default_rng(0).integers(0, 255, (60, 28, 28), dtype=np.uint8)
        >>> np.savez("tiny.npz", train_images=images, train_labels=np.arange(60)[:, None] % 2)
        >>> foresight = foresee(Path("tiny.npz"), TrainOptions(threads=1))
        >>> foresight.plan.network_name, foresight.data.parts["tuning"]
        ('article', {'0': 4, '1': 4})
    """
    wanted = options or TrainOptions()
    recipe = recipe_of_options(wanted)
    asked = Asked(Path(data), replace(wanted, name=wanted.name or recipe.model.name), recipe)
    planned, plan, memory = _foreseen(asked, wanted.threads or usable_cores(), talk)
    return Foresight(planned, plan, memory, available_memory(), usable_cores())


def _foreseen(asked: Asked, threads: int, talk: Talk) -> tuple[Planned, RunPlan, MemoryEstimate]:
    if is_several(asked.options, asked.recipe):
        several = outline_several(asked, find_several(asked), threads, talk)
        return _planned_several(several), _settled(several, several.several.table, asked.recipe, talk), several.memory
    task = task_of(asked.data) if asked.options.task == AUTO else LearningTask.CLASSIFICATION
    if task is LearningTask.SEQUENCE or LearningTask.SEQUENCE in (asked.options.task, asked.recipe.task):
        return _foresee_sequences(asked, threads, talk)
    if task in MASKS:
        masks = outline_masks(asked.data, asked.options, asked.recipe, threads, talk)
        return _planned_masks(masks, task), _settled_masks(masks, asked.recipe, talk), masks.memory
    if task is LearningTask.DETECTION:
        return _foresee_boxes(asked, threads, talk)
    if task is not LearningTask.CLASSIFICATION:
        raise DatasetError("E872", data=asked.data.name, found=task)
    targets = find_targets(asked)
    found: Outline | TargetOutline
    if targets is not None:
        found = outline_targets(asked, targets, threads, talk)
        return _planned_targets(found), _settled(found, targets.table, asked.recipe, talk), found.memory
    found = outline_run(asked.data, asked.options, asked.recipe, threads, talk)
    return _planned_classes(found), _settled(found, found.table, asked.recipe, talk), found.memory


def _foresee_boxes(asked: Asked, threads: int, talk: Talk) -> tuple[Planned, RunPlan, MemoryEstimate]:
    from hounsfield.train.detection.run import outline_boxes  # MONAI's detection takes a second to import

    found = outline_boxes(asked.data, asked.options, asked.recipe, threads, talk)
    table, kept = found.table, sum(map(len, found.chosen.values()))
    planned = Planned(
        table.name,
        table.layout,
        len(table),
        LearningTask.DETECTION,
        asdict(describe_boxes(table, found.examination.shapes)),
        table.counts(),
        {part: table.select(indices).counts() for part, indices in found.chosen.items()},
        len(table) - kept,
        found.examination.issues,
    )
    return planned, found.plan, found.memory


def _foresee_sequences(asked: Asked, threads: int, talk: Talk) -> tuple[Planned, RunPlan, MemoryEstimate]:
    found = outline_sequences(asked, threads, talk)
    table, frames = found.data.table, [count for count in found.examined.frame_counts if count]
    seen = {**asdict(found.fingerprint), "frames": [min(frames), max(frames)]}
    planned = Planned(
        table.name,
        table.layout,
        len(table),
        LearningTask.SEQUENCE,
        seen,
        table.counts(),
        {part: table.select(indices).counts() for part, indices in found.chosen.items()},
        len(table) - sum(map(len, found.chosen.values())),
        found.issues,
    )
    is_open = has_open_range(found.plan, asked.recipe)
    return planned, prepare_sequences(found, asked.recipe, talk)[1] if is_open else found.plan, found.memory


def _settled(found: TableOutline, table: CaseTable, recipe: Recipe, talk: Talk) -> RunPlan:
    """Return the plan with the range of the training images, which are prepared for it where it is still open."""
    if not has_open_range(found.plan, recipe):
        return found.plan
    parts = gather_parts(table, found.examination, found.chosen, found.plan, recipe.model.input.quantity, talk)
    return with_range(found.plan, recipe, parts)


def _settled_masks(found: MaskOutline, recipe: Recipe, talk: Talk) -> RunPlan:
    training = {"training": found.chosen["training"]}
    parts = gather_masked_parts(found.table, found.examination.groups, training, found.plan, talk)
    return with_mask_range(found.plan, recipe, parts)


def _planned_classes(found: Outline) -> Planned:
    table = found.table
    parts = {part: table.select(indices).counts() for part, indices in found.chosen.items()}
    return _planned(table, found, LearningTask.CLASSIFICATION, table.counts(), parts)


def _planned_targets(found: TargetOutline) -> Planned:
    """Count the cases that have each label, those of each class, or those in each range of the number."""
    targets = found.targets

    def counts(indices: Sequence[int]) -> Counts:
        if targets.task is not LearningTask.MULTI_LABEL:
            return targets.table.select(indices).counts()
        present = (targets.values[list(indices)] == 1).sum(axis=0).tolist()
        return {name: int(count) for name, count in zip(targets.names, present, strict=True)}

    parts = {part: counts(indices) for part, indices in found.chosen.items()}
    return _planned(targets.table, found, targets.task, counts(range(len(targets.table))), parts)


def _planned_several(found: SeveralOutline) -> Planned:
    """Count the cases of which each head was assessed."""
    is_assessed, names = found.several.is_assessed, [head.name for head in found.several.heads]

    def counts(indices: Sequence[int]) -> Counts:
        return dict(zip(names, is_assessed[list(indices)].sum(axis=0).tolist(), strict=True))

    table = found.several.table
    parts = {part: counts(indices) for part, indices in found.chosen.items()}
    return _planned(table, found, LearningTask.SEVERAL, counts(range(len(table))), parts)


def _planned(
    table: CaseTable, found: TableOutline, task: LearningTask, counts: Counts, parts: dict[str, Counts]
) -> Planned:
    left_out = len(table) - sum(map(len, found.chosen.values()))
    seen = asdict(found.fingerprint)
    return Planned(table.name, table.layout, len(table), task, seen, counts, parts, left_out, found.issues)


def _planned_masks(found: MaskOutline, task: LearningTask) -> Planned:
    """Count the cases that have each label, or the objects where masks number them."""
    table, facts = found.table, found.examination.facts

    def counts(indices: Sequence[int]) -> Counts:
        known = [fact.objects for fact in (facts[index] for index in indices) if fact is not None]
        if table.is_instances:
            return {"cases": len(known), "objects": sum(len(sizes) for objects in known for sizes in objects)}
        held = {name: sum(bool(objects[at]) for objects in known) for at, name in enumerate(table.label_names[1:])}
        return {"cases": len(known), **held}

    parts = {part: counts(indices) for part, indices in found.chosen.items()}
    seen, left_out = asdict(found.fingerprint), len(table) - sum(map(len, found.chosen.values()))
    total = counts(range(len(table)))
    issues = found.examination.issues
    return Planned(table.name, table.layout, len(table), task, seen, total, parts, left_out, issues)
