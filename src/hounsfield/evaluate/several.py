"""Evaluate a model of several heads: figures of each head over the cases that were assessed of it, and a page."""

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.cases.guard import judge
from hounsfield.cases.heads import AskedHead
from hounsfield.cases.names import plain
from hounsfield.cases.several import SeveralTable, read_several
from hounsfield.cases.target_columns import columns_named
from hounsfield.cases.task import LearningTask
from hounsfield.cases.views import AskedView
from hounsfield.core.prediction import Interval, ModelIdentity
from hounsfield.core.quality import QualityIssue
from hounsfield.errors import DatasetError
from hounsfield.evaluate.inference import Outputs, Progress, classify
from hounsfield.evaluate.mapping import choose_part, indices_of
from hounsfield.evaluate.parts import check_answered, evaluated_part, groups_of, part_issues
from hounsfield.evaluate.result import cell, defined_json, issues_json, metrics_text
from hounsfield.evaluate.run import EvaluateOptions, provenance_of
from hounsfield.evaluate.several_cases import classify_series
from hounsfield.evaluate.several_page import several_page
from hounsfield.evaluate.targets import METHOD
from hounsfield.metrics.answers import Answered, measure_answers
from hounsfield.model.manifest import HeadEntry, Manifest
from hounsfield.model.package import ModelPackage
from hounsfield.report.folder import output_folder

TASKS = {
    "class": LearningTask.CLASSIFICATION,
    "labels": LearningTask.MULTI_LABEL,
    "number": LearningTask.REGRESSION,
    "ordered-class": LearningTask.ORDINAL,
}
"""What is learned of each answer of a head."""
_DEFAULTS = EvaluateOptions()


@dataclass(frozen=True)
class HeadResult:
    """What one head is worth.

    Attributes:
        name: of the head.
        unit: of its number.
        answered: reference and answer of every case, NaN in the reference where it was not assessed.
        measures: each figure with its interval, drawn by patient and copies.
    """

    name: str
    unit: str
    answered: Answered
    measures: dict[str, Interval]

    @property
    def count(self) -> int:
        """Cases of which the head was assessed."""
        return int(self.answered.is_assessed.sum())


