"""Robustness as its page shows it."""

import math
from collections.abc import Sequence
from pathlib import Path

from hounsfield import __version__
from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue
from hounsfield.measuring.robustness import SOURCE, FeatureRobustness, RegionRobustness
from hounsfield.messages import Language
from hounsfield.radiomics import Feature
from hounsfield.radiomics.catalogue import catalogue
from hounsfield.radiomics.words import family_words, feature_words
from hounsfield.repeating import LEAST_CASES, LEAST_EXCELLENT, LEAST_GOOD
from hounsfield.report.repeats import RepeatLine, RepeatView, write_repeats
from hounsfield.report.text import Text, both, ui


def robustness_views(found: Sequence[RegionRobustness], seed: int) -> tuple[RepeatView, ...]:
    """Return what a page shows: correlations where there are cases enough, and else the variation within them."""
    return tuple(_view(one, seed) for one in found)


def write_robustness_page(found: Sequence[RegionRobustness], seed: int, path: Path, language: Language = "en") -> Path:
    """Write the page of the robustness of features over several cases.

    Raises:
        ReportError: ``E600`` when the file cannot be written.
    """
    return write_repeats(robustness_views(found, seed), ui("repeats-robustness"), path, language)


def _view(one: RegionRobustness, seed: int) -> RepeatView:
    has_correlations = one.case_count >= LEAST_CASES
    lead = [ui("repeats-how", perturbations=one.perturbations, cases=one.case_count)]
    lead += [ui("repeats-icc") if has_correlations else ui("repeats-variation"), *map(issue_text, one.issues)]
    columns = ["repeats-column-icc", "repeats-column-interval", "repeats-column-variation"]
    if not has_correlations:
        columns = ["repeats-column-variation", "repeats-column-percent"]
    return RepeatView(
        title=one.name or f"label {one.label}",
        lead=tuple(lead),
        columns=tuple(ui(key) for key in columns),
        families=families_of([(each.feature, _line(each, has_correlations)) for each in one.features]),
        facts=(("seed", str(seed)), ("source", SOURCE), ("software", f"hounsfield {__version__}")),
        marks=(LEAST_GOOD, LEAST_EXCELLENT) if has_correlations else (),
    )


def _line(one: FeatureRobustness, has_correlations: bool) -> RepeatLine:
    again = one.repeatability
    percent = percent_text(again.variation)
    bar = again.one_way if has_correlations else Interval(again.variation, math.nan, math.nan)
    cells = (interval_text(again.one_way), percent) if has_correlations else (percent,)
    return RepeatLine(one.feature.tag, name_of(one.feature), bar, one.rating.value, cells)


def families_of(lines: Sequence[tuple[Feature, RepeatLine]]) -> tuple[tuple[Text, tuple[RepeatLine, ...]], ...]:
    """Return the lines by family, in the order of the manual."""
    found = []
    for family in catalogue():
        own = tuple(line for feature, line in lines if feature.family == family)
        if own:
            found.append((Text(*family_words(family)), own))
    return tuple(found)


def name_of(feature: Feature) -> Text:
    """Return the name of a feature in both languages."""
    bare = feature.tag.removeprefix(f"{feature.filter}_") if feature.filter else feature.tag
    return Text(feature.name, feature_words(bare).name_zh)


def issue_text(issue: QualityIssue) -> Text:
    """Return the sentence of an issue in both languages."""
    return both(issue.text)


def percent_text(part: float) -> str:
    """Return a part as a percentage."""
    return f"{100 * part:.3g} %" if math.isfinite(part) else "–"


def interval_text(interval: Interval) -> str:
    """Return a value and its interval."""
    if not math.isfinite(interval.value):
        return "–"
    ends = f" ({interval.low:.3f} – {interval.high:.3f})" if math.isfinite(interval.low) else ""
    return f"{interval.value:.3f}{ends}"
