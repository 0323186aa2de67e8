"""Evaluate a model of masks: Dice, surface distances and objects a label, with intervals by patient, and a page."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hounsfield.cases.masked_guard import as_cases
from hounsfield.cases.masked_table import MaskTable
from hounsfield.core.prediction import Interval, ModelIdentity
from hounsfield.core.quality import QualityIssue
from hounsfield.errors import DatasetError
from hounsfield.evaluate.case_subgroups import CaseSubgroup, case_subgroups, groups_by_patient
from hounsfield.evaluate.figure_block import write_figures
from hounsfield.evaluate.mapping import choose_part, indices_of
from hounsfield.evaluate.mask_cases import MeasuredCase, Progress, RefusedCase, measure_cases
from hounsfield.evaluate.mask_page import Extremes, MaskStory, mask_page
from hounsfield.evaluate.mask_plots import mask_figures
from hounsfield.evaluate.origin import Origin, find_origin
from hounsfield.evaluate.parts import check_answered, part_issues
from hounsfield.evaluate.result import (
    cell,
    defined_json,
    issues_json,
    metrics_text,
    number,
    origin_json,
    refused_json,
)
from hounsfield.evaluate.run import BY_PATIENT, EvaluateOptions, provenance_of
from hounsfield.metrics.case_means import mean_of
from hounsfield.metrics.intervals import bootstrap_intervals, resample_weights
from hounsfield.model.mask_predictor import MaskPredictor
from hounsfield.model.package import ModelPackage
from hounsfield.report.folder import output_folder

_DEFAULTS = EvaluateOptions()


@dataclass(frozen=True)
class MaskEvaluation:
    """The result of an evaluation of masks.

    Attributes:
        model: name, version, task and weights digest.
        data_name: of the data set.
        part: ``test``, ``tuning``, ``training`` or ``all``.
        measures: mean over cases of each figure, with its interval; distances are in ``distance_unit``.
        cases: figures of each case.
        refused: cases that were not answered.
        issues: what speaks against trusting the figures.
        distance_unit: ``mm``, or ``samples`` where some images do not know their spacing.
        provenance: versions, seed, resamples and time.
        subgroups: figures of the cases that share a value of a column.
        origin: whether the data come from where the model learned.
    """

    model: ModelIdentity
    data_name: str
    part: str
    measures: dict[str, Interval]
    cases: tuple[MeasuredCase, ...]
    refused: tuple[RefusedCase, ...]
    issues: tuple[QualityIssue, ...]
    distance_unit: str
    provenance: Mapping[str, str | int | float]
    subgroups: tuple[CaseSubgroup, ...] = ()
    origin: Origin | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the evaluation as JSON values; figures that no case defines are left out."""
        return {
            "metrics": defined_json(self.measures),
            "n": len(self.cases),
            "part": self.part,
            "distance_unit": self.distance_unit,
            "cases": [
                {"identifier": case.identifier, **{key: number(value) for key, value in case.figures.items()}}
                for case in self.cases
            ],
            "refused": refused_json([(case.identifier, case.reason) for case in self.refused]),
            "issues": issues_json(self.issues),
            "data": {"name": self.data_name},
            "model": dict(vars(self.model)),
            "subgroups": [row.as_json() for row in self.subgroups],
            "origin": None if self.origin is None else origin_json(self.origin),
            "provenance": dict(self.provenance),
            "research_use_only": True,
        }

    def as_csv(self) -> str:
        """Return one row a case: its name, its figures, and the code of the refusal."""
        stream = io.StringIO()
        names = list(self.measures)
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["identifier", *names, "refused"])
        for case in self.cases:
            values = [case.figures.get(name, math.nan) for name in names]
            figures = [f"{value:.6f}" if math.isfinite(value) else "" for value in values]
            writer.writerow([cell(case.identifier), *figures, ""])
        for refusal in self.refused:
            writer.writerow([cell(refusal.identifier), *("" for _ in names), refusal.reason.code])
        return stream.getvalue()


