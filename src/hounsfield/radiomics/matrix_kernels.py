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
    total = 0.0
    for row in range(size):
        for column in range(size):
            total += 2.0 * counts[row, column]
    if total == 0:
        found[:] = np.nan
        return
    found[:] = 0.0
    edge = np.zeros(size)
    apart = np.zeros(size)
    together = np.zeros(2 * size + 1)
    for row in range(size):
        for column in range(size):
            share = (counts[row, column] + counts[column, row]) / total
            if share == 0:
                continue
            edge[row] += share
            apart[abs(row - column)] += share
            together[row + column + 2] += share
            found[0] = max(found[0], share)
            found[3] -= share * np.log2(share)
            found[10] += share * share
            found[19] += share * (row + 1) * (column + 1)
    mean = 0.0
    for row in range(size):
        mean += edge[row] * (row + 1)
    variance = 0.0
    for row in range(size):
        variance += edge[row] * (row + 1 - mean) ** 2
    found[1], found[2] = mean, variance
    _describe_differences(apart, level_count, found)
    _describe_sums(together, mean, found)
    found[18] = (found[19] - mean * mean) / variance if variance > 0 else 1.0
    _describe_information(counts, total, edge, found)


@compiled
def _describe_differences(apart: npt.NDArray[np.float64], level_count: int, found: npt.NDArray[np.float64]) -> None:
    for step in range(apart.size):
        share = apart[step]
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
        found[8] += share * (level - found[7]) ** 2
        found[20] += share * off**2
        found[21] += share * off**3
        found[22] += share * off**4
    found[9] = _entropy(together)


@compiled
def _describe_information(
    counts: npt.NDArray[np.int64], total: float, edge: npt.NDArray[np.float64], found: npt.NDArray[np.float64]
) -> None:
    crossed = 0.0
    for row in range(edge.size):
        for column in range(edge.size):
            both = counts[row, column] + counts[column, row]
            if both > 0:
                crossed -= both / total * np.log2(edge[row] * edge[column])
    alone = _entropy(edge)
    found[23] = (found[3] - crossed) / alone if alone > 0 else 0.0
    # HXY2, over all pairs of the edges, is twice the entropy of one edge
    found[24] = np.sqrt(max(0.0, 1 - np.exp(-2 * (2 * alone - found[3]))))
