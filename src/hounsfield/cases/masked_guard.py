"""The examination of images with masks: what ``guard`` finds of the images, and what only masks can have."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hounsfield.cases.description import FEW_CASES
from hounsfield.cases.duplicates import NEAR_THRESHOLD, Pairs
from hounsfield.cases.guard import MAX_UNREADABLE_SHARE, Examination, Looks, Progress, judge
from hounsfield.cases.masked_facts import CaseFacts, LabelFacts, facts_of, label_facts
from hounsfield.cases.masked_table import MaskedCase, MaskedImage, MaskTable
from hounsfield.cases.names import summary
from hounsfield.cases.readers import ArrayReader
from hounsfield.cases.table import Case, CaseTable, Source
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError, HounsfieldError

TINY_VOXELS = 4
"""Objects of fewer voxels are slips of the pen, where the median object of the label is much larger."""

TINY_RATIO = 25.0
"""How many times larger the median object is."""

_GRIDS, _VALUES, _OVERLAPS = "E881", "E885", "Q621"


@dataclass(frozen=True)
class MaskedExamination:
    """What was found in a segmentation data set before anything learned from it.

    Attributes:
        issues: those of the table and those found here.
        groups: group of each case; cases of one patient and copies share a group, which no split may divide.
        unreadable: indices of cases whose image or mask cannot be read.
        other_grids: indices of cases whose image and mask lie on different grids.
        undeclared: indices of cases whose mask holds values that no label has.
        empty: indices of cases whose mask is background alone.
        images: what was found of the images alone, copies among them.
        facts: what each case is, None for one that cannot be used.
        labels: what each label comes to.
    """

    issues: tuple[QualityIssue, ...]
    groups: tuple[int, ...]
    unreadable: tuple[int, ...]
    other_grids: tuple[int, ...]
    undeclared: tuple[int, ...]
    empty: tuple[int, ...]
    images: Examination
    facts: tuple[CaseFacts | None, ...]
    labels: tuple[LabelFacts, ...]

    @property
    def unusable(self) -> tuple[int, ...]:
        """Indices of cases that training leaves out."""
        return tuple(sorted((*self.unreadable, *self.other_grids, *self.undeclared)))


def examine_masked(
    table: MaskTable, threshold: float = NEAR_THRESHOLD, workers: int = 2, progress: Progress | None = None
) -> MaskedExamination:
    """Read every image and mask once and report what would make a result untrue.

    Args:
        table: the data set.
        threshold: likeness from which two images count as near copies.
        workers: threads that read.
        progress: told (done, all) after each case.

    Raises:
        DatasetError: ``E805`` more than one case in ten cannot be read.
    """
    looks = Looks(len(table))
    facts: list[CaseFacts | None] = [None] * len(table)
    digests: dict[int, bytes] = {}
    faults: defaultdict[str, list[int]] = defaultdict(list)
    overlapping: list[int] = []
    for index, image in table.read_all(workers=workers):
        if isinstance(image, HounsfieldError):
            faults[image.code if image.code in (_GRIDS, _VALUES) else ""].append(index)
        else:
            _look(looks, index, image)
            overlapping += [index] if any(issue.code == _OVERLAPS for issue in image.issues) else []
            facts[index] = facts_of(image, len(table.label_names), table.is_instances)
            if table.cases[index].mask is not None:
                digests[index] = hashlib.sha256(image.mask.array.tobytes()).digest()
        if progress:
            progress(index + 1, len(table))
    unreadable = tuple(faults[""])
    if len(unreadable) > MAX_UNREADABLE_SHARE * len(table):
        raise DatasetError("E805", count=len(unreadable), total=len(table), cases=_names(table, unreadable))
    seen = judge(as_cases(table), looks, unreadable, threshold)
    empty = tuple(index for index, fact in enumerate(facts) if fact and fact.is_empty and index in digests)
    labels = label_facts(table, tuple(facts))
    issues = (
        *seen.issues,
        *_conflict_issue(table, seen.exact_copies, digests),
        *_listed("Q885", Severity.WARN, table, faults[_GRIDS]),
        *_listed("Q884", Severity.WARN, table, faults[_VALUES]),
        *_listed(_OVERLAPS, Severity.WARN, table, overlapping),
        *_listed("Q882", Severity.NOTE, table, empty),
        *_tiny_issue(table, facts, labels),
        *_few_issue(table, facts, seen.groups),
    )
    return MaskedExamination(
        issues,
        seen.groups,
        unreadable,
        tuple(faults[_GRIDS]),
        tuple(faults[_VALUES]),
        empty,
        seen,
        tuple(facts),
        labels,
    )


def _look(looks: Looks, index: int, image: MaskedImage) -> None:
    looks.add(index, next(volume for volume in image.volumes if volume is not None))


def as_cases(table: MaskTable) -> CaseTable:
    """Return the images of a table as cases of one class, for the part of the examination that masks do not touch."""
    cases = tuple(Case(case.identifier, 0, case.patient, case.split, Source(_path(case))) for case in table.cases)
    return CaseTable(table.name, ("image",), cases, table.issues, table.layout, ArrayReader(()))


def _path(case: MaskedCase) -> Path:
    return next((path for path in case.images if path is not None), Path())


def _names(table: MaskTable, indices: Sequence[int]) -> str:
    return summary([table.cases[index].identifier for index in indices])


def _listed(code: str, severity: Severity, table: MaskTable, indices: Sequence[int]) -> list[QualityIssue]:
    if not indices:
        return []
    return [QualityIssue(code, severity, {"count": len(indices), "cases": _names(table, indices)})]


def _conflict_issue(table: MaskTable, exact: Pairs, digests: dict[int, bytes]) -> list[QualityIssue]:
    """Return an issue when copies of one image have different masks."""
    pairs = [(int(one), int(other)) for one, other in exact if int(one) in digests and int(other) in digests]
    differing = [(one, other) for one, other in pairs if digests[one] != digests[other]]
    if not differing:
        return []
    names = [f"{table.cases[one].identifier} = {table.cases[other].identifier}" for one, other in differing]
    return [QualityIssue("Q883", Severity.WARN, {"count": len(differing), "cases": summary(names)})]


def _tiny_issue(
    table: MaskTable, facts: Sequence[CaseFacts | None], labels: Sequence[LabelFacts]
) -> list[QualityIssue]:
    count, indices = 0, set()
    for label, known in enumerate(labels):
        if known.median_object_voxels < TINY_RATIO * TINY_VOXELS:
            continue
        for index, fact in enumerate(facts):
            tiny = sum(size < TINY_VOXELS for size in fact.objects[label]) if fact else 0
            if tiny:
                count += tiny
                indices.add(index)
    if not count:
        return []
    found = {"count": count, "expected": TINY_VOXELS, "cases": _names(table, sorted(indices))}
    return [QualityIssue("Q886", Severity.NOTE, found)]


def _few_issue(table: MaskTable, facts: Sequence[CaseFacts | None], groups: Sequence[int]) -> list[QualityIssue]:
    """Return an issue when a label is in too few independent cases: copies and images of one patient count once."""
    small = []
    for label, name in enumerate(table.label_names[1:]):
        held = {groups[index] for index, fact in enumerate(facts) if fact and fact.objects[label]}
        if len(held) < FEW_CASES:
            small.append(f"{name} {len(held)}")
    if not small:
        return []
    return [QualityIssue("Q870", Severity.WARN, {"found": summary(small), "expected": FEW_CASES})]
