"""The report of a translator's run: one self-contained page in English and Simplified Chinese."""

from html import escape

import numpy as np

from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue
from hounsfield.messages import LANGUAGES
from hounsfield.model.manifest import Manifest
from hounsfield.report.figures import draw_learning_curves
from hounsfield.report.picture import data_address
from hounsfield.train.checkpoint import Progress
from hounsfield.train.page import both, facts_table, inline_figure, page_of
from hounsfield.train.synthesis.drawing import ACROSS, Sheet, sheet
from hounsfield.train.translation.judging import TranslationJudgement
from hounsfield.train.translation.plan import TranslationPlan

FIGURES = ("mae", "psnr", "ssim")
_LARGEST_SIDE = 1280


def examples(judged: TranslationJudgement) -> Sheet:
    """Return a sheet of four rows: given, made, made by the baseline, wanted; the pairs spread over all."""
    count = len(judged.made)
    picked = np.linspace(0, count - 1, min(count, ACROSS)).round().astype(np.int64)
    return sheet([images[picked] for images in (judged.given, judged.made, judged.plain, judged.wanted)])


def curves(progress: Progress) -> dict[str, str]:
    """Return the learning curves by name as SVG."""
    history, best = progress.history, progress.best_epoch
    if not history:
        return {}
    series = {
        "training": [row.training["l1"] for row in history],
        "tuning": [row.tuning_loss for row in history],
    }
    alike = {"tuning": [row.tuning["ssim"] for row in history]}
    return {
        "learning-curve-mae": draw_learning_curves(series, "Absolute difference", best).svg(),
        "learning-curve-ssim": draw_learning_curves(alike, "SSIM", best).svg(),
    }


def translation_page(
    plan: TranslationPlan,
    manifest: Manifest,
    judged: TranslationJudgement,
    issues: tuple[QualityIssue, ...],
    progress: Progress,
) -> str:
    """Return the page as HTML text; it loads nothing from elsewhere."""
    facts = [
        ("train.page.model", f"{manifest.name} {manifest.version}"),
        ("train.page.network", f"{plan.network_name}, {plan.game}, {plan.network.side} px"),
        ("train.page.cases", f"{manifest.data.training} / {manifest.data.tuning} / {manifest.data.test}"),
        ("train.page.epochs", f"{progress.epochs_done} ({progress.stopped_by})"),
        ("train.page.seconds", f"{progress.seconds:.0f}"),
        ("train.page.seed", str(plan.seed)),
        ("train.page.command", manifest.command),
        ("train.page.plan-digest", plan.digest()),
    ]
    count = f"{judged.part}, n = {len(judged.made)}, {judged.groups}"
    blocks = [
        f"<h1>{both('synthesis.page.title')}: {escape(manifest.name)}</h1>",
        f'<p class="warn">{both("research-only")}</p><p class="warn">{both("synthesis.page.no-patients")}</p>',
        facts_table(facts),
        f"<h2>{both('translation.page.examples')}</h2>",
        f'<img alt="examples" src="{data_address(examples(judged), _LARGEST_SIDE)}">',
        f"<h2>{both('synthesis.page.judgement')} ({escape(count)})</h2><p>{both('translation.page.note')}</p>",
        _table(judged.metrics),
        f'<div class="figures">{"".join(map(inline_figure, curves(progress).values()))}</div>',
        _said(plan, manifest, issues),
    ]
    return page_of(f"{manifest.name}: {plan.network_name}", blocks)


def _table(metrics: dict[str, Interval]) -> str:
    """Return a row a figure, with a column for the translator, the baseline, the difference and the input."""
    columns = (("made", ""), ("plain", "_of_l1"), ("gain", "_gain"), ("given", "_of_input"))
    head = "".join(f"<th>{both(f'translation.page.{name}')}</th>" for name, _ in columns)
    rows = "".join(
        f"<tr><th>{name.upper()}</th>" + "".join(f'<td class="n">{_said_of(metrics[name + end])}</td>'
                                                 for _, end in columns) + "</tr>"
        for name in FIGURES
    )  # fmt: skip
    return f"<table><tr><th></th>{head}</tr>{rows}</table>"


def _said_of(item: Interval) -> str:
    return f"{item.value:.4f} [{item.low:.4f}, {item.high:.4f}]"


def _said(plan: TranslationPlan, manifest: Manifest, issues: tuple[QualityIssue, ...]) -> str:
    told = [(f"{issue.code}: {issue.text(language)}", language) for issue in issues for language in LANGUAGES]
    told += [(reason.text(language), language) for reason in plan.reasons for language in LANGUAGES]
    told += [(getattr(limit, language), language) for limit in manifest.limits for language in LANGUAGES]
    lines = "".join(f'<li lang="{language}">{escape(text)}</li>' for text, language in told)
    return f"<h2>{both('train.page.limits')}</h2><ul>{lines}</ul>"
