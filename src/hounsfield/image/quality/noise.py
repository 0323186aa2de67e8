"""Noise: standard deviation of what is not structure."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

from hounsfield.image.quality.sample import Plane, counted

SOFT_TISSUE_HU = (-150.0, 250.0)
KERNEL_MM = 6.0
TELLING_SIDE = 5
LEAST_PLACES = 500
_MAD_TO_SIGMA = 0.6744897501960817
_WEIGHT = 6.0
"""Norm of Immerkaer's operator [1 -2 1] x [1 -2 1]."""


def noise_sigma(planes: Sequence[Plane], padding: tuple[float, float] | None = None) -> float | None:
    """Return the standard deviation of white noise, in units of the samples; None where there is too little image.

    Immerkaer's operator (Fast noise variance estimation, CVIU 1996) takes planes and edges along the axes away; instead
    of the mean modulus its median is used (Donoho and Johnstone, Biometrika 1994), so that other structure counts
    little. Correlated noise, such as that of smooth CT kernels, is underestimated; see ``soft_tissue_noise``.
    """
    found = [sigma for image in planes if (sigma := _plane_sigma(image, padding)) is not None]
    return float(np.median(found)) if found else None


def _plane_sigma(image: Plane, padding: tuple[float, float] | None) -> float | None:
    if min(image.shape) < 8:
        return None
    rows = image[:-2] - 2 * image[1:-1] + image[2:]
    response = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    kept = counted(image, padding)
    # A background without noise (masked, compressed away) says nothing about the noise of the object.
    kept &= image >= _ground(image, kept)
    values = np.abs(response[kept[1:-1, 1:-1]])
    return float(np.median(values)) / _MAD_TO_SIGMA / _WEIGHT if values.size >= LEAST_PLACES else None


def _ground(image: Plane, kept: npt.NDArray[np.bool_]) -> float:
    """Return the value below which half of the range of an image with a dark background lies."""
    values = image[kept][::7]
    if values.size < LEAST_PLACES // 7:
        return -np.inf
    low, high = np.percentile(values, (1, 99))
    threshold = float(low + 0.1 * (high - low))
    is_background = np.count_nonzero(values < threshold) > 0.25 * values.size
    return threshold if is_background else -np.inf


def soft_tissue_noise(planes: Sequence[Plane], spacing_mm: tuple[float, float]) -> float | None:
    """Return the global noise of a CT in HU: the commonest local standard deviation in soft tissue.

    After Christianson et al. (Automated technique to measure noise in clinical CT examinations, AJR 2015): soft tissue
    by its values, standard deviation in squares of 6 mm that lie in it wholly, mode of their histogram.

    Args:
        planes: slices in HU.
        spacing_mm: between rows and between columns.

    Returns:
        None where the slices hold too little soft tissue.
    """
    side = max(5, round(KERNEL_MM / max(min(spacing_mm), 1e-3)) | 1)
    deviations = np.concatenate([_local_deviation(image, side) for image in planes] or [np.zeros(0, np.float32)])
    if deviations.size < LEAST_PLACES:
        return None
    top = float(np.percentile(deviations, 75))
    # As fine as the spread of a standard deviation of so many samples lets a mode be told.
    width = max(0.05 * float(np.median(deviations)), 0.05)
    counts, edges = np.histogram(deviations, bins=np.arange(0, top + 3 * width, width))
    smooth = np.convolve(counts, (0.25, 0.5, 0.25), mode="same")
    best = int(smooth.argmax())
    return float((edges[best] + edges[best + 1]) / 2)


def _local_deviation(image: Plane, side: int) -> npt.NDArray[np.float32]:
    """Return the standard deviations of the squares that lie in soft tissue wholly.

    Tissue is told by its smoothed values, so that strong noise does not take itself out of what is measured.
    """
    smooth = uniform_filter(image, TELLING_SIDE)
    inside = (smooth > SOFT_TISSUE_HU[0]) & (smooth < SOFT_TISSUE_HU[1])
    whole = uniform_filter(inside.astype(np.float32), side) > 0.9999
    mean, square = uniform_filter(image, side), uniform_filter(image * image, side)
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0)[whole]), dtype=np.float32)
