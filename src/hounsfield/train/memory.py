"""How much memory a run needs, estimated before it starts, against what the machine has."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from hounsfield.errors import HounsfieldError
from hounsfield.model.networks.build import build_network
from hounsfield.model.networks.catalogue import NetworkSettings
from hounsfield.model.networks.heads import Classifier
from hounsfield.train.held import Saved, saved_by

FLOAT_BYTES = 4
COPIES_OF_WEIGHTS = 7
"""The weights, their gradient, two moments, the average, the weights kept, and a layout that arithmetic asks for."""
WORKED_ON = 1
"""Copies of the largest tensor that a layer works on beside what is saved: gradients, and arithmetic's own layout."""
MEASURING = 3
"""Copies of the largest tensor while measuring, when nothing is saved: what a layer is given and what it gives."""
GAPS = 1.1
"""What the allocator holds for what it was asked for: blocks of many sizes come and go, and leave gaps."""
ALWAYS_BYTES = 10 * 2**20
"""What the first step takes for good, whatever the network: kernels made for it, and a batch as it is augmented."""
MEASURED_AT_ONCE = 32
"""Images that a network is measured on at once: more take memory that learning does not, and are no faster."""

Image = tuple[int, ...]
"""Shape (channel, ...) of one image of a batch."""


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that a run holds at its peak, beyond the program itself (Python with torch: 0.3 to 0.6 GB).

    Attributes:
        images_bytes: all prepared images.
        weights_bytes: weights, gradients, moments, average and copies.
        batch_bytes: activations of one batch, of learning or of measuring, whichever takes more.
    """

    images_bytes: int
    weights_bytes: int
    batch_bytes: int

    @property
    def total_bytes(self) -> int:
        """The sum."""
        return self.images_bytes + self.weights_bytes + self.batch_bytes


def estimate_memory(settings: NetworkSettings, case_count: int, batch_size: int) -> MemoryEstimate:
    """Estimate from the form of a network of classes or targets.

    Raises:
        DatasetError: ``E832``, the network cannot take images of this size.
    """
    samples = settings.channels * settings.rows * settings.columns
    return estimate_step(_saved(settings), case_count * samples * FLOAT_BYTES, batch_size, MEASURED_AT_ONCE)


@cache
def _saved(settings: NetworkSettings) -> Saved:
    """Return what a network of this form saves: a plan is estimated each time it changes, its form seldom does."""
    sides = (settings.channels, settings.rows, settings.columns)
    return saved_by(lambda: build_network(settings), class_loss, sides)


def estimate_of(
    build: Callable[[], nn.Module], sides: Image, images_bytes: int, batch_size: int, measured: int = 1
) -> MemoryEstimate:
    """Estimate for any network whose loss takes little beside its layers.

    Args:
        build: makes the network.
        sides: (channel, ...) shape of one image of a batch.
        images_bytes: what all prepared images take.
        batch_size: images of a batch.
        measured: images that the network is measured on at once.
    """
    return estimate_step(saved_by(build, any_loss, sides), images_bytes, batch_size, measured)


def any_loss(network: nn.Module, images: Tensor) -> Tensor:
    """Return a number that depends on all that a network says, of one tensor or several."""
    given = network(images)
    parts = [given] if isinstance(given, Tensor) else list(given)
    return torch.stack([(part.sigmoid() * part).sum() for part in parts]).sum()


def estimate_step(
    saved: Saved, images_bytes: int, batch_size: int, measured: int, case_bytes: int = 0
) -> MemoryEstimate:
    """Estimate from what a step saves.

    Args:
        saved: what it saves for one image.
        images_bytes: what all prepared images take.
        batch_size: images of a batch.
        measured: images that the network is measured on at once.
        case_bytes: what measuring takes beside the network, such as the probabilities of a whole case.
    """
    learning = batch_size * (saved.total_bytes + WORKED_ON * saved.largest_bytes)
    measuring = measured * MEASURING * saved.largest_bytes + case_bytes
    weights_bytes = COPIES_OF_WEIGHTS * saved.weight_bytes
    return MemoryEstimate(images_bytes, weights_bytes, int(GAPS * max(learning, measuring)) + ALWAYS_BYTES)


def class_loss(network: Classifier, images: Tensor) -> Tensor:
    """Return something to learn from: it costs what the cross entropy of any classes does."""
    return network.member_logits(images).log_softmax(2).mean()


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
