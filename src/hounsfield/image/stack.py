"""Frames become stacks: those that belong to one grid, in the order of their positions, never of their names."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.volume import SliceAxis
from hounsfield.image.frame import Frame
from hounsfield.image.separate import Separated, separate

COSINE_TOLERANCE = 1e-3
"""Largest difference of direction cosines within one stack (section 6.7 of the fact sheet)."""
SPACING_TOLERANCE = 1e-3
"""Largest relative difference of in-plane spacing within one stack."""


@dataclass(frozen=True)
class Stack:
    """The frames of one volume, in order.

    Attributes:
        frames: sorted along the normal, or in time.
        slice_axis: what the order means.
        times_seconds: start of each frame after the first one, for time.
        differs_by: what told this stack from others at the same positions, empty for none.
    """

    frames: tuple[Frame, ...]
    slice_axis: SliceAxis
    times_seconds: tuple[float, ...] = ()
    differs_by: str = ""


def stack_frames(frames: Sequence[Frame], series_uid: str) -> tuple[tuple[Stack, ...], tuple[QualityIssue, ...]]:
    """Split the frames of a series into stacks, the largest first, and say what was mixed."""
    issues: list[QualityIssue] = []
    unique = _drop_repeated(frames, series_uid, issues)
    loose = [frame for frame in unique if not frame.place.is_placed]
    stacks = _stack_loose(loose, series_uid, issues)
    placed = [frame for frame in unique if frame.place.is_placed]
    groups = _group(placed)
    issues += _describe_mixture(groups, series_uid)
    parts = [part for group in groups for part in separate(group)]
    for part in parts:
        stacks.append(_stack_placed(part))
    issues += _describe_parts(parts, series_uid)
    return tuple(sorted(stacks, key=lambda stack: -len(stack.frames))), tuple(issues)


def projections(frames: Sequence[Frame]) -> npt.NDArray[np.float64]:
    """Return Image Position projected on the normal of the first frame, millimetres."""
    places = np.asarray([frame.place.position_mm or (0.0, 0.0, 0.0) for frame in frames], dtype=np.float64)
    return np.asarray(places @ frames[0].place.normal)


def _drop_repeated(frames: Sequence[Frame], series_uid: str, issues: list[QualityIssue]) -> list[Frame]:
    """Keep one of each frame that came twice, in an order that does not depend on the files."""
    singles = {frame.instance.sop_instance_uid: frame for frame in frames}
    if len(singles) == len(frames):
        return [singles[uid] for uid in sorted(singles)]
    ordered = sorted(frames, key=lambda frame: (frame.uid, frame.frame_index, frame.instance.sha256))
    kept: dict[tuple[str, int], Frame] = {}
    for frame in ordered:
        kept.setdefault((frame.uid, frame.frame_index), frame)
    if len(kept) < len(ordered):
        facts = {"count": len(ordered) - len(kept)}
        issues.append(QualityIssue("Q301", Severity.WARN, facts, series_uid))
    return list(kept.values())


def _stack_loose(frames: Sequence[Frame], series_uid: str, issues: list[QualityIssue]) -> list[Stack]:
    """Make each object without a place in the patient a volume of its own; its frames follow each other in time."""
    objects: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        objects[frame.uid].append(frame)
    stacks = []
    for uid in sorted(objects):
        members = sorted(objects[uid], key=lambda frame: frame.frame_index)
        starts = tuple(frame.start_seconds for frame in members if frame.start_seconds is not None)
        times = starts if len(starts) == len(members) > 1 else ()
        axis = SliceAxis.TIME if len(members) > 1 else SliceAxis.SINGLE
        stacks.append(Stack(tuple(members), axis, times))
    sections = [uid for uid, members in objects.items() if members[0].facts.modality in ("CT", "MR", "PT")]
    if sections:
        issues.append(QualityIssue("Q320", Severity.WARN, {"count": len(sections)}, series_uid))
    return stacks


def _stack_placed(part: Separated) -> Stack:
    if part.is_time:
        return Stack(part.frames, SliceAxis.TIME, part.times_seconds, part.differs_by)
    order = np.argsort(projections(part.frames), kind="stable")
    axis = SliceAxis.SPACE if len(part.frames) > 1 else SliceAxis.SINGLE
    return Stack(tuple(part.frames[index] for index in order), axis, (), part.differs_by)


def _group(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Group frames that can share a grid: same size, kind, frame of reference, orientation and spacing."""
    groups: dict[Hashable, list[Frame]] = defaultdict(list)
    orientations: list[npt.NDArray[np.float64]] = []
    spacings: list[npt.NDArray[np.float64]] = []
    groups_of: dict[Hashable, list[Frame]] = {}
    for frame in frames:
        # Frames that were read alike share these very objects, and so their group.
        alike = (id(frame.layout), id(frame.facts), id(frame.marks), frame.place.cosines, frame.place.spacing_mm)
        group = groups_of.get(alike)
        if group is None:
            way = _cluster(frame.place.cosines or (), orientations, _is_same_direction)
            apart = _cluster(frame.place.spacing_mm or (), spacings, _is_same_spacing)
            group = groups[(_size(frame), _is_localizer(frame), _reference(frame), _mark(frame), way, apart)]
            groups_of[alike] = group
        group.append(frame)
    return list(groups.values())


