"""Which detection found which object, for the FROC curve: by overlap, or by the centre as in LUNA16."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from hounsfield.core.boxes import Boxes, Detections, overlaps
from hounsfield.metrics.detection import Reference
from hounsfield.metrics.froc import Candidates, hits_by_centre

Likeness = Callable[[Boxes, Boxes], npt.NDArray[np.float64]]
"""Takes boxes (n, 4 or 6) and objects (m, ...); returns (n, m), above 0 where a detection found an object."""


def by_overlap(threshold: float) -> Likeness:
    """Return a rule by which a detection finds an object: an overlap of at least ``threshold``."""

    def likeness(boxes: Boxes, others: Boxes) -> npt.NDArray[np.float64]:
        found = overlaps(boxes, others)
        return np.where(found >= threshold, found, 0)

    return likeness


def by_centre(boxes: Boxes, others: Boxes) -> npt.NDArray[np.float64]:
    """Say 1 where the centre of a detection lies within the sphere of an object (LUNA16)."""
    return hits_by_centre(boxes, others).astype(np.float64)


def gather_candidates(
    detected: Sequence[Detections], references: Sequence[Reference], label: int | None, likeness: Likeness
) -> Candidates:
    """Return the detections of a class, or of all classes together where ``label`` is None, with what each found.

    A detection belongs to the object that it is most like; one that is like an ignored object only is left out.
    """
    images, scores, objects, object_images = [], [], [], []
    count = 0
    for index, (found, truth) in enumerate(zip(detected, references, strict=True)):
        own = np.flatnonzero((found.labels == label) | (label is None))
        wanted = ((truth.labels == label) | (label is None)) & ~truth.is_ignored
        ignored = ((truth.labels == label) | (label is None)) & truth.is_ignored
        boxes = found.boxes[own]
        number = np.full(len(own), -1)
        if wanted.any() and len(own):
            rate = likeness(boxes, truth.boxes[wanted])
            number = np.where(rate.max(axis=1) > 0, count + rate.argmax(axis=1), -1)
        is_void = np.zeros(len(own), dtype=bool)
        if ignored.any() and len(own):
            is_void = (number < 0) & (likeness(boxes, truth.boxes[ignored]) > 0).any(axis=1)
        images.append(np.full(int((~is_void).sum()), index))
        scores.append(found.scores[own][~is_void])
        objects.append(number[~is_void])
        object_images.append(np.full(int(wanted.sum()), index))
        count += int(wanted.sum())
    every = np.concatenate([np.zeros(0), *scores])
    order = np.argsort(-every, kind="stable")
    none = np.zeros(0, dtype=np.int64)
    return Candidates(
        np.concatenate([none, *images]).astype(np.int64)[order],
        every[order],
        np.concatenate([none, *objects]).astype(np.int64)[order],
        np.concatenate([none, *object_images]).astype(np.int64),
        len(references),
    )
