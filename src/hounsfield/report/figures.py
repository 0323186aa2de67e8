"""Figures of evaluations and training runs: drawn off screen, the same bytes each time, told apart without colour.

Words in a figure are English; captions in other languages belong to the page around it. Colours are those of Okabe and
Ito (2008), which people with colour vision deficiency can tell apart; lines differ in their dashes as well.
"""

import io
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8a7a00")
_DASHES = ("-", "--", "-.", ":")
_STYLE: Any = {
    "svg.hashsalt": "hounsfield",
    "svg.fonttype": "path",
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
}
_COUNT_TICKS = [0, *(digit * 10**power for power in range(7) for digit in (1, 2, 5))]
_FIRST_IDEOGRAPH = 0x2E80
_LOCK = threading.Lock()
"""Matplotlib's settings belong to the process; they are changed for the length of one drawing, by one thread."""

Floats = npt.NDArray[np.floating]
_Place = Literal["best", "lower left", "lower center", "lower right", "upper left", "upper center"]


@dataclass(frozen=True)
class ReliabilityPoint:
    """A bin of a reliability diagram: mean predicted probability, observed share and the ends of its interval."""

    predicted: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True)
class Drawing:
    """A finished figure."""

    figure: Figure

    def svg(self) -> str:
        """Return the figure as SVG text without date or random names: equal figures give equal text."""
        buffer = io.StringIO()
        with _LOCK, mpl.rc_context(_STYLE):
            self.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"

    def png(self, dots_per_inch: int = 150) -> bytes:
        """Return the figure as PNG."""
        buffer = io.BytesIO()
        with _LOCK, mpl.rc_context(_STYLE):
            self.figure.savefig(buffer, format="png", dpi=dots_per_inch, metadata={"Software": None})
        return buffer.getvalue()


@dataclass(frozen=True)
class CurveBand:
    """The interval of a curve: its lower and upper end (k,) at x (k,)."""

    x: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class NamedCurve:
    """A curve x (k,), y (k,) with the name and area that its legend gives, and its interval where it is known."""

    name: str
    x: Floats
    y: Floats
    area: float
    band: CurveBand | None = None


def draw_roc(
    curves: Sequence[NamedCurve],
    point: tuple[float, float] | None = None,
    ends: tuple[tuple[float, float], tuple[float, float]] | None = None,
) -> Drawing:
    """Draw ROC curves, and the operating point (sensitivity, specificity) with the ends of its two intervals."""
    axes = _axes("1 − specificity (false-positive fraction)", "Sensitivity (true-positive fraction)")
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, label="chance (0.500)")
    for index, named in enumerate(curves):
        _shade(axes, named.band, index)
        axes.plot(named.x, named.y, label=_legend(named, index, "AUROC"), **_line(index))
    if point is not None and ends is not None:
        (low, high), (less, more) = ends
        axes.plot([1 - point[1]] * 2, [low, high], color="#000000", linewidth=1)
        axes.plot([1 - more, 1 - less], [point[0]] * 2, color="#000000", linewidth=1)
    if point is not None:
        axes.plot([1 - point[1]], [point[0]], "o", color="#000000", markersize=6, label="operating point")
    _unit_square(axes)
    _explain(axes, "lower right")
    return _finish(axes)


def draw_precision_recall(curves: Sequence[NamedCurve], prevalence: float | None = None) -> Drawing:
    """Draw precision-recall curves; the prevalence is what a guess reaches."""
    axes = _axes("Sensitivity (recall)", "Positive predictive value (precision)")
    for index, named in enumerate(curves):
        label = _legend(named, index, "average precision")
        axes.plot(named.x, named.y, drawstyle="steps-pre", label=label, **_line(index))
    if prevalence is not None:
        axes.axhline(prevalence, color="#999999", linewidth=0.8, label=f"chance ({prevalence:.3f})")
    _unit_square(axes)
    _explain(axes, "lower left")
    return _finish(axes)


