"""Instances of one series become volumes: the one door of this room."""

from dataclasses import dataclass, replace

import numpy as np

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.study import Series
from hounsfield.core.volume import Presentation, Samples, Volume
from hounsfield.errors import ImageError, UnsupportedModality
from hounsfield.header_walk import walk_headers
from hounsfield.image.ahead import ReadAhead
from hounsfield.image.fill import fill_volume
from hounsfield.image.frame import Frame
from hounsfield.image.grid import build_grid
from hounsfield.image.guard import refusing
from hounsfield.image.limits import PixelLimits
from hounsfield.image.quantity import Meaning, read_meaning
from hounsfield.image.readers import read_file
from hounsfield.image.relay import relay
from hounsfield.image.repair import NO_REPAIRS, Repair, RepairPlan, plan_repair
from hounsfield.image.series_frames import read_series_frames
from hounsfield.image.stack import Stack, stack_frames


@dataclass(frozen=True)
class Assembly:
    """What became of a series.

    Attributes:
        volumes: one or more, the one with the most slices first.
        issues: what the reading found out, in the order of the volumes; those with a fact ``volume`` (from 1) concern
            that volume alone. What the samples themselves show is left to ``check_volume``.
    """

    volumes: tuple[Volume, ...]
    issues: tuple[QualityIssue, ...]

    def issues_of(self, volume_index: int) -> tuple[QualityIssue, ...]:
        """Return the issues that concern one volume, from 0, or the series as a whole."""
        return tuple(issue for issue in self.issues if issue.facts.get("volume", volume_index + 1) == volume_index + 1)


def assemble(
    series: Series,
    limits: PixelLimits = PixelLimits(),  # noqa: B008 (frozen)
    as_float: bool = False,
    repairs: frozenset[Repair] = NO_REPAIRS,
    ahead: ReadAhead | None = None,
) -> Assembly:
    """Make the volumes of a series.

    DICOM frames are sorted by the projection of Image Position on the normal, and split where they mix sizes,
    orientations, spacings, frames of reference, echoes, b-values, image types or time points.

    Args:
        series: the instances of one Series Instance UID, or one file that is not DICOM.
        limits: bounds checked before anything is allocated.
        as_float: give float32 samples where whole numbers would do.
        repairs: what may be repaired; the issues then say what was made up.
        ahead: what was seen and read of the files already.

    Returns:
        At least one volume, with the issues found.

    Raises:
        UnsupportedModality: ``E305`` to ``E307``, ``E314``, ``E315``: nothing here is an image we read.
        Undecodable: the pixels of every volume are cut short, not decodable or beyond the limits.
        InconsistentSeries: ``E310``, ``E311``: the frames of every volume lie on no regular grid.
    """
    if not series.instances:
        raise UnsupportedModality("E315", uid=series.series_instance_uid)
    if not series.is_dicom:
        if len(series.instances) > 1:
            raise UnsupportedModality("E316", uid=series.series_instance_uid, found=len(series.instances))
        found = read_file(series, limits)
        return Assembly(found.volumes, found.issues)
    described = describe(series, limits, ahead)
    total = sum(_decoded_bytes(frame) for stack in described.stacks for frame in stack.frames)
    limits.require_samples((total,), 1, series.series_instance_uid)
    return _build_all(
        described.stacks,
        list(described.issues),
        described.started_seconds,
        series.series_instance_uid,
        _Terms(limits, as_float, repairs, ahead),
    )


@dataclass(frozen=True)
class _Terms:
    """How volumes are made."""

    limits: PixelLimits
    as_float: bool
    repairs: frozenset[Repair]
    ahead: ReadAhead | None


@dataclass(frozen=True)
class Described:
    """What the headers of a series say, before any pixel is decoded.

    Attributes:
        stacks: the frames of each volume, in order, the largest first.
        issues: what was found out.
        started_seconds: earliest acquisition, None where not given.
    """

    stacks: tuple[Stack, ...]
    issues: tuple[QualityIssue, ...]
    started_seconds: float | None


def describe(series: Series, limits: PixelLimits, ahead: ReadAhead | None = None) -> Described:
    """Read the headers of a DICOM series and sort its frames into stacks.

    Raises:
        UnsupportedModality, Undecodable: as ``assemble``.
    """
    frames, issues = _read_all(series, limits, ahead)
    with refusing("E300", series.series_instance_uid):
        stacks, mixture = stack_frames(frames, series.series_instance_uid)
    issues += [*_check_origin(frames, series), *mixture]
    moments = [frame.acquired_seconds for frame in frames if frame.acquired_seconds is not None]
    return Described(stacks, tuple(issues), min(moments, default=None))


def _read_all(series: Series, limits: PixelLimits, ahead: ReadAhead | None) -> tuple[list[Frame], list[QualityIssue]]:
    """Read every header; objects without an image are noted, unless there is no image at all."""
    instances = ahead.in_order(series.instances) if ahead else series.instances
    frames, refused = read_series_frames(instances, limits, ahead.walk if ahead else walk_headers)
    if not frames and refused:
        raise refused[0]
    issues = [QualityIssue(refusal.code, Severity.NOTE, refusal.facts, refusal.uid) for refusal in refused]
    return frames, issues


def _decoded_bytes(frame: Frame) -> int:
    layout = frame.layout
    return layout.rows * layout.columns * (3 if layout.is_colour else 1) * layout.dtype.itemsize


