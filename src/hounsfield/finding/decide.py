"""Read a prediction at its operating points: one Finding for each class that is one.

Three rules, the same for every task:

* **Slices.** A prediction over slices is smoothed along them by the mean over three neighbours (two at the ends), so
  that one noisy slice does not speak for a study; the score of the study is the maximum, and that slice is shown.
* **Threshold.** A class is present when its score reaches the threshold of its operating point.
* **One of several.** Where classes exclude each other (their probabilities sum to one), only the highest-scored of
  those that reach their threshold is present; the others are absent.

A class that means "nothing of the kind" is never a finding: no report says that an image is without disease.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.core.codes import CodedConcept
from hounsfield.core.finding import Finding, Measurement, Presence, Region
from hounsfield.core.identifiers import new_uid
from hounsfield.core.prediction import ModelIdentity, OperatingPoint, PredictedClass, Prediction
from hounsfield.errors import ModelError

NEIGHBOURS = 3
"""Slices whose mean is the smoothed score of the middle one."""

SUM_TOLERANCE = 1e-3
"""How far the probabilities may sum from one and still be those of classes that exclude each other."""

Scores = npt.NDArray[np.float64]
_NO_MEASUREMENTS: Mapping[str, tuple[Measurement, ...]] = {}


@dataclass(frozen=True)
class ClassScore:
    """Score of a class for the whole study, and the slice that it comes from."""

    score: float
    slice_index: int


def class_scores(prediction: Prediction, slice_index: int | None = None) -> tuple[ClassScore, ...]:
    """Return the study-level score of each class, in the order of the classes.

    Args:
        prediction: probabilities (class,) or (class, slice).
        slice_index: read this slice alone instead of the one with the highest smoothed score.

    Raises:
        ModelError: ``E900`` when the probabilities are no probabilities, ``E902`` when there is no such slice.
    """
    smoothed = _smooth(_checked(prediction))
    if slice_index is not None and not 0 <= slice_index < smoothed.shape[1]:
        raise ModelError("E902", found=slice_index, expected=smoothed.shape[1])
    best = smoothed.argmax(axis=1) if slice_index is None else np.full(len(smoothed), slice_index)
    return tuple(ClassScore(float(row[index]), int(index)) for row, index in zip(smoothed, best, strict=True))


def shown_slice(prediction: Prediction) -> int:
    """Return the slice to show: where the smoothed score of a class that is a finding is highest."""
    scores = [
        score for score, entry in zip(class_scores(prediction), prediction.classes, strict=True) if entry.is_finding
    ]
    return max(scores, key=lambda item: item.score).slice_index if scores else 0


def present_classes(prediction: Prediction, slice_index: int | None = None) -> tuple[str, ...]:
    """Return the names of the classes that are present, so that only those need a map.

    Raises:
        ModelError: as ``class_scores``; ``E901`` when a class that is a finding has no operating point.
    """
    scores = class_scores(prediction, slice_index)
    reached = [
        (item.score, entry.name)
        for item, entry in zip(scores, prediction.classes, strict=True)
        if entry.is_finding and item.score >= _operating_point(entry, prediction.model).threshold
    ]
    if len(reached) > 1 and _is_exclusive(prediction):
        reached = [max(reached, key=lambda item: item[0])]
    return tuple(name for _, name in reached)


def decide(
    prediction: Prediction,
    regions: Mapping[str, Region],
    site: CodedConcept,
    slice_index: int | None = None,
    measurements: Mapping[str, tuple[Measurement, ...]] = _NO_MEASUREMENTS,
) -> tuple[Finding, ...]:
    """Return one finding for each class that is one, the highest score first.

    Args:
        prediction: what the model said.
        regions: outline of each class by its machine name; used for classes that are present, because an outline of
            something that is not there misleads.
        site: where in the body the task looks.
        slice_index: read this slice alone, None for the rule of the module.
        measurements: numbers of each class by its machine name, used as the regions are.

    Raises:
        ModelError: as ``class_scores``; ``E901`` when a class that is a finding has no operating point.
    """
    present = present_classes(prediction, slice_index)
    findings = []
    for entry, item in zip(prediction.classes, class_scores(prediction, slice_index), strict=True):
        if not entry.is_finding:
            continue
        is_present = entry.name in present
        findings.append(
            Finding(
                tracking_uid=new_uid(),
                type=entry.concept,
                site=site,
                presence=Presence.PRESENT if is_present else Presence.ABSENT,
                score=item.score,
                model=prediction.model,
                operating_point=_operating_point(entry, prediction.model),
                region=regions.get(entry.name) if is_present else None,
                measurements=measurements.get(entry.name, ()) if is_present else (),
            )
        )
    return tuple(sorted(findings, key=lambda finding: (finding.presence is Presence.ABSENT, -(finding.score or 0.0))))


def not_assessed(classes: Sequence[PredictedClass], site: CodedConcept, model: ModelIdentity) -> tuple[Finding, ...]:
    """Return the findings of an input that was refused: each class that is a finding, not assessed, without a score."""
    return tuple(
        Finding(new_uid(), entry.concept, site, Presence.NOT_ASSESSED, None, model, operating_point=None)
        for entry in classes
        if entry.is_finding
    )


def _checked(prediction: Prediction) -> Scores:
    """Return the probabilities as (class, slice), or refuse what are none."""
    array = np.asarray(prediction.probabilities, dtype=np.float64)
    array = array[:, np.newaxis] if array.ndim == 1 else array
    fits = array.ndim == 2 and array.shape[0] == len(prediction.classes) and array.shape[1] > 0
    # A softmax in single precision may end a rounding error above one.
    if not fits or not np.isfinite(array).all() or array.min() < -1e-6 or array.max() > 1 + 1e-6:
        raise ModelError("E900", model=prediction.model.name, found=prediction.probabilities.shape)
    return np.clip(array, 0.0, 1.0)


def _smooth(scores: Scores) -> Scores:
    """Mean over ``NEIGHBOURS`` slices, over those there are at the ends."""
    if scores.shape[1] < 2:
        return scores
    kernel = np.ones(NEIGHBOURS)
    counts = np.convolve(np.ones(scores.shape[1]), kernel, mode="full")
    start = NEIGHBOURS // 2
    middle = slice(start, start + scores.shape[1])
    return np.stack([np.convolve(row, kernel, mode="full")[middle] / counts[middle] for row in scores])


def _is_exclusive(prediction: Prediction) -> bool:
    return bool(np.allclose(_checked(prediction).sum(axis=0), 1.0, rtol=0.0, atol=SUM_TOLERANCE))


def _operating_point(entry: PredictedClass, model: ModelIdentity) -> OperatingPoint:
    if entry.operating_point is None:
        raise ModelError("E901", found=entry.name, model=model.name)
    return entry.operating_point
