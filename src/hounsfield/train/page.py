"""The report of a run: one self-contained HTML page in English and Simplified Chinese."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue
from hounsfield.messages import LANGUAGES, label
from hounsfield.model.interface import SequenceInterface
from hounsfield.model.manifest import Manifest
from hounsfield.train.assess import Assessment
from hounsfield.train.checkpoint import Progress
from hounsfield.train.plan import RunPlan
from hounsfield.train.statement import slug

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff }
body { margin: 0 auto; max-width: 62rem; padding: 1rem }
h1 { font-size: 1.5rem }
h2 { font-size: 1.15rem; margin-top: 2rem; border-bottom: 1px solid #ccc }
tr.best { font-weight: bold }
.wide { overflow-x: auto }
table { border-collapse: collapse; margin: .5rem 0 }
th, td { border: 1px solid #ccc; padding: .25rem .6rem; text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums }
code { font-size: .9em; overflow-wrap: anywhere }
.zh { color: #444 }
.figures { display: flex; flex-wrap: wrap; gap: 1rem }
.figures figure { margin: 0; flex: 1 1 24rem; max-width: 29rem }
.figures svg { width: 100%; height: auto }
.warn { border-left: 4px solid #b35900; padding-left: .6rem }
@media (prefers-color-scheme: dark) {
  body { background: #161616; color: #eee } .zh { color: #bbb } .figures { background: #fff }
}
"""

TITLES = {"accuracy": "Accuracy (fraction)", "auroc": "AUROC", "dice": "Mean Dice a case"}
"""Title of the axis of each figure that is followed over the epochs."""


@dataclass(frozen=True)
class Story:
    """All that the page tells.

    Attributes:
        plan: what the run obeyed.
        manifest: what the package states.
        progress: how the loop went.
        assessments: what the model is worth.
        issues: what the examination of the data found.
        data_digest: of the images and labels.
    """

    plan: RunPlan
    manifest: Manifest
    progress: Progress
    assessments: tuple[Assessment, ...]
    issues: tuple[QualityIssue, ...]
    data_digest: str


def figures_of(story: Story) -> dict[str, str]:
    """Return the figures by name as SVG: learning curves and the confusion matrix of each part.

    What draws takes half a second to import: a run reads it when it has ended, not before it begins.
    """
    from hounsfield.report.figures import draw_confusion, draw_learning_curves

    history, best = story.progress.history, story.progress.best_epoch
    kept = best if story.plan.learning.keep == "best" else len(history)
    found: dict[str, str] = {}
    if history:
        loss = {"training": [row.training_loss for row in history], "tuning": [row.tuning_loss for row in history]}
        found["learning-curve-loss"] = draw_learning_curves(loss, "Loss", kept).svg()
        for name in history[0].tuning:
            curves = {"training": [row.training[name] for row in history if name in row.training]}
            curves = {part: values for part, values in curves.items() if values}
            curves["tuning"] = [row.tuning[name] for row in history]
            title = TITLES.get(name, name)
            found[f"learning-curve-{name}"] = draw_learning_curves(curves, title, kept).svg()
    names = {head.name: head.classes for head in story.manifest.heads} | {"": story.manifest.classes}
    for assessment in story.assessments:
        if assessment.confusion is not None:
            told = f"-{slug(assessment.head)}" if assessment.head else ""
            classes = [entry.name for entry in names[assessment.head]]
            found[f"confusion-{assessment.part}{told}"] = draw_confusion(assessment.confusion, classes).svg()
    return found


def training_page(story: Story, figures: dict[str, str]) -> str:
    """Return the page as HTML text; it loads nothing from elsewhere."""
    manifest, progress = story.manifest, story.progress
    facts = [
        ("train.page.model", f"{manifest.name} {manifest.version}"),
        ("train.page.network", f"{story.plan.network_name}, {_sides(manifest)}"),
        ("train.page.cases", f"{manifest.data.training} / {manifest.data.tuning} / {manifest.data.test}"),
        ("train.page.epochs", f"{progress.epochs_done} ({progress.stopped_by})"),
        ("train.page.kept", str(progress.best_epoch if story.plan.learning.keep == "best" else progress.epochs_done)),
        ("train.page.seconds", f"{progress.seconds:.0f}"),
        ("train.page.seed", str(story.plan.seed)),
        ("train.page.temperature", f"{manifest.calibration.temperature:g}"),
        ("train.page.command", manifest.command),
        ("train.page.data-digest", story.data_digest),
        ("train.page.plan-digest", story.plan.digest()),
    ]
    title = f"{label('train.page.title')}: {manifest.name}"
    blocks = [
        f"<h1>{both('train.page.title')}: {escape(manifest.name)}</h1>",
        f'<p class="warn">{both("research-only")}</p>',
        facts_table(facts),
        *[_metrics(assessment) for assessment in story.assessments],
        _points(manifest) if manifest.masks is None else "",
        f"<h2>{both('train.page.figures')}</h2><p>{both('train.page.curves-note')}</p>",
        f'<div class="figures">{"".join(map(inline_figure, figures.values()))}</div>',
        _issues(story.issues),
        _reasons(story.plan),
        _limits(manifest),
    ]
    return page_of(title, blocks)


