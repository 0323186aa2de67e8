"""Classes from features: a ridge logistic model judged by cross-validation in which no group is on both sides."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from hounsfield.core.prediction import Interval
from hounsfield.errors import DatasetError
from hounsfield.measuring.feature_table import FeatureTable
from hounsfield.metrics.calibration import multiclass_brier_of
from hounsfield.metrics.intervals import bootstrap_intervals, resample_weights
from hounsfield.metrics.multiclass import class_statistics, macro_auroc_of

Table = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Ridge penalties that are tried, on the mean loss of a case."""
FOLDS = 5
RESAMPLES = 1000


@dataclass(frozen=True)
class Logistic:
    """A multinomial logistic model on standardised features.

    Attributes:
        middle: (feature) medians that stand for values that are not defined, and are taken off.
        spread: (feature) standard deviations they are divided by.
        weights: (feature + 1, class); the last row is the bias.
        strength: ridge penalty of the weights.
    """

    middle: Table
    spread: Table
    weights: Table
    strength: float

    def probabilities(self, values: Table) -> Table:
        """Return the probability (case, class) of each class."""
        return np.asarray(softmax(_design(values, self.middle, self.spread) @ self.weights, axis=1))


@dataclass(frozen=True)
class Classified:
    """What cross-validation says of features.

    Attributes:
        classes: their names, in the order of the probabilities.
        labels: (case) which class each case has.
        probabilities: (case, class) from the fold in which its group was held out.
        fold: (case) which fold that was.
        strengths: penalty that the inner folds chose in each fold.
        metrics: ``auroc`` (macro), ``accuracy``, ``brier``, with intervals drawn by group.
        group_count: groups.
        model: fitted to all cases with the penalty chosen most often; its own figures would be optimistic.
    """

    classes: tuple[str, ...]
    labels: Labels
    probabilities: Table
    fold: Labels
    strengths: tuple[float, ...]
    metrics: dict[str, Interval]
    group_count: int
    model: Logistic


def fit_logistic(values: Table, labels: Labels, class_count: int, strength: float) -> Logistic:
    """Fit the model: mean cross-entropy and ``strength / 2`` times the sum of squared weights, the bias left free.

    Args:
        values: (case, feature); NaN where a value is not defined.
        labels: (case) class numbers.
        class_count: number of classes.
        strength: ridge penalty.
    """
    middle = np.nan_to_num(np.nanmedian(np.where(np.isnan(values).all(0), 0.0, values), axis=0))
    filled = np.where(np.isnan(values), middle, values)
    spread = filled.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    design = _design(values, middle, spread)
    truth = np.eye(class_count)[labels]

    def loss(flat: Table) -> tuple[float, Table]:
        weights = flat.reshape(design.shape[1], class_count)
        told = log_softmax(design @ weights, axis=1)
        penalty = weights[:-1]
        gradient = design.T @ (np.exp(told) - truth) / len(labels)
        gradient[:-1] += strength * penalty
        value = -float((truth * told).sum()) / len(labels) + 0.5 * strength * float((penalty**2).sum())
        return value, gradient.ravel()

    start = np.zeros(design.shape[1] * class_count)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return Logistic(middle, spread, found.x.reshape(design.shape[1], class_count), strength)


def grouped_folds(labels: Labels, groups: Labels, count: int, seed: int = 0) -> Labels:
    """Return the fold (case) of each case: no group is in two, and each class is spread as evenly as groups allow.

    Groups are dealt by their most frequent class, the largest first, each to the fold that has least of that class.
    """
    generator = np.random.default_rng(seed)
    names = generator.permutation(np.unique(groups))
    sizes = {name: np.bincount(labels[groups == name], minlength=labels.max() + 1) for name in names}
    ordered = sorted(names, key=lambda name: -int(sizes[name].sum()))
    filled = np.zeros((count, labels.max() + 1))
    fold = np.empty(len(labels), dtype=np.int64)
    for name in ordered:
        main = int(sizes[name].argmax())
        chosen = int(np.lexsort((filled.sum(axis=1), filled[:, main]))[0])
        filled[chosen] += sizes[name]
        fold[groups == name] = chosen
    return fold


