"""What each anchor has to say: the object it is for, by adaptive training sample selection (ATSS, Zhang 2020)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from hounsfield.train.detection.augment import Objects
from hounsfield.train.detection.matching import matched, overlaps_of

IGNORED_OVERLAP = 0.3
"""Overlap with an ignored object from which an anchor says nothing, where it is for no other."""
_ALPHA, _GAMMA = 0.25, 2.0
"""Of the focal loss (Lin 2017, section 5.1)."""


@dataclass(frozen=True)
class Targets:
    """Of one picture: objects (anchor,) number of the object of each anchor, -1 for none; ``counts`` (anchor,)."""

    objects: Tensor
    counts: Tensor


def match_anchors(objects: Objects, anchors: Tensor, per_level: tuple[int, ...], candidates: int) -> Targets:
    """Return what the anchors of a picture are for.

    Args:
        objects: of the picture.
        anchors: (anchor, 4), level by level.
        per_level: anchors of each level.
        candidates: anchors of each level that may match an object.
    """
    wanted = torch.nonzero(~objects.is_ignored)[:, 0]
    number = torch.full((len(anchors),), -1, dtype=torch.long)
    if len(wanted):
        found = matched(objects.boxes[wanted], anchors, per_level, candidates)
        number = torch.where(found >= 0, wanted[found.clamp(min=0)], number)
    counts = torch.ones(len(anchors), dtype=torch.bool)
    if len(wanted) < len(objects.labels):
        near = overlaps_of(anchors, objects.boxes[objects.is_ignored]).amax(1) >= IGNORED_OVERLAP
        counts = ~near | (number >= 0)
    return Targets(number, counts)


def focal_loss(logits: Tensor, wanted: Tensor, counts: Tensor) -> Tensor:
    """Return the sum of the focal loss over anchors that count: logits and wanted (anchor, class)."""
    loss = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    scores = logits.sigmoid()
    missed = scores * (1 - wanted) + (1 - scores) * wanted
    weight = _ALPHA * wanted + (1 - _ALPHA) * (1 - wanted)
    return (weight * missed**_GAMMA * loss)[counts].sum()


def decode(deltas: Tensor, anchors: Tensor, largest_growth: float) -> Tensor:
    """Return boxes (anchor, 4), as ``model.detector.decode_boxes`` does it in numpy."""
    lengths = anchors[:, 2:] - anchors[:, :2]
    centres = (anchors[:, :2] + anchors[:, 2:]) / 2 + deltas[:, :2] * lengths
    halves = lengths * torch.exp(deltas[:, 2:].clamp(max=largest_growth)) / 2
    return torch.cat([centres - halves, centres + halves], 1)


def box_loss(boxes: Tensor, wanted: Tensor) -> Tensor:
    """Return the sum of 1 - GIoU of pairs of boxes (Rezatofighi 2019)."""
    common = (torch.minimum(boxes[:, 2:], wanted[:, 2:]) - torch.maximum(boxes[:, :2], wanted[:, :2])).clamp(min=0)
    around = torch.maximum(boxes[:, 2:], wanted[:, 2:]) - torch.minimum(boxes[:, :2], wanted[:, :2])
    shared, hull = common.prod(1), around.prod(1).clamp(min=1e-6)
    union = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (wanted[:, 2:] - wanted[:, :2]).prod(1) - shared
    return (1 - shared / union.clamp(min=1e-6) + (hull - union) / hull).sum()
