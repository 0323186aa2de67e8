"""The examination of boxes: outside the image, empty, twice, two classes on one place, unlike on copies; rare classes.

What concerns images alone (copies, patients and copies across parts, unreadable files) is found by ``cases.guard``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hounsfield.cases.boxed import Annotation, BoxTable
from hounsfield.cases.duplicates import NEAR_THRESHOLD
from hounsfield.cases.guard import MAX_UNREADABLE_SHARE, UNEQUAL_RATIO, Examination, Looks, judge
from hounsfield.cases.names import summary
from hounsfield.cases.splits import Fold, split_cases
from hounsfield.core.boxes import are_proper, overlaps
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import DatasetError, HounsfieldError

OUTSIDE_PIXELS = 1.0
"""How far an edge may lie outside the image: conventions of counting pixels differ by one."""

SAME_OBJECT = 0.9
"""Overlap from which two boxes show one object. In the blood cells, where cells lie on each other, pairs of different
cells of one class stay below it."""

FEW_BOXES = 20
"""Boxes of a class below which no part of a split holds enough of it."""

Shapes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class BoxExamination:
    """What was found in a data set with boxes.

    Attributes:
        images: what concerns the images: groups, copies, unreadable files.
        shapes: (case, 2) rows and columns of each image, 0 where it cannot be read.
        issues: all of them, those of the boxes last.
    """

    images: Examination
    shapes: Shapes
    issues: tuple[QualityIssue, ...]


def examine_boxes(
    table: BoxTable, workers: int = 4, progress: Callable[[int, int], None] | None = None
) -> BoxExamination:
    """Read every image once and report what would make a result untrue.

    Raises:
        DatasetError: ``E805`` more than one image in ten cannot be read.
    """
    looks = Looks(len(table))
    shapes = np.zeros((len(table), 2), dtype=np.int64)
    unreadable = []
    for index, image in table.read_all(workers=workers):
        if isinstance(image, HounsfieldError):
            unreadable.append(index)
        else:
            looks.add(index, image.volume)
            shapes[index] = image.volume.geometry.shape[1:]
        if progress:
            progress(index + 1, len(table))
    if len(unreadable) > MAX_UNREADABLE_SHARE * len(table):
        names = summary([table.cases[index].identifier for index in unreadable])
        raise DatasetError("E805", count=len(unreadable), total=len(table), cases=names)
    found = judge(table.images(), looks, tuple(unreadable), NEAR_THRESHOLD)
    return BoxExamination(found, shapes, (*found.issues, *box_issues(table, shapes), *_conflicts(table, found)))


def box_issues(table: BoxTable, shapes: Shapes) -> tuple[QualityIssue, ...]:
    """Return what is wrong with the boxes of each image, and with their number in each class."""
    outside, improper, twice, disputed = [], [], [], []
    for case, shape in zip(table.cases, shapes, strict=True):
        boxes = case.annotation.boxes
        proper = are_proper(boxes)
        outside += _named(case.identifier, np.flatnonzero(proper & _is_outside(boxes, shape)))
        improper += _named(case.identifier, np.flatnonzero(~proper))
        same, other = _coinciding(case.annotation, proper)
        twice += [f"{case.identifier} #{one + 1} = #{two + 1}" for one, two in same]
        disputed += [f"{case.identifier} #{one + 1} = #{two + 1}" for one, two in other]
    empty = [case.identifier for case in table.cases if not len(case.annotation)]
    issues = []
    for code, found in (("Q890", outside), ("Q891", improper), ("Q892", twice), ("Q899", disputed)):
        if found:
            issues.append(QualityIssue(code, Severity.WARN, {"count": len(found), "cases": summary(found)}))
    if empty:
        facts = {"count": len(empty), "total": len(table), "cases": summary(empty)}
        issues.append(QualityIssue("Q894", Severity.NOTE, facts))
    return (*issues, *_class_issues(table))


def _named(identifier: str, indices: npt.NDArray[np.int64]) -> list[str]:
    return [f"{identifier} #{index + 1}" for index in indices]


def _is_outside(boxes: npt.NDArray[np.float64], shape: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    if not shape.all() or boxes.shape[1] != 4:
        return np.zeros(len(boxes), dtype=bool)
    over = np.maximum(-boxes[:, :2], boxes[:, 2:] - shape)
    return np.asarray((over > OUTSIDE_PIXELS).any(axis=1))


def _coinciding(
    annotation: Annotation, proper: npt.NDArray[np.bool_]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the pairs of boxes on one place, of one class and of two."""
    chosen = np.flatnonzero(proper & ~annotation.is_crowd)
    found = overlaps(annotation.boxes[chosen], annotation.boxes[chosen])
    first, second = np.nonzero(np.triu(found >= SAME_OBJECT, 1))
    is_same = annotation.labels[chosen[first]] == annotation.labels[chosen[second]]
    pairs = list(zip(chosen[first].tolist(), chosen[second].tolist(), strict=True))
    same = [pair for pair, one in zip(pairs, is_same, strict=True) if one]
    return same, [pair for pair, one in zip(pairs, is_same, strict=True) if not one]


