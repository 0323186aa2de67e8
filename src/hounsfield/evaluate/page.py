"""The page of an evaluation: one file, both languages, no request to anywhere."""

import base64
import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from hounsfield.core.prediction import Interval
from hounsfield.evaluate.gallery import GalleryCase
from hounsfield.evaluate.result import Evaluation
from hounsfield.messages import LANGUAGES, label
from hounsfield.report.figures import Drawing
from hounsfield.report.html import content_policy, visible

BASE = "base.html.j2"
TEMPLATE = "evaluation.html.j2"
COMPARISON = "comparison.html.j2"
_SHOWN_REFUSED = 20
_SHOWN = (
    "auroc", "average_precision", "accuracy", "balanced_accuracy", "sensitivity", "specificity",
    "positive_predictive_value", "negative_predictive_value", "positive_predictive_value_at_prevalence",
    "negative_predictive_value_at_prevalence", "f1", "mcc", "brier", "brier_reliability_error",
    "brier_resolution_score", "brier_uncertainty", "log_loss", "ece",
)  # fmt: skip


@cache
def page_environment() -> Environment:
    """Return the templates of the room's pages, which share head, style and script."""
    folder = files("hounsfield.evaluate").joinpath("templates")
    texts = {name: folder.joinpath(name).read_text(encoding="utf-8") for name in (BASE, TEMPLATE, COMPARISON)}
    text = texts[BASE]
    environment = Environment(
        loader=DictLoader(texts), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=visible,
    )  # fmt: skip
    parts = [match[1] for tag in ("style", "script") if (match := re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL))]
    environment.globals["policy"] = content_policy(*parts)
    environment.filters["number"] = number_text
    environment.filters["say"] = say
    environment.filters["interval"] = interval_text
    environment.filters["tell"] = tell
    environment.filters["chance"] = chance_text
    return environment


def say(key: str) -> Markup:
    """Return the label ``ui.evaluate-<key>`` in both languages; the page shows one of them."""
    return _both({language: label(f"evaluate-{key}", language) for language in LANGUAGES})


def tell(reason: Any) -> Markup:
    """Return the sentence and next step of an issue or error in both languages."""
    return _both({language: f"{reason.text(language)} {reason.next_step(language)}".strip() for language in LANGUAGES})


def _both(texts: Mapping[str, str]) -> Markup:
    return Markup("").join(
        Markup('<span data-lang="{0}" lang="{1}">{2}</span>').format(
            language, "zh-CN" if language == "zh" else language, escape(visible(text))
        )
        for language, text in texts.items()
    )


def html_text(text: str) -> str:
    """Return text as a page without a template shows it: escaped, and nothing in it turns the direction of reading."""
    return str(escape(visible(text)))


def number_text(value: float, digits: int = 3) -> str:
    """Return a figure with its decimals, or a dash for one that is not defined."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"


def chance_text(p_value: float) -> str:
    """Return a p value with three decimals, never as 0."""
    return "< 0.001" if p_value < 0.001 else number_text(p_value)


def interval_text(interval: Interval, digits: int = 3) -> str:
    """Return ``0.950 (0.931 to 0.968)``, or a dash for a figure that is not defined."""
    if not math.isfinite(interval.value):
        return "–"
    text = f"{interval.value:.{digits}f}"
    if not math.isfinite(interval.low):
        return text
    return f"{text} ({interval.low:.{digits}f} – {interval.high:.{digits}f})"


def embedded(drawings: Mapping[str, Drawing]) -> dict[str, str]:
    """Return figures as images to embed, by name."""
    return {
        name: "data:image/svg+xml;base64," + base64.b64encode(drawing.svg().encode()).decode()
        for name, drawing in drawings.items()
    }


def render_page(
    evaluation: Evaluation,
    limits: Sequence[Mapping[str, str]],
    drawings: Mapping[str, Drawing],
    worst: Sequence[GalleryCase],
    best: Sequence[GalleryCase] = (),
) -> str:
    """Return the page as HTML.

    Args:
        evaluation: what to show.
        limits: what the model does not know: ``en`` and ``zh`` of each sentence.
        drawings: figures by name; they are embedded as images, so that their names cannot clash.
        worst: the cases that the model was most wrong about.
        best: those it was most surely right about.
    """
    return (
        page_environment()
        .get_template(TEMPLATE)
        .render(
            evaluation=evaluation,
            subject=evaluation.subject,
            scored=evaluation.scored,
            shown=[name for name in _SHOWN if name in evaluation.measures],
            is_binary=evaluation.scored.positive is not None,
            figures=embedded(drawings),
            galleries=(("worst", worst), ("best", best)),
            limits=[_both(limit) for limit in limits],
            refused=evaluation.refused[:_SHOWN_REFUSED],
            wrong_count=int((evaluation.scored.called != evaluation.scored.labels).sum()),
        )
    )
