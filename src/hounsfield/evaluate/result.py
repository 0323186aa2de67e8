"""Evaluation: what was found out about a model on a data set, and its form as JSON and CSV."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.core.prediction import Interval, ModelIdentity, PredictedClass
from hounsfield.core.quality import QualityIssue
from hounsfield.errors import HounsfieldError
from hounsfield.evaluate.origin import Origin
from hounsfield.evaluate.scoring import HEADLINE, Scored
from hounsfield.evaluate.subgroups import SubgroupRow
from hounsfield.evaluate.tables import ClassRow
from hounsfield.metrics.calibration import CalibrationFit


@dataclass(frozen=True)
class Subject:
    """What was evaluated: the model, the data set and its part.

    Attributes:
        model: name, version, task and weights digest.
        package_digest: of the whole package.
        classes: of the model.
        data_name: of the data set.
        part: ``test``, ``tuning``, ``training`` or ``all``.
        part_count: cases of the part, refused and unlabelled ones included.
        origin: whether the data come from where the model learned.
    """

    model: ModelIdentity
    package_digest: str
    classes: tuple[PredictedClass, ...]
    data_name: str
    part: str
    part_count: int
    origin: Origin

    @property
    def class_names(self) -> tuple[str, ...]:
        """Machine names of the model's classes."""
        return tuple(entry.name for entry in self.classes)


@dataclass(frozen=True)
class ScoredCase:
    """One scored case: its name, group and whether the model's own score finds it of an unknown kind."""

    identifier: str
    group: int
    is_outside: bool


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        subject: what was evaluated.
        measures: each measure with its interval, by name.
        scored: labels, probabilities and decisions.
        cases: name and group of each scored case.
        class_rows: one row a class.
        subgroup_rows: one row a subgroup.
        confusion: counts (reference class, called class).
        calibration: slope and intercept of two-class models, None for more classes.
        refused: identifier and reason of each case that was not scored.
        issues: what speaks against trusting the figures.
        provenance: versions, seed, resamples and time.
    """

    subject: Subject
    measures: dict[str, Interval]
    scored: Scored
    cases: tuple[ScoredCase, ...]
    class_rows: tuple[ClassRow, ...]
    subgroup_rows: tuple[SubgroupRow, ...]
    confusion: npt.NDArray[np.int64]
    calibration: CalibrationFit | None
    refused: tuple[tuple[str, QualityIssue | HounsfieldError], ...]
    issues: tuple[QualityIssue, ...]
    provenance: Mapping[str, str | int | float]

    def as_json(self) -> dict[str, Any]:
        """Return the evaluation as JSON values; a figure that is not defined is null."""
        scored, subject = self.scored, self.subject
        return {
            "metrics": {name: interval_json(self.measures[name]) for name in HEADLINE},
            "n": len(self.cases),
            "more": {name: interval_json(value) for name, value in self.measures.items() if name not in HEADLINE},
            "part": subject.part,
            "origin": origin_json(subject.origin),
            "averaging": "binary" if scored.positive is not None else "macro",
            "decision": "operating point" if scored.positive is not None else "highest probability",
            "positive_class": None if scored.positive is None else subject.class_names[scored.positive],
            "threshold": scored.threshold if scored.positive is not None else None,
            "classes": [_class_row(row) for row in self.class_rows],
            "confusion_matrix": {"classes": list(subject.class_names), "counts": self.confusion.tolist()},
            "calibration": None if self.calibration is None else _finite(vars(self.calibration)),
            "subgroups": [_subgroup(row) for row in self.subgroup_rows],
            "refused": {
                "count": len(self.refused),
                "cases": refused_json(self.refused),
            },
            "issues": issues_json(self.issues),
            "outside_count": sum(case.is_outside for case in self.cases),
            "data": {"name": subject.data_name, "cases_in_part": subject.part_count},
            "model": {**vars(subject.model), "package_digest": subject.package_digest},
            "provenance": dict(self.provenance),
            "research_use_only": True,
        }

    def as_csv(self) -> str:
        """Return one row a case: identifier, group, reference, called class and probabilities; refused ones last."""
        names, scored = self.subject.class_names, self.scored
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        scores = [f"probability_{name}" for name in names]
        writer.writerow(["identifier", "group", "reference", "called", "is_right", *scores, "is_outside", "refused"])
        rows = zip(self.cases, scored.labels, scored.called, scored.probabilities, strict=True)
        names = tuple(cell(name) for name in names)
        for case, label, called, values in rows:
            verdict = ["yes" if label == called else "no", *(f"{value:.6f}" for value in values)]
            reference = [cell(case.identifier), case.group, names[label], names[called]]
            writer.writerow([*reference, *verdict, "yes" if case.is_outside else "no", ""])
        for identifier, reason in self.refused:
            writer.writerow([cell(identifier), "", "", "", "", *("" for _ in names), "", reason.code])
        return stream.getvalue()


def metrics_text(values: Mapping[str, Any]) -> str:
    """Return the text of metrics.json."""
    return json.dumps(values, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def cell(text: str) -> str:
    """Keep a spreadsheet from taking a file name for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else text


def number(value: float) -> float | None:
    """Return a figure as JSON has it: null where it is not defined."""
    return float(value) if math.isfinite(value) else None


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: number(value) for name, value in values.items()}


def origin_json(origin: Origin) -> dict[str, Any]:
    """Return where the data come from as JSON values."""
    return {
        "test": origin.kind.value,
        "evidence": origin.evidence.value,
        "sources_of_the_model": list(origin.sources),
        "copies_checked": origin.is_checked,
        "copies_of_training_images": list(origin.training_copies),
        "copies_of_tuning_images": list(origin.tuning_copies),
    }


def interval_json(interval: Interval) -> dict[str, float | None]:
    """Return a figure with its interval as JSON values."""
    return {"value": number(interval.value), "low": number(interval.low), "high": number(interval.high)}


def defined_json(measures: Mapping[str, Interval]) -> dict[str, Any]:
    """Return the figures that some case defines, with their intervals, as JSON values."""
    return {name: interval_json(item) for name, item in measures.items() if math.isfinite(item.value)}


def issues_json(issues: Sequence[QualityIssue]) -> list[dict[str, str]]:
    """Return issues as JSON values."""
    return [{"code": issue.code, "severity": issue.severity.value, "text": issue.text()} for issue in issues]


def refused_json(refused: Sequence[tuple[str, QualityIssue | HounsfieldError]]) -> list[dict[str, str]]:
    """Return cases that were not answered as JSON values."""
    return [{"identifier": name, "code": reason.code, "text": reason.text()} for name, reason in refused]


def _class_row(row: ClassRow) -> dict[str, Any]:
    answer: dict[str, Any] = {"name": row.name, "n": row.cases, "called": row.called, "threshold": row.threshold}
    for name in ("auroc", "sensitivity", "specificity", "positive_predictive_value"):
        answer[name] = interval_json(getattr(row, name))
    if row.at_point is not None:
        sensitivity, specificity = row.at_point
        answer["at_operating_point"] = {
            "sensitivity": interval_json(sensitivity),
            "specificity": interval_json(specificity),
        }
    return answer


def _subgroup(row: SubgroupRow) -> dict[str, Any]:
    measures = None if row.measures is None else {name: interval_json(value) for name, value in row.measures.items()}
    return {
        "column": row.column,
        "value": row.value,
        "n": row.cases,
        "groups": row.patients,
        "n_by_class": list(row.class_counts),
        "metrics": measures,
        "p_adjusted": {name: number(value) for name, value in row.p_adjusted.items()},
        "differing": list(row.differing),
        "too_wide": list(row.wide),
    }
