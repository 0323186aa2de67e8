"""Crop-foreground: cut the empty background off around the body."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass

from hounsfield.core.volume import Samples, Volume
from hounsfield.prepare.box import Box, crop, paste
from hounsfield.prepare.step import STRICT, Parameters

FRAME_FRACTION = 0.02
"""Width of the frame along the edges that the background is estimated from, in parts of each side."""

RUN_FRACTION = 0.05
"""A run of lines with less foreground than this part of the largest run is a marker, not the body."""

RANGE_SAMPLES = 1 << 23
"""Above this number of samples the range is found from every second, third, ... sample alone."""

MINIMUM_SIDE = 4
"""A box with a shorter side is no body; then nothing is cut off."""


@dataclass(frozen=True, config=STRICT)
class CropForeground:
    """Keep the box around what stands out of the background, with a margin. It never returns an empty image.

    The background is the median of the outer frame of a slice. It counts only when at least half of the frame lies
    within ``threshold`` of it and it lies at the dark or bright end of the slice; otherwise the body reaches the edges
    and the whole slice is kept. Foreground is what differs from the background by more than ``threshold``. All
    differences are in parts of the volume's range (0.5th to 99.5th percentile). A line belongs to the body when at
    least ``minimum_fraction`` of it is foreground; small groups of lines apart from the body (markers, labels) are
    left out.
    A stack has one box, the smallest that holds the boxes of all slices, since it has one grid.

    Attributes:
        threshold: least difference from the background, as a part of the range of the volume.
        margin_fraction: added on each side, as a part of the side of the box.
        minimum_fraction: least part of a line that is foreground where the line belongs to the body.
    """

    name: ClassVar[str] = "crop-foreground"
    is_geometric: ClassVar[bool] = True
    changes_appearance: ClassVar[bool] = False

    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.1
    margin_fraction: Annotated[float, Field(ge=0, le=1)] = 0.03
    minimum_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.02

    def settings(self) -> dict[str, Any]:
        """Return the settings."""
        return asdict(self)

    def draw(self, volume: Volume, generator: np.random.Generator) -> Parameters:
        """Find the box."""
        planes = volume.array.mean(axis=0) if volume.is_colour else volume.array
        planes = np.where(np.isfinite(planes), planes, np.float32(0)).astype(np.float32)
        few = planes.reshape(-1)[:: 1 + planes.size // RANGE_SAMPLES]
        low, high = (float(value) for value in np.percentile(few, [0.5, 99.5]))
        found = [self._find(plane, low, high) for plane in planes]
        boxes = [box for box in found if box is not None]
        _, rows, columns = volume.geometry.shape
        whole = Box(0, 0, rows, columns)
        return (_joined(boxes) if boxes else whole).record(volume.geometry)

    def apply(self, volume: Volume, parameters: Parameters) -> Volume:
        """Cut the box out."""
        return crop(volume, parameters, self.name)

    def invert(self, volume: Volume, parameters: Parameters) -> Volume:
        """Put the box back; what was cut off is 0."""
        return paste(volume, parameters, self.name)

    def _find(self, plane: Samples, low: float, high: float) -> Box | None:
        """Return the box of one slice, the whole slice without a background, None for a slice of background alone."""
        rows, columns = plane.shape
        whole = Box(0, 0, rows, columns)
        tolerance = self.threshold * (high - low)
        level = _background(plane, low, high, tolerance)
        if level is None:
            return whole
        foreground = np.abs(plane - level) > tolerance
        if not foreground.any():
            return None
        row, row_end, column, column_end = _body(foreground, self.minimum_fraction)
        if min(row_end - row, column_end - column) < MINIMUM_SIDE:
            return whole
        return _with_margin((row, row_end, column, column_end), self.margin_fraction, plane.shape)


def _background(plane: Samples, low: float, high: float, tolerance: float) -> float | None:
    """Return the level of the background, or None when the edges show none."""
    row_count = max(1, round(plane.shape[0] * FRAME_FRACTION))
    column_count = max(1, round(plane.shape[1] * FRAME_FRACTION))
    edges = (plane[:row_count], plane[-row_count:], plane[:, :column_count], plane[:, -column_count:])
    frame = np.concatenate([edge.ravel() for edge in edges])
    level = float(np.median(frame))
    is_common = float((np.abs(frame - level) <= tolerance).mean()) >= 0.5
    is_extreme = level <= low + tolerance or level >= high - tolerance
    return level if tolerance > 0 and is_common and is_extreme else None


def _body(foreground: npt.NDArray[np.bool_], minimum_fraction: float) -> tuple[int, int, int, int]:
    """Return first and last + 1 row and column of the body; two rounds, so that a marker in a corner falls out."""
    rows, columns = slice(0, foreground.shape[0]), slice(0, foreground.shape[1])
    for _ in range(2):
        rows = _span(foreground[:, columns].sum(axis=1), minimum_fraction * (columns.stop - columns.start), rows)
        columns = _span(foreground[rows].sum(axis=0), minimum_fraction * (rows.stop - rows.start), columns)
    return rows.start, rows.stop, columns.start, columns.stop


def _span(counts: npt.NDArray[np.int_], minimum: float, before: slice) -> slice:
    """Return the lines from the first to the last run that holds a fair part of the foreground."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (counts > minimum).astype(np.int8), [0]])))
    starts, ends = edges[::2], edges[1::2]
    if not starts.size:
        return before
    mass = np.array([counts[start:end].sum() for start, end in zip(starts, ends, strict=True)])
    large = np.flatnonzero(mass >= RUN_FRACTION * mass.max())
    return slice(int(starts[large[0]]), int(ends[large[-1]]))


def _with_margin(edges: tuple[int, int, int, int], fraction: float, shape: tuple[int, ...]) -> Box:
    row, row_end, column, column_end = edges
    row_margin = int(fraction * (row_end - row) + 0.5)
    column_margin = int(fraction * (column_end - column) + 0.5)
    row, column = max(row - row_margin, 0), max(column - column_margin, 0)
    row_end, column_end = min(row_end + row_margin, shape[0]), min(column_end + column_margin, shape[1])
    return Box(row, column, row_end - row, column_end - column)


def _joined(boxes: list[Box]) -> Box:
    row, column = min(box.row for box in boxes), min(box.column for box in boxes)
    row_end = max(box.row + box.rows for box in boxes)
    column_end = max(box.column + box.columns for box in boxes)
    return Box(row, column, row_end - row, column_end - column)
