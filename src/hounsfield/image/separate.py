"""Frames at the same positions told apart: echoes, b-values, image types, time points."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hounsfield.image.frame import CATEGORIES, DIMENSIONS, MOMENTS, Frame
from hounsfield.image.reading import read_instance_number

POSITION_TOLERANCE_MM = 2e-3
"""Frames closer than this along the normal lie at one position."""
_MILLISECONDS = frozenset(("TriggerTime", "NominalCardiacTriggerDelayTime", "FrameReferenceTime"))


@dataclass(frozen=True)
class Separated:
    """Frames of which no two share a position, or one position seen through time.

    Attributes:
        frames: in time order for time, else in no order.
        differs_by: the attribute that told them from others.
        is_time: whether this is one position through time.
        times_seconds: start of each frame after the first, empty where unknown.
        dropped: frames left out because nothing told them from others at their position.
    """

    frames: tuple[Frame, ...]
    differs_by: str = ""
    is_time: bool = False
    times_seconds: tuple[float, ...] = ()
    dropped: int = 0


def separate(frames: Sequence[Frame], differs_by: str = "") -> list[Separated]:
    """Split frames of one orientation until no two of a part share a position.

    An attribute splits when it has no more values than frames share a position; an attribute that varies from slice
    to slice (a trigger time, an acquisition time) ranks the frames of each position instead.
    """
    positions = _positions(frames)
    most = max(len(members) for members in positions)
    if most == 1:
        return [Separated(tuple(frames), differs_by)]
    for keyword in CATEGORIES:
        values = _split(frames, keyword)
        if 2 <= len(values) <= most and _tells_apart(positions, keyword):
            return [part for value in sorted(values, key=_order) for part in separate(values[value], keyword)]
    if len(positions) == 1:
        return [_through_time(frames, differs_by)]
    return _by_moment(frames, positions, most, differs_by)


def _by_moment(
    frames: Sequence[Frame], positions: Sequence[Sequence[Frame]], most: int, differs_by: str
) -> list[Separated]:
    for keyword in (*MOMENTS, DIMENSIONS):
        values = _split(frames, keyword)
        if 2 <= len(values) <= most and _tells_apart(positions, keyword):
            return [part for value in sorted(values, key=_order) for part in separate(values[value], keyword)]
    for name, moment in _CLOCKS:
        ranked = _rank(positions, most, moment)
        if ranked:
            return [Separated(tuple(members), name) for members in ranked]
    kept = tuple(members[0] for members in positions)
    return [Separated(kept, differs_by, dropped=len(frames) - len(kept))]


def _through_time(frames: Sequence[Frame], differs_by: str) -> Separated:
    """Order the frames of one position by the first clock that tells them all apart; else keep one of them."""
    for _, moment in _CLOCKS:
        moments = [moment(frame) for frame in frames]
        known = [value for value in moments if value is not None]
        if len(set(known)) == len(frames):
            order = np.argsort(known, kind="stable")
            times = tuple(float(known[index] - min(known)) for index in order)
            is_counter = moment in _COUNTERS
            return Separated(tuple(frames[index] for index in order), "time", True, () if is_counter else times)
    return Separated((frames[0],), differs_by, dropped=len(frames) - 1)


def _rank(
    positions: Sequence[Sequence[Frame]], most: int, moment: Callable[[Frame], float | None]
) -> list[list[Frame]]:
    """Return the first, second, ... frame of every position, empty where a clock does not order them all."""
    ranked: list[list[Frame]] = [[] for _ in range(most)]
    for members in positions:
        moments = {id(frame): moment(frame) for frame in members}
        known = {key: value for key, value in moments.items() if value is not None}
        if len(members) != most or len(set(known.values())) != most:
            return []
        for rank, frame in enumerate(sorted(members, key=lambda item: known[id(item)])):
            ranked[rank].append(frame)
    return ranked


def _positions(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Group frames that lie at one position along the normal."""
    normal = frames[0].place.normal
    heights = np.asarray([frame.place.position_mm or (0.0, 0.0, 0.0) for frame in frames]) @ normal
    order = np.argsort(heights, kind="stable")
    is_new = np.diff(heights[order], prepend=-np.inf) > POSITION_TOLERANCE_MM
    groups: list[list[Frame]] = []
    for index, begins in zip(order.tolist(), is_new.tolist(), strict=True):
        if begins:
            groups.append([])
        groups[-1].append(frames[index])
    return groups


def _split(frames: Sequence[Frame], keyword: str) -> dict[str, list[Frame]]:
    values: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        values[frame.marks.get(keyword, "")].append(frame)
    return values


def _tells_apart(positions: Sequence[Sequence[Frame]], keyword: str) -> bool:
    return any(len({frame.marks.get(keyword, "") for frame in members}) > 1 for members in positions)


def _order(value: str) -> tuple[float, str]:
    """Sort numbers as numbers, and other values after them."""
    try:
        return float(value), value
    except ValueError:
        return float("inf"), value


def _clock(keyword: str) -> Callable[[Frame], float | None]:
    scale = 1000.0 if keyword in _MILLISECONDS else 1.0

    def moment(frame: Frame) -> float | None:
        value = _order(frame.marks.get(keyword, ""))[0]
        return value / scale if np.isfinite(value) else None

    return moment


def _acquired(frame: Frame) -> float | None:
    return frame.acquired_seconds


def _started(frame: Frame) -> float | None:
    return frame.start_seconds


def _frame_index(frame: Frame) -> float | None:
    """Count the frames of one multi-frame object; single frames all have index 0."""
    return float(frame.frame_index)


def _instance_number(frame: Frame) -> float | None:
    """Read Instance Number, which moves from file to file and is therefore not among the marks."""
    return read_instance_number(frame.instance)


_COUNTED = tuple((keyword, _clock(keyword)) for keyword in MOMENTS if keyword not in _MILLISECONDS)
_CLOCKS: tuple[tuple[str, Callable[[Frame], float | None]], ...] = (
    *((keyword, _clock(keyword)) for keyword in MOMENTS if keyword in _MILLISECONDS),
    ("AcquisitionTime", _acquired),
    ("FrameTime", _started),
    *_COUNTED,
    ("FrameNumber", _frame_index),
    ("InstanceNumber", _instance_number),
)
_COUNTERS = frozenset((*(moment for _, moment in _COUNTED), _frame_index, _instance_number))
"""Clocks that only count: they order frames, and tell no time."""
