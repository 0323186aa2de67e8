"""Repairs on reading, only on request: tilted stacks set upright, gaps filled, uneven slices laid on even ones.

Each makes samples that were not acquired, by linear interpolation; ``Volume.repaired_by`` and an issue say which.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.core.geometry import VolumeGeometry
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.volume import SliceAxis
from hounsfield.errors import SettingsError
from hounsfield.image.grid import ROUNDING_MM, build_grid, count_steps
from hounsfield.image.shear import Shear, measure_shear, slice_offsets_mm
from hounsfield.image.stack import Stack

Points = npt.NDArray[np.float64]
Samples = npt.NDArray[Any]

TILT_TOLERANCE_DEGREES = 0.5
"""How far the tilt of the header may be from the one that the positions show."""
_WHOLE_PIXELS = 1e-4
"""Offsets this near to a whole pixel move samples without interpolation."""


class Repair(StrEnum):
    """What may be repaired while a series is read."""

    TILT = "tilt"
    MISSING_SLICES = "missing-slices"
    SPACING = "spacing"


NO_REPAIRS: frozenset[Repair] = frozenset()


def repairs_named(names: Iterable[str]) -> frozenset[Repair]:
    """Return repairs by name.

    Raises:
        SettingsError: ``E327``, there is no such repair.

    Example:
        >>> sorted(repairs_named(["tilt", "spacing"]))
        [<Repair.SPACING: 'spacing'>, <Repair.TILT: 'tilt'>]
    """
    known = {repair.value: repair for repair in Repair}
    wanted = (names,) if isinstance(names, str) else tuple(names)
    for name in wanted:
        if name not in known:
            raise SettingsError("E327", found=name, expected=", ".join(known))
    return frozenset(known[name] for name in wanted)


@dataclass(frozen=True)
class RepairPlan:
    """Where every slice of a repaired volume comes from.

    Attributes:
        geometry: the grid of the repaired volume.
        row_offsets: row of each source slice that falls on row 0 of the result, fractional; empty without a tilt.
        column_offsets: the same of columns.
        places: fractional index of the source slice that each slice of the result is.
        repairs: what is repaired.
        issues: what is still wrong with the stack, and what was made up.
    """

    geometry: VolumeGeometry
    row_offsets: tuple[float, ...]
    column_offsets: tuple[float, ...]
    places: tuple[float, ...]
    repairs: tuple[Repair, ...]
    issues: tuple[QualityIssue, ...]


def plan_repair(stack: Stack, repairs: frozenset[Repair], series_uid: str) -> RepairPlan | None:
    """Return how a stack is repaired, None where none of the wanted repairs applies to it.

    Raises:
        InconsistentSeries: ``E311`` for a tilt that is not to be repaired, ``E310``.
    """
    if not repairs or stack.slice_axis is not SliceAxis.SPACE or stack.frames[0].layout.is_colour:
        return None
    count = len(stack.frames)
    shear = measure_shear(stack) if Repair.TILT in repairs else None
    geometry, issues = build_grid(stack if shear is None else _upright(stack), series_uid)
    plan = RepairPlan(geometry, (), (), tuple(map(float, range(count))), (), issues)
    if shear is not None:
        plan = _without_tilt(plan, stack, shear, series_uid)
    plan = _without_gaps(plan, stack, repairs, series_uid)
    return plan if plan.repairs or len(plan.issues) > len(issues) else None


def _upright(stack: Stack) -> Stack:
    """Return the stack with every position moved within its slice onto the normal of the first one."""
    place = stack.frames[0].place
    heights = slice_offsets_mm(stack)[0]
    points = np.asarray(place.position_mm) + np.outer(heights, place.normal)
    frames = tuple(
        replace(frame, place=replace(frame.place, position_mm=(float(x), float(y), float(z))))
        for frame, (x, y, z) in zip(stack.frames, points, strict=True)
    )
    return replace(stack, frames=frames)


def _without_tilt(plan: RepairPlan, stack: Stack, shear: Shear, series_uid: str) -> RepairPlan:
    """Widen the upright grid until it holds every slice, and say where each slice lies in it."""
    geometry = plan.geometry
    _, rows, columns = slice_offsets_mm(stack)
    moved = [_snapped(rows / geometry.row_spacing_mm), _snapped(columns / geometry.column_spacing_mm)]
    start = [int(np.floor(offsets.min())) for offsets in moved]
    more = [int(np.ceil(offsets.max())) - first for offsets, first in zip(moved, start, strict=True)]
    shape = (geometry.shape[0], geometry.shape[1] + more[0], geometry.shape[2] + more[1])
    facts = shear.facts()
    issues = [QualityIssue("E323", Severity.WARN, facts, series_uid)]
    declared = abs(shear.declared_degrees)
    if declared and abs(declared - shear.angle_degrees) > TILT_TOLERANCE_DEGREES:
        issues.append(QualityIssue("E328", Severity.WARN, facts, series_uid))
    return replace(
        plan,
        geometry=geometry.cropped((0, start[0], start[1]), shape),
        row_offsets=tuple(float(start[0] - offset) for offset in moved[0]),
        column_offsets=tuple(float(start[1] - offset) for offset in moved[1]),
        repairs=(Repair.TILT,),
        issues=(*issues, *(issue for issue in plan.issues if issue.code != "Q319")),
    )


def _snapped(offsets: Points) -> Points:
    whole = np.rint(offsets)
    return np.where(np.abs(offsets - whole) <= _WHOLE_PIXELS, whole, offsets)


def _without_gaps(plan: RepairPlan, stack: Stack, repairs: frozenset[Repair], series_uid: str) -> RepairPlan:
    """Lay slices on even steps where positions leave gaps or are uneven."""
    heights = slice_offsets_mm(stack)[0]
    found = {issue.code for issue in plan.issues}
    if "Q300" in found and Repair.MISSING_SLICES in repairs:
        repair, steps = Repair.MISSING_SLICES, sum(count_steps(heights))
    elif found & {"Q300", "Q302"} and Repair.SPACING in repairs:
        repair, steps = Repair.SPACING, round(float((heights[-1] - heights[0]) / np.median(np.diff(heights))))
    else:
        return plan
    # Positions come from a file: nothing is made of them before their number is known to be sane.
    if steps >= 2 * len(heights):
        facts: dict[str, object] = {"found": steps + 1 - len(heights), "expected": len(heights)}
        return replace(plan, issues=(*plan.issues, QualityIssue("E324", Severity.WARN, facts, series_uid)))
    is_even = repair is Repair.SPACING
    targets = np.linspace(heights[0], heights[-1], max(steps, 1) + 1) if is_even else _filled(heights)
    places = _places(heights, targets)
    synthetic = [index for index, place in enumerate(places) if place != round(place)]
    step_mm = float((targets[-1] - targets[0]) / (len(targets) - 1))
    along = abs(float(np.asarray(plan.geometry.direction)[:, 0] @ stack.frames[0].place.normal))
    facts = {"count": len(synthetic), "slices": _ranges(synthetic), "step_mm": round(step_mm, 4)}
    code = "E325" if repair is Repair.MISSING_SLICES else "E326"
    geometry = replace(
        plan.geometry,
        shape=(len(targets), *plan.geometry.shape[1:]),
        spacing_mm=(step_mm / along, *plan.geometry.spacing_mm[1:]),
    )
    left = (issue for issue in plan.issues if issue.code not in ("Q300", "Q302"))
    return replace(
        plan,
        geometry=geometry,
        places=places,
        repairs=(*plan.repairs, repair),
        issues=(QualityIssue(code, Severity.WARN, facts, series_uid), *left),
    )


def _filled(heights: Points) -> Points:
    """Return the heights with even ones in the gaps; slices that are there stay where they are."""
    gaps = zip(heights[:-1], heights[1:], count_steps(heights), strict=True)
    parts = [np.linspace(low, high, count + 1)[:-1] for low, high, count in gaps]
    return np.concatenate([*parts, heights[-1:]])


def _places(heights: Points, targets: Points) -> tuple[float, ...]:
    """Return fractional source indices of heights; those within rounding of a slice are that slice."""
    places = np.interp(targets, heights, np.arange(len(heights), dtype=np.float64))
    nearest = np.rint(places).astype(int)
    is_there = np.abs(heights[nearest] - targets) <= ROUNDING_MM
    return tuple(float(place) for place in np.where(is_there, nearest, places))


def _ranges(indices: Iterable[int]) -> str:
    """Return indices as text, neighbours joined: ``3, 7-9``."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in runs) or "-"
