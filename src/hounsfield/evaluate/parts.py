"""Which cases a figure is given on: the labelled ones of a part, and none where most of them are refused."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hounsfield.cases.table import CaseTable
from hounsfield.core.quality import QualityIssue
from hounsfield.errors import DatasetError
from hounsfield.evaluate.inference import Outputs

MAX_REFUSED_SHARE = 0.5
"""Share of cases that may be refused before no figure is given at all."""


def evaluated_part(table: CaseTable, indices: list[int]) -> CaseTable:
    """Return the evaluated cases, with the issues of the table that still hold of them."""
    kept = table.select(indices)
    unknown = sum(case.patient is None for case in kept.cases)
    issues = tuple(
        QualityIssue(issue.code, issue.severity, {"count": unknown, "total": len(kept)})
        if issue.code == "Q800"
        else issue
        for issue in table.issues
        if issue.code != "Q800" or unknown
    )
    return replace(kept, issues=issues)


def check_scored(outputs: Outputs, table: CaseTable, labels: npt.NDArray[np.int64], part: str) -> None:
    """Refuse to give figures on the rest when most cases are refused, or one class is left.

    Raises:
        DatasetError: ``E850`` one class is left, ``E853`` most images are refused.
    """
    total = len(outputs.indices) + len(outputs.refused)
    if total and len(outputs.refused) > MAX_REFUSED_SHARE * total:
        first = outputs.refused[0]
        name = table.cases[first.index].identifier
        raise DatasetError("E853", count=len(outputs.refused), total=total, case=name, reason=first.reason.text())
    found = np.unique(labels[outputs.indices])
    if len(found) < 2:
        names = sorted({table.class_names[case.label] for case in table.cases if case.label is not None})
        raise DatasetError("E850", part=part, count=len(found), expected=", ".join(names))
