"""Kernels that read a volume at the samples of a grid with other axes: each place is a linear function of the index."""

import math

import numpy as np

from hounsfield.compiled import compiled
from hounsfield.core.volume import Samples

_FACE = 0.5 + 1e-6
"""How far from the outermost centres a place still lies in the volume, in samples."""

_MIDDLE = 0.5 + 1e-9


@compiled
def _is_inside(z: float, y: float, x: float, shape: tuple[int, int, int]) -> bool:
    return (
        -_FACE <= z <= shape[0] - 1 + _FACE
        and -_FACE <= y <= shape[1] - 1 + _FACE
        and -_FACE <= x <= shape[2] - 1 + _FACE
    )


@compiled
def _neighbours(place: float, count: int) -> tuple[int, int, float]:
    """Return the two samples around a place, held within the line, and the weight of the second."""
    held = min(max(place, 0.0), count - 1.0)
    first = int(held)
    return first, min(first + 1, count - 1), held - first


@compiled
def _linear_at(source: Samples, z: float, y: float, x: float) -> float:
    k, k1, wz = _neighbours(z, source.shape[0])
    j, j1, wy = _neighbours(y, source.shape[1])
    i, i1, wx = _neighbours(x, source.shape[2])
    near = (source[k, j, i] * (1 - wx) + source[k, j, i1] * wx) * (1 - wy) + (
        source[k, j1, i] * (1 - wx) + source[k, j1, i1] * wx
    ) * wy
    far = (source[k1, j, i] * (1 - wx) + source[k1, j, i1] * wx) * (1 - wy) + (
        source[k1, j1, i] * (1 - wx) + source[k1, j1, i1] * wx
    ) * wy
    return float(near * (1 - wz) + far * wz)


@compiled
def _run_within(start: Samples, step: Samples, shape: tuple[int, int, int], count: int) -> tuple[int, int]:
    """Return the columns from the first to the one after the last whose places have neighbours on every side."""
    first, stop = 0.0, float(count)
    for axis in range(3):
        low, high = 1e-6, shape[axis] - 1 - 1e-6
        if abs(step[axis]) < 1e-12:
            if not low <= start[axis] <= high:
                return 0, 0
            continue
        one, other = (low - start[axis]) / step[axis], (high - start[axis]) / step[axis]
        first, stop = max(first, math.ceil(min(one, other))), min(stop, math.floor(max(one, other)) + 1)
    return (int(first), int(stop)) if stop > first else (0, 0)


@compiled
def linear_places(source: Samples, places: Samples, outside: float, out: Samples, span: tuple[int, int]) -> None:
    """Write trilinear samples of the slices of a span; ``outside`` beyond the outer faces of the source.

    Args:
        source: (slice, row, column) samples.
        places: (3, 4), from an index (slice, row, column, 1) of ``out`` to one of ``source``.
        outside: value of places more than half a sample beyond the outermost centres.
        out: (slice, row, column) float32, written.
        span: first slice to write and the one after the last.
    """
    start, step = np.empty(3), np.ascontiguousarray(places[:, 2])
    for s in range(span[0], span[1]):
        for r in range(out.shape[1]):
            for axis in range(3):
                start[axis] = places[axis, 0] * s + places[axis, 1] * r + places[axis, 3]
            first, stop = _run_within(start, step, source.shape, out.shape[2])
            _linear_border(source, start, step, outside, out[s, r], (0, first))
            _linear_run(source, start, step, out[s, r], (first, stop))
            _linear_border(source, start, step, outside, out[s, r], (stop, out.shape[2]))


@compiled
def _linear_border(
    source: Samples, start: Samples, step: Samples, outside: float, line: Samples, columns: tuple[int, int]
) -> None:
    for c in range(columns[0], columns[1]):
        z, y, x = start[0] + step[0] * c, start[1] + step[1] * c, start[2] + step[2] * c
        line[c] = _linear_at(source, z, y, x) if _is_inside(z, y, x, source.shape) else outside