@dataclass(frozen=True)
class SeveralEvaluation:
    """The result of an evaluation of several heads.

    Attributes:
        model: name, version, task and weights digest.
        heads: what each is worth; those that the data do not have are left out.
        data_name: of the data set.
        part: ``test``, ``tuning``, ``training`` or ``all``.
        identifiers: of the answered cases.
        not_given: for models of several series, those that each answered case lacks.
        refused: identifier and code of each case that was not answered.
        issues: what speaks against trusting the figures.
        provenance: versions, seed, resamples and time.
    """

    model: ModelIdentity
    heads: tuple[HeadResult, ...]
    data_name: str
    part: str
    identifiers: tuple[str, ...]
    not_given: tuple[tuple[str, ...], ...]
    refused: tuple[tuple[str, str], ...]
    issues: tuple[QualityIssue, ...]
    provenance: Mapping[str, str | int | float]

    def as_json(self) -> dict[str, Any]:
        """Return the evaluation as JSON values; figures that are not defined are left out."""
        told = {f"{head.name}: {name}": value for head in self.heads for name, value in head.measures.items()}
        return {
            "metrics": defined_json(told),
            "n": len(self.identifiers),
            "part": self.part,
            "answer": "several",
            "heads": [
                {
                    "name": head.name,
                    "answer": head.answered.answer,
                    "n": head.count,
                    "unit": head.unit,
                    "metrics": defined_json(head.measures),
                }
                for head in self.heads
            ],
            "not_given": dict(Counter(name for names in self.not_given for name in names)),
            "refused": [{"identifier": name, "code": code} for name, code in self.refused],
            "issues": issues_json(self.issues),
            "data": {"name": self.data_name},
            "model": dict(vars(self.model)),
            "provenance": dict(self.provenance),
            "research_use_only": True,
        }

    def as_csv(self) -> str:
        """Return one row a case: its name, reference and answer of each head; blank is not assessed."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        columns: list[str] = []
        blocks: list[npt.NDArray[np.float64]] = []
        for head in self.heads:
            own = head.answered
            each = own.names if own.answer == "labels" else [""]
            columns += [f"reference {head.name} {name}".strip() for name in each]
            columns += [f"model {head.name} {name}" for name in own.names]
            blocks += [own.reference, own.said]
        writer.writerow(["identifier", "not given", *map(cell, columns)])
        for name, lacks, row in zip(self.identifiers, self.not_given, np.concatenate(blocks, axis=1), strict=True):
            told = (f"{value:.6g}" if math.isfinite(value) else "" for value in row)
            writer.writerow([cell(name), cell(" ".join(lacks)), *told])
        return stream.getvalue()


def read_several_for(manifest: Manifest, data: Path) -> SeveralTable:
    """Return the targets of the heads of a model that a data set has; the others are not assessed.

    The columns are those that the head was learned from, or those of its name or labels.

    Raises:
        DatasetError: ``E851`` none of the heads is there; and those of ``read_several``.
    """
    asked: list[AskedHead] = []
    for head in manifest.heads:
        names = tuple(entry.name for entry in head.classes)
        columns = _columns_of(head, names, data, has_path=not manifest.input.series)
        if columns:
            kept = names if head.answer != "labels" or len(columns) == len(names) else columns
            asked.append(AskedHead(head.name, columns, TASKS[head.answer], kept, head.unit))
    if not asked:
        expected = ", ".join(head.name for head in manifest.heads)
        raise DatasetError("E851", found=data.name, expected=expected)
    series = [AskedView(entry.name, entry.column, entry.required) for entry in manifest.input.series]
    return read_several(data, asked, series=series)


def _columns_of(head: HeadEntry, names: tuple[str, ...], data: Path, *, has_path: bool) -> tuple[str, ...]:
    """Return the columns of a head in the order of its outputs; none unless all are there."""
    for wanted in (tuple(head.columns), names if head.answer == "labels" else (head.name,)):
        place = {plain(column): column for column in columns_named(data, wanted, needs_path=has_path)}
        if wanted and all(plain(name) in place for name in wanted):
            return tuple(place[plain(name)] for name in wanted)
    return ()


def evaluate_several(
    package: ModelPackage,
    several: SeveralTable,
    output: Path | None = None,
    options: EvaluateOptions = _DEFAULTS,
    progress: Progress | None = None,
) -> SeveralEvaluation:
    """Evaluate a model of several heads.

    Args:
        package: the model.
        several: the data, as ``read_several_for`` returns them.
        output: folder for metrics.json, predictions.csv and report.html; None writes nothing.
        options: part, bootstrap and threads.
        progress: told (done, all) after each case.

    Raises:
        DatasetError: ``E852`` no such part, ``E853`` most images are refused, ``E854`` none was assessed.
    """
    table = several.table
    part = choose_part(table, options.part)
    has_any = np.asarray(several.is_assessed.any(axis=1))
    chosen = [index for index in indices_of(table, part) if has_any[index]]
    if not chosen:
        raise DatasetError("E854", data=table.name, task=LearningTask.SEVERAL, found=part)
    if several.views:
        outputs = classify_series(package, several, chosen, options.threads, progress)
    else:
        outputs = classify(package, table, chosen, options.threads, progress)
    check_answered([(table.cases[item.index].identifier, item.reason) for item in outputs.refused], len(chosen))
    examination = judge(evaluated_part(table, chosen), outputs.looks.select(chosen))
    groups = groups_of(examination, chosen, outputs)
    evaluation = SeveralEvaluation(
        package.identity, _results(package.manifest, several, outputs, groups, options), table.name, part,
        tuple(table.cases[int(index)].identifier for index in outputs.indices),
        tuple(tuple(view.name for view in several.views if view.cases[int(index)] is None)
              for index in outputs.indices),
        tuple((table.cases[item.index].identifier, item.reason.code) for item in outputs.refused),
        (*examination.issues, *part_issues(part, len(outputs.refused), len(chosen))),
        provenance_of(options, METHOD, {"package_digest": package.package_digest}),
    )  # fmt: skip
    if output is not None:
        _write(evaluation, package.manifest, output)
    return evaluation


def _results(
    manifest: Manifest,
    several: SeveralTable,
    outputs: Outputs,
    groups: npt.NDArray[np.int64],
    options: EvaluateOptions,
) -> tuple[HeadResult, ...]:
    found = {head.name: values for head, values in zip(several.heads, several.values, strict=True)}
    results, start = [], 0
    for head in manifest.heads:
        names = tuple(entry.name for entry in head.classes)
        said = outputs.probabilities[:, start : start + len(names)]
        start += len(names)
        if head.name in found:
            answered = Answered(head.answer, names, found[head.name][outputs.indices], said)
            measures = measure_answers(answered, groups, options.resamples, options.seed)
            results.append(HeadResult(head.name, head.unit, answered, measures))
    return tuple(results)


def _write(evaluation: SeveralEvaluation, manifest: Manifest, output: Path) -> None:
    """Write metrics.json, predictions.csv and report.html, complete or not at all.

    Raises:
        ReportError: ``E680`` a file of someone else stands where a result has to go.
    """
    told = evaluation.as_json()
    measures = {head.name: head.measures for head in evaluation.heads}
    page = several_page(told, measures, evaluation.issues, list(manifest.limits))
    with output_folder(output) as folder:
        (folder.partial / "metrics.json").write_text(metrics_text(told), encoding="utf-8")
        (folder.partial / "predictions.csv").write_text(evaluation.as_csv(), encoding="utf-8", newline="")
        (folder.partial / "report.html").write_text(page, encoding="utf-8")
