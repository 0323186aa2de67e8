"""Ordered classes: agreement that counts how far apart two classes are."""

import numpy as np
import numpy.typing as npt

from hounsfield.metrics.weights import Floats, Integers, Statistic, ratio, value_of


def weighted_kappa_of(labels: Integers, called: Integers, class_count: int) -> Statistic:
    """Return Cohen's kappa with quadratic weights of called classes (n,), as a statistic of case weights.

    Cohen 1968 (Psychol Bull 70:213): 1 minus the observed over the expected squared distance of classes; 0 is what
    chance reaches at these frequencies. NaN where no distance can be expected.
    """
    squares = (np.asarray(labels, dtype=np.float64) - called) ** 2
    references, calls = (np.eye(class_count)[np.asarray(side, dtype=np.int64)] for side in (labels, called))
    steps = np.arange(class_count, dtype=np.float64)
    distances = (steps[:, np.newaxis] - steps) ** 2

    def statistic(weights: Floats) -> npt.NDArray[np.float64]:
        expected = ((weights @ references) @ distances * (weights @ calls)).sum(axis=1)
        return 1 - ratio((weights @ squares) * weights.sum(axis=1), np.where(expected > 0, expected, np.nan))

    return statistic


def class_distance_error_of(labels: Integers, called: Integers) -> Statistic:
    """Return the mean number of classes between the called class and the reference (n,), as a statistic."""
    distances = np.abs(np.asarray(labels, dtype=np.float64) - called)
    return lambda weights: ratio(weights @ distances, weights.sum(axis=1))


def weighted_kappa(labels: Integers, called: Integers, class_count: int) -> float:
    """Return Cohen's kappa with quadratic weights; see ``weighted_kappa_of``.

    >>> weighted_kappa(np.array([0, 1, 2]), np.array([0, 1, 2]), 3)
    1.0
    """
    return value_of(weighted_kappa_of(labels, called, class_count), len(labels))
