"""Evaluate a detector: average precision by the rules of COCO, the FROC score, intervals by patient, and a page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hounsfield.cases.boxed import BoxTable
from hounsfield.cases.table import CaseImage
from hounsfield.compiled import in_order
from hounsfield.core.boxes import Detections
from hounsfield.core.prediction import Interval, ModelIdentity
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import HounsfieldError
from hounsfield.evaluate.box_page import BoxPicture, box_page, draw_boxes
from hounsfield.evaluate.box_plots import box_figures
from hounsfield.evaluate.case_subgroups import CaseSubgroup, case_subgroups, groups_by_patient
from hounsfield.evaluate.figure_block import Figures, write_figures
from hounsfield.evaluate.inference import Reason
from hounsfield.evaluate.mapping import choose_part, indices_of
from hounsfield.evaluate.origin import Origin, find_origin
from hounsfield.evaluate.parts import check_answered, part_issues
from hounsfield.evaluate.result import defined_json, issues_json, metrics_text, origin_json, refused_json
from hounsfield.evaluate.run import BY_PATIENT, EvaluateOptions, provenance_of
from hounsfield.image.display import to_display
from hounsfield.metrics.detection import Reference, detection_statistics, match_class
from hounsfield.metrics.detection_candidates import by_overlap, gather_candidates
from hounsfield.metrics.froc import RATES, competition_score_of, sensitivity_at_of
from hounsfield.metrics.intervals import bootstrap_intervals, resample_weights
from hounsfield.metrics.weights import Statistic
from hounsfield.model.contract_check import check_contract
from hounsfield.model.detector import Detector
from hounsfield.model.package import ModelPackage
from hounsfield.prepare.sequence import apply_steps, build_steps
from hounsfield.report.folder import output_folder

FOUND_OVERLAP = 0.5
SHOWN = 4
"""Best and worst images that are drawn, so many of each."""
_DEFAULTS = EvaluateOptions()


@dataclass(frozen=True)
class BoxEvaluation:
    """The result of an evaluation of boxes.

    Attributes:
        model: name, version, task and weights digest.
        data_name: of the data set.
        part: ``test``, ``tuning``, ``training`` or ``all``.
        measures: ``map50``, ``map``, ``ap50 <class>``, ``cpm`` and ``sensitivity_at_<rate>``, with intervals.
        cases: identifier and F1 of each image at the working score.
        refused: identifier and reason of images that were not answered.
        issues: what speaks against trusting the figures.
        provenance: versions, seed, resamples and time.
        subgroups: figures of the cases that share a value of a column.
        origin: whether the data come from where the model learned.
    """

    model: ModelIdentity
    data_name: str
    part: str
    measures: dict[str, Interval]
    cases: tuple[tuple[str, float], ...]
    refused: tuple[tuple[str, Reason], ...]
    issues: tuple[QualityIssue, ...]
    provenance: Mapping[str, str | int | float]
    subgroups: tuple[CaseSubgroup, ...] = ()
    origin: Origin | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the evaluation as JSON values; figures that no image defines are left out."""
        return {
            "metrics": defined_json(self.measures),
            "n": len(self.cases),
            "part": self.part,
            "cases": [{"identifier": name, "f1": value} for name, value in self.cases],
            "refused": refused_json(self.refused),
            "issues": issues_json(self.issues),
            "data": {"name": self.data_name},
            "model": dict(vars(self.model)),
            "subgroups": [row.as_json() for row in self.subgroups],
            "origin": None if self.origin is None else origin_json(self.origin),
            "provenance": dict(self.provenance),
            "research_use_only": True,
        }


def evaluate_boxes(
    package: ModelPackage,
    table: BoxTable,
    output: Path | None = None,
    options: EvaluateOptions = _DEFAULTS,
    progress: Callable[[int, int], None] | None = None,
) -> BoxEvaluation:
    """Evaluate a detector on images with reference boxes.

    Args:
        package: the model; the table's labels count through its classes (``read_boxed`` with their names).
        table: the data.
        output: folder for metrics.json, plots and report.html; None writes nothing.
        options: part, bootstrap and threads.
        progress: told (done, all) after each image.

    Raises:
        ManifestMismatch: ``E513``, the model finds no boxes.
        DatasetError: ``E852`` no such part, ``E853`` most images are refused.
    """
    # one thread an image: threads within an operator wait for each other at every layer
    detector = Detector(package, 1)
    part = choose_part(table, options.part)
    chosen = indices_of(table, part)
    found, refused = _detect(detector, table, chosen, options.threads, progress)
    check_answered(refused, len(chosen))
    references = {index: _reference(table, index) for index in found}
    f1 = {index: _f1(found[index], references[index], detector.interface.working_score) for index in found}
    issues = [*table.issues, *part_issues(part, len(refused), len(chosen))]
    provenance = provenance_of(options, BY_PATIENT, {"package_digest": package.package_digest})
    measures = _measures(table, found, references, options)
    cases = tuple((table.cases[index].identifier, value) for index, value in f1.items())
    origin = find_origin(table.images(), [""] * len(table), package.manifest.data, None, part)
    evaluation = BoxEvaluation(
        package.identity, table.name, part, measures, cases, tuple(refused), tuple(issues), provenance,
        _subgroups(table, f1, options), origin,
    )  # fmt: skip
    if output is not None:
        ranked = sorted(f1, key=lambda index: (f1[index], index))
        pictures = [
            draw_boxes(table, index, found[index], references[index], (f1[index], detector.interface.working_score))
            for index in dict.fromkeys([*ranked[:SHOWN], *ranked[::-1][:SHOWN]])
        ]
        truth = [references[index] for index in found]
        figures = box_figures(list(found.values()), truth, table.class_names, detector.interface.working_score)
        _write(evaluation, pictures, figures, output)
    return evaluation


