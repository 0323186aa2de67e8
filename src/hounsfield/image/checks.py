"""What the samples of a volume show: constant, clipped, not finite, too small (section 9.1 of the fact sheet)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.core.quality import QualityCheck, QualityIssue, Severity
from hounsfield.core.quantities import Quantity
from hounsfield.core.volume import Volume

Samples = npt.NDArray[Any]

CLIPPED_WARN_FRACTION = 0.02
CLIPPED_PICTURE_FRACTION = 0.12
CLIPPED_REJECT_FRACTION = 0.5
"""Share of the samples at the largest value; more than 1-2 % at the end of the type is clipping.

A picture was windowed before it was stored: its bright end holds what the window left out. Sound ones reach 11.6 %.
"""
TINY_REJECT_PIXELS = 16
TINY_WARN_PIXELS = 64
FEWEST_LEVELS = 3
AIR_HU = (-1200.0, -100.0)
"""Where the darkest percent of a CT must lie when its rescale is right: air, lung or fat (section 9.1)."""
PADDING_BELOW_HU = -1500.0
_PART_SAMPLES = 2_000_000
_MOST_RANKED = 1_000_000
_MOST_LEVELS_SEEN = 100_000

FINITE = QualityCheck("finite", "Q314", None, "1", "> 0")
LEVELS = QualityCheck("levels", "Q311", None, "1", f"< {FEWEST_LEVELS}")
SIZE = QualityCheck("size", "Q315", None, "{pixels}", f"< {TINY_WARN_PIXELS}")
CLIPPING = QualityCheck("clipping", "Q313", None, "%", f"> {100 * CLIPPED_WARN_FRACTION:g}")
RESCALE = QualityCheck("rescale", "Q325", None, "[hnsf'U]", f"< {AIR_HU[0]:g}, >= {AIR_HU[1]:g}")


def check_volume(volume: Volume) -> tuple[QualityIssue, ...]:
    """Return what is wrong with the samples of a volume, the gravest first; later checks stop at the first reject.

    Padding is left out. Lookups beyond samples (gaps, tilt, spacing) are in the issues of ``assemble``.
    """
    return issues_of(sample_checks(volume))


def issues_of(checks: tuple[QualityCheck, ...]) -> tuple[QualityIssue, ...]:
    """Return the issues of checks, the gravest first."""
    issues = (check.issue for check in checks if check.issue is not None)
    return tuple(sorted(issues, key=lambda issue: issue.severity is not Severity.REJECT))


def sample_checks(volume: Volume) -> tuple[QualityCheck, ...]:
    """Return every check of the samples with the value that it measured; those after a reject are not made."""
    uid = volume.instances[0].sop_instance_uid if volume.instances else None
    finite = _check_finite(volume, uid)
    levels = replace(LEVELS, reason="unchecked-rejected") if finite.issue else _check_levels(volume, uid)
    if finite.issue or levels.issue:
        later = (replace(check, reason="unchecked-rejected") for check in (SIZE, CLIPPING, RESCALE))
        return (finite, levels, *later)
    return (finite, levels, _check_size(volume, uid), _check_clipping(volume, uid), _check_hounsfield(volume, uid))


def _check_finite(volume: Volume, uid: str | None) -> QualityCheck:
    if volume.array.dtype.kind != "f":
        return replace(FINITE, value=0.0)
    count = sum(part.size - int(np.count_nonzero(np.isfinite(part))) for part in _parts(volume, has_padding=True))
    issue = QualityIssue("Q314", Severity.REJECT, {"count": count}, uid) if count else None
    return replace(FINITE, value=float(count), issue=issue)


def _check_levels(volume: Volume, uid: str | None) -> QualityCheck:
    """Find images of no value, one value or two values."""
    span = _span(volume)
    if span is None:
        return _few_levels(0, QualityIssue("Q311", Severity.REJECT, {"value": "padding"}, uid))
    low, high = span
    if low == high:
        if low == 0:
            return _few_levels(1, QualityIssue("Q312", Severity.REJECT, {}, uid))
        return _few_levels(1, QualityIssue("Q311", Severity.REJECT, {"value": float(low)}, uid))
    if all(bool(((part == low) | (part == high)).all()) for part in _parts(volume)):
        facts: dict[str, object] = {"low": float(low), "high": float(high)}
        return _few_levels(2, QualityIssue("Q326", Severity.REJECT, facts, uid))
    part = next(_parts(volume))
    seen = len(np.unique(part[:: max(1, part.size // _MOST_LEVELS_SEEN)]))
    return replace(LEVELS, value=float(max(seen, FEWEST_LEVELS)))


def _few_levels(count: int, issue: QualityIssue) -> QualityCheck:
    return replace(LEVELS, code=issue.code, value=float(count), issue=issue)


def _check_size(volume: Volume, uid: str | None) -> QualityCheck:
    rows, columns = volume.geometry.shape[1:]
    shorter = min(rows, columns)
    check = replace(SIZE, value=float(shorter))
    if shorter >= TINY_WARN_PIXELS:
        return check
    severity = Severity.REJECT if shorter < TINY_REJECT_PIXELS else Severity.WARN
    return replace(check, issue=QualityIssue("Q315", severity, {"rows": rows, "columns": columns}, uid))


def _check_clipping(volume: Volume, uid: str | None) -> QualityCheck:
    """Count samples at the bright end: the largest value, or the smallest of an inverted image.

    A large share at the dark end is background and no fault.
    """
    span = _span(volume)
    if span is None:
        return replace(CLIPPING, reason="unchecked-flat")
    end = span[0] if volume.presentation.is_inverted else span[1]
    counts = [(int(np.count_nonzero(part == end)), part.size) for part in _parts(volume)]
    share = sum(count for count, _ in counts) / sum(size for _, size in counts)
    limit = CLIPPED_PICTURE_FRACTION if volume.quantity is Quantity.DISPLAY else CLIPPED_WARN_FRACTION
    check = replace(CLIPPING, value=float(f"{100 * share:.3g}"), threshold=f"> {100 * limit:g}")
    if share <= limit:
        return check
    is_grave = share > CLIPPED_REJECT_FRACTION and not volume.is_colour
    facts: dict[str, object] = {"percent": round(100 * share, 1), "value": float(end), "limit": f"{100 * limit:g}"}
    return replace(check, issue=QualityIssue("Q313", Severity.REJECT if is_grave else Severity.WARN, facts, uid))


def _check_hounsfield(volume: Volume, uid: str | None) -> QualityCheck:
    """Compare the darkest samples of a CT that holds air with where air must lie."""
    if volume.quantity is not Quantity.HOUNSFIELD:
        return replace(RESCALE, reason="unchecked-not-ct")
    step = max(1, volume.array.size // _MOST_RANKED)
    samples = np.concatenate([part[::step] for part in _parts(volume)] or [np.zeros(0)])
    samples = samples[samples > PADDING_BELOW_HU]
    if samples.size == 0:
        return replace(RESCALE, reason="unchecked-flat")
    dark, bright = np.percentile(samples, (1, 99))
    check = replace(RESCALE, value=float(round(float(dark))))
    is_right = AIR_HU[0] <= dark or bright - dark < 600
    # A stack of air and tissue spans at least 900 HU; when it starts near 0 the intercept was not applied.
    if is_right and not (dark >= AIR_HU[1] and bright >= 800):
        return check
    facts: dict[str, object] = {"dark_hu": round(float(dark)), "bright_hu": round(float(bright))}
    return replace(check, issue=QualityIssue("Q325", Severity.WARN, facts, uid))


def _span(volume: Volume) -> tuple[Any, Any] | None:
    """Return the least and the greatest sample that is not padding, None where all are."""
    spans = [(part.min(), part.max()) for part in _parts(volume)]
    return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None


def _parts(volume: Volume, *, has_padding: bool = False) -> Iterator[Samples]:
    """Give the samples flat, a few slices at a time, so that no check takes the memory of the volume again.

    Args:
        volume: whose samples.
        has_padding: whether samples that are padding are given as well; parts that hold nothing else are left out.
    """
    count = volume.array.shape[-3]
    padding = None if has_padding else volume.presentation.padding
    length = max(1, _PART_SAMPLES * count // max(volume.array.size, 1))
    for start in range(0, count, length):
        part: Samples = volume.array[..., start : start + length, :, :].reshape(-1)
        if padding is not None:
            part = part[(part < padding[0]) | (part > padding[1])]
        if part.size:
            yield part
