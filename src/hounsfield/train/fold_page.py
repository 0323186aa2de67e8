"""What a cross-validation leaves: one page in English and Simplified Chinese, its JSON, and a table of cases."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite

import numpy as np

from hounsfield.metrics.confusion import confusion_matrix
from hounsfield.metrics.discrimination import auroc, roc_curve
from hounsfield.report.figures import NamedCurve, draw_confusion, draw_roc
from hounsfield.train.fold_ground import Ground
from hounsfield.train.fold_shelf import Shelf
from hounsfield.train.folded import CrossValidation, Figure, FoldFigures
from hounsfield.train.judged import Judged, JudgedClasses, JudgedMasks
from hounsfield.train.page import both, facts_table, inline_figure, page_of
from hounsfield.train.statement import software_versions

SHOWN = 12
"""Cases that the page names as the hardest."""
MAIN = "dice"
"""Figure of masks that tells which cases are hard."""


@dataclass(frozen=True)
class Told:
    """What the documents tell beside the figures.

    Attributes:
        ground: the plan and the folds.
        pooled: what was said of all cases.
        judged: the same, fold by fold.
        command: the command line.
    """

    ground: Ground
    pooled: Judged
    judged: Sequence[Judged]
    command: str


def write_results(shelf: Shelf, result: CrossValidation, told: Told) -> None:
    """Write page, JSON and table.

    Raises:
        HounsfieldError: ``E841``.
    """
    shelf.write(shelf.document, (json.dumps(as_document(result, told), indent=1, ensure_ascii=False) + "\n").encode())
    shelf.write(shelf.cases, cases_csv(told).encode())
    shelf.write(shelf.report, folds_page(result, told).encode())


def as_document(result: CrossValidation, told: Told) -> dict[str, object]:
    """Return the results as JSON values; a figure or bound that is not known is null."""
    return {
        "format_version": 1,
        "data": result.data_name,
        "cases": result.case_count,
        "groups": result.group_count,
        "seed": told.ground.plan.seed,
        "split_seed": told.ground.plan.split.seed,
        "digest": told.ground.digest,
        "pooled": _as_values(result.pooled),
        "between": {
            name: {"mean": _known(mean), "deviation": _known(spread)} for name, (mean, spread) in result.between.items()
        },
        "folds": [
            {
                "fold": fold.number,
                "cases": fold.case_count,
                "metrics": _as_values(fold.metrics),
                "model": fold.model.name,
                "weights_digest": fold.weights_digest,
                "seconds": round(fold.seconds, 1),
            }
            for fold in result.folds
        ],
        "seconds": round(result.seconds, 1),
        "command": told.command,
        "software": software_versions(),
    }


def _as_values(metrics: Mapping[str, Figure]) -> dict[str, dict[str, float | None]]:
    return {
        name: {"value": _known(item.value), "low": _known(item.low), "high": _known(item.high)}
        for name, item in metrics.items()
    }


def _known(value: float) -> float | None:
    """Return a figure, or None where it is not defined: JSON has no NaN."""
    return value if isfinite(value) else None


def cases_csv(told: Told) -> str:
    """Return the table: a row for each case, with its group, its fold and what was said of it."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = told.ground.class_names
    pooled = told.pooled
    if isinstance(pooled, JudgedClasses):
        writer.writerow(["case", "group", "fold", "reference", "called", *(f"probability {name}" for name in names)])
    else:
        writer.writerow(["case", "group", "fold", *pooled.figures])
    for number, judged in enumerate(told.judged, start=1):
        for index, name in enumerate(judged.identifiers):
            writer.writerow([name, int(judged.groups[index]), number, *_said(judged, index, names, pooled)])
    return stream.getvalue()


def _said(judged: Judged, index: int, names: Sequence[str], pooled: Judged) -> list[str]:
    if isinstance(judged, JudgedClasses):
        called = [names[judged.labels[index]], names[judged.called[index]]]
        return called + [f"{value:.6f}" for value in judged.probabilities[index]]
    figures = pooled.figures if isinstance(pooled, JudgedMasks) else judged.figures
    values = [judged.figures[name][index] if name in judged.figures else float("nan") for name in figures]
    return [f"{value:.6f}" if isfinite(value) else "" for value in values]