def evaluate_masks(
    package: ModelPackage,
    table: MaskTable,
    output: Path | None = None,
    options: EvaluateOptions = _DEFAULTS,
    progress: Progress | None = None,
) -> MaskEvaluation:
    """Evaluate a model of masks on images with reference masks.

    Args:
        package: the model.
        table: the data, as ``read_masked`` returns it.
        output: folder for metrics.json, cases.csv, plots and report.html; None writes nothing.
        options: part, bootstrap and threads.
        progress: told (done, all) after each case.

    Raises:
        ModelError: ``E860``, the model answers with a class an image.
        DatasetError: ``E851`` a label the model does not know, ``E852`` no such part, ``E853`` most cases are refused,
            ``E865`` labels and objects do not go together.
    """
    predictor = MaskPredictor(package, options.threads)
    part = choose_part(table, options.part)
    own = set(indices_of(table, part))
    chosen = [index for index in table.with_mask if index in own]
    extremes = Extremes()
    cases, refused = measure_cases(predictor, table, chosen, progress, extremes.note if output is not None else None)
    total = len(cases) + len(refused)
    check_answered([(item.identifier, item.reason) for item in refused], total)
    if not cases:
        raise DatasetError("E853", count=0, total=0, case=table.name, reason="0")
    unit = "mm" if all(case.is_calibrated for case in cases) else "samples"
    issues = (*table.issues, *part_issues(part, len(refused), total))
    measures = _measures(cases, options)
    provenance = provenance_of(options, BY_PATIENT, {"package_digest": package.package_digest})
    origin = find_origin(as_cases(table), [""] * len(table), package.manifest.data, None, part)
    evaluation = MaskEvaluation(
        package.identity, table.name, part, measures, cases, refused, issues, unit, provenance,
        _subgroups(table, cases, options), origin,
    )  # fmt: skip
    if output is not None:
        _write(evaluation, predictor, extremes, output)
    return evaluation


def _measures(cases: tuple[MeasuredCase, ...], options: EvaluateOptions) -> dict[str, Interval]:
    """Return the mean of each figure over the cases that define it, drawn by patient."""
    names = list(dict.fromkeys(name for case in cases for name in case.figures))
    values = {name: np.array([case.figures.get(name, math.nan) for case in cases]) for name in names}
    groups = groups_by_patient([case.patient for case in cases])
    weights = resample_weights(np.zeros(len(cases), dtype=np.int64), groups, options.resamples, options.seed)
    return bootstrap_intervals({name: mean_of(values[name]) for name in names}, weights, len(cases))


def _subgroups(table: MaskTable, cases: tuple[MeasuredCase, ...], options: EvaluateOptions) -> tuple[CaseSubgroup, ...]:
    """Return Dice, and F1 where masks number objects, of the cases that share what the source says of them."""
    told = {case.identifier: case.attributes for case in table.cases}
    # the masks of further observers are files, and group nothing
    attributes = [tuple(pair for pair in told[case.identifier] if not pair[0].startswith("mask_")) for case in cases]
    names = [name for name in ("dice", "f1_50") if any(name in case.figures for case in cases)]
    figures = {name: np.array([case.figures.get(name, math.nan) for case in cases]) for name in names}
    groups = groups_by_patient([case.patient for case in cases])
    return case_subgroups(figures, attributes, groups, options.resamples, options.seed)


def _write(evaluation: MaskEvaluation, predictor: MaskPredictor, extremes: Extremes, output: Path) -> None:
    """Write metrics.json, cases.csv and report.html, complete or not at all.

    Raises:
        ReportError: ``E680`` a file of someone else stands where a result has to go.
    """
    figures = mask_figures(evaluation.cases)
    limits = [limit.model_dump() for limit in predictor.package.manifest.limits]
    story = MaskStory(
        f"{evaluation.model.name} {evaluation.model.version}", evaluation.data_name, evaluation.part,
        evaluation.measures, len(evaluation.cases), evaluation.distance_unit, evaluation.issues,
        tuple((case.identifier, case.reason) for case in evaluation.refused), extremes.pictures(), limits, figures,
    )  # fmt: skip
    metrics = metrics_text(evaluation.as_json())
    with output_folder(output) as folder:
        (folder.partial / "metrics.json").write_text(metrics, encoding="utf-8")
        (folder.partial / "cases.csv").write_text(evaluation.as_csv(), encoding="utf-8", newline="")
        (folder.partial / "report.html").write_text(mask_page(story), encoding="utf-8")
        write_figures(figures, folder.partial)
