"""Fitting: a plan made smaller, step by step, until the run fits into the memory that is free."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from hounsfield.machine import available_memory
from hounsfield.train.memory import MemoryEstimate
from hounsfield.train.options import TrainOptions
from hounsfield.train.plan import Reason, RunPlan
from hounsfield.train.recipe import Recipe

PlanT = TypeVar("PlanT", bound=RunPlan)

LEAST_BATCH = 4
"""Images of a batch below which batch normalisation and the gradient say little."""
LEAST_SIDE = 64
"""Of a patch: smaller ones see too little around a sample."""
KEY = "ui.train.reason.fitted"


def _whole(plan: RunPlan) -> int | None:
    """Say that images are taken whole: their size is part of what is learned."""
    return None


@dataclass(frozen=True)
class Fit(Generic[PlanT]):
    """What is fitted.

    Attributes:
        make: returns the plan for options.
        estimate: what a plan takes.
        least_batch: images of a batch below which it is not halved.
        side: returns the side of a plan's patches where these may be made smaller, else None.
    """

    make: Callable[[TrainOptions], PlanT]
    estimate: Callable[[PlanT], MemoryEstimate]
    least_batch: int = LEAST_BATCH
    side: Callable[[PlanT], int | None] = _whole


def fitted(fit: Fit[PlanT], options: TrainOptions, recipe: Recipe, earlier: RunPlan | None = None) -> PlanT:
    """Return the plan, with as small a batch and patch as the free memory asks for where nobody asked for another.

    The batch is halved first, then the patch. A plan that still does not fit is returned as small as it gets, and
    ``check_memory`` refuses it with its numbers. A run that goes on obeys what it began with, whatever is free by now.

    Args:
        fit: what is fitted.
        options: as a person gave them.
        recipe: what else was asked for.
        earlier: plan of the run that goes on.
    """
    first = fit.make(options)
    if earlier is not None:
        told = next((reason for reason in earlier.reasons if reason.key.startswith(KEY)), None)
        return first if told is None else _made(fit, options, first, _asked_then(told))
    available, plan = available_memory(), first
    found: dict[str, int] = {}
    while available is not None and fit.estimate(plan).total_bytes > available:
        smaller = _smaller(fit, plan, options, recipe)
        if not smaller:
            break
        found |= smaller
        plan = _made(fit, options, first, found)
    return plan


def _smaller(fit: Fit[PlanT], plan: PlanT, options: TrainOptions, recipe: Recipe) -> dict[str, int]:
    """Return what the next smaller plan is asked with; nothing where nothing may be made smaller."""
    batch, side = plan.learning.batch_size, fit.side(plan)
    if batch > fit.least_batch and options.batch_size is None and "batch_size" not in recipe.learning:
        return {"batch_size": max(fit.least_batch, batch // 2)}
    is_sized = options.size is not None or bool({"size", "patch"} & set(recipe.network))
    return {"size": side // 2} if side is not None and side >= 2 * LEAST_SIDE and not is_sized else {}


def _made(fit: Fit[PlanT], options: TrainOptions, first: PlanT, found: dict[str, int]) -> PlanT:
    plan = fit.make(replace(options, **found))  # type: ignore[arg-type]  # numbers of options
    facts: dict[str, str | int | float] = {
        "batch_size": plan.learning.batch_size,
        "side": fit.side(plan) or 0,
        "batch_before": first.learning.batch_size,
        "side_before": fit.side(first) or 0,
        "needed_mb": -(-fit.estimate(first).total_bytes // 2**20),
    }
    key = KEY if fit.side(plan) is None else f"{KEY}-patches"
    return plan.model_copy(update={"reasons": (*plan.reasons, Reason(choice="batch_size", key=key, facts=facts))})


def _asked_then(told: Reason) -> dict[str, int]:
    found = {"batch_size": int(told.facts["batch_size"])}
    return found if told.facts["side"] == told.facts["side_before"] else {**found, "size": int(told.facts["side"])}
