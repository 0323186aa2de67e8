"""Copies among images: exact ones by digest, near ones by likeness of small band-passed thumbnails.

Two likenesses must both reach the threshold. The first is the correlation of thumbnails without their broad shading, so
that brightness and contrast do not count. The second is the correlation after the mean image of the data set is taken
away, so that what all images share (a thorax looks like a thorax) does not count. A first likeness that no two patients
reach is enough by itself: in a set of two images, or of frames of one film, the mean image is the copy. Mirror images
are compared as well.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hounsfield.core.volume import Samples, Volume

SIDE = 32
"""Rows and columns of a thumbnail."""

NEAR_THRESHOLD = 0.90
"""Likeness from which two images count as near copies.

Judged by eye on montages of real pairs. Brain MRI (1,600 slices) and breast ultrasound (461 images): the pairs above
it show one acquisition, a mirrored or re-windowed copy, or neighbouring slices of one patient; below 0.85 pairs of
different patients begin. 28×28 chest radiographs (5,206), where different children look most alike: 15 pairs of 13.5
million reach it, against some 250 at 0.85, which would chain 95 children into one group.
"""

OTHER_PATIENT_THRESHOLD = 0.995
"""Likeness asked for when both patients are known and differ: small crops of different people look very alike."""

SAME_SHAPE_THRESHOLD = 0.97
"""First likeness that needs no second one.

