"""Filters that are sums along the axes: mean, Laplacian of Gaussian, Laws kernels and separable wavelets (IBSI 4)."""

from typing import Final

import numpy as np
from scipy import ndimage

from hounsfield.radiomics.filters.separable import MODES, Map, along, pooled
from hounsfield.radiomics.filters.settings import (
    LaplacianOfGaussianFilter,
    LawsFilter,
    MeanFilter,
    WaveletFilter,
)
from hounsfield.radiomics.filters.turns import Chain, Kernel, turned, with_holes, with_middle

Spacing = tuple[float, float, float]

LAWS: Final = {
    "L3": (1, 2, 1),
    "E3": (-1, 0, 1),
    "S3": (-1, 2, -1),
    "L5": (1, 4, 6, 4, 1),
    "E5": (-1, -2, 0, 2, 1),
    "S5": (-1, 0, 2, 0, -1),
    "W5": (-1, 2, 0, -2, 1),
    "R5": (1, -4, 6, -4, 1),
}
"""Level, edge, spot, wave and ripple, before each is divided by its norm (IBSI, table of Laws kernels)."""


def mean_map(samples: Map, one: MeanFilter) -> Map:
    """Return the mean of the square or cube about each voxel (IBSI S60F)."""
    size = (1 if one.dimensions == 2 else one.size, one.size, one.size)
    return np.asarray(ndimage.uniform_filter(samples, size, mode=MODES[one.boundary]))


def laplacian_of_gaussian_map(samples: Map, spacing_mm: Spacing, one: LaplacianOfGaussianFilter) -> Map:
    """Return the Laplacian of Gaussian (IBSI L6PA); the kernel is a sum of products along the axes."""
    axes = range(3 - one.dimensions, 3)
    smooth, curved = zip(*(gaussian_kernels(one, spacing_mm, axis) for axis in range(3)), strict=True)
    # plain: smoothed along the axes so far; bent: the sum of those curved along one of them
    plain, bent = samples, None
    for axis in axes:
        turn = along(plain, curved[axis], axis, one.boundary)
        bent = turn if bent is None else turn + along(bent, smooth[axis], axis, one.boundary)
        plain = along(plain, smooth[axis], axis, one.boundary) if axis < 2 else plain
    return plain if bent is None else bent


def gaussian_kernels(one: LaplacianOfGaussianFilter, spacing_mm: Spacing, axis: int) -> tuple[Kernel, Kernel]:
    """Return a Gaussian and its second derivative along an axis, in voxels and cut where the manual cuts."""
    sigma = one.sigma_mm / spacing_mm[axis]
    places = np.arange(-radius(one.cutoff * sigma), radius(one.cutoff * sigma) + 1)
    smooth = np.exp(-(places**2) / (2 * sigma**2)) / np.sqrt(2 * np.pi * sigma**2)
    # the manual's scale is of equal sides; elsewhere a change is told for a voxel of the geometric mean side
    sides = spacing_mm[3 - one.dimensions :]
    ratio = float(np.prod(sides)) ** (1 / len(sides)) / spacing_mm[axis]
    curved = smooth * (places**2 / sigma**4 - 1 / sigma**2) * ratio**2
    return tuple(smooth.tolist()), tuple(curved.tolist())


def radius(width: float) -> int:
    """Return the voxels that a kernel reaches to each side: its width rounded (IBSI, size of the kernel)."""
    return int(np.floor(width + 0.5))


def laws_map(samples: Map, one: LawsFilter) -> Map:
    """Return the map of Laws kernels, or its energy (IBSI JTXT)."""
    names = [one.kernels[place : place + 2] for place in range(0, len(one.kernels), 2)][::-1]
    chains: list[Chain] = [(laws_kernel(name),) for name in names]
    found = pooled(samples, turned(chains, one.is_rotation_invariant), one.pooling, one.boundary)
    if one.energy_distance is None:
        return found
    side = 2 * one.energy_distance + 1
    size = (1 if one.dimensions == 2 else side, side, side)
    return np.asarray(ndimage.uniform_filter(np.abs(found), size, mode=MODES[one.boundary]))


def laws_kernel(name: str) -> Kernel:
    """Return a kernel of unit norm."""
    values = np.array(LAWS[name], dtype=np.float64)
    return tuple((values / np.linalg.norm(values)).tolist())


def wavelet_map(samples: Map, one: WaveletFilter) -> Map:
    """Return the band of a separable wavelet at a level, undecimated (IBSI 25BO)."""
    chains = [wavelet_chain(one.wavelet, band, one.level) for band in one.bands[::-1]]
    return pooled(samples, turned(chains, one.is_rotation_invariant), one.pooling, one.boundary)


def wavelet_chain(wavelet: str, band: str, level: int) -> Chain:
    """Return the kernels along one axis: low pass at every level below, with more holes each time, then the band."""
    import pywt

    known = pywt.Wavelet(wavelet)
    low, wanted = with_middle(known.dec_lo), with_middle(known.dec_lo if band == "L" else known.dec_hi)
    chain = []
    for _ in range(level - 1):
        chain.append(low)
        low, wanted = with_holes(low), with_holes(wanted)
    return (*chain, wanted)
