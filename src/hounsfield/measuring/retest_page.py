"""A test-retest report as its page shows it."""

import math
from collections.abc import Sequence
from pathlib import Path

from hounsfield import __version__
from hounsfield.measuring.feature_table import FeatureTable
from hounsfield.measuring.repeat_page import interval_text, percent_text
from hounsfield.measuring.retest import SOURCE, FeatureRetest, Retest
from hounsfield.messages import Language
from hounsfield.radiomics.catalogue import ENDINGS, FeatureFacts, catalogue
from hounsfield.radiomics.words import family_words, feature_words
from hounsfield.repeating import LEAST_EXCELLENT, LEAST_GOOD
from hounsfield.report.repeats import RepeatLine, RepeatView, write_repeats
from hounsfield.report.text import Text, ui

COLUMNS = ("icc", "interval", "consistency", "concordance", "limits", "coefficient", "variation")


def write_retest_page(
    found: Sequence[Retest], tables: Sequence[FeatureTable], path: Path, language: Language = "en"
) -> Path:
    """Write the page.

    Raises:
        ReportError: ``E600`` when the file cannot be written.
    """
    facts = [(table.name, f"SHA-256 {table.sha256}") for table in tables]
    facts += [("source", SOURCE), ("software", f"hounsfield {__version__}")]
    views = [_view(one, tuple(facts)) for one in found]
    return write_repeats(views, ui("repeats-retest"), path, language)


def _view(one: Retest, facts: tuple[tuple[str, str], ...]) -> RepeatView:
    families: dict[str, list[RepeatLine]] = {family: [] for family in [*catalogue(), ""]}
    for feature in one.features:
        facts_of = tag_facts(feature.repeatability.tag)
        families[facts_of.family if facts_of else ""].append(_line(feature, facts_of))
    named = [
        (Text(*family_words(family)) if family else ui("repeats-other"), tuple(lines))
        for family, lines in families.items()
    ]
    return RepeatView(
        title=f"label {one.label}" if one.label else "–",
        lead=(ui("repeats-pairs", cases=len(one.cases), repetitions=one.repetitions), ui("repeats-icc")),
        columns=tuple(ui(f"repeats-column-{name}") for name in COLUMNS),
        families=tuple((name, lines) for name, lines in named if lines),
        facts=facts,
        marks=(LEAST_GOOD, LEAST_EXCELLENT),
    )


def _line(one: FeatureRetest, facts: FeatureFacts | None) -> RepeatLine:
    again, limits = one.repeatability, one.limits
    bounds = "–"
    if limits is not None and math.isfinite(limits.bias.value):
        bounds = f"{limits.bias.value:.4g} ({limits.lower.value:.4g} – {limits.upper.value:.4g})"
    coefficient = f"{one.coefficient.value:.4g}" if math.isfinite(one.coefficient.value) else "–"
    cells = (interval_text(again.agreement), interval_text(again.consistency), interval_text(one.concordance))
    name = Text(facts.name, feature_words(facts.tag).name_zh) if facts else Text(again.tag, again.tag)
    values = (*cells, bounds, coefficient, percent_text(again.variation))
    return RepeatLine(again.tag, name, again.agreement, one.rating.value, values)


def tag_facts(tag: str) -> FeatureFacts | None:
    """Return what the manual says of a tag, with or without filter before it and aggregation behind it.

    Example:
        >>> tag_facts("mean_5_3D_stat_skew").family
        'intensity-statistics'
    """
    known = {facts.tag: facts for features in catalogue().values() for facts in features}
    ending = next(one for one in sorted(ENDINGS.values(), key=len, reverse=True) if tag.endswith(one))
    parts = tag.removesuffix(ending).split("_")
    return next((known[name] for first in range(len(parts)) if (name := "_".join(parts[first:])) in known), None)
