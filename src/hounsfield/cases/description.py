"""What a data set is, in numbers: classes, parts, sizes, bits, patients; and the cases at fault."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from hounsfield.cases.guard import Examination
from hounsfield.cases.headers import Header
from hounsfield.cases.table import CaseTable
from hounsfield.core.quality import QualityIssue, Severity

UNDECLARED = "undeclared"
"""The part of a case that the source assigns to none."""

FEW_CASES = 20
"""Groups of a class below which no part of a split holds enough of it: a test part of 15 % would have fewer than 3."""


@dataclass(frozen=True)
class Description:
    """What a data set is.

    Attributes:
        parts: for each declared part, the cases of each class.
        unlabelled: cases without a label.
        patients: number of patients, None when none is known.
        without_patient: cases whose patient is not known.
        sizes: cases of each size in pixels (rows x columns), the commonest first.
        bits: cases of each number of bits of a sample.
        kinds: cases of each file format.
    """

    parts: dict[str, dict[str, int]]
    unlabelled: int
    patients: int | None
    without_patient: int
    sizes: dict[str, int]
    bits: dict[str, int]
    kinds: dict[str, int]


@dataclass(frozen=True)
class PairFound:
    """Two cases that show the same image, with their labels and declared parts; likeness 1 means equal pixels."""

    first: str
    second: str
    likeness: float
    labels: tuple[str | None, str | None]
    parts: tuple[str | None, str | None]


def describe(table: CaseTable, headers: Sequence[Header]) -> Description:
    """Return what a data set is."""
    parts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for case in table.cases:
        if case.label is not None:
            parts[case.split or UNDECLARED][table.class_names[case.label]] += 1
    patients = {case.patient for case in table.cases if case.patient is not None}
    return Description(
        {part: dict(counts) for part, counts in sorted(parts.items())},
        sum(case.label is None for case in table.cases),
        len(patients) or None,
        sum(case.patient is None for case in table.cases),
        _tally([f"{head.rows} x {head.columns}" if head.rows and head.columns else "unknown" for head in headers]),
        _tally([str(head.bits) if head.bits else "unknown" for head in headers]),
        _tally([head.kind for head in headers]),
    )


def few_cases(table: CaseTable, examination: Examination) -> tuple[QualityIssue, ...]:
    """Return an issue when a class has too few independent cases: copies and images of one patient count once."""
    groups: dict[str, set[int]] = {name: set() for name, count in table.counts().items() if count}
    unreadable = set(examination.unreadable)
    for index, (case, group) in enumerate(zip(table.cases, examination.groups, strict=True)):
        if case.label is not None and index not in unreadable:
            groups[table.class_names[case.label]].add(group)
    small = [f"{name} {len(found)}" for name, found in groups.items() if len(found) < FEW_CASES]
    if not small:
        return ()
    return (QualityIssue("Q870", Severity.WARN, {"found": ", ".join(small), "expected": FEW_CASES}),)


def copies(table: CaseTable, examination: Examination) -> tuple[PairFound, ...]:
    """Return every pair of cases found to show the same image, equal ones first."""
    near = examination.near_copies
    found = [(int(one), int(other), 1.0) for one, other in examination.exact_copies]
    found += [
        (int(one), int(other), round(float(likeness), 4))
        for (one, other), likeness in zip(near.pairs, near.likeness, strict=True)
    ]
    return tuple(_pair(table, *pair) for pair in found)


def torn_patients(table: CaseTable) -> tuple[tuple[str, ...], ...]:
    """Return the cases of each patient who lies in more than one declared part; the patient is not named."""
    sides: defaultdict[str, set[str]] = defaultdict(set)
    names: defaultdict[str, list[str]] = defaultdict(list)
    for case in table.cases:
        if case.patient is not None and case.split:
            sides[case.patient].add(case.split)
            names[case.patient].append(case.identifier)
    return tuple(tuple(names[patient]) for patient, parts in sides.items() if len(parts) > 1)


def _pair(table: CaseTable, first: int, second: int, likeness: float) -> PairFound:
    one, other = table.cases[first], table.cases[second]
    labels = tuple(None if case.label is None else table.class_names[case.label] for case in (one, other))
    return PairFound(one.identifier, other.identifier, likeness, (labels[0], labels[1]), (one.split, other.split))


def _tally(values: Sequence[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))
