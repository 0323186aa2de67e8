"""Test-retest: features of the same regions measured two or more times, and how well they agree."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hounsfield.core.prediction import Interval
from hounsfield.errors import DatasetError
from hounsfield.measuring.feature_table import FeatureTable
from hounsfield.measuring.robustness import finite, interval_json
from hounsfield.metrics.agreement import LimitsOfAgreement, limits_of_agreement
from hounsfield.metrics.repeatability import concordance_correlation, repeatability_coefficient
from hounsfield.repeating import LEAST_CASES, Rating, Repeatability, rating_of, repeatability_of

SOURCE = (
    "Shrout and Fleiss 1979 (ICC); Lin 1989 (CCC); Bland and Altman 1986, 1999 (limits, repeatability); "
    "Koo and Li 2016 (classes, by the lower 95 % limit of ICC(2,1))"
)
_NOTHING = Interval(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class FeatureRetest:
    """One feature.

    Attributes:
        repeatability: its intraclass correlations and variation within cases.
        concordance: of the first and the second measurement; NaN with more than two.
        limits: second minus first; None with more than two.
        coefficient: in the unit of the feature.
    """

    repeatability: Repeatability
    concordance: Interval
    limits: LimitsOfAgreement | None
    coefficient: Interval

    @property
    def rating(self) -> Rating:
        """The class of its ICC(2,1)."""
        return rating_of(self.repeatability.agreement)


@dataclass(frozen=True)
class Retest:
    """The features of what bears one label.

    Attributes:
        label: of the regions, empty where the tables have none.
        cases: that were measured each time.
        repetitions: of each.
        left_out: regions that were not measured each time.
        features: in the order of the table.
    """

    label: str
    cases: tuple[str, ...]
    repetitions: int
    left_out: int
    features: tuple[FeatureRetest, ...]


def retest_tables(first: FeatureTable, second: FeatureTable) -> tuple[Retest, ...]:
    """Return the agreement of two tables, whose rows belong together by case and label.

    Raises:
        DatasetError: ``E711`` no column tells the cases; ``E712`` a region stands in a table twice, fewer than three
            stand in both, or no feature does.
    """
    tags = tuple(tag for tag in first.tags if tag in set(second.tags))
    return _retests(tags, [_by_key(table, tags) for table in (first, second)])


def retest_repeats(table: FeatureTable, column: str = "repeat") -> tuple[Retest, ...]:
    """Return the same of one table that says in a column which measurement a row is of.

    Raises:
        DatasetError: as ``retest_tables``.
    """
    texts = table.column(column)
    parts = []
    for name in sorted(set(texts), key=lambda text: (len(text), text)):
        rows = [place for place, text in enumerate(texts) if text == name]
        about = tuple(table.about[place] for place in rows)
        own = FeatureTable(f"{table.name}: {name}", table.columns, about, table.tags, table.values[rows], 0, "")
        parts.append(_by_key(own, table.tags))
    return _retests(table.tags, parts)


Rows = dict[tuple[str, str], npt.NDArray[np.float64]]


def _by_key(table: FeatureTable, tags: Sequence[str]) -> Rows:
    places = [table.tags.index(tag) for tag in tags]
    keys = table.keys()
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise DatasetError("E712", file=table.name, found=" ".join(twice).strip(), expected=LEAST_CASES)
    return {key: table.values[row, places] for row, key in enumerate(keys)}


def _retests(tags: Sequence[str], parts: Sequence[Rows]) -> tuple[Retest, ...]:
    every = list(dict.fromkeys(key for part in parts for key in part))
    found = []
    for label in dict.fromkeys(label for _, label in every):
        own = [key for key in every if key[1] == label]
        both = [key for key in own if all(key in part for part in parts)]
        if len(both) >= LEAST_CASES and len(parts) > 1 and tags:
            values = np.array([[part[key] for part in parts] for key in both])
            features = tuple(_of(tag, values[:, :, place]) for place, tag in enumerate(tags))
            cases = tuple(case for case, _ in both)
            found.append(Retest(label, cases, len(parts), len(own) - len(both), features))
    if not found:
        counts = f"{len(every)} x {len(parts)} x {len(tags)}"
        raise DatasetError("E712", file="-", found=counts, expected=LEAST_CASES)
    return tuple(found)


def _of(tag: str, values: npt.NDArray[np.float64]) -> FeatureRetest:
    (again,) = repeatability_of([tag], values[:, :, np.newaxis])
    kept = values[np.isfinite(values).all(axis=1)]
    if len(kept) < LEAST_CASES:
        return FeatureRetest(again, _NOTHING, None, _NOTHING)
    is_pair = values.shape[1] == 2
    return FeatureRetest(
        again,
        concordance_correlation(kept[:, 0], kept[:, 1]) if is_pair else _NOTHING,
        limits_of_agreement(kept[:, 0], kept[:, 1]) if is_pair else None,
        repeatability_coefficient(kept),
    )


def retest_json(found: Sequence[Retest]) -> list[dict[str, Any]]:
    """Return the answer of the verb; what is not defined is null."""
    return [
        {
            "label": one.label,
            "cases": len(one.cases),
            "repetitions": one.repetitions,
            "left_out": one.left_out,
            "source": SOURCE,
            "features": [_feature(feature) for feature in one.features],
        }
        for one in found
    ]


def _feature(one: FeatureRetest) -> dict[str, Any]:
    again, limits = one.repeatability, one.limits
    return {
        "tag": again.tag,
        "cases": again.case_count,
        "icc_1_1": interval_json(again.one_way),
        "icc_2_1": interval_json(again.agreement),
        "icc_3_1": interval_json(again.consistency),
        "ccc": interval_json(one.concordance),
        "bias": interval_json(limits.bias) if limits else None,
        "limits_of_agreement": [interval_json(limits.lower), interval_json(limits.upper)] if limits else None,
        "repeatability_coefficient": interval_json(one.coefficient),
        "variation": finite(again.variation),
        "rating": one.rating.value,
    }
