"""The turns by 90 degrees of a separable filter: which kernel lies along which axis, and which way round (IBSI 4)."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Kernel = tuple[float, ...]
Chain = tuple[Kernel, ...]
"""Kernels along one axis, applied one after the other; each has a middle."""


@dataclass(frozen=True)
class Turned:
    """One separable filter as it lies.

    Attributes:
        chains: one for each axis.
        sign: of the whole filter: a kernel that is odd is never stored the other way round.
    """

    chains: tuple[Chain, ...]
    sign: int


def turns(dimensions: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return the rotations by 90 degrees, 4 in two and 24 in three dimensions, each as axes and directions."""
    found = []
    for axes in itertools.permutations(range(dimensions)):
        for signs in itertools.product((1, -1), repeat=dimensions):
            matrix = np.zeros((dimensions, dimensions))
            matrix[range(dimensions), axes] = signs
            if np.linalg.det(matrix) > 0:
                found.append((axes, signs))
    return found


def turned(chains: Sequence[Chain], is_rotation_invariant: bool) -> list[Turned]:
    """Return the different filters that the turns make of one, each once.

    Every filter comes of the same number of turns, so that their mean is the mean over all turns.
    """
    dimensions = len(chains)
    if not is_rotation_invariant:
        return [_canonical(tuple(chains), (1,) * dimensions)]
    found = {_canonical(tuple(chains[axis] for axis in axes), signs) for axes, signs in turns(dimensions)}
    return sorted(found, key=lambda one: (one.chains, one.sign))


def _canonical(chains: tuple[Chain, ...], signs: tuple[int, ...]) -> Turned:
    laid, sign = [], 1
    for chain, direction in zip(chains, signs, strict=True):
        flipped = tuple(kernel[::-1] for kernel in chain) if direction < 0 else chain
        if direction < 0 and len(chain) == 1 and np.array_equal(flipped[0], [-value for value in chain[0]]):
            flipped, sign = chain, -sign
        laid.append(flipped)
    return Turned(tuple(laid), sign)


def with_middle(kernel: npt.ArrayLike) -> Kernel:
    """Return a kernel of odd length: one of even length gets a zero at its end, as the manual's origin wants it."""
    values = [float(value) for value in np.asarray(kernel, dtype=np.float64)]
    return (*values, 0.0) if len(values) % 2 == 0 else tuple(values)


def with_holes(kernel: Kernel) -> Kernel:
    """Return a kernel with a zero between every two of its values (a trous)."""
    found = np.zeros(2 * len(kernel) - 1)
    found[::2] = kernel
    return tuple(float(value) for value in found)
