"""FROC: sensitivity for objects against false positives an image or scan, and the mean of LUNA16 (CPM).

Source: Setio 2017 (LUNA16), section 2.4: the mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives a scan,
interpolated between the measured points; a detection of an object that was found already, or of one that is ignored,
counts neither way. The operating points run over the scores downwards; equal scores make one point.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import core_count, in_threads, spans
from hounsfield.core.boxes import Boxes
from hounsfield.metrics.weights import Floats, Statistic

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False positives a scan at which LUNA16 asks for the sensitivity."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Detections of one class on all images, best score first.

    Attributes:
        images: (d,) image of each.
        scores: (d,) downwards.
        objects: (d,) number of the object that a detection found, over all images, -1 for a false positive; what counts
            neither way has been left out.
        object_images: (o,) image of each object.
        image_count: images, those without any detection included.
    """

    images: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    objects: npt.NDArray[np.int64]
    object_images: npt.NDArray[np.int64]
    image_count: int


@dataclass(frozen=True)
class FrocCurve:
    """Points of the curve: false positives an image, sensitivity, and the score from which detections count."""

    false_positives: npt.NDArray[np.float64]
    sensitivity: npt.NDArray[np.float64]
    thresholds: npt.NDArray[np.float64]


def froc_curve(candidates: Candidates) -> FrocCurve:
    """Return the curve on all images, one point for each distinct score."""
    is_false, is_first = _kinds(candidates)
    ends = _ends(candidates.scores)
    objects = max(1, len(candidates.object_images))
    false = np.cumsum(is_false)[ends] / max(1, candidates.image_count)
    return FrocCurve(false, np.cumsum(is_first)[ends] / objects, candidates.scores[ends])


def sensitivity_at_of(candidates: Candidates, rate: float) -> Statistic:
    """Return the sensitivity at a rate of false positives an image, as a statistic of weights (resample, image)."""
    return lambda weights: _sensitivities(candidates, (rate,), weights)[:, 0]


def competition_score_of(candidates: Candidates) -> Statistic:
    """Return the competition performance metric (CPM): the mean sensitivity over the seven rates of LUNA16."""
    return lambda weights: np.asarray(_sensitivities(candidates, RATES, weights).mean(axis=1), dtype=np.float64)


def _sensitivities(candidates: Candidates, rates: tuple[float, ...], weights: Floats) -> npt.NDArray[np.float64]:
    """Return the sensitivity (resample, rate) at rates in rising order."""
    from hounsfield.metrics.detection_kernels import sensitivity_rows

    is_false, is_first = _kinds(candidates)
    is_end = np.zeros(len(candidates.scores), dtype=bool)
    is_end[_ends(candidates.scores)] = True
    found = (candidates.images, is_false + 2 * is_first.astype(np.int64), is_end, candidates.object_images)
    drawn = np.ascontiguousarray(weights, dtype=np.float64)
    result, wanted = np.empty((len(drawn), len(rates))), np.array(rates, dtype=np.float64)
    parts = spans(len(drawn), core_count())
    in_threads(sensitivity_rows, [(drawn, found, wanted, result, part) for part in parts])
    return result


def _kinds(candidates: Candidates) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which detections are false, and which are the first to find their object."""
    is_first = np.zeros(len(candidates.objects), dtype=bool)
    known, first = np.unique(candidates.objects, return_index=True)
    is_first[first[known >= 0]] = True
    return candidates.objects < 0, is_first


def _ends(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) if len(scores) else np.zeros(0, dtype=np.int64)


def hits_by_centre(boxes: Boxes, others: Boxes) -> npt.NDArray[np.bool_]:
    """Tell (box, other) whether the centre of a box lies within the sphere of the other, as LUNA16 decides.

    The radius is half the mean side of the other; edges must have one unit on all axes, such as millimetres.
    """
    axes = boxes.shape[1] // 2
    centres = (boxes[:, :axes] + boxes[:, axes:]) / 2
    targets = (others[:, :axes] + others[:, axes:]) / 2
    radii = (others[:, axes:] - others[:, :axes]).mean(axis=1) / 2
    distances = np.linalg.norm(centres[:, None] - targets[None], axis=2)
    return np.asarray(distances <= radii[None])
