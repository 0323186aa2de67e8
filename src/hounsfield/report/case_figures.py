"""Figures of single cases and objects: FROC, agreement of numbers, figures case by case, shares with intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hounsfield.core.prediction import Interval
from hounsfield.report.figures import (
    COLOURS,
    Drawing,
    Floats,
    NamedCurve,
    _axes,
    _explain,
    _finish,
    _latin,
    _line,
    _unit_square,
)

_LEAST_RATE = 1 / 16
"""Where the logarithmic axis of a FROC curve begins: half the lowest rate of LUNA16."""

_SPREAD = 0.28
"""Half the width over which the cases of a strip are spread, so that equal ones are told apart."""


def draw_froc(curves: Sequence[NamedCurve], rates: Sequence[float], points: Floats) -> Drawing:
    """Draw sensitivity against false positives an image on a logarithmic axis, and the points of the mean (CPM).

    Args:
        curves: the first is that of all classes; its points are marked.
        rates: false positives an image.
        points: sensitivity (rate,) there.
    """
    axes = _axes("False positives an image", "Sensitivity")
    most = max([rates[-1], *(float(np.max(named.x, initial=0)) for named in curves)])
    for index, named in enumerate(curves):
        # the curve goes on at its last height, and comes from 0
        x, y = np.append(named.x, most), np.append(named.y, named.y[-1] if len(named.y) else 0.0)
        axes.plot(
            np.maximum(x, _LEAST_RATE), y, drawstyle="steps-post", label=_latin(named.name, index), **_line(index)
        )
    axes.plot(rates, points, "o", color=COLOURS[0], markersize=4, label="rates of the mean sensitivity (CPM)")
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(rates), [f"{rate:g}" for rate in rates])
    axes.set_xlim(_LEAST_RATE, most * 1.05)
    axes.set_ylim(-0.01, 1.01)
    _explain(axes, "best")
    return _finish(axes)


def draw_agreement(reference: Floats, said: Floats, quantity: str) -> Drawing:
    """Draw the number that a model said (case,) against the reference (case,), with the line of agreement."""
    axes = _axes(f"Reference {quantity}", f"Model: {quantity}")
    ends = [float(np.min([reference, said])), float(np.max([reference, said]))]
    axes.plot(ends, ends, color="#999999", linewidth=0.8, label="agreement")
    axes.plot(reference, said, "o", color=COLOURS[0], markersize=3.5, alpha=0.6, label=f"cases (n = {len(reference)})")
    axes.set_aspect("equal", adjustable="datalim")
    _explain(axes, "upper left")
    return _finish(axes)


def draw_differences(reference: Floats, said: Floats, lines: Mapping[str, Interval], quantity: str) -> Drawing:
    """Draw model less reference against the mean of both (Bland and Altman 1986), with bias, limits, and intervals."""
    axes = _axes(f"Mean of model and reference: {quantity}", f"Model − reference: {quantity}")
    axes.axhline(0, color="#999999", linewidth=0.8)
    for index, (name, line) in enumerate(lines.items()):
        colour = COLOURS[1] if index == 0 else COLOURS[2]
        dashes = "-" if index == 0 else "--"
        axes.axhline(line.value, color=colour, linestyle=dashes, linewidth=1.3, label=f"{name} {line.value:.3g}")
        if np.isfinite([line.low, line.high]).all():
            axes.axhspan(line.low, line.high, color=colour, alpha=0.12, linewidth=0)
    axes.plot((reference + said) / 2, said - reference, "o", color=COLOURS[0], markersize=3.5, alpha=0.6)
    _explain(axes, "best")
    return _finish(axes)


def draw_strip(values: Mapping[str, Floats], quantity: str) -> Drawing:
    """Draw a figure of each case, 0 to 1, a column a name, with the median; undefined ones are left out."""
    axes = _axes("", quantity)
    ticks = []
    for index, (name, found) in enumerate(values.items()):
        known = np.sort(found[np.isfinite(found)])
        # neighbours in rank lie apart: the golden ratio spreads them without chance
        places = index + _SPREAD * (2 * ((np.arange(len(known)) * 0.618034) % 1) - 1)
        axes.plot(places, known, "o", color=COLOURS[index % len(COLOURS)], markersize=3.5, alpha=0.6)
        if len(known):
            middle = float(np.median(known))
            axes.plot([index - 0.36, index + 0.36], [middle, middle], color="#000000", linewidth=1.5)
        ticks.append(f"{_latin(name, index)}\n(n = {len(known)})")
    axes.set_xticks(range(len(ticks)), ticks, rotation=0 if len(ticks) < 5 else 40)
    axes.set_xlim(-0.6, len(ticks) - 0.4)
    axes.set_ylim(-0.02, 1.02)
    axes.grid(visible=False, axis="x")
    return _finish(axes)


def draw_shares(shares: Mapping[str, Interval], quantity: str) -> Drawing:
    """Draw shares with their intervals side by side; one that is not defined stays empty."""
    axes = _axes("", quantity)
    style: dict[str, Any] = {"fmt": "o", "color": COLOURS[0], "capsize": 3, "markersize": 5}
    for index, share in enumerate(shares.values()):
        if np.isfinite([share.value, share.low, share.high]).all():
            errors = [[max(0.0, share.value - share.low)], [max(0.0, share.high - share.value)]]
            axes.errorbar([index], [share.value], yerr=errors, **style)
    _unit_square(axes)
    axes.set_xticks(range(len(shares)), [_latin(name, index) for index, name in enumerate(shares)])
    axes.set_xlim(-0.6, len(shares) - 0.4)
    axes.grid(visible=False, axis="x")
    return _finish(axes)
