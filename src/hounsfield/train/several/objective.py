"""What training on several heads lowers: the loss of each head that a batch has targets of, weighed together."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from hounsfield.cases.task import LearningTask
from hounsfield.train.several.plan import HeadPlan, SeveralPlan
from hounsfield.train.targets.objective import HUBER_DELTA, class_loss, label_loss, number_loss, ordered_loss

LOSSES = {
    LearningTask.CLASSIFICATION: class_loss,
    LearningTask.MULTI_LABEL: label_loss,
    LearningTask.REGRESSION: number_loss,
    LearningTask.ORDINAL: ordered_loss,
}
LEAST_SCALE = 1e-3
"""Loss of knowing nothing below which a head is not made louder: nearly all of its targets are the same."""
Values = npt.NDArray[np.float64]


def head_losses(plan: SeveralPlan, logits: Tensor, targets: Sequence[Tensor], is_known: Sequence[Tensor]) -> Tensor:
    """Return the loss of each head (head,), divided by that of knowing nothing; 0 where the batch has no target of it.

    Args:
        plan: the heads.
        logits: (image, output) of all heads.
        targets: (image, column) of each head, standardised for numbers, anything finite where not assessed.
        is_known: (image, column) of each head, whether it was assessed.
    """
    return torch.stack(
        [
            LOSSES[head.task](logits[:, own], wanted, known) / head.loss_scale
            for head, own, wanted, known in zip(plan.heads, plan.slices, targets, is_known, strict=True)
        ]
    )


def are_assessed(is_known: Sequence[Tensor]) -> Tensor:
    """Return 1 for each head (head,) of which anything was assessed, else 0."""
    return torch.stack([known.any() for known in is_known]).float()


def weighed(losses: Tensor, is_assessed: Tensor, plan: SeveralPlan, log_variance: Tensor | None) -> Tensor:
    """Return one loss from those of the heads (head,).

    With fixed weights, the sum of weight times loss over the assessed heads, divided by the weights of all heads: a
    head without targets in a batch makes the step smaller, never the others louder. With learned weights, equation 7
    of Kendall, Gal and Cipolla 2018 (CVPR, p. 7482) for the log variance s of each head: exp(-s) loss + s / 2, of the
    assessed heads alone, so that an absent head does not drift to certainty.
    """
    weights = torch.tensor([head.weight for head in plan.heads])
    share = weights * is_assessed / weights.sum()
    if log_variance is None:
        return (share * losses).sum()
    return (share * (torch.exp(-log_variance) * losses + log_variance / 2)).sum()


def scale_of(head: HeadPlan, values: Values) -> float:
    """Return the loss of an answer that knows the frequencies of the training part, or its mean, and no image.

    Args:
        head: with the centre and scale of a number.
        values: (case, column) targets, NaN where not assessed.
    """
    if head.task is LearningTask.REGRESSION:
        known = torch.from_numpy((values[np.isfinite(values)] - head.centre) / head.scale)
        found = float(functional.huber_loss(torch.zeros_like(known), known, delta=HUBER_DELTA))
    elif head.task is LearningTask.MULTI_LABEL:
        shares = np.nanmean(values, axis=0)
        counts = np.isfinite(values).sum(axis=0)
        found = float(np.average([_entropy(np.array([share, 1 - share])) for share in shares], weights=counts))
    else:
        known_classes = values[np.isfinite(values)].astype(np.int64)
        found = _entropy(np.bincount(known_classes, minlength=len(head.class_names)) / len(known_classes))
    return float(f"{max(found, LEAST_SCALE):.6g}")


def _entropy(shares: Values) -> float:
    """Return the entropy of shares in nats: the least cross entropy of an answer that is the same for all."""
    present = shares[shares > 0]
    return float(-(present * np.log(present)).sum())
