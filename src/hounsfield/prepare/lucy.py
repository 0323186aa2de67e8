"""Richardson-Lucy deconvolution as plain functions: for a Gaussian in image space, for any other PSF by transforms.

Richardson 1972 (doi:10.1364/JOSA.62.000055), Lucy 1974 (doi:10.1086/111605): u <- u * H^T(d / H u), which keeps u from
becoming negative and suits Poisson noise. Total variation: Dey 2006 (doi:10.1002/jemt.20294), equation 8. Edges of the
transformed kind: Bertero and Boccacci 2005 (doi:10.1051/0004-6361:20052717).
"""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import core_count, in_threads, spans
from hounsfield.core.volume import Samples

Floats = npt.NDArray[np.float32]

TRUNCATED_AT = 4.0
"""Half-length of a Gaussian in standard deviations, as scipy.ndimage has it."""

GRADIENT_FLOOR_FRACTION = 1e-3
"""Gradients below this fraction of the mean sample count as flat for the total variation."""

SUPPORT_FRACTION = 1e-3
"""Samples outside the image that it sees with less than this weight are not estimated."""


def gaussian_taps(sigma: float) -> Floats:
    """Return the samples of a Gaussian from its centre outwards, cut at 4 sigma; the whole has the sum 1.

    Args:
        sigma: standard deviation in samples; 0 gives the identity.
    """
    if sigma <= 0:
        return np.ones(1, np.float32)
    half = np.exp(-0.5 * (np.arange(int(TRUNCATED_AT * sigma + 0.5) + 1) / sigma) ** 2)
    return np.asarray(half / (2 * half.sum() - half[0]), dtype=np.float32)


def deconvolve_gaussian(
    data: Samples, taps: tuple[Floats, Floats, Floats], iterations: int, variation: float = 0.0, threads: int = 0
) -> Floats:
    """Return the Richardson-Lucy estimate for a separable symmetric PSF.

    Beside the output it holds one more volume, and with total variation a third.

    Args:
        data: (slice, row, column), not negative.
        taps: of slices, rows and columns, from the centre outwards, each with the sum 1 when unfolded.
        iterations: how many; noise grows with them.
        variation: weight of the total variation, 0 for none; Dey took 0.002.
        threads: 0 takes the cores of this process.

    Example:
        >>> import numpy as np
        >>> flat = np.full((1, 9, 9), 5, np.float32)
        >>> bool(np.allclose(deconvolve_gaussian(flat, (gaussian_taps(0), gaussian_taps(1), gaussian_taps(1)), 3), 5))
        True
    """
    from hounsfield.prepare import lucy_kernels as kernels

    samples = np.ascontiguousarray(data, dtype=np.float32)
    estimate = np.full(samples.shape, samples.mean(dtype=np.float64), np.float32)
    field = np.empty_like(estimate)
    smooth = np.empty_like(estimate) if variation else estimate
    parts = threads or core_count()
    slices, rows = spans(samples.shape[0], parts), spans(samples.shape[1], parts)
    for _ in range(iterations):
        in_threads(kernels.blur_slices, [(estimate, field, taps, *part) for part in slices], threads)
        in_threads(kernels.quotients, [(field, samples, taps[0], *part) for part in rows], threads)
        in_threads(kernels.blur_slices, [(field, field, taps, *part) for part in slices], threads)
        if variation:
            settings = _variation_settings(estimate, variation)
            in_threads(kernels.smooth_by_variation, [(estimate, smooth, settings, *part) for part in slices], threads)
            estimate, smooth = smooth, estimate
        in_threads(kernels.corrections, [(field, estimate, taps[0], *part) for part in rows], threads)
    return estimate


def deconvolve(data: Samples, psf: Samples, iterations: int, variation: float = 0.0, threads: int = 0) -> Floats:
    """Return the Richardson-Lucy estimate for any PSF, by float32 transforms; the PSF's transform is kept.

    What lies outside the image is estimated along with it, so faces show no ringing. It holds about seven volumes.

    Args:
        data: (slice, row, column), not negative.
        psf: three axes, each of odd length, not negative; its sum is taken as 1.
        iterations: how many.
        variation: weight of the total variation, 0 for none.
        threads: 0 takes the cores of this process.
    """
    from scipy import fft

    from hounsfield.prepare import lucy_kernels as kernels

    workers = threads or core_count()
    shape = tuple(fft.next_fast_len(n + k - 1, real=True) for n, k in zip(data.shape, psf.shape, strict=True))
    kernel = np.zeros(shape, np.float32)
    kernel[tuple(slice(0, k) for k in psf.shape)] = psf / psf.sum()
    otf = fft.rfftn(np.roll(kernel, [-(k // 2) for k in psf.shape], (0, 1, 2)), workers=workers)
    image = tuple(slice(k // 2, k // 2 + n) for n, k in zip(data.shape, psf.shape, strict=True))

    def filtered(field: Floats, transfer: npt.NDArray[np.complex64]) -> Floats:
        spectrum = fft.rfftn(field, workers=workers)
        spectrum *= transfer
        for axis in (0, 1):  # axis by axis in place takes two thirds of the time of irfftn
            spectrum = fft.ifft(spectrum, axis=axis, workers=workers, overwrite_x=True)
        made: Floats = fft.irfft(spectrum, shape[2], axis=2, workers=workers, overwrite_x=True)
        return made

    adjoint = otf.conj()
    field = np.zeros(shape, np.float32)
    field[image] = 1
    weights = filtered(field, adjoint)
    is_seen = weights > SUPPORT_FRACTION
    inverse = np.where(is_seen, 1 / np.where(is_seen, weights, 1), 0).astype(np.float32)
    estimate = np.where(is_seen, np.float32(data.mean(dtype=np.float64)), np.float32(0))
    samples = np.ascontiguousarray(data, dtype=np.float32)
    of_data, of_whole = spans(data.shape[0], workers), spans(shape[0], workers)
    for _ in range(iterations):
        blurred = filtered(estimate, otf)[image]
        in_threads(kernels.divide, [(samples, blurred, field[image], *part) for part in of_data], threads)
        correction = filtered(field, adjoint)
        if variation:
            smooth = np.empty_like(estimate)
            settings = _variation_settings(estimate, variation)
            in_threads(kernels.smooth_by_variation, [(estimate, smooth, settings, *p) for p in of_whole], threads)
            estimate = smooth
        in_threads(kernels.multiply, [(estimate, correction, inverse, *part) for part in of_whole], threads)
    return np.ascontiguousarray(estimate[image])


def _variation_settings(estimate: Floats, variation: float) -> Floats:
    """Return the settings of ``smooth_by_variation`` in samples; a single slice has no gradient across."""
    floor = max(GRADIENT_FLOOR_FRACTION * float(estimate.mean(dtype=np.float64)), 1e-12)
    return np.array([variation, floor, 1, 1, 1], np.float32)
