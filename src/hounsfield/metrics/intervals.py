"""How sure a number is: Wilson and exact intervals, and the bootstrap stratified by class and drawn by group."""

from collections.abc import Iterator, Mapping
from statistics import NormalDist
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from hounsfield.core.prediction import Interval
from hounsfield.metrics.weights import Floats, Integers, Statistic, value_of

RESAMPLES = 2000
LEVEL = 0.95
_CHUNK_ELEMENTS = 1_000_000


def wilson(successes: float, trials: float, level: float = LEVEL) -> Interval:
    """Return a proportion with its Wilson score interval (Wilson 1927; Brown, Cai and DasGupta 2001); NaN for 0 trials.

    >>> interval = wilson(81, 263)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.2553, 0.3662)
    """
    if trials <= 0:
        return Interval(float("nan"), float("nan"), float("nan"), level)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share = successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * float(np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2)))
    return Interval(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)), level)


def clopper_pearson(successes: int, trials: int, level: float = LEVEL) -> Interval:
    """Return a proportion with its exact interval, which never covers less than ``level``; NaN for 0 trials.

    Clopper and Pearson 1934 (Biometrika 26:404), by quantiles of the beta distribution. It is wider than Wilson's.

    >>> interval = clopper_pearson(0, 10)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.0, 0.3085)
    """
    if trials <= 0:
        return Interval(float("nan"), float("nan"), float("nan"), level)
    tail, failures = (1 - level) / 2, trials - successes
    low = float(betaincinv(successes, failures + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, failures, 1 - tail)) if failures else 1.0
    return Interval(successes / trials, low, high, level)


def resample_weights(
    labels: Integers, groups: Integers | None = None, resamples: int = RESAMPLES, seed: int = 0
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield chunks of weights (resample, case): how often each case is drawn.

    Whole groups are drawn with replacement (a patient is in or out with all images: Field and Welsh 2007), within
    strata of groups that hold the same set of classes, so that no resample loses a class (Davison and Hinkley 1997).

    Args:
        labels: (n,) class of each case.
        groups: (n,) group of each case; None means that each case stands alone.
        resamples: how many rows in all.
        seed: of the generator.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    members = np.arange(len(labels)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    strata = class_strata(np.asarray(labels), members)
    group_count = sum(len(stratum) for stratum in strata)
    per_chunk = max(1, min(resamples, _CHUNK_ELEMENTS // max(1, len(labels))))
    for start in range(0, resamples, per_chunk):
        rows = min(per_chunk, resamples - start)
        drawn = np.zeros((rows, group_count), dtype=np.float32)
        for stratum in strata:
            size = len(stratum)
            picks = generator.integers(0, size, size=(rows, size)) + size * np.arange(rows)[:, np.newaxis]
            drawn[:, stratum] = np.bincount(picks.ravel(), minlength=rows * size).reshape(rows, size)
        yield drawn[:, members]


def class_strata(labels: npt.NDArray[np.integer], members: npt.NDArray[np.integer]) -> list[npt.NDArray[np.intp]]:
    """Return the groups (numbered from 0 in ``members`` (n,)) that hold the same set of classes, set by set."""
    classes, index = np.unique(labels, return_inverse=True)
    holds = np.zeros((int(members.max()) + 1, len(classes)), dtype=bool)
    holds[members, index] = True
    kinds = np.unique(holds, axis=0, return_inverse=True)[1].ravel()
    return [np.flatnonzero(kinds == kind) for kind in range(int(kinds.max()) + 1)]


def bootstrap_intervals(
    statistics: Mapping[str, Statistic],
    weights: Iterator[Floats],
    count: int,
    centred: frozenset[str] = frozenset(),
    level: float = LEVEL,
    trials: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, Interval]:
    """Return the value of each statistic with its percentile interval (Efron 1979).

    Args:
        statistics: by name.
        weights: what ``resample_weights`` yields.
        count: number of cases.
        centred: names of statistics that resampling moves upwards (a calibration error); their resamples are shifted by
            the bootstrap estimate of that bias and kept at 0 or above (Efron and Tibshirani 1993, chapter 10).
        level: of the interval.
        trials: by name of a statistic in 0..1, how many independent cases it rests on. Where every resample gives the
            same value (no case was called wrongly), the bootstrap would claim certainty; the Wilson interval of so many
            trials stands instead.
    """
    drawn: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in statistics}
    for chunk in weights:
        for name, statistic in statistics.items():
            drawn[name].append(statistic(chunk))
    intervals = {}
    for name, statistic in statistics.items():
        value = value_of(statistic, count)
        samples = np.concatenate(drawn[name])
        samples = samples[np.isfinite(samples)]
        if name in centred and len(samples):
            samples = np.maximum(samples - (samples.mean() - value), 0.0)
        interval = _percentile(value, samples, level)
        if name in trials and interval.low == interval.high and 0 <= value <= 1:
            interval = wilson(value * trials[name], trials[name], level)
        intervals[name] = interval
    return intervals


def _percentile(value: float, samples: npt.NDArray[np.float64], level: float) -> Interval:
    if not len(samples) or not np.isfinite(value):
        return Interval(value, float("nan"), float("nan"), level)
    low, high = np.quantile(samples, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(value, float(low), float(high), level)
