"""The page of features that were measured again: by family, best first, each with its bar, interval and class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hounsfield.core.prediction import Interval
from hounsfield.messages import Language
from hounsfield.report.files import write_atomic
from hounsfield.report.html import render
from hounsfield.report.text import Text

BAR_WIDTH, BAR_HEIGHT = 300, 14
COLOURS = {"excellent": "#009E73", "good": "#56B4E9", "moderate or poor": "#D55E00", "not assessed": "#8a939c"}
"""Of Okabe and Ito 2008."""


@dataclass(frozen=True)
class RepeatLine:
    """One feature.

    Attributes:
        tag: of the feature.
        name: in both languages.
        bar: what its bar shows, from 0 to 1; NaN draws none.
        rating: class, a key of ``COLOURS``.
        cells: further values as text.
    """

    tag: str
    name: Text
    bar: Interval
    rating: str
    cells: tuple[str, ...]

    @property
    def colour(self) -> str:
        """Of the bar."""
        return COLOURS[self.rating]

    @property
    def places(self) -> tuple[float, float, float]:
        """Ends of the bar and of its whisker in the picture; a whisker that is not known ends where the bar does."""
        value = self.bar.value if math.isfinite(self.bar.value) else 0.0
        ends = (value, *(end if math.isfinite(end) else value for end in (self.bar.low, self.bar.high)))
        first, second, third = (round(BAR_WIDTH * min(1.0, max(0.0, end)), 1) for end in ends)
        return first, second, third


@dataclass(frozen=True)
class RepeatView:
    """Features of one region.

    Attributes:
        title: the region and how many cases there were.
        lead: sentences that say what is shown, and what it cannot say.
        columns: heads of the bar and of the cells.
        families: name of each, with its features, which are sorted here.
        facts: name and value: seed, versions, sources.
        marks: where the bars have lines, from 0 to 1: the lower ends of the classes.
    """

    title: str
    lead: tuple[Text, ...]
    columns: tuple[Text, ...]
    families: tuple[tuple[Text, tuple[RepeatLine, ...]], ...]
    facts: tuple[tuple[str, str], ...]
    marks: tuple[float, ...] = ()

    @property
    def sorted_families(self) -> tuple[tuple[Text, tuple[RepeatLine, ...]], ...]:
        """Families whose features are sorted: the longest bar first, those without one last."""

        def rank(line: RepeatLine) -> float:
            return -line.bar.value if math.isfinite(line.bar.value) else math.inf

        return tuple((name, tuple(sorted(lines, key=rank))) for name, lines in self.families)

    @property
    def counts(self) -> tuple[tuple[str, str, int, float], ...]:
        """Class, colour, number of features and its share of the width."""
        ratings = [line.rating for _, lines in self.families for line in lines]
        found = [(rating, colour, ratings.count(rating)) for rating, colour in COLOURS.items()]
        wide = BAR_WIDTH * 2 / max(1, len(ratings))
        return tuple((rating, colour, count, round(count * wide, 1)) for rating, colour, count in found if count)


def write_repeats(views: Sequence[RepeatView], title: Text, path: Path, language: Language = "en") -> Path:
    """Write the page, one file that asks nothing of any network.

    Raises:
        ReportError: ``E600`` when the file cannot be written.
    """
    page = render("repeats.html", language, repeats=tuple(views), title=title, bar=(BAR_WIDTH, BAR_HEIGHT))
    return write_atomic(path, page.encode())
