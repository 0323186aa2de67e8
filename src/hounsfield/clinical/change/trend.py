"""Trend: the volume of each lesion over any number of examinations, as a plot."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from hounsfield.clinical.change.lesion import Examination
from hounsfield.clinical.change.match import DEFAULT_MATCHING, Matching, Transform, match
from hounsfield.core.conclusion import Wording
from hounsfield.core.report import Chart


@dataclass(frozen=True)
class Track:
    """One lesion over time: (examination index, tracking UID, volume in mm3), in order."""

    points: tuple[tuple[int, str, float], ...]


def tracks(
    examinations: Sequence[Examination],
    transforms: Sequence[Transform | None] = (),
    how: Matching = DEFAULT_MATCHING,
) -> tuple[Track, ...]:
    """Follow each lesion from examination to examination, each matched with the one before it.

    Args:
        examinations: oldest first.
        transforms: for each but the last, from its patient frame to the next one's; none where the frames are one.
        how: limits and charges of the matching.
    """
    ways = tuple(transforms) or (None,) * max(len(examinations) - 1, 0)
    lines: list[list[tuple[int, str, float]]] = []
    ends: dict[str, list[tuple[int, str, float]]] = {}
    for index, examination in enumerate(examinations):
        known, ends_now = ends, {}
        before = examinations[index - 1].lesions if index else ()
        for pair in match(before, examination.lesions, ways[index - 1] if index else None, how):
            if pair.later is None:
                continue
            line = known.get(pair.earlier.tracking_uid) if pair.earlier else None
            if line is None:
                line = []
                lines.append(line)
            line.append((index, pair.later.tracking_uid, pair.later.volume_mm3))
            ends_now[pair.later.tracking_uid] = line
        ends = ends_now
    return tuple(Track(tuple(line)) for line in lines)


def trend_chart(examinations: Sequence[Examination], found: Sequence[Track]) -> Chart:
    """Return the plot of volume over time, one line a lesion, volumes on a logarithmic axis.

    On that axis a constant doubling time is a straight line.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    days = [datetime.strptime(item.study_date, "%Y%m%d").date() for item in examinations]  # noqa: DTZ007 - a date alone
    dates = np.array(days, "datetime64[D]")
    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for number, track in enumerate(found, start=1):
        line = [(dates[index], volume) for index, _, volume in track.points if volume > 0]
        if line:
            axes.plot(np.array([day for day, _ in line]), [value for _, value in line], marker="o", label=str(number))
    axes.set_yscale("log")
    for axis in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        axis(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.set_xlabel("Date")
    axes.set_ylabel("Volume [mm3]")
    axes.set_xticks(dates, [day.isoformat() for day in days], rotation=30, ha="right")
    if found:
        axes.legend(title="Lesion")
    axes.grid(visible=True, alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    count = len(found)
    return Chart(
        Wording("Volume of each lesion over time", "各病灶体积随时间的变化"),
        buffer.getvalue(),
        Wording(
            f"Volumes of {count} lesions in {len(dates)} examinations; on this axis a constant doubling time is a "
            "straight line.",
            f"{len(dates)}次检查中{count}个病灶的体积；在此坐标轴上，恒定的倍增时间呈直线。",
        ),
    )