def page_of(title: str, blocks: Sequence[str]) -> str:
    """Return a page of blocks of HTML; the title is text."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    head += f"<style>{_STYLE}</style>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(blocks)}</body></html>\n'


def _sides(manifest: Manifest) -> str:
    network = manifest.network
    frames = f"≤ {network.most_frames} × " if isinstance(network, SequenceInterface) else ""
    sides = (network.slices, network.rows, network.columns)
    return frames + " × ".join(str(side) for side in sides if side is not None)


def both(key: str) -> str:
    """Return a label in both languages."""
    english, chinese = (label(key, language) for language in LANGUAGES)
    return _spoken(english, chinese)


def _spoken(english: str, chinese: str) -> str:
    return f'{escape(english)} <span class="zh" lang="zh">{escape(chinese)}</span>'


def inline_figure(svg: str) -> str:
    """Return the figure without its XML head, ready to stand in HTML."""
    return f"<figure>{svg[svg.index('<svg') :]}</figure>"


def facts_table(rows: Sequence[tuple[str, str]]) -> str:
    """Return labels and values as a table."""
    lines = [f"<tr><th>{both(key)}</th><td><code>{escape(value)}</code></td></tr>" for key, value in rows]
    return f"<table>{''.join(lines)}</table>"


def _metrics(assessment: Assessment) -> str:
    lines = [
        f'<tr><th>{escape(name)}</th><td class="n">{_figure(value)}</td></tr>'
        for name, value in assessment.metrics.items()
    ]
    head = f": {escape(assessment.head)}" if assessment.head else ""
    heading = f"<h2>{both(f'train.page.part-{assessment.part}')}{head} (n = {assessment.case_count})</h2>"
    warning = f'<p class="warn">{both("train.page.tuning-note")}</p>' if assessment.part == "tuning" else ""
    return f"{heading}{warning}<table>{''.join(lines)}</table>"


def _figure(interval: Interval) -> str:
    return f"{interval.value:.4f} [{interval.low:.4f}, {interval.high:.4f}]"


def _points(manifest: Manifest) -> str:
    lines = []
    for entry in (*manifest.classes, *(entry for head in manifest.heads for entry in head.classes)):
        point = entry.operating_point
        if point is not None:
            values = [
                f"{point.threshold:.4f}",
                *(
                    f"{item.value:.3f} [{item.low:.3f}, {item.high:.3f}]"
                    for item in (point.sensitivity, point.specificity)
                ),
            ]
            cells = "".join(f'<td class="n">{value}</td>' for value in values)
            lines.append(f"<tr><th>{escape(entry.name)}</th>{cells}<td>{escape(point.data_set)}</td></tr>")
    heads = ("class", "threshold", "sensitivity", "specificity", "set-on")
    head = "".join(f"<th>{both(f'train.page.{name}')}</th>" for name in heads)
    return f"<h2>{both('train.page.points')}</h2><table><tr>{head}</tr>{''.join(lines)}</table>"


def _issues(issues: Sequence[QualityIssue]) -> str:
    lines = [f"<li><b>{escape(issue.code)}</b> {_spoken(issue.text('en'), issue.text('zh'))}</li>" for issue in issues]
    body = f"<ul>{''.join(lines)}</ul>" if lines else f"<p>{both('train.page.no-issues')}</p>"
    return f"<h2>{both('train.page.issues')}</h2>{body}"


def _reasons(plan: RunPlan) -> str:
    lines = [
        f"<li><b>{escape(reason.choice)}</b>: {_spoken(reason.text('en'), reason.text('zh'))}</li>"
        for reason in plan.reasons
    ]
    return f"<h2>{both('train.page.reasons')}</h2><ul>{''.join(lines)}</ul>" if lines else ""


def _limits(manifest: Manifest) -> str:
    lines = [f"<li>{_spoken(limit.en, limit.zh)}</li>" for limit in manifest.limits]
    return f"<h2>{both('train.page.limits')}</h2><ul>{''.join(lines)}</ul>"
