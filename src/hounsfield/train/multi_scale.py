"""Multi-scale training: batches are drawn at several sizes, so that a structure is learned however large it appears."""

import math
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from hounsfield.errors import SettingsError
from hounsfield.model.networks.catalogue import NetworkSettings, network_facts
from hounsfield.train.chance import generator_at
from hounsfield.train.memory import MemoryEstimate, estimate_memory
from hounsfield.train.plan import Plan, Reason

PlanT = TypeVar("PlanT", bound=Plan)

SMALLER, LARGER = 0.75, 1.25
"""Shares of the size that the network is made for."""


def whole_strides(settings: NetworkSettings, stride: int) -> tuple[int, ...]:
    """Return sides of batches in whole strides of the network, the one it is made for among them.

    Args:
        settings: form of a network whose map is pooled.
        stride: pixels of the image between two places of its last map.

    Raises:
        SettingsError: ``E915``, its dense layers take one size alone.
    """
    facts = network_facts(settings.name)
    if not facts.has_activation_map:
        raise SettingsError("E915", network=settings.name)
    side = settings.rows
    # away from the size itself, so that a network of a few long strides has other sizes too
    drawn = {math.floor(side * SMALLER / stride) * stride, math.ceil(side * LARGER / stride) * stride}
    return tuple(sorted({side, *(size for size in drawn if facts.least_side <= size <= facts.largest_side)}))


def stride_of(settings: NetworkSettings) -> int:
    """Return the pixels of the image between two places of the last map: 2 to the power of how often it is halved."""
    if settings.name == "small-residual":
        total = settings.stem_stride
        for stride in settings.strides:
            total *= stride
        return total
    return 32


def with_sizes(plan: PlanT, *, is_wanted: bool) -> PlanT:
    """Return the plan with the sizes of its batches and the reason, where several are wanted.

    Raises:
        SettingsError: ``E915``.
    """
    if not is_wanted:
        return plan
    sizes = whole_strides(plan.network, stride_of(plan.network))
    facts: dict[str, str | int | float] = {
        "sizes": ", ".join(map(str, sizes)),
        "stride": stride_of(plan.network),
        "size": plan.network.rows,
    }
    why = Reason(choice="sizes", key="ui.train.reason.sizes", facts=facts)
    return plan.model_copy(update={"sizes": sizes, "reasons": (*plan.reasons, why)})


def at_drawn_size(images: Tensor, plan: Plan, epoch: int, index: int) -> Tensor:
    """Return a batch at the size drawn for its place, every one as often; as it is where the plan names one size."""
    if not plan.sizes:
        return images
    at = int(torch.randint(len(plan.sizes), (1,), generator=generator_at(plan.seed, "size", epoch, index)))
    share = plan.sizes[at] / plan.network.rows
    sides = [round(side * share) for side in images.shape[-2:]]
    if sides == list(images.shape[-2:]):
        return images
    return functional.interpolate(images, sides, mode="bilinear", antialias=True, align_corners=False)


def memory_at_sizes(plan: Plan, case_count: int) -> MemoryEstimate:
    """Return what a run is estimated to hold: all images at the size of the network, a batch at the largest.

    Raises:
        DatasetError: ``E832``, the network cannot take images of this size.
    """
    base = estimate_memory(plan.network, case_count, plan.learning.batch_size)
    if not plan.sizes:
        return base
    share = max(plan.sizes) / plan.network.rows
    largest = replace(plan.network, rows=max(plan.sizes), columns=round(plan.network.columns * share))
    return replace(base, batch_bytes=estimate_memory(largest, 1, plan.learning.batch_size).batch_bytes)
