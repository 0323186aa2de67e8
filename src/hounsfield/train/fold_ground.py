"""Ground of a cross-validation: the plan that every fold obeys, who is held back when, and how long it will take."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hounsfield.cases.splits import Fold
from hounsfield.cases.task import LearningTask, task_of
from hounsfield.errors import DatasetError, SettingsError
from hounsfield.train.events import Talk
from hounsfield.train.foresight import MASKS
from hounsfield.train.gather import choose_parts
from hounsfield.train.options import TrainOptions
from hounsfield.train.outline import outline_run
from hounsfield.train.pace import seconds_of_classes, seconds_of_masks
from hounsfield.train.parts import PartSizes
from hounsfield.train.plan import RunPlan
from hounsfield.train.recipe import Recipe
from hounsfield.train.segmentation.gather import choose_masked_parts
from hounsfield.train.segmentation.setup import outline_masks
from hounsfield.train.several.run import is_several
from hounsfield.train.targets.run import Asked, find_targets

Chosen = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Ground:
    """What is settled before the first fold.

    Attributes:
        data_name: of the data set.
        plan: what every fold obeys; the centre and scale of the network's input come from the training part of each.
        class_names: of the answers; the labels of masks, the background first.
        identifiers: names of all cases.
        groups: group of each case.
        chosen: indices of the cases of each part, fold by fold.
        seconds: that the epochs of one fold take, as measured before.
    """

    data_name: str
    plan: RunPlan
    class_names: tuple[str, ...]
    identifiers: tuple[str, ...]
    groups: tuple[int, ...]
    chosen: tuple[Chosen, ...]
    seconds: float

    def held_back(self, number: int) -> tuple[str, ...]:
        """Return the names of the cases that a fold, counted from 1, holds back."""
        return tuple(self.identifiers[index] for index in self.chosen[number - 1]["test"])

    @property
    def digest(self) -> str:
        """SHA-256 of all that makes two cross-validations the same: the plan, and who is held back when."""
        plan = self.plan.deciding()
        plan["split"].pop("fold", None)
        folds = [self.held_back(number) for number in range(1, len(self.chosen) + 1)]
        return hashlib.sha256(json.dumps([plan, folds], sort_keys=True).encode()).hexdigest()


def survey(data: Path, options: TrainOptions, recipe: Recipe, folds: int, talk: Talk) -> Ground:
    """Read, examine and plan a data set, draw its folds, and measure the pace of learning.

    The plan is chosen by a fingerprint of all cases, held back or not, as nnU-Net does it: it sees sizes, intensities
    and counts, and no case's own answer.

    Raises:
        DatasetError: ``E610`` too few groups for so many folds; the data cannot be learned from.
        SettingsError: ``E611``, something is learned that is not cross-validated; an option or the recipe is wrong.
    """
    asked = Asked(data, options, recipe)
    task = _task(asked)
    if task in MASKS:
        return _of_masks(asked, folds, talk)
    return _of_classes(asked, folds, talk)


def _task(asked: Asked) -> LearningTask:
    """Return what is learned.

    Raises:
        SettingsError: ``E611``.
    """
    if is_several(asked.options, asked.recipe):
        raise SettingsError("E611", found=LearningTask.SEVERAL)
    drawn = task_of(asked.data) if asked.options.task == "auto" else LearningTask.CLASSIFICATION
    wanted = {asked.options.task, asked.recipe.task} - {"auto", LearningTask.CLASSIFICATION}
    if wanted or drawn not in (LearningTask.CLASSIFICATION, *MASKS):
        raise SettingsError("E611", found=min(wanted) if wanted else drawn)
    targets = None if drawn in MASKS else find_targets(asked)
    if targets is not None:
        raise SettingsError("E611", found=targets.task)
    return drawn


def _of_classes(asked: Asked, folds: int, talk: Talk) -> Ground:
    found = outline_run(asked.data, asked.options, asked.recipe, asked.options.threads or 1, talk)
    table, groups, split = found.table, found.examination.groups, found.plan.split
    numbers = [Fold(number, folds) for number in range(1, folds + 1)]
    chosen = tuple(choose_parts(table, found.examination, split.of_fold(fold)) for fold in numbers)
    labels = {name: set(np.flatnonzero(table.labels == index).tolist()) for index, name in enumerate(table.class_names)}
    _check(labels, groups, chosen)
    seconds = seconds_of_classes(found.plan, _sizes(chosen[0]))
    names = tuple(case.identifier for case in table.cases)
    return Ground(table.name, found.plan, table.class_names, names, groups, chosen, seconds)


def _of_masks(asked: Asked, folds: int, talk: Talk) -> Ground:
    found = outline_masks(asked.data, asked.options, asked.recipe, asked.options.threads or 1, talk)
    table, groups, split = found.table, found.examination.groups, found.plan.split
    numbers = [Fold(number, folds) for number in range(1, folds + 1)]
    unusable = found.examination.unusable
    chosen = tuple(choose_masked_parts(table, groups, split.of_fold(fold), unusable) for fold in numbers)
    _check({"object" if table.is_instances else "mask": set(range(len(table)))}, groups, chosen)
    seconds = seconds_of_masks(found.plan, _sizes(chosen[0]), found.fingerprint.shape)
    names = tuple(case.identifier for case in table.cases)
    return Ground(table.name, found.plan, table.label_names, names, tuple(groups), chosen, seconds)


def _check(kinds: dict[str, set[int]], groups: tuple[int, ...], chosen: tuple[Chosen, ...]) -> None:
    """Refuse folds that hold no case of a class: no figure of theirs would be one of all classes.

    Raises:
        DatasetError: ``E610``.
    """
    for name, cases in kinds.items():
        for number, parts in enumerate(chosen, start=1):
            if not cases & set(parts.get("test", ())):
                pooled = {index for parts in chosen for index in parts.get("test", ())}
                found = len({groups[index] for index in cases & pooled})
                raise DatasetError("E610", name=name, found=found, fold=number, expected=len(chosen))


def _sizes(chosen: Chosen) -> PartSizes:
    return PartSizes(*(len(chosen.get(part, ())) for part in ("training", "tuning", "test")))
