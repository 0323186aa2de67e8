"""Taps: which source samples, with which weights, make each sample of one axis of a new grid.

Every interpolation along an axis is a short weighted sum, so all of them share two kernels. A cubic B-spline needs the
whole line for its coefficients (Unser, Aldroubi and Eden 1993, IEEE Trans Signal Process 41:834), but the inverse
filter falls by the factor 2 - sqrt(3) a sample: cut off after ``SPLINE_REACH`` samples it is a sum too, its error below
1e-7 of the range, and a result does not depend on how the volume is split among threads.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.core.volume import Samples

SPLINE_POLE = float(np.sqrt(3.0) - 2.0)
SPLINE_REACH = 12
"""Samples on either side that the inverse filter of the cubic B-spline reaches: 2 - sqrt(3) to the 13th is left."""

POSITION_DIGITS = 9
"""Places are rounded to this many digits of a sample, so that a grid that fits another one fits it exactly."""

KEYS = -0.5
"""The parameter of Keys' cubic convolution (1981, IEEE Trans ASSP 29:1153) that is exact to third order."""


@dataclass(frozen=True)
class Taps:
    """The sums along one axis.

    Attributes:
        indices: (tap, target) source index, within the source.
        weights: (tap, target), each column sums to 1.
        is_inside: (target), whether the place lies within the outer faces of the source.
    """

    indices: npt.NDArray[np.intp]
    weights: npt.NDArray[np.float32]
    is_inside: npt.NDArray[np.bool_]

    @property
    def is_linear(self) -> bool:
        """Whether each sum is of two neighbours, the first first."""
        return len(self.indices) == 2

    @property
    def target(self) -> int:
        """Number of samples to make."""
        return int(self.indices.shape[1])


def taps_of(places: npt.ArrayLike, source: int, method: str, is_smoothed: bool = False, reach: float = 0.5) -> Taps:
    """Return the sums that read a line of ``source`` samples at places in units of its index.

    Args:
        places: (target) evenly spaced fractional indices.
        source: number of samples of the line.
        method: ``nearest``, ``linear`` or ``cubic``.
        is_smoothed: whether, where the new samples lie further apart than the old ones, the kernel is widened by that
            factor, so that nothing is skipped (as Pillow and torch's ``antialias`` do); cubic is then Keys' kernel.
        reach: how far outside the outermost centres a place still counts as inside, in samples of the source.
    """
    at: npt.NDArray[np.float64] = np.asarray(places, dtype=np.float64).round(POSITION_DIGITS)
    step = abs(float(at[-1] - at[0])) / (len(at) - 1) if len(at) > 1 else 1.0
    is_inside = (at >= -reach - 1e-6) & (at <= source - 1 + reach + 1e-6)
    if method == "nearest":
        indices, weights = np.floor(at + 0.5).astype(np.intp)[None], np.ones((1, len(at)))
    elif is_smoothed and step > 1:
        indices, weights = _widened(at, source, step, method)
    elif method == "linear" or source == 1:
        indices, weights = _linear(at, source)
    else:
        indices, weights = _spline(at, source)
    return Taps(np.clip(indices, 0, source - 1), (weights / weights.sum(axis=0)).astype(np.float32), is_inside)


def mirrored(indices: npt.NDArray[np.intp], source: int) -> npt.NDArray[np.intp]:
    """Fold indices back into the line at the centres of its end samples."""
    period = max(2 * source - 2, 1)
    folded = np.abs(indices) % period
    return np.minimum(folded, period - folded) if source > 1 else np.zeros_like(indices)


def cubic_basis(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the cubic B-spline at distances from its centre."""
    far = np.abs(distance)
    near = 2 / 3 - far**2 + far**3 / 2
    return np.where(far < 1, near, np.clip(2 - far, 0, None) ** 3 / 6)


def take_nearest(array: Samples, axes: tuple[Taps, Taps, Taps], outside: float | None) -> Samples:
    """Return the nearest samples of (slice, row, column), in the type of the array; for labels."""
    slices, rows, columns = (axis.indices[0] for axis in axes)
    out = np.empty([axis.target for axis in axes], dtype=array.dtype)
    for target, source in enumerate(slices):
        out[target] = array[source][rows[:, None], columns]
    fill_outside(out, axes, outside)
    return out


def fill_outside(out: Samples, axes: tuple[Taps, Taps, Taps], outside: float | None) -> None:
    """Write a value where the source does not reach; None leaves the edge samples that were extended there."""
    if outside is None:
        return
    out[~axes[0].is_inside] = outside
    out[:, ~axes[1].is_inside] = outside
    out[:, :, ~axes[2].is_inside] = outside


def _linear(at: npt.NDArray[np.float64], source: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    held = np.clip(at, 0, source - 1)
    first = np.minimum(np.floor(held), max(source - 2, 0)).astype(np.intp)
    fraction = held - first
    return np.stack([first, first + 1]), np.stack([1 - fraction, fraction])


def _spline(at: npt.NDArray[np.float64], source: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Join the inverse filter and the four basis functions around each place to one sum."""
    held = np.clip(at, -1, source)
    first = np.floor(held).astype(np.intp) - 1
    offsets = np.arange(-SPLINE_REACH, SPLINE_REACH + 4)
    weights = np.zeros((len(offsets), len(at)))
    for knot in range(4):
        weights += cubic_basis(held - first - knot) * _inverse(offsets - knot)[:, None]
    return mirrored(first + offsets[:, None], source), weights


def _inverse(offsets: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Return the inverse of the filter (1/6, 4/6, 1/6) that the cubic B-spline is at whole places."""
    far = np.abs(offsets)
    values = -6 * SPLINE_POLE / (1 - SPLINE_POLE**2) * SPLINE_POLE ** far.astype(np.float64)
    return np.asarray(np.where(far <= SPLINE_REACH, values, 0.0), dtype=np.float64)


def _widened(
    at: npt.NDArray[np.float64], source: int, step: float, method: str
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Return the kernel stretched over ``step`` samples; at the ends only what lies in the source counts."""
    support = step * (1 if method == "linear" else 2)
    first = np.ceil(at - support).astype(np.intp)
    indices = first + np.arange(int(np.ceil(2 * support)) + 1)[:, None]
    distance = np.abs(indices - at) / step
    weights = np.clip(1 - distance, 0, None) if method == "linear" else _keys(distance)
    weights = np.where((indices >= 0) & (indices < source), weights, 0.0)
    is_empty = weights.sum(axis=0) <= 0
    nearest = np.abs(np.clip(indices, 0, source - 1) - at).argmin(axis=0)
    weights[nearest[is_empty], is_empty] = 1.0
    return indices, weights


def _keys(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    near = (KEYS + 2) * distance**3 - (KEYS + 3) * distance**2 + 1
    far = KEYS * (distance**3 - 5 * distance**2 + 8 * distance - 4)
    return np.where(distance < 1, near, np.where(distance < 2, far, 0.0))
