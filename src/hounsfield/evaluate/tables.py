"""Tables of an evaluation: one row a class, one row a subgroup."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hounsfield.core.prediction import Interval, PredictedClass
from hounsfield.evaluate.scoring import Scored, measure
from hounsfield.metrics.confusion import count_decisions
from hounsfield.metrics.delong import delong_interval
from hounsfield.metrics.intervals import wilson

MAX_SUBGROUPS = 12
"""A column with more different values is taken for an identifier, not for a grouping."""

MIN_SUBGROUP_CASES = 10


@dataclass(frozen=True)
class ClassRow:
    """What the model is worth for one class against the others, at the decision that was used.

    Attributes:
        name: the class.
        cases: how many cases are of it.
        called: how many were called it.
        auroc: one class against the rest, with DeLong's interval.
        sensitivity: with its Wilson interval.
        specificity: with its Wilson interval.
        positive_predictive_value: with its Wilson interval.
        at_point: sensitivity and specificity at the class's own operating point, None without one.
        threshold: of that point, None without one.
    """

    name: str
    cases: int
    called: int
    auroc: Interval
    sensitivity: Interval
    specificity: Interval
    positive_predictive_value: Interval
    at_point: tuple[Interval, Interval] | None
    threshold: float | None


@dataclass(frozen=True)
class SubgroupRow:
    """The measures of the cases that share a value of a column; None where a class is missing."""

    column: str
    value: str
    cases: int
    measures: dict[str, Interval] | None


def class_rows(scored: Scored, classes: Sequence[PredictedClass]) -> tuple[ClassRow, ...]:
    """Return one row for each class of the model."""
    rows = []
    for index, entry in enumerate(classes):
        is_class, scores, called = scored.labels == index, scored.probabilities[:, index], scored.called == index
        counts = count_decisions(is_class, called)
        point = entry.operating_point
        cases, others = int(is_class.sum()), int((~is_class).sum())
        at_point = None
        if point is not None:
            cut = count_decisions(is_class, scores >= point.threshold)
            at_point = (wilson(float(cut.true_positive), cases), wilson(float(cut.true_negative), others))
        rows.append(
            ClassRow(
                entry.name,
                cases,
                int(called.sum()),
                delong_interval(is_class, scores),
                wilson(float(counts.true_positive), cases),
                wilson(float(counts.true_negative), others),
                wilson(float(counts.true_positive), int(called.sum())),
                at_point,
                None if point is None else point.threshold,
            )
        )
    return tuple(rows)


def subgroup_rows(
    scored: Scored, attributes: Sequence[tuple[tuple[str, str], ...]], resamples: int, seed: int
) -> tuple[SubgroupRow, ...]:
    """Return one row for each value of each column that groups the cases.

    Args:
        scored: the scored cases.
        attributes: (column, value) pairs of each case.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    rows = []
    for column in dict.fromkeys(name for pairs in attributes for name, _ in pairs):
        values = [dict(pairs).get(column, "") for pairs in attributes]
        tally = Counter(values)
        if not 2 <= len(tally) <= MAX_SUBGROUPS:
            continue
        for value in sorted(tally):
            keep = np.array([own == value for own in values])
            part = scored.subset(keep)
            enough = tally[value] >= MIN_SUBGROUP_CASES and len(np.unique(part.labels)) >= 2
            names = ("auroc", "accuracy", "sensitivity", "specificity")
            measures = measure(part, resamples, seed, names) if enough else None
            rows.append(SubgroupRow(column, value or "-", tally[value], measures))
    return tuple(rows)
