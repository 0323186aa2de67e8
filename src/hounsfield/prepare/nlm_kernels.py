"""Kernel of non-local means: every pair of samples is compared once, and both take their share of the other.

The patch distance is separable, so it is summed over slices, rows and columns in turn, row by row in the nearest cache.
Sums start anew at every row: a running sum in float32 would carry the rounding of a bright edge into dark parts.
"""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled_reordered

Floats = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]

LARGEST_EXPONENT = np.float32(20.0)
"""Weights below exp(-20) = 2e-9 are set to it."""

_ONE, _TWO, _ZERO = np.float32(1.0), np.float32(0.5), np.float32(0.0)
_THREE, _FOUR, _FIVE = np.float32(1 / 6), np.float32(1 / 24), np.float32(1 / 120)
_SHARE = np.float32(1 / 32)


@compiled_reordered
def weights_of(distances: Floats, bias: np.float32, scale: np.float32) -> None:
    """Replace distances by exp(-max(scale (distance - bias), 0)), relative error below 1e-4.

    Taylor series of degree 5 at a 32nd of the exponent, then five squarings: no table and no branch, so it runs in
    vector registers.
    """
    for index in range(distances.size):
        exponent = scale * (distances[index] - bias)
        exponent = exponent if exponent > _ZERO else _ZERO
        exponent = exponent if exponent < LARGEST_EXPONENT else LARGEST_EXPONENT
        x = exponent * _SHARE
        value = _ONE - x * (_ONE - x * (_TWO - x * (_THREE - x * (_FOUR - x * _FIVE))))
        value *= value
        value *= value
        value *= value
        value *= value
        distances[index] = value * value


@compiled_reordered
def squares(line: Floats, tile: Floats, taps: Floats, place: Counts, shift: Counts) -> None:
    """Fill a line with squared differences of a row and its shifted row, summed over the slices of the patch."""
    first, half, width = place[2], taps.size // 2, line.size
    for k in range(taps.size):
        s = place[0] + k - half
        here = tile[s, place[1], first : first + width]
        there = tile[s + shift[0], place[1] + shift[1], first + shift[2] : first + shift[2] + width]
        tap = taps[k]
        if k == 0:
            for c in range(width):
                difference = here[c] - there[c]
                line[c] = tap * difference * difference
        else:
            for c in range(width):
                difference = here[c] - there[c]
                line[c] += tap * difference * difference


@compiled_reordered
def patch_sums(line: Floats, spare: Floats, ring: Floats, taps: Floats, oldest: int) -> None:
    """Sum the lines of a ring, then neighbouring samples of the sum; ``spare`` is longer by the taps less one."""
    for c in range(spare.size):
        spare[c] = taps[0] * ring[oldest, c]
    for k in range(1, taps.size):
        place, tap = (oldest + k) % taps.size, taps[k]
        for c in range(spare.size):
            spare[c] += tap * ring[place, c]
    for c in range(line.size):
        line[c] = taps[0] * spare[c]
    for k in range(1, taps.size):
        part, tap = spare[k : k + line.size], taps[k]
        for c in range(line.size):
            line[c] += tap * part[c]


@compiled_reordered
def share(values: Floats, totals: Floats, weights: Floats, samples: Floats) -> None:
    """Add weighted samples, and the weights, to a row."""
    for c in range(weights.size):
        values[c] += weights[c] * samples[c]
        totals[c] += weights[c]


@compiled_reordered
def compare_rows(
    tile: Floats, taps: tuple[Floats, Floats], shift: Counts, box: Counts, noise: Floats, sums: tuple[Floats, Floats]
) -> None:
    """Compare all rows of a tile with the rows at one shift, and share the samples both ways.

    Args:
        tile: (slice, row, column) with a margin on every side; the margin of columns is the patch radius.
        taps: weights of the patch along slices, and along rows and columns.
        shift: slices, rows and columns to the partner; the first that is not 0 is positive.
        box: for slices and for rows: first and last of the image, first and last of the part that is asked for.
        noise: (bias, scale) of ``weights_of``.
        sums: weighted samples and weights, of the part that is asked for.
    """
    values, totals = sums
    half, count = taps[1].size // 2, taps[1].size
    columns = tile.shape[2] - 2 * half
    first, last = max(0, -shift[2]), min(columns, columns - shift[2])
    width = last - first
    if width <= 0:
        return
    ring = np.empty((count, width + 2 * half), np.float32)
    spare, line = np.empty(width + 2 * half, np.float32), np.empty(width, np.float32)
    place = np.empty(3, np.int64)
    up, down = max(shift[1], 0), max(-shift[1], 0)
    top, bottom = max(box[1, 2] - up, box[1, 0] + down), min(box[1, 3] + down, box[1, 1] - up)
    for s in range(max(box[0, 2] - shift[0], box[0, 0]), min(box[0, 3], box[0, 1] - shift[0])):
        place[0], place[2] = s, first
        for r in range(top - half, bottom + half):
            place[1] = r
            squares(ring[(r - top + half) % count], tile, taps[0], place, shift)
            centre = r - half
            if centre < top:
                continue
            patch_sums(line, spare, ring, taps[1], (r - top + half + 1) % count)
            weights_of(line, noise[0], noise[1])
            i, j = s - box[0, 2], centre - box[1, 2]
            if i >= 0 and 0 <= j < values.shape[1]:
                partner = tile[s + shift[0], centre + shift[1], first + shift[2] + half : last + shift[2] + half]
                share(values[i, j, first:last], totals[i, j, first:last], line, partner)
            i, j, at = i + shift[0], j + shift[1], first + shift[2]
            if i < values.shape[0] and 0 <= j < values.shape[1]:
                own = tile[s, centre, first + half : last + half]
                share(values[i, j, at : at + width], totals[i, j, at : at + width], line, own)


@compiled_reordered
def mean_of_alike(
    tile: Floats, taps: tuple[Floats, Floats], search: Counts, box: Counts, noise: Floats, out: Floats
) -> None:
    """Fill a part of an image with the mean of the samples around it, weighted by the likeness of their patches.

    Args:
        tile: as in ``compare_rows``, with margins of patch and search radius along slices and rows.
        taps: as in ``compare_rows``.
        search: radius in slices, and in rows and columns.
        box: as in ``compare_rows``.
        noise: as in ``compare_rows``.
        out: the part that is asked for.
    """
    half = taps[1].size // 2
    totals = np.ones(out.shape, np.float32)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = tile[box[0, 2] + i, box[1, 2] + j, half : half + out.shape[2]]
    shift = np.empty(3, np.int64)
    for slices in range(search[0] + 1):
        for rows in range(-search[1] if slices > 0 else 0, search[1] + 1):
            for columns in range(-search[1] if slices > 0 or rows > 0 else 1, search[1] + 1):
                shift[0], shift[1], shift[2] = slices, rows, columns
                compare_rows(tile, taps, shift, box, noise, (out, totals))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for c in range(out.shape[2]):
                out[i, j, c] /= totals[i, j, c]
