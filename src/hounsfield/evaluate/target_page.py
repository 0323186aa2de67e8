"""The page of an evaluation of targets: figures with intervals, issues and limits, in both languages."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue
from hounsfield.evaluate.figure_block import Figures, figures_block
from hounsfield.evaluate.page import html_text, interval_text
from hounsfield.evaluate.plain_page import both, issue_items, opening, plain_page, spoken
from hounsfield.evaluate.target_cases import TargetPicture, cases_block
from hounsfield.model.statements import Bilingual


def target_page(
    told: Mapping[str, Any],
    measures: Mapping[str, Interval],
    issues: Sequence[QualityIssue],
    limits: Sequence[Bilingual],
    figures: Figures = MappingProxyType({}),
    pictures: Sequence[TargetPicture] = (),
) -> str:
    """Return the page as HTML text; it loads nothing from elsewhere.

    Args:
        told: the evaluation as JSON values.
        measures: each figure with its interval.
        issues: what speaks against trusting the figures.
        limits: what the model does not know.
        figures: by name.
        pictures: the worst cases, then the best.
    """
    model = f"{told['model']['name']} {told['model']['version']}"
    unit = f" ({html_text(told['unit'])})" if told["unit"] else ""
    targets = html_text(", ".join(told["targets"]))
    part = both(f"evaluate-part-{told['part']}")
    blocks = [
        opening(model),
        f"<p>{html_text(told['data']['name'])} · {part} · n = {told['n']} · {targets}{unit}</p>",
        f"<h2>{both('evaluate-target.figures')}</h2>{figure_table(measures)}<p>{both('evaluate-target.note')}</p>",
        figures_block(figures),
        cases_block(pictures),
        *closing(told["refused"], issues, limits),
    ]
    return plain_page(model, blocks)


def figure_table(measures: Mapping[str, Interval]) -> str:
    """Return figures with their intervals as a table."""
    rows = "".join(
        f"<tr><th>{html_text(name.replace('_', ' '))}</th><td>{interval_text(value)}</td></tr>"
        for name, value in measures.items()
    )
    return f"<table>{rows}</table>"


def closing(
    refused: Sequence[Mapping[str, Any]], issues: Sequence[QualityIssue], limits: Sequence[Bilingual]
) -> tuple[str, ...]:
    """Return what a page ends with: issues and refused cases, then what the model does not know."""
    told_issues = issue_items(issues)
    told_refused = "".join(f"<li>{html_text(item['identifier'])}: {html_text(item['code'])}</li>" for item in refused)
    told_limits = "".join(f"<li>{spoken(limit.en, limit.zh)}</li>" for limit in limits)
    return (
        f"<h2>{both('evaluate-target.issues')}</h2><ul>{told_issues}{told_refused}</ul>"
        if told_issues or told_refused
        else "",
        f"<h2>{both('evaluate-target.limits')}</h2><ul>{told_limits}</ul>" if told_limits else "",
    )
