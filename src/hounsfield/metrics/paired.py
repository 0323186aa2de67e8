"""Two models on the same cases: differences with intervals, permutation tests by group, and McNemar's test."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

from hounsfield.metrics.weights import Booleans, Floats, Integers, Statistic

PERMUTATIONS = 2000
_CHUNK_ELEMENTS = 1_000_000


@dataclass(frozen=True)
class McNemar:
    """Cases that only one of two models called rightly, and the two-sided exact p value of their difference."""

    only_first: int
    only_second: int
    p_value: float


def mcnemar(is_first_right: Booleans, is_second_right: Booleans) -> McNemar:
    """Compare two accuracies on the same cases (n,) by McNemar's exact test; p is 1 where no case is called apart.

    McNemar 1947 (Psychometrika 12:153), the binomial form: of the cases on which only one is right, each model has
    half. The cases must be independent; for several of a patient see ``permutation_p_values``.

    >>> right = np.array([True] * 9 + [False])
    >>> mcnemar(right, ~right).p_value
    0.021484375
    """
    first, second = int((is_first_right & ~is_second_right).sum()), int((~is_first_right & is_second_right).sum())
    if first + second == 0:
        return McNemar(0, 0, 1.0)
    tail = float(bdtr(min(first, second), first + second, 0.5))
    return McNemar(first, second, min(1.0, 2 * tail))


def difference_of(first: Statistic, second: Statistic) -> Statistic:
    """Return first minus second as a statistic of case weights: both see the same resample."""
    return lambda weights: first(weights) - second(weights)


def permutation_p_values(
    both: Mapping[str, Statistic],
    count: int,
    groups: Integers | None = None,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> dict[str, float]:
    """Return the two-sided p value of each difference between two models on the same cases.

    Under the null hypothesis the outputs of the two models on a patient may be exchanged (paired randomisation; Efron
    and Tibshirani 1993, chapter 15); all cases of a group are exchanged together. p = (1 + as large) / (1 + all)
    (Phipson and Smyth 2010, Stat Appl Genet Mol Biol 9:39).

    Args:
        both: statistics of the 2n outputs, the first model's n before the second's, by name. Where the two models'
            scores have different scales, ranks should be given.
        count: n, number of cases.
        groups: (n,) group of each case; None means that each case stands alone.
        permutations: how often outputs are exchanged.
        seed: of the generator.
    """
    own, other = _own(count)
    observed = {name: _gap(statistic, own, other)[0] for name, statistic in both.items()}
    generator = np.random.Generator(np.random.PCG64(seed))
    members = np.arange(count) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    reached = dict.fromkeys(both, 0)
    rows = max(1, min(permutations, _CHUNK_ELEMENTS // max(1, 2 * count)))
    for start in range(0, permutations, rows):
        size = (min(rows, permutations - start), int(members.max()) + 1)
        swap = generator.integers(0, 2, size=size).astype(np.float32)[:, members]
        first, second = np.concatenate([1 - swap, swap], axis=1), np.concatenate([swap, 1 - swap], axis=1)
        for name, statistic in both.items():
            gaps = np.abs(_gap(statistic, first, second))
            reached[name] += int((gaps >= abs(observed[name]) - 1e-9).sum())
    return {
        name: (1 + reached[name]) / (1 + permutations) if np.isfinite(observed[name]) else float("nan") for name in both
    }


def holm(p_values: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return p values adjusted for their number so that all wrong claims together keep the level; NaN stays NaN.

    Holm 1979 (Scand J Stat 6:65), step-down.

    >>> holm([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0) if len(order) else 0.0
    return adjusted


def _own(count: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    ones, zeros = np.ones((1, count), dtype=np.float32), np.zeros((1, count), dtype=np.float32)
    return np.concatenate([ones, zeros], axis=1), np.concatenate([zeros, ones], axis=1)


def _gap(statistic: Callable[[Floats], npt.NDArray[np.float64]], first: Floats, second: Floats) -> Floats:
    return statistic(first) - statistic(second)
