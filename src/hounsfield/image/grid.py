"""The grid of a stack: slice step from the positions, and what is wrong with them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hounsfield.core.geometry import Rows, VolumeGeometry
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.volume import SliceAxis
from hounsfield.errors import InconsistentSeries
from hounsfield.image.frame import Frame
from hounsfield.image.shear import DRIFT_PIXELS, measure_shear
from hounsfield.image.stack import Stack

WARN_FRACTION = 0.01
WARN_MM = 0.01
REJECT_FRACTION = 0.05
GAP_FRACTION = 0.15
"""How far a gap may be from a multiple of the step and still count as missing slices."""
JITTER_FRACTION = 0.2
"""How far, in steps, slices may lie from an even line that still gives their step."""
ROUNDING_MM = 1e-4
"""What rounding of decimal strings may add."""
Points = npt.NDArray[np.float64]


def build_grid(stack: Stack, series_uid: str) -> tuple[VolumeGeometry, tuple[QualityIssue, ...]]:
    """Return the grid of a stack and the issues of its positions.

    Raises:
        InconsistentSeries: ``E311`` for slices that are shifted against each other (gantry tilt), ``E310``.
    """
    head = stack.frames[0]
    place, layout = head.place, head.layout
    row_mm, column_mm = place.spacing_mm or (place.aspect, 1.0)
    issues = list(_describe_spacing(head, series_uid))
    step_mm, origin, direction = place.thickness_mm or 1.0, (0.0, 0.0, 0.0), None
    if place.is_placed and place.position_mm is not None:
        origin = place.position_mm
        direction = _columns(place.normal, head)
        if stack.slice_axis is SliceAxis.SPACE:
            positions = np.asarray([frame.place.position_mm for frame in stack.frames], dtype=np.float64)
            step_mm, spacing_issues = _check_steps(positions @ place.normal, series_uid)
            axis = _slice_axis(stack, positions, min(row_mm, column_mm), series_uid)
            direction = _columns(axis, head)
            issues += spacing_issues
            issues += _check_sideways(positions, place.normal, min(row_mm, column_mm), series_uid)
            step_mm /= float(axis @ place.normal)
    if not place.is_in_patient:
        issues.append(QualityIssue("Q331", Severity.WARN, {}, series_uid))
    issues += _check_tilt(head, series_uid)
    return VolumeGeometry(
        shape=(len(stack.frames), layout.rows, layout.columns),
        spacing_mm=(step_mm, row_mm, column_mm),
        origin_mm=origin,
        frame_of_reference_uid=head.facts.frame_of_reference_uid,
        calibration=place.calibration,
        **({} if direction is None else {"direction": direction}),
    ), tuple(issues)


def _columns(axis: Points, head: Frame) -> Rows:
    """Return the direction matrix: columns are the slice, row and column axes."""
    cosines = np.asarray(head.place.cosines)
    matrix = np.stack([axis, cosines[3:], cosines[:3]], axis=1)
    rows = [(float(x), float(y), float(z)) for x, y, z in matrix]
    return rows[0], rows[1], rows[2]


def _check_steps(heights: Points, series_uid: str) -> tuple[float, list[QualityIssue]]:
    """Return the step, and whether slices are missing or the steps uneven (section 6.7 of the fact sheet)."""
    steps = np.diff(heights)
    median = float(np.median(steps))
    worst = float(np.abs(steps - median).max())
    mean = float((heights[-1] - heights[0]) / len(steps))
    if worst <= min(WARN_FRACTION * median, WARN_MM) + ROUNDING_MM:
        return mean, []
    facts: dict[str, object] = {"median_mm": round(median, 4), "worst_mm": round(worst, 4)}
    if worst <= REJECT_FRACTION * median:
        return mean, [QualityIssue("Q302", Severity.WARN, facts, series_uid)]
    multiples = count_steps(heights)
    if max(multiples, default=1) > 1:
        smallest = _unit_step(steps)
        count, gaps = sum(multiples) - len(multiples), sum(multiple > 1 for multiple in multiples)
        facts = {"count": count, "gaps": gaps, "median_mm": round(smallest, 4)}
        return smallest, [QualityIssue("Q300", Severity.REJECT, facts, series_uid)]
    # Positions rounded to a decimal jitter about an even line, whose step is the mean; the median is a rounded one.
    apart = float(np.abs(heights - np.linspace(heights[0], heights[-1], len(heights))).max())
    step = mean if apart <= JITTER_FRACTION * mean else median
    return step, [QualityIssue("Q302", Severity.REJECT, facts, series_uid)]


def count_steps(heights: Points) -> tuple[int, ...]:
    """Return how many steps of the smallest size lie between neighbours, empty where they are not whole ones."""
    steps = np.diff(heights)
    multiples = steps / _unit_step(steps)
    whole = np.rint(multiples)
    is_whole = bool((np.abs(multiples - whole) <= GAP_FRACTION).all())
    return tuple(int(multiple) for multiple in whole) if is_whole else ()


def _unit_step(steps: Points) -> float:
    """Return the median of the steps of about the smallest size: the step between neighbours that are both there."""
    smallest = float(steps.min())
    return float(np.median(steps[steps <= smallest * (1 + GAP_FRACTION)]))


def _slice_axis(stack: Stack, positions: Points, pixel_mm: float, series_uid: str) -> Points:
    """Return the unit vector from slice to slice: the normal, or the true axis of a tiny drift.

    Raises:
        InconsistentSeries: ``E311`` for a drift that the grid would show.
    """
    shear = measure_shear(stack)
    if shear is not None:
        raise InconsistentSeries("E311", uid=series_uid, **shear.facts())
    normal = stack.frames[0].place.normal
    way = positions[-1] - positions[0]
    if float(np.linalg.norm(way - (way @ normal) * normal)) <= DRIFT_PIXELS * pixel_mm:
        return normal
    return np.asarray(way / np.linalg.norm(way), dtype=np.float64)


def _check_sideways(positions: Points, normal: Points, pixel_mm: float, series_uid: str) -> list[QualityIssue]:
    """Compare each position with the straight line from the first to the last slice."""
    heights = (positions - positions[0]) @ normal
    if len(positions) < 3 or heights[-1] <= 0:
        return []
    line = positions[0] + np.outer(heights / heights[-1], positions[-1] - positions[0])
    worst = float(np.linalg.norm(positions - line, axis=1).max())
    if worst <= 0.5 * pixel_mm:
        return []
    return [QualityIssue("Q323", Severity.REJECT, {"worst_mm": round(worst, 3)}, series_uid)]


def _check_tilt(head: Frame, series_uid: str) -> list[QualityIssue]:
    """Warn where the header declares a tilt of the gantry that neither orientation nor positions show."""
    tilt = head.facts.tilt_degrees
    cosines: Sequence[float] = head.place.cosines or ()
    if abs(tilt) < 0.5 or not cosines or head.facts.modality != "CT":
        return []
    is_axial = abs(float(head.place.normal[2])) > np.cos(np.radians(0.25))
    return [QualityIssue("Q319", Severity.WARN, {"angle_degrees": tilt}, series_uid)] if is_axial else []


def _describe_spacing(head: Frame, series_uid: str) -> list[QualityIssue]:
    """Say that lengths are unknown, or only true at the detector."""
    if head.place.spacing_mm is not None:
        return []
    is_picture = head.facts.modality not in ("CT", "MR", "PT", "NM", "MG", "DX", "CR")
    return [QualityIssue("Q310", Severity.NOTE if is_picture else Severity.WARN, {}, series_uid)]
