"""Evaluate a model on labelled data: score every case, measure, and write the folder of results."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from hounsfield import __version__
from hounsfield.cases.guard import judge
from hounsfield.cases.seen import read_seen
from hounsfield.cases.table import CaseTable
from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import SettingsError
from hounsfield.evaluate.gallery import Explain
from hounsfield.evaluate.inference import Outputs, Progress, classify
from hounsfield.evaluate.mapping import choose_part, indices_of, map_labels, positive_class
from hounsfield.evaluate.origin import find_origin
from hounsfield.evaluate.parts import check_scored, evaluated_part, groups_of, part_issues
from hounsfield.evaluate.result import Evaluation, ScoredCase, Subject
from hounsfield.evaluate.scoring import Scored, measure, measure_at_prevalence
from hounsfield.evaluate.subgroups import subgroup_issues, subgroup_rows
from hounsfield.evaluate.tables import class_rows
from hounsfield.evaluate.write import write_evaluation
from hounsfield.metrics.calibration import fit_calibration
from hounsfield.metrics.confusion import confusion_matrix
from hounsfield.metrics.intervals import RESAMPLES
from hounsfield.model.package import ModelPackage
from hounsfield.model.predictor import runtime_description

FEW_PER_CLASS = 20
SUBGROUP_RESAMPLES = 500
BY_PATIENT = "percentile bootstrap, drawn by patient"
BY_CLASS = "percentile bootstrap, stratified by class, drawn by group"


@dataclass(frozen=True)
class EvaluateOptions:
    """How to evaluate.

    Attributes:
        part: the part to evaluate (``training``, ``tuning``, ``test``, ``all``); None: test, else tuning, else all.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        threads: for the network; 0 takes the cores of the machine.
        prevalence: of the positive class where the model is meant to be used (0..1, both ends excluded); two-class
            models then get their predictive values there as well.
        run_folder: of the training run, in which copies of its images are looked for; None where there is none.
    """

    part: str | None = None
    resamples: int = RESAMPLES
    seed: int = 0
    threads: int = 0
    prevalence: float | None = None
    run_folder: Path | None = None


def evaluate(
    package: ModelPackage,
    table: CaseTable,
    output: Path | None = None,
    options: EvaluateOptions = EvaluateOptions(),
    progress: Progress | None = None,
    explain: Explain | None = None,
) -> Evaluation:
    """Evaluate a model on a data set.

    Args:
        package: the model.
        table: the data, as ``read_cases`` returns it.
        output: folder for metrics.json, predictions.csv, plots and report.html; None writes nothing.
        options: part, bootstrap and threads.
        progress: told (done, all) after each case.
        explain: makes the maps that the pictures of the page outline; None for pictures alone.

    Raises:
        SettingsError: ``E843`` the prevalence is no fraction between 0 and 1.
        DatasetError: ``E850`` fewer than two classes can be judged, ``E851`` a class the model does not know, ``E852``
            no such part, ``E853`` most images are refused.
    """
    if options.prevalence is not None and not 0 < options.prevalence < 1:
        raise SettingsError("E843", found=options.prevalence)
    classes = package.manifest.predicted_classes
    labels = map_labels(table, classes)
    part = choose_part(table, options.part)
    chosen = indices_of(table, part)
    labelled = [index for index in chosen if labels[index] >= 0]
    outputs = classify(package, table, labelled, options.threads, progress)
    check_scored(outputs, table, labels, part)
    own = evaluated_part(table, labelled)
    examination = judge(own, outputs.looks.select(labelled))
    seen = None if options.run_folder is None else read_seen(options.run_folder)
    origin = find_origin(own, examination.digests, package.manifest.data, seen, part)
    groups = groups_of(examination, labelled, outputs)
    positive = positive_class(classes)
    point = None if positive is None else classes[positive].operating_point
    threshold = 0.5 if point is None else point.threshold
    scored = Scored(labels[outputs.indices], outputs.probabilities, groups, positive, threshold)
    subject = Subject(package.identity, package.package_digest, classes, table.name, part, len(chosen), origin)
    issues = (*origin.issues(len(own)), *examination.issues, *_issues(scored, outputs, subject, point is None))
    evaluation = _build(scored, outputs, table, subject, issues, options)
    if output is not None:
        write_evaluation(evaluation, package, table, output, explain)
    return evaluation


def _issues(scored: Scored, outputs: Outputs, subject: Subject, has_no_point: bool) -> list[QualityIssue]:
    issues = part_issues(subject.part, len(outputs.refused), subject.part_count)
    if outputs.is_outside.any():
        facts = {"count": int(outputs.is_outside.sum()), "total": len(scored.labels)}
        issues.append(QualityIssue("Q853", Severity.WARN, facts))
    counts = np.bincount(scored.labels, minlength=len(subject.class_names))
    small = [
        f"{name} {count}" for name, count in zip(subject.class_names, counts, strict=True) if 0 < count < FEW_PER_CLASS
    ]
    if small:
        issues.append(QualityIssue("Q854", Severity.WARN, {"found": ", ".join(small)}))
    absent = [name for name, count in zip(subject.class_names, counts, strict=True) if count == 0]
    if absent:
        issues.append(QualityIssue("Q855", Severity.WARN, {"found": ", ".join(absent)}))
    if has_no_point and scored.positive is not None:
        issues.append(QualityIssue("Q856", Severity.NOTE, {}))
    return issues


def _measures(scored: Scored, options: EvaluateOptions) -> dict[str, Interval]:
    measures = measure(scored, options.resamples, options.seed)
    if options.prevalence is None or scored.positive is None:
        return measures
    return measures | measure_at_prevalence(scored, options.prevalence, options.resamples, options.seed)


def _build(
    scored: Scored,
    outputs: Outputs,
    table: CaseTable,
    subject: Subject,
    issues: tuple[QualityIssue, ...],
    options: EvaluateOptions,
) -> Evaluation:
    cases = [table.cases[int(index)] for index in outputs.indices]
    resamples = min(options.resamples, SUBGROUP_RESAMPLES)
    is_binary, prevalence = scored.positive is not None, options.prevalence
    attributes = [(*case.attributes, *header) for case, header in zip(cases, outputs.attributes, strict=True)]
    rows = subgroup_rows(scored, attributes, resamples, options.seed)
    return Evaluation(
        subject=subject,
        measures=_measures(scored, options),
        scored=scored,
        cases=tuple(
            ScoredCase(case.identifier, int(group), bool(outside))
            for case, group, outside in zip(cases, scored.groups, outputs.is_outside, strict=True)
        ),
        class_rows=class_rows(scored, subject.classes),
        subgroup_rows=rows,
        confusion=confusion_matrix(scored.labels, scored.called, len(subject.class_names)),
        calibration=fit_calibration(scored.is_positive, scored.scores) if is_binary else None,
        refused=tuple((table.cases[refusal.index].identifier, refusal.reason) for refusal in outputs.refused),
        issues=(*issues, *subgroup_issues(rows)),
        provenance=provenance_of(options, BY_CLASS, {} if prevalence is None else {"prevalence": prevalence}),
    )


def provenance_of(
    options: EvaluateOptions, interval_method: str, more: Mapping[str, str | float]
) -> dict[str, str | int | float]:
    """Return with what an evaluation was made, and how its intervals were drawn."""
    return {
        "software_version": __version__,
        "runtime": runtime_description(),
        "resamples": options.resamples,
        "seed": options.seed,
        "interval_level": 0.95,
        "interval_method": interval_method,
        **more,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
