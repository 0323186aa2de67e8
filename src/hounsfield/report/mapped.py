"""The page of maps: features laid over the lesion with their colour bars, curves over slices, and bars of rings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps

from hounsfield.messages import Language
from hounsfield.report.colours import HEAT_MAP
from hounsfield.report.files import write_atomic
from hounsfield.report.html import render
from hounsfield.report.picture import data_address
from hounsfield.report.text import Text

PICTURE_SIDE = 420
LEAST_SIDE = 320
PLOT_WIDTH, PLOT_HEIGHT = 600, 160
_BAR_STEPS = 128


@dataclass(frozen=True)
class MapView:
    """One map as the page shows it: name, what it says, picture, and the ends of its colours with their unit."""

    tag: str
    name: Text
    words: Text
    picture: str
    low: str
    high: str
    unit: str


@dataclass(frozen=True)
class PlotView:
    """Values along a line: a curve over slices, or a bar for each ring.

    Attributes:
        tag: of the feature.
        name: in both languages.
        unit: of the values.
        places: of the values: ends of a ring, or the middle of a slice twice, in mm.
        values: NaN where there is none.
        is_bars: rings are bars, slices a curve.
    """

    tag: str
    name: Text
    unit: str
    places: tuple[tuple[float, float], ...]
    values: tuple[float, ...]
    is_bars: bool

    @property
    def span(self) -> tuple[float, float]:
        """Lowest and highest value of the plot; bars stand on 0."""
        held = [value for value in self.values if np.isfinite(value)] or [0.0]
        low, high = min(held), max(held)
        if self.is_bars:
            low, high = min(low, 0.0), max(high, 0.0)
        return low, high if high > low else low + 1.0

    def height_of(self, value: float) -> float:
        """Return how far below the top of the plot a value lies."""
        low, high = self.span
        return round(PLOT_HEIGHT * (1 - (value - low) / (high - low)), 2)

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Left and top of the points of a curve that have a value."""
        first, last = self.places[0][0], self.places[-1][0]
        reach = (last - first) or 1.0
        return tuple(
            (round(PLOT_WIDTH * (place - first) / reach, 2), self.height_of(value))
            for (place, _), value in zip(self.places, self.values, strict=True)
            if np.isfinite(value)
        )

    @property
    def rectangles(self) -> tuple[tuple[float, float, float, float], ...]:
        """Left, top, width and height of the bar of each ring; none is drawn where there is no value."""
        wide, ground = PLOT_WIDTH / len(self.values), self.height_of(0.0)
        found = []
        for index, value in enumerate(self.values):
            top = self.height_of(value) if np.isfinite(value) else ground
            found.append(
                (round(index * wide + wide * 0.1, 2), min(top, ground), round(wide * 0.8, 2), abs(top - ground))
            )
        return tuple(found)

    @property
    def labels(self) -> tuple[tuple[float, str, str], ...]:
        """Middle, ends and value under each bar."""
        wide = PLOT_WIDTH / len(self.values)
        return tuple(
            (round((index + 0.5) * wide, 2), f"{low:g} … {high:g}", f"{value:.4g}" if np.isfinite(value) else "–")
            for index, ((low, high), value) in enumerate(zip(self.places, self.values, strict=True))
        )


@dataclass(frozen=True)
class MappedView:
    """One region as the page shows it.

    Attributes:
        title: its case and name.
        maps: over the slice in which the region is largest.
        kernel: side of the kernel, in voxels and mm; empty without maps.
        curves: over slices.
        rings: picture of the rings, empty without.
        bars: of rings.
        facts: name and value: settings, digests, versions.
    """

    title: str
    maps: tuple[MapView, ...]
    kernel: str
    curves: tuple[PlotView, ...]
    rings: str
    bars: tuple[PlotView, ...]
    facts: tuple[tuple[str, str], ...]


def write_mapped(views: Sequence[MappedView], path: Path, language: Language = "en") -> Path:
    """Write the page, one file that asks nothing of any network.

    Raises:
        ReportError: ``E600`` when the file cannot be written.
    """
    more = {"size": (PLOT_WIDTH, PLOT_HEIGHT), "colours": colour_bar()}
    return write_atomic(path, render("maps.html", language, views=tuple(views), **more).encode())


def colour_bar() -> str:
    """Return the colours of the maps from low to high as a data address."""
    steps = np.linspace(0, 1, _BAR_STEPS)[None].repeat(8, 0)
    return data_address(np.asarray(colormaps[HEAT_MAP](steps, bytes=True))[..., :3], _BAR_STEPS)


def laid_over(grey: npt.NDArray[np.floating], values: npt.NDArray[np.floating], aspect: float) -> str:
    """Return a grey slice with a map over it as a data address; where the map has no number the slice shows.

    Args:
        grey: (row, column) from 0 to 1.
        values: (row, column) from 0 to 1, NaN outside the region.
        aspect: row spacing by column spacing.
    """
    factor = max(1, -(-LEAST_SIDE // max(grey.shape)))
    tall = max(1, round(factor * aspect))
    shown = np.rint(np.clip(np.nan_to_num(grey), 0, 1) * 255).astype(np.uint8)[..., None].repeat(3, 2)
    has_value = np.isfinite(values)
    colours = np.asarray(colormaps[HEAT_MAP](np.clip(np.nan_to_num(values), 0, 1), bytes=True))[..., :3]
    shown[has_value] = colours[has_value]
    return data_address(shown.repeat(tall, 0).repeat(factor, 1), PICTURE_SIDE)
