"""What segmentation lowers: soft Dice and cross entropy, at every supervised size."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

SMOOTH = 1e-5
"""Added to both sides of the Dice fraction, as in nnU-Net, so that an absent label divides by something."""


def soft_dice_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Return 1 - mean soft Dice of the labels above 0 over the whole batch (Drozdzal 2016; nnU-Net's batch Dice).

    A label that the batch does not hold still counts: its false positives lower the fraction.

    Args:
        logits: (image, label, ...).
        masks: (image, ...) of integers; samples below 0 do not count.
    """
    label_count = logits.shape[1]
    probabilities = functional.softmax(logits, 1).transpose(0, 1).flatten(1)
    flat = masks.flatten().long()
    is_known = (flat >= 0).to(probabilities.dtype)
    wanted = functional.one_hot(flat.clamp(min=0), label_count).T.to(probabilities.dtype) * is_known
    probabilities = probabilities * is_known
    common = (probabilities * wanted).sum(1)[1:]
    both = (probabilities.sum(1) + wanted.sum(1))[1:]
    return 1 - ((2 * common + SMOOTH) / (both + SMOOTH)).mean()


def mask_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Return cross entropy plus soft Dice loss, each with weight one (Isensee 2021), of samples with a label.

    Args:
        logits: (image, label, ...).
        masks: (image, ...) of integers; samples below 0 do not count.
    """
    # the sum over gathered log-probabilities is deterministic, which nll_loss over images is not promised to be
    log_probabilities = functional.log_softmax(logits, 1)
    wanted = masks.long().unsqueeze(1)
    is_known = (wanted >= 0).to(log_probabilities.dtype)
    picked = log_probabilities.gather(1, wanted.clamp(min=0)) * is_known
    return soft_dice_loss(logits, masks) - picked.sum() / is_known.sum().clamp(min=1)


def supervised_loss(all_logits: Sequence[Tensor], masks: Tensor) -> Tensor:
    """Return the weighted mean of the losses at each size: every size counts half as much as the one above it.

    The masks of the lower sizes are every so manieth sample, so labels stay labels.
    """
    weights = [0.5**level for level in range(len(all_logits))]
    pairs = zip(weights, all_logits, strict=True)
    terms = [weight * mask_loss(logits, _shrunk(masks, logits)) for weight, logits in pairs]
    return torch.stack(terms).sum() / sum(weights)


def _shrunk(masks: Tensor, logits: Tensor) -> Tensor:
    for axis in range(1, masks.ndim):
        step = masks.shape[axis] // logits.shape[axis + 1]
        if step > 1:
            masks = masks.index_select(axis, torch.arange(0, masks.shape[axis], step))
    return masks