def _check_origin(frames: list[Frame], series: Series) -> list[QualityIssue]:
    """Find instances of other series, lossy compression and raw radiographs."""
    uid = series.series_instance_uid
    issues = []
    others = {frame.facts.series_instance_uid for frame in frames}
    if len(others) > 1:
        issues.append(QualityIssue("Q308", Severity.REJECT, {"count": len(others)}, uid))
    methods = sorted({frame.facts.compression for frame in frames} - {""})
    if methods:
        issues.append(QualityIssue("Q316", Severity.NOTE, {"method": methods[0]}, uid))
    if any(frame.facts.is_for_processing for frame in frames):
        issues.append(QualityIssue("Q332", Severity.WARN, {}, uid))
    if any(frame.tile is not None and not frame.tile.is_direction_known for frame in frames):
        issues.append(QualityIssue("E331", Severity.WARN, {}, uid))
    return issues


def _build_all(
    stacks: tuple[Stack, ...],
    issues: list[QualityIssue],
    started: float | None,
    uid: str,
    terms: _Terms,
) -> Assembly:
    """Build what can be built; a stack that fails beside one that does not becomes an issue."""
    volumes: list[Volume] = []
    failed: list[ImageError] = []
    for stack in stacks:
        try:
            with refusing("E300", uid):
                volume, found = _build(stack, started, uid, terms)
        except ImageError as error:
            failed.append(error)
            continue
        volumes.append(volume)
        is_one = len(stacks) == 1
        issues += found if is_one else [_numbered(issue, len(volumes)) for issue in found]
    if not volumes:
        raise failed[0]
    for failure in failed:
        facts = {**failure.facts, "volume": 0}
        issues.append(QualityIssue(failure.code, Severity.REJECT, facts, failure.uid or uid))
    return Assembly(tuple(volumes), tuple(issues))


def _build(stack: Stack, started: float | None, uid: str, terms: _Terms) -> tuple[Volume, list[QualityIssue]]:
    plan = plan_repair(stack, terms.repairs, uid)
    geometry, issues = build_grid(stack, uid) if plan is None else (plan.geometry, plan.issues)
    meaning = read_meaning(stack, started, uid)
    presentation = presentation_of(stack, meaning)
    if plan is not None:
        terms.limits.require_samples(geometry.shape, 4, uid)
    samples = fill_volume(stack, meaning, terms.limits, terms.as_float, terms.ahead)
    if plan is None or not plan.repairs:
        volume = volume_of(stack, geometry, meaning.quantity, samples, presentation)
    else:
        samples = relay(samples, plan, meaning.quantity, presentation.padding)
        presentation = replace(presentation, padding=None)
        volume = _repaired(volume_of(stack, geometry, meaning.quantity, samples, presentation), plan)
    found = [*issues, *meaning.issues]
    if presentation.padding is not None and not np.isnan(presentation.padding).any():
        facts = {"low": presentation.padding[0], "high": presentation.padding[1]}
        found.append(QualityIssue("Q317", Severity.NOTE, facts, uid))
    return volume, found


def _repaired(volume: Volume, plan: RepairPlan) -> Volume:
    """Mark a volume with its repairs; where whole slices are made up, nothing may be measured."""
    made_up = tuple(repair.value for repair in plan.repairs if repair is not Repair.TILT)
    marks = (*volume.enhanced_by, *made_up)
    return replace(volume, repaired_by=tuple(repair.value for repair in plan.repairs), enhanced_by=marks)


def presentation_of(stack: Stack, meaning: Meaning) -> Presentation:
    """Return how a stack is shown: as its middle frame, without what does not hold for all samples as they are."""
    presentation = stack.frames[len(stack.frames) // 2].presentation
    if len({frame.presentation.padding for frame in stack.frames}) > 1 or meaning.factors:
        presentation = replace(presentation, padding=None)
    if meaning.factors and set(meaning.factors) != {1.0}:
        # The header's window is on the rescaled values; they were scaled once more.
        presentation = replace(presentation, window=None, lookup_table=None)
    return presentation


def volume_of(
    stack: Stack, geometry: VolumeGeometry, quantity: Quantity, array: Samples, presentation: Presentation
) -> Volume:
    """Return the samples of a stack as a volume that names the source of every slice."""
    frames = stack.frames
    one_object = len({frame.uid for frame in frames}) == 1
    return Volume(
        array=array,
        geometry=geometry,
        quantity=quantity,
        instances=(frames[0].instance,) if one_object else tuple(frame.instance for frame in frames),
        frame_indices=_frame_indices(stack),
        slice_axis=stack.slice_axis,
        frame_times_seconds=stack.times_seconds,
        presentation=presentation,
        enhanced_by=tuple(dict.fromkeys(step for frame in frames for step in frame.facts.enhanced_by)),
    )


def _frame_indices(stack: Stack) -> tuple[int, ...]:
    """Return the frame of its object that each slice comes from; all slices of a mosaic are in its only one."""
    if any(frame.tile is not None for frame in stack.frames):
        return (0,) * len(stack.frames)
    is_multi_frame = any(frame.layout.frames > 1 for frame in stack.frames)
    return tuple(frame.frame_index for frame in stack.frames) if is_multi_frame else ()


def _numbered(issue: QualityIssue, number: int) -> QualityIssue:
    return replace(issue, facts={**issue.facts, "volume": number})
