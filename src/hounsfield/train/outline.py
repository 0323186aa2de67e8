"""Outline of a run: what a data set is, what the run will obey, and what it will take, settled without learning."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from hounsfield.cases.description import few_cases
from hounsfield.cases.guard import Examination, examine
from hounsfield.cases.layouts import read_cases
from hounsfield.cases.table import CaseTable
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError, SettingsError
from hounsfield.model.networks.build import build_network
from hounsfield.train.events import Talk, TrainEvent, issue_event
from hounsfield.train.fingerprint import Fingerprint, take_fingerprint
from hounsfield.train.fitting import Fit, fitted
from hounsfield.train.gather import choose_parts
from hounsfield.train.memory import MemoryEstimate
from hounsfield.train.multi_scale import memory_at_sizes, with_sizes
from hounsfield.train.options import TrainOptions
from hounsfield.train.parts import Parts
from hounsfield.train.plan import Plan
from hounsfield.train.planner import make_plan
from hounsfield.train.recipe import Recipe
from hounsfield.train.transfer.start import Start, read_wish

PlanT = TypeVar("PlanT", bound=Plan)


@dataclass(frozen=True)
class Outline:
    """A run before its images are prepared.

    Attributes:
        table: the data set.
        examination: what was found in it.
        issues: the same, and classes with too few cases.
        fingerprint: the facts that the plan was chosen by.
        plan: what the run obeys; centre and scale of the network's input may still be open.
        chosen: indices of the cases of each part.
        start: weights to start from, None for chance.
    """

    table: CaseTable
    examination: Examination
    issues: tuple[QualityIssue, ...]
    fingerprint: Fingerprint
    plan: Plan
    chosen: dict[str, tuple[int, ...]]
    start: Start | None = None

    @property
    def memory(self) -> MemoryEstimate:
        """What the run is estimated to hold."""
        count = sum(map(len, self.chosen.values()))
        return memory_at_sizes(self.plan, count)


def outline_run(
    data: Path, options: TrainOptions, recipe: Recipe, threads: int, talk: Talk, earlier: Plan | None = None
) -> Outline:
    """Read, examine, plan and split a data set; nothing is prepared yet.

    Args:
        data: the data set.
        options: as a person gave them.
        recipe: what else was asked for.
        threads: of arithmetic.
        talk: told of the issues of the data and of progress.
        earlier: plan of the run that goes on.

    Raises:
        DatasetError: the data cannot be learned from; ``E871``, something would spoil a result and that was to refuse.
        SettingsError: an option or the recipe is wrong.
    """
    table = _read(data, options, recipe, talk)
    seen = look_over(table, options, talk)
    _check_classes(recipe, table)

    def make(wanted: TrainOptions, formed: Recipe) -> Plan:
        return make_plan(wanted, formed, seen.fingerprint, table.class_names, threads)

    plan, start = draft_plan(make, seen, options, recipe, talk, earlier)
    chosen = choose_parts(table, seen.examination, plan.split)
    return Outline(table, seen.examination, seen.issues, seen.fingerprint, plan, chosen, start)


@dataclass(frozen=True)
class LookedOver:
    """A data set that was examined, and of which was said what is wrong with it.

    Attributes:
        examination: what was found.
        issues: the same, and classes or strata with too few cases.
        readable: indices of the cases that can be used.
        fingerprint: the facts of these that a plan is chosen by.
    """

    examination: Examination
    issues: tuple[QualityIssue, ...]
    readable: tuple[int, ...]
    fingerprint: Fingerprint


def look_over(table: CaseTable, options: TrainOptions, talk: Talk) -> LookedOver:
    """Examine a data set and say what was found in it.

    Raises:
        DatasetError: the data cannot be learned from; ``E871``, something would spoil a result and that was to refuse.
    """
    examination = examine(table, progress=lambda done, total: talk(TrainEvent("ui.train.examining", {}, done, total)))
    issues = (*examination.issues, *few_cases(table, examination))
    tell_issues(table.name, issues, options, talk)
    readable = sorted(set(range(len(table))) - set(examination.unreadable))
    return LookedOver(examination, issues, tuple(readable), take_fingerprint(table, readable))


def draft_plan(
    make: Callable[[TrainOptions, Recipe], PlanT],
    seen: LookedOver,
    options: TrainOptions,
    recipe: Recipe,
    talk: Talk,
    earlier: PlanT | None,
) -> tuple[PlanT, Start | None]:
    """Return a plan that fits in memory, with the weights it starts from, and say its reasons.

    Args:
        make: returns the plan for options and a recipe.
        seen: the data.
        options: as a person gave them.
        recipe: what else was asked for.
        talk: told of the reasons.
        earlier: plan of the run that goes on.

    Raises:
        SettingsError: an option or the recipe is wrong.
    """
    wish = read_wish(options, recipe)
    formed, is_wanted = wish.formed(recipe, options), options.multi_scale or recipe.multi_scale
    fit = Fit(
        lambda wanted: with_sizes(make(wanted, formed), is_wanted=is_wanted),
        lambda plan: memory_at_sizes(plan, len(seen.readable)),
    )
    draft = fitted(fit, options, recipe, earlier)
    plan, start = wish.begin(draft, draft.network, lambda: build_network(draft.network))
    for reason in plan.reasons:
        talk(TrainEvent(reason.key, reason.facts))
    return plan, start


def has_open_range(plan: Plan, recipe: Recipe) -> bool:
    """Tell whether the network's input is still to be centred and scaled by the training images."""
    return not (plan.network.standardise or {"centre", "scale"} & set(recipe.network))


def with_range(draft: PlanT, recipe: Recipe, parts: Parts) -> PlanT:
    """Return the plan with the centre and scale of the training images, where the network does not standardise each."""
    if not has_open_range(draft, recipe):
        return draft
    images = parts.training.images
    centre, deviation = float(np.mean(images, dtype=np.float64)), float(np.std(images, dtype=np.float64))
    network = replace(draft.network, centre=round(centre, 6), scale=round(1 / max(deviation, 1e-3), 6))
    return draft.model_copy(update={"network": network})


def _read(data: Path, options: TrainOptions, recipe: Recipe, talk: Talk) -> CaseTable:
    names = options.class_names or tuple(entry.name for entry in recipe.classes)
    table = read_cases(data, names or None)
    if table.layout == "manifest" and data.is_dir():
        table = replace(table, name=data.name)
    facts = {"cases": len(table), "classes": ", ".join(table.class_names), "data": table.name}
    talk(TrainEvent("ui.train.read", facts))
    return table


def tell_issues(data_name: str, issues: tuple[QualityIssue, ...], options: TrainOptions, talk: Talk) -> None:
    """Say what was found in the data, and refuse them where that was asked for.

    Raises:
        DatasetError: ``E871``.
    """
    for issue in issues:
        talk(issue_event(issue))
    spoiling = [issue.code for issue in issues if issue.severity is not Severity.NOTE]
    if options.strict and spoiling:
        raise DatasetError("E871", data=data_name, found=", ".join(dict.fromkeys(spoiling)))


def _check_classes(recipe: Recipe, table: CaseTable) -> None:
    """Refuse a recipe that speaks of classes the data have not.

    Raises:
        SettingsError: ``E830``.
    """
    told = (recipe.decoys.as_class, *recipe.decoys.spared) if recipe.decoys else ()
    strange = [name for name in told if name not in table.class_names]
    if strange:
        raise SettingsError("E830", found=f"decoys: {strange[0]}")
