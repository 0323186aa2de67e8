"""Compiled loops of detection: objects taken by detections, and curves over many resamples of the images."""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@compiled
def match_objects(shared: Floats, objects: tuple[Flags, Flags], limits: Floats, hit: Flags, void: Flags) -> None:
    """Mark which detections (overlap, detection) are right, and which count neither way.

    Detections take objects one after another, best score first; one that counts goes before one that is ignored, then
    the larger overlap, then the later object, as the COCO API takes it. A crowd is taken by any number.

    Args:
        shared: (detection, object) overlap.
        objects: (object,) need not be found, and (object,) is a crowd.
        limits: (overlap,) from which a detection has found an object.
        hit: (overlap, detection) of False, filled.
        void: the same.
    """
    ignored, is_crowd = objects
    for level in range(len(limits)):
        is_free = np.ones(shared.shape[1], dtype=np.bool_)
        for row in range(shared.shape[0]):
            best = -1
            for index in range(shared.shape[1]):
                if shared[row, index] < limits[level] or not (is_free[index] or is_crowd[index]):
                    continue
                if best >= 0 and ignored[index] != ignored[best]:
                    is_better = ignored[best]
                else:
                    is_better = best < 0 or shared[row, index] >= shared[row, best]
                if is_better:
                    best = index
            if best >= 0:
                is_free[best] = False
                if ignored[best]:
                    void[level, row] = True
                else:
                    hit[level, row] = True


@compiled
def precision_rows(
    weights: Floats, found: tuple[Integers, Flags, Integers], recalls: Floats, out: Floats, part: tuple[int, int]
) -> None:
    """Fill the average precision (resample,) of a part of the resamples; NaN where no object is drawn.

    Args:
        weights: (resample, image).
        found: image (d,) of each detection, best score first, whether it is right (d,), and the objects of each image.
        recalls: upwards, at which the precision is taken: the highest one there or beyond.
        out: (resample,).
        part: first resample, and the one after the last.
    """
    images, is_right, objects = found
    count = len(images)
    precision, recall = np.empty(count), np.empty(count)
    for row in range(part[0], part[1]):
        total = 0.0
        for image in range(len(objects)):
            total += weights[row, image] * objects[image]
        if total <= 0:
            out[row] = np.nan
            continue
        right = called = 0.0
        for index in range(count):
            share = weights[row, images[index]]
            called += share
            right += share if is_right[index] else 0.0
            precision[index] = right / called if called > 0 else 0.0
            recall[index] = right / max(total, 1.0)
        for index in range(count - 2, -1, -1):
            precision[index] = max(precision[index], precision[index + 1])
        out[row] = _area(precision, recall, recalls)


@compiled
def _area(precision: Floats, recall: Floats, recalls: Floats) -> float:
    area, at = 0.0, 0
    for wanted in recalls:
        while at < len(recall) and recall[at] < wanted:
            at += 1
        if at == len(recall):
            break
        area += precision[at]
    return area / len(recalls)


@compiled
def sensitivity_rows(
    weights: Floats,
    found: tuple[Integers, Integers, Flags, Integers],
    rates: Floats,
    out: Floats,
    part: tuple[int, int],
) -> None:
    """Fill the sensitivity (resample, rate) at rates of false positives an image; NaN where no object is drawn.

    Linear between the points of the curve, 0 at 0, that of the last point beyond it; where several points have one
    rate, the last of them stands for it.

    Args:
        weights: (resample, image).
        found: image (d,) of each detection, best score first, what it is (1 false, 2 the first to find its object, 0
            neither), whether a point of the curve lies after it (d,), and the image of each object.
        rates: (rate,) upwards.
        out: (resample, rate).
        part: first resample, and the one after the last.
    """
    for row in range(part[0], part[1]):
        total = drawn = 0.0
        for image in found[3]:
            total += weights[row, image]
        for image in range(weights.shape[1]):
            drawn += weights[row, image]
        if total <= 0 or drawn <= 0:
            out[row] = np.nan
        else:
            _follow(weights[row], found, (drawn, total), rates, out[row])


@compiled
def _follow(
    weights: Floats,
    found: tuple[Integers, Integers, Flags, Integers],
    sums: tuple[float, float],
    rates: Floats,
    out: Floats,
) -> None:
    """Follow the curve of one resample from point to point; ``low`` and ``high`` are the last two of unlike rates."""
    images, kinds, is_end, _ = found
    false = first = 0.0
    low = high = (0.0, 0.0)
    at = 0
    for index in range(len(images)):
        share = weights[images[index]]
        false += share if kinds[index] == 1 else 0.0
        first += share if kinds[index] == 2 else 0.0
        rate = false / sums[0]
        if is_end[index] and rate != high[0]:
            while at < len(rates) and rates[at] < high[0]:
                out[at] = _between(low, high, rates[at])
                at += 1
            low = high
        if is_end[index]:
            high = (rate, first / sums[1])
    while at < len(rates):
        out[at] = _between(low, high, rates[at]) if rates[at] < high[0] else high[1]
        at += 1


@compiled
def _between(low: tuple[float, float], high: tuple[float, float], rate: float) -> float:
    return (high[1] - low[1]) / (high[0] - low[0]) * (rate - low[0]) + low[1]
