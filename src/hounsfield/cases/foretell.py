"""How well columns of values tell the class of a case, cross-validated, and how often chance would do as well.

The predictor is a table of counts: a case gets the class in which its value is most frequent. Its score is the balanced
accuracy on cases of folds that were not counted; chance has one over the number of classes, however unequal they are.
Chance is drawn by permuting the labels of the units (Good 2005, Permutation, Parametric and Bootstrap Tests of
Hypotheses). For several columns the best score of each permutation is what all are held against, so that many columns
find no more by chance than one would (Westfall and Young 1993).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FOLDS = 5
PERMUTATIONS = 999
SIGNIFICANCE = 0.002
"""Family-wise p up to which a score is no chance: one clean data set in 500 is accused."""

FEWEST_UNITS = 5
"""Units of a class below which nothing is said about it."""

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Units:
    """Independent units: the cases of one class in one group of copies or of one patient, taken together.

    Attributes:
        labels: class (n,), counted from 0 without gaps.
        folds: fold (n,); a group lies in one.
        columns: code (n,) of each column's value, the most frequent one of the unit.
        widths: number of codes of each column.
    """

    labels: _Ints
    folds: _Ints
    columns: tuple[_Ints, ...]
    widths: tuple[int, ...]


def make_units(labels: _Ints, groups: _Ints, columns: Sequence[_Ints]) -> Units | None:
    """Return the units of the cases with a label, or None when fewer than two classes have enough of them.

    Args:
        labels: of each case (n,), -1 for none.
        groups: of each case (n,).
        columns: codes (n,) of each column, counted from 0.
    """
    known = np.flatnonzero(labels >= 0)
    pairs, unit_of = np.unique(np.stack([groups[known], labels[known]]), axis=1, return_inverse=True)
    unit_of = unit_of.reshape(-1)
    counts = np.bincount(pairs[1], minlength=int(labels.max(initial=0)) + 1)
    kept = np.isin(pairs[1], np.flatnonzero(counts >= FEWEST_UNITS))
    classes, own = np.unique(pairs[1][kept], return_inverse=True)
    if len(classes) < 2:
        return None
    names, group_of = np.unique(pairs[0][kept], return_inverse=True)
    folds = np.random.default_rng(0).permutation(len(names))[group_of] % FOLDS
    widths = tuple(int(codes.max(initial=0)) + 1 for codes in columns)
    modes = tuple(
        np.bincount(unit_of * width + codes[known], minlength=len(kept) * width).reshape(-1, width).argmax(axis=1)[kept]
        for codes, width in zip(columns, widths, strict=True)
    )
    return Units(own, folds, modes, widths)


def scores_alone(units: Units, labels: _Ints) -> _Floats:
    """Return the balanced accuracy (column,) of each column by itself for some labels of the units."""
    class_count = int(units.labels.max()) + 1
    scores = np.empty(len(units.columns))
    for place, (codes, width) in enumerate(zip(units.columns, units.widths, strict=True)):
        counts = _counts(units.folds, codes, labels, width, class_count)
        rest = counts.sum(axis=0) - counts
        rates = rest / np.maximum(rest.sum(axis=1, keepdims=True), 1)
        right = (counts * _credit(rates)).sum(axis=(0, 1))
        scores[place] = np.mean(right / counts.sum(axis=(0, 1)))
    return scores


def score_together(units: Units, labels: _Ints) -> float:
    """Return the balanced accuracy of all columns at once: their likelihoods multiplied (naive Bayes, Laplace 1/2)."""
    class_count = int(units.labels.max()) + 1
    likelihood = np.zeros((len(labels), class_count))
    for codes, width in zip(units.columns, units.widths, strict=True):
        counts = _counts(units.folds, codes, labels, width, class_count)
        rest = counts.sum(axis=0) - counts + 0.5
        likelihood += np.log(rest / rest.sum(axis=1, keepdims=True))[units.folds, codes]
    credit = _credit(np.round(likelihood, 9))[np.arange(len(labels)), labels]
    right = np.bincount(labels, weights=credit, minlength=class_count)
    return float(np.mean(right / np.bincount(labels, minlength=class_count)))


def chances_alone(units: Units, scores: _Floats) -> _Floats:
    """Return the family-wise p (column,) of scores; 1 for all as soon as the best of them is nothing special."""
    return _chances(units, scores, lambda labels: float(scores_alone(units, labels).max()))


def chance_together(units: Units, score: float) -> float:
    """Return the p of the score of all columns at once."""
    return float(_chances(units, np.array([score]), lambda labels: score_together(units, labels))[0])


def _chances(units: Units, scores: _Floats, drawn: Callable[[_Ints], float]) -> _Floats:
    chance = np.random.default_rng(0)
    reached = np.zeros(len(scores), dtype=np.int64)
    for _ in range(PERMUTATIONS):
        reached += drawn(chance.permutation(units.labels)) >= scores - 1e-12
        if (1 + reached.min()) / (PERMUTATIONS + 1) > SIGNIFICANCE:
            return np.ones(len(scores))
    return np.asarray((1 + reached) / (PERMUTATIONS + 1), dtype=np.float64)


def _counts(folds: _Ints, codes: _Ints, labels: _Ints, width: int, class_count: int) -> _Floats:
    """Return how many units of each fold, code and class there are (fold, code, class)."""
    keys = (folds * width + codes) * class_count + labels
    counts = np.bincount(keys, minlength=FOLDS * width * class_count)
    return counts.reshape(FOLDS, width, class_count).astype(np.float64)


def _credit(rates: _Floats) -> _Floats:
    """Return the share of the guess that each class gets: one for the highest, parted where several are."""
    is_best = rates >= rates.max(axis=-1, keepdims=True) - 1e-12
    return np.asarray(is_best / is_best.sum(axis=-1, keepdims=True), dtype=np.float64)
