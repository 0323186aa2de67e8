"""How much memory a run needs, estimated before it starts, against what the machine has."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import torch
from torch import nn

from hounsfield.errors import HounsfieldError
from hounsfield.model.networks.build import build_network, parameter_count
from hounsfield.model.networks.catalogue import NetworkSettings

FLOAT_BYTES = 4
COPIES_OF_WEIGHTS = 7
"""The weights, their gradient, two moments, the average, the weights kept, and the checkpoint being written."""
COPIES_OF_ACTIVATIONS = 2
"""Each activation, and the gradient that flows back through it."""
COPIES_OF_BATCH = 4
"""The batch as picked, and what augmentation makes on the way."""


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that a run holds at its peak, beyond the program itself.

    Attributes:
        images_bytes: all prepared images.
        weights_bytes: weights, gradients, moments, average and copies.
        batch_bytes: activations of one training batch.
    """

    images_bytes: int
    weights_bytes: int
    batch_bytes: int

    @property
    def total_bytes(self) -> int:
        """The sum."""
        return self.images_bytes + self.weights_bytes + self.batch_bytes


def estimate_memory(settings: NetworkSettings, case_count: int, batch_size: int) -> MemoryEstimate:
    """Estimate from the shapes alone: the network runs once without data (torch's meta device).

    Raises:
        DatasetError: ``E832``, the network cannot take images of this size.
    """
    sides = (settings.channels, settings.rows, settings.columns)
    images_bytes = case_count * prod(sides) * FLOAT_BYTES
    return estimate_of(lambda: build_network(settings), sides, images_bytes, batch_size)


def estimate_of(
    build: Callable[[], nn.Module], sides: tuple[int, ...], images_bytes: int, batch_size: int
) -> MemoryEstimate:
    """Estimate for any network, which runs once without data (torch's meta device).

    Args:
        build: makes the network.
        sides: (channel, ...) shape of one image of a batch.
        images_bytes: what all prepared images take.
        batch_size: images of a batch.
    """
    with torch.device("meta"), torch.no_grad():
        network = build()
        activations = activation_count(network, torch.zeros(1, *sides))
    in_batch = COPIES_OF_ACTIVATIONS * activations + COPIES_OF_BATCH * prod(sides)
    return MemoryEstimate(
        images_bytes, COPIES_OF_WEIGHTS * parameter_count(network) * FLOAT_BYTES, batch_size * in_batch * FLOAT_BYTES
    )


def check_memory(estimate: MemoryEstimate, available_bytes: int | None) -> None:
    """Refuse a run that does not fit.

    Raises:
        HounsfieldError: ``E835``, with what it needs, what there is, and what would fit.
    """
    if available_bytes is None or estimate.total_bytes <= available_bytes:
        return
    parts = {"images": estimate.images_bytes, "weights": estimate.weights_bytes, "batch": estimate.batch_bytes}
    largest = max(parts, key=lambda name: parts[name])
    flag = {"images": "--size", "weights": "--network", "batch": "--batch-size"}[largest]
    raise HounsfieldError(
        "E835",
        needed_mb=-(-estimate.total_bytes // 2**20),
        available_mb=available_bytes // 2**20,
        images_mb=estimate.images_bytes // 2**20,
        weights_mb=estimate.weights_bytes // 2**20,
        batch_mb=estimate.batch_bytes // 2**20,
        flag=flag,
    )


def activation_count(network: nn.Module, image: torch.Tensor) -> int:
    """Return the number of values that the layers of a network give for one image, both on the meta device."""
    counts: list[int] = []

    def note(module: nn.Module, taken: object, given: object) -> None:
        if isinstance(given, torch.Tensor):
            counts.append(given.numel())

    handles = [module.register_forward_hook(note) for module in network.modules() if not list(module.children())]
    network.eval()(image)
    for handle in handles:
        handle.remove()
    return sum(counts)
