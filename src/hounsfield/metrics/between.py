"""Whether a measure differs between some of the cases and the others: permutation of who belongs to them, by group."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hounsfield.metrics.intervals import class_strata
from hounsfield.metrics.weights import Booleans, Integers, Statistic

PERMUTATIONS = 2000
_CHUNK_ELEMENTS = 1_000_000


def between_p_values(
    statistics: Mapping[str, Statistic],
    is_member: Booleans,
    labels: Integers,
    groups: Integers | None = None,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> dict[str, float]:
    """Return the two-sided p value of each measure of the members against the others.

    Under the null hypothesis membership says nothing about a patient beside the classes: it is permuted among whole
    groups that hold the same set of classes, so that a subgroup with another prevalence does not differ for that alone.
    p = (1 + as large) / (1 + all) (Phipson and Smyth 2010); NaN where a measure is not defined on one of the sides.

    Args:
        statistics: by name, of all n cases.
        is_member: (n,) whether each case is of the subgroup.
        labels: (n,) class of each case.
        groups: (n,) patient of each case; None means that each case stands alone.
        permutations: how often membership is permuted.
        seed: of the generator.
    """
    count = len(labels)
    own = np.arange(count) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    # a patient on both sides counts as one unit on each
    units = np.unique(2 * own + np.asarray(is_member), return_inverse=True)[1]
    unit_is_member = np.zeros(int(units.max()) + 1, dtype=bool)
    unit_is_member[units] = is_member
    strata = class_strata(np.asarray(labels), units)
    observed = {name: _gaps(statistic, is_member[np.newaxis])[0] for name, statistic in statistics.items()}
    generator = np.random.Generator(np.random.PCG64(seed))
    reached, drawn = dict.fromkeys(statistics, 0), dict.fromkeys(statistics, 0)
    rows = max(1, min(permutations, _CHUNK_ELEMENTS // max(1, count)))
    for start in range(0, permutations, rows):
        size = min(rows, permutations - start)
        chosen = np.zeros((size, len(unit_is_member)), dtype=bool)
        for stratum in strata:
            chosen[:, stratum] = generator.permuted(np.tile(unit_is_member[stratum], (size, 1)), axis=1)
        for name, statistic in statistics.items():
            gaps = np.abs(_gaps(statistic, chosen[:, units]))
            known = np.isfinite(gaps)
            reached[name] += int((gaps[known] >= abs(observed[name]) - 1e-9).sum())
            drawn[name] += int(known.sum())
    return {
        name: (1 + reached[name]) / (1 + drawn[name]) if np.isfinite(observed[name]) else float("nan")
        for name in statistics
    }


def _gaps(statistic: Statistic, is_member: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    return statistic(is_member.astype(np.float32)) - statistic((~is_member).astype(np.float32))