Of 1,600 brain MRI slices, 461 breast ultrasound images, 417 limb radiographs, 1,500 thumbnails of body parts and 1,736
chest radiographs, every pair above it (420) also has a second likeness above 0.93.
"""

_STRIPS = 4
_SHADING_SIGMA = 4.0
_BLOCK = 512
_MAX_PAIRS = 2_000_000

Pairs = npt.NDArray[np.int64]
_Floats32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class NearCopies:
    """Near copies: pairs (k, 2) with first < second, and the likeness (k,) of each."""

    pairs: Pairs
    likeness: _Floats32


def pixel_digest(volume: Volume) -> bytes:
    """Return the SHA-256 of the decoded samples with their shape and type; equal pictures in two formats agree."""
    array = np.ascontiguousarray(volume.array)
    return hashlib.sha256(f"{array.shape} {array.dtype.str}".encode() + array.tobytes()).digest()


def thumbnail(volume: Volume) -> _Floats32:
    """Return the middle slice as (32, 32) float32; colour becomes its mean."""
    array: Samples = volume.array.mean(axis=0) if volume.is_colour else volume.array
    return _shrunk(array[array.shape[0] // 2], SIDE)


def frames_thumbnail(volume: Volume) -> _Floats32:
    """Return four frames, evenly spread, below each other as (32, 32) float32, each (8, 32); colour becomes its mean.

    Sequences that share a frame, or show the same frames in another order, look unlike each other; one that is mirrored
    from left to right is still the mirror image.
    """
    array: Samples = volume.array.mean(axis=0) if volume.is_colour else volume.array
    places = np.floor(np.linspace(0, len(array) - 1, _STRIPS) + 0.5).astype(int)
    return np.concatenate([_shrunk(array[place], SIDE // _STRIPS) for place in places])


def _shrunk(plane: Samples, rows: int) -> _Floats32:
    """Return a slice as (rows, 32) float32."""
    finite = np.nan_to_num(np.asarray(plane, dtype=np.float32), posinf=0.0, neginf=0.0)
    how = Image.Resampling.BOX if min(finite.shape) >= SIDE else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(finite).resize((SIDE, rows), how), dtype=np.float32)


def find_near_copies(
    thumbnails: _Floats32, patients: npt.NDArray[np.int64], threshold: float = NEAR_THRESHOLD
) -> NearCopies:
    """Return the pairs of thumbnails (n, 32, 32) that look like copies, mirrored ones included.

    Args:
        thumbnails: of cases that are not exact copies of each other.
        patients: (n,) number of the patient of each, -1 when unknown.
        threshold: likeness for pairs that may be of one patient.

    At most two million pairs are returned; memory is bounded by a block of 512 rows against all columns.
    """
    shape = _unit(thumbnails - gaussian_filter(thumbnails, (0, _SHADING_SIGMA, _SHADING_SIGMA)))
    deviation = thumbnails.std(axis=(1, 2), keepdims=True)
    scaled = np.where(deviation > 0, thumbnails / np.maximum(deviation, 1e-6), 0)
    mean = scaled.mean(axis=0)
    own, mirrored = _unit(scaled - mean), _unit(scaled[:, :, ::-1] - mean)
    found: list[tuple[Pairs, _Floats32]] = []
    total = 0
    for first, second, likeness, is_mirrored in _candidates(shape, threshold):
        other = mirrored if is_mirrored else own
        centred = np.einsum("ij,ij->i", own[first], other[second])
        likeness = np.where(likeness >= SAME_SHAPE_THRESHOLD, likeness, np.minimum(likeness, centred))
        both_known = (patients[first] >= 0) & (patients[second] >= 0) & (patients[first] != patients[second])
        keep = likeness >= np.where(both_known, OTHER_PATIENT_THRESHOLD, threshold)
        found.append((np.stack([first[keep], second[keep]], axis=1), likeness[keep].astype(np.float32)))
        total += int(keep.sum())
        if total > _MAX_PAIRS:
            break
    return _without_repeats(found)


def _unit(images: _Floats32) -> _Floats32:
    flat = images.reshape(len(images), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(np.where(length > 1e-4, flat / np.maximum(length, 1e-4), 0), dtype=np.float32)


def _candidates(features: _Floats32, threshold: float) -> Iterator[tuple[Pairs, Pairs, _Floats32, bool]]:
    mirror = features.reshape(-1, SIDE, SIDE)[:, :, ::-1].reshape(len(features), -1)
    for start in range(0, len(features), _BLOCK):
        rows = features[start : start + _BLOCK]
        for is_mirrored, columns in ((False, features[start:]), (True, mirror[start:])):
            likeness = rows @ columns.T
            first, second = np.nonzero(likeness >= threshold)
            later = second > first
            first, second = first[later], second[later]
            yield first + start, second + start, likeness[first, second], is_mirrored


def _without_repeats(found: list[tuple[Pairs, _Floats32]]) -> NearCopies:
    pairs = np.concatenate([pairs for pairs, _ in found]) if found else np.zeros((0, 2), dtype=np.int64)
    likeness = np.concatenate([values for _, values in found]) if found else np.zeros(0, dtype=np.float32)
    order = np.lexsort((-likeness, pairs[:, 1], pairs[:, 0]))
    pairs, likeness = pairs[order], likeness[order]
    is_first = np.ones(len(pairs), dtype=bool)
    is_first[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    return NearCopies(pairs[is_first], likeness[is_first])


def join(count: int, *links: Pairs) -> npt.NDArray[np.int64]:
    """Return the group (count,) of each case when linked pairs (k, 2) belong together, numbered by first appearance."""
    pairs = np.concatenate([np.zeros((0, 2), dtype=np.int64), *links])
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    raw = connected_components(graph, directed=False)[1]
    _, first, inverse = np.unique(raw, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[inverse], dtype=np.int64)


def links_of(keys: npt.NDArray[np.int64]) -> Pairs:
    """Return pairs that chain all cases with an equal key >= 0 to the first of them."""
    known = np.flatnonzero(keys >= 0)
    if not len(known):
        return np.zeros((0, 2), dtype=np.int64)
    _, first, inverse = np.unique(keys[known], return_index=True, return_inverse=True)
    pairs = np.stack([known[first[inverse]], known], axis=1)
    return np.asarray(pairs[pairs[:, 0] != pairs[:, 1]], dtype=np.int64)
