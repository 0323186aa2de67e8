"""The figures of one evaluation, by the name of their file."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hounsfield.evaluate.result import Evaluation
from hounsfield.evaluate.scoring import Scored
from hounsfield.metrics.bands import roc_band
from hounsfield.metrics.calibration import reliability
from hounsfield.metrics.discrimination import Curve, auroc, average_precision, precision_recall_curve, roc_curve
from hounsfield.metrics.intervals import resample_weights, wilson
from hounsfield.metrics.net_benefit import decision_curve
from hounsfield.metrics.operating import sweep_thresholds
from hounsfield.report.figures import (
    CurveBand,
    Drawing,
    NamedCurve,
    ReliabilityPoint,
    draw_confusion,
    draw_decision_curve,
    draw_precision_recall,
    draw_reliability,
    draw_roc,
    draw_scores,
    draw_sweep,
)

BAND_RESAMPLES = 500
"""Of the band of a ROC curve and of a decision curve."""

_ACTED_ON = np.linspace(0, 0.99, 100)


def draw_all(evaluation: Evaluation) -> dict[str, Drawing]:
    """Return every figure of an evaluation by name: its curves, confusion matrix, calibration and scores."""
    scored, names = evaluation.scored, evaluation.subject.class_names
    confusion = draw_confusion(evaluation.confusion, names)
    if scored.positive is None:
        return {**_curves(scored, names), "confusion": confusion, **_confidence(scored)}
    positive, scores = scored.is_positive, scored.scores
    found, spared = evaluation.measures["sensitivity"], evaluation.measures["specificity"]
    ends = (found.low, found.high), (spared.low, spared.high)
    name = names[scored.positive]
    roc = _named(name, roc_curve(positive, scores), evaluation.measures["auroc"].value)
    recall = _named(name, precision_recall_curve(positive, scores), evaluation.measures["average_precision"].value)
    spread = {label: scores[scored.labels == index] for index, label in enumerate(names)}
    return {
        "roc": draw_roc([replace(roc, band=band_of(scored))], (found.value, spared.value), ends),
        "precision-recall": draw_precision_recall([recall], float(positive.mean())),
        "confusion": confusion,
        "reliability": draw_reliability(reliability_points(positive, scores), scores, f"probability of {name}"),
        "scores": draw_scores(spread, scored.threshold, f"Probability of {name}"),
        "thresholds": _sweep(scored),
        "decision-curve": _worth(scored, name),
    }


def band_of(scored: Scored) -> CurveBand:
    """Return the band of the ROC curve of a two-class model, drawn by group."""
    weights = resample_weights(scored.labels, scored.groups, BAND_RESAMPLES)
    band = roc_band(scored.is_positive, scored.scores, weights)
    return CurveBand(band.x, band.low, band.high)


def _worth(scored: Scored, name: str) -> Drawing:
    weights = resample_weights(scored.labels, scored.groups, BAND_RESAMPLES)
    curve = decision_curve(scored.is_positive, scored.scores, _ACTED_ON, weights)
    worth = {f"act on {name} by the model": curve.model, "act on everyone": curve.everyone}
    worth["act on no one"] = np.zeros_like(curve.model)
    return draw_decision_curve(
        curve.thresholds, CurveBand(curve.thresholds, curve.low, curve.high), worth, scored.threshold
    )


def _curves(scored: Scored, names: tuple[str, ...]) -> dict[str, Drawing]:
    roc, recall = [], []
    for index, name in enumerate(names):
        is_class, scores = scored.labels == index, scored.probabilities[:, index]
        if is_class.any() and not is_class.all():
            roc.append(_named(name, roc_curve(is_class, scores), auroc(is_class, scores)))
            area = average_precision(is_class, scores)
            recall.append(_named(name, precision_recall_curve(is_class, scores), area))
    return {"roc": draw_roc(roc), "precision-recall": draw_precision_recall(recall)}


def _confidence(scored: Scored) -> dict[str, Drawing]:
    is_right = scored.called == scored.labels
    confidence = np.asarray(scored.probabilities.max(axis=1))
    spread = {"right": confidence[is_right], "wrong": confidence[~is_right]}
    return {
        "reliability": draw_reliability(
            reliability_points(is_right, confidence), confidence, "probability of the called class"
        ),
        "scores": draw_scores(spread, None, "Probability of the called class"),
    }


def _named(name: str, curve: Curve, area: float) -> NamedCurve:
    return NamedCurve(name, curve.x, curve.y, area)


def _sweep(scored: Scored) -> Drawing:
    sweep = sweep_thresholds(scored.is_positive, scored.scores)
    worth = {
        "sensitivity": sweep.sensitivity,
        "specificity": sweep.specificity,
        "F1": sweep.f1,
        "share of cases called": sweep.called_fraction,
    }
    return draw_sweep(sweep.thresholds, worth, scored.threshold)


def reliability_points(
    is_positive: npt.NDArray[np.bool_], probabilities: npt.NDArray[np.float64]
) -> list[ReliabilityPoint]:
    """Return the bins of a reliability diagram with Wilson intervals."""
    bins = reliability(is_positive, probabilities)
    points = []
    for predicted, observed, count in zip(bins.predicted, bins.observed, bins.counts, strict=True):
        interval = wilson(float(observed * count), float(count))
        points.append(ReliabilityPoint(float(predicted), float(observed), interval.low, interval.high))
    return points
