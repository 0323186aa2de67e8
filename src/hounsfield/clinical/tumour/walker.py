"""Random walker: each voxel goes to the seed that a walker from it, kept back by edges, reaches first (Grady 2006)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import LinearOperator, cg

from hounsfield.errors import ImageError
from hounsfield.machine import available_memory

Samples = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float64]

BYTES_A_VOXEL = 160
"""Three weights, the vectors of the conjugate gradient and its temporaries, in float64."""
LEAST_WEIGHT = 1e-10
"""Keeps a voxel behind a wall joined to the rest, so that every voxel has an answer."""


@dataclass(frozen=True)
class WalkerSettings:
    """How strongly edges hold a walker back, and when the solution is good enough.

    Attributes:
        beta: weight of a step is ``exp(-beta g^2 / (10 s))``, g the difference over the step in mm and s the standard
            deviation of the samples (as scikit-image has it).
        tolerance: of the residual of the linear system, relative.
        rounds: most iterations.
    """

    beta: float = 130.0
    tolerance: float = 1e-4
    rounds: int = 2000


DEFAULT = WalkerSettings()


def walker_bytes(shape: tuple[int, int, int]) -> int:
    """Return the memory that a walk over so many voxels takes at the most."""
    return int(np.prod(shape, dtype=np.int64)) * BYTES_A_VOXEL


def require_memory(shape: tuple[int, int, int]) -> None:
    """Refuse a walk that the memory left does not hold.

    Raises:
        ImageError: ``E243``.
    """
    needed, free = walker_bytes(shape), available_memory()
    if free is not None and needed > free:
        raise ImageError("E243", found=needed // 2**20, expected=free // 2**20)


def walk(
    samples: Samples,
    inside: Flags,
    outside: Flags,
    spacing_mm: tuple[float, float, float],
    settings: WalkerSettings = DEFAULT,
) -> Field:
    """Return the probability (slice, row, column) that a walker reaches the lesion's seeds before the others.

    It solves the Dirichlet problem of the weighted graph Laplacian by conjugate gradients, without a matrix.

    Args:
        samples: grey values.
        inside: seeds of the lesion.
        outside: seeds of what is around it; both must hold a voxel.
        spacing_mm: of slices, rows and columns.
        settings: how.

    Raises:
        ImageError: ``E243``, the memory left does not hold the walk.
    """
    require_memory((samples.shape[0], samples.shape[1], samples.shape[2]))
    weights = _weights(samples, spacing_mm, settings.beta)
    free = ~(inside | outside)
    known = inside.astype(np.float64)
    degree = _laplacian_diagonal(weights, samples.shape)
    shape = samples.shape

    def apply(vector: Field) -> Field:
        field = np.where(free, vector.reshape(shape), 0.0)
        return np.asarray(np.where(free, degree * field - _neighbours(field, weights), vector.reshape(shape)).ravel())

    pulled = np.where(free, _neighbours(known, weights), 0.0).ravel()
    divide = np.where(free, degree, 1.0).ravel()
    size = (free.size, free.size)
    operator = LinearOperator(size, matvec=apply, dtype=np.float64)
    jacobi = LinearOperator(size, matvec=lambda vector: vector / divide, dtype=np.float64)
    found, _ = cg(operator, pulled, rtol=settings.tolerance, maxiter=settings.rounds, M=jacobi)
    return np.asarray(np.clip(np.where(free, found.reshape(shape), known), 0.0, 1.0))


def _weights(samples: Samples, spacing_mm: tuple[float, float, float], beta: float) -> tuple[Field, Field, Field]:
    """Return the weight of the step to the next slice, row and column."""
    values = samples.astype(np.float64)
    scale = beta / (10.0 * max(float(values.std()), 1e-12))
    found = [np.exp(-scale * (np.diff(values, axis=axis) / spacing_mm[axis]) ** 2) + LEAST_WEIGHT for axis in range(3)]
    return found[0], found[1], found[2]


def _neighbours(field: Field, weights: tuple[Field, Field, Field]) -> Field:
    """Return the weighted sum of the neighbours of each voxel."""
    total = np.zeros_like(field)
    for axis, weight in enumerate(weights):
        behind, ahead = _shifted(axis)
        total[behind] += weight * field[ahead]
        total[ahead] += weight * field[behind]
    return total


def _laplacian_diagonal(weights: tuple[Field, Field, Field], shape: tuple[int, ...]) -> Field:
    return _neighbours(np.ones(shape), weights)


def _shifted(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    every = [slice(None)] * 3
    behind, ahead = list(every), list(every)
    behind[axis], ahead[axis] = slice(None, -1), slice(1, None)
    return tuple(behind), tuple(ahead)
