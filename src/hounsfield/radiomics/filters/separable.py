"""Separable filters: kernels along the axes, pooled over their turns without doing anything twice."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from hounsfield.radiomics.filters.settings import Boundary, Pooling
from hounsfield.radiomics.filters.turns import Chain, Kernel, Turned

Map = npt.NDArray[np.float64]
Bundle = tuple[Chain, ...]
"""Chains along one axis whose responses are added."""

MODES = {
    Boundary.ZERO: "constant",
    Boundary.NEAREST: "nearest",
    Boundary.PERIODIC: "grid-wrap",
    Boundary.MIRROR: "reflect",
}
"""What SciPy calls the boundary conditions."""


def along(samples: Map, kernel: Kernel, axis: int, boundary: Boundary) -> Map:
    """Return the convolution with a kernel along one axis."""
    return np.asarray(ndimage.convolve1d(samples, kernel, axis=axis, mode=MODES[boundary]))


def pooled(samples: Map, filters: list[Turned], pooling: Pooling, boundary: Boundary) -> Map:
    """Return the pooled response to filters that are turns of one.

    Args:
        samples: (slice, row, column).
        filters: their last chain lies along the last axis of the image.
        pooling: over the filters.
        boundary: beyond the edge of the image.
    """
    if pooling is Pooling.MEAN and all(one.sign == 1 for one in filters):
        return _sum(samples, [one.chains for one in filters], boundary) / len(filters)
    signs: dict[tuple[Chain, ...], set[int]] = defaultdict(set)
    for one in filters:
        signs[one.chains].add(one.sign)
    if pooling is Pooling.MEAN:
        # an odd filter meets its opposite among the turns, and both together give nothing
        left = [chains for chains, found in signs.items() if found == {1}]
        lost = [chains for chains, found in signs.items() if found == {-1}]
        total = np.zeros_like(samples)
        for sign, group in ((1, left), (-1, lost)):
            if group:
                total += sign * _sum(samples, group, boundary)
        return total / len(filters)
    return _maximum(samples, signs, boundary)


def _sum(samples: Map, filters: list[tuple[Chain, ...]], boundary: Boundary) -> Map:
    """Return the sum of the responses; filters that share what lies along the other axes are added before it."""
    groups: dict[tuple[Bundle, ...], int] = defaultdict(int)
    for chains in filters:
        groups[tuple((chain,) for chain in chains)] += 1
    dimensions = len(filters[0])
    for axis in range(dimensions):
        groups = _merged(groups, axis)
    total = np.zeros_like(samples)
    for bundles, count in groups.items():
        found = samples
        for place, bundle in enumerate(bundles):
            found = _bundle(found, bundle, samples.ndim - dimensions + place, boundary)
        total += count * found
    return total


def _merged(groups: dict[tuple[Bundle, ...], int], axis: int) -> dict[tuple[Bundle, ...], int]:
    """Return groups of which those that differ along one axis alone have become one."""
    found: dict[tuple[tuple[Bundle, ...], int], list[Chain]] = defaultdict(list)
    for bundles, count in groups.items():
        found[bundles[:axis] + bundles[axis + 1 :], count].extend(bundles[axis])
    merged: dict[tuple[Bundle, ...], int] = defaultdict(int)
    for (others, count), chains in found.items():
        merged[(*others[:axis], tuple(sorted(chains)), *others[axis:])] += count
    return merged


def _bundle(samples: Map, bundle: Bundle, axis: int, boundary: Boundary) -> Map:
    if all(len(chain) == 1 and len(chain[0]) == len(bundle[0][0]) for chain in bundle):
        kernel = np.sum([chain[0] for chain in bundle], axis=0)
        return along(samples, tuple(kernel), axis, boundary)
    return np.asarray(sum(_chain(samples, chain, axis, boundary) for chain in bundle))


def _chain(samples: Map, chain: Chain, axis: int, boundary: Boundary) -> Map:
    for kernel in chain:
        samples = along(samples, kernel, axis, boundary)
    return samples


def _maximum(samples: Map, signs: dict[tuple[Chain, ...], set[int]], boundary: Boundary) -> Map:
    """Return the largest response at each voxel; filters in a row share the axes that they begin with."""
    best = np.full_like(samples, -np.inf)
    kept: list[tuple[Chain, Map]] = []
    for chains in sorted(signs):
        kept = kept[: _shared(chains, (chain for chain, _ in kept))]
        for place in range(len(kept), len(chains)):
            before = kept[-1][1] if kept else samples
            axis = samples.ndim - len(chains) + place
            kept.append((chains[place], _chain(before, chains[place], axis, boundary)))
        for sign in signs[chains]:
            np.maximum(best, kept[-1][1] if sign > 0 else -kept[-1][1], out=best)
    return best


def _shared(chains: tuple[Chain, ...], others: Iterable[Chain]) -> int:
    count = 0
    for one, other in zip(chains, others, strict=False):
        if one != other:
            break
        count += 1
    return count
