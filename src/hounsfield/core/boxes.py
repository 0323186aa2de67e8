"""Boxes around objects: their order, extent and overlap, in the plane and in space.

A box is the lower edge on every axis, then the upper edge on every axis, in the order of the array: (row, column, row,
column), or (slice, row, column, slice, row, column). Edges are in pixels from the corner of the image: pixel i lies
between the edges i and i + 1, so a box from 2 to 5 holds the pixels 2, 3 and 4.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float64]
"""(box, 4) in a plane, (box, 6) in space."""

_BLOCK = 4_000_000
"""Pairs whose overlap is worked out at once."""
_SUPPRESSING = 32
"""Boxes whose overlap with all that are left is worked out at once."""


@dataclass(frozen=True, eq=False)
class Detections:
    """What was detected on one image: boxes (n, 4) or (n, 6), labels (n,) and scores (n,), best first."""

    boxes: Boxes
    labels: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of detections."""
        return len(self.labels)

    def select(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "Detections":
        """Return some of the detections."""
        return Detections(self.boxes[chosen], self.labels[chosen], self.scores[chosen])


def as_boxes(boxes: npt.ArrayLike, axes: int = 2) -> Boxes:
    """Return boxes as float64 (box, 2 x axes); an empty list has no boxes."""
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 2 * axes)


def sides(boxes: Boxes) -> npt.NDArray[np.float64]:
    """Return the sides (box, axis) in pixels; negative where a box is inverted."""
    axes = boxes.shape[1] // 2
    return boxes[:, axes:] - boxes[:, :axes]


def extents(boxes: Boxes) -> npt.NDArray[np.float64]:
    """Return the area or volume (box,) in pixels; an inverted box has 0."""
    return np.asarray(np.maximum(sides(boxes), 0).prod(axis=1), dtype=np.float64)


def are_proper(boxes: Boxes) -> npt.NDArray[np.bool_]:
    """Tell of each box whether all its edges are numbers and every side is longer than nothing."""
    return np.asarray(np.isfinite(boxes).all(axis=1) & (sides(boxes) > 0).all(axis=1))


def clipped(boxes: Boxes, shape: tuple[int, ...]) -> Boxes:
    """Return boxes cut at the edges of an image of a shape (row, column) or (slice, row, column)."""
    limit = np.array([*shape, *shape], dtype=np.float64)
    return np.clip(boxes, 0, limit)


def overlaps(boxes: Boxes, others: Boxes, is_crowd: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.float64]:
    """Return the intersection over union (box, other).

    Args:
        boxes: (n, 4) or (n, 6).
        others: (m, 4) or (m, 6).
        is_crowd: (m,) others that stand for a crowd of objects: what counts is the share of the box that lies inside
            (COCO API, ``maskApi.c``, ``bbIou``). None for none.
    """
    found = np.zeros((len(boxes), len(others)))
    if not found.size:
        return found
    own, theirs = extents(boxes), extents(others)
    step = max(1, _BLOCK // len(others))
    for start in range(0, len(boxes), step):
        part = slice(start, start + step)
        common = _common(boxes[part], others)
        whole = own[part, None] + theirs[None, :] - common
        if is_crowd is not None:
            whole = np.where(is_crowd[None, :], own[part, None], whole)
        np.divide(common, whole, out=found[part], where=whole > 0)
    return found


def _common(boxes: Boxes, others: Boxes) -> npt.NDArray[np.float64]:
    axes = boxes.shape[1] // 2
    common = np.ones((len(boxes), len(others)))
    for axis in range(axes):
        low = np.maximum(boxes[:, None, axis], others[None, :, axis])
        high = np.minimum(boxes[:, None, axes + axis], others[None, :, axes + axis])
        common *= np.maximum(high - low, 0)
    return common


def suppress_by_class(found: Detections, threshold: float, most: int) -> Detections:
    """Return the detections that stay when each class is suppressed by itself; at most ``most``, best first."""
    kept = [
        np.flatnonzero(found.labels == label)[
            suppress(found.boxes[found.labels == label], found.scores[found.labels == label], threshold, most)
        ]
        for label in np.unique(found.labels)
    ]
    every = np.concatenate([np.zeros(0, dtype=np.int64), *kept])
    return found.select(every[np.argsort(-found.scores[every], kind="stable")][:most])


def suppress(boxes: Boxes, scores: npt.NDArray[np.floating], threshold: float, most: int) -> npt.NDArray[np.int64]:
    """Return the indices that stay after greedy non-maximum suppression, best score first.

    A box goes when it overlaps a better one by more than ``threshold``; at most ``most`` stay. Equal scores keep their
    order, so the result is the same on every machine.
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order) and len(kept) < most:
        block = order[:_SUPPRESSING]
        # the overlaps of many boxes at once take little longer than those of one
        is_above = overlaps(boxes[block], boxes[order]) > threshold
        is_gone = np.zeros(len(order), dtype=bool)
        for place, index in enumerate(block.tolist()):
            if not is_gone[place] and len(kept) < most:
                kept.append(index)
                is_gone |= is_above[place]
        is_gone[: len(block)] = True
        order = order[~is_gone]
    return np.array(kept, dtype=np.int64)
