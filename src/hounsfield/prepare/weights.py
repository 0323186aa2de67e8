"""Separable resampling: exact area averages when an axis shrinks, linear interpolation when it grows.

Both keep the outer faces of the image in place (``VolumeGeometry.resized``). Each axis has a band of weights: target
sample *i* is the sum over *k* of ``weights[i, k] * source[indices[i, k]]``. The sums run in one fixed order of
element-wise operations in float64, without BLAS, so the result does not depend on the number of threads, nor on how
many slices are done at once.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hounsfield.core.volume import Samples


@dataclass(frozen=True)
class Band:
    """Weights of one axis.

    Attributes:
        indices: (target, tap) source index of each tap.
        weights: (target, tap), each row sums to 1.
    """

    indices: npt.NDArray[np.intp]
    weights: npt.NDArray[np.float64]


@lru_cache(maxsize=64)
def band(source: int, target: int) -> Band:
    """Return the weights that take ``source`` samples to ``target`` samples."""
    return _area(source, target) if target < source else _linear(source, target)


def matrix(source: int, target: int) -> npt.NDArray[np.float64]:
    """Return the same weights as a full matrix (target, source)."""
    taps = band(source, target)
    full = np.zeros((target, source))
    np.add.at(full, (np.arange(target)[:, None], taps.indices), taps.weights)
    return full


def resample(array: Samples, rows: int, columns: int) -> npt.NDArray[np.float32]:
    """Resample the last two axes to ``rows`` by ``columns``, float32."""
    flat = array.reshape(-1, *array.shape[-2:])
    out = np.empty((len(flat), rows, columns), dtype=np.float32)
    for index, image in enumerate(flat):
        out[index] = _resample_image(image, rows, columns)
    return out.reshape(*array.shape[:-2], rows, columns)


def resample_nearest(array: Samples, rows: int, columns: int) -> Samples:
    """Take the nearest sample on the last two axes, in the type of the array: for labels."""
    row_indices, column_indices = _nearest(array.shape[-2], rows), _nearest(array.shape[-1], columns)
    return np.ascontiguousarray(array[..., row_indices[:, None], column_indices])


def _resample_image(image: Samples, rows: int, columns: int) -> npt.NDArray[np.float64]:
    """Resample rows first: they lie together in memory, so the larger part of the work is done on whole lines."""
    narrow = _along_rows(image, rows)
    return _along_rows(np.ascontiguousarray(narrow.T), columns).T


def _along_rows(image: Samples, target: int) -> npt.NDArray[np.float64]:
    if image.shape[0] == target:
        return image.astype(np.float64)
    taps = band(image.shape[0], target)
    total = np.zeros((target, image.shape[1]))
    for tap in range(taps.weights.shape[1]):
        total += image[taps.indices[:, tap]] * taps.weights[:, tap, None]
    return total


def _area(source: int, target: int) -> Band:
    edges = np.arange(target + 1, dtype=np.int64) * source / target
    first = np.floor(edges[:-1]).astype(np.intp)
    count = int((np.ceil(edges[1:]).astype(np.intp) - first).max())
    indices = first[:, None] + np.arange(count)
    overlap = np.minimum(edges[1:, None], indices + 1) - np.maximum(edges[:-1, None], indices)
    overlap = np.clip(overlap, 0.0, None)
    # A tap of weight 0 reads the first sample, which counts anyway: 0 times NaN is not 0.
    indices = np.where(overlap > 0, indices, first[:, None])
    return Band(indices, overlap / overlap.sum(axis=1, keepdims=True))


def _linear(source: int, target: int) -> Band:
    position = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    first = np.floor(position).astype(np.intp)
    fraction = position - first
    indices = np.stack([first, np.where(fraction > 0, first + 1, first)], axis=1)
    return Band(indices, np.stack([1 - fraction, fraction], axis=1))


def _nearest(source: int, target: int) -> npt.NDArray[np.intp]:
    return np.minimum((np.arange(target) + 0.5) * source / target, source - 1).astype(np.intp)
