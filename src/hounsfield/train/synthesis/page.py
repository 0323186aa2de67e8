"""The report of a generator's run: one self-contained page in English and Simplified Chinese."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue
from hounsfield.messages import LANGUAGES
from hounsfield.metrics.copying import Copying
from hounsfield.model.manifest import Manifest
from hounsfield.report.figures import draw_learning_curves
from hounsfield.report.picture import data_address
from hounsfield.train.checkpoint import Progress
from hounsfield.train.page import both, facts_table, inline_figure, page_of
from hounsfield.train.synthesis.drawing import Sheet
from hounsfield.train.synthesis.judging import Judgement
from hounsfield.train.synthesis.plan import SynthesisPlan

_LARGEST_SIDE = 1280


@dataclass(frozen=True)
class SynthesisStory:
    """All that the page tells.

    Attributes:
        plan: what the run obeyed.
        manifest: what the package states.
        progress: how the loop went.
        judgement: what the generator is worth.
        trained: what classifiers are worth that learned from synthetic, real and both kinds of image, by name.
        issues: of the data and of the judgement.
        data_digest: of the images and labels.
    """

    plan: SynthesisPlan
    manifest: Manifest
    progress: Progress
    judgement: Judgement
    trained: Mapping[str, Mapping[str, Interval]]
    issues: tuple[QualityIssue, ...]
    data_digest: str


def synthesis_page(story: SynthesisStory, sheets: Mapping[str, Sheet], figures: Mapping[str, str]) -> str:
    """Return the page as HTML text; it loads nothing from elsewhere.

    Args:
        story: what it tells.
        sheets: ``synthetic``, ``real``, ``pairs-samples`` and ``pairs-features``.
        figures: what ``curves`` gives.
    """
    manifest, judged, progress = story.manifest, story.judgement, story.progress
    facts = [
        ("train.page.model", f"{manifest.name} {manifest.version}"),
        ("train.page.network", f"{story.plan.network_name}, {story.plan.game}, {story.plan.network.side} px"),
        ("train.page.cases", f"{manifest.data.training} / {manifest.data.tuning} / {manifest.data.test}"),
        ("train.page.epochs", f"{progress.epochs_done} ({progress.stopped_by})"),
        ("train.page.seconds", f"{progress.seconds:.0f}"),
        ("train.page.seed", str(story.plan.seed)),
        ("synthesis.page.features", f"{story.plan.features[0]} ({story.plan.features[1][:12]})"),
        ("train.page.command", manifest.command),
        ("train.page.data-digest", story.data_digest),
        ("train.page.plan-digest", story.plan.digest()),
    ]
    blocks = [
        f"<h1>{both('synthesis.page.title')}: {escape(manifest.name)}</h1>",
        f'<p class="warn">{both("research-only")}</p><p class="warn">{both("synthesis.page.no-patients")}</p>',
        facts_table(facts),
        *[_sheet(name, sheets[name], story) for name in ("synthetic", "real")],
        f"<h2>{both('synthesis.page.judgement')} ({judged.part}, n = {judged.count})</h2>",
        f"<p>{both('synthesis.page.features-note')}</p>{_table(judged.metrics)}",
        *[f"<h2>{both('synthesis.page.trained')}: {escape(name)}</h2>{_table(own)}" for name, own in _trained(story)],
        f"<h2>{both('synthesis.page.copying')}</h2><p>{both('synthesis.page.copying-note')}</p>",
        _copying("samples", judged.copying_samples) + _sheet("pairs-samples", sheets["pairs-samples"], story),
        _copying("features", judged.copying_features) + _sheet("pairs-features", sheets["pairs-features"], story),
        f"<h2>{both('train.page.figures')}</h2>",
        f'<div class="figures">{"".join(map(inline_figure, figures.values()))}</div>',
        _said(story),
    ]
    return page_of(f"{manifest.name}: {story.plan.network_name}", blocks)


def curves(story: SynthesisStory) -> dict[str, str]:
    """Return the learning curves by name as SVG: both losses, how often they are told apart, and the distance."""
    history, best = story.progress.history, story.progress.best_epoch
    if not history:
        return {}
    losses = {
        name.removesuffix("_loss"): [row.training[name] for row in history]
        for name in ("discriminator_loss", "generator_loss")
    }
    told = {"discriminator": [row.training["told_apart"] for row in history]}
    distance = {"tuning": [row.tuning_loss for row in history]}
    return {
        "learning-curve-losses": draw_learning_curves(losses, "Loss", best).svg(),
        "learning-curve-told-apart": draw_learning_curves(told, "Told apart (fraction)", best).svg(),
        "learning-curve-distance": draw_learning_curves(distance, "Kernel distance", best).svg(),
    }


def _sheet(name: str, pixels: Sheet, story: SynthesisStory) -> str:
    classes = ", ".join(story.plan.class_names)
    caption = f"{both(f'synthesis.page.{name}')} ({escape(classes)})"
    return f'<h2>{caption}</h2><img alt="{escape(name)}" src="{data_address(pixels, _LARGEST_SIDE)}">'


def _table(metrics: Mapping[str, Interval]) -> str:
    rows = "".join(
        f'<tr><th>{escape(name)}</th><td class="n">{item.value:.4f} [{item.low:.4f}, {item.high:.4f}]</td></tr>'
        for name, item in metrics.items()
    )
    return f"<table>{rows}</table>"


def _trained(story: SynthesisStory) -> list[tuple[str, Mapping[str, Interval]]]:
    return list(story.trained.items())


def _copying(name: str, found: Copying) -> str:
    verdict = both("synthesis.page.copies" if found.is_copying else "synthesis.page.no-copies")
    values = {
        "nearer_p": found.nearer_p,
        "relative_p": found.relative_p,
        "drawn_p": found.drawn_p,
        "drawn_share": found.drawn_share,
        "expected_share": found.expected_share,
    }
    rows = "".join(f'<tr><th>{key}</th><td class="n">{value:.4g}</td></tr>' for key, value in values.items())
    return f"<h3>{both(f'synthesis.page.by-{name}')}</h3><p>{verdict}</p><table>{rows}</table>"


def _said(story: SynthesisStory) -> str:
    told = [(f"{issue.code}: {issue.text(language)}", language) for issue in story.issues for language in LANGUAGES]
    told += [(reason.text(language), language) for reason in story.plan.reasons for language in LANGUAGES]
    told += [(limit.en if language == "en" else limit.zh, language) for limit in story.manifest.limits
             for language in LANGUAGES]  # fmt: skip
    lines = "".join(f'<li lang="{language}">{escape(text)}</li>' for text, language in told)
    return f"<h2>{both('train.page.limits')}</h2><ul>{lines}</ul>"
