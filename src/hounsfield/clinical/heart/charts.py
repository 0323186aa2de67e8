"""Charts of a heart: the volume of both ventricles over the beat, and the wall as a bull's-eye."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from hounsfield.clinical.heart.chambers import LEFT, RIGHT
from hounsfield.clinical.heart.cine import CineTrack
from hounsfield.clinical.heart.cycle import Cycle
from hounsfield.core.conclusion import Wording
from hounsfield.core.report import Chart

RINGS = ((1, 6, 3.0), (7, 6, 2.0), (13, 4, 1.0))
"""First segment, number of segments and outer radius of each ring; the middle, segment 17, stays empty."""


def volume_chart(cycle: Cycle) -> Chart:
    """Return the volume of both ventricles in each phase, in ml, or in percent of the largest without spacing."""
    figure = _figure((7.0, 3.4))
    axes = figure.add_subplot()
    numbers = np.arange(1, len(cycle.phases) + 1)
    unit = "ml" if cycle.phases[0].is_calibrated else "% of the largest"
    for label, name, dash in ((LEFT, "left ventricle", "-"), (RIGHT, "right ventricle", "--")):
        values = np.array([phase.volume_ml(label) or phase.voxels(label) for phase in cycle.phases], dtype=float)
        if not cycle.phases[0].is_calibrated:
            values = 100 * values / max(values.max(), 1.0)
        axes.plot(numbers, values, dash, marker="o", markersize=3, label=name)
    for index, name in ((cycle.diastole, "ED"), (cycle.systole, "ES")):
        axes.axvline(index + 1, color="0.6", linewidth=0.8)
        axes.annotate(name, (index + 1, 0.02), xycoords=("data", "axes fraction"))
    axes.set_xlabel("Phase")
    axes.set_ylabel(f"Volume [{unit}]")
    axes.set_ylim(bottom=0)
    axes.legend()
    axes.grid(visible=True, alpha=0.3)
    return Chart(
        Wording("Volume of the ventricles over the beat", "心动周期内心室容积"),
        _png(figure),
        Wording(
            f"{len(numbers)} phases; end-diastole is phase {cycle.diastole + 1}, end-systole {cycle.systole + 1}.",
            f"共{len(numbers)}个时相；舒张末期为第{cycle.diastole + 1}时相，收缩末期为第{cycle.systole + 1}时相。",
        ),
    )


def area_chart(track: CineTrack) -> Chart:
    """Return the area of the cavity of a cine in each frame, in percent of the largest, ends of the beats marked."""
    figure = _figure((7.0, 3.0))
    axes = figure.add_subplot()
    numbers, shares = np.arange(1, len(track.areas) + 1), 100 * track.areas / track.areas.max()
    axes.plot(numbers, shares)
    for frames, marker, name in ((track.diastoles, "^", "end-diastole"), (track.systoles, "v", "end-systole")):
        places = np.array(frames, dtype=int)
        axes.plot(numbers[places], shares[places], marker, linestyle="none", label=name)
    axes.set_xlabel("Frame")
    axes.set_ylabel("Area [% of the largest]")
    axes.set_ylim(bottom=0)
    axes.legend()
    axes.grid(visible=True, alpha=0.3)
    said = ", ".join(f"{value:.0f} %" for value in track.ejections_percent())
    return Chart(
        Wording("Area of the cavity over the cine", "电影中心腔面积"),
        _png(figure),
        Wording(
            f"{len(track.beats)} whole beats in {len(numbers)} frames; fraction of each: {said}.",
            f"{len(numbers)}帧中有{len(track.beats)}个完整心搏；各自射血分数：{said}。",
        ),
    )


def bulls_eye(values: Sequence[float | None], title: Wording, unit: str) -> Chart:
    """Return values of segments 1 to 16 as a bull's-eye: base outside, anterior up, septum left.

    Args:
        values: of each segment, None where it was not measured.
        title: what they are.
        unit: of the values.
    """
    figure = _figure((4.2, 4.2))
    axes: Any = figure.add_subplot(projection="polar")
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    for first, count, outer in RINGS:
        width = 360.0 / count
        for place in range(count):
            value = values[first + place - 1]
            middle = np.radians(90.0 + place * width)
            shade = 0.5 if value is None else (value - low) / max(high - low, 1e-9)
            colour = (0.93, 0.93, 0.93) if value is None else (1 - 0.75 * shade, 1 - 0.45 * shade, 1 - 0.2 * shade)
            axes.bar(middle, 1.0, np.radians(width), outer - 1 + 0.6, color=colour, edgecolor="0.35", linewidth=0.8)
            text = f"{first + place}\n-" if value is None else f"{first + place}\n{value:.0f}"
            axes.text(middle, outer + 0.1, text, ha="center", va="center", fontsize=8)
    axes.set_axis_off()
    axes.set_title(f"{title.en} [{unit}]", fontsize=9)
    said = ", ".join(f"{number}: {'-' if value is None else f'{value:.0f}'}" for number, value in enumerate(values, 1))
    return Chart(
        title,
        _png(figure),
        Wording(f"Segments 1 to 16 in {unit}: {said}.", f"第1至16节段，单位 {unit}：{said}。"),
    )


def _figure(size: tuple[float, float]) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()
