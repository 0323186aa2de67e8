"""Figures of a page without a template: embedded, each with its words and a caption in both languages, and as files."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hounsfield.evaluate.page import html_text
from hounsfield.evaluate.plain_page import both
from hounsfield.messages import label
from hounsfield.report.figures import Drawing


@dataclass(frozen=True)
class Figure:
    """A figure of an evaluation.

    Attributes:
        drawing: it.
        kind: its caption is the label ``evaluate-figure.<kind>``.
        facts: what it shows in figures, for those who cannot see it: ``name value; name value``.
    """

    drawing: Drawing
    kind: str
    facts: str


Figures = Mapping[str, Figure]


def figures_block(figures: Figures) -> str:
    """Return the figures as HTML under their heading, nothing where there are none."""
    if not figures:
        return ""
    shown = "".join(_shown(figure) for figure in figures.values())
    return f'<h2>{both("evaluate-figures")}</h2><div class="cases">{shown}</div>'


def write_figures(figures: Figures, folder: Path) -> None:
    """Write each figure as ``plots/<name>.svg`` and ``.png`` into a folder."""
    plots = folder / "plots"
    plots.mkdir()
    for name, figure in figures.items():
        (plots / f"{name}.svg").write_text(figure.drawing.svg(), encoding="utf-8")
        (plots / f"{name}.png").write_bytes(figure.drawing.png())


def _shown(figure: Figure) -> str:
    picture = "data:image/svg+xml;base64," + base64.b64encode(figure.drawing.svg().encode()).decode()
    words = html_text(f"{label(f'evaluate-figure.{figure.kind}')} {figure.facts}")
    caption = f"{both(f'evaluate-figure.{figure.kind}')}<br><small>{html_text(figure.facts)}</small>"
    return f'<figure><img alt="{words}" src="{picture}"><figcaption>{caption}</figcaption></figure>'
