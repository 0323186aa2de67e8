"""Evaluate a model that answers with labels, a number or an ordered class: figures with intervals, and a page."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.cases.guard import judge
from hounsfield.cases.names import plain
from hounsfield.cases.seen import read_seen
from hounsfield.cases.target_columns import columns_named
from hounsfield.cases.targets import TargetTable, read_targets
from hounsfield.cases.task import LearningTask
from hounsfield.core.prediction import Interval, ModelIdentity
from hounsfield.core.quality import QualityIssue
from hounsfield.errors import DatasetError, ModelError
from hounsfield.evaluate.case_subgroups import CaseSubgroup, case_subgroups
from hounsfield.evaluate.figure_block import Figure, Figures, write_figures
from hounsfield.evaluate.inference import Progress, classify
from hounsfield.evaluate.mapping import choose_part, indices_of
from hounsfield.evaluate.origin import Origin, find_origin
from hounsfield.evaluate.parts import check_answered, evaluated_part, groups_of, part_issues
from hounsfield.evaluate.result import cell, defined_json, issues_json, metrics_text, origin_json
from hounsfield.evaluate.run import EvaluateOptions, provenance_of
from hounsfield.evaluate.target_cases import TargetPicture, case_errors, target_pictures
from hounsfield.evaluate.target_page import target_page
from hounsfield.evaluate.target_plots import label_figures, number_figures, ordered_figures
from hounsfield.metrics.answers import Answered, measure_answers
from hounsfield.model.manifest import Manifest
from hounsfield.model.package import ModelPackage
from hounsfield.report.folder import output_folder

TASKS = {
    "labels": LearningTask.MULTI_LABEL,
    "number": LearningTask.REGRESSION,
    "ordered-class": LearningTask.ORDINAL,
}
"""What is learned of each answer that this module evaluates."""

METHOD = "percentile bootstrap, drawn by group; limits of agreement of single cases by Student's t"
_DEFAULTS = EvaluateOptions()
Values = npt.NDArray[np.float64]
Shown = tuple[Figures, tuple[TargetPicture, ...]]


@dataclass(frozen=True)
class TargetEvaluation:
    """The result of an evaluation of targets.

    Attributes:
        model: name, version, task and weights digest.
        answer: what the model answers with.
        names: of the columns of the answers.
        unit: of the number.
        data_name: of the data set.
        part: ``test``, ``tuning``, ``training`` or ``all``.
        measures: each figure with its interval, drawn by patient and copies.
        identifiers: of the answered cases.
        reference: (case, column) targets, NaN where one was not assessed.
        said: (case, column) probabilities, or the number.
        refused: identifier and code of each case that was not answered.
        issues: what speaks against trusting the figures.
        provenance: versions, seed, resamples and time.
        subgroups: figures of the cases that share a value of a column.
        origin: whether the data come from where the model learned.
    """

    model: ModelIdentity
    answer: str
    names: tuple[str, ...]
    unit: str
    data_name: str
    part: str
    measures: dict[str, Interval]
    identifiers: tuple[str, ...]
    reference: Values
    said: Values
    refused: tuple[tuple[str, str], ...]
    issues: tuple[QualityIssue, ...]
    provenance: Mapping[str, str | int | float]
    subgroups: tuple[CaseSubgroup, ...] = ()
    origin: Origin | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the evaluation as JSON values; figures that are not defined are left out."""
        return {
            "metrics": defined_json(self.measures),
            "n": len(self.identifiers),
            "part": self.part,
            "answer": self.answer,
            "targets": list(self.names),
            "unit": self.unit,
            "refused": [{"identifier": name, "code": code} for name, code in self.refused],
            "issues": issues_json(self.issues),
            "data": {"name": self.data_name},
            "model": dict(vars(self.model)),
            "subgroups": [row.as_json() for row in self.subgroups],
            "origin": None if self.origin is None else origin_json(self.origin),
            "provenance": dict(self.provenance),
            "research_use_only": True,
        }

    def as_csv(self) -> str:
        """Return one row a case: its name, reference and answer of each column; blank is not assessed."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        references = ["reference"] if self.answer == "ordered-class" else [f"reference {name}" for name in self.names]
        writer.writerow(["identifier", *map(cell, references), *(cell(f"model {name}") for name in self.names)])
        for name, known, said in zip(self.identifiers, self.reference, self.said, strict=True):
            writer.writerow([cell(name), *(f"{value:g}" if math.isfinite(value) else "" for value in known),
                             *(f"{value:.6g}" for value in said)])  # fmt: skip
        return stream.getvalue()


def read_targets_for(manifest: Manifest, data: Path) -> TargetTable:
    """Return the targets of a data set that a model answers, in its order; labels the data have not are unassessed.

    Raises:
        DatasetError: ``E851`` none of the model's labels is there; and those of ``read_targets``.
        ModelError: ``E920``, the model makes images.
    """
    if manifest.answer == "image":
        raise ModelError("E920", model=manifest.name)
    task = TASKS[manifest.answer]
    names = tuple(entry.name for entry in manifest.classes)
    if task is LearningTask.ORDINAL:
        found = read_targets(data, task, class_names=names)
    else:
        found = read_targets(data, task, columns_named(data, names), names if task is LearningTask.MULTI_LABEL else ())
    if found is None:
        raise DatasetError("E854", data=data.name, task=task, found="0")
    if task is not LearningTask.MULTI_LABEL:
        return found
    place = {plain(name): index for index, name in enumerate(found.names)}
    if not any(plain(name) in place for name in names):
        raise DatasetError("E851", found=", ".join(found.names), expected=", ".join(names))
    values = np.full((len(found.values), len(names)), np.nan)
    for index, name in enumerate(names):
        if plain(name) in place:
            values[:, index] = found.values[:, place[plain(name)]]
    return replace(found, names=names, values=values)


def evaluate_targets(
    package: ModelPackage,
    targets: TargetTable,
    output: Path | None = None,
    options: EvaluateOptions = _DEFAULTS,
    progress: Progress | None = None,
) -> TargetEvaluation:
    """Evaluate a model that answers with labels, a number or an ordered class.

    Args:
        package: the model.
        targets: the data, as ``read_targets_for`` returns them.
        output: folder for metrics.json, predictions.csv, plots and report.html; None writes nothing.
        options: part, bootstrap and threads.
        progress: told (done, all) after each case.

    Raises:
        DatasetError: ``E852`` no such part, ``E853`` most images are refused, ``E854`` none was assessed.
    """
    table, manifest = targets.table, package.manifest
    part = choose_part(table, options.part)
    chosen = [index for index in indices_of(table, part) if np.isfinite(targets.values[index]).any()]
    if not chosen:
        raise DatasetError("E854", data=table.name, task=targets.task, found=part)
    outputs = classify(package, table, chosen, options.threads, progress)
    check_answered([(table.cases[item.index].identifier, item.reason) for item in outputs.refused], len(chosen))
    own = evaluated_part(table, chosen)
    examination = judge(own, outputs.looks.select(chosen))
    seen = None if options.run_folder is None else read_seen(options.run_folder)
    origin = find_origin(own, examination.digests, manifest.data, seen, part)
    groups = groups_of(examination, chosen, outputs)
    reference = targets.values[outputs.indices]
    errors = case_errors(manifest.answer, reference, outputs.probabilities)
    said = [table.cases[int(index)].attributes for index in outputs.indices]
    attributes = [(*case, *header) for case, header in zip(said, outputs.attributes, strict=True)]
    evaluation = TargetEvaluation(
        package.identity, manifest.answer, targets.names, manifest.unit, table.name, part,
        measure_answers(Answered(manifest.answer, targets.names, reference, outputs.probabilities), groups,
                        options.resamples, options.seed),
        tuple(table.cases[int(index)].identifier for index in outputs.indices), reference, outputs.probabilities,
        tuple((table.cases[item.index].identifier, item.reason.code) for item in outputs.refused),
        (*origin.issues(len(own)), *examination.issues, *part_issues(part, len(outputs.refused), len(chosen))),
        provenance_of(options, METHOD, {"package_digest": package.package_digest}),
        case_subgroups({"error": errors}, attributes, groups, options.resamples, options.seed), origin,
    )  # fmt: skip
    if output is not None:
        pictures = target_pictures(
            table, evaluation.identifiers, targets.names, reference, outputs.probabilities, errors
        )
        _write(evaluation, manifest, (_figures(evaluation, groups, options), pictures), output)
    return evaluation


def _figures(
    evaluation: TargetEvaluation, groups: npt.NDArray[np.int64], options: EvaluateOptions
) -> dict[str, Figure]:
    reference, said, names = evaluation.reference, evaluation.said, evaluation.names
    if evaluation.answer == "labels":
        return label_figures(names, reference, said)
    if evaluation.answer == "ordered-class":
        return ordered_figures(names, reference[:, 0].astype(np.int64), said)
    quantity = f"{names[0]} ({evaluation.unit})" if evaluation.unit else names[0]
    return number_figures(quantity, reference[:, 0], said[:, 0], groups, options.resamples, options.seed)


def _write(evaluation: TargetEvaluation, manifest: Manifest, shown: Shown, output: Path) -> None:
    """Write metrics.json, predictions.csv and report.html, complete or not at all.

    Raises:
        ReportError: ``E680`` a file of someone else stands where a result has to go.
    """
    metrics = metrics_text(evaluation.as_json())
    page = target_page(evaluation.as_json(), evaluation.measures, evaluation.issues, list(manifest.limits), *shown)
    with output_folder(output) as folder:
        (folder.partial / "metrics.json").write_text(metrics, encoding="utf-8")
        (folder.partial / "predictions.csv").write_text(evaluation.as_csv(), encoding="utf-8", newline="")
        (folder.partial / "report.html").write_text(page, encoding="utf-8")
        write_figures(shown[0], folder.partial)
