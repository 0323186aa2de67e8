"""What a decision was worth: the confusion matrix and the fractions that are read from it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.metrics.weights import Booleans, Floats, Integers, Statistic, ratio


@dataclass(frozen=True)
class Counts:
    """Weighted numbers of true and false decisions, each (resample,) or a single one.

    Formulas: Altman and Bland 1994 (BMJ 308:1552 and 309:102) for the fractions; F1 as 2TP/(2TP+FP+FN); Matthews 1975
    for the correlation. A fraction of nothing is NaN, not 0.
    """

    true_positive: npt.NDArray[np.float64]
    false_positive: npt.NDArray[np.float64]
    true_negative: npt.NDArray[np.float64]
    false_negative: npt.NDArray[np.float64]

    @property
    def sensitivity(self) -> npt.NDArray[np.float64]:
        """Positives that were called positive."""
        return ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> npt.NDArray[np.float64]:
        """Negatives that were called negative."""
        return ratio(self.true_negative, self.true_negative + self.false_positive)

    @property
    def positive_predictive_value(self) -> npt.NDArray[np.float64]:
        """Called positives that are positive, at the prevalence of the data."""
        return ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def negative_predictive_value(self) -> npt.NDArray[np.float64]:
        """Called negatives that are negative, at the prevalence of the data."""
        return ratio(self.true_negative, self.true_negative + self.false_negative)

    @property
    def accuracy(self) -> npt.NDArray[np.float64]:
        """Cases that were called rightly."""
        right = self.true_positive + self.true_negative
        return ratio(right, right + self.false_positive + self.false_negative)

    @property
    def balanced_accuracy(self) -> npt.NDArray[np.float64]:
        """Mean of sensitivity and specificity."""
        return (self.sensitivity + self.specificity) / 2

    @property
    def f1(self) -> npt.NDArray[np.float64]:
        """Harmonic mean of sensitivity and positive predictive value."""
        return ratio(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)

    @property
    def mcc(self) -> npt.NDArray[np.float64]:
        """Matthews correlation coefficient."""
        tp, fp, tn, fn = self.true_positive, self.false_positive, self.true_negative, self.false_negative
        return ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))


FRACTIONS = (
    "accuracy", "balanced_accuracy", "sensitivity", "specificity", "positive_predictive_value",
    "negative_predictive_value", "f1", "mcc",
)  # fmt: skip


def count_decisions(is_positive: Booleans, is_called: Booleans, weights: Floats | None = None) -> Counts:
    """Count decisions (n,) against the reference (n,), for each row of weights (resample, n) when they are given."""
    cells = np.stack(
        [is_positive & is_called, ~is_positive & is_called, ~is_positive & ~is_called, is_positive & ~is_called], axis=1
    )
    if weights is None:
        return Counts(*cells.sum(axis=0, dtype=np.float64))
    totals = (weights @ cells.astype(weights.dtype)).astype(np.float64)
    return Counts(*totals.T)


def decision_statistics(is_positive: Booleans, is_called: Booleans) -> dict[str, Statistic]:
    """Return every fraction of two-class decisions as a statistic of case weights, by the names of ``FRACTIONS``."""

    def named(name: str) -> Statistic:
        def statistic(weights: Floats) -> npt.NDArray[np.float64]:
            values: npt.NDArray[np.float64] = getattr(count_decisions(is_positive, is_called, weights), name)
            return values

        return statistic

    return {name: named(name) for name in FRACTIONS}


def predictive_statistics(is_positive: Booleans, is_called: Booleans, prevalence: float) -> dict[str, Statistic]:
    """Return the predictive values at another prevalence (0..1) than that of the data, as statistics.

    Bayes' theorem on sensitivity and specificity (Altman and Bland 1994, BMJ 309:102), which are taken to be the same
    there. Cases of a study are seldom as frequent as among those the model is meant for.
    """

    def positive(weights: Floats) -> npt.NDArray[np.float64]:
        counts = count_decisions(is_positive, is_called, weights)
        true, false = prevalence * counts.sensitivity, (1 - prevalence) * (1 - counts.specificity)
        return ratio(true, true + false)

    def negative(weights: Floats) -> npt.NDArray[np.float64]:
        counts = count_decisions(is_positive, is_called, weights)
        true, false = (1 - prevalence) * counts.specificity, prevalence * (1 - counts.sensitivity)
        return ratio(true, true + false)

    return {"positive_predictive_value": positive, "negative_predictive_value": negative}


def confusion_matrix(labels: Integers, predicted: Integers, class_count: int) -> npt.NDArray[np.int64]:
    """Return counts (reference class, predicted class)."""
    flat = np.asarray(labels, dtype=np.int64) * class_count + predicted
    return np.bincount(flat, minlength=class_count**2).reshape(class_count, class_count)


def row_percent(matrix: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return a confusion matrix in percent of each reference class; NaN for a class without cases."""
    return 100 * ratio(matrix.astype(np.float64), matrix.sum(axis=1, keepdims=True).astype(np.float64))


def accuracy(labels: Integers, predicted: Integers) -> float:
    """Return the share of cases (n,) whose predicted class is the reference class."""
    return float(np.mean(np.asarray(labels) == np.asarray(predicted)))
