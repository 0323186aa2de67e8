"""Filters in the Fourier domain: Simoncelli wavelets and Riesz transforms (IBSI PRT7, AYRS).

Where the image is periodic the published Simoncelli values come of a grid of frequencies that spans -1 to 1 with both
ends, so that with an even number of voxels its middle lies between two of them. Real images make the average of a
filter and its mirror image of it, which is what is computed here; elsewhere the frequencies are the true ones.

Beyond its mirrored edges an image is even, so that its spectrum is that of a cosine transform of the same size; only
the axes along which a filter is odd come back as sines.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial, prod

import numpy as np
import numpy.typing as npt
from scipy import fft

from hounsfield.radiomics.filters.gabor import PADDING
from hounsfield.radiomics.filters.separable import Map
from hounsfield.radiomics.filters.settings import Boundary, LaplacianOfGaussianFilter, SimoncelliFilter
from hounsfield.radiomics.filters.spatial_filters import Spacing, gaussian_kernels

Frequencies = list[npt.NDArray[np.float64]]
"""One array for each axis of the filter, broadcast against the others; 1 is the Nyquist frequency."""
Transfer = Callable[[Frequencies], Map]
Riesz = tuple[int, ...]


def simoncelli_map(samples: Map, one: SimoncelliFilter) -> Map:
    """Return the response to a Simoncelli wavelet, Riesz transformed where the filter says so."""
    sides = samples.shape[3 - one.dimensions :]

    def transfer(where: Frequencies) -> Map:
        if one.boundary is not Boundary.PERIODIC:
            return simoncelli(_distance(where), one.level)
        there, back = manual_frequencies(sides)
        return (simoncelli(_distance(there), one.level) + simoncelli(_distance(back), one.level)) / 2

    return _Work(one.dimensions, one.boundary, one.riesz or (0,) * one.dimensions).response(samples, transfer)


def manual_frequencies(sides: tuple[int, ...]) -> tuple[Frequencies, Frequencies]:
    """Return the frequencies of the manual's grid at each index of a real spectrum, and those at its opposite index."""
    there, back = [], []
    for place, side in enumerate(sides):
        line = fft.ifftshift(np.linspace(-1, 1, side)) if side > 1 else np.zeros(1)
        opposite = np.roll(line[::-1], 1)
        count = side // 2 + 1 if place == len(sides) - 1 else side
        there.append(line[:count])
        back.append(opposite[:count])
    return _crossed(there), _crossed(back)


def _crossed(lines: list[npt.NDArray[np.float64]]) -> Frequencies:
    return list(np.meshgrid(*lines, indexing="ij", sparse=True))


def riesz_laplacian_map(samples: Map, spacing_mm: Spacing, one: LaplacianOfGaussianFilter) -> Map:
    """Return the Riesz transform of the response to a Laplacian of Gaussian."""
    axes = range(3 - one.dimensions, 3)
    pairs = [gaussian_kernels(one, spacing_mm, axis) for axis in axes]

    def transfer(where: Frequencies) -> Map:
        smooth, curved = zip(
            *([_even(kernel, along) for kernel in pair] for pair, along in zip(pairs, where, strict=True)), strict=True
        )
        terms = [
            prod((curved[place] if place == bent else smooth[place] for place in range(len(where))), start=np.ones(()))
            for bent in range(len(where))
        ]
        return np.asarray(sum(terms))

    return _Work(one.dimensions, one.boundary, one.riesz or (0,) * one.dimensions).response(samples, transfer)


