"""Which cases a figure is given on: the labelled ones of a part, and none where most of them are refused."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hounsfield.cases.guard import Examination
from hounsfield.cases.names import TEST
from hounsfield.cases.table import CaseTable
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError
from hounsfield.evaluate.inference import Outputs, Reason
from hounsfield.evaluate.mapping import WHOLE

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
    refused = [(table.cases[item.index].identifier, item.reason) for item in outputs.refused]
    check_answered(refused, len(outputs.indices) + len(refused))
    found = np.unique(labels[outputs.indices])
    if len(found) < 2:
        names = sorted({table.class_names[case.label] for case in table.cases if case.label is not None})
        raise DatasetError("E850", part=part, count=len(found), expected=", ".join(names))


def check_answered(refused: Sequence[tuple[str, Reason]], total: int) -> None:
    """Refuse to give figures on the rest when most cases are refused.

    Args:
        refused: name and reason of each.
        total: cases, answered or refused.

    Raises:
        DatasetError: ``E853``.
    """
    if len(refused) > MAX_REFUSED_SHARE * total:
        name, reason = refused[0]
        raise DatasetError("E853", count=len(refused), total=total, case=name, reason=reason.text())


def groups_of(examination: Examination, chosen: Sequence[int], outputs: Outputs) -> npt.NDArray[np.int64]:
    """Return the group of each answered case: what hangs together by patient or as copies is drawn together.

    Args:
        examination: of the cases that were asked for.
        chosen: their indices, in the same order.
        outputs: the answers.
    """
    group_of = dict(zip(chosen, examination.groups, strict=True))
    return np.array([group_of[int(index)] for index in outputs.indices], dtype=np.int64)


def part_issues(part: str, refused: int, total: int) -> list[QualityIssue]:
    """Say what speaks against trusting figures of a part: it is no test part, or some of its cases were refused."""
    issues = []
    if part == WHOLE:
        issues.append(QualityIssue("Q850", Severity.WARN, {}))
    elif part != TEST:
        issues.append(QualityIssue("Q851", Severity.WARN, {"part": part}))
    if refused:
        issues.append(QualityIssue("Q852", Severity.WARN, {"count": refused, "total": total}))
    return issues
