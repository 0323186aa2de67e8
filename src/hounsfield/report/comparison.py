"""The page of before and after: pictures, difference, histogram, profile and figures of a prepared volume."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hounsfield.core.trace import Trace
from hounsfield.messages import Language
from hounsfield.report.files import FileKind, WrittenFile, write_atomic
from hounsfield.report.html import render
from hounsfield.report.picture import LARGEST_SIDE, data_address
from hounsfield.report.text import Text, ui

Shown = npt.NDArray[np.floating]

CURVE_WIDTH, CURVE_HEIGHT = 600, 160
_BINS = 64
_LONGEST_VALUE = 160
_COLOURS = {"before": "#0072B2", "after": "#D55E00", "reference": "#009E73"}
_DASHES = {"before": "none", "after": "7 3", "reference": "2 3"}


@dataclass(frozen=True)
class Figure:
    """One line of the table: what it is, and its value for each column; NaN where it is not defined."""

    name: str
    values: tuple[float, ...]
    digits: int = 3


@dataclass(frozen=True)
class Comparison:
    """A slice before and after, as it is shown.

    Attributes:
        shown: display values from 0 to 1, (row, column), of ``before``, ``after`` and perhaps ``reference``.
        figures: by table: ``columns`` names them, keys of the catalogue without ``compare-``.
        trace: what was done.
        slice_number: of the slice shown, from 1, and how many there are.
        aspect: row spacing by column spacing.
        is_same_window: whether before and after are shown through one window.
        is_enhanced: whether the samples were changed beyond grid and scale.
        origin: what a phantom was and how it was degraded, by name; empty for scans.
    """

    shown: Mapping[str, Shown]
    figures: Sequence[tuple[tuple[str, ...], Sequence[Figure]]]
    trace: Trace
    slice_number: tuple[int, int]
    aspect: float
    is_same_window: bool
    is_enhanced: bool
    origin: Mapping[str, object] = field(default_factory=dict)

    def values(self) -> dict[str, dict[str, float | None]]:
        """Return every figure by name and column; None where it is not defined, or infinite."""
        return {
            figure.name: {
                column: value if math.isfinite(value) else None
                for column, value in zip(columns, figure.values, strict=True)
            }
            for columns, figures in self.figures
            for figure in figures
        }


def write_comparison(comparison: Comparison, path: Path, language: Language = "en") -> WrittenFile:
    """Write the page, one file that asks nothing of any network.

    Raises:
        ReportError: ``E600`` when the file cannot be written.
    """
    return WrittenFile(FileKind.PAGE, write_atomic(path, render_comparison(comparison, language).encode()))


def render_comparison(comparison: Comparison, language: Language = "en") -> str:
    """Return the page as HTML text."""
    shown = comparison.shown
    pictures = [(ui(f"compare-{name}"), _address(values, comparison.aspect)) for name, values in shown.items()]
    if shown["before"].shape == shown["after"].shape:
        difference = 0.5 + (shown["after"].astype(np.float64) - shown["before"]) / 2
        pictures.append((ui("compare-difference"), _address(difference, comparison.aspect)))
    for name in ("before", "after"):
        if "reference" in shown and shown["reference"].shape == shown[name].shape:
            error = 0.5 + (shown[name].astype(np.float64) - shown["reference"]) / 2
            pictures.append((ui(f"compare-error-{name}"), _address(error, comparison.aspect)))
    return render(
        "comparison.html",
        language,
        comparison=comparison,
        pictures=pictures,
        steps=[(step.name, _settings(step.parameters.get("settings", {}))) for step in comparison.trace.steps],
        tables=[(_heads(columns), [_row(figure) for figure in figures]) for columns, figures in comparison.figures],
        histogram=[_curve(name, _histogram(values)) for name, values in shown.items()],
        profile=[_curve(name, _profile(values)) for name, values in shown.items()],
        size=(CURVE_WIDTH, CURVE_HEIGHT),
        origin=_settings(dict(comparison.origin)),
    )


def _heads(columns: Sequence[str]) -> list[Text]:
    return [ui(f"compare-{column}") for column in columns]


def _row(figure: Figure) -> tuple[Text, list[str]]:
    return ui(f"compare-figure-{figure.name}"), [_number(value, figure.digits) for value in figure.values]


def _number(value: float, digits: int) -> str:
    if math.isinf(value):
        return "∞"
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"


def _settings(settings: object) -> str:
    return (
        ", ".join(f"{key} = {_short(value)}" for key, value in settings.items()) if isinstance(settings, dict) else ""
    )


def _short(value: object) -> str:
    """Return a value as text; of a long one, such as a packed mask, the start: the trace has it whole."""
    text = str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _address(values: Shown, aspect: float) -> str:
    pixels = np.rint(np.clip(np.nan_to_num(values), 0, 1) * 255).astype(np.uint8)
    return data_address(pixels, LARGEST_SIDE // 2, aspect)


def _histogram(values: Shown) -> Shown:
    """Return the heights of the bins, the highest but the lowest bin as 1: background would hide everything else."""
    counts, _ = np.histogram(np.clip(np.nan_to_num(values), 0, 1), bins=_BINS, range=(0, 1))
    top = max(int(counts[1:].max()), 1)
    return np.asarray(np.minimum(counts / top, 1.0))


def _profile(values: Shown) -> Shown:
    return np.asarray(np.clip(np.nan_to_num(values[values.shape[0] // 2]), 0, 1))


def _curve(name: str, heights: Shown) -> tuple[Text, str, str, str]:
    """Return name, colour, dashes and the points of a line across the width of a plot."""
    x = np.linspace(0, CURVE_WIDTH, len(heights)) if len(heights) > 1 else np.zeros(1)
    y = CURVE_HEIGHT * (1 - heights)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return ui(f"compare-{name}"), _COLOURS[name], _DASHES[name], points
