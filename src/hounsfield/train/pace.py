"""Pace: how long a run will learn, from one step of its network on random images, measured before it starts."""

import time
from collections.abc import Callable
from math import ceil, prod

import torch
from torch import Tensor, nn

from hounsfield.model.networks.build import build_network
from hounsfield.model.networks.unet import build_unet
from hounsfield.train.chance import generator_at
from hounsfield.train.memory import class_loss
from hounsfield.train.parts import PartSizes
from hounsfield.train.plan import Plan
from hounsfield.train.segmentation.plan import SegmentationPlan
from hounsfield.train.segmentation.setup import mask_loss_of

TRIED = 8
"""Most images of the step that is measured: it grows with their number."""
FORWARDS = 1 / 3
"""Of a step is the way forwards, which is all that measuring takes; the way back costs twice as much."""


def seconds_of_classes(plan: Plan, sizes: PartSizes) -> float:
    """Return the seconds that the epochs of a plan take, those of augmentation and of the first start apart."""
    network = plan.network
    sides = (network.channels, network.rows, network.columns)
    an_image = seconds_an_image(lambda: build_network(network), class_loss, sides, plan.learning.batch_size)
    return plan.learning.epochs * an_image * (sizes.training + FORWARDS * sizes.tuning)


def seconds_of_masks(plan: SegmentationPlan, sizes: PartSizes, shape: tuple[int, int, int]) -> float:
    """Return the seconds that the epochs of a plan take, for cases of a shape (slice, row, column)."""
    network = plan.network
    patch = network.patch[1:] if network.is_planar else network.patch
    sides = (network.channels, *patch)
    a_patch = seconds_an_image(lambda: build_unet(network), mask_loss_of, sides, plan.learning.batch_size)
    tiles = prod(ceil(side / width) for side, width in zip(shape, network.patch, strict=True))
    patches = plan.batches_per_epoch * plan.learning.batch_size + FORWARDS * sizes.tuning * tiles
    return plan.learning.epochs * a_patch * patches


def seconds_an_image(
    build: Callable[[], nn.Module], loss: Callable[..., Tensor], sides: tuple[int, ...], batch_size: int
) -> float:
    """Return the seconds of a step, for each of its images: the second of two, as the first makes its kernels."""
    network = build().train()
    images = torch.rand((max(2, min(TRIED, batch_size)), *sides), generator=generator_at(0, "pace"))
    taken = 0.0
    for _ in range(2):
        started = time.monotonic()
        network.zero_grad(set_to_none=True)
        loss(network, images).backward()  # type: ignore[no-untyped-call]
        taken = time.monotonic() - started
    return taken / len(images)
