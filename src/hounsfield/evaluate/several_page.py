"""The page of an evaluation of several heads: the figures of each with its own number of cases, in both languages."""

from collections.abc import Mapping, Sequence
from typing import Any

from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue
from hounsfield.evaluate.page import html_text
from hounsfield.evaluate.plain_page import both, opening, plain_page
from hounsfield.evaluate.target_page import closing, figure_table
from hounsfield.model.statements import Bilingual


def several_page(
    told: Mapping[str, Any],
    measures: Mapping[str, Mapping[str, Interval]],
    issues: Sequence[QualityIssue],
    limits: Sequence[Bilingual],
) -> str:
    """Return the page as HTML text; it loads nothing from elsewhere.

    Args:
        told: the evaluation as JSON values.
        measures: each figure of each head with its interval.
        issues: what speaks against trusting the figures.
        limits: what the model does not know.
    """
    model = f"{told['model']['name']} {told['model']['version']}"
    blocks = [
        opening(model),
        f"<p>{html_text(told['data']['name'])} · {both('evaluate-part-' + told['part'])} · n = {told['n']}</p>",
        f"<p>{both('evaluate-target.note')}</p>",
    ]
    lacks = ", ".join(f"{name} {count}" for name, count in told["not_given"].items())
    blocks.append(f"<p>{both('evaluate-several.not-given')}: {html_text(lacks)}</p>" if lacks else "")
    for head in told["heads"]:
        unit = f" ({html_text(head['unit'])})" if head["unit"] else ""
        blocks.append(f"<h2>{html_text(head['name'])}{unit} · n = {head['n']}</h2>")
        blocks.append(figure_table(measures[head["name"]]))
    return plain_page(model, [*blocks, *closing(told["refused"], issues, limits)])
