"""Detection: average precision by the rules of COCO, and its mean over overlaps and classes, with weights by image.

Each image is matched once for every overlap; a statistic of any resample of images is then sums over its matches, so a
bootstrap costs no matching. Source: Lin 2014 and the evaluation of the COCO API (``cocoeval.py``): 101 points of
recall, detections in order of score, each object taken once by the best detection that is left, crowds taken by any
number, a detection in a crowd or of a difficult object counts neither way, at most 100 detections of an image.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import core_count, in_threads, spans
from hounsfield.core.boxes import Boxes, Detections, overlaps
from hounsfield.metrics.weights import Floats, Statistic

OVERLAPS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""0.50, 0.55 .. 0.95."""
MOST_DETECTIONS = 100
_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, eq=False)
class Reference:
    """What is on one image.

    Attributes:
        boxes: (m, 4) or (m, 6).
        labels: (m,) class of each.
        is_crowd: (m,) a box around many objects.
        is_ignored: (m,) need not be found; crowds are among them.
    """

    boxes: Boxes
    labels: npt.NDArray[np.int64]
    is_crowd: npt.NDArray[np.bool_]
    is_ignored: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ClassMatches:
    """The detections of one class on all images, best score first, matched at each overlap.

    Attributes:
        images: (d,) image of each detection.
        scores: (d,) downwards.
        is_right: (overlap, d) it found an object that counts.
        is_counted: (overlap, d) it counts at all: right, or wrong.
        objects: (image,) objects that count.
    """

    images: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    is_right: npt.NDArray[np.bool_]
    is_counted: npt.NDArray[np.bool_]
    objects: npt.NDArray[np.int64]


def match_class(
    detected: Sequence[Detections],
    references: Sequence[Reference],
    label: int,
    thresholds: Sequence[float] = OVERLAPS,
    most: int = MOST_DETECTIONS,
) -> ClassMatches:
    """Match the detections of a class with the objects of it, image by image.

    Args:
        detected: of each image.
        references: of each image, in the same order.
        label: the class.
        thresholds: overlaps (intersection over union) from which a detection has found an object.
        most: detections of this class that count on an image, best first.
    """
    images, scores, right, counted = [], [], [], []
    objects = np.zeros(len(references), dtype=np.int64)
    for index, (found, truth) in enumerate(zip(detected, references, strict=True)):
        of_class = np.flatnonzero(found.labels == label)
        chosen = of_class[np.argsort(-found.scores[of_class], kind="stable")[:most]]
        own = np.flatnonzero(truth.labels == label)
        ignored = truth.is_ignored[own]
        objects[index] = int((~ignored).sum())
        shared = overlaps(found.boxes[chosen], truth.boxes[own], truth.is_crowd[own])
        hit, void = _match(shared, ignored, truth.is_crowd[own], thresholds)
        images.append(np.full(len(chosen), index))
        scores.append(found.scores[chosen])
        right.append(hit)
        counted.append(~void)
    every = np.concatenate([np.zeros(0), *scores])
    order = np.argsort(-every, kind="stable")
    empty = np.zeros((len(thresholds), 0), dtype=bool)
    return ClassMatches(
        np.concatenate([np.zeros(0, np.int64), *images]).astype(np.int64)[order],
        every[order],
        np.concatenate([empty, *right], axis=1)[:, order],
        np.concatenate([empty, *counted], axis=1)[:, order],
        objects,
    )


def _match(
    shared: npt.NDArray[np.float64],
    ignored: npt.NDArray[np.bool_],
    is_crowd: npt.NDArray[np.bool_],
    thresholds: Sequence[float],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which detections (overlap, detection) are right, and which count neither way.

    A detection prefers an object that counts to one that is ignored, whatever the overlap.
    """
    from hounsfield.metrics.detection_kernels import match_objects

    hit = np.zeros((len(thresholds), len(shared)), dtype=bool)
    void = np.zeros_like(hit)
    if shared.size:
        limits = np.minimum(np.array(thresholds, dtype=np.float64), 1 - 1e-10)
        match_objects(np.ascontiguousarray(shared), (ignored, np.ascontiguousarray(is_crowd)), limits, hit, void)
    return hit, void


def average_precision_of(matches: ClassMatches, level: int = 0) -> Statistic:
    """Return the average precision at one overlap as a statistic of weights (resample, image).

    The precision at each of 101 recalls is the highest one at this recall or beyond. NaN where no object is drawn.
    """
    counted = np.flatnonzero(matches.is_counted[level])
    right, images = matches.is_right[level][counted], matches.images[counted]

    def statistic(weights: Floats) -> npt.NDArray[np.float64]:
        from hounsfield.metrics.detection_kernels import precision_rows

        drawn = np.ascontiguousarray(weights, dtype=np.float64)
        result = np.empty(len(drawn))
        found = (images, right, matches.objects)
        in_threads(precision_rows, [(drawn, found, _RECALLS, result, part) for part in spans(len(drawn), core_count())])
        return result

    return statistic


def mean_average_precision_of(matches: Sequence[ClassMatches], levels: Sequence[int]) -> Statistic:
    """Return the average precision, mean over overlaps and over the classes that are on the images drawn."""
    single = [[average_precision_of(match, level) for level in levels] for match in matches if match.objects.any()]

    def statistic(weights: Floats) -> npt.NDArray[np.float64]:
        if not single:
            return np.full(len(weights), np.nan)
        by_class = np.stack([np.mean([one(weights) for one in levels_of], axis=0) for levels_of in single])
        known = np.isfinite(by_class)
        total = np.where(known, by_class, 0).sum(axis=0)
        mean = np.full(len(weights), np.nan)
        np.divide(total, known.sum(axis=0), out=mean, where=known.any(axis=0))
        return mean

    return statistic


def detection_statistics(
    matches: Sequence[ClassMatches], class_names: Sequence[str], thresholds: Sequence[float] = OVERLAPS
) -> dict[str, Statistic]:
    """Return ``map50``, ``map`` (the mean over all overlaps) and ``ap50 <class>`` of each class on the images."""
    levels = range(len(thresholds))
    half = [level for level in levels if abs(thresholds[level] - 0.5) < 1e-9]
    found = {"map50": mean_average_precision_of(matches, half), "map": mean_average_precision_of(matches, list(levels))}
    for name, match in zip(class_names, matches, strict=True):
        if match.objects.any():
            found[f"ap50 {name}"] = average_precision_of(match, half[0])
    return found
