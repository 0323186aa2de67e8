"""Measures of three or more classes: each class against the rest, and the plain mean over classes (macro)."""

import numpy as np
import numpy.typing as npt

from hounsfield.metrics.confusion import count_decisions
from hounsfield.metrics.discrimination import auroc_of, average_precision_of
from hounsfield.metrics.weights import Floats, Integers, Statistic, ratio, value_of

MACRO_FRACTIONS = (
    "sensitivity", "specificity", "positive_predictive_value", "negative_predictive_value", "f1", "mcc",
)  # fmt: skip


def macro_auroc_of(labels: Integers, probabilities: Floats) -> Statistic:
    """Return the mean one-versus-rest AUROC of the classes that occur, as a statistic of case weights.

    Args:
        labels: (n,) class of each case.
        probabilities: (n, class).
    """
    return _macro(
        [auroc_of(labels == index, probabilities[:, index]) for index in _present(labels, probabilities.shape[1])]
    )


def macro_average_precision_of(labels: Integers, probabilities: Floats) -> Statistic:
    """Return the mean one-versus-rest average precision of the classes that occur, as a statistic of case weights."""
    present = _present(labels, probabilities.shape[1])
    return _macro([average_precision_of(labels == index, probabilities[:, index]) for index in present])


def macro_auroc(labels: Integers, probabilities: Floats) -> float:
    """Return the mean one-versus-rest AUROC of the classes that occur."""
    return value_of(macro_auroc_of(labels, probabilities), len(labels))


def class_statistics(labels: Integers, predicted: Integers, class_count: int) -> dict[str, Statistic]:
    """Return accuracy and the macro fractions of predicted classes (n,) as statistics of case weights.

    ``balanced_accuracy`` is the mean sensitivity over classes. Only classes that occur in ``labels`` take part.
    """
    right = labels == predicted
    statistics: dict[str, Statistic] = {
        "accuracy": lambda weights: ratio(weights @ right.astype(weights.dtype), weights.sum(axis=1))
    }
    present = _present(labels, class_count)

    def named(name: str) -> Statistic:
        def one(index: int) -> Statistic:
            def statistic(weights: Floats) -> npt.NDArray[np.float64]:
                counts = count_decisions(labels == index, predicted == index, weights)
                values: npt.NDArray[np.float64] = getattr(counts, name)
                return values

            return statistic

        return _macro([one(index) for index in present])

    statistics |= {name: named(name) for name in MACRO_FRACTIONS}
    return statistics | {"balanced_accuracy": statistics["sensitivity"]}


def _present(labels: Integers, class_count: int) -> list[int]:
    return [index for index in range(class_count) if (labels == index).any()]


def _macro(parts: list[Statistic]) -> Statistic:
    def statistic(weights: Floats) -> npt.NDArray[np.float64]:
        values = np.stack([part(weights) for part in parts])
        known = ~np.isnan(values)
        return ratio(np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0).astype(np.float64))

    return statistic