def _cluster(
    value: Iterable[float],
    known: list[npt.NDArray[np.float64]],
    is_same: Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], bool],
) -> int:
    """Return the index of the first known value that is the same, adding a new one when there is none."""
    array = np.asarray(tuple(value), dtype=np.float64)
    for index, other in enumerate(known):
        if array.shape == other.shape and is_same(array, other):
            return index
    known.append(array)
    return len(known) - 1


def _is_same_direction(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    return bool(np.abs(one - other).max() <= COSINE_TOLERANCE)


def _is_same_spacing(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    return one.size == 0 or bool((np.abs(one - other) <= SPACING_TOLERANCE * other).all())


def _describe_mixture(groups: Sequence[Sequence[Frame]], series_uid: str) -> list[QualityIssue]:
    """Say in what the groups differ; a localiser beside its series is expected, and only noted."""
    heads = [group[0] for group in groups]
    sections = [head for head in heads if not _is_localizer(head)]
    issues = []
    if sections and len(sections) < len(heads):
        count = sum(len(group) for group in groups if _is_localizer(group[0]))
        issues.append(QualityIssue("Q324", Severity.NOTE, {"count": count}, series_uid))
    orientations: list[npt.NDArray[np.float64]] = []
    spacings: list[npt.NDArray[np.float64]] = []
    for head in sections:
        _cluster(head.place.cosines or (), orientations, _is_same_direction)
        _cluster(head.place.spacing_mm or (), spacings, _is_same_spacing)
    counts = {
        "Q304": len(orientations),
        "Q305": len({_reference(head) for head in sections}),
        "Q306": len(spacings),
        "Q307": len({_size(head) for head in sections}),
    }
    issues += [QualityIssue(code, Severity.WARN, {"count": n}, series_uid) for code, n in counts.items() if n > 1]
    stacks = len({_mark(head) for head in sections})
    if stacks > 1:
        issues.append(QualityIssue("Q309", Severity.NOTE, {"count": stacks, "attribute": "StackID"}, series_uid))
    return issues


def _describe_parts(parts: Sequence[Separated], series_uid: str) -> list[QualityIssue]:
    """Say which stacks share their positions and by what they differ, and which frames had to be dropped."""
    issues = []
    names = sorted({part.differs_by for part in parts if part.differs_by and not part.is_time})
    for name in names:
        count = sum(part.differs_by == name for part in parts)
        issues.append(QualityIssue("Q309", Severity.NOTE, {"count": count, "attribute": name}, series_uid))
    dropped = sum(part.dropped for part in parts)
    if dropped:
        issues.append(QualityIssue("Q301", Severity.WARN, {"count": dropped}, series_uid))
    return issues


def _size(frame: Frame) -> tuple[int, int, bool]:
    return frame.layout.rows, frame.layout.columns, frame.layout.is_colour


def _reference(frame: Frame) -> str | None:
    return frame.facts.frame_of_reference_uid


def _mark(frame: Frame) -> str:
    return frame.marks.get("StackID", "")


def _is_localizer(frame: Frame) -> bool:
    return "LOCALIZER" in frame.facts.image_type