def classify(table: FeatureTable, column: str, group: str | None = None, seed: int = 0) -> Classified:
    """Judge how well features tell classes apart, by nested cross-validation over groups.

    Everything is learned of the training folds alone: medians, deviations, the penalty (by inner folds over the groups
    that are left), and the weights.

    Args:
        table: the features.
        column: of the classes.
        group: column of what belongs together, such as the patient; None takes every row by itself.
        seed: of the folds and the resamples.

    Raises:
        DatasetError: ``E711`` no such column; ``E251`` fewer than two classes, or a class in fewer than three groups.
    """
    texts = table.column(column)
    classes = tuple(sorted(set(texts)))
    labels = np.array([classes.index(text) for text in texts], dtype=np.int64)
    names = table.column(group) if group is not None else tuple(str(row) for row in range(len(labels)))
    groups = np.unique(names, return_inverse=True)[1].astype(np.int64)
    least = min((len(set(groups[labels == index])) for index in range(len(classes))), default=0)
    if len(classes) < 2 or least < 3:
        raise DatasetError("E251", file=table.name, classes=len(classes), found=least)
    count = min(FOLDS, least)
    fold = grouped_folds(labels, groups, count, seed)
    probabilities = np.zeros((len(labels), len(classes)))
    strengths = []
    for held in range(count):
        is_training = fold != held
        values, told = table.values[is_training], labels[is_training]
        strengths.append(_chosen(values, told, groups[is_training], (len(classes), seed)))
        model = fit_logistic(values, told, len(classes), strengths[-1])
        probabilities[~is_training] = model.probabilities(table.values[~is_training])
    usual = max(strengths, key=strengths.count)
    metrics = _metrics(labels, probabilities, groups, seed)
    whole = fit_logistic(table.values, labels, len(classes), usual)
    return Classified(classes, labels, probabilities, fold, tuple(strengths), metrics, len(set(groups.tolist())), whole)


def classified_json(found: Classified) -> dict[str, Any]:
    """Return what ``hounsfield features --classify --json`` says."""
    counts = np.bincount(found.labels, minlength=len(found.classes))
    return {
        "classes": dict(zip(found.classes, counts.tolist(), strict=True)),
        "groups": found.group_count,
        "folds": int(found.fold.max()) + 1,
        "strengths": list(found.strengths),
        "metrics": {
            name: {"value": one.value, "low": one.low, "high": one.high} for name, one in found.metrics.items()
        },
    }


def _chosen(values: Table, labels: Labels, groups: Labels, setting: tuple[int, int]) -> float:
    """Return the penalty with the least loss on inner folds."""
    class_count, seed = setting
    fold = grouped_folds(labels, groups, 3, seed + 1)
    losses = []
    for strength in STRENGTHS:
        total = 0.0
        for held in np.unique(fold):
            is_training = fold != held
            model = fit_logistic(values[is_training], labels[is_training], class_count, strength)
            told = model.probabilities(values[~is_training])[np.arange((~is_training).sum()), labels[~is_training]]
            total -= float(np.log(np.maximum(told, 1e-12)).sum())
        losses.append(total)
    return STRENGTHS[int(np.argmin(losses))]


def _metrics(labels: Labels, probabilities: Table, groups: Labels, seed: int) -> dict[str, Interval]:
    predicted = probabilities.argmax(axis=1)
    statistics = {
        "auroc": macro_auroc_of(labels, probabilities),
        "accuracy": class_statistics(labels, predicted, probabilities.shape[1])["accuracy"],
        "brier": multiclass_brier_of(labels, probabilities),
    }
    return bootstrap_intervals(statistics, resample_weights(labels, groups, RESAMPLES, seed), len(labels))


def _design(values: Table, middle: Table, spread: Table) -> Table:
    """Return standardised features with a column of ones; what is not defined is the median."""
    filled = (np.where(np.isnan(values), middle, values) - middle) / spread
    return np.concatenate([filled, np.ones((len(values), 1))], axis=1)