@compiled
def _linear_run(source: Samples, start: Samples, step: Samples, line: Samples, columns: tuple[int, int]) -> None:
    """Write places that have neighbours on every side: nothing has to be asked of them."""
    for c in range(columns[0], columns[1]):
        z, y, x = start[0] + step[0] * c, start[1] + step[1] * c, start[2] + step[2] * c
        k, j, i = np.uintp(z), np.uintp(y), np.uintp(x)
        wz, wy, wx = np.float32(z - k), np.float32(y - j), np.float32(x - i)
        one, two = source[k, j], source[k, j + np.uintp(1)]
        three, four = source[k + np.uintp(1), j], source[k + np.uintp(1), j + np.uintp(1)]
        after = i + np.uintp(1)
        a = np.float32(one[i]) + wx * (np.float32(one[after]) - np.float32(one[i]))
        b = np.float32(two[i]) + wx * (np.float32(two[after]) - np.float32(two[i]))
        d = np.float32(three[i]) + wx * (np.float32(three[after]) - np.float32(three[i]))
        e = np.float32(four[i]) + wx * (np.float32(four[after]) - np.float32(four[i]))
        near = a + wy * (b - a)
        line[c] = near + wz * (d + wy * (e - d) - near)


@compiled
def nearest_places(source: Samples, places: Samples, outside: Samples, out: Samples, span: tuple[int, int]) -> None:
    """Write the nearest samples of the slices of a span, in the type of the source.

    Args:
        source: (slice, row, column) samples.
        places: (3, 4), as for ``linear_places``.
        outside: one sample of the type of the source, for places beyond the outer faces.
        out: (slice, row, column), written.
        span: first slice to write and the one after the last.
    """
    for s in range(span[0], span[1]):
        for r in range(out.shape[1]):
            for c in range(out.shape[2]):
                # A place within rounding of the middle between two samples takes the second, as ITK does.
                z = math.floor(places[0, 0] * s + places[0, 1] * r + places[0, 2] * c + places[0, 3] + _MIDDLE)
                y = math.floor(places[1, 0] * s + places[1, 1] * r + places[1, 2] * c + places[1, 3] + _MIDDLE)
                x = math.floor(places[2, 0] * s + places[2, 1] * r + places[2, 2] * c + places[2, 3] + _MIDDLE)
                if 0 <= z < source.shape[0] and 0 <= y < source.shape[1] and 0 <= x < source.shape[2]:
                    out[s, r, c] = source[int(z), int(y), int(x)]
                else:
                    out[s, r, c] = outside[0]


@compiled
def _set_taps(place: float, count: int, weights: Samples, taps: Samples) -> None:
    """Write the four cubic B-splines around a place (Unser 1993) and their indices, mirrored at the end centres."""
    first = math.floor(place)
    part = place - first
    rest = 1.0 - part
    weights[0] = rest * rest * rest / 6.0
    weights[1] = 2.0 / 3.0 - part * part * (1.0 - part / 2.0)
    weights[2] = 2.0 / 3.0 - rest * rest * (1.0 - rest / 2.0)
    weights[3] = part * part * part / 6.0
    period = max(2 * count - 2, 1)
    for tap in range(4):
        index = abs(int(first) - 1 + tap) % period
        taps[tap] = min(index, period - index) if count > 1 else 0


@compiled
def cubic_places(coefficients: Samples, places: Samples, outside: float, out: Samples, span: tuple[int, int]) -> None:
    """Write cubic B-spline samples of the slices of a span, as ``linear_places`` does.

    Args:
        coefficients: (slice, row, column) of the spline, mirrored at its ends.
        places: (3, 4), from an index (slice, row, column, 1) of ``out`` to one of ``coefficients``.
        outside: value beyond the outer faces.
        out: (slice, row, column) float32, written.
        span: first slice to write and the one after the last.
    """
    wz, wy, wx = np.empty(4), np.empty(4), np.empty(4)
    ks, js, ins = np.empty(4, np.intp), np.empty(4, np.intp), np.empty(4, np.intp)
    for s in range(span[0], span[1]):
        for r in range(out.shape[1]):
            for c in range(out.shape[2]):
                z = places[0, 0] * s + places[0, 1] * r + places[0, 2] * c + places[0, 3]
                y = places[1, 0] * s + places[1, 1] * r + places[1, 2] * c + places[1, 3]
                x = places[2, 0] * s + places[2, 1] * r + places[2, 2] * c + places[2, 3]
                if not _is_inside(z, y, x, coefficients.shape):
                    out[s, r, c] = outside
                    continue
                _set_taps(z, coefficients.shape[0], wz, ks)
                _set_taps(y, coefficients.shape[1], wy, js)
                _set_taps(x, coefficients.shape[2], wx, ins)
                total = 0.0
                for a in range(4):
                    for b in range(4):
                        line = 0.0
                        for d in range(4):
                            line += wx[d] * coefficients[ks[a], js[b], ins[d]]
                        total += wz[a] * wy[b] * line
                out[s, r, c] = total
