"""Smooth fields as cubic B-splines on a lattice of control points, fitted to samples of a grid.

The fit is that of Lee, Wolberg and Shin (1997, IEEE Trans Vis Comput Graph 3:228), which N4 uses. The samples lie on a
grid, so every sum over the 64 control points around a sample is a product of three sums along the axes: the fit and
the field are a few products of matrices with as many columns as there are control points.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hounsfield.prepare.taps import cubic_basis

Floats = npt.NDArray[np.float64]
Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Basis:
    """The splines of one axis at its samples.

    Attributes:
        values: (sample, control point).
    """

    values: Floats

    @property
    def shares(self) -> Floats:
        """Third powers by the sum of squares of each sample: what a sample gives to the points around it."""
        squares = self.values**2
        return np.asarray(self.values**3 / squares.sum(axis=1, keepdims=True))


def basis_of(places: npt.ArrayLike, count: int, elements: int) -> Basis:
    """Return the splines at places along an axis.

    Args:
        places: indices of samples of the whole axis.
        count: samples of the whole axis; an axis of one sample has one control point.
        elements: intervals between knots, from the first to the last sample; they have three control points more.
    """
    at = np.asarray(places, dtype=np.float64)
    if count == 1:
        return Basis(np.ones((len(at), 1)))
    knots = at * elements / (count - 1)
    return Basis(cubic_basis(knots[:, None] - (np.arange(elements + 3) - 1)))


def fit_lattice(samples: Floats, is_known: npt.NDArray[np.bool_], axes: tuple[Basis, Basis, Basis]) -> Floats:
    """Return the control points of a field near samples; points that no sample reaches are 0.

    Args:
        samples: (slice, row, column) values.
        is_known: which of them count.
        axes: the splines at the samples of each axis.
    """
    known = is_known.astype(np.float64)
    weighted = _contract(np.where(is_known, samples, 0.0), [axis.shares.T for axis in axes])
    weight = _contract(known, [(axis.values**2).T for axis in axes])
    return np.where(weight > 1e-12, weighted / np.maximum(weight, 1e-12), 0.0)


def field_of(lattice: Floats, axes: tuple[Basis, Basis, Basis]) -> Floats:
    """Return the field at the samples of the axes."""
    return _contract(lattice, [axis.values for axis in axes])


def refined(lattice: Floats) -> Floats:
    """Return the control points of the same field on a lattice of half the spacing; axes of one point stay."""
    for axis, count in enumerate(lattice.shape):
        if count > 1:
            lattice = _along(lattice, _halving(count), axis)
    return lattice


def _halving(count: int) -> Floats:
    """Return the matrix that inserts a knot in the middle of every interval of a uniform cubic spline."""
    matrix = np.zeros((2 * count - 3, count))
    for point in range(count - 1):
        matrix[2 * point, point : point + 2] = (0.5, 0.5)
    for point in range(count - 2):
        matrix[2 * point + 1, point : point + 3] = (0.125, 0.75, 0.125)
    return matrix


def _contract(array: Floats, matrices: list[Floats]) -> Floats:
    for axis, matrix in enumerate(matrices):
        array = _along(array, matrix, axis)
    return array


def _along(array: Floats, matrix: Floats, axis: int) -> Floats:
    """Multiply an axis by a matrix (new, old)."""
    return np.moveaxis(np.tensordot(matrix, array, (1, axis)), 0, axis)
