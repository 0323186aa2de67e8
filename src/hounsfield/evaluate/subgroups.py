"""The measures of subgroups: by every column that groups the cases, with what is too uncertain and what differs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hounsfield.cases.names import plain
from hounsfield.core.prediction import Interval
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.core.study import Series, Study
from hounsfield.evaluate.scoring import Scored, measure, statistics_of
from hounsfield.metrics.between import between_p_values
from hounsfield.metrics.paired import holm

MAX_SUBGROUPS = 12
"""A column with more different values is taken for an identifier, not for a grouping."""

MIN_SUBGROUP_CASES = 10
MEASURED = ("auroc", "accuracy", "sensitivity", "specificity")
TESTED = ("auroc", "sensitivity", "specificity")
"""Measures that are compared with the other cases; accuracy moves with the classes' frequencies alone."""

MAX_WIDTH = 0.2
"""Width of a 95 % interval from which a subgroup's measure is called too uncertain to conclude from."""

LEVEL = 0.05
_AGES = ((18, "0-17"), (40, "18-39"), (60, "40-59"), (80, "60-79"))
_AGE_COLUMNS = frozenset({"age", "ageyears", "patientage", "patientageyears", "ageatstudy"})

Attributes = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SubgroupRow:
    """The measures of the cases that share a value of a column.

    Attributes:
        column: its name.
        value: what the cases share.
        cases: how many they are.
        patients: how many groups (patients, copies) they are of.
        class_counts: how many are of each class of the model.
        measures: with intervals; None where a class is missing or cases are too few.
        p_adjusted: of each tested measure against the other cases, adjusted for all tests of all subgroups.
        wide: the measures whose interval is too wide to conclude from.
    """

    column: str
    value: str
    cases: int
    patients: int
    class_counts: tuple[int, ...]
    measures: dict[str, Interval] | None
    p_adjusted: dict[str, float]
    wide: tuple[str, ...] = ()

    @property
    def differing(self) -> tuple[str, ...]:
        """The measures in which the subgroup differs from the other cases."""
        return tuple(name for name, p_value in self.p_adjusted.items() if p_value <= LEVEL)


@dataclass(frozen=True)
class Split:
    """Which cases have a value of a column."""

    column: str
    value: str
    is_member: npt.NDArray[np.bool_]


def header_attributes(study: Study, series: Series) -> Attributes:
    """Return what the DICOM headers say that groups patients: sex, age group, manufacturer; nothing that names one."""
    found = {
        "PatientSex": study.patient_sex,
        "age group": "" if study.patient_age_years is None else age_group(study.patient_age_years),
        "Manufacturer": series.manufacturer,
    }
    return tuple((name, value) for name, value in found.items() if value)


def age_group(years: float) -> str:
    """Return the age group of an age in years: a child, or one of four groups of adults."""
    return next((name for limit, name in _AGES if years < limit), "80+")


def subgroup_rows(
    scored: Scored, attributes: Sequence[Attributes], resamples: int, seed: int
) -> tuple[SubgroupRow, ...]:
    """Return one row for each value of each column that groups the cases.

    Args:
        scored: the scored cases.
        attributes: (column, value) pairs of each case.
        resamples: of the bootstrap; of permutations there are at least as many.
        seed: of both.
    """
    splits = splits_of(attributes)
    rows = [_row(scored, split, resamples, seed) for split in splits]
    tested = [index for index, row in enumerate(rows) if row.measures and not _is_mirror(rows, index)]
    # the smallest p value that permutations can give has to stay below the level once it is adjusted
    permutations = max(resamples, round(2 / LEVEL) * len(tested) * len(TESTED))
    found = [_p_values(scored, splits[index], permutations, seed) for index in tested]
    adjusted = iter(holm([value for test in found for value in test.values()]).tolist())
    for index, test in zip(tested, found, strict=True):
        rows[index] = replace(rows[index], p_adjusted={name: next(adjusted) for name in test})
    for index, row in enumerate(rows):
        if row.measures and _is_mirror(rows, index):
            rows[index] = replace(row, p_adjusted=rows[index - 1].p_adjusted)
    return tuple(rows)


def subgroup_issues(rows: Sequence[SubgroupRow]) -> tuple[QualityIssue, ...]:
    """Return what has to be said of subgroups: where the model differs, and where nobody can tell."""
    issues = []
    differing = [
        f"{row.column} = {row.value}: {name} {row.measures[name].value:.3f} (p {row.p_adjusted[name]:.3f})"
        for row in rows
        if row.measures
        for name in row.differing
    ]
    if differing:
        issues.append(QualityIssue("Q860", Severity.WARN, {"found": "; ".join(differing)}))
    unsure = [f"{row.column} = {row.value} (n = {row.cases})" for row in rows if row.wide or not row.measures]
    if unsure:
        issues.append(QualityIssue("Q859", Severity.NOTE, {"found": "; ".join(unsure), "width": MAX_WIDTH}))
    return tuple(issues)


def splits_of(attributes: Sequence[Attributes]) -> list[Split]:
    """Return who belongs to each value of each column that has some, and not too many, values."""
    splits = []
    lookups = [dict(pairs) for pairs in attributes]
    for column in dict.fromkeys(name for pairs in attributes for name, _ in pairs):
        values = [pairs.get(column, "") for pairs in lookups]
        if plain(column) in _AGE_COLUMNS:
            values = [_grouped(value) for value in values]
        tally = Counter(values)
        if not 2 <= len(tally) <= MAX_SUBGROUPS:
            continue
        splits += [Split(column, value or "-", np.array([own == value for own in values])) for value in sorted(tally)]
    return splits


def _grouped(age: str) -> str:
    """Return the age group of a cell of a manifest; what is no number, such as ``060Y``, stays as it is."""
    try:
        years = float(age)
    except ValueError:
        return age
    return age_group(years) if years >= 0 else age


def _row(scored: Scored, split: Split, resamples: int, seed: int) -> SubgroupRow:
    part = scored.subset(split.is_member)
    counts = np.bincount(part.labels, minlength=scored.probabilities.shape[1])
    has_enough = len(part.labels) >= MIN_SUBGROUP_CASES and np.count_nonzero(counts) >= 2
    measures = measure(part, resamples, seed, MEASURED) if has_enough else None
    wide = [name for name in TESTED if measures and not measures[name].high - measures[name].low <= MAX_WIDTH]
    patients, classes = len(np.unique(part.groups)), tuple(int(count) for count in counts)
    return SubgroupRow(split.column, split.value, len(part.labels), patients, classes, measures, {}, tuple(wide))


def _is_mirror(rows: Sequence[SubgroupRow], index: int) -> bool:
    """Tell whether a row is the second of two values, the first of which is measured: both have the same test."""
    same = [own for own, row in enumerate(rows) if row.column == rows[index].column]
    return len(same) == 2 and index == same[1] and rows[same[0]].measures is not None


def _p_values(scored: Scored, split: Split, permutations: int, seed: int) -> dict[str, float]:
    statistics = {name: part for name, part in statistics_of(scored).items() if name in TESTED}
    return between_p_values(statistics, split.is_member, scored.labels, scored.groups, permutations, seed)
