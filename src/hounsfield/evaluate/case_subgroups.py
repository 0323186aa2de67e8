"""Subgroups of cases that each have figures of their own: Dice of a mask, F1 of an image, error of a number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.core.prediction import Interval
from hounsfield.evaluate.result import defined_json
from hounsfield.evaluate.subgroups import MIN_SUBGROUP_CASES, Attributes, splits_of
from hounsfield.metrics.case_means import mean_of
from hounsfield.metrics.intervals import bootstrap_intervals, resample_weights

RESAMPLES = 500
"""Of the bootstrap of a subgroup, at most."""
Figures = Mapping[str, npt.NDArray[np.float64]]


@dataclass(frozen=True)
class CaseSubgroup:
    """The cases that share a value of a column.

    Attributes:
        column: its name.
        value: what the cases share.
        cases: how many they are.
        patients: how many groups (patients, copies) they are of.
        measures: mean of each figure with its interval, drawn by group; None where cases are too few.
    """

    column: str
    value: str
    cases: int
    patients: int
    measures: dict[str, Interval] | None

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        measures = None if self.measures is None else defined_json(self.measures)
        return {
            "column": self.column,
            "value": self.value,
            "n": self.cases,
            "groups": self.patients,
            "metrics": measures,
        }


def case_subgroups(
    figures: Figures, attributes: Sequence[Attributes], groups: npt.NDArray[np.int64], resamples: int, seed: int
) -> tuple[CaseSubgroup, ...]:
    """Return one row for each value of each column that groups the cases.

    Args:
        figures: by name, (case,); NaN where a case does not define one.
        attributes: (column, value) pairs of each case.
        groups: (case,) what hangs together by patient or as copies.
        resamples: of the bootstrap; more than ``RESAMPLES`` are not drawn.
        seed: of the bootstrap.
    """
    rows = []
    for split in splits_of(attributes):
        own = np.unique(groups[split.is_member], return_inverse=True)[1].astype(np.int64)
        count, measures = len(own), None
        if count >= MIN_SUBGROUP_CASES:
            weights = resample_weights(np.zeros(count, dtype=np.int64), own, min(resamples, RESAMPLES), seed)
            means = {name: mean_of(values[split.is_member]) for name, values in figures.items()}
            measures = bootstrap_intervals(means, weights, count)
        rows.append(CaseSubgroup(split.column, split.value, count, len(np.unique(own)), measures))
    return tuple(rows)


def groups_by_patient(patients: Sequence[str | None]) -> npt.NDArray[np.int64]:
    """Return the group (case,) of each case: its patient, or the case alone where none is known."""
    names = [f"patient {name}" if name else f"case {index}" for index, name in enumerate(patients)]
    return np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)