def _even(kernel: tuple[float, ...], along: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the spectrum of an even kernel."""
    middle = len(kernel) // 2
    return np.asarray(sum(value * np.cos(np.pi * (place - middle) * along) for place, value in enumerate(kernel)))


def simoncelli(distance: Map, level: int) -> Map:
    """Return the transfer function at distances from the middle of the spectrum (Portilla and Simoncelli 2000).

    cos(pi/2 log2(2 f / f_max)) from a quarter of the band's highest frequency to it, 0 elsewhere.
    """
    highest = 2.0 ** (1 - level)
    is_inside = (distance >= highest / 4) & (distance <= highest)
    held = np.where(is_inside, distance, highest / 2)
    return np.where(is_inside, np.cos(np.pi / 2 * np.log2(2 * held / highest)), 0.0)


def riesz(where: Frequencies, order: Riesz) -> tuple[float, Map]:
    """Return scale and shape of a Riesz transform: (-i)^L sqrt(L! / prod l!) prod(w^l) / |w|^L, less its (-i)^L.

    At the middle of the spectrum, where it has no value, it is 0.
    """
    total = sum(order)
    scale = np.sqrt(factorial(total) / prod(factorial(one) for one in order))
    distance = _distance(where)
    held = np.where(distance > 0, distance, 1.0)
    shape = prod((along**one for along, one in zip(where, order, strict=True)), start=np.ones(())) / held**total
    return float(scale), np.where(distance > 0, shape, 0.0)


def _distance(where: Frequencies) -> Map:
    return np.asarray(np.sqrt(sum(along**2 for along in where)))


@dataclass(frozen=True)
class _Work:
    """A filter in the Fourier domain.

    Attributes:
        dimensions: 2 or 3.
        boundary: beyond the edge of the image.
        order: of the Riesz transform; all 0 without one.
    """

    dimensions: int
    boundary: Boundary
    order: Riesz

    def response(self, samples: Map, transfer: Transfer) -> Map:
        """Return the response to a filter that is even along every axis, but for its Riesz transform."""
        if self.boundary is Boundary.MIRROR:
            return self._mirrored(samples, transfer)
        axes = self._axes(samples)
        if self.boundary is Boundary.PERIODIC:
            return self._periodic(samples, transfer)
        # half an image more to each side stands for the endless plane of zeros or edges
        wide = [(samples.shape[axis] // 2 + 1,) * 2 if axis in axes else (0, 0) for axis in range(samples.ndim)]
        found = self._periodic(np.pad(samples, wide, mode=PADDING[self.boundary]), transfer)  # type: ignore[call-overload]
        inner = (slice(low, low + side) for (low, _), side in zip(wide, samples.shape, strict=True))
        return np.ascontiguousarray(found[tuple(inner)])

    def _axes(self, samples: Map) -> tuple[int, ...]:
        return tuple(range(samples.ndim - self.dimensions, samples.ndim))

    def _factor(self, where: Frequencies, transfer: Transfer) -> Map:
        found = transfer(where)
        if not any(self.order):
            return found
        scale, shape = riesz(where, self.order)
        return found * scale * shape

    def _periodic(self, samples: Map, transfer: Transfer) -> Map:
        axes = self._axes(samples)
        sides = [samples.shape[axis] for axis in axes]
        lines = [2 * fft.fftfreq(side) for side in sides[:-1]] + [2 * fft.rfftfreq(sides[-1])]
        where = _crossed(lines)
        factor = self._factor(where, transfer).astype(np.complex128) * (-1j) ** sum(self.order)
        for place, (side, one) in enumerate(zip(sides, self.order, strict=True)):
            if one % 2 and side % 2 == 0:  # the Nyquist frequency has no direction
                factor[(slice(None),) * place + (side // 2,)] = 0
        spectrum = fft.rfftn(samples, axes=axes)
        spectrum *= factor
        return np.asarray(fft.irfftn(spectrum, sides, axes=axes))

    def _mirrored(self, samples: Map, transfer: Transfer) -> Map:
        axes = self._axes(samples)
        lines = [np.arange(samples.shape[axis]) / samples.shape[axis] for axis in axes]
        where = _crossed(lines)
        found = fft.dctn(samples, axes=axes) * self._factor(where, transfer)
        for axis, one in zip(axes, self.order, strict=True):
            if one % 4 >= 2:
                found = -found
            found = _sines(found, axis) if one % 2 else fft.idct(found, axis=axis)
        return np.asarray(found)


def _sines(spectrum: Map, axis: int) -> Map:
    """Return the samples of which a spectrum of cosines tells the sines: -i times its sign turns one into the other."""
    moved = np.roll(spectrum, -1, axis=axis)  # sines begin at the first frequency, cosines at the zeroth
    last = [slice(None)] * spectrum.ndim
    last[axis] = slice(-1, None)
    moved[tuple(last)] = 0
    return np.asarray(fft.idst(moved, axis=axis))
