"""Kernels of Richardson-Lucy deconvolution with a Gaussian: three short passes instead of a transform.

The image is mirrored at its faces (half-sample symmetry, as scipy's ``reflect``). A symmetric blur is then its own
adjoint and keeps the sum of the samples, so no face darkens and none needs a weight of its own.
"""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled, compiled_reordered

Floats = npt.NDArray[np.float32]

_SMALLEST = np.float32(1e-12)
_ZERO, _ONE, _TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)
_LEAST_DIVISOR = np.float32(0.1)


@compiled
def mirrored(index: int, size: int) -> int:
    """Return the index of the sample that stands for one outside, the face lying between two samples."""
    period = 2 * size
    folded = index % period
    return folded if folded < size else period - 1 - folded


@compiled_reordered
def across(line: Floats, rows: Floats, at: int, taps: Floats) -> None:
    """Fill a line with the blur of row ``at`` across its neighbouring rows; ``taps`` go from the centre outwards."""
    size, width = rows.shape
    tap = taps[0]
    for c in range(width):
        line[c] = tap * rows[at, c]
    for k in range(1, taps.size):
        before, after, tap = rows[mirrored(at - k, size)], rows[mirrored(at + k, size)], taps[k]
        for c in range(width):
            line[c] += tap * (before[c] + after[c])


@compiled_reordered
def along(line: Floats, padded: Floats, taps: Floats) -> None:
    """Blur a line along itself; ``padded`` has room for it and as many samples on either side as there are taps."""
    margin, width = taps.size, line.size
    for c in range(width):
        padded[margin + c] = line[c]
    for k in range(margin):
        padded[margin - 1 - k] = line[mirrored(-1 - k, width)]
        padded[margin + width + k] = line[mirrored(width + k, width)]
    centre, tap = padded[margin : margin + width], taps[0]
    for c in range(width):
        line[c] = tap * centre[c]
    for k in range(1, margin):
        before, after = padded[margin - k : margin - k + width], padded[margin + k : margin + k + width]
        tap = taps[k]
        for c in range(width):
            line[c] += tap * (before[c] + after[c])


@compiled_reordered
def blur_slices(source: Floats, out: Floats, taps: tuple[Floats, Floats, Floats], start: int, stop: int) -> None:
    """Blur slices of a (slice, row, column) array along rows and columns; ``out`` may be the source."""
    plane = np.empty(source.shape[1:], np.float32)
    padded = np.empty(source.shape[2] + 2 * taps[2].size, np.float32)
    for s in range(start, stop):
        plane[:] = source[s]
        for r in range(source.shape[1]):
            across(out[s, r], plane, r, taps[1])
            along(out[s, r], padded, taps[2])


@compiled_reordered
def quotients(field: Floats, data: Floats, taps: Floats, start: int, stop: int) -> None:
    """Finish the blur of some rows across the slices, and replace it by data over blur."""
    block = np.empty((field.shape[0], field.shape[2]), np.float32)
    for r in range(start, stop):
        block[:] = field[:, r]
        for s in range(field.shape[0]):
            line, samples = field[s, r], data[s, r]
            across(line, block, s, taps)
            for c in range(line.size):
                line[c] = samples[c] / (line[c] if line[c] > _SMALLEST else _SMALLEST)


@compiled_reordered
def corrections(field: Floats, estimate: Floats, taps: Floats, start: int, stop: int) -> None:
    """Finish the blur of some rows across the slices, and multiply the estimate by it."""
    block = np.empty((field.shape[0], field.shape[2]), np.float32)
    line = np.empty(field.shape[2], np.float32)
    for r in range(start, stop):
        block[:] = field[:, r]
        for s in range(field.shape[0]):
            across(line, block, s, taps)
            samples = estimate[s, r]
            for c in range(line.size):
                samples[c] *= line[c]


@compiled_reordered
def divide(data: Floats, blurred: Floats, out: Floats, start: int, stop: int) -> None:
    """Fill slices of ``out`` with data over blur."""
    for s in range(start, stop):
        for r in range(data.shape[1]):
            line, samples, below = out[s, r], data[s, r], blurred[s, r]
            for c in range(line.size):
                line[c] = samples[c] / (below[c] if below[c] > _SMALLEST else _SMALLEST)


@compiled_reordered
def multiply(estimate: Floats, correction: Floats, inverse: Floats, start: int, stop: int) -> None:
    """Multiply slices of the estimate by the correction, weighed anew; rounding below 0 counts as 0."""
    for s in range(start, stop):
        for r in range(estimate.shape[1]):
            line, factors, weights = estimate[s, r], correction[s, r], inverse[s, r]
            for c in range(line.size):
                line[c] *= factors[c] * weights[c] if factors[c] > _ZERO else _ZERO


@compiled_reordered
def smooth_by_variation(estimate: Floats, out: Floats, settings: Floats, start: int, stop: int) -> None:
    """Fill slices of ``out`` with the estimate over 1 - weight * div(grad u / |grad u|), Dey 2006 equation 8.

    Args:
        estimate: (slice, row, column), not negative.
        out: of the same shape.
        settings: the weight, the least length of a gradient, and a factor of each axis: 1 / spacing, 0 to leave it out.
        start: first slice.
        stop: end of the slices.
    """
    shape = estimate.shape
    for s in range(start, stop):
        for r in range(shape[1]):
            for c in range(shape[2]):
                flow = _flow(estimate, settings, s, r, c)
                divergence = _ZERO
                for axis in range(3):
                    divergence += flow[axis] * settings[2 + axis]
                if s > 0:
                    divergence -= _flow(estimate, settings, s - 1, r, c)[0] * settings[2]
                if r > 0:
                    divergence -= _flow(estimate, settings, s, r - 1, c)[1] * settings[3]
                if c > 0:
                    divergence -= _flow(estimate, settings, s, r, c - 1)[2] * settings[4]
                divisor = _ONE - settings[0] * divergence
                out[s, r, c] = estimate[s, r, c] / (divisor if divisor > _LEAST_DIVISOR else _LEAST_DIVISOR)


@compiled_reordered
def _flow(u: Floats, settings: Floats, s: int, r: int, c: int) -> tuple[np.float32, np.float32, np.float32]:
    """Return the unit vector of the forward gradient; outside the image the gradient is 0."""
    here = u[s, r, c]
    ds = (u[s + 1, r, c] - here) * settings[2] if s + 1 < u.shape[0] else _ZERO
    dr = (u[s, r + 1, c] - here) * settings[3] if r + 1 < u.shape[1] else _ZERO
    dc = (u[s, r, c + 1] - here) * settings[4] if c + 1 < u.shape[2] else _ZERO
    length = np.sqrt(ds * ds + dr * dr + dc * dc + settings[1] * settings[1])
    return ds / length, dr / length, dc / length
