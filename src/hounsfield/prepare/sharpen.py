"""Sharpening of a histogram, the heart of N3 and N4 (Sled, Zijdenbos and Evans 1998, IEEE Trans Med Imaging 17:87)."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BINS = 200


def sharpened(samples: Floats, fwhm: float, wiener_noise: float, bins: int = BINS) -> Floats:
    """Return the expected value of each sample before its histogram was blurred by a Gaussian.

    The histogram is deconvolved by a Wiener filter to U; the expectation of the true value u for a measured v is
    E(u | v) = integral of u F(v - u) U(u) du / integral of F(v - u) U(u) du, with F the Gaussian.

    Args:
        samples: 1-D logarithms.
        fwhm: full width at half maximum of the Gaussian, in the units of the samples.
        wiener_noise: constant of the filter.
        bins: of the histogram.
    """
    low, high = float(samples.min()), float(samples.max())
    if high <= low:
        return samples.copy()
    width = (high - low) / (bins - 1)
    places = (samples - low) / width
    first = np.minimum(places.astype(np.intp), bins - 2)
    part = places - first
    # Each sample is shared by the two bins around it (a Parzen window of one bin).
    counts: Floats = np.zeros(bins) + np.bincount(first, 1 - part, bins) + np.bincount(first + 1, part, bins)
    expected = _expected(counts, low, width, (fwhm, wiener_noise))
    return np.asarray(expected[first] * (1 - part) + expected[first + 1] * part)


def _expected(counts: Floats, low: float, width: float, terms: tuple[float, float]) -> Floats:
    """Return the expectation of the true value in each bin."""
    fwhm, wiener_noise = terms
    bins = len(counts)
    size = 2 << int(np.ceil(np.log2(bins)))
    offset = (size - bins) // 2
    padded = np.zeros(size)
    padded[offset : offset + bins] = counts
    distance = np.minimum(np.arange(size), size - np.arange(size)) * width
    gaussian = 2 * np.sqrt(np.log(2) / np.pi) * width / fwhm * np.exp(-4 * np.log(2) * (distance / fwhm) ** 2)
    blur = np.fft.fft(gaussian)
    filter_ = (blur.conj() / (np.abs(blur) ** 2 + wiener_noise)).real
    sharp = np.maximum(np.fft.ifft(np.fft.fft(padded) * filter_).real, 0.0)
    values = low + (np.arange(size) - offset) * width
    above = np.fft.ifft(np.fft.fft(sharp * values) * blur).real
    below = np.fft.ifft(np.fft.fft(sharp) * blur).real
    # Where no true value can be the origin of a measured one, it stays what it is.
    is_empty = below <= 1e-9 * below.max()
    expected = np.where(is_empty, values, above / np.where(is_empty, 1.0, below))
    return np.asarray(expected[offset : offset + bins])
