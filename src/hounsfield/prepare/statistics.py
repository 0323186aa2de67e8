"""Sample statistics that black borders and burned-in white markers do not move.

``robust_samples`` takes one slice and leaves out, in this order and by these fixed rules:

1. samples that are not finite;
2. flat edges: starting from each of the four sides, lines of which at least 90 % of the samples lie within 2 % of the
   slice's range around the line's median (rows first, then columns of the rows that are left). Where less than 10 % of
   the slice would be left, nothing is left out;
3. markers: samples within the top 1 % of the range of what is left, when they are at most 1 % of it. Where the
   brightest samples are a natural tail this moves a high percentile by less than 1 % of the range. A saturated lesion
   is mostly larger than that, and counts.
"""

import numpy as np
import numpy.typing as npt

from hounsfield.core.volume import Samples

FLAT_RANGE_FRACTION = 0.02
FLAT_LINE_FRACTION = 0.9
INTERIOR_FRACTION = 0.1
MARKER_RANGE_FRACTION = 0.01
MARKER_AREA_FRACTION = 0.01


def robust_samples(image: Samples) -> npt.NDArray[np.float32]:
    """Return the samples of one slice that count, 1-D; ``image`` is (row, column) or (channel, row, column).

    The result is empty when no sample is finite.
    """
    plane = (image.mean(axis=0) if image.ndim == 3 else image).astype(np.float32)
    rows, columns = interior(plane)
    samples = image[..., rows, columns].reshape(-1).astype(np.float32)
    samples = samples[np.isfinite(samples)]
    return _without_markers(samples) if samples.size else samples


def interior(plane: Samples) -> tuple[slice, slice]:
    """Return the rows and columns that are left when flat edges are taken off; all of them when too little is left.

    ``plane`` is (row, column) of floats: unsigned integers would wrap round in the differences.
    """
    everything = slice(0, plane.shape[0]), slice(0, plane.shape[1])
    is_finite = np.isfinite(plane)
    if not is_finite.any():
        return everything
    filled = plane if is_finite.all() else np.where(is_finite, plane, plane[is_finite].min())
    tolerance = FLAT_RANGE_FRACTION * (float(filled.max()) - float(filled.min()))
    if tolerance <= 0:
        return everything
    rows = _inner(filled, tolerance)
    if rows.start == rows.stop:
        return everything
    columns = _inner(filled[rows].T, tolerance)
    kept = (rows.stop - rows.start) * (columns.stop - columns.start)
    return (rows, columns) if kept >= INTERIOR_FRACTION * plane.size else everything


def _inner(plane: Samples, tolerance: float) -> slice:
    """Return the range from the first to the last row that is not flat."""
    start, stop = 0, plane.shape[0]
    while start < stop and _is_flat(plane[start], tolerance):
        start += 1
    while stop > start and _is_flat(plane[stop - 1], tolerance):
        stop -= 1
    return slice(start, stop)


def _is_flat(line: Samples, tolerance: float) -> bool:
    middle = np.partition(line, line.size // 2)[line.size // 2]
    return float((np.abs(line - middle) <= tolerance).mean()) >= FLAT_LINE_FRACTION


def _without_markers(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    low, high = float(samples.min()), float(samples.max())
    below = samples < high - MARKER_RANGE_FRACTION * (high - low)
    return samples[below] if below.mean() >= 1 - MARKER_AREA_FRACTION else samples


def otsu_level(samples: npt.NDArray[np.floating]) -> float:
    """Return the level that parts samples into two classes of the largest variance between them (Otsu 1979).

    It is the centre of the last bin of the lower class, of a histogram of 256 bins.
    """
    counts, edges = np.histogram(samples, bins=256)
    centres = (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(counts), np.cumsum(counts[::-1])[::-1]
    mean_below = np.cumsum(counts * centres) / np.maximum(below, 1)
    mean_above = np.cumsum((counts * centres)[::-1])[::-1] / np.maximum(above, 1)
    between = below[:-1] * above[1:] * (mean_below[:-1] - mean_above[1:]) ** 2
    return float(centres[int(between.argmax())])