def _class_issues(table: BoxTable) -> list[QualityIssue]:
    counts = {name: count for name, count in table.counts().items() if count}
    issues = []
    if max(counts.values()) > UNEQUAL_RATIO * min(counts.values()):
        found = ", ".join(f"{name} {count}" for name, count in counts.items())
        largest = max(counts, key=lambda name: counts[name])
        share = round(100 * counts[largest] / sum(counts.values()))
        issues.append(QualityIssue("Q812", Severity.NOTE, {"found": found, "largest": largest, "share": share}))
    small = [f"{name} {count}" for name, count in counts.items() if count < FEW_BOXES]
    if small:
        issues.append(QualityIssue("Q870", Severity.WARN, {"found": ", ".join(small), "expected": FEW_BOXES}))
    return issues


def _conflicts(table: BoxTable, found: Examination) -> list[QualityIssue]:
    """Report copies of an image that are annotated unlike: equal ones by their boxes, others by their classes."""
    pairs = [(int(one), int(two)) for one, two in found.exact_copies if not _agree(table, int(one), int(two))]
    pairs += [
        (int(one), int(two))
        for one, two in found.near_copies.pairs
        if not np.array_equal(_tally(table, int(one)), _tally(table, int(two)))
    ]
    if not pairs:
        return []
    names = [f"{table.cases[one].identifier} = {table.cases[two].identifier}" for one, two in pairs]
    facts = {"count": len({index for pair in pairs for index in pair}), "cases": summary(names)}
    return [QualityIssue("Q893", Severity.WARN, facts)]


def _agree(table: BoxTable, one: int, two: int) -> bool:
    first, second = table.cases[one].annotation.proper(), table.cases[two].annotation.proper()
    if len(first) != len(second):
        return False
    is_match = (overlaps(first.boxes, second.boxes) >= SAME_OBJECT) & (first.labels[:, None] == second.labels[None, :])
    return bool(is_match.any(axis=1).all() and is_match.any(axis=0).all())


def _tally(table: BoxTable, index: int) -> npt.NDArray[np.int64]:
    return np.bincount(table.cases[index].annotation.labels, minlength=len(table.class_names))


def split_boxed(
    table: BoxTable, groups: Sequence[int], shares: dict[str, float], seed: int, fold: Fold | None = None
) -> tuple[str, ...]:
    """Return the part of each image (``training``, ``tuning``, ``test``, ``excluded``), as ``cases.splits`` does it.

    An image counts for the rarest class on it, so that each part gets its share of rare objects.
    """
    counts = np.array(list(table.counts().values()))
    images = table.images()
    rarest = [
        min(set(case.annotation.labels.tolist()), key=lambda label: (counts[label], label), default=len(counts))
        for case in table.cases
    ]
    names = (*table.class_names, "none")
    cases = tuple(replace(case, label=label) for case, label in zip(images.cases, rarest, strict=True))
    return split_cases(replace(images, class_names=names, cases=cases), list(groups), shares, seed, fold)