def folds_page(result: CrossValidation, told: Told) -> str:
    """Return the page as HTML text; it loads nothing from elsewhere."""
    facts = [
        ("folds.page.data", result.data_name),
        ("folds.page.cases", f"{result.case_count} / {result.group_count}"),
        ("folds.page.folds", ", ".join(str(fold.case_count) for fold in result.folds)),
        ("folds.page.network", told.ground.plan.network_name),
        ("folds.page.seconds", f"{result.seconds:.0f}"),
        ("folds.page.seed", f"{told.ground.plan.seed} / {told.ground.plan.split.seed}"),
        ("folds.page.command", told.command),
    ]
    blocks = [
        f"<h1>{both('folds.page.title')}: {escape(result.data_name)}</h1>",
        f'<p class="warn">{both("research-only")}</p>',
        facts_table(facts),
        f"<h2>{both('folds.page.pooled')} (n = {result.case_count})</h2><p>{both('folds.page.pooled-note')}</p>",
        _pooled(result),
        f"<h2>{both('folds.page.each')}</h2>",
        f'<div class="wide">{_each(result.folds)}</div>',
        f'<div class="figures">{"".join(map(inline_figure, _figures(told)))}</div>',
        f"<h2>{both('folds.page.hardest')}</h2>",
        f'<div class="wide">{_hardest(told)}</div>',
    ]
    return page_of(f"Hounsfield: {result.data_name}", blocks)


def _pooled(result: CrossValidation) -> str:
    rows = []
    for name, figure in result.pooled.items():
        mean, spread = result.between.get(name, (float("nan"), float("nan")))
        rows.append(
            f'<tr><th>{escape(name)}</th><td class="n">{_worded(figure)}</td>'
            f'<td class="n">{mean:.4f} ± {spread:.4f}</td></tr>'
        )
    head = "".join(f"<th>{both(f'folds.page.{key}')}</th>" for key in ("metric", "interval", "mean"))
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _each(folds: Sequence[FoldFigures]) -> str:
    names = list(folds[0].metrics)
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = []
    for fold in folds:
        cells = "".join(
            f'<td class="n">{_worded(fold.metrics[name]) if name in fold.metrics else "-"}</td>' for name in names
        )
        rows.append(f'<tr><th>{fold.number}</th><td class="n">{fold.case_count}</td>{cells}</tr>')
    told = "".join(f"<th>{both(f'folds.page.{key}')}</th>" for key in ("fold", "count"))
    return f"<table><tr>{told}{head}</tr>{''.join(rows)}</table>"


def _worded(figure: Figure) -> str:
    return f"{figure.value:.4f} [{figure.low:.4f}, {figure.high:.4f}]"


def _figures(told: Told) -> list[str]:
    """Draw the confusion matrix of all cases, and for two classes the curve of each fold."""
    pooled = told.pooled
    if not isinstance(pooled, JudgedClasses):
        return []
    matrix = confusion_matrix(pooled.labels, pooled.called, len(told.ground.class_names))
    drawn = [draw_confusion(matrix, told.ground.class_names).svg()]
    if pooled.positive is None:
        return drawn
    curves = []
    for number, judged in enumerate(told.judged, start=1):
        if isinstance(judged, JudgedClasses):
            is_positive, scores = judged.labels == pooled.positive, judged.probabilities[:, pooled.positive]
            curve = roc_curve(is_positive, scores)
            curves.append(NamedCurve(f"fold {number}", curve.x, curve.y, auroc(is_positive, scores)))
    return [draw_roc(curves).svg(), *drawn]


def _hardest(told: Told) -> str:
    """Return the cases that were most surely called wrongly, or whose masks are worst: those to look at first."""
    numbers = np.repeat(np.arange(1, len(told.judged) + 1), [len(item) for item in told.judged])
    pooled, names = told.pooled, told.ground.class_names
    if isinstance(pooled, JudgedClasses):
        sure = np.take_along_axis(pooled.probabilities, pooled.called[:, None], 1)[:, 0]
        wrong = np.flatnonzero(pooled.called != pooled.labels)
        order = wrong[np.argsort(-sure[wrong], kind="stable")][:SHOWN]
        heads = ["case", "fold", "reference", "called", "probability"]
        rows = [
            [pooled.identifiers[i], str(numbers[i]), names[pooled.labels[i]], names[pooled.called[i]], f"{sure[i]:.3f}"]
            for i in order
        ]
    else:
        main = MAIN if MAIN in pooled.figures else next(iter(pooled.figures))
        values = pooled.figures[main]
        known = np.flatnonzero(np.isfinite(values))
        order = known[np.argsort(values[known], kind="stable")][:SHOWN]
        heads = ["case", "fold", "worst"]
        rows = [[pooled.identifiers[i], str(numbers[i]), f"{main} {values[i]:.4f}"] for i in order]
    head = "".join(f"<th>{both(f'folds.page.{key}')}</th>" for key in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
