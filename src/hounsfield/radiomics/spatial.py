"""Spatial autocorrelation of intensities: Moran's I and Geary's C with inverse distance weights (IBSI 3.1.28, 3.1.29).

Both are sums over all pairs of voxels. They depend on the pairs only through how far apart two voxels are, so they are
taken from autocorrelations, which the fast Fourier transform gives in n log n steps; no pair is left out.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

Samples = npt.NDArray[np.float64]


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
        threads: of the transform.
    """
    count = int(inside.sum())
    off = np.where(inside, samples - samples[inside].mean(), 0.0)
    power = float((off**2).sum())
    if count < 2 or power == 0:
        return Autocorrelation(float("nan"), float("nan"))
    shape = [fft.next_fast_len(2 * side - 1, real=True) for side in inside.shape]
    kernel = _transformed(_inverse_distances(shape, spacing_mm), shape, threads).real
    present = _transformed(inside.astype(np.float64), shape, threads)
    near = _summed(kernel, _transformed(off, shape, threads), None, shape)
    weights = _summed(kernel, present, None, shape)
    squares = _summed(kernel, _transformed(off**2, shape, threads), present, shape)
    return Autocorrelation(
        count / weights * near / power,
        (count - 1) / (2 * weights) * (2 * squares - 2 * near) / power,
    )


def _transformed(values: Samples, shape: list[int], threads: int) -> npt.NDArray[np.complex128]:
    return np.asarray(fft.rfftn(values, shape, workers=threads))


def _inverse_distances(shape: list[int], spacing_mm: tuple[float, float, float]) -> Samples:
    """Return 1 / distance for every shift of a periodic grid, 0 for none."""
    squares = [
        (np.minimum(np.arange(side), side - np.arange(side)) * step) ** 2
        for side, step in zip(shape, spacing_mm, strict=True)
    ]
    distance = np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2])
    distance[0, 0, 0] = np.inf
    return np.asarray(1 / distance)


def _summed(
    kernel: Samples,
    one: npt.NDArray[np.complex128],
    other: npt.NDArray[np.complex128] | None,
    shape: list[int],
) -> float:
    """Return the sum over all pairs of kernel times one times other, from the transforms (Parseval)."""
    product = (one.real**2 + one.imag**2 if other is None else (one * other.conj()).real) * kernel
    # the half of a real transform that is kept stands for both halves, but for the planes that are their own mirror
    total = 2 * product.sum() - product[..., 0].sum()
    if shape[-1] % 2 == 0:
        total -= product[..., -1].sum()
    return float(total) / float(np.prod(shape))
