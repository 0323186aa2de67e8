"""What answers other than one class are worth: labels one by one, a number, or ordered classes; with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.core.prediction import Interval
from hounsfield.metrics.agreement import limits_of_agreement
from hounsfield.metrics.calibration import brier_of, log_loss_of, multiclass_brier_of
from hounsfield.metrics.discrimination import auroc_of, average_precision_of
from hounsfield.metrics.intervals import RESAMPLES, bootstrap_intervals, resample_weights
from hounsfield.metrics.multiclass import class_statistics, macro_auroc_of
from hounsfield.metrics.ordinal import class_distance_error_of, weighted_kappa_of
from hounsfield.metrics.regression import measure_regression
from hounsfield.metrics.weights import Floats, Integers, Statistic, ratio

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answered:
    """What was said of cases, and what is true of them.

    Attributes:
        answer: ``class``, ``ordered-class``, ``labels`` or ``number``, as manifests have it.
        names: of the classes, labels, or the number.
        reference: (case, label), or (case, 1) with the class or the number; NaN where it was not assessed.
        said: probabilities (case, class or label), or the number (case, 1).
    """

    answer: str
    names: tuple[str, ...]
    reference: Values
    said: Values

    @property
    def is_assessed(self) -> npt.NDArray[np.bool_]:
        """Whether anything was assessed of each case."""
        return np.asarray(np.isfinite(self.reference).any(axis=1))


def measure_answers(
    answered: Answered, groups: Integers, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """Return what answers are worth by their kind, over the cases that were assessed; nothing where none was."""
    known = answered.is_assessed
    reference, said, members = answered.reference[known], answered.said[known], np.asarray(groups)[known]
    if not known.any():
        return {}
    if answered.answer == "labels":
        return measure_labels(answered.names, reference, said, members, resamples, seed)
    if answered.answer == "number":
        return measure_number(reference[:, 0], said[:, 0], members, resamples, seed)
    measure = measure_ordered if answered.answer == "ordered-class" else measure_classes
    return measure(reference[:, 0].astype(np.int64), said, members, resamples, seed)


def measure_classes(
    labels: Integers, probabilities: Values, groups: Integers, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """Return AUROC, accuracies, F1, Brier score and log loss of classes, the most probable one being called.

    Args:
        labels: (case,) reference class.
        probabilities: (case, class).
        groups: (case,) what belongs together.
        resamples: of the bootstrap, drawn by group and stratified by class.
        seed: of the bootstrap.
    """
    decisions = class_statistics(labels, probabilities.argmax(axis=1), probabilities.shape[1])
    statistics: dict[str, Statistic] = {
        "auroc": macro_auroc_of(labels, probabilities),
        **{name: decisions[name] for name in ("accuracy", "balanced_accuracy", "f1")},
        "brier": multiclass_brier_of(labels, probabilities),
        "log_loss": log_loss_of(labels, probabilities),
    }
    return bootstrap_intervals(statistics, resample_weights(labels, groups, resamples, seed), len(labels))


def measure_labels(
    names: Sequence[str], reference: Values, probabilities: Values, groups: Integers,
    resamples: int = RESAMPLES, seed: int = 0,
) -> dict[str, Interval]:  # fmt: skip
    """Return AUROC, AUPRC and Brier score of each label, over the cases where it was assessed, and their means.

    Args:
        names: of the labels.
        reference: (case, label) 1 or 0, NaN where it was not assessed.
        probabilities: (case, label).
        groups: (case,) what belongs together.
        resamples: of the bootstrap, drawn by group and stratified by the label.
        seed: of the bootstrap.

    The intervals of the means come from resamples of all cases. A label without both outcomes has no AUROC.
    """
    found: dict[str, Interval] = {}
    for index, name in enumerate(names):
        known = np.isfinite(reference[:, index])
        is_present = reference[known, index] == 1
        if not known.any():
            continue
        statistics = _label_statistics(is_present, probabilities[known, index])
        weights = resample_weights(is_present.astype(np.int64), groups[known], resamples, seed)
        intervals = bootstrap_intervals(statistics, weights, int(known.sum()))
        found |= {f"{kind} {name}": interval for kind, interval in intervals.items()}
    count = len(reference)
    weights = resample_weights(np.zeros(count, dtype=np.int64), groups, resamples, seed)
    means = {kind: _mean_of(kind, reference, probabilities) for kind in ("auroc", "average_precision", "brier")}
    return bootstrap_intervals(means, weights, count) | found


def measure_number(
    reference: Values, predicted: Values, groups: Integers, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """Return errors, explained variance, rank correlation and limits of agreement of a predicted number (case,)."""
    known = np.isfinite(reference)
    one, other, members = reference[known], predicted[known], groups[known]
    found = measure_regression(one, other, members, resamples, seed)
    weights = resample_weights(np.zeros(len(one), dtype=np.int64), members, resamples, seed)
    found |= bootstrap_intervals({"rank_correlation": rank_correlation_of(one, other)}, weights, len(one))
    limits = limits_of_agreement(one, other, members, resamples=resamples, seed=seed)
    return found | {"lower_limit_of_agreement": limits.lower, "upper_limit_of_agreement": limits.upper}


def measure_ordered(
    labels: Integers, probabilities: Values, groups: Integers, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """Return agreement and distance of ordered classes, the called class being the median of the probabilities.

    Args:
        labels: (case,) reference class.
        probabilities: (case, class).
        groups: (case,) what belongs together.
        resamples: of the bootstrap, drawn by group and stratified by class.
        seed: of the bootstrap.
    """
    count, class_count = probabilities.shape
    called = median_class(probabilities)
    distance = np.abs(labels - called)
    statistics: dict[str, Statistic] = {
        "weighted_kappa": weighted_kappa_of(labels, called, class_count),
        "accuracy": _share_of(distance == 0),
        "class_distance_error": class_distance_error_of(labels, called),
        "far_off_fraction": _share_of(distance > 1),
        "auroc": macro_auroc_of(labels, probabilities),
    }
    weights = resample_weights(labels, groups, resamples, seed)
    return bootstrap_intervals(statistics, weights, count)


def median_class(probabilities: Values) -> npt.NDArray[np.int64]:
    """Return the first class (case,) up to which half of the probability (case, class) lies: least mean distance."""
    return np.asarray((np.cumsum(probabilities, axis=1) < 0.5 - 1e-9).sum(axis=1), dtype=np.int64).clip(
        0, probabilities.shape[1] - 1
    )


def rank_correlation_of(reference: Floats, predicted: Floats) -> Statistic:
    """Return Spearman's rank correlation (n,) as a statistic of case weights; ranks are those of all cases.

    NaN where one side never varies.
    """
    from scipy.stats import rankdata  # half a second to import, which only this measure needs

    ranks = [rankdata(side) - (len(reference) + 1) / 2 for side in (reference, predicted)]

    def statistic(weights: Floats) -> Values:
        total = weights.sum(axis=1)
        means = [ratio(weights @ side, total) for side in ranks]
        products = ratio(weights @ (ranks[0] * ranks[1]), total) - means[0] * means[1]
        spreads = [ratio(weights @ side**2, total) - mean**2 for side, mean in zip(ranks, means, strict=True)]
        scale = np.sqrt(np.maximum(spreads[0], 0) * np.maximum(spreads[1], 0))
        return ratio(products, np.where(scale > 0, scale, np.nan))

    return statistic


def _label_statistics(is_present: npt.NDArray[np.bool_], probabilities: Values) -> dict[str, Statistic]:
    both = is_present.any() and not is_present.all()
    areas: dict[str, Statistic] = {}
    if both:
        areas["auroc"] = auroc_of(is_present, probabilities)
        areas["average_precision"] = average_precision_of(is_present, probabilities)
    return {**areas, "brier": brier_of(is_present, probabilities)}


def _mean_of(kind: str, reference: Values, probabilities: Values) -> Statistic:
    """Return the mean over labels of one of the label statistics, over labels that define it in a resample."""
    each: list[tuple[npt.NDArray[np.bool_], Statistic]] = []
    for index in range(reference.shape[1]):
        known = np.isfinite(reference[:, index])
        if known.any():
            statistics = _label_statistics(reference[known, index] == 1, probabilities[known, index])
            each += [(known, statistics[kind])] if kind in statistics else []

    def statistic(weights: Floats) -> Values:
        if not each:
            return np.full(len(weights), np.nan)
        values = np.stack([of(weights[:, known]) for known, of in each])
        is_defined = np.isfinite(values)
        return ratio(np.where(is_defined, values, 0).sum(axis=0), is_defined.sum(axis=0))

    return statistic


def _share_of(is_so: npt.NDArray[np.bool_]) -> Statistic:
    values = is_so.astype(np.float64)
    return lambda weights: ratio(weights @ values, weights.sum(axis=1))