def _detect(
    detector: Detector, table: BoxTable, chosen: list[int], threads: int, progress: Callable[[int, int], None] | None
) -> tuple[dict[int, Detections], list[tuple[str, Reason]]]:
    manifest = detector.predictor.package.manifest
    steps, is_colour = build_steps(manifest.prepare), manifest.network.channels == 3

    def answer(read: tuple[int, CaseImage | HounsfieldError]) -> Detections | Reason:
        image = read[1]
        if isinstance(image, HounsfieldError):
            return image
        for issue in check_contract(manifest, image.study, image.series, image.volume):
            if issue.severity is Severity.REJECT:
                return issue
        try:
            _, rows, columns = image.volume.geometry.shape
            prepared, _ = apply_steps(steps, to_display(image.volume, keep_colour=is_colour))
            return detector.detect(prepared, (rows, columns))
        except HounsfieldError as error:
            return error

    found: dict[int, Detections] = {}
    refused: list[tuple[str, Reason]] = []
    for done, (index, said) in enumerate(
        zip(chosen, in_order(answer, table.read_all(chosen), threads), strict=True), 1
    ):
        if isinstance(said, Detections):
            found[index] = said
        else:
            refused.append((table.cases[index].identifier, said))
        if progress:
            progress(done, len(chosen))
    return found, refused


def _reference(table: BoxTable, index: int) -> Reference:
    kept = table.cases[index].annotation.proper()
    return Reference(kept.boxes, kept.labels, kept.is_crowd, kept.is_ignored)


def _f1(found: Detections, reference: Reference, score: float) -> float:
    """Return the F1 of one image at a score, all classes together; 1 where nothing is there and nothing is found."""
    shown = found.select(found.scores >= score)
    labels = set(reference.labels.tolist()) | set(shown.labels.tolist())
    matches = [match_class([shown], [reference], label, (FOUND_OVERLAP,)) for label in labels]
    right = sum(int(one.is_right[0].sum()) for one in matches)
    total = sum(int(one.is_counted[0].sum()) + int(one.objects.sum()) for one in matches)
    return 2 * right / total if total else 1.0


def _measures(
    table: BoxTable, found: dict[int, Detections], references: dict[int, Reference], options: EvaluateOptions
) -> dict[str, Interval]:
    said, truth = list(found.values()), list(references.values())
    matches = [match_class(said, truth, label) for label in range(len(table.class_names))]
    statistics: dict[str, Statistic] = dict(detection_statistics(matches, table.class_names))
    candidates = gather_candidates(said, truth, None, by_overlap(FOUND_OVERLAP))
    statistics["cpm"] = competition_score_of(candidates)
    statistics |= {f"sensitivity_at_{rate:g}": sensitivity_at_of(candidates, rate) for rate in RATES}
    groups = groups_by_patient([table.cases[index].patient for index in found])
    weights = resample_weights(np.zeros(len(found), dtype=np.int64), groups, options.resamples, options.seed)
    return bootstrap_intervals(statistics, weights, len(found))


def _subgroups(table: BoxTable, f1: dict[int, float], options: EvaluateOptions) -> tuple[CaseSubgroup, ...]:
    """Return the F1 an image of the images that share what the source says of them."""
    cases = [table.cases[index] for index in f1]
    groups = groups_by_patient([case.patient for case in cases])
    figures = {"f1": np.array(list(f1.values()), dtype=np.float64)}
    return case_subgroups(figures, [case.attributes for case in cases], groups, options.resamples, options.seed)


def _write(evaluation: BoxEvaluation, pictures: list[BoxPicture], figures: Figures, output: Path) -> None:
    title = f"{evaluation.model.name} {evaluation.model.version}: {evaluation.data_name}, {evaluation.part}"
    page = box_page(title, len(evaluation.cases), evaluation.measures, evaluation.issues, pictures, figures)
    metrics = metrics_text(evaluation.as_json())
    with output_folder(output) as folder:
        (folder.partial / "metrics.json").write_text(metrics, encoding="utf-8")
        (folder.partial / "report.html").write_text(page, encoding="utf-8")
        write_figures(figures, folder.partial)