def draw_reliability(
    points: Sequence[ReliabilityPoint], probabilities: Floats, quantity: str = "probability"
) -> Drawing:
    """Draw observed shares against predicted ones with their 95 % intervals, and how the predictions are spread."""
    with _LOCK, mpl.rc_context(_STYLE):
        figure = _figure(4.6, 4.9)
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, label="perfect")
    errors = [
        [max(0.0, point.observed - point.low) for point in points],
        [max(0.0, point.high - point.observed) for point in points],
    ]
    predicted, observed = [point.predicted for point in points], [point.observed for point in points]
    style: dict[str, Any] = {"fmt": "o-", "color": COLOURS[0], "markersize": 4, "linewidth": 1.2, "capsize": 2}
    axes.errorbar(predicted, observed, yerr=errors, label="bins of equal size, 95 % interval", **style)
    axes.set_ylabel("Observed fraction")
    _explain(axes, "upper left")
    _unit_square(axes)
    below.hist(np.asarray(probabilities), bins=np.linspace(0, 1, 21).tolist(), color=COLOURS[0])
    below.set_ylabel("Cases")
    below.set_xlabel(_title(f"Predicted {quantity}"))
    return _settled(figure)


def draw_confusion(matrix: npt.NDArray[np.int64], class_names: Sequence[str]) -> Drawing:
    """Draw a confusion matrix: each cell with its count and its percentage of the reference class."""
    names = [_latin(name, index) for index, name in enumerate(class_names)]
    percent = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = max(3.8, 0.95 * len(names) + 1.8)
    with _LOCK, mpl.rc_context({**_STYLE, "axes.grid": False}):
        figure = _figure(side + 0.6, side)
        axes = figure.subplots()
    image = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    for row in range(len(names)):
        for column in range(len(names)):
            colour = "white" if percent[row, column] > 55 else "black"
            text = f"{matrix[row, column]}\n{percent[row, column]:.1f} %"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(
        range(len(names)), names, rotation=30 if len(names) > 2 else 0, ha="right" if len(names) > 2 else "center"
    )
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("Called class")
    axes.set_ylabel("Reference class")
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("Percent of the reference class (%)")
    return _settled(figure)


def draw_scores(scores: Mapping[str, Floats], threshold: float | None = None, quantity: str = "Score") -> Drawing:
    """Draw how the scores of each reference class are spread, and the threshold."""
    axes = _axes(f"{quantity} (0 to 1)", "Cases (logarithmic above 2)")
    edges = np.linspace(0, 1, 41)
    for index, (name, values) in enumerate(scores.items()):
        counts, _ = np.histogram(np.asarray(values), bins=edges)
        label = f"{_latin(name, index)} (n = {len(values)})"
        axes.stairs(counts, edges, fill=True, color=COLOURS[index % len(COLOURS)], alpha=0.35)
        axes.stairs(counts, edges, color=COLOURS[index % len(COLOURS)], label=label, linewidth=1.2)
    if threshold is not None:
        axes.axvline(threshold, color="#000000", linestyle="--", linewidth=1, label=f"threshold {threshold:.3f}")
    axes.set_xlim(0, 1)
    highest = max((int(np.histogram(np.asarray(values), bins=edges)[0].max()) for values in scores.values()), default=1)
    ticks = [tick for tick in _COUNT_TICKS if tick <= 2 * highest]
    axes.set_yscale("symlog", linthresh=2)
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.set_ylim(0, 2 * highest + 1)
    _explain(axes, "upper center")
    return _finish(axes)


def draw_sweep(thresholds: Floats, worth: Mapping[str, Floats], threshold: float | None = None) -> Drawing:
    """Draw what each threshold (k,) would be worth, and the one in use.

    Args:
        thresholds: (k,) from 0 to 1.
        worth: fractions (k,) by name, such as sensitivity.
        threshold: the one in use.
    """
    axes = _axes("Threshold on the score", "Fraction")
    for index, (name, values) in enumerate(worth.items()):
        axes.plot(thresholds, values, label=_latin(name, index), **_line(index))
    if threshold is not None:
        axes.axvline(threshold, color="#000000", linewidth=1, label=f"threshold in use {threshold:.3f}")
    _unit_square(axes)
    _explain(axes, "lower center")
    return _finish(axes)


