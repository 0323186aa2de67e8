"""Compiled formulas of the co-occurrence matrix: all features in one walk over it."""

import numpy as np
import numpy.typing as npt

from hounsfield.compiled import compiled

FEATURES = 25


@compiled
def _entropy(shares: npt.NDArray[np.float64]) -> float:
    total = 0.0
    for share in shares:
        if share > 0:
            total -= share * np.log2(share)
    return total


@compiled
def describe_pairs(counts: npt.NDArray[np.int64], level_count: int, found: npt.NDArray[np.float64]) -> None:
    """Write the features of a co-occurrence matrix (IBSI 3.6), made symmetric and normalised first.

    Args:
        counts: (level, level) pairs, once each way.
        level_count: number of grey levels N_g of the normalised inverse differences.
        found: (25,) in the order of ``cooccurrence.TAGS``; all NaN where there are no pairs.
    """
    size = counts.shape[0]
    pairs = np.empty((size * (size + 1) // 2, 3), dtype=np.int64)
    cells = 0
    for row in range(size):
        for column in range(row, size):
            both = counts[row, column] + (counts[column, row] if column > row else 0)
            if both > 0:
                pairs[cells, 0], pairs[cells, 1], pairs[cells, 2] = row + 1, column + 1, both
                cells += 1
    describe_listed_pairs(pairs[:cells], level_count, found)


@compiled
def describe_listed_pairs(pairs: npt.NDArray[np.int64], level_count: int, found: npt.NDArray[np.float64]) -> None:
    """Write the features of a co-occurrence matrix of which only the filled cells are listed.

    Args:
        pairs: (cell, 3): two levels from 1 and how many pairs of neighbours have them, in either order; each pair of
            levels stands once.
        level_count: number of grey levels N_g.
        found: (25,) is written as ``describe_pairs`` does.
    """
    if not pairs.shape[0]:
        found[:] = np.nan
        return
    found[:] = 0.0
    size = max(pairs[:, 0].max(), pairs[:, 1].max())
    total = 2.0 * pairs[:, 2].sum()
    edge, apart, together = np.zeros(size), np.zeros(size), np.zeros(2 * size + 1)
    for cell in range(pairs.shape[0]):
        first, second = pairs[cell, 0], pairs[cell, 1]
        # the symmetric matrix has two cells for levels that differ, and a pair of like levels twice in its one
        ways = 1.0 if first == second else 2.0
        share = 2.0 * pairs[cell, 2] / (ways * total)
        edge[first - 1] += share
        if first != second:
            edge[second - 1] += share
        apart[abs(first - second)] += ways * share
        together[first + second] += ways * share
        found[0] = max(found[0], share)
        found[3] -= ways * share * np.log2(share)
        found[10] += ways * share * share
        found[19] += ways * share * first * second
    _describe_edge(edge, found)
    _describe_differences(apart, level_count, found)
    _describe_sums(together, found[1], found)


@compiled
def _describe_edge(edge: npt.NDArray[np.float64], found: npt.NDArray[np.float64]) -> None:
    mean, variance = 0.0, 0.0
    for row in range(edge.size):
        mean += edge[row] * (row + 1)
    for row in range(edge.size):
        variance += edge[row] * (row + 1 - mean) ** 2
    found[1], found[2] = mean, variance
    found[18] = (found[19] - mean * mean) / variance if variance > 0 else 1.0
    # HXY1 and HXY2, over the pairs there are and over all pairs of the edges, are both twice the entropy of one edge
    alone = _entropy(edge)
    found[23] = (found[3] - 2 * alone) / alone if alone > 0 else 0.0
    found[24] = np.sqrt(max(0.0, 1 - np.exp(-2 * (2 * alone - found[3]))))


@compiled
def _describe_differences(apart: npt.NDArray[np.float64], level_count: int, found: npt.NDArray[np.float64]) -> None:
    for step in range(apart.size):
        share = apart[step]
        if share == 0:
            continue
        found[4] += share * step
        found[11] += share * step * step
        found[13] += share / (1 + step)
        found[14] += share / (1 + step / level_count)
        found[15] += share / (1 + step * step)
        found[16] += share / (1 + (step / level_count) ** 2)
        if step > 0:
            found[17] += share / (step * step)
    for step in range(apart.size):
        found[5] += apart[step] * (step - found[4]) ** 2
    found[6] = _entropy(apart)
    found[12] = found[4]


@compiled
def _describe_sums(together: npt.NDArray[np.float64], mean: float, found: npt.NDArray[np.float64]) -> None:
    for level in range(together.size):
        found[7] += together[level] * level
    for level in range(together.size):
        share, off = together[level], level - 2 * mean
        if share == 0:
            continue
        found[8] += share * (level - found[7]) ** 2
        found[20] += share * off**2
        found[21] += share * off**3
        found[22] += share * off**4
    found[9] = _entropy(together)
