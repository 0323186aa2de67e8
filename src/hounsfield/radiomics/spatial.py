"""Spatial autocorrelation of intensities: Moran's I and Geary's C with inverse distance weights (IBSI 3.1.28, 3.1.29).

Both are sums over all pairs of voxels. They depend on the pairs only through how far apart two voxels are, so they are
taken from autocorrelations, which the fast Fourier transform gives in n log n steps; no pair is left out. The transform
of the last axis is kept, and the other two are made for a few of its frequencies at a time, so nothing of the size of
the padded region is ever held.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from hounsfield.compiled import in_threads, spans

Samples = npt.NDArray[np.float64]

LARGE = 200_000
"""Voxels of a box beyond which single precision is used: the sums then keep about five digits."""
FREQUENCIES = 8
"""Of the last axis that are worked on at a time."""


@dataclass(frozen=True)
class Autocorrelation:
    """How alike near voxels are.

    Attributes:
        moran_i: Moran's I (N365).
        geary_c: Geary's C (NPT7).
    """

    moran_i: float
    geary_c: float


def autocorrelation(
    samples: Samples, inside: npt.NDArray[np.bool_], spacing_mm: tuple[float, float, float], threads: int = 1
) -> Autocorrelation:
    """Measure the autocorrelation of the samples of a region; NaN with one voxel, or with one intensity.

    Args:
        samples: (slice, row, column).
        inside: which count.
        spacing_mm: of slices, rows and columns.
        threads: that work at a time.
    """
    values = samples[inside]
    count = values.size
    values = values - values.mean() if count else values
    power = float((values**2).sum())
    if count < 2 or power == 0:
        return Autocorrelation(float("nan"), float("nan"))
    values /= np.sqrt(power / count)
    weights, near, squares = _pair_sums(values, inside, spacing_mm, threads)
    return Autocorrelation(near / weights, (count - 1) / weights * (squares - near) / count)


def _pair_sums(
    values: Samples, inside: npt.NDArray[np.bool_], spacing_mm: tuple[float, float, float], threads: int
) -> Samples:
    """Return the sums over all pairs of 1 / distance: alone, times both values, and times the square of one."""
    kind = np.float32 if inside.size > LARGE else np.float64
    halves = [fft.next_fast_len(side, real=True) if side > 1 else 1 for side in inside.shape]
    kernel = _kernel_transform(halves, spacing_mm, kind)
    given = []
    for numbers in (1.0, values, values**2):
        spread = np.zeros(inside.shape, dtype=kind)
        spread[inside] = numbers
        given.append(fft.rfft(spread, 2 * halves[2], axis=2, workers=threads))
    frequencies = halves[2] + 1
    parts = spans(frequencies, -(-frequencies // FREQUENCIES))
    sums = in_threads(_part, [(given, kernel, halves, part) for part in parts], threads)
    return np.asarray(np.sum(sums, axis=0) / np.prod([2.0 * half for half in halves]))


def _part(
    given: Sequence[npt.NDArray[np.complexfloating]],
    kernel: npt.NDArray[np.floating],
    halves: Sequence[int],
    part: tuple[int, int],
) -> Samples:
    """Return the three sums over some frequencies of the last axis (Parseval)."""
    present, own, squared = (
        fft.fft(fft.fft(one[..., part[0] : part[1]], 2 * halves[1], axis=1), 2 * halves[0], axis=0) for one in given
    )
    rows, columns = (np.minimum(np.arange(2 * half), 2 * half - np.arange(2 * half)) for half in halves[:2])
    weight = kernel[rows[:, None], columns[None, :], part[0] : part[1]].astype(np.float64)
    # the half of a real transform that is kept stands for both halves, but for the first and the last plane
    places = np.arange(*part)
    doubled = np.where((places == 0) | (places == halves[2]), 1.0, 2.0)
    weight *= doubled
    products = (
        present.real**2 + present.imag**2,
        own.real**2 + own.imag**2,
        squared.real * present.real + squared.imag * present.imag,
    )
    # einsum does not call BLAS, whose own threads would wait for each other
    return np.array([np.einsum("ijk,ijk->", weight, product, dtype=np.float64) for product in products])


def _kernel_transform(
    halves: Sequence[int],
    spacing_mm: tuple[float, float, float],
    kind: type[np.floating],
) -> npt.NDArray[np.floating]:
    """Return the transform of 1 / distance on a periodic grid: as that is even, a cosine transform of one octant."""
    squares = [(np.arange(half + 1) * step) ** 2 for half, step in zip(halves, spacing_mm, strict=True)]
    distance = np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2])
    distance[0, 0, 0] = np.inf
    return np.asarray(fft.dctn((1 / distance).astype(kind), type=1))
