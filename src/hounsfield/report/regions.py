"""The page of measured regions: pictures with outlines, histogram, features by family in plain words, settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hounsfield.messages import Language
from hounsfield.report.files import write_atomic
from hounsfield.report.html import render
from hounsfield.report.picture import data_address
from hounsfield.report.repeats import BAR_HEIGHT, BAR_WIDTH, RepeatView
from hounsfield.report.text import Text

OUTLINE = (255, 160, 0)
PICTURE_SIDE = 420
PLOT_WIDTH, PLOT_HEIGHT = 600, 140
_LEAST_SIDE = 320


@dataclass(frozen=True)
class FeatureLine:
    """One feature as the page shows it: name, what it says, aggregation, value with unit, and compliance."""

    tag: str
    name: Text
    words: Text
    aggregation: str
    value: str
    is_compliant: bool


@dataclass(frozen=True)
class RegionView:
    """One region as the page shows it.

    Attributes:
        title: its case and name.
        pictures: title and PNG as a data address.
        bars: counts of the bins of its intensities.
        span: lowest and highest intensity.
        families: name of each, with its features.
        facts: name and value: settings, digests, versions.
    """

    title: str
    pictures: tuple[tuple[Text, str], ...]
    bars: tuple[int, ...]
    span: tuple[str, str]
    families: tuple[tuple[Text, tuple[FeatureLine, ...]], ...]
    facts: tuple[tuple[str, str], ...]

    @property
    def rectangles(self) -> tuple[tuple[float, float, float, float], ...]:
        """Left, top, width and height of each bar of the histogram."""
        wide, top = PLOT_WIDTH / max(len(self.bars), 1), max((*self.bars, 1))
        heights = [PLOT_HEIGHT * count / top for count in self.bars]
        return tuple(
            (round(i * wide, 2), round(PLOT_HEIGHT - h, 2), round(wide, 2), round(h, 2)) for i, h in enumerate(heights)
        )


def write_regions(
    views: Sequence[RegionView], path: Path, language: Language = "en", repeats: Sequence[RepeatView] = ()
) -> Path:
    """Write the page, one file that asks nothing of any network.

    Args:
        views: the regions.
        path: where the page is written.
        language: shown first.
        repeats: how well the features come out again, shown last.

    Raises:
        ReportError: ``E600`` when the file cannot be written.
    """
    more = {"size": (PLOT_WIDTH, PLOT_HEIGHT), "repeats": tuple(repeats), "bar": (BAR_WIDTH, BAR_HEIGHT)}
    return write_atomic(path, render("regions.html", language, views=tuple(views), **more).encode())


def outlined(samples: npt.NDArray[np.floating], inside: npt.NDArray[np.bool_], aspect: float) -> str:
    """Return a slice with the outline of a region as a data address.

    Args:
        samples: (row, column) from 0 to 1.
        inside: (row, column).
        aspect: row spacing by column spacing.
    """
    factor = max(1, -(-_LEAST_SIDE // max(samples.shape)))
    tall = max(1, round(factor * aspect))
    grey = np.rint(np.clip(np.nan_to_num(samples), 0, 1) * 255).astype(np.uint8).repeat(tall, 0).repeat(factor, 1)
    large = np.pad(inside.repeat(tall, 0).repeat(factor, 1), 1)
    core = large[1:-1, 1:-1]
    near = large[:-2, 1:-1] & large[2:, 1:-1] & large[1:-1, :-2] & large[1:-1, 2:]
    colours = np.repeat(grey[..., np.newaxis], 3, axis=2)
    colours[core & ~near] = OUTLINE
    return data_address(colours, PICTURE_SIDE)
