"""Which object an anchor is for: adaptive training sample selection (ATSS; Zhang 2020, algorithm 1).

The numbers are those of MONAI's ``ATSSMatcher``, which a test compares them with. MONAI itself is not imported: it
loads all of its transforms, data sets and losses first, which takes longer than a detector's first ten steps.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

LEAST_INSIDE = 0.01
"""Pixels from the border of an object that the centre of its anchor lies inside of it at least."""
_NEVER = float("-inf")


def overlaps_of(first: Tensor, second: Tensor) -> Tensor:
    """Return intersection over union (first, second) of boxes (box, 4) of lower, then upper corners."""
    lower = torch.maximum(first[:, None, :2], second[:, :2])
    upper = torch.minimum(first[:, None, 2:], second[:, 2:])
    common = (upper - lower).clamp(min=0).prod(-1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (first, second)]
    return common / (areas[0][:, None] + areas[1] - common + torch.finfo(torch.float32).eps)


def matched(boxes: Tensor, anchors: Tensor, per_level: Sequence[int], candidates: int) -> Tensor:
    """Return the number of the box that each anchor (anchor,) is for, -1 for none.

    Candidates of a box are the anchors of each level whose centres are nearest to its own. Those are for it that
    overlap it by the mean of its candidates and one deviation, and whose centre lies inside; an anchor of several boxes
    is for the one it overlaps most.

    Args:
        boxes: (box, 4) lower, then upper corners.
        anchors: (anchor, 4), level by level.
        per_level: anchors of each level.
        candidates: anchors of each level that may be for a box.
    """
    middles, own = (anchors[:, :2] + anchors[:, 2:]) / 2, (boxes[:, :2] + boxes[:, 2:]) / 2
    distances = (own[:, None] - middles).pow(2).sum(-1).sqrt()
    nearest, start = [], 0
    for count in per_level:
        part = distances[:, start : start + count]
        nearest.append(part.topk(min(candidates, count), dim=1, largest=False).indices + start)
        start += count
    picked = torch.cat(nearest, 1)
    overlaps = overlaps_of(boxes, anchors)
    near = overlaps.gather(1, picked)
    # the deviation of one candidate is none
    spread = near.std(1) if picked.shape[1] > 1 else torch.zeros(len(boxes))
    places = middles[picked]
    inside = torch.cat([places - boxes[:, None, :2], boxes[:, None, 2:] - places], -1).amin(-1) > LEAST_INSIDE
    is_for = (near >= (near.mean(1) + spread)[:, None]) & inside
    worth = torch.full_like(overlaps, _NEVER).scatter(1, picked, near.masked_fill(~is_for, _NEVER))
    best, number = worth.max(0)
    return torch.where(best > _NEVER, number, -1)
