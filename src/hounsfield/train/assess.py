"""Assessment: calibration and operating points from the tuning part, and the metrics of a part with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.core.prediction import Interval, OperatingPoint
from hounsfield.metrics.calibration import brier_of, calibration_error_of, log_loss_of, multiclass_brier_of
from hounsfield.metrics.case_means import mean_of
from hounsfield.metrics.confusion import confusion_matrix, decision_statistics
from hounsfield.metrics.discrimination import auroc_of
from hounsfield.metrics.intervals import bootstrap_intervals, resample_weights
from hounsfield.metrics.multiclass import class_statistics, macro_auroc_of
from hounsfield.metrics.operating import (
    operating_point,
    sensitivity_threshold,
    specificity_threshold,
    youden_threshold,
)
from hounsfield.metrics.weights import Statistic
from hounsfield.model.manifest import Manifest
from hounsfield.model.predictor import softmax
from hounsfield.train.judged import JudgedClasses, JudgedMasks
from hounsfield.train.parts import Part
from hounsfield.train.plan import Cut

TEMPERATURES = (0.05, 20.0)
BIAS_DEVIATION, BIAS_LIMIT = 1.0, 5.0
"""Of the normal prior of the bias, and its largest absolute value, in units of the temperature."""
RESAMPLES = 1000
RULE_TARGET = 0.95
"""Sensitivity of the point to rule out, and specificity of the point to rule in, on the tuning part."""
Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Assessment:
    """What the model is worth on one part.

    Attributes:
        part: ``tuning`` or ``test``.
        case_count: its cases.
        metrics: by name, with bootstrap intervals drawn by group.
        confusion: (reference class, called class) counts; None where cases have no class.
        head: what of several things it is about; empty where one thing is learned.
    """

    part: str
    case_count: int
    metrics: dict[str, Interval]
    confusion: npt.NDArray[np.int64] | None = None
    head: str = ""


@dataclass(frozen=True)
class Packed:
    """A written package: what it states, the SHA-256 of its network, and what it is worth on each part."""

    manifest: Manifest
    weights_digest: str
    assessments: tuple[Assessment, ...]


def fit_calibration(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> tuple[float, Probabilities]:
    """Return the temperature and the bias (class,) of the logits with the least log loss.

    Bias-corrected temperature scaling (Alexandari 2020, section 3.2): the probabilities are the softmax of
    ``(logits + bias) / temperature``. Augmentation moves the border between the classes, which a temperature alone
    cannot mend. The wanted probability of a class with n cases is (n + 1) / (n + 2) instead of one, the rest
    shared by the others (Platt 1999, section 2.2), and the bias has a normal prior: cases that are all told apart do
    not make the model certain of everything.
    """
    count, class_count = len(labels), int(logits.shape[1])
    counts = np.bincount(labels, minlength=class_count)
    rest = 1 / (counts[labels] + 2)
    targets = np.repeat((rest / (class_count - 1))[:, None], class_count, axis=1)
    targets[np.arange(count), labels] = 1 - rest

    def loss(values: Probabilities) -> float:
        scaled = logits.astype(np.float64) * np.exp(-values[0]) + values[1:]
        scaled -= scaled.max(1, keepdims=True)
        log_probabilities = scaled - np.log(np.exp(scaled).sum(1, keepdims=True))
        prior = float(values[1:] @ values[1:]) / (2 * BIAS_DEVIATION**2 * count)
        return prior - float(np.sum(targets * log_probabilities)) / count

    from scipy.optimize import minimize  # only after training

    limits = [(float(np.log(TEMPERATURES[0])), float(np.log(TEMPERATURES[1])))]
    limits += [(-BIAS_LIMIT, BIAS_LIMIT)] * class_count
    best = minimize(loss, np.zeros(1 + class_count), method="L-BFGS-B", bounds=limits)
    temperature = round(float(np.exp(best.x[0])), 4)
    return temperature, np.round((best.x[1:] - best.x[1:].mean()) * temperature, 6)


def probabilities_of(logits: npt.NDArray[np.float32], temperature: float) -> Probabilities:
    """Return calibrated probabilities (case, class)."""
    return softmax(logits, temperature).astype(np.float64)


def set_operating_points(
    probabilities: Probabilities, part: Part, is_finding: Sequence[bool], cut: Cut, data_set: str
) -> tuple[OperatingPoint | None, ...]:
    """Return the operating point of each class that is a finding, None for the others."""
    points: list[OperatingPoint | None] = []
    for index, is_wanted in enumerate(is_finding):
        if not is_wanted:
            points.append(None)
            continue
        points.append(cut_point(part.labels == index, probabilities[:, index], cut, data_set))
    return tuple(points)


def cut_point(is_positive: npt.NDArray[np.bool_], scores: Probabilities, cut: Cut, data_set: str) -> OperatingPoint:
    """Return the operating point of scores (case,) with both outcomes, cut as the plan has it."""
    is_youden = cut.rule == "youden"
    found = (
        youden_threshold(is_positive, scores) if is_youden else sensitivity_threshold(is_positive, scores, cut.target)
    )
    return operating_point(is_positive, scores, min(max(found, 0.0), 1.0), data_set)


def set_rule_points(
    probabilities: Probabilities, part: Part, is_finding: Sequence[bool], data_set: str
) -> tuple[tuple[OperatingPoint, OperatingPoint] | None, ...]:
    """Return the points to rule out and to rule in of each class that is a finding, None for the others.

    They are cut where sensitivity, and specificity, reach ``RULE_TARGET`` on the part.
    """
    found: list[tuple[OperatingPoint, OperatingPoint] | None] = []
    for index, is_wanted in enumerate(is_finding):
        if not is_wanted:
            found.append(None)
            continue
        is_positive, scores = part.labels == index, probabilities[:, index]
        cuts = (find(is_positive, scores, RULE_TARGET) for find in (sensitivity_threshold, specificity_threshold))
        out, rule_in = (operating_point(is_positive, scores, min(max(cut, 0.0), 1.0), data_set) for cut in cuts)
        found.append((out, rule_in))
    return tuple(found)


def assess(
    name: str, probabilities: Probabilities, part: Part, points: Sequence[OperatingPoint | None], seed: int
) -> Assessment:
    """Return the metrics of a part, decided as ``judge`` does."""
    return assess_classes(name, judge(part, probabilities, points), seed)


def judge(part: Part, probabilities: Probabilities, points: Sequence[OperatingPoint | None]) -> JudgedClasses:
    """Return what is decided of each case.

    Two classes are decided at the operating point of the finding, more by the largest probability.
    """
    positive = positive_class(points) if probabilities.shape[1] == 2 else None
    if positive is None:
        called = probabilities.argmax(1)
    else:
        point = points[positive]
        threshold = point.threshold if point else 0.5
        called = np.where(probabilities[:, positive] >= threshold, positive, 1 - positive)
    return JudgedClasses(part.identifiers, part.groups, part.labels, probabilities, called.astype(np.int64), positive)


def assess_classes(name: str, judged: JudgedClasses, seed: int) -> Assessment:
    """Return the metrics of judged cases, with intervals drawn by group."""
    labels, probabilities, positive = judged.labels, judged.probabilities, judged.positive
    if positive is None:
        statistics = _many_class_statistics(judged)
    else:
        is_called = judged.called == positive
        statistics = _two_class_statistics(labels == positive, probabilities[:, positive], is_called)
    statistics["loss"] = log_loss_of(labels, probabilities)
    weights = resample_weights(labels, judged.groups, RESAMPLES, seed)
    intervals = bootstrap_intervals(statistics, weights, len(judged), frozenset({"ece"}), trials=_trials(judged))
    return Assessment(name, len(judged), intervals, confusion_matrix(labels, judged.called, probabilities.shape[1]))


def assess_masks(name: str, judged: JudgedMasks, seed: int) -> Assessment:
    """Return the mean of each figure of judged masks over the cases that have it, with intervals drawn by group."""
    count = len(judged)
    statistics: dict[str, Statistic] = {figure: mean_of(values) for figure, values in judged.figures.items()}
    weights = resample_weights(np.zeros(count, dtype=np.int64), judged.groups, RESAMPLES, seed)
    return Assessment(name, count, bootstrap_intervals(statistics, weights, count))


def _trials(judged: JudgedClasses) -> dict[str, int]:
    """Return how many independent groups each fraction rests on, at least: a run without any error is not certain."""
    smallest = min(len(np.unique(judged.groups[judged.labels == label])) for label in np.unique(judged.labels))
    return dict.fromkeys(("auroc", "sensitivity", "specificity", "f1"), smallest) | {
        "accuracy": len(np.unique(judged.groups))
    }


def positive_class(points: Sequence[OperatingPoint | None]) -> int:
    """Return the class that a two-class model is about: the last that is a finding."""
    return max((index for index, point in enumerate(points) if point is not None), default=len(points) - 1)


def _two_class_statistics(
    is_positive: npt.NDArray[np.bool_], scores: Probabilities, is_called: npt.NDArray[np.bool_]
) -> dict[str, Statistic]:
    decisions = decision_statistics(is_positive, is_called)
    return {
        "auroc": auroc_of(is_positive, scores),
        **{name: decisions[name] for name in ("accuracy", "sensitivity", "specificity", "f1")},
        "brier": brier_of(is_positive, scores),
        "ece": calibration_error_of(is_positive, scores),
    }


def _many_class_statistics(judged: JudgedClasses) -> dict[str, Statistic]:
    labels, probabilities, called = judged.labels, judged.probabilities, judged.called
    decisions = class_statistics(labels, called, probabilities.shape[1])
    return {
        "auroc": macro_auroc_of(labels, probabilities),
        **{name: decisions[name] for name in ("accuracy", "sensitivity", "specificity", "f1")},
        "brier": multiclass_brier_of(labels, probabilities),
        "ece": calibration_error_of(called == labels, probabilities.max(1)),
    }
