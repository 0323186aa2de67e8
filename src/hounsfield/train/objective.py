"""What training lowers: cross entropy on soft targets, with label smoothing, mixup and class weights."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


class Batch(NamedTuple):
    """Images (image, channel, row, column) with soft targets (image, class) that add up to one."""

    images: Tensor
    targets: Tensor


def soft_targets(labels: Tensor, class_count: int, smoothing: float) -> Tensor:
    """Return targets (image, class): one minus ``smoothing`` on the label, the rest spread over all (Szegedy 2015)."""
    return functional.one_hot(labels, class_count).float() * (1 - smoothing) + smoothing / class_count


def mix(batch: Batch, alpha: float, probability: float, generator: torch.Generator) -> Batch:
    """Blend each image with another of the batch, and its target too (mixup, Zhang 2018), in a share of the batches.

    The share of the first image is drawn from Beta(alpha, alpha) by numpy, since torch draws it only globally.
    """
    if alpha <= 0 or float(torch.rand(1, generator=generator)) >= probability:
        return batch
    seed = int(torch.randint(2**62, (1,), generator=generator))
    share = float(np.random.default_rng(seed).beta(alpha, alpha))
    other = torch.randperm(len(batch.images), generator=generator)
    return Batch(
        share * batch.images + (1 - share) * batch.images[other],
        share * batch.targets + (1 - share) * batch.targets[other],
    )


def class_weights(counts: Sequence[int], power: float = 1.0) -> Tensor:
    """Return a weight for each class, ``count ** -power`` scaled so that the mean weight of a case is one."""
    numbers = torch.tensor(counts, dtype=torch.float64).clamp(min=1)
    weights = numbers**-power
    return (weights * numbers.sum() / (weights * numbers).sum()).float()


def cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the mean over images of the cross entropy against soft targets, each class times its weight."""
    terms = -targets * functional.log_softmax(logits, 1)
    return (terms if weights is None else terms * weights).sum(1).mean()
