"""A comparison as JSON, CSV, figures and a page."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from hounsfield.evaluate.compare import LEVEL, Comparison
from hounsfield.evaluate.page import COMPARISON, embedded, page_environment
from hounsfield.evaluate.plots import band_of
from hounsfield.evaluate.result import Evaluation, cell, interval_json, number, origin_json
from hounsfield.evaluate.scoring import Scored
from hounsfield.metrics.discrimination import auroc, average_precision, precision_recall_curve, roc_curve
from hounsfield.report.figures import Drawing, NamedCurve, draw_precision_recall, draw_roc
from hounsfield.report.folder import output_folder

_SHOWN_CLASSES = 6
"""Classes of which curves are drawn where there are more than two."""


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON values; a figure that is not defined is null."""
    sides = (("a", comparison.first, comparison.first_scored), ("b", comparison.second, comparison.second_scored))
    counts = comparison.mcnemar
    return {
        "n": len(comparison.cases),
        "part": comparison.first.subject.part,
        "models": {name: _model(evaluation, scored) for name, evaluation, scored in sides},
        "measures": {
            row.name: {
                "a": interval_json(row.first),
                "b": interval_json(row.second),
                "difference": interval_json(row.difference),
                "p_value": number(row.p_value),
                "p_adjusted": number(row.p_adjusted),
                "is_significant": row.is_significant,
                "test": row.test,
            }
            for row in comparison.rows
        },
        "mcnemar": {
            "only_a_right": counts.only_first,
            "only_b_right": counts.only_second,
            "p_value": counts.p_value,
            "cases_are_independent": not comparison.has_groups,
        },
        "adjustment": "holm",
        "level": LEVEL,
        "issues": [
            {"code": issue.code, "severity": issue.severity.value, "model": who.lower() or None, "text": issue.text()}
            for who, issue in comparison.told
        ],
        "data": {"name": comparison.first.subject.data_name, "cases_in_part": comparison.first.subject.part_count},
        "provenance": dict(comparison.first.provenance),
        "research_use_only": True,
    }


def comparison_csv(comparison: Comparison) -> str:
    """Return one row a case: identifier, group, reference, and the call and probabilities of each model."""
    names = comparison.first.subject.class_names
    one, two = comparison.first_scored, comparison.second_scored
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    scores = [f"{side}_probability_{name}" for side in "ab" for name in names]
    writer.writerow(["identifier", "group", "reference", "a_called", "b_called", "a_is_right", "b_is_right", *scores])
    shown = tuple(cell(name) for name in names)
    for index, case in enumerate(comparison.cases):
        label, calls = int(one.labels[index]), (int(one.called[index]), int(two.called[index]))
        verdict = ["yes" if call == label else "no" for call in calls]
        values = [f"{value:.6f}" for value in (*one.probabilities[index], *two.probabilities[index])]
        called = [shown[call] for call in calls]
        writer.writerow([cell(case.identifier), case.group, shown[label], *called, *verdict, *values])
    return stream.getvalue()


def draw_comparison(comparison: Comparison) -> dict[str, Drawing]:
    """Return the curves of both models: ROC and precision-recall, of each class where there are more than two."""
    one, two = comparison.first_scored, comparison.second_scored
    if one.positive is not None:
        pairs = [(one.positive, "")]
    else:
        present = [index for index in range(one.probabilities.shape[1]) if (one.labels == index).any()]
        pairs = [(index, f"-{index + 1}") for index in present[:_SHOWN_CLASSES]]
    drawings = {}
    for index, suffix in pairs:
        is_positive = one.labels == index
        name = comparison.first.subject.class_names[index]
        roc, recall = [], []
        for side, scored in (("A", one), ("B", two)):
            scores = scored.probabilities[:, index]
            band = None if scored.positive is None else band_of(scored)
            curve, title = roc_curve(is_positive, scores), f"{side} {name}"
            roc.append(NamedCurve(title, curve.x, curve.y, auroc(is_positive, scores), band))
            curve = precision_recall_curve(is_positive, scores)
            recall.append(NamedCurve(title, curve.x, curve.y, average_precision(is_positive, scores)))
        drawings[f"roc{suffix}"] = draw_roc(roc)
        drawings[f"precision-recall{suffix}"] = draw_precision_recall(recall, float(is_positive.mean()))
    return drawings


def comparison_page(comparison: Comparison, drawings: dict[str, Drawing]) -> str:
    """Return the page of a comparison as HTML, both languages, without any request."""
    template = page_environment().get_template(COMPARISON)
    return template.render(
        comparison=comparison,
        a=comparison.first.subject,
        b=comparison.second.subject,
        figures=embedded(drawings),
        provenance=comparison.first.provenance,
        is_binary=comparison.first_scored.positive is not None,
        level=LEVEL,
    )


def write_comparison(comparison: Comparison, output: Path) -> None:
    """Write comparison.json, predictions.csv, plots and report.html into a folder; complete or not there.

    Raises:
        ReportError: ``E680`` a file of someone else stands where a result has to go.
    """
    drawings = draw_comparison(comparison)
    page = comparison_page(comparison, drawings)
    answer = json.dumps(comparison_json(comparison), ensure_ascii=False, indent=2, allow_nan=False)
    with output_folder(output) as folder:
        (folder.partial / "comparison.json").write_text(answer + "\n", encoding="utf-8")
        (folder.partial / "predictions.csv").write_text(comparison_csv(comparison), encoding="utf-8", newline="")
        (folder.partial / "report.html").write_text(page, encoding="utf-8")
        plots = folder.partial / "plots"
        plots.mkdir()
        for name, drawing in drawings.items():
            (plots / f"{name}.svg").write_text(drawing.svg(), encoding="utf-8")
            (plots / f"{name}.png").write_bytes(drawing.png())


def _model(evaluation: Evaluation, scored: Scored) -> dict[str, Any]:
    subject = evaluation.subject
    return {
        **vars(subject.model),
        "package_digest": subject.package_digest,
        "origin": origin_json(subject.origin),
        "threshold": scored.threshold if scored.positive is not None else None,
        "scored": len(evaluation.cases),
        "refused": len(evaluation.refused),
    }
