"""The table of an evaluation with one row a class."""

from collections.abc import Sequence
from dataclasses import dataclass

from hounsfield.core.prediction import Interval, PredictedClass
from hounsfield.evaluate.scoring import Scored
from hounsfield.metrics.confusion import count_decisions
from hounsfield.metrics.delong import delong_interval
from hounsfield.metrics.intervals import wilson


@dataclass(frozen=True)
class ClassRow:
    """What the model is worth for one class against the others, at the decision that was used.

    Attributes:
        name: the class.
        cases: how many cases are of it.
        called: how many were called it.
        auroc: one class against the rest, with DeLong's interval, by patient (Obuchowski 1997).
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
                delong_interval(is_class, scores, groups=scored.groups),
                wilson(float(counts.true_positive), cases),
                wilson(float(counts.true_negative), others),
                wilson(float(counts.true_positive), int(called.sum())),
                at_point,
                None if point is None else point.threshold,
            )
        )
    return tuple(rows)