def draw_decision_curve(
    thresholds: Floats, model: CurveBand, worth: Mapping[str, Floats], threshold: float | None = None
) -> Drawing:
    """Draw net benefit over the threshold probability (Vickers and Elkin 2006): the first line is the model's.

    Args:
        thresholds: (k,) from which one would act.
        model: interval of the model's net benefit.
        worth: net benefit (k,) by name.
        threshold: the one in use.
    """
    axes = _axes("Threshold probability", "Net benefit (true positives a case)")
    _shade(axes, model, 0)
    for index, (name, values) in enumerate(worth.items()):
        axes.plot(thresholds, values, label=_latin(name, index), **_line(index))
    if threshold is not None:
        axes.axvline(threshold, color="#000000", linewidth=1, label=f"threshold in use {threshold:.3f}")
    known = np.concatenate([np.ravel(values) for values in (*worth.values(), model.high)])
    highest = float(np.max(known[np.isfinite(known)], initial=0.0))
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.25 * highest - 0.02, 1.1 * highest + 0.02)
    _explain(axes, "best")
    return _finish(axes)


def draw_learning_curves(
    curves: Mapping[str, Sequence[float]], measure: str, chosen_epoch: int | None = None, step: str = "Epoch"
) -> Drawing:
    """Draw a measure over epochs.

    Args:
        curves: values of each epoch, the first is epoch 1, by name (``training``, ``tuning``).
        measure: what the values are, with its unit: the title of the y axis.
        chosen_epoch: the epoch whose weights were kept, from 1.
        step: what is counted.
    """
    axes = _axes(step, measure)
    for index, (name, values) in enumerate(curves.items()):
        marker = "o" if len(values) < 3 else None
        axes.plot(np.arange(1, len(values) + 1), values, label=_latin(name, index), marker=marker, **_line(index))
    if chosen_epoch is not None:
        axes.axvline(
            chosen_epoch, color="#666666", linewidth=1, linestyle=":", label=f"kept: {step.lower()} {chosen_epoch}"
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _explain(axes, "best")
    return _finish(axes)


def _figure(width_inch: float, height_inch: float) -> Figure:
    figure = Figure(figsize=(width_inch, height_inch), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _axes(x_title: str, y_title: str) -> Axes:
    with _LOCK, mpl.rc_context(_STYLE):
        axes = _figure(4.6, 4.1).subplots()
    axes.set_xlabel(_title(x_title))
    axes.set_ylabel(_title(y_title))
    return axes


def _finish(axes: Axes) -> Drawing:
    figure = axes.get_figure(root=True)
    return _settled(figure if isinstance(figure, Figure) else Figure())


def _settled(figure: Figure) -> Drawing:
    """Let the layout come to rest and keep it, so that a second drawing gives the same bytes as the first."""
    with _LOCK, mpl.rc_context(_STYLE):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    return Drawing(figure)


def _shade(axes: Axes, band: CurveBand | None, index: int) -> None:
    if band is not None:
        colour = COLOURS[index % len(COLOURS)]
        axes.fill_between(band.x, band.low, band.high, color=colour, alpha=0.18, linewidth=0)


def _explain(axes: Axes, place: _Place) -> None:
    """Put the legend into its place, where there is anything to explain."""
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc=place, fontsize=8)


def _line(index: int) -> dict[str, Any]:
    colour = COLOURS[index % len(COLOURS)]
    return {"color": colour, "linestyle": _DASHES[index % len(_DASHES)], "linewidth": 1.6}


def _legend(named: NamedCurve, index: int, area: str) -> str:
    name = f"{_latin(named.name, index)}, " if named.name else ""
    return f"{name}{area} {named.area:.3f}"


def _title(text: str) -> str:
    """Return the title of an axis of letters that the figure's font has; no sign starts a formula."""
    return "".join(letter for letter in text if ord(letter) < _FIRST_IDEOGRAPH).replace("$", r"\$").rstrip()


def _latin(name: str, index: int) -> str:
    """Return a name as the figure's font has it: other scripts become a number, and no sign starts a formula."""
    if any(ord(letter) > 0x24F for letter in name):
        return f"class {index + 1}"
    # a legend leaves out what begins with an underscore
    return f" {name}".replace("$", r"\$") if name.startswith("_") else name.replace("$", r"\$")


def _unit_square(axes: Axes) -> None:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
