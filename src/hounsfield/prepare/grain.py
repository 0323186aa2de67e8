"""Grain: how strong the noise of slices is, and whether neighbouring samples share it."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hounsfield.core.volume import Samples
from hounsfield.prepare.channels import finite, some_slices

DISTANCES = (1, 2, 3)
"""Distances of the samples whose second differences are looked at."""

_SIDE = 1024
_SMOOTHING = 2.5
_BACKGROUND, _SMOOTH_SHARE = 0.1, 1 / 3
_NORMAL = 1.4826
"""Standard deviation of a normal distribution with a median absolute value of 1."""


def noise_at_distances(planes: Samples) -> tuple[float, ...]:
    """Return the standard deviation of the noise, told from differences of samples 1, 2 and 3 apart.

    White noise gives the same three times. Noise that neighbours share hides from near differences and shows in wide
    ones, the more the wider it is. The measure is that of Immerkaer (1996, doi:10.1006/cviu.1996.0060), the second
    difference along rows of that along columns, with its median absolute value instead of the mean. It is taken where
    the slice is smooth and no background: in the third with the least gradient of a smoothed copy, above a tenth of
    its range.

    Args:
        planes: (slice, row, column); the middle 1024 rows and columns of at most 31 slices count.

    Example:
        >>> noise = np.random.default_rng(0).normal(0, 5, (1, 200, 200))
        >>> [round(value) for value in noise_at_distances(noise)]
        [5, 5, 5]
    """
    found = [_responses(finite(_middle(plane))) for plane in some_slices(planes)]
    pooled = (np.concatenate(values) for values in zip(*found, strict=True))
    return tuple(float(_NORMAL * np.median(values) / 6) if values.size else 0.0 for values in pooled)


def _middle(plane: Samples) -> Samples:
    """Return the middle of a slice."""
    starts = [max(0, (length - _SIDE) // 2) for length in plane.shape]
    return plane[starts[0] : starts[0] + _SIDE, starts[1] : starts[1] + _SIDE]


def _responses(plane: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
    """Give the absolute second differences of each distance where a slice is smooth."""
    smooth = ndimage.gaussian_filter(plane, _SMOOTHING)
    low, high = np.percentile(smooth, [1, 99])
    inside = smooth > low + _BACKGROUND * (high - low)
    border = max(DISTANCES)
    inside[:border] = inside[-border:] = inside[:, :border] = inside[:, -border:] = False
    if inside.mean() < _BACKGROUND / 2:
        inside[border:-border, border:-border] = True
    steepness = ndimage.gaussian_gradient_magnitude(plane, _SMOOTHING)
    inside &= steepness <= np.quantile(steepness[inside], _SMOOTH_SHARE) if inside.any() else False
    for distance in DISTANCES:
        gap = [0.0] * (distance - 1)
        taps = [1.0, *gap, -2.0, *gap, 1.0]
        along_rows = ndimage.correlate1d(plane, taps, axis=0, mode="mirror")
        yield np.abs(ndimage.correlate1d(along_rows, taps, axis=1, mode="mirror")[inside])
