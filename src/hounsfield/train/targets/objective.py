"""What training on targets lowers; targets that were not assessed count for nothing, whatever stands in their place."""

import torch
from torch import Tensor
from torch.nn import functional

HUBER_DELTA = 1.0
"""Where the loss of a number turns from squares to a straight line, in standard deviations of the training part."""


def label_loss(logits: Tensor, targets: Tensor, is_known: Tensor) -> Tensor:
    """Return the mean binary cross entropy over the assessed labels (image, label) of a batch; 0 where none was."""
    return _mean(functional.binary_cross_entropy_with_logits(logits, targets, reduction="none"), is_known)


def class_loss(logits: Tensor, targets: Tensor, is_known: Tensor) -> Tensor:
    """Return the mean cross entropy of classes (image, 1) over the assessed images of a batch; 0 where none was."""
    terms = functional.cross_entropy(logits, targets[:, 0].long(), reduction="none")
    return _mean(terms, is_known[:, 0])


def number_loss(predicted: Tensor, targets: Tensor, is_known: Tensor) -> Tensor:
    """Return the mean Huber loss (Huber 1964) of standardised numbers (image, 1), so that single errors do not rule."""
    return _mean(functional.huber_loss(predicted, targets, reduction="none", delta=HUBER_DELTA), is_known)


def ordered_loss(logits: Tensor, targets: Tensor, is_known: Tensor) -> Tensor:
    """Return the mean negative log likelihood of ordered classes; see ``ordered_log_probabilities``.

    It is the sum of the conditional binary tasks of CORN (Shi, Cao and Raschka 2023, Pattern Anal Appl 26:941,
    equation 6), each over the images that reach it, divided by the images instead of by the tasks' cases.
    """
    return _mean(-ordered_log_probabilities(logits).gather(1, targets.long()), is_known)


def ordered_log_probabilities(logits: Tensor) -> Tensor:
    """Return log probabilities (image, class) from the logits (image, class - 1) of going on to the next class.

    The chance to go beyond class k, for those that reached it, is the logistic function of logit k (the sequential
    model of Tutz 1991; CORN). So the probabilities add up to one and P(y > k) never rises with k.
    """
    going_on = -functional.softplus(-logits)
    staying = -functional.softplus(logits)
    count = logits.shape[1]
    before = torch.triu(torch.ones(count, count + 1, dtype=logits.dtype), diagonal=1)
    reached = going_on @ before
    return reached + torch.cat([staying, torch.zeros_like(staying[:, :1])], dim=1)


def _mean(terms: Tensor, is_known: Tensor) -> Tensor:
    return (terms * is_known).sum() / is_known.sum().clamp(min=1)
