"""How alike two sets of images are, by their features: Fréchet and kernel distance, precision, recall and coverage.

Every function takes features (image, feature), real and synthetic made by the same network. The published figures are
those of Inception-v3; with other features the numbers compare with each other, never with published ones.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from scipy.stats import t as student

from hounsfield.core.prediction import Interval
from hounsfield.metrics.weights import Floats

BLOCKS = 10
LEAST_BLOCK = 5
"""Images of a block of the kernel distance, at least."""
NEIGHBOURS = 5
_LEVEL = 0.95
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Manifolds:
    """How two sets of images overlap, each a share.

    Attributes:
        precision: synthetic images within the neighbourhood of some real one (are they like real ones?).
        recall: real images within the neighbourhood of some synthetic one (is every kind there?).
        density: neighbourhoods of real images that a synthetic one lies in, over those expected; may pass 1.
        coverage: real images with a synthetic one in their neighbourhood.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def frechet_distance(real: Floats, synthetic: Floats) -> float:
    """Return the squared Fréchet distance of the normal distributions with the means and covariances of two sets.

    ``|m - m'|² + trace(C + C' - 2 (C C')^½)`` (Dowson and Landau 1982; Heusel 2017, equation 6). It is biased upwards
    for few images, the more so the more features there are: print that of two halves of the real images beside it.

    Args:
        real: (image, feature), at least two images.
        synthetic: (image, feature).

    >>> frechet_distance(np.array([[0.0], [2.0]]), np.array([[3.0], [5.0]]))
    9.0
    """
    first, second = np.asarray(real, dtype=np.float64), np.asarray(synthetic, dtype=np.float64)
    shift = first.mean(0) - second.mean(0)
    one, other = (np.atleast_2d(np.cov(item, rowvar=False)) for item in (first, second))
    root = _root(one)
    # C C' has the eigenvalues of C^½ C' C^½, which is symmetric and so has a safe root
    values = np.linalg.eigvalsh(root @ other @ root)
    shared = float(np.sqrt(np.clip(values, 0, None)).sum())
    return max(0.0, float(shift @ shift + np.trace(one) + np.trace(other) - 2 * shared))


def frechet_distance_interval(real: Floats, synthetic: Floats, blocks: int = BLOCKS, seed: int = 0) -> Interval:
    """Return the Fréchet distance with the interval of a grouped jackknife (Efron and Tibshirani 1993, section 11.5).

    One block of each set at a time is left out; the interval tells chance, not the bias of few images.

    Args:
        real: (image, feature), at least ``2 * LEAST_BLOCK`` images.
        synthetic: (image, feature), as many at least.
        blocks: to cut into.
        seed: of the shuffle that cuts.
    """
    pairs = _blocks(len(real), len(synthetic), blocks, seed)
    value = frechet_distance(real, synthetic)
    left = [frechet_distance(np.delete(real, one, 0), np.delete(synthetic, other, 0)) for one, other in pairs]
    count = len(left)
    error = float(np.sqrt((count - 1) / count * np.sum((np.array(left) - np.mean(left)) ** 2)))
    half = float(student.ppf(0.5 + _LEVEL / 2, count - 1)) * error
    return Interval(value, max(0.0, value - half), value + half, _LEVEL)


def kernel_distance(real: Floats, synthetic: Floats) -> float:
    """Return the unbiased squared maximum mean discrepancy with the kernel ``(x·y / d + 1)³`` (Binkowski 2018, 4).

    It is 0 on average for two sets of one distribution, whatever their size, and so may be below 0.

    Args:
        real: (image, feature), at least two images.
        synthetic: (image, feature), at least two images.
    """
    first, second = np.asarray(real, dtype=np.float64), np.asarray(synthetic, dtype=np.float64)
    within = sum(_mean_off_diagonal(_kernel(item, item)) for item in (first, second))
    return within - 2 * float(_kernel(first, second).mean())


def kernel_distance_interval(real: Floats, synthetic: Floats, blocks: int = BLOCKS, seed: int = 0) -> Interval:
    """Return the mean kernel distance of disjoint blocks, with Student's interval of that mean.

    Both sets are shuffled and cut into as many blocks, fewer where a block would hold less than ``LEAST_BLOCK`` images.

    Args:
        real: (image, feature), at least ``2 * LEAST_BLOCK`` images.
        synthetic: (image, feature), as many at least.
        blocks: to cut into.
        seed: of the shuffle.
    """
    pairs = _blocks(len(real), len(synthetic), blocks, seed)
    values = [kernel_distance(real[one], synthetic[other]) for one, other in pairs]
    count = len(values)
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / np.sqrt(count)
    half = float(student.ppf(0.5 + _LEVEL / 2, count - 1)) * float(error)
    return Interval(mean, mean - half, mean + half, _LEVEL)


def manifolds(real: Floats, synthetic: Floats, neighbours: int = NEIGHBOURS) -> Manifolds:
    """Return how two sets overlap; the neighbourhood of an image reaches to its k-th neighbour in its own set.

    Precision and recall are those of Kynkäänniemi 2019 (equation 2), density and coverage those of Naeem 2020
    (equations 3 and 4), which a few outliers of the real images cannot inflate.

    Args:
        real: (image, feature), more images than ``neighbours``.
        synthetic: (image, feature), more images than ``neighbours``.
        neighbours: k.
    """
    first, second = np.asarray(real, dtype=np.float64), np.asarray(synthetic, dtype=np.float64)
    distances = _distances(first, second)
    reach, own = (_reach(item, neighbours) for item in (first, second))
    is_near = distances <= reach[:, None]
    return Manifolds(
        precision=float(is_near.any(0).mean()),
        recall=float((distances <= own[None]).any(1).mean()),
        density=float(is_near.sum(0).mean() / neighbours),
        coverage=float(is_near.any(1).mean()),
    )


def _blocks(
    real: int, synthetic: int, blocks: int, seed: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    count = max(2, min(blocks, real // LEAST_BLOCK, synthetic // LEAST_BLOCK))
    chance = np.random.default_rng(seed)
    first, second = (np.array_split(chance.permutation(size), count) for size in (real, synthetic))
    return list(zip(first, second, strict=True))


def _root(matrix: Doubles) -> Doubles:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T)


def _kernel(one: Doubles, other: Doubles) -> Doubles:
    return np.asarray((one @ other.T / one.shape[1] + 1) ** 3)


def _mean_off_diagonal(kernel: Doubles) -> float:
    count = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (count * (count - 1)))


def _distances(one: Doubles, other: Doubles) -> Doubles:
    middle = one.mean(0)  # squares of values far from 0 leave no digits for the distances
    one, other = one - middle, other - middle
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * one @ other.T
    return np.asarray(np.sqrt(np.clip(squares, 0, None)))


def _reach(items: Doubles, neighbours: int) -> Doubles:
    """Return the distance of each item to its k-th neighbour, itself not counted."""
    found, _ = cKDTree(items).query(items, k=neighbours + 1)
    return np.asarray(found[:, -1], dtype=np.float64)
